//! The bounded record of calls that arrived, for tests that assert what a client really sent.

use std::collections::VecDeque;
use std::sync::Mutex;

/// Calls remembered at most; older ones are forgotten first.
const KEPT: usize = 100_000;

/// One call as the local cloud saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSeen {
    /// Service of the credential scope, such as `scf`.
    pub service: String,
    /// `X-TC-Action`.
    pub action: String,
    /// `X-TC-Region`; empty when none was sent.
    pub region: String,
    /// `ok`, the code of the refusal, or `lost` when a fault kept the answer back.
    pub outcome: String,
}

/// Calls in the order in which they were answered.
#[derive(Default)]
pub(crate) struct Calls(Mutex<VecDeque<CallSeen>>);

impl Calls {
    pub(crate) fn note(&self, call: CallSeen) {
        let mut calls = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if calls.len() == KEPT {
            calls.pop_front();
        }
        calls.push_back(call);
    }

    pub(crate) fn seen(&self) -> Vec<CallSeen> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter().cloned().collect()
    }
}
