//! MPS bindings in flight: an event type that this apply took from its holder and could not give to its new
//! function goes back (design rule 6), whichever step took it and however the change ended.

use plan::change::Change;
use plan::observed::FunctionKey;
use plan::resource::trigger::RawTrigger;
use plan::step::Step;

use super::Applier;
use crate::error::chain;
use crate::wire;

/// A binding that was taken away.
pub(super) struct Released {
    function: FunctionKey,
    present: RawTrigger,
}

impl Applier<'_> {
    /// Remembers what a step did, or may have done, to a binding.
    pub(super) async fn note_binding(&self, step: &Step) {
        let mut released = self.released.lock().await;
        match step {
            Step::UnbindTrigger { key, present } | Step::DeleteTrigger { key, present }
                if present.kind == "mps" && !present.unbound =>
            {
                let event = present.normal_form().key().key;
                released.insert(event, Released { function: key.clone(), present: RawTrigger::clone(present) });
            }
            Step::BindTrigger { event, .. } => {
                released.remove(event);
            }
            _ => {}
        }
    }

    /// Gives the event type of a change that did not end well back to who held it. Returns what to say.
    pub(super) async fn give_back(&self, change: &Change) -> Option<String> {
        let event = change.steps.iter().find_map(|s| match s {
            Step::BindTrigger { event, .. } => Some(event),
            _ => None,
        })?;
        let released = self.released.lock().await.remove(event)?;
        let holder = &released.function;
        // The new function may hold it after all, if the answer to the bind was lost.
        let back = wire::bind_trigger(holder, event, &released.present.qualifier);
        Some(match self.client.call(Some(&holder.region), &back).await {
            Ok(_) => format!("the binding was given back to function {holder}"),
            Err(error) => format!("giving the binding back to function {holder} failed: {}", chain(&error)),
        })
    }
}
