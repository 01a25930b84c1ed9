//! Bindings of MPS event types to functions: the two actions that Tencent's deploy tooling uses and that
//! no public definition names. An event type is held by one function of the whole account.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::args::Args;
use super::{Context, State};
use crate::refusal::{Answer, Refusal, members, refuse};

/// Event types that a function can be bound to (trigger page 583/50833).
pub(crate) const EVENT_TYPES: [&str; 2] = ["WorkflowTask", "EditMediaTask"];

/// One event type's link to one function. Bound or, after UnbindTrigger, still listed with BindStatus off.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Binding {
    pub(crate) event: String,
    pub(crate) region: String,
    pub(crate) namespace: String,
    pub(crate) function: String,
    pub(crate) qualifier: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) bound: bool,
    pub(crate) added_ms: i64,
    pub(crate) modified_ms: i64,
}

impl Binding {
    pub(crate) fn resource_id(&self, uin: &str) -> String {
        format!("qcs::mps::uin/{uin}:TriggerType/{}Event", self.event)
    }

    pub(crate) fn desc(&self) -> String {
        json!({"eventType": self.event}).to_string()
    }

    fn key(region: &str, namespace: &str, function: &str, event: &str) -> String {
        format!("{region}/{namespace}/{function}/{event}")
    }
}

/// Names a function and the event type to bind it to.
pub(crate) struct Bind<'a> {
    pub(crate) region: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) function: &'a str,
    pub(crate) qualifier: &'a str,
    pub(crate) event: &'a str,
    /// Trigger name; made by the server when `None`.
    pub(crate) name: Option<&'a str>,
    pub(crate) description: &'a str,
}

impl State {
    pub(super) fn mps(&mut self, action: &str, args: Args<'_>, cx: &Context) -> Answer {
        match action {
            "BindTrigger" => {
                let bind = Bind {
                    region: args.text_or("ScfRegion", ""),
                    namespace: args.text_or("Namespace", "default"),
                    function: args.text_or("FunctionName", ""),
                    qualifier: args.text_or("Qualifier", "$DEFAULT"),
                    event: args.text_or("EventType", ""),
                    name: None,
                    description: "",
                };
                let binding = self.bind(&bind, cx)?;
                Ok(members(json!({"ResourceId": binding.resource_id(self.uin())})))
            }
            "UnbindTrigger" => self.unbind_trigger(args, cx),
            other => unreachable!("the definition lists {other}, which mps does not carry out"),
        }
    }

    /// Binds an event type, or binds it again.
    pub(crate) fn bind(&mut self, bind: &Bind<'_>, cx: &Context) -> Result<Binding, Refusal> {
        if !EVENT_TYPES.contains(&bind.event) {
            return refuse(
                "InvalidParameterValue",
                format!("EventType `{}` is none of {}", bind.event, EVENT_TYPES.join(", ")),
            );
        }
        self.ready_for_trigger(bind.region, bind.namespace, bind.function, bind.qualifier, cx)?;
        let key = Binding::key(bind.region, bind.namespace, bind.function, bind.event);
        if let Some((holder_key, holder)) = self.holder(bind.event)
            && (*holder_key != key || holder.qualifier != bind.qualifier)
        {
            return refuse(
                "ResourceInUse.Trigger",
                format!(
                    "event type {} is already bound to function {} ({}) of namespace {} in {}",
                    bind.event, holder.function, holder.qualifier, holder.namespace, holder.region
                ),
            );
        }
        let name = match bind.name {
            Some(name) => name.to_owned(),
            None => format!("mps-{}", self.short_id("mps-trigger", 10)),
        };
        let binding = match self.bindings.get(&key) {
            Some(known) => {
                Binding { bound: true, qualifier: bind.qualifier.to_owned(), modified_ms: cx.now_ms, ..known.clone() }
            }
            None => Binding {
                event: bind.event.to_owned(),
                region: bind.region.to_owned(),
                namespace: bind.namespace.to_owned(),
                function: bind.function.to_owned(),
                qualifier: bind.qualifier.to_owned(),
                name,
                description: bind.description.to_owned(),
                bound: true,
                added_ms: cx.now_ms,
                modified_ms: cx.now_ms,
            },
        };
        self.bindings.insert(key, binding.clone());
        Ok(binding)
    }

    fn unbind_trigger(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let event = args.text_or("ResourceId", "").rsplit('/').next().unwrap_or_default();
        let event = event.strip_suffix("Event").unwrap_or(event).to_owned();
        let (namespace, function) = (args.text_or("Namespace", "default"), args.text_or("FunctionName", ""));
        let qualifier = args.text_or("Qualifier", "$DEFAULT");
        let key = self.holder(&event).filter(|(_, holder)| {
            holder.namespace == namespace && holder.function == function && holder.qualifier == qualifier
        });
        let Some((key, _)) = key else {
            return refuse(
                "ResourceNotFound",
                format!(
                    "event type {event} is not bound to function {function} ({qualifier}) of namespace {namespace}"
                ),
            );
        };
        let key = key.clone();
        // A function that is gone lists no triggers any more, so its binding goes altogether.
        let (region, namespace, function) = match self.bindings.get(&key) {
            Some(binding) => (binding.region.clone(), binding.namespace.clone(), binding.function.clone()),
            None => return Ok(members(json!({}))),
        };
        if self.function(&region, &namespace, &function, cx).is_err() {
            self.bindings.remove(&key);
        } else if let Some(binding) = self.bindings.get_mut(&key) {
            binding.bound = false;
            binding.modified_ms = cx.now_ms;
        }
        Ok(members(json!({})))
    }

    /// Who holds an event type, anywhere in the account.
    pub(crate) fn holder(&self, event: &str) -> Option<(&String, &Binding)> {
        self.bindings.iter().find(|(_, binding)| binding.bound && binding.event == event)
    }

    /// The bindings listed with a function.
    pub(crate) fn bindings_of(&self, region: &str, namespace: &str, function: &str) -> Vec<&Binding> {
        self.bindings.under(&format!("{region}/{namespace}/{function}/")).map(|(_, binding)| binding).collect()
    }

    /// Removes the binding that SCF DeleteTrigger names, if its echo fits.
    pub(crate) fn delete_binding(
        &mut self,
        at: (&str, &str, &str),
        name: &str,
        desc: Option<&str>,
        qualifier: &str,
    ) -> bool {
        let (region, namespace, function) = at;
        let found = self.bindings_of(region, namespace, function).into_iter().find(|binding| {
            binding.name == name
                && binding.qualifier == qualifier
                && desc.is_some_and(|desc| same_json(desc, &binding.desc()))
        });
        let Some(key) = found.map(|binding| Binding::key(region, namespace, function, &binding.event)) else {
            return false;
        };
        self.bindings.remove(&key);
        true
    }

    /// What happens to bindings when their function is gone: those switched off go with it, a bound one
    /// stays held on the MPS side until it is unbound (assumed; nothing documents it).
    pub(crate) fn function_gone(&mut self, region: &str, namespace: &str, function: &str) {
        let off: Vec<String> = self
            .bindings_of(region, namespace, function)
            .into_iter()
            .filter(|binding| !binding.bound)
            .map(|binding| Binding::key(region, namespace, function, &binding.event))
            .collect();
        for key in off {
            self.bindings.remove(&key);
        }
    }
}

fn same_json(left: &str, right: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    left == right || (parse(left).is_some() && parse(left) == parse(right))
}
