//! Keeps temporary keys fresh. Concurrent callers share one fetch, its failure included; keys that are still good are
//! used when their renewal fails.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{CredentialsError, Keys};

/// How long before their end keys are renewed, as the Python and Go SDKs do. Short-lived keys: a tenth of their life.
const MARGIN_SECONDS: i64 = 300;
/// After a failed renewal of keys that are still good, the next try waits this long.
const PAUSE: Duration = Duration::from_secs(10);

/// Keys and their end, in Unix seconds by the service's clock.
#[derive(Clone)]
pub(super) struct Temporary {
    pub(super) keys: Keys,
    pub(super) expires: i64,
}

#[derive(Default)]
pub(super) struct Refresh(Mutex<State>);

#[derive(Default)]
struct State {
    held: Option<Held>,
    failed: Option<(Instant, Arc<CredentialsError>)>,
}

struct Held {
    temporary: Temporary,
    renew_at: i64,
}

impl Refresh {
    pub(super) async fn keys<F>(
        &self,
        now: impl Fn() -> i64 + Send,
        fetch: impl FnOnce() -> F + Send,
    ) -> Result<Keys, Arc<CredentialsError>>
    where
        F: Future<Output = Result<Temporary, CredentialsError>> + Send,
    {
        let asked = Instant::now();
        let mut state = self.0.lock().await;
        let good = |held: &Held| held.temporary.expires > now();
        if let Some(held) = &state.held {
            let resting = state.failed.as_ref().is_some_and(|(at, _)| at.elapsed() < PAUSE);
            if now() < held.renew_at || (resting && good(held)) {
                return Ok(held.temporary.keys.clone());
            }
        }
        // Whoever waited here while another caller's fetch failed shares that failure instead of repeating it.
        if let Some((at, error)) = &state.failed
            && *at >= asked
        {
            return Err(Arc::clone(error));
        }
        match fetch().await {
            Ok(temporary) => {
                let life = (temporary.expires - now()).max(0);
                let keys = temporary.keys.clone();
                let renew_at = temporary.expires - MARGIN_SECONDS.min(life / 10);
                *state = State { held: Some(Held { temporary, renew_at }), failed: None };
                Ok(keys)
            }
            Err(error) => {
                let error = Arc::new(error);
                state.failed = Some((Instant::now(), Arc::clone(&error)));
                match state.held.as_ref().filter(|held| good(held)) {
                    Some(held) => Ok(held.temporary.keys.clone()),
                    None => Err(error),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

    use super::*;

    fn temporary(id: u32, expires: i64) -> Temporary {
        Temporary { keys: Keys::new(format!("id{id}"), "key"), expires }
    }

    fn refused() -> CredentialsError {
        CredentialsError::Fetch { place: "test".to_owned(), why: "refused".to_owned() }
    }

    #[tokio::test]
    async fn keys_are_renewed_before_they_expire_and_not_earlier() {
        let refresh = Refresh::default();
        let fetches = AtomicU32::new(0);
        let clock = AtomicI64::new(0);
        let keys = || {
            let fetch = || async {
                let number = fetches.fetch_add(1, Ordering::Relaxed);
                Ok(temporary(number, clock.load(Ordering::Relaxed) + 7200))
            };
            refresh.keys(|| clock.load(Ordering::Relaxed), fetch)
        };
        for (time, expected) in [(0, "id0"), (6899, "id0"), (6900, "id1"), (13_000, "id1"), (20_000, "id2")] {
            clock.store(time, Ordering::Relaxed);
            assert_eq!(keys().await.expect("keys").secret_id(), expected, "at {time}");
        }
    }

    #[tokio::test]
    async fn concurrent_callers_share_one_fetch_and_its_failure() {
        let refresh = Refresh::default();
        let fetches = AtomicU32::new(0);
        let call = || {
            refresh.keys(
                || 0,
                || async {
                    fetches.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    Err(refused())
                },
            )
        };
        let (a, b, c) = tokio::join!(call(), call(), call());
        assert!(a.is_err() && b.is_err() && c.is_err());
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn keys_that_are_still_good_outlive_a_failed_renewal() {
        let refresh = Refresh::default();
        let first = refresh.keys(|| 0, || async { Ok(temporary(1, 7200)) }).await.expect("first keys");
        let second = refresh.keys(|| 7000, || async { Err(refused()) }).await.expect("still good");
        assert_eq!(first, second);
        let third = refresh.keys(|| 7200, || async { Err(refused()) }).await;
        assert!(third.is_err());
    }
}
