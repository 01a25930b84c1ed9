//! The lease of a stack: who may write to it now. Kept as values of one tag key, for the Tag service refuses to create
//! a pair of key and value that exists already (facts CAM 5.2), which makes it the judge between two that want the
//! same.
//!
//! - Time is cut into **turns**. Who creates the value `STACK/END` has the stack until END. Turns end by themselves,
//!   so that nothing is stuck for longer than two of them.
//! - A **claim**, `STACK/UNTIL/ID/SINCE/PROCESS/WHO`, is created before the first turn is asked for and deleted after
//!   the last one is. So whoever has a turn is named by a claim that lasts at least as long.
//! - An **ending**, `STACK/ended/ID/AT`, is left by whoever gives a stack back. Who planned before it was there plans again.
//!
//! This module spells and reads the values; [`Lease`] says which call comes next. Sending, waiting and the clock are
//! left to the caller. What the lease does not promise: it avoids races, while the pins of a plan decide whether a
//! write is right.

mod machine;
mod trace;

use std::collections::BTreeSet;

pub use machine::{Answer, Break, Call, Lease, Next};
pub use trace::Before;

/// The tag key whose values are turns and claims, of every stack of the account.
pub const KEY: &str = "provision-lease";
/// How long a turn is, in seconds. Who dies without a word blocks others for at most two.
pub const TURN: i64 = 30;
/// Seconds before the end of its last turn at which a holder stops: clocks may differ by that much.
pub const GUARD: i64 = 3;
/// A lease must have more seconds left than this when the first write starts.
const ENOUGH: i64 = 8;
/// The next turn is asked for when so many seconds are left.
const RENEW: i64 = 12;
/// Seconds after its end at which a value of any stack is rubbish.
const RUBBISH: i64 = 600;
/// Seconds after which a plan is made again under the lease, whatever the values say: traces last longer.
pub const OLD: i64 = RUBBISH / 2;
/// Most characters of WHO: with the other parts a value stays below the 255 that the service takes (facts CAM 5.1).
const MOST_WHO: usize = 120;

/// A process that can be told from every other one, as long as the machine runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// What tells the machine (and what of it a process sees) from others; empty when that cannot be told.
    pub machine: String,
    /// The process's number.
    pub pid: u32,
    /// When the process began, in the machine's own count: numbers are used again.
    pub started: u64,
}

/// Somebody who has a stack, or wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The stack's name.
    pub stack: String,
    /// Seconds since 1970 after which it means nothing.
    pub until: i64,
    /// What tells this claim from others: letters and digits.
    pub id: String,
    /// When it began, in seconds since 1970.
    pub since: i64,
    /// Whose it is.
    pub process: Process,
    /// The same for people: user, machine, CI job.
    pub who: String,
}

impl Claim {
    /// A claim that starts now; `who` loses the characters that no tag value takes.
    #[must_use]
    pub fn new(stack: &str, id: &str, now: i64, process: Process, who: &str) -> Self {
        let fits = |c: char| c.is_alphanumeric() || c == ' ' || "+-=._:/@()[]".contains(c);
        let who: String = who.chars().map(|c| if fits(c) { c } else { '_' }).take(MOST_WHO).collect();
        let who = who.trim();
        Self {
            stack: stack.to_owned(),
            until: turn_of(now) + TURN,
            id: id.to_owned(),
            since: now,
            process,
            who: if who.is_empty() { "somebody" } else { who }.to_owned(),
        }
    }

    /// The tag value.
    #[must_use]
    pub fn value(&self) -> String {
        let Self { stack, until, id, since, process, who } = self;
        let Process { machine, pid, started } = process;
        format!("{stack}/{until}/{id}/{since}/{machine}.{pid}.{started}/{who}")
    }
}

/// The end of the turn that `now` lies in.
#[must_use]
pub fn turn_of(now: i64) -> i64 {
    (now.div_euclid(TURN) + 1) * TURN
}

fn turn_value(stack: &str, end: i64) -> String {
    format!("{stack}/{end}")
}

