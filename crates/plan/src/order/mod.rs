//! Dependency order for creates and deletes. Which changes are tied to each other is said in `ties`; here that becomes
//! an order. Ties are broken by kind and address, so that the same decisions always stand in the same order.

mod ties;

use std::collections::BTreeSet;

use crate::address::Kind;
use crate::change::{Action, Change};
use crate::desired::Stack;
use crate::observed::Observed;
use crate::plan::{Decisions, Plan};
use ties::{Ties, Token, World};

/// Puts decisions into a plan.
pub(crate) fn arrange(stack: &Stack, observed: &Observed, decided: Decisions) -> Plan {
    let mut changes = decided.changes;
    let sorted = by_phase(&changes);
    let before = Before::of(&World::of(stack, observed), sorted.iter().map(|at| &changes[*at]));
    let order = before.order();
    let mut position = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, old)| position[*old] = new);
    for (old, at) in sorted.iter().enumerate() {
        let mut after: Vec<usize> = before.of_change(old).iter().map(|b| position[*b as usize]).collect();
        after.sort_unstable();
        let change = &mut changes[*at];
        change.after = after;
        // A binding that can only be made once another is gone leaves a gap.
        change.events_may_be_missed |=
            before.waits[old] && change.address.kind() == Kind::Trigger && change.action == Action::Create;
    }
    place(&mut changes, order.into_iter().map(|old| sorted[old]).collect());
    Plan { unchanged: decided.unchanged, findings: decided.findings, changes, ..Plan::default() }
}

/// Indexes of changes in the order that stands where no tie says otherwise.
fn by_phase(changes: &[Change]) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..changes.len()).collect();
    sorted.sort_by(|a, b| {
        let (a, b) = (&changes[*a], &changes[*b]);
        (phase(a), &a.address).cmp(&(phase(b), &b.address))
    });
    sorted
}

fn phase(change: &Change) -> u8 {
    match (change.action, change.address.kind()) {
        (Action::Create | Action::Update | Action::Replace, Kind::Policy) => 0,
        (Action::Create | Action::Update | Action::Replace, Kind::Role) => 1,
        (Action::Create | Action::Update | Action::Replace, Kind::Namespace) => 2,
        (Action::Create | Action::Update | Action::Replace, Kind::Function) => 3,
        (Action::Create | Action::Update | Action::Replace, Kind::Trigger) => 4,
        (Action::Delete, Kind::Trigger) => 5,
        (Action::Delete, Kind::Function) => 6,
        (Action::Delete, Kind::Namespace) => 7,
        (Action::Delete, Kind::Role) => 8,
        (Action::Delete, Kind::Policy) => 9,
    }
}

/// Changes that hold a token, of a sorted list.
fn holders<'t>(sorted: &'t [(Token<'_>, u32)], token: &Token<'_>) -> impl Iterator<Item = u32> + 't {
    let from = sorted.partition_point(|(t, _)| t < token);
    let to = from + sorted[from..].partition_point(|(t, _)| t <= token);
    sorted[from..to].iter().map(|(_, index)| *index)
}

/// For each change, the changes that come before it, each once. One list with the place where each change's part ends.
#[derive(Default)]
struct Before {
    list: Vec<u32>,
    ends: Vec<usize>,
    /// Whether a change waits for what another lets go.
    waits: Vec<bool>,
}

