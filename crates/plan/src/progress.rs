//! Apply as a state machine: which change may start, what a failure blocks, when it is over. Carries nothing
//! out; whoever drives it reports how each change ended.

use serde::Serialize;

use crate::plan::Plan;

/// How a change ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done, and read back where the kind allows it.
    Applied,
    /// Refused, or not sent.
    Failed,
    /// Sent, and nobody knows whether it happened.
    Unknown,
    /// Not tried: something it depends on did not succeed, or the run was stopped.
    Skipped,
}

impl Outcome {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Ended(Outcome),
}

/// The state of an apply.
#[derive(Debug, Clone)]
pub struct Progress {
    states: Vec<State>,
    after: Vec<Vec<usize>>,
    stopped: bool,
}

impl Progress {
    /// Nothing has started.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            states: vec![State::Waiting; plan.changes.len()],
            after: plan.changes.iter().map(|c| c.after.clone()).collect(),
            stopped: false,
        }
    }

    /// Starts and returns every change whose dependencies are applied; marks those as skipped whose cannot be.
    pub fn start_ready(&mut self) -> Vec<usize> {
        let mut started = Vec::new();
        // Dependencies point to earlier changes, so one pass settles chains of skips.
        for i in 0..self.states.len() {
            if self.states[i] != State::Waiting {
                continue;
            }
            let blocked =
                self.after[i].iter().any(|b| matches!(self.states[*b], State::Ended(o) if o != Outcome::Applied));
            if blocked || self.stopped {
                self.states[i] = State::Ended(Outcome::Skipped);
            } else if self.after[i].iter().all(|b| self.states[*b] == State::Ended(Outcome::Applied)) {
                self.states[i] = State::Running;
                started.push(i);
            }
        }
        started
    }

    /// Records how a running change ended.
    pub fn finish(&mut self, change: usize, outcome: Outcome) {
        self.states[change] = State::Ended(outcome);
    }

    /// Starts nothing any more; what runs may end.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether every change has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.states.iter().all(|s| matches!(s, State::Ended(_)))
    }

    /// How a change ended; a change that has not is skipped.
    #[must_use]
    pub fn outcome(&self, change: usize) -> Outcome {
        match self.states[change] {
            State::Ended(outcome) => outcome,
            State::Waiting | State::Running => Outcome::Skipped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(after: &[&[usize]]) -> Progress {
        Progress {
            states: vec![State::Waiting; after.len()],
            after: after.iter().map(|a| a.to_vec()).collect(),
            stopped: false,
        }
    }

    #[test]
    fn a_failure_skips_dependents_and_lets_the_rest_go_on() {
        let mut progress = progress(&[&[], &[0], &[1], &[]]);
        assert_eq!(progress.start_ready(), [0, 3]);
        progress.finish(0, Outcome::Failed);
        assert_eq!(progress.start_ready(), Vec::<usize>::new());
        progress.finish(3, Outcome::Applied);
        assert!(progress.is_over());
        let ends: Vec<_> = (0..4).map(|i| progress.outcome(i)).collect();
        assert_eq!(ends, [Outcome::Failed, Outcome::Skipped, Outcome::Skipped, Outcome::Applied]);
    }

    #[test]
    fn after_a_stop_nothing_starts() {
        let mut progress = progress(&[&[], &[0]]);
        assert_eq!(progress.start_ready(), [0]);
        progress.stop();
        progress.finish(0, Outcome::Applied);
        assert!(progress.start_ready().is_empty() && progress.is_over());
        assert_eq!(progress.outcome(1), Outcome::Skipped);
    }
}
