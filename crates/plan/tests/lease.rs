//! Laws of the lease: several holders against one service that does what the Tag service promises, with calls,
//! deaths, lost answers and clocks in any order.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeSet;
use std::time::Duration;

use plan::lease::{Answer, Before, Break, Call, Claim, GUARD, Lease, Next, Process, Seen, TURN, rubbish, turn_of};
use proptest::prelude::*;

const STACK: &str = "hook";
const START: i64 = 1_700_000_000;

/// The service: pairs that exist.
#[derive(Default)]
struct Service(BTreeSet<String>);

impl Service {
    fn call(&mut self, call: &Call) -> Answer {
        match call {
            Call::Create(value) if self.0.insert(value.clone()) => Answer::Done,
            Call::Create(_) => Answer::Exists,
            Call::Delete(value) => {
                self.0.remove(value);
                Answer::Done
            }
            Call::List => Answer::Listed(self.values()),
        }
    }

    fn values(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

/// How far an apply is before it wants the lease.
enum Planning {
    /// It has not begun.
    Asked,
    /// It knows what the values said, and has not read anything yet.
    Listed(Before),
    /// It has read the stack, which was as often written to.
    Done(u64),
}

/// One apply: plans, wants the lease, keeps it, gives it back; or dies.
struct Actor {
    planning: Planning,
    lease: Lease,
    /// Its machine; processes that died on it are known to be gone.
    machine: usize,
    /// Seconds that its clock is ahead.
    ahead: i64,
    alive: bool,
    /// What is left to call when giving it back, the last one first.
    leaving: Option<Vec<Call>>,
    /// Whether it ever broke somebody's lease.
    breaks: bool,
    was_held: bool,
}

impl Actor {
    fn new(number: usize, machine: usize, now: i64, ahead: i64, breaks: bool) -> Self {
        let process = Process { machine: format!("m{machine}"), pid: u32::try_from(number).unwrap(), started: 1 };
        let claim = Claim::new(STACK, &format!("id{number}"), now + ahead, process, &format!("actor {number}"));
        let lease = Lease::new(claim, breaks.then_some(Break::Any), None);
        Self { planning: Planning::Asked, lease, machine, ahead, alive: true, leaving: None, breaks, was_held: false }
    }

    /// Whether it would start a write now.
    fn believes(&self, now: i64) -> bool {
        self.alive
            && self.was_held
            && self.leaving.is_none()
            && now + self.ahead < self.lease.deadline(now + self.ahead)
    }
}

struct World {
    service: Service,
    actors: Vec<Actor>,
    now: i64,
    /// How often the stack was written to.
    writes: u64,
    /// Who would carry out a plan that is older than a write.
    stale: Vec<usize>,
}

impl World {
    fn new() -> Self {
        Self { service: Service::default(), actors: Vec::new(), now: START, writes: 0, stale: Vec::new() }
    }

    /// Pids of the dead of a machine.
    fn gone(&self, machine: usize) -> BTreeSet<u32> {
        let dead = |(_, a): &(usize, &Actor)| a.machine == machine && !a.alive;
        self.actors.iter().enumerate().filter(dead).map(|(n, _)| u32::try_from(n).unwrap()).collect()
    }

    /// Lets one actor take its next step. `lost`: the answer is lost, and the call is made again.
    fn step(&mut self, number: usize, lost: bool) -> Option<Next> {
        let dead = self.gone(self.actors.get(number)?.machine);
        let machine = format!("m{}", self.actors[number].machine);
        let gone = |c: &Claim| c.process.machine == machine && dead.contains(&c.process.pid);
        let actor = &mut self.actors[number];
        if !actor.alive {
            return None;
        }
        if let Some(calls) = &mut actor.leaving {
            if let Some(call) = calls.pop() {
                self.service.call(&call);
            } else {
                actor.alive = false;
            }
            return None;
        }
        let now = self.now + actor.ahead;
        match &actor.planning {
            Planning::Asked => {
                actor.planning = Planning::Listed(Before::of(&self.service.values(), now, &gone));
                return Some(Next::Pause(Duration::ZERO));
            }
            Planning::Listed(before) => {
                let breaks = actor.breaks.then_some(Break::Any);
                let me = actor.lease.claim();
                let claim = Claim::new(STACK, &me.id, now, me.process.clone(), &me.who);
                actor.lease = Lease::new(claim, breaks, Some(before.clone()));
                actor.planning = Planning::Done(self.writes);
                return Some(Next::Pause(Duration::ZERO));
            }
            Planning::Done(_) => {}
        }
        let next = actor.lease.next(now);
        match &next {
            Next::Call(call) => {
                if lost {
                    self.service.call(call);
                }
                let answer = self.service.call(call);
                actor.lease.answered(&answer, now, &gone);
            }
            Next::Pause(_) => {}
            Next::Held => {
                let stale = match actor.planning {
                    Planning::Done(writes) => !actor.was_held && !actor.lease.is_disturbed() && writes != self.writes,
                    Planning::Asked | Planning::Listed(_) => false,
                };
                actor.was_held = true;
                // What starts too late is not started at all.
                let may_write = actor.leaving.is_none() && now < actor.lease.deadline(now);
                if stale && may_write {
                    self.stale.push(number);
                }
            }
            Next::Lost(_) => self.leave(number, true),
        }
        Some(next)
    }

    /// Starts to give it back; `room`: whether there is room for its ending.
    fn leave(&mut self, number: usize, room: bool) {
        let actor = &mut self.actors[number];
        if actor.leaving.is_none() {
            let ending = actor.lease.ending(self.now + actor.ahead).filter(|_| room);
            let [turns, claims] = actor.lease.given_back(ending.is_some());
            // Popped from the end: the ending is made first, then the turns go.
            actor.leaving = Some(claims.into_iter().chain(turns).map(Call::Delete).chain(ending).collect());
        }
    }

    /// Lets one actor write, if it believes that it may.
    fn write(&mut self, number: usize) {
        self.writes += u64::from(self.actors.get(number).is_some_and(|a| a.believes(self.now)));
    }

    /// Everything but the endings of those who ended.
    fn values(&self) -> Vec<String> {
        self.service.values().into_iter().filter(|v| !v.contains("/ended/")).collect()
    }

    /// Runs one actor to its end.
    fn finish(&mut self, number: usize) -> Next {
        for _ in 0..200 {
            match self.step(number, false).expect("it is alive") {
                Next::Call(_) => {}
                Next::Pause(_) => {}
                end => return end,
            }
        }
        panic!("it comes to no end")
    }

    fn go(&mut self, number: usize) {
        self.leave(number, true);
        while self.actors[number].alive {
            self.step(number, false);
        }
    }

    fn add(&mut self, machine: usize, breaks: bool) -> usize {
        self.actors.push(Actor::new(self.actors.len(), machine, self.now, 0, breaks));
        let number = self.actors.len() - 1;
        for _ in 0..2 {
            self.step(number, false);
        }
        assert!(matches!(self.actors[number].planning, Planning::Done(_)), "it has planned");
        number
    }
}

#[derive(Debug, Clone)]
enum Event {
    Begin { machine: usize, ahead: i64 },
    Step { who: usize, lost: bool },
    Renew { who: usize },
    Leave { who: usize, room: bool },
    Write { who: usize },
    Die { who: usize },
    Wait { seconds: i64 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = prop_oneof![
        2 => (0..3_usize, 0..GUARD).prop_map(|(machine, ahead)| Event::Begin { machine, ahead }),
        24 => (0..8_usize, prop::bool::weighted(0.15)).prop_map(|(who, lost)| Event::Step { who, lost }),
        2 => (0..8_usize).prop_map(|who| Event::Renew { who }),
        1 => (0..8_usize, prop::bool::weighted(0.8)).prop_map(|(who, room)| Event::Leave { who, room }),
        2 => (0..8_usize).prop_map(|who| Event::Write { who }),
        1 => (0..8_usize).prop_map(|who| Event::Die { who }),
        2 => (1..12_i64).prop_map(|seconds| Event::Wait { seconds }),
    ];
    prop::collection::vec(one, 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_do_two_believe_that_a_stack_is_theirs(events in events()) {
        let mut world = World::new();
        for event in events {
            match event {
                Event::Begin { machine, ahead } if world.actors.len() < 8 => {
                    let actor = Actor::new(world.actors.len(), machine, world.now, ahead, false);
                    world.actors.push(actor);
                }
                Event::Begin { .. } => {}
                Event::Step { who, lost } => drop(world.step(who, lost)),
                Event::Renew { who } => {
                    let now = world.now;
                    if let Some(actor) = world.actors.get_mut(who) {
                        actor.lease.renew(now + actor.ahead);
                    }
                }
                Event::Leave { who, room } => if who < world.actors.len() { world.leave(who, room) },
                Event::Write { who } => world.write(who),
                Event::Die { who } => if let Some(actor) = world.actors.get_mut(who) { actor.alive = false },
                Event::Wait { seconds } => world.now += seconds,
            }
            let holders: Vec<usize> = (0..world.actors.len()).filter(|n| world.actors[*n].believes(world.now)).collect();
            prop_assert!(holders.len() <= 1, "{holders:?} at {} with {:?}", world.now - START, world.service.values());
            prop_assert!(world.stale.is_empty(), "{:?} at {} with {:?}", world.stale, world.now - START, world.service.values());
        }
    }

    #[test]
    fn nobody_carries_out_a_plan_that_is_older_than_somebodys_write(
        runs in prop::collection::vec((0..6_usize, 0..3_usize, prop::bool::weighted(0.8), prop::bool::weighted(0.2), 0..20_i64), 1..6),
        at in 0..7_usize,
    ) {
        let mut world = World::new();
        // Plans while others come and go: how far it gets before the first of them begins.
        world.actors.push(Actor::new(0, 0, world.now, 0, false));
        for _ in 0..at {
            world.step(0, false);
        }
        for (machine, writes, room, dies, seconds) in runs {
            let who = world.add(machine, false);
            if world.finish(who) == Next::Held {
                for _ in 0..writes {
                    world.write(who);
                }
            }
            if dies {
                world.actors[who].alive = false;
            } else {
                world.leave(who, room);
                while world.actors[who].alive {
                    world.step(who, false);
                }
            }
            world.now += seconds;
        }
        world.finish(0);
        prop_assert!(world.stale.is_empty(), "{:?}", world.service.values());
    }

    #[test]
    fn whatever_happened_a_stack_is_free_two_turns_later(events in events()) {
        let mut world = World::new();
        for event in events {
            match event {
                Event::Begin { machine, .. } => { world.add(machine, false); }
                Event::Step { who, lost } => drop(world.step(who, lost)),
                Event::Die { who } => if let Some(actor) = world.actors.get_mut(who) { actor.alive = false },
                Event::Wait { seconds } => world.now += seconds,
                Event::Renew { .. } | Event::Leave { .. } | Event::Write { .. } => {}
            }
        }
        // Nobody renews any more; a machine that nobody died on comes.
        world.now += 2 * TURN;
        let last = world.add(9, false);
        prop_assert_eq!(world.finish(last), Next::Held);
        let values = world.service.values();
        for value in rubbish(&values, STACK, world.now + 2 * TURN, &|_| false) {
            world.service.call(&Call::Delete(value));
        }
        world.go(last);
        prop_assert_eq!(world.values(), Vec::<String>::new(), "nothing is left behind");
        prop_assert_eq!(world.service.0.len(), 1, "but one ending");
    }

    #[test]
    fn those_who_died_here_do_not_block(deaths in prop::collection::vec(1..12_usize, 1..4), second in 0..TURN) {
        let mut world = World::new();
        world.now += second;
        for steps in deaths {
            let who = world.add(1, false);
            for _ in 0..steps {
                world.step(who, false);
            }
            world.actors[who].alive = false;
        }
        let last = world.add(1, false);
        prop_assert_eq!(world.finish(last), Next::Held);
    }
}

#[test]
fn a_lease_takes_three_calls_and_at_the_end_of_a_turn_four() {
    for (second, calls) in [(0, 3), (20, 3), (25, 4)] {
        let mut world = World::new();
        world.now = turn_of(START) + second;
        let who = world.add(1, false);
        let mut made = 0;
        while let Some(Next::Call(_)) = world.step(who, false) {
            made += 1;
        }
        assert_eq!(made, calls, "in second {second}");
        assert!(world.actors[who].believes(world.now));
    }
}

#[test]
fn one_mark_of_the_last_run_is_left() {
    let mut world = World::new();
    for round in 0..4 {
        let who = world.add(round, false);
        assert_eq!(world.finish(who), Next::Held);
        world.go(who);
        assert_eq!(world.service.values(), [format!("{STACK}/ended/id{who}/{}", world.now)]);
    }
    let first = world.add(1, false);
    assert_eq!(world.finish(first), Next::Held);
    assert!(!world.actors[first].lease.is_disturbed(), "what ended before the plan is in the plan");
    let second = world.add(2, false);
    world.go(first);
    assert_eq!(world.finish(second), Next::Held);
    assert!(world.actors[second].lease.is_disturbed(), "it planned while the first had the stack");
}

#[test]
fn the_second_is_told_who_the_first_is() {
    let mut world = World::new();
    let first = world.add(1, false);
    assert_eq!(world.finish(first), Next::Held);
    world.now += 1;
    let second = world.add(2, false);
    let Next::Lost(Some(holder)) = world.finish(second) else { panic!("the stack is held") };
    assert_eq!(holder, *world.actors[first].lease.claim());
    world.go(second);
    assert!(Seen::of(STACK, &world.service.values()).holder(world.now, &|_| false).is_some(), "the first keeps it");
    world.go(first);
    assert!(world.values().is_empty());
    let third = world.add(3, false);
    assert_eq!(world.finish(third), Next::Held, "at once after it was given back");
}

#[test]
fn a_holder_keeps_a_stack_as_long_as_it_likes() {
    let mut world = World::new();
    let holder = world.add(1, false);
    world.finish(holder);
    for _ in 0..60 {
        world.now += 8;
        let now = world.now;
        world.actors[holder].lease.renew(now);
        assert_eq!(world.finish(holder), Next::Held);
        assert!(world.actors[holder].believes(world.now));
        let other = world.add(2, false);
        assert!(matches!(world.finish(other), Next::Lost(Some(_))));
        world.go(other);
        assert!(world.service.0.len() <= 4, "old values are removed: {:?}", world.service.0);
    }
    world.go(holder);
    assert!(world.values().is_empty(), "{:?}", world.service.0);
}

#[test]
fn a_lease_that_is_broken_is_noticed() {
    let mut world = World::new();
    let holder = world.add(1, false);
    world.finish(holder);
    let breaker = world.add(2, true);
    assert!(world.actors[breaker].breaks);
    assert_eq!(world.finish(breaker), Next::Held);
    assert_eq!(world.actors[breaker].lease.superseded().len(), 1);
    world.now += 5;
    let now = world.now;
    world.actors[holder].lease.renew(now);
    assert!(matches!(world.finish(holder), Next::Lost(Some(claim)) if claim.id == "id1"));
    world.go(holder);
    let values = world.service.values();
    assert!(Seen::of(STACK, &values).holder(world.now, &|_| false).is_some_and(|c| c.id == "id1"), "{values:?}");
}

#[test]
fn only_the_lease_that_was_meant_is_broken() {
    let mut world = World::new();
    let holder = world.add(1, false);
    world.finish(holder);
    for (id, taken) in [("other", false), ("id0", true)] {
        let number = world.add(2, false);
        let claim = world.actors[number].lease.claim().clone();
        world.actors[number].lease = Lease::new(claim, Some(Break::Only(id.to_owned())), None);
        assert_eq!(world.finish(number) == Next::Held, taken, "{id}");
        if !taken {
            world.go(number);
        }
    }
}

#[test]
fn a_holder_that_slept_too_long_has_lost() {
    let mut world = World::new();
    let holder = world.add(1, false);
    world.finish(holder);
    world.now += 2 * TURN;
    assert!(!world.actors[holder].believes(world.now));
    let now = world.now;
    world.actors[holder].lease.renew(now);
    assert_eq!(world.finish(holder), Next::Lost(None), "others may have come and gone");
}
