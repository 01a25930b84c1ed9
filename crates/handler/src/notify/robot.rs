//! Which robot sends next: pure, over instants. Each takes 20 messages in any 60 seconds, and sends that failed
//! count too; turns go around, so that several robots together take a burst that one could not.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Messages a minute per robot (WeCom robot page 91770).
const BUDGET: usize = 20;

const WINDOW: Duration = Duration::from_secs(60);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Send with this robot.
    Use(usize),
    /// All have spent their minute; the first is free then.
    WaitUntil(Instant),
    /// All are gone.
    NoneLeft,
}

#[derive(Debug, Default)]
struct Robot {
    sends: VecDeque<Instant>,
    exhausted_until: Option<Instant>,
    gone: bool,
}

/// The group's robots.
#[derive(Debug)]
pub(crate) struct Robots {
    robots: Vec<Robot>,
    turn: usize,
}

impl Robots {
    pub(crate) fn new(count: usize) -> Self {
        Self { robots: std::iter::repeat_with(Robot::default).take(count).collect(), turn: 0 }
    }

    /// A new message. When every robot was gone for the last one, all are given another chance: somebody may have
    /// put one back into the group.
    pub(crate) fn begin(&mut self) {
        if self.robots.iter().all(|robot| robot.gone) {
            self.robots.iter_mut().for_each(|robot| robot.gone = false);
        }
    }

    /// The next robot in turn that may send now.
    pub(crate) fn choose(&mut self, now: Instant) -> Choice {
        let mut first_free: Option<Instant> = None;
        for step in 0..self.robots.len() {
            let at = (self.turn + step) % self.robots.len();
            if self.robots[at].gone {
                continue;
            }
            let free = self.robots[at].free_at(now);
            if free <= now {
                self.turn = at + 1;
                return Choice::Use(at);
            }
            first_free = Some(first_free.map_or(free, |first| first.min(free)));
        }
        first_free.map_or(Choice::NoneLeft, Choice::WaitUntil)
    }

    pub(crate) fn sent(&mut self, robot: usize, now: Instant) {
        self.robots[robot].sends.push_back(now);
    }

    /// The service says that this robot has spent its minute, whoever else uses its key.
    pub(crate) fn exhausted(&mut self, robot: usize, now: Instant) {
        self.robots[robot].exhausted_until = Some(now + WINDOW);
    }

    pub(crate) fn gone(&mut self, robot: usize) {
        self.robots[robot].gone = true;
    }
}

impl Robot {
    fn free_at(&mut self, now: Instant) -> Instant {
        while self.sends.front().is_some_and(|sent| now.saturating_duration_since(*sent) >= WINDOW) {
            self.sends.pop_front();
        }
        let by_budget = if self.sends.len() < BUDGET { now } else { self.sends[self.sends.len() - BUDGET] + WINDOW };
        self.exhausted_until.map_or(by_budget, |until| until.max(by_budget))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(robots: &mut Robots, now: Instant) -> Choice {
        let choice = robots.choose(now);
        if let Choice::Use(robot) = choice {
            robots.sent(robot, now);
        }
        choice
    }

    #[test]
    fn turns_go_around_and_every_robot_sends_twenty_a_minute() {
        let start = Instant::now();
        let mut robots = Robots::new(2);
        let turns: Vec<_> = (0..40).map(|_| send(&mut robots, start)).collect();
        assert_eq!(turns[..3], [Choice::Use(0), Choice::Use(1), Choice::Use(0)]);
        assert_eq!(turns.iter().filter(|turn| **turn == Choice::Use(1)).count(), 20);
        assert_eq!(send(&mut robots, start), Choice::WaitUntil(start + WINDOW));
        assert_eq!(send(&mut robots, start + WINDOW), Choice::Use(0));
    }

    #[test]
    fn an_exhausted_robot_rests_a_minute_and_a_gone_one_for_good() {
        let start = Instant::now();
        let mut robots = Robots::new(2);
        robots.exhausted(0, start);
        assert_eq!(robots.choose(start), Choice::Use(1));
        robots.gone(1);
        assert_eq!(robots.choose(start), Choice::WaitUntil(start + WINDOW));
        assert_eq!(robots.choose(start + 10 * WINDOW), Choice::Use(0));
    }

    #[test]
    fn when_all_are_gone_the_next_message_tries_them_again() {
        let mut robots = Robots::new(1);
        robots.gone(0);
        assert_eq!(robots.choose(Instant::now()), Choice::NoneLeft);
        robots.begin();
        assert_eq!(robots.choose(Instant::now()), Choice::Use(0));
    }
}
