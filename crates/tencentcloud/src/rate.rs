//! Rate budgets, one for each service, action and region. An action runs free until the service first says
//! `RequestLimitExceeded`; then it falls to its documented rate, and whoever wants to call it waits for a turn instead
//! of collecting refusals. Slowly it tries to go faster again.

mod documented;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::api::Service;

pub use documented::documented_rate;

/// Where rates start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateMode {
    /// Unlimited, until the service first throttles an action.
    #[default]
    Adaptive,
    /// At the documented rate, and never above it.
    Documented,
}

/// The window over which the platform counts calls (the limits are per second).
const WINDOW: Duration = Duration::from_secs(1);
/// The share of the documented rate that is used: what is left is for jitter on the way and for other clients.
const SHARE: f64 = 0.95;
/// How much of a second's calls may be made up for after a late wake-up. With the share above it stays below the rate.
const STORE: f64 = 0.03;
/// A second refusal lowers the rate, by this factor.
const LOWER: f64 = 0.9;
/// Quiet time after which a rate is raised, and by how much.
const QUIET: Duration = Duration::from_secs(15);
const RAISE: f64 = 1.05;
/// The slowest rate as a share of the documented one.
const FLOOR: f64 = 0.1;
/// How many recent calls are remembered while unlimited; only the oldest within the window matters.
const REMEMBERED: usize = 4096;

type Key = (Service, &'static str, Option<String>);

/// All budgets of a client.
#[derive(Debug)]
pub(crate) struct RateLimits {
    mode: RateMode,
    lanes: Mutex<HashMap<Key, Arc<Lane>>>,
}

impl RateLimits {
    pub(crate) fn new(mode: RateMode) -> Self {
        Self { mode, lanes: Mutex::default() }
    }

    /// The budget of an action in a region.
    pub(crate) fn lane(&self, service: Service, action: &'static str, region: Option<&str>) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry((service, action, region.map(str::to_owned))).or_insert_with(|| {
            Arc::new(Lane {
                turn: tokio::sync::Mutex::new(()),
                budget: Mutex::new(Budget::new(self.mode, documented_rate(service, action))),
            })
        });
        Arc::clone(lane)
    }
}

/// One budget, and the queue of those who wait for it.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Held while waiting, which makes the queue first come, first served.
    turn: tokio::sync::Mutex<()>,
    budget: Mutex<Budget>,
}