/// One tag value, read.
enum Value {
    Turn { stack: String, end: i64 },
    Claim(Claim),
    Ended { stack: String, id: String, at: i64 },
}

impl Value {
    /// `None`: a value that somebody else made.
    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, '/').collect();
        match parts.as_slice() {
            [stack, end] => Some(Self::Turn { stack: (*stack).to_owned(), end: end.parse().ok()? }),
            // An id is offered to people to copy into a command.
            [stack, trace::ENDED, id, at] => {
                Some(Self::Ended { stack: (*stack).to_owned(), id: (*id).to_owned(), at: at.parse().ok()? })
            }
            [_, _, id, ..] if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric()) => None,
            [stack, until, id, since, process, who] => {
                let (rest, started) = process.rsplit_once('.')?;
                let (machine, pid) = rest.rsplit_once('.')?;
                Some(Self::Claim(Claim {
                    stack: (*stack).to_owned(),
                    until: until.parse().ok()?,
                    id: (*id).to_owned(),
                    since: since.parse().ok()?,
                    process: Process {
                        machine: machine.to_owned(),
                        pid: pid.parse().ok()?,
                        started: started.parse().ok()?,
                    },
                    who: (*who).to_owned(),
                }))
            }
            _ => None,
        }
    }
}

/// What the values say about one stack.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// Ends of turns that somebody has, or had.
    pub turns: BTreeSet<i64>,
    /// Claims, also of those who are gone.
    pub claims: Vec<Claim>,
}

impl Seen {
    /// Reads the values of [`KEY`].
    #[must_use]
    pub fn of(stack: &str, values: &[String]) -> Self {
        let mut seen = Self::default();
        for value in values.iter().filter_map(|v| Value::parse(v)) {
            match value {
                Value::Turn { stack: of, end } if of == stack => drop(seen.turns.insert(end)),
                Value::Claim(claim) if claim.stack == stack => seen.claims.push(claim),
                Value::Turn { .. } | Value::Claim(_) | Value::Ended { .. } => {}
            }
        }
        seen
    }

    /// Who may have the turn that ends then, the first to come first. `gone` tells who certainly is no more.
    #[must_use]
    pub fn may_hold(&self, end: i64, gone: &dyn Fn(&Claim) -> bool) -> Vec<&Claim> {
        let mut all: Vec<&Claim> = self.claims.iter().filter(|c| c.until >= end && !gone(c)).collect();
        all.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        all.dedup_by(|a, b| a.id == b.id);
        all
    }

    /// Who has the stack now; `None` when it is free.
    #[must_use]
    pub fn holder(&self, now: i64, gone: &dyn Fn(&Claim) -> bool) -> Option<&Claim> {
        let end = turn_of(now);
        if self.turns.contains(&end) { self.may_hold(end, gone).first().copied() } else { None }
    }
}

