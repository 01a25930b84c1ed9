//! MPS bindings in flight: an event type that this apply took from its holder and could not give to its new
//! function goes back (design rule 6), whichever step took it and however the change ended.

use plan::change::{Action, Change};
use plan::observed::{FunctionKey, Holder};
use plan::resource::trigger::{RawTrigger, Spec};
use plan::step::Step;

use super::change::{READ_LAG, exists_already};
use super::wait::Pauses;
use super::{Applier, Trouble};
use crate::error::chain;
use crate::observe::{self, Ask};
use crate::wire;

/// How often a binding is given back, at most, that does not show then.
const TIMES: usize = 3;

/// A binding that was taken away.
pub(super) struct Released {
    /// The change that did it.
    by: usize,
    function: FunctionKey,
    present: RawTrigger,
}

/// What became of a binding that its new function could not get.
pub(super) struct Back {
    /// What to say about it.
    pub(super) said: String,
    /// The change that took it away, if that is undone.
    pub(super) undone: Option<usize>,
}

/// The event type that a step binds.
pub(super) fn bound_by(step: &Step) -> Option<&str> {
    match step {
        Step::BindTrigger { event, .. } => Some(event),
        Step::CreateTrigger { trigger, .. } => match &trigger.spec {
            Spec::Mps { event } => Some(event),
            Spec::Timer { .. } | Spec::Cos { .. } | Spec::Ckafka { .. } | Spec::Http { .. } | Spec::Raw { .. } => None,
        },
        _ => None,
    }
}

impl Applier<'_> {
    /// Remembers what a step did, or may have done, to a binding.
    pub(super) async fn note_binding(&self, by: usize, step: &Step) {
        let mut released = self.released.lock().await;
        match step {
            Step::UnbindTrigger { key, present } | Step::DeleteTrigger { key, present }
                if present.kind == "mps" && !present.unbound =>
            {
                let event = present.normal_form().key().key;
                released.insert(event, Released { by, function: key.clone(), present: RawTrigger::clone(present) });
            }
            other => {
                if let Some(event) = bound_by(other) {
                    released.remove(event);
                }
            }
        }
    }

    /// What is left of a change whose binding has gone another way since the plan, in this very run perhaps, which may
    /// move it from one stack to another: of a takeover the bind, when the holder let it go; of a delete what the service
    /// still lists, when the binding was taken over. `None` for anything else that moved.
    pub(super) async fn left_of_a_moved_binding(&self, change: &Change) -> Result<Option<Vec<Step>>, Trouble> {
        let taken = |step: &Step| matches!(step, Step::UnbindTrigger { .. });
        if change.steps.iter().any(taken) {
            let free = self.still_held(change).await?.is_none();
            return Ok(free.then(|| change.steps.iter().filter(|step| !taken(step)).cloned().collect()));
        }
        let [Step::DeleteTrigger { key, present }] = change.steps.as_slice() else { return Ok(None) };
        if present.kind != "mps" || present.unbound {
            return Ok(None);
        }
        let event = present.normal_form().key();
        let function = observe::function(self.client, key, Ask::default()).await.map_err(|e| Trouble::of_read(&e))?;
        let listed = function.and_then(|f| f.triggers.iter().find(|t| t.normal_form().key() == event).cloned());
        Ok(match (listed, change.action) {
            (Some(listed), Action::Delete) if listed.unbound => {
                Some(vec![Step::DeleteTrigger { key: key.clone(), present: Box::new(listed) }])
            }
            (Some(listed), Action::Update) if listed.unbound => Some(Vec::new()),
            (None, Action::Update) => Some(Vec::new()),
            (_, Action::Create | Action::Update | Action::Replace | Action::Delete) => None,
        })
    }

    /// The function that a takeover is to take its event type from, while it still has it.
    pub(super) async fn still_held(&self, change: &Change) -> Result<Option<Holder>, Trouble> {
        let taken = change.steps.iter().find_map(|step| match step {
            Step::UnbindTrigger { key, present } => Some((key, present)),
            _ => None,
        });
        let Some((key, present)) = taken else { return Ok(None) };
        let held = self.is_bound(key, present).await?;
        Ok(held.then(|| Holder::Function(key.clone(), RawTrigger::clone(present))))
    }

    async fn is_bound(&self, key: &FunctionKey, present: &RawTrigger) -> Result<bool, Trouble> {
        let event = present.normal_form().key();
        let function = observe::function(self.client, key, Ask::default()).await.map_err(|e| Trouble::of_read(&e))?;
        Ok(function.is_some_and(|f| f.triggers.iter().any(|t| !t.unbound && t.normal_form().key() == event)))
    }

    /// Gives the event type of a change that did not end well back to who held it.
    pub(super) async fn give_back(&self, change: &Change) -> Option<Back> {
        let event = change.steps.iter().find_map(bound_by)?;
        let Released { by, function, present } = self.released.lock().await.remove(event)?;
        Some(match self.bind_again(&function, event, &present).await {
            Ok(()) => Back { said: format!("the binding was given back to function {function}"), undone: Some(by) },
            Err(why) => {
                Back { said: format!("giving the binding back to function {function} failed: {why}"), undone: None }
            }
        })
    }

    /// Binds, and looks whether it shows: the new function may hold it after all, if the answer to the bind was lost.
    async fn bind_again(&self, function: &FunctionKey, event: &str, present: &RawTrigger) -> Result<(), String> {
        let bind = wire::bind_trigger(function, event, &present.qualifier);
        let mut why = String::new();
        for _ in 0..TIMES {
            let answer = self.client.call(Some(&function.region), &bind).await;
            if let Err(error) = &answer {
                why = chain(error);
                if !error.outcome_unknown() && !exists_already(error) {
                    break;
                }
            }
            let mut lag = Pauses::for_at_most(READ_LAG);
            loop {
                match self.is_bound(function, present).await {
                    Ok(true) => return Ok(()),
                    Ok(false) => {}
                    // It was accepted, and nobody can look.
                    Err(_) if answer.is_ok() => return Ok(()),
                    Err(unread) => why = unread.message,
                }
                if !lag.pause().await {
                    break;
                }
            }
            if answer.is_ok() {
                "the service accepted it and does not show it".clone_into(&mut why);
            }
        }
        Err(why)
    }
}
