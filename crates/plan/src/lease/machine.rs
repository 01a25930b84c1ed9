//! Taking, renewing and giving back a lease, as a state machine: it names the next call and is told the answer. The
//! laws of `tests/lease.rs` run several of them against each other, with calls, deaths and clocks in any order.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Before, Claim, ENOUGH, GUARD, RENEW, Seen, TURN, trace, turn_of, turn_value};

/// How often a list is read that does not show what was written before, and how long apart.
const LAGGING_READS: u32 = 5;
const LAG: Duration = Duration::from_millis(200);
/// How often, and how far apart, the first of several claims looks whether the others give way.
const WAITS: u32 = 10;
const WAIT: Duration = Duration::from_millis(100);
/// How often a turn is asked for that others have and give back meanwhile.
const TRIES: u32 = 10;

/// A call of the Tag service, on a value of [`super::KEY`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `CreateTag`.
    Create(String),
    /// `DeleteTag`.
    Delete(String),
    /// `DescribeTags`: all values.
    List,
}

/// What became of a call. One whose outcome is unknown is repeated before it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done; of a delete also: the value was not there.
    Done,
    /// Not created: it is there already, perhaps by an earlier attempt of the same call.
    Exists,
    /// The values.
    Listed(Vec<String>),
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Make this call, and tell the answer.
    Call(Call),
    /// Wait this long.
    Pause(Duration),
    /// The stack is ours, see [`Lease::until`].
    Held,
    /// It is not: somebody else's, named if known.
    Lost(Option<Claim>),
}

/// Whose lease may be broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// Anybody's.
    Any,
    /// The claim's with this id.
    Only(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Say who wants it.
    Claim,
    /// Find out which turn comes next.
    Turn,
    /// Ask for the turn that ends then.
    Ask(i64),
    /// Somebody has that turn: who?
    Look(i64),
    /// The stack is ours: what did others leave behind?
    Recall,
    /// Delete these, then go on.
    Delete(Vec<String>, Box<Stage>),
    /// Are we still named?
    Check,
    Held,
    Lost(Option<Claim>),
}

/// A lease on its way, held, or lost.
#[derive(Debug, Clone)]
pub struct Lease {
    me: Claim,
    breaks: Option<Break>,
    stage: Stage,
    /// Ends of the turns that are ours.
    held: BTreeSet<i64>,
    /// Earlier claims of ours, with an earlier end.
    outdated: Vec<String>,
    /// Seconds wanted: fewer to start with than to keep.
    wanted: i64,
    superseded: Vec<Claim>,
    /// What the values said before the plan was made; `None` when nobody could tell.
    before: Option<Before>,
    /// Whether somebody else may have written since.
    disturbed: bool,
    /// Whether that is known, for the turns that are held without a gap.
    recalled: bool,
    /// The values, as they were when the lease was taken.
    left: Vec<String>,
    /// Whether the caller was told that the stack is its own, and may have written.
    was_held: bool,
    pause: Option<Duration>,
    waits: u32,
    lagging: u32,
    tries: u32,
}

impl Lease {
    /// A lease that is still to be taken, for a plan that was made after `before`.
    #[must_use]
    pub fn new(me: Claim, breaks: Option<Break>, before: Option<Before>) -> Self {
        Self {
            me,
            breaks,
            stage: Stage::Claim,
            held: BTreeSet::new(),
            outdated: Vec::new(),
            wanted: ENOUGH,
            superseded: Vec::new(),
            before,
            disturbed: false,
            recalled: false,
            left: Vec::new(),
            was_held: false,
            pause: None,
            waits: 0,
            lagging: 0,
            tries: 0,
        }
    }

