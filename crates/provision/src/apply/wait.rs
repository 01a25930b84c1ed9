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
            match observe::function(self.client, key, Ask::default()).await.map_err(|e| Trouble::of_read(&e))? {
                None => return Ok(()),
                Some(function) => {
                    if let Status::Failed(why) = &function.status
                        && why.starts_with("DeleteFailed")
                    {
                        return Err(Trouble::failed(format!("the platform could not delete it: {why}")));
                    }
                }
            }
            if !pauses.pause().await {
                return Err(Trouble::unknown(format!(
                    "function {key} is still there after {} seconds",
                    REST_LIMIT.as_secs()
                )));
            }
        }
    }
}
