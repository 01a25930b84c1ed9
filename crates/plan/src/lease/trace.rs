//! What those who had a stack leave for others to see: whether somebody may have written between the first read of a
//! plan and the moment at which its maker holds the lease. Claims are such a trace while they last; who ends leaves a
//! ending, `STACK/ended/ID/AT`, which the next one who had the stack removes.

use std::collections::BTreeSet;

use super::{Claim, Seen, Value};

/// The word of an ending.
pub(super) const ENDED: &str = "ended";

/// The value that a run leaves when it gives a stack back.
pub(super) fn ending(stack: &str, id: &str, at: i64) -> String {
    format!("{stack}/{ENDED}/{id}/{at}")
}

/// The endings among the values of one stack, apart from that of this run.
pub(super) fn endings(stack: &str, id: &str, values: &[String]) -> Vec<String> {
    let other = |text: &&String| matches!(Value::parse(text), Some(Value::Ended { stack: of, id: by, .. }) if of == stack && by != id);
    values.iter().filter(other).cloned().collect()
}

/// What the values said before a plan was made. Compared with what they say under the lease, it tells whether the plan
/// may be older than somebody's writes.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// Endings, and claims of those who could not write any more.
    over: BTreeSet<String>,
    /// Stacks that somebody may have been writing to.
    busy: BTreeSet<String>,
}

impl Before {
    /// Reads the values of [`super::KEY`]. `gone` tells which claims are certainly of the past.
    #[must_use]
    pub fn of(values: &[String], now: i64, gone: &dyn Fn(&Claim) -> bool) -> Self {
        let parsed: Vec<(&String, Value)> = values.iter().filter_map(|v| Some((v, Value::parse(v)?))).collect();
        let ended: BTreeSet<&str> = parsed
            .iter()
            .filter_map(|(_, value)| match value {
                Value::Ended { id, .. } => Some(id.as_str()),
                Value::Turn { .. } | Value::Claim(_) => None,
            })
            .collect();
        let mut before = Self::default();
        for (text, value) in &parsed {
            match value {
                Value::Turn { .. } => {}
                Value::Ended { .. } => drop(before.over.insert((*text).clone())),
                Value::Claim(c) if ended.contains(c.id.as_str()) || c.until < now || gone(c) => {
                    before.over.insert((*text).clone());
                }
                Value::Claim(claim) => drop(before.busy.insert(claim.stack.clone())),
            }
        }
        before
    }

    /// Whether somebody else may have written to the stack of `me` since then, as the values look under its lease.
    pub(super) fn is_older(&self, me: &Claim, values: &[String]) -> bool {
        let seen = Seen::of(&me.stack, values);
        let claimed = seen.claims.iter().any(|c| c.id != me.id && !self.over.contains(&c.value()));
        let ended = endings(&me.stack, &me.id, values).iter().any(|ending| !self.over.contains(ending));
        claimed || ended || self.busy.contains(&me.stack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::Process;

    fn claim(id: &str) -> Claim {
        Claim::new("hook", id, 1_000, Process::default(), "x")
    }

    fn older(before: &[String], now: &[String]) -> bool {
        Before::of(before, 1_000, &|_| false).is_older(&claim("me"), now)
    }

    #[test]
    fn a_mark_that_was_not_there_means_that_somebody_came_and_went() {
        let endings = [ending("hook", "a", 900), ending("hook", "b", 999)];
        assert!(!older(&[], &[claim("me").value()]));
        assert!(!older(&endings, &endings[1..]));
        assert!(older(&endings[..1], &endings[1..]));
        assert!(!older(&[], &[ending("other", "a", 999)]), "what others did to other stacks is nothing to us");
    }

    #[test]
    fn so_does_a_claim_of_somebody_else() {
        let (ended, other) = (Claim { until: 990, ..claim("old") }.value(), claim("a").value());
        assert!(older(&[], std::slice::from_ref(&other)));
        assert!(older(std::slice::from_ref(&other), &[]), "who has it when the planning begins may write after that");
        assert!(!older(&[other, ending("hook", "a", 999)], &[ending("hook", "a", 999)]), "it had ended");
        assert!(!older(std::slice::from_ref(&ended), std::slice::from_ref(&ended)), "nobody writes under it any more");
        assert!(older(&[], &[ended]), "somebody died while the plan was made");
    }
}