impl Lane {
    fn budget(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn, and then for a seat among all calls under way. Holding the turn until the seat is there keeps
    /// the spacing: otherwise those who wait for seats would leave in a bunch.
    pub(crate) async fn enter<'a>(&self, seats: &'a Semaphore) -> Entered<'a> {
        loop {
            let mut turn = None;
            let mut token = None;
            if self.budget().is_limited() {
                turn = Some(self.turn.lock().await);
                token = Some(self.token().await);
            }
            // None only if the semaphore were closed, which nobody does.
            let seat = seats.acquire().await.ok();
            // While we waited for the seat the action may have been throttled: then we have to queue like the others.
            if let Some(counted) = self.budget().admit(token, Instant::now()) {
                drop(turn);
                return Entered { counted, seat };
            }
        }
    }

    async fn token(&self) -> Instant {
        loop {
            let now = Instant::now();
            let taken = self.budget().take(now);
            match taken {
                Ok(()) => return now,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// The service throttled a call that was counted at `sent`.
    pub(crate) fn throttled(&self, sent: Instant) {
        self.budget().throttled(sent, Instant::now());
    }
}

/// A call that may go: when it was counted, and its seat until it is over.
pub(crate) struct Entered<'a> {
    pub(crate) counted: Instant,
    #[expect(dead_code, reason = "held, not read")]
    seat: Option<SemaphorePermit<'a>>,
}

/// A token bucket that is bottomless until first throttled. Pure: the caller brings the time.
#[derive(Debug)]
struct Budget {
    mode: RateMode,
    documented: f64,
    state: State,
}

#[derive(Debug)]
enum State {
    Unlimited { recent: VecDeque<Instant> },
    Limited { rate: f64, tokens: f64, filled: Instant, changed: Instant },
}

impl Budget {
    fn new(mode: RateMode, documented: f64) -> Self {
        let state = match mode {
            RateMode::Adaptive => State::Unlimited { recent: VecDeque::new() },
            RateMode::Documented => Self::limited(documented * SHARE, Instant::now()),
        };
        Self { mode, documented, state }
    }

    fn limited(rate: f64, from: Instant) -> State {
        State::Limited { rate, tokens: 1.0, filled: from, changed: from }
    }

    fn is_limited(&self) -> bool {
        matches!(self.state, State::Limited { .. })
    }

    /// Lets a call go that has its seat: at once while unlimited, else with a token from after the last change.
    fn admit(&mut self, token: Option<Instant>, now: Instant) -> Option<Instant> {
        match &mut self.state {
            State::Unlimited { recent } => {
                while recent.front().is_some_and(|first| now.saturating_duration_since(*first) >= WINDOW)
                    || recent.len() >= REMEMBERED
                {
                    recent.pop_front();
                }
                recent.push_back(now);
                Some(now)
            }
            State::Limited { changed, .. } => token.filter(|taken| taken >= changed),
        }
    }

    /// Takes a token, or says how long until there is one.
    fn take(&mut self, now: Instant) -> Result<(), Duration> {
        match &mut self.state {
            State::Unlimited { .. } => Ok(()),
            State::Limited { rate, tokens, filled, changed } => {
                if now < *filled {
                    return Err(*filled - now);
                }
                if now.saturating_duration_since(*changed) >= QUIET {
                    let ceiling = match self.mode {
                        RateMode::Adaptive => f64::INFINITY,
                        RateMode::Documented => self.documented * SHARE,
                    };
                    *rate = (*rate * RAISE).min(ceiling);
                    *changed = now;
                }
                // A small store makes up for late wake-ups without letting a second hold more than its limit.
                let store = (*rate * STORE).max(1.0);
                *tokens = (*tokens + (now - *filled).as_secs_f64() * *rate).min(store);
                *filled = now;
                if *tokens >= 1.0 {
                    *tokens -= 1.0;
                    Ok(())
                } else {
                    // One more microsecond, so that rounding never wakes us up just too early.
                    Err(Duration::from_secs_f64((1.0 - *tokens) / *rate) + Duration::from_micros(1))
                }
            }
        }
    }

    /// Falls to the documented rate at the first refusal, and lower at later ones. Refusals of calls that were sent
    /// before the last change are news of the same burst, and change nothing.
    fn throttled(&mut self, sent: Instant, now: Instant) {
        match &mut self.state {
            State::Unlimited { recent } => {
                // The window that overflowed is over one window after its first call.
                let opened = recent.front().copied().unwrap_or(now);
                let resume = (opened + WINDOW).max(now);
                self.state =
                    State::Limited { rate: self.documented * SHARE, tokens: 1.0, filled: resume, changed: resume };
            }
            State::Limited { rate, tokens, filled, changed } => {
                if sent < *changed {
                    return;
                }
                *rate = (*rate * LOWER).max(self.documented * FLOOR);
                *tokens = 1.0;
                *filled = now + WINDOW;
                *changed = *filled;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// How many calls a budget lets through from `from` to `until`, asked again whenever it says to wait.
    fn calls(budget: &mut Budget, from: Instant, until: Instant) -> Vec<Instant> {
        let mut now = from;
        let mut sent = Vec::new();
        while now < until {
            match budget.take(now) {
                Ok(()) => sent.push(now),
                Err(wait) => now += wait,
            }
        }
        sent
    }

    #[test]
    fn an_action_runs_free_until_first_throttled() {
        let now = Instant::now();
        let mut budget = Budget::new(RateMode::Adaptive, 2.0);
        for _ in 0..10_000 {
            assert_eq!(budget.take(now), Ok(()));
            assert_eq!(budget.admit(None, now), Some(now));
        }
    }

    #[test]
    fn after_a_refusal_no_second_holds_more_than_the_documented_rate() {
        for documented in [2.0, 3.0, 20.0, 100.0] {
            let start = Instant::now();
            let mut budget = Budget::new(RateMode::Adaptive, documented);
            for _ in 0..200 {
                let _ = budget.admit(None, start);
            }
            budget.throttled(start, start + ms(50));
            assert_eq!(budget.admit(None, start + ms(60)), None, "who came before the limit queues too");
            let sent = calls(&mut budget, start + ms(50), start + Duration::from_secs(10));
            assert!(sent[0] >= start + WINDOW, "the overflowed window is left alone");
            for (index, first) in sent.iter().enumerate() {
                let within = sent[index..].iter().take_while(|at| **at < *first + WINDOW).count();
                assert!(within as f64 <= documented, "{within} calls in a second at {documented}");
            }
            assert!(sent.len() as f64 >= 9.0 * documented * 0.9, "{} calls in 9 s at {documented}", sent.len());
        }
    }

    #[test]
    fn refusals_of_one_burst_count_once() {
        let start = Instant::now();
        let mut budget = Budget::new(RateMode::Adaptive, 20.0);
        let _ = budget.admit(None, start);
        for _ in 0..50 {
            budget.throttled(start, start + ms(50));
        }
        let State::Limited { rate, .. } = budget.state else { panic!("not limited") };
        assert!((rate - 19.0).abs() < 1e-9);
    }

    #[test]
    fn a_later_refusal_lowers_the_rate_and_quiet_raises_it() {
        let start = Instant::now();
        let mut budget = Budget::new(RateMode::Adaptive, 20.0);
        budget.throttled(start, start);
        let later = start + Duration::from_secs(5);
        budget.throttled(later, later);
        let rate = |budget: &Budget| match budget.state {
            State::Limited { rate, .. } => rate,
            State::Unlimited { .. } => panic!("not limited"),
        };
        assert!((rate(&budget) - 17.1).abs() < 1e-9);
        let _ = calls(&mut budget, later, later + Duration::from_secs(300));
        assert!(rate(&budget) > 25.0, "{}", rate(&budget));
    }

    #[test]
    fn the_documented_mode_starts_limited_and_stays_below() {
        let mut budget = Budget::new(RateMode::Documented, 20.0);
        let start = Instant::now();
        let sent = calls(&mut budget, start, start + Duration::from_secs(100));
        assert!((1850..=1901).contains(&sent.len()), "{}", sent.len());
    }
}
