//! How long to wait between two tries of a runtime API call, and when to stop trying.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// Doubling waits within a total patience, counted from the first failure.
pub(crate) struct Backoff {
    patience: Duration,
    next: Duration,
    since: Option<Instant>,
}

impl Backoff {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, next: FIRST, since: None }
    }

    /// Notes one failure: the wait before the next try, or `None` when patience has run out.
    pub(crate) fn after_failure(&mut self, now: Instant) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        let left = self.patience.saturating_sub(now.saturating_duration_since(since));
        if left.is_zero() {
            return None;
        }
        let wait = self.next.min(left);
        self.next = (self.next * 2).min(LONGEST);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_second_and_end_with_patience() {
        let start = Instant::now();
        let mut backoff = Backoff::new(Duration::from_secs(5));
        let mut now = start;
        let mut waits = Vec::new();
        while let Some(wait) = backoff.after_failure(now) {
            waits.push(wait.as_millis());
            now += wait;
        }
        assert_eq!(&waits[..7], &[20, 40, 80, 160, 320, 640, 1000]);
        assert_eq!(now - start, Duration::from_secs(5));
    }

    #[test]
    fn no_patience_means_one_try() {
        assert_eq!(Backoff::new(Duration::ZERO).after_failure(Instant::now()), None);
    }
}