impl Before {
    /// Ties are read twice, first what changes give and then what they take: all at once they take megabytes.
    fn of<'a>(world: &World<'a>, changes: impl ExactSizeIterator<Item = &'a Change> + Clone) -> Self {
        let (mut provided, mut freed) = (Vec::with_capacity(changes.len()), Vec::new());
        let mut ties = Ties::default();
        for (index, change) in (0..).zip(changes.clone()) {
            ties.read(world, change);
            provided.extend(ties.provides.drain(..).map(|token| (token, index)));
            freed.extend(ties.frees.drain(..).map(|token| (token, index)));
        }
        provided.sort_unstable();
        freed.sort_unstable();
        let mut all = Self::default();
        let mut own: Vec<u32> = Vec::new();
        for (index, change) in (0..).zip(changes) {
            ties.read(world, change);
            own.extend(ties.waits_for.iter().flat_map(|token| holders(&freed, token)));
            all.waits.push(!own.is_empty());
            own.extend(ties.needs.iter().flat_map(|token| holders(&provided, token)));
            own.retain(|before| *before != index);
            own.sort_unstable();
            own.dedup();
            all.list.append(&mut own);
            all.ends.push(all.list.len());
        }
        all
    }

    fn of_change(&self, change: usize) -> &[u32] {
        let start = change.checked_sub(1).map_or(0, |earlier| self.ends[earlier]);
        &self.list[start..self.ends[change]]
    }

    /// The same the other way round: for each change, the changes that come after it.
    fn reversed(&self) -> Self {
        let mut ends = vec![0; self.ends.len()];
        self.list.iter().for_each(|before| ends[*before as usize] += 1);
        let mut total = 0;
        let mut next: Vec<usize> = Vec::with_capacity(ends.len());
        for end in &mut ends {
            next.push(total);
            total += *end;
            *end = total;
        }
        let mut list = vec![0; self.list.len()];
        for (index, change) in (0..).zip(0..self.ends.len()) {
            for before in self.of_change(change) {
                list[next[*before as usize]] = index;
                next[*before as usize] += 1;
            }
        }
        Self { list, ends, waits: Vec::new() }
    }

    /// Kahn's algorithm, always taking the smallest index that is ready. A cycle would be a bug of the tokens: what it
    /// holds is appended in index order, so that nothing is ever lost from a plan.
    fn order(&self) -> Vec<usize> {
        let changes = self.ends.len();
        let mut waiting: Vec<usize> = (0..changes).map(|change| self.of_change(change).len()).collect();
        let unlocks = self.reversed();
        let mut ready: BTreeSet<usize> = (0..changes).filter(|change| waiting[*change] == 0).collect();
        let mut order = Vec::with_capacity(changes);
        while let Some(next) = ready.pop_first() {
            order.push(next);
            for unlocked in unlocks.of_change(next) {
                let unlocked = *unlocked as usize;
                waiting[unlocked] -= 1;
                if waiting[unlocked] == 0 {
                    ready.insert(unlocked);
                }
            }
        }
        debug_assert_eq!(order.len(), changes, "dependencies between changes form a cycle");
        if order.len() < changes {
            let placed: BTreeSet<usize> = order.iter().copied().collect();
            order.extend((0..changes).filter(|change| !placed.contains(change)));
        }
        order
    }
}

/// Puts a list into an order, given as the present indexes of its items, without holding them twice.
fn place<T>(list: &mut [T], mut order: Vec<usize>) {
    for to in 0..order.len() {
        let mut from = order[to];
        // What stood there was moved when an earlier place was filled: it went to where that place's item came from.
        while from < to {
            from = order[from];
        }
        order[to] = from;
        list.swap(to, from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(lists: &[&[u32]]) -> Before {
        let mut all = Before::default();
        for list in lists {
            all.list.extend(*list);
            all.ends.push(all.list.len());
        }
        all
    }

    #[test]
    fn what_is_ready_goes_by_index_and_what_waits_goes_after() {
        assert_eq!(before(&[&[2], &[], &[], &[0, 1]]).order(), [1, 2, 0, 3]);
        assert_eq!(before(&[]).order(), Vec::<usize>::new());
    }

    #[test]
    fn every_order_of_five_is_reached_in_place() {
        for code in 0..5_usize.pow(5) {
            let order: Vec<usize> = (0..5).map(|digit| code / 5_usize.pow(digit) % 5).collect();
            if BTreeSet::from_iter(&order).len() == 5 {
                let mut list = [10, 11, 12, 13, 14];
                place(&mut list, order.clone());
                assert_eq!(list.map(|item| item - 10), *order);
            }
        }
    }

    #[test]
    fn reversed_twice_is_the_same() {
        let lists = before(&[&[2], &[0, 2], &[], &[0, 1]]);
        let back = lists.reversed().reversed();
        assert_eq!((lists.list, lists.ends), (back.list, back.ends));
    }
}