    /// The claim behind it.
    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.me
    }

    /// Whose lease was taken over: broken, or left by a process that is gone.
    #[must_use]
    pub fn superseded(&self) -> &[Claim] {
        &self.superseded
    }

    /// Whether somebody else may have written to the stack since the plan was begun: it has to be made again.
    #[must_use]
    pub fn is_disturbed(&self) -> bool {
        self.disturbed || !self.superseded.is_empty()
    }

    /// Everybody's values as they were when the lease was taken, as far as they could be had.
    #[must_use]
    pub fn left(&self) -> &[String] {
        &self.left
    }

    /// Whether the turn is won, and only the traces of others are still asked for.
    #[must_use]
    pub fn is_recalling(&self) -> bool {
        self.stage == Stage::Recall
    }

    /// The traces of others cannot be had in time: somebody may have left one.
    pub fn unrecalled(&mut self, now: i64) {
        if self.is_recalling() {
            (self.disturbed, self.recalled) = (true, true);
            self.stage = self.go_on(now);
        }
    }

    /// Until when the stack is ours, in seconds since 1970; `now` when it is not.
    #[must_use]
    pub fn until(&self, now: i64) -> i64 {
        let mut end = turn_of(now);
        if !self.held.contains(&end) {
            return now;
        }
        while self.held.contains(&(end + TURN)) {
            end += TURN;
        }
        end
    }

    /// The last moment at which a write may start, in seconds since 1970.
    #[must_use]
    pub fn deadline(&self, now: i64) -> i64 {
        self.until(now) - GUARD
    }

    /// Whether no call was answered yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.stage == Stage::Claim && self.held.is_empty() && self.outdated.is_empty()
    }

    /// Whether it was taken, and is being looked after.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.wanted == RENEW
    }

    /// Seconds until the next turn has to be asked for; at least one, for most applies are over by then.
    #[must_use]
    pub fn rest(&self, now: i64) -> i64 {
        (self.until(now) - now - RENEW).max(1)
    }

    /// Looks after a lease that is held: asks for the next turn when it is time, and whether it was broken.
    pub fn renew(&mut self, now: i64) {
        if self.stage == Stage::Held {
            (self.waits, self.lagging, self.tries) = (0, 0, 0);
            // What was to be broken was somebody's who had it before us.
            self.breaks = None;
            self.wanted = RENEW;
            self.stage = match self.until(now) - now {
                // Somebody else may have come and gone meanwhile.
                ..=0 => Stage::Lost(None),
                1..=RENEW => Stage::Turn,
                _ => Stage::Check,
            };
        }
    }

    /// What to do next.
    pub fn next(&mut self, now: i64) -> Next {
        if let Some(pause) = self.pause.take() {
            return Next::Pause(pause);
        }
        loop {
            match &mut self.stage {
                Stage::Claim => return Next::Call(Call::Create(self.me.value())),
                Stage::Turn => {
                    let end = self.next_turn(now);
                    if end <= self.me.until {
                        self.stage = Stage::Ask(end);
                    } else {
                        // The claim has to last as long as the turn, and is there first.
                        self.outdated.push(self.me.value());
                        self.me.until = end + TURN;
                        self.stage = Stage::Claim;
                    }
                }
                Stage::Ask(end) => return Next::Call(Call::Create(turn_value(&self.me.stack, *end))),
                Stage::Look(_) | Stage::Check | Stage::Recall => return Next::Call(Call::List),
                Stage::Delete(values, then) => match values.last() {
                    Some(value) => return Next::Call(Call::Delete(value.clone())),
                    None => self.stage = (**then).clone(),
                },
                Stage::Held => {
                    self.was_held = true;
                    return Next::Held;
                }
                Stage::Lost(to) => return Next::Lost(to.clone()),
            }
        }
    }

    /// Takes the answer of the call that [`Lease::next`] named. `gone` tells which claims are certainly of the past.
    pub fn answered(&mut self, answer: &Answer, now: i64, gone: &dyn Fn(&Claim) -> bool) {
        self.stage = match (self.stage.clone(), answer) {
            // A claim of ours that is there already is ours: its id is nobody else's.
            (Stage::Claim, Answer::Done | Answer::Exists) => Stage::Turn,
            (Stage::Ask(end), Answer::Done) => {
                self.held.insert(end);
                self.go_on(now)
            }
            (Stage::Ask(end), Answer::Exists) => {
                // Whoever has it, or had it, may have written.
                self.disturbed |= self.wanted == ENOUGH;
                Stage::Look(end)
            }
            (Stage::Recall, Answer::Listed(values)) => self.recall(values, now),
            (Stage::Look(end), Answer::Listed(values)) => self.look(end, values, now, gone),
            (Stage::Check, Answer::Listed(values)) => self.check(values, now, gone),
            (Stage::Delete(mut values, then), _) => {
                values.pop();
                Stage::Delete(values, then)
            }
            (stage, _) => stage,
        };
    }

    /// The ending that is left before anything is given back, by whoever may have written: others may have planned
    /// meanwhile.
    #[must_use]
    pub fn ending(&self, now: i64) -> Option<Call> {
        self.was_held.then(|| Call::Create(trace::ending(&self.me.stack, &self.me.id, now)))
    }

    /// What has to be deleted to give it back, in this order: all of the first list before any of the second, for
    /// a turn without a claim belongs to nobody and is taken over at once. Where the ending could not be made, the claim
    /// stays in its place and ends by itself.
    #[must_use]
    pub fn given_back(&self, ending_left: bool) -> [Vec<String>; 2] {
        let turns = self.held.iter().map(|end| turn_value(&self.me.stack, *end)).collect();
        let mut claims = self.outdated.clone();
        if ending_left {
            claims.extend(trace::endings(&self.me.stack, &self.me.id, &self.left));
        }
        if ending_left || !self.was_held {
            claims.push(self.me.value());
        }
        [turns, claims]
    }

    /// The end of the first turn, from now on, that is not ours.
    fn next_turn(&self, now: i64) -> i64 {
        let mut end = turn_of(now);
        while self.held.contains(&end) {
            end += TURN;
        }
        end
    }

    /// After a turn was won: another one if this is not enough; when renewing, what is over is deleted.
    fn go_on(&mut self, now: i64) -> Stage {
        let taking = self.wanted == ENOUGH;
        match self.until(now) - now {
            ..=0 if !taking => return Stage::Lost(None),
            left if left <= self.wanted => {
                // After a gap others may have come and gone once more.
                self.recalled &= left > 0;
                return Stage::Turn;
            }
            _ if taking => return if self.recalled { Stage::Held } else { Stage::Recall },
            _ => {}
        }
        let over: Vec<i64> = self.held.iter().copied().filter(|end| *end < now).collect();
        for end in &over {
            self.held.remove(end);
        }
        let mut values: Vec<String> = over.into_iter().map(|end| turn_value(&self.me.stack, end)).collect();
        values.append(&mut self.outdated);
        Stage::Delete(values, Box::new(Stage::Check))
    }

    /// Somebody has the turn that we want. Whoever may have it has a claim that lasts as long.
    fn look(&mut self, end: i64, values: &[String], now: i64, gone: &dyn Fn(&Claim) -> bool) -> Stage {
        let seen = Seen::of(&self.me.stack, values);
        if !seen.claims.iter().any(|c| c.id == self.me.id) {
            return self.unseen(Stage::Look(end), None);
        }
        let others: Vec<Claim> = seen.may_hold(end, gone).into_iter().filter(|c| c.id != self.me.id).cloned().collect();
        if !seen.turns.contains(&end) {
            self.tries += 1;
            // It was given back, or ended.
            return if self.tries < TRIES { Stage::Turn } else { Stage::Lost(others.into_iter().next()) };
        }
        let Some(first) = others.first() else {
            // Nobody who could have it is there any more, and whoever else sees that sees our claim too.
            let left = seen.claims.iter().filter(|c| c.until >= end && c.id != self.me.id);
            for claim in left {
                if self.superseded.iter().all(|s| s.id != claim.id) {
                    self.superseded.push(claim.clone());
                }
            }
            self.held.insert(end);
            return self.go_on(now);
        };
        let breakable = match &self.breaks {
            None => false,
            Some(Break::Any) => true,
            Some(Break::Only(id)) => others.iter().all(|c| c.id == *id),
        };
        if breakable {
            // Once: a lease that is taken after the one that was meant is not broken.
            self.breaks = None;
            let ids: BTreeSet<&str> = others.iter().map(|c| c.id.as_str()).collect();
            let values = seen.claims.iter().filter(|c| ids.contains(c.id.as_str())).map(Claim::value).collect();
            self.superseded.extend(others);
            return Stage::Delete(values, Box::new(Stage::Look(end)));
        }
        // Of several that look at a turn whose holder is gone, the first waits for the others to give way.
        let we_are_first = (self.me.since, &self.me.id) < (first.since, &first.id);
        if we_are_first && self.waits < WAITS && self.wanted == ENOUGH {
            self.waits += 1;
            self.pause = Some(WAIT);
            return Stage::Look(end);
        }
        Stage::Lost(Some(first.clone()))
    }

    /// The traces of others, compared with those that were there before the plan was made. A list without our own claim
    /// may lack theirs too.
    fn recall(&mut self, values: &[String], now: i64) -> Stage {
        if !Seen::of(&self.me.stack, values).claims.iter().any(|c| c.id == self.me.id) {
            self.lagging += 1;
            if self.lagging < LAGGING_READS {
                self.pause = Some(LAG);
                return Stage::Recall;
            }
            self.disturbed = true;
        }
        self.disturbed |= self.before.as_ref().is_none_or(|before| before.is_older(&self.me, values));
        self.left = values.to_vec();
        self.recalled = true;
        self.go_on(now)
    }

    /// While it is held: a claim that is not there any more was deleted by somebody who broke the lease.
    fn check(&mut self, values: &[String], now: i64, gone: &dyn Fn(&Claim) -> bool) -> Stage {
        let seen = Seen::of(&self.me.stack, values);
        if seen.claims.iter().any(|c| c.id == self.me.id) {
            let end = turn_of(now);
            if self.held.contains(&end) && !seen.turns.contains(&end) && self.tries < TRIES {
                // A late delete of somebody who is gone took it away.
                self.tries += 1;
                self.held.remove(&end);
                return Stage::Turn;
            }
            return Stage::Held;
        }
        let other = seen.may_hold(turn_of(now), gone).into_iter().next().cloned();
        self.unseen(Stage::Check, other)
    }

    /// The list lacks our own claim: it lags behind, or somebody deleted it.
    fn unseen(&mut self, again: Stage, other: Option<Claim>) -> Stage {
        self.lagging += 1;
        if self.lagging >= LAGGING_READS {
            // Whoever broke the lease has our turns now; they are not ours to delete.
            self.held.clear();
            return Stage::Lost(other);
        }
        self.pause = Some(LAG);
        again
    }
}
