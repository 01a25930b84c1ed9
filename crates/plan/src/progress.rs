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
    /// How many of a change's dependencies are not applied yet.
    missing: Vec<usize>,
    /// The changes that depend on a change.
    dependents: Vec<Vec<usize>>,
    /// What may start; the last one goes first.
    ready: Vec<usize>,
    stopped: bool,
}

impl Progress {
    /// Nothing has started.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self::of(plan.changes.iter().map(|change| change.after.as_slice()))
    }

    fn of<'a>(after: impl ExactSizeIterator<Item = &'a [usize]> + Clone) -> Self {
        let mut dependents = vec![Vec::new(); after.len()];
        for (change, after) in after.clone().enumerate() {
            after.iter().for_each(|before| dependents[*before].push(change));
        }
        let missing: Vec<usize> = after.map(<[usize]>::len).collect();
        let ready = (0..missing.len()).rev().filter(|change| missing[*change] == 0).collect();
        Self { states: vec![State::Waiting; missing.len()], missing, dependents, ready, stopped: false }
    }

    /// Starts and returns every change whose dependencies are applied.
    pub fn start_ready(&mut self) -> Vec<usize> {
        self.start_some(usize::MAX)
    }

    /// As [`Progress::start_ready`], but no more than `most`. What has just become possible goes first: a function's
    /// triggers do not wait until all functions are made, so that their calls, which have rates of their own, overlap.
    pub fn start_some(&mut self, most: usize) -> Vec<usize> {
        if self.stopped {
            self.ready.clear();
            for state in self.states.iter_mut().filter(|state| **state == State::Waiting) {
                *state = State::Ended(Outcome::Skipped);
            }
        }
        let kept = self.ready.len().saturating_sub(most);
        let started: Vec<usize> = self.ready.drain(kept..).rev().collect();
        for change in &started {
            self.states[*change] = State::Running;
        }
        started
    }

    /// Records how a running change ended; marks as skipped what cannot start any more.
    pub fn finish(&mut self, change: usize, outcome: Outcome) {
        self.states[change] = State::Ended(outcome);
        let dependents = std::mem::take(&mut self.dependents[change]);
        if outcome == Outcome::Applied {
            for dependent in dependents.into_iter().rev() {
                self.missing[dependent] -= 1;
                if self.missing[dependent] == 0 && self.states[dependent] == State::Waiting {
                    self.ready.push(dependent);
                }
            }
            return;
        }
        let mut blocked = dependents;
        while let Some(change) = blocked.pop() {
            if self.states[change] == State::Waiting {
                self.states[change] = State::Ended(Outcome::Skipped);
                blocked.append(&mut self.dependents[change]);
            }
        }
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
        Progress::of(after.iter().copied())
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

    #[test]
    fn what_has_just_become_possible_goes_before_what_was_possible_long_ago() {
        let mut progress = progress(&[&[], &[], &[], &[0]]);
        assert_eq!(progress.start_some(2), [0, 1]);
        assert_eq!(progress.start_some(0), Vec::<usize>::new());
        progress.finish(0, Outcome::Applied);
        assert_eq!(progress.start_some(1), [3]);
        assert_eq!(progress.start_ready(), [2]);
    }
}
