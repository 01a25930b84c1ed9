//! One event from arrival to answer: message and fan-out side by side, each done at most once, both within the
//! invocation's time.

use std::time::{Duration, Instant};

use scf_runtime::{Bytes, Context, Failure, Handler, log};
use serde::Serialize;

use crate::config::{Config, NotifyOn};
use crate::event::{Event, Incoming};
use crate::fanout::{Fanout, FanoutReport};
use crate::memory::{Deed, Memory};
use crate::message::{self, Style};
use crate::notify::{DeliveryError, Notifier};
use crate::verdict::{Judgement, Verdict};

/// Assumed when the platform names no limit: its own default for new functions, 3 seconds.
const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(3);

/// The handler of events.
#[derive(Debug)]
pub struct Webhook {
    style: Style,
    notify_on: NotifyOn,
    notifier: Notifier,
    fanout: Fanout,
    memory: Memory,
}

/// What an invocation answers; the platform drops it for asynchronous events and shows it to whoever invokes by hand.
#[derive(Debug, Serialize)]
struct Report {
    message: MessageState,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    #[serde(flatten)]
    fanout: FanoutReport,
}

/// What became of the message of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum MessageState {
    /// The group got it now.
    Posted,
    /// The group had it already.
    PostedBefore,
    /// Nobody asked for events of this kind.
    NotWanted,
}

impl Webhook {
    /// The webhook of this instance, remembering in `/tmp`.
    pub fn of_instance(config: Config, variable: impl Fn(&str) -> Option<String>) -> Self {
        for warning in &config.warnings {
            log::warn("setting ignored", [("reason", warning.as_str().into())]);
        }
        // On the platform an instance has `/tmp` for itself. On a laptop the runtime API's port tells instances
        // apart, and the robots tell deployments of one function apart.
        let names = ["SCF_NAMESPACE", "SCF_FUNCTIONNAME", "SCF_RUNTIME_API", "SCF_RUNTIME_API_PORT"];
        let names: Vec<String> = names.iter().map(|name| variable(name).unwrap_or_default()).collect();
        let robots = config.robots.iter().map(|robot| robot.reveal());
        let memory = Memory::of_instance(&names.iter().map(String::as_str).chain(robots).collect::<Vec<_>>());
        Self::new(config, memory)
    }

    /// A webhook with this memory.
    pub fn new(config: Config, memory: Memory) -> Self {
        Self {
            style: config.style,
            notify_on: config.notify_on,
            notifier: Notifier::new(config.robots),
            fanout: Fanout::new(config.fanout, config.endpoint),
            memory,
        }
    }

    async fn answer(&mut self, bytes: &Bytes, context: &Context) -> Result<Report, Failure> {
        let deadline = deadline(context);
        let event = Event::parse(bytes, &context.request_id);
        log_arrival(&event, bytes.len());

        let Self { style, notify_on, notifier, fanout, memory } = self;
        let post = post(&event, *notify_on, style, notifier, memory, deadline);
        let hand_on = fanout.run(bytes, event.key.as_str(), context, memory, deadline);
        let (posted, handed_on) = tokio::join!(post, hand_on);

        match (posted, handed_on) {
            (Ok(message), Ok(fanout)) => Ok(Report { message, verdict: verdict(&event.incoming), fanout }),
            (Ok(_), Err(error)) => Err(Failure::new("FanoutFailed", error.to_string())),
            (Err(error), Ok(_)) => Err(Failure::new("NotDelivered", error.to_string())),
            (Err(error), Err(fanout)) => Err(Failure::new("NotDelivered", format!("{error}; also {fanout}"))),
        }
    }
}

impl Handler for Webhook {
    async fn handle(&mut self, event: Bytes, context: Context) -> Result<Bytes, Failure> {
        let report = self.answer(&event, &context).await?;
        Ok(serde_json::to_vec(&report)?.into())
    }
}

/// When to be done: before the platform's limit by a margin in which the answer gets out.
fn deadline(context: &Context) -> Instant {
    let left = context.remaining().unwrap_or(DEFAULT_TIME_LIMIT);
    let margin = (left / 10).clamp(Duration::from_millis(100), Duration::from_secs(1));
    Instant::now() + left.saturating_sub(margin)
}

async fn post(
    event: &Event,
    notify_on: NotifyOn,
    style: &Style,
    notifier: &mut Notifier,
    memory: &Memory,
    deadline: Instant,
) -> Result<MessageState, DeliveryError> {
    if !is_wanted(&event.incoming, notify_on) {
        return Ok(MessageState::NotWanted);
    }
    let deed = Deed::posted(event.key.as_str());
    if memory.knows(&deed) {
        log::info("the group has this event already", [("key", event.key.as_str().into())]);
        return Ok(MessageState::PostedBefore);
    }
    let delivered = notifier.deliver(&message::render(&event.incoming, style), deadline).await?;
    memory.note(deed);
    log::info("message delivered", [("robot", delivered.robot.into()), ("tries", delivered.tries.into())]);
    Ok(MessageState::Posted)
}

/// Whether an event is worth a message. What cannot be judged always is: silence would hide it.
fn is_wanted(incoming: &Incoming, notify_on: NotifyOn) -> bool {
    let Incoming::Task(task) = incoming else { return true };
    let judgement = Judgement::of(task);
    match notify_on {
        NotifyOn::All => true,
        NotifyOn::Ended => !judgement.is_running(),
        NotifyOn::Failure => judgement.needs_attention() || judgement.verdict == Verdict::Unclear,
    }
}

fn verdict(incoming: &Incoming) -> Option<String> {
    match incoming {
        Incoming::Task(task) => Some(format!("{:?}", Judgement::of(task).verdict).to_lowercase()),
        _ => None,
    }
}

fn log_arrival(event: &Event, bytes: usize) {
    let kind = match &event.incoming {
        Incoming::Task(task) => format!("{:?}", task.kind),
        Incoming::Unknown(unknown) => unknown.event_type.chars().take(60).collect(),
        Incoming::Empty => "empty".into(),
        Incoming::Foreign => "foreign".into(),
        Incoming::Unreadable(_) => "unreadable".into(),
    };
    let task = match &event.incoming {
        Incoming::Task(task) => task.id.clone(),
        Incoming::Unknown(unknown) => unknown.task_id.clone(),
        _ => None,
    };
    let mut fields = vec![("kind", kind.into()), ("bytes", bytes.into()), ("key", event.key.as_str().into())];
    fields.extend(task.map(|id| ("task", id.into())));
    fields.extend(verdict(&event.incoming).map(|verdict| ("verdict", verdict.into())));
    log::info("event", fields);
}
