//! Delivers a message to the group: one robot after the other, as often as it helps, within the invocation's time.
//!
//! Robots differ only in whether they may be used now: each takes 20 messages a minute, and one that was removed from
//! the group takes none. What an answer means is decided in `answer`, which robot is next in `robot`; this
//! module waits and sends.

pub(crate) mod answer;
pub(crate) mod http;
pub(crate) mod robot;

use std::time::{Duration, Instant};

use scf_runtime::log;

use crate::config::RobotUrl;
use crate::redact::scrub;
use answer::Answer;
use robot::{Choice, Robots};

/// The service asks for at most three tries more after `-1`; network failures are treated alike.
const RETRIES: usize = 3;

/// Longest wait for one answer: long for a service that answers in a fraction of a second, short enough for a
/// second try in a function of 15 seconds.
const LONGEST_TRY: Duration = Duration::from_secs(5);

/// Shortest time in which a try makes sense.
const SHORTEST_TRY: Duration = Duration::from_millis(100);

/// The group has the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Which robot took it, counted from 1.
    pub robot: usize,
    /// How many requests it took.
    pub tries: usize,
}

/// The group does not have the message, as far as can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// A robot refused the message itself; another try would end alike.
    #[error("robot {robot} refused the message: {reason}")]
    Refused {
        /// Which robot, counted from 1.
        robot: usize,
        /// Code, meaning, and the service's words without secrets.
        reason: String,
    },
    /// Every robot is gone from its group or disabled.
    #[error("no robot is in its group any more: {0}")]
    NoRobotLeft(String),
    /// Every robot has sent its 20 messages of this minute.
    #[error("every robot has used up its 20 messages a minute")]
    RateLimited,
    /// Tries or time ran out.
    #[error("gave up after {tries} {}: {reason}", if *.tries == 1 { "try" } else { "tries" })]
    GaveUp {
        /// How many requests were made.
        tries: usize,
        /// The last failure.
        reason: String,
    },
}

/// Sends messages to one group.
#[derive(Debug)]
pub struct Notifier {
    robots: Robots,
    urls: Vec<RobotUrl>,
}

impl Notifier {
    /// A notifier for these robots; there must be at least one.
    pub fn new(urls: Vec<RobotUrl>) -> Self {
        Self { robots: Robots::new(urls.len()), urls }
    }

    /// Delivers one message before `deadline`.
    ///
    /// # Errors
    /// [`DeliveryError`]: the message was not accepted by any robot, as far as is known.
    pub async fn deliver(&mut self, markdown: &str, deadline: Instant) -> Result<Delivered, DeliveryError> {
        let body = answer::request_body(markdown);
        let mut tries = 0;
        let mut retries = 0;
        let mut last = String::from("no time was left");
        self.robots.begin();
        loop {
            let robot = match self.robots.choose(Instant::now()) {
                Choice::Use(robot) => robot,
                Choice::WaitUntil(free) if free < deadline => {
                    tokio::time::sleep_until(free.into()).await;
                    continue;
                }
                Choice::WaitUntil(_) => return Err(DeliveryError::RateLimited),
                Choice::NoneLeft => return Err(DeliveryError::NoRobotLeft(last)),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left < SHORTEST_TRY {
                return Err(DeliveryError::GaveUp { tries, reason: last });
            }
            tries += 1;
            self.robots.sent(robot, Instant::now());
            // Half of what is left, so that a silent robot never costs the second try.
            let patience = (left / 2).clamp(SHORTEST_TRY, LONGEST_TRY);
            let answer = http::post(self.urls[robot].reveal(), &body, patience).await;
            match answer {
                Answer::Accepted => return Ok(Delivered { robot: robot + 1, tries }),
                Answer::Refused(reason) => {
                    return Err(DeliveryError::Refused { robot: robot + 1, reason: self.clean(&reason) });
                }
                Answer::RobotGone(reason) => {
                    last = self.clean(&reason);
                    self.robots.gone(robot);
                    log::warn(
                        "robot cannot be used",
                        [("robot", (robot + 1).into()), ("reason", last.as_str().into())],
                    );
                }
                Answer::RateLimited(reason) => {
                    last = self.clean(&reason);
                    self.robots.exhausted(robot, Instant::now());
                    log::warn("robot is rate limited", [("robot", (robot + 1).into())]);
                }
                Answer::Retry(reason) => {
                    last = self.clean(&reason);
                    log::warn("try failed", [("robot", (robot + 1).into()), ("reason", last.as_str().into())]);
                    if retries == RETRIES {
                        return Err(DeliveryError::GaveUp { tries, reason: last });
                    }
                    let wait = Duration::from_millis(200) * 2_u32.pow(retries as u32);
                    retries += 1;
                    let left = deadline.saturating_duration_since(Instant::now());
                    tokio::time::sleep(wait.min(left / 4)).await;
                }
            }
        }
    }

    fn clean(&self, text: &str) -> String {
        scrub(text, self.urls.iter().flat_map(RobotUrl::secrets))
    }
}