/// Values that mean nothing any more: what ended long ago, and what the holder of `stack` knows to be gone.
#[must_use]
pub fn rubbish(values: &[String], stack: &str, now: i64, gone: &dyn Fn(&Claim) -> bool) -> Vec<String> {
    let is_rubbish = |text: &String| match Value::parse(text) {
        None => false,
        Some(Value::Turn { stack: of, end }) => end.saturating_add(if of == stack { TURN } else { RUBBISH }) < now,
        Some(Value::Claim(claim)) if claim.stack == stack => claim.until.saturating_add(TURN) < now || gone(&claim),
        Some(Value::Claim(claim)) => claim.until.saturating_add(RUBBISH) < now,
        // That of the holder's own stack goes when the next one is there.
        Some(Value::Ended { stack: of, at, .. }) => of != stack && at.saturating_add(RUBBISH) < now,
    };
    values.iter().filter(|v| is_rubbish(v)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(who: &str) -> Claim {
        let process = Process { machine: "0a1b2c".to_owned(), pid: 4711, started: 99 };
        Claim::new("hook", "abc123", 1_000, process, who)
    }

    #[test]
    fn a_claim_survives_its_spelling() {
        for who in ["ann@laptop", "ci@host (github acme/infra run 7)", "字@机", ""] {
            let claim = claim(who);
            let seen = Seen::of("hook", &[claim.value()]);
            assert_eq!(seen.claims, [claim]);
        }
        let nowhere = Claim { process: Process::default(), ..claim("x") };
        assert_eq!(Seen::of("hook", &[nowhere.value()]).claims, [nowhere]);
    }

    #[test]
    fn values_fit_the_service() {
        let stack = "s".repeat(40);
        let process = Process { machine: "f".repeat(12), pid: u32::MAX, started: u64::MAX };
        let claim = Claim::new(&stack, "0123456789", i64::from(u32::MAX), process, &"a\"\n\u{1f600}<".repeat(100));
        let value = claim.value();
        assert!(value.chars().count() <= 255, "{}", value.len());
        assert!(value.chars().all(|c| c.is_alphanumeric() || " +-=._:/@()[]".contains(c)), "{value}");
    }

    #[test]
    fn values_of_others_are_left_alone() {
        let strange = ["hook", "hook/soon", "hook/1/2/3", "", "hook/1/id/2/no-process/who"].map(str::to_owned);
        assert_eq!(Seen::of("hook", &strange), Seen::default());
        assert!(rubbish(&strange, "hook", i64::MAX / 2, &|_| true).is_empty());
        let shell = "hook/1020/a$(b)/990/m.1.1/who".to_owned();
        assert_eq!(Seen::of("hook", &[shell]), Seen::default(), "an id is copied into commands");
        let ending = trace::ending("hook", "abc123", 990);
        assert_eq!(Seen::of("hook", std::slice::from_ref(&ending)), Seen::default(), "an ending holds nothing");
        assert!(rubbish(std::slice::from_ref(&ending), "hook", i64::MAX / 2, &|_| true).is_empty());
        assert_eq!(rubbish(std::slice::from_ref(&ending), "other", 2_000, &|_| false), [ending]);
    }

    #[test]
    fn an_end_beyond_all_calendars_is_an_end() {
        let [first, last] = [i64::MIN, i64::MAX];
        let far = [first, last].map(|end| {
            [
                format!("hook/{end}"),
                format!("other/{end}"),
                format!("hook/{end}/a/1/m.1.1/w"),
                format!("other/{end}/a/1/m.1.1/w"),
            ]
        });
        assert_eq!(rubbish(&far.concat(), "hook", 1_000, &|_| false), far[0]);
        assert!(Seen::of("hook", &far[1]).holder(1_000, &|_| false).is_none());
    }

    #[test]
    fn rubbish_is_what_ended_or_is_gone() {
        let ours = claim("me");
        let values = ["hook/900", "hook/990", "hook/1020", "other/300", "other/990"].map(str::to_owned);
        let mut all = values.to_vec();
        all.push(ours.value());
        assert_eq!(rubbish(&all, "hook", 1_000, &|_| false), ["hook/900", "other/300"]);
        assert_eq!(
            rubbish(&all, "hook", 1_000, &|_| true),
            ["hook/900".to_owned(), "other/300".to_owned(), ours.value()]
        );
    }

    #[test]
    fn the_holder_is_the_first_that_may_be_one() {
        let late = Claim { id: "b".to_owned(), since: 1_001, ..claim("late") };
        let old = Claim { id: "c".to_owned(), since: 900, until: 990, ..claim("ended") };
        let values = [late.value(), claim("first").value(), old.value(), "hook/1020".to_owned()];
        let seen = Seen::of("hook", &values);
        assert_eq!(seen.holder(1_000, &|_| false).map(|c| c.who.as_str()), Some("first"));
        assert_eq!(seen.holder(1_000, &|c| c.who == "first").map(|c| c.who.as_str()), Some("late"));
        assert_eq!(seen.holder(1_000, &|_| true), None);
        assert_eq!(seen.holder(1_030, &|_| false), None, "nobody has that turn");
    }
}
