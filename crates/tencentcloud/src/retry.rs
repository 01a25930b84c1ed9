//! What may be repeated, how soon and for how long. Pure but for the jitter: [`decide`] is a table over what the action
//! does and how the attempt failed.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::api::Effect;

/// Limits on repeating a call.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// Attempts in all for failures other than throttling. 1 switches retries off.
    pub max_attempts: u32,
    /// The first pause is random up to this, and the bound doubles with each attempt.
    pub base_delay: Duration,
    /// No pause is longer.
    pub max_delay: Duration,
    /// After this long no further attempt is started, throttling aside; a call that finds something else under way is
    /// repeated for as long.
    pub total: Duration,
    /// How long a call lets itself be throttled, not counting the time it waits for its turn.
    pub throttle_total: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 6,
            base_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(8),
            total: Duration::from_secs(90),
            throttle_total: Duration::from_secs(120),
        }
    }
}

/// How an attempt failed, as far as repeating goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Turned away before execution because of the rate.
    Throttled,
    /// Not done, for something else is under way that will pass.
    Pending,
    /// It never left, and may do so later: no connection.
    NotSent,
    /// It may or may not have happened.
    Unknown,
    /// The service failed inside, perhaps half-way.
    Internal,
    /// The clocks differ; the answer said by how much.
    ClockSkew,
    /// Final: refused for good, or it can never be sent.
    Final,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Failed attempts that count, the present one included. Those that were turned away do not count.
    pub(crate) attempts: u32,
    /// Attempts that were turned away before execution, the present one included.
    pub(crate) turned_away: u32,
    /// Time since the call began, without waiting for its turn.
    pub(crate) elapsed: Duration,
    /// Whether the clock was corrected for this call already.
    pub(crate) clock_corrected: bool,
}

/// Whether to try again, and the longest pause before it.
pub(crate) fn decide(policy: &RetryPolicy, effect: Effect, failure: Failure, progress: Progress) -> Option<Duration> {
    let backoff = |exponent: u32| {
        let factor = 2_u32.saturating_pow(exponent.saturating_sub(1).min(16));
        policy.base_delay.saturating_mul(factor).min(policy.max_delay)
    };
    let harmless = match (failure, effect) {
        // Turned away before execution, so any call may come again. The rate budget spaces them; the pause is only
        // against a limit that we do not know of.
        (Failure::Throttled, _) => {
            return (progress.elapsed < policy.throttle_total).then(|| backoff(progress.turned_away));
        }
        // It was not done either, and how often one has to ask does not say how long the other operation takes.
        (Failure::Pending, _) => {
            return (progress.elapsed < policy.total).then(|| backoff(progress.turned_away));
        }
        (Failure::ClockSkew, _) => return (!progress.clock_corrected).then_some(Duration::ZERO),
        (Failure::NotSent, _) => true,
        (Failure::Unknown | Failure::Internal, Effect::Read | Effect::IdempotentWrite) => true,
        (Failure::Unknown | Failure::Internal, Effect::Write) => false,
        (Failure::Final, _) => false,
    };
    (harmless && progress.attempts < policy.max_attempts && progress.elapsed < policy.total)
        .then(|| backoff(progress.attempts))
}

/// A random part of `bound`: full jitter keeps many callers from coming back together.
pub(crate) fn jittered(bound: Duration) -> Duration {
    bound.mul_f64(fastrand::f64())
}

/// Retries that all calls of a client share, so that an outage is not answered with a multiple of the load. Successes
/// earn it back.
#[derive(Debug)]
pub(crate) struct RetryBudget(AtomicU32);

impl RetryBudget {
    /// Some 160 retries in a row. AWS's SDKs take 5 of 500 for each; 3 let a stack of thousands come through while every
    /// fourth answer fails.
    const FULL: u32 = 500;
    const COST: u32 = 3;

    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(Self::FULL))
    }

    /// Takes one retry; false when none is left.
    pub(crate) fn spend(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(Self::COST)).is_ok()
    }

    pub(crate) fn earn(&self) {
        let _ =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left < Self::FULL).then_some(left + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Effect = Effect::Read;
    const PUT: Effect = Effect::IdempotentWrite;
    const WRITE: Effect = Effect::Write;

    fn first() -> Progress {
        Progress { attempts: 1, turned_away: 1, elapsed: Duration::ZERO, clock_corrected: false }
    }

    fn retried(effect: Effect, failure: Failure, progress: Progress) -> bool {
        decide(&RetryPolicy::default(), effect, failure, progress).is_some()
    }

    #[test]
    fn the_table_of_what_is_repeated() {
        let table = [
            (Failure::Throttled, [true, true, true]),
            (Failure::Pending, [true, true, true]),
            (Failure::NotSent, [true, true, true]),
            (Failure::Unknown, [true, true, false]),
            (Failure::Internal, [true, true, false]),
            (Failure::ClockSkew, [true, true, true]),
            (Failure::Final, [false, false, false]),
        ];
        for (failure, expected) in table {
            let found = [READ, PUT, WRITE].map(|effect| retried(effect, failure, first()));
            assert_eq!(found, expected, "{failure:?}");
        }
    }

    #[test]
    fn attempts_and_time_are_bounded_but_being_turned_away_only_by_time() {
        let late = Progress { elapsed: Duration::from_secs(100), ..first() };
        let often = Progress { attempts: 6, turned_away: 1000, ..first() };
        assert!(!retried(READ, Failure::NotSent, often));
        assert!(!retried(READ, Failure::NotSent, late));
        assert!(retried(READ, Failure::Throttled, often));
        assert!(retried(READ, Failure::Throttled, late));
        assert!(retried(WRITE, Failure::Pending, often));
        assert!(!retried(WRITE, Failure::Pending, late));
        assert!(!retried(READ, Failure::Throttled, Progress { elapsed: Duration::from_secs(120), ..first() }));
    }

    #[test]
    fn the_clock_is_corrected_once() {
        assert!(!retried(READ, Failure::ClockSkew, Progress { clock_corrected: true, ..first() }));
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        let pause = |attempts| {
            let policy = RetryPolicy { max_attempts: 100, ..RetryPolicy::default() };
            decide(&policy, READ, Failure::NotSent, Progress { attempts, ..first() }).expect("retried").as_millis()
        };
        assert_eq!([1, 2, 3, 10, 90].map(pause), [200, 400, 800, 8000, 8000]);
    }

    #[test]
    fn the_budget_runs_dry_and_is_earned_back() {
        let budget = RetryBudget::new();
        assert_eq!((0..1000).filter(|_| budget.spend()).count(), 166);
        // Two of the 500 were left.
        budget.earn();
        assert!(budget.spend());
        assert!(!budget.spend());
    }
}
