//! What a plan does to MPS bindings, told as what happens to events: an event type reaches one function of the
//! account, and nothing keeps an event that arrives while nobody holds it.

use std::collections::BTreeMap;

use super::escape::code;
use crate::change::Change;
use crate::observed::FunctionKey;
use crate::plan::Plan;
use crate::resource::trigger::{RawTrigger, Spec};
use crate::step::Step;

/// Who holds an event type before and after.
#[derive(Default)]
struct Move<'a> {
    from: Option<&'a FunctionKey>,
    to: Option<&'a FunctionKey>,
    taken: bool,
}

/// One sentence for each event type that a plan binds or unbinds.
pub(super) fn sentences(plan: &Plan) -> Vec<String> {
    let mut moves: BTreeMap<String, Move<'_>> = BTreeMap::new();
    for change in &plan.changes {
        collect(change, &mut moves);
    }
    moves.iter().map(|(event, one)| sentence(event, one)).collect()
}

fn collect<'a>(change: &'a Change, moves: &mut BTreeMap<String, Move<'a>>) {
    for step in &change.steps {
        match step {
            Step::BindTrigger { key, event, .. } => {
                moves.entry(event.clone()).or_default().to = Some(key);
            }
            Step::CreateTrigger { key, trigger, .. } => {
                if let Spec::Mps { event } = &trigger.spec {
                    moves.entry(event.clone()).or_default().to = Some(key);
                }
            }
            Step::UnbindTrigger { key, present } => {
                if let Some(event) = event_of(present) {
                    let one = moves.entry(event).or_default();
                    one.from = Some(key);
                    one.taken = true;
                }
            }
            Step::DeleteTrigger { key, present } if !present.unbound => {
                if let Some(event) = event_of(present) {
                    moves.entry(event).or_default().from = Some(key);
                }
            }
            _ => {}
        }
    }
}

fn event_of(present: &RawTrigger) -> Option<String> {
    match present.normal_form().spec {
        Spec::Mps { event } => Some(event),
        _ => None,
    }
}

fn sentence(event: &str, one: &Move<'_>) -> String {
    let (event, name) = (code(event), |key: &FunctionKey| code(&key.to_string()));
    match (one.from, one.to) {
        (Some(from), Some(to)) if from == to => format!(
            "{event} is unbound from {} and bound to it again; events in between reach nobody and may be missed",
            name(to)
        ),
        (Some(from), Some(to)) => format!(
            "{event} {} from {} to {}; events in between reach neither and may be missed",
            if one.taken { "is **taken over**" } else { "moves" },
            name(from),
            name(to)
        ),
        (None, Some(to)) => format!("{event} events start to reach {}; no other holder was found", name(to)),
        (Some(from), None) => {
            format!("{event} events no longer reach {}; **nobody receives them afterwards**", name(from))
        }
        (None, None) => format!("the binding of {event} changes"),
    }
}
