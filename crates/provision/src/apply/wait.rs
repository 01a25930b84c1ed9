//! Waiting by status: polling that starts at tens of milliseconds and slows down, never a fixed sleep.

use std::time::{Duration, Instant};

use plan::observed::{FunctionKey, ObservedFunction, Status};

use super::{Applier, Trouble};
use crate::observe::{self, Ask};

/// Pauses that grow from 20 ms to 1 s, until a limit.
pub(super) struct Pauses {
    next: Duration,
    until: Instant,
}

impl Pauses {
    pub(super) fn for_at_most(limit: Duration) -> Self {
        Self { next: Duration::from_millis(20), until: Instant::now() + limit }
    }

    /// Sleeps; false when the time is up.
    pub(super) async fn pause(&mut self) -> bool {
        if Instant::now() >= self.until {
            return false;
        }
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 3 / 2).min(Duration::from_secs(1));
        true
    }
}

/// How long a function may be busy. Clients in the field wait up to 5 minutes (facts SCF 3.3).
const REST_LIMIT: Duration = Duration::from_secs(300);
/// How long a function that was just made may stay invisible.
const APPEAR_LIMIT: Duration = Duration::from_secs(30);

impl Applier<'_> {
    /// Waits until a function is at rest and returns it.
    pub(super) async fn at_rest(&self, key: &FunctionKey, ask: Ask) -> Result<ObservedFunction, Trouble> {
        let mut rest = Pauses::for_at_most(REST_LIMIT);
        let mut appear = Pauses::for_at_most(APPEAR_LIMIT);
        loop {
            let found = observe::function(self.client, key, ask).await.map_err(|e| Trouble::of_read(&e))?;
            let (goes_on, why) = match found {
                Some(function) if !matches!(function.status, Status::Busy(_)) => return Ok(function),
                Some(_) => (rest.pause().await, format!("is still busy after {} seconds", REST_LIMIT.as_secs())),
                None => (appear.pause().await, format!("did not appear within {} seconds", APPEAR_LIMIT.as_secs())),
            };
            if !goes_on {
                return Err(Trouble::unknown(format!("function {key} {why}")));
            }
        }
    }

    /// Waits until a function is gone.
    pub(super) async fn gone(&self, key: &FunctionKey) -> Result<(), Trouble> {
        let mut pauses = Pauses::for_at_most(REST_LIMIT);
        loop {
            match self.deleting(key).await? {
                None => return Ok(()),
                Some(Status::Failed(why)) if why.starts_with("DeleteFailed") => {
                    return Err(Trouble::failed(format!("the platform could not delete it: {why}")));
                }
                Some(_) => {}
            }
            if !pauses.pause().await {
                return Err(Trouble::unknown(format!(
                    "function {key} is still there after {} seconds",
                    REST_LIMIT.as_secs()
                )));
            }
        }
    }

    /// The status of a function that is being deleted, while it is there. One that nobody declares may be read by its
    /// tag only (facts CAM 7.1), and has none once it is gone: when reading it is refused, the list tells.
    pub(super) async fn deleting(&self, key: &FunctionKey) -> Result<Option<Status>, Trouble> {
        match observe::function(self.client, key, Ask::default()).await {
            Ok(found) => Ok(found.map(|function| function.status)),
            Err(error) if error.is_permission_denied() => {
                let listed = observe::is_listed(self.client, key).await.map_err(|e| Trouble::of_read(&e))?;
                Ok(listed.then(|| Status::Busy("Deleting".to_owned())))
            }
            Err(error) => Err(Trouble::of_read(&error)),
        }
    }
}
