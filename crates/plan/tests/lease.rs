//! Laws of the lease: several holders against one service that does what the Tag service promises, with calls,
//! deaths, lost answers and clocks in any order.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeSet;

use plan::lease::{Answer, Break, Call, Claim, GUARD, Lease, Next, Process, Seen, TURN, rubbish, turn_of};
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

/// One apply: wants the lease, keeps it, gives it back; or dies.
struct Actor {
    lease: Lease,
    /// Its machine; processes that died on it are known to be gone.
    machine: usize,
    /// Seconds that its clock is ahead.
    ahead: i64,
    alive: bool,
    /// What is left to delete when giving it back.
    leaving: Option<Vec<String>>,
    /// Whether it ever broke somebody's lease.
    breaks: bool,
    was_held: bool,
}

impl Actor {
    fn new(number: usize, machine: usize, now: i64, ahead: i64, breaks: bool) -> Self {
        let process = Process { machine: format!("m{machine}"), pid: u32::try_from(number).unwrap(), started: 1 };
        let claim = Claim::new(STACK, &format!("id{number}"), now + ahead, process, &format!("actor {number}"));
        let lease = Lease::new(claim, breaks.then_some(Break::Any));
        Self { lease, machine, ahead, alive: true, leaving: None, breaks, was_held: false }
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
}

impl World {
    fn new() -> Self {
        Self { service: Service::default(), actors: Vec::new(), now: START }
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
        if let Some(values) = &mut actor.leaving {
            if let Some(value) = values.pop() {
                self.service.call(&Call::Delete(value));
            } else {
                actor.alive = false;
            }
            return None;
        }
        let now = self.now + actor.ahead;
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
            Next::Held => actor.was_held = true,
            Next::Lost(_) => self.leave(number),
        }
        Some(next)
    }

    /// Starts to give it back.
    fn leave(&mut self, number: usize) {
        let actor = &mut self.actors[number];
        if actor.leaving.is_none() {
            let [turns, claims] = actor.lease.given_back();
            // Popped from the end: the turns go first.
            actor.leaving = Some(claims.into_iter().chain(turns).collect());
        }
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
        self.leave(number);
        while self.actors[number].alive {
            self.step(number, false);
        }
    }

    fn add(&mut self, machine: usize, breaks: bool) -> usize {
        self.actors.push(Actor::new(self.actors.len(), machine, self.now, 0, breaks));
        self.actors.len() - 1
    }
}

#[derive(Debug, Clone)]
enum Event {
    Begin { machine: usize, ahead: i64 },
    Step { who: usize, lost: bool },
    Renew { who: usize },
    Leave { who: usize },
    Die { who: usize },
    Wait { seconds: i64 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = prop_oneof![
        2 => (0..3_usize, 0..GUARD).prop_map(|(machine, ahead)| Event::Begin { machine, ahead }),
        24 => (0..8_usize, prop::bool::weighted(0.15)).prop_map(|(who, lost)| Event::Step { who, lost }),
        2 => (0..8_usize).prop_map(|who| Event::Renew { who }),
        1 => (0..8_usize).prop_map(|who| Event::Leave { who }),
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
                Event::Leave { who } => if who < world.actors.len() { world.leave(who) },
                Event::Die { who } => if let Some(actor) = world.actors.get_mut(who) { actor.alive = false },
                Event::Wait { seconds } => world.now += seconds,
            }
            let holders: Vec<usize> = (0..world.actors.len()).filter(|n| world.actors[*n].believes(world.now)).collect();
            prop_assert!(holders.len() <= 1, "{holders:?} at {} with {:?}", world.now - START, world.service.values());
        }
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
                Event::Renew { .. } | Event::Leave { .. } => {}
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
        prop_assert_eq!(world.service.values(), Vec::<String>::new(), "nothing is left behind");
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
fn a_lease_takes_two_calls_and_at_the_end_of_a_turn_three() {
    for (second, calls) in [(0, 2), (20, 2), (25, 3)] {
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
    assert!(world.service.0.is_empty());
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
    assert!(world.service.0.is_empty(), "{:?}", world.service.0);
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
        world.actors[number].lease = Lease::new(claim, Some(Break::Only(id.to_owned())));
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
