//! The trigger actions. Bindings of MPS event types are kept with `mps` and only listed here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::mps::{Bind, Binding};
use super::super::{Args, Context, State, page};
use super::trigger_desc::{Place, ckafka_updated, cos_rule, stored};
use super::{Function, Status};
use crate::encoding::platform_time;
use crate::refusal::{Answer, Refusal, members, refuse};

/// Triggers of one type on one function (quota page 583/11637).
const MAX_OF_A_TYPE: usize = 10;
/// CustomArgument of a timer, in bytes (timer page).
const MAX_ARGUMENT: usize = 4096;

/// A trigger made by CreateTrigger.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trigger {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// As it comes back.
    pub(crate) desc: String,
    pub(crate) qualifier: String,
    pub(crate) enabled: bool,
    pub(crate) argument: String,
    pub(crate) description: String,
    pub(crate) added_ms: i64,
    pub(crate) modified_ms: i64,
}

impl Trigger {
    fn row(&self, function: &Function, uin: &str) -> Value {
        let resource = format!(
            "qcs::scf:{}:uin/{uin}:namespace/{}/function/{}/{}/{}",
            function.region, function.namespace, function.name, self.kind, self.name
        );
        json!({
            "Type": self.kind,
            "TriggerName": self.name,
            "TriggerDesc": self.desc,
            "Qualifier": self.qualifier,
            "Enable": i32::from(self.enabled),
            "CustomArgument": self.argument,
            "Description": self.description,
            "AddTime": platform_time(self.added_ms),
            "ModTime": platform_time(self.modified_ms),
            "AvailableStatus": "Available",
            "BindStatus": "on",
            "TriggerAttribute": "single",
            "ResourceId": resource,
        })
    }
}

fn binding_row(binding: &Binding, uin: &str) -> Value {
    json!({
        "Type": "mps",
        "TriggerName": binding.name,
        "TriggerDesc": binding.desc(),
        "Qualifier": binding.qualifier,
        "Enable": i32::from(binding.bound),
        "CustomArgument": "",
        "Description": binding.description,
        "AddTime": platform_time(binding.added_ms),
        "ModTime": platform_time(binding.modified_ms),
        "AvailableStatus": "Available",
        "BindStatus": if binding.bound { "on" } else { "off" },
        "TriggerAttribute": "single",
        "ResourceId": binding.resource_id(uin),
    })
}

impl State {
    /// A function's triggers, newest first, MPS bindings included.
    pub(super) fn trigger_rows(&self, function: &Function) -> Vec<Value> {
        let bindings = self.bindings_of(&function.region, &function.namespace, &function.name);
        let own = function.triggers.iter().rev().map(|trigger| trigger.row(function, self.uin()));
        own.chain(bindings.into_iter().map(|binding| binding_row(binding, self.uin()))).collect()
    }

    /// Refuses unless a trigger may be made on that function and qualifier now.
    pub(crate) fn ready_for_trigger(
        &mut self,
        region: &str,
        namespace: &str,
        name: &str,
        qualifier: &str,
        cx: &Context,
    ) -> Result<(), Refusal> {
        let function = self.function(region, namespace, name, cx)?;
        trigger_allowed(function)?;
        if qualifier != "$DEFAULT" {
            function.version_of(qualifier, "ResourceNotFound.Qualifier")?;
        }
        Ok(())
    }

    pub(super) fn create_trigger(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let (namespace, name) = (args.text_or("Namespace", "default"), args.text_or("FunctionName", ""));
        let qualifier = args.text_or("Qualifier", "$LATEST");
        let kind = args.text_or("Type", "");
        self.ready_for_trigger(region, namespace, name, qualifier, cx)?;
        let enabled = enable(args)?.unwrap_or(false);
        if kind == "mps" {
            let binding = self.bind_by_trigger(region, args, cx)?;
            return Ok(members(json!({"TriggerInfo": binding_row(&binding, self.uin())})));
        }
        let trigger_name = match kind {
            "http" => self.short_id("url", 10),
            _ => args.text_or("TriggerName", "").to_owned(),
        };
        trigger_name_fits(kind, &trigger_name)?;
        let argument = args.text_or("CustomArgument", "");
        argument_fits(kind, argument)?;
        let place = Place { region, app_id: self.app_id(), name: &trigger_name, function: name };
        let desc = stored(kind, args.text_or("TriggerDesc", ""), &place)?;
        let trigger = Trigger {
            kind: kind.to_owned(),
            name: trigger_name,
            desc,
            qualifier: qualifier.to_owned(),
            enabled,
            argument: argument.to_owned(),
            description: args.text_or("Description", "").to_owned(),
            added_ms: cx.now_ms,
            modified_ms: cx.now_ms,
        };
        self.trigger_free(region, namespace, name, &trigger)?;
        let uin = self.uin().to_owned();
        let function = self.named_mut(region, args, cx)?;
        if cx.quotas && function.triggers.iter().filter(|there| there.kind == trigger.kind).count() >= MAX_OF_A_TYPE {
            return refuse(
                "LimitExceeded.Trigger",
                format!("a function holds {MAX_OF_A_TYPE} triggers of type {}", trigger.kind),
            );
        }
        let row = trigger.row(function, &uin);
        function.triggers.push(trigger);
        Ok(members(json!({"TriggerInfo": row})))
    }

    /// CreateTrigger with type mps (assumed to work; no definition names the type).
    fn bind_by_trigger(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Result<Binding, Refusal> {
        let desc: Value = serde_json::from_str(args.text_or("TriggerDesc", "")).unwrap_or_default();
        let event = desc["eventType"].as_str().unwrap_or_default();
        self.bind(
            &Bind {
                region,
                namespace: args.text_or("Namespace", "default"),
                function: args.text_or("FunctionName", ""),
                qualifier: args.text_or("Qualifier", "$LATEST"),
                event: event.strip_suffix("Event").unwrap_or(event),
                name: args.text("TriggerName").filter(|name| !name.is_empty()),
                description: args.text_or("Description", ""),
            },
            cx,
        )
    }

    /// Refuses a trigger whose name or source is taken.
    fn trigger_free(&self, region: &str, namespace: &str, name: &str, trigger: &Trigger) -> Result<(), Refusal> {
        let key = super::key(region, namespace, name);
        let own = self.functions.get(&key).map(|function| function.triggers.as_slice()).unwrap_or_default();
        let same_type = own.iter().filter(|there| there.kind == trigger.kind);
        let clash = match trigger.kind.as_str() {
            "cos" => {
                let rule = cos_rule(&trigger.desc);
                let holder = self.functions.under(&format!("{region}/")).find(|(_, function)| {
                    function.triggers.iter().any(|there| {
                        there.kind == "cos"
                            && there.name == trigger.name
                            && overlap(cos_rule(&there.desc), rule.clone())
                    })
                });
                match holder {
                    Some((holder, _)) if *holder == key => Some("ResourceInUse.Cos"),
                    Some(_) => Some("InvalidParameterValue.CosNotifyRuleConflict"),
                    None => None,
                }
            }
            "http" => {
                same_type.clone().any(|there| there.qualifier == trigger.qualifier).then_some("ResourceInUse.Trigger")
            }
            _ => same_type.clone().any(|there| there.name == trigger.name).then_some("ResourceInUse.TriggerName"),
        };
        match clash {
            Some(code) => refuse(
                code,
                format!("a trigger {} of type {} is already there or conflicts with one", trigger.name, trigger.kind),
            ),
            None => Ok(()),
        }
    }

    pub(super) fn delete_trigger(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let (namespace, function_name) = (args.text_or("Namespace", "default"), args.text_or("FunctionName", ""));
        let (name, kind) = (args.text_or("TriggerName", ""), args.text_or("Type", ""));
        let qualifier = args.text_or("Qualifier", "$LATEST");
        if kind == "mps" {
            if self.delete_binding((region, namespace, function_name), name, args.text("TriggerDesc"), qualifier) {
                return Ok(members(json!({})));
            }
            trigger_allowed(self.named(region, args, cx)?)?;
            return absent(name, qualifier);
        }
        let function = self.named_mut(region, args, cx)?;
        trigger_allowed(function)?;
        let index = find(function, args, qualifier)?;
        function.triggers.remove(index);
        Ok(members(json!({})))
    }

    pub(super) fn update_trigger(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let kind = args.text_or("Type", "");
        if !["timer", "ckafka", "http"].contains(&kind) {
            return refuse("UnsupportedOperation.Trigger", format!("UpdateTrigger does not take type {kind}"));
        }
        let enabled = enable(args)?;
        let app_id = self.app_id();
        let function = self.named_mut(region, args, cx)?;
        trigger_allowed(function)?;
        let index = find(function, args, args.text_or("Qualifier", "$LATEST"))?;
        let name = function.name.clone();
        let trigger = &mut function.triggers[index];
        if let Some(sent) = args.text("TriggerDesc") {
            let place = Place { region, app_id, name: &trigger.name, function: &name };
            trigger.desc = match kind {
                "ckafka" => ckafka_updated(&trigger.desc, sent)?,
                kind => stored(kind, sent, &place)?,
            };
        }
        if let Some(argument) = args.text("CustomArgument") {
            argument_fits(kind, argument)?;
            argument.clone_into(&mut trigger.argument);
        }
        if let Some(description) = args.text("Description") {
            description.clone_into(&mut trigger.description);
        }
        trigger.enabled = enabled.unwrap_or(trigger.enabled);
        trigger.modified_ms = cx.now_ms;
        Ok(members(json!({})))
    }

    pub(super) fn update_trigger_status(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let kind = args.text_or("Type", "");
        if !["timer", "cos", "ckafka"].contains(&kind) {
            return refuse("UnsupportedOperation.Trigger", format!("UpdateTriggerStatus does not take type {kind}"));
        }
        let enabled = enable(args)?.unwrap_or_default();
        let function = self.named_mut(region, args, cx)?;
        trigger_allowed(function)?;
        let index = find(function, args, args.text_or("Qualifier", "$LATEST"))?;
        let trigger = &mut function.triggers[index];
        if trigger.enabled == enabled {
            return refuse("FailedOperation.UpdateTriggerStatus", "the trigger is already in that state");
        }
        trigger.enabled = enabled;
        trigger.modified_ms = cx.now_ms;
        Ok(members(json!({})))
    }

    pub(super) fn list_triggers(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        self.named(region, args, cx)?;
        let at = super::key(region, args.text_or("Namespace", "default"), args.text_or("FunctionName", ""));
        let function = self.functions.get(&at).expect("it was found a line ago");
        let mut rows = self.trigger_rows(function);
        for filter in args.list("Filters").unwrap_or_default() {
            let name = filter["Name"].as_str().unwrap_or_default();
            if !["Qualifier", "TriggerName", "Description", "Type"].contains(&name) {
                return refuse("InvalidParameterValue.Filters", format!("the filter `{name}` is unknown"));
            }
            rows.retain(|row| filter["Values"].as_array().is_some_and(|values| values.contains(&row[name])));
        }
        let by = match args.text_or("OrderBy", "add_time") {
            "add_time" => "AddTime",
            "mod_time" => "ModTime",
            other => return refuse("InvalidParameterValue.OrderBy", format!("OrderBy `{other}` is unknown")),
        };
        rows.sort_by(|a, b| b[by].as_str().cmp(&a[by].as_str()));
        if args.text_or("Order", "DESC") == "ASC" {
            rows.reverse();
        }
        let total = rows.len();
        let mut rows = page(rows, args.int("Offset").unwrap_or(0), args.int("Limit").unwrap_or(20));
        for row in &mut rows {
            row["BoundResources"] = Value::Null;
            for member in ["CustomArgument", "Description"] {
                if row[member] == "" {
                    row[member] = Value::Null;
                }
            }
        }
        Ok(members(json!({"Triggers": rows, "TotalCount": total})))
    }
}

/// Two cos rules conflict when events and filters can match the same object change.
fn overlap(left: Option<(String, String, String)>, right: Option<(String, String, String)>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return false };
    let family = |event: &str| event.rsplit_once(':').map(|(family, _)| family.to_owned());
    let events =
        left.0 == right.0 || (family(&left.0) == family(&right.0) && (left.0.ends_with('*') || right.0.ends_with('*')));
    let prefixes = left.1.starts_with(&right.1) || right.1.starts_with(&left.1);
    let suffixes = left.2.ends_with(&right.2) || right.2.ends_with(&left.2);
    events && prefixes && suffixes
}

fn trigger_allowed(function: &Function) -> Result<(), Refusal> {
    match function.status {
        Status::Active | Status::UpdateFailed => Ok(()),
        status => refuse(
            "FailedOperation.CreateTrigger",
            format!("Status is {}, unsupport operate: function {}", status.text(), function.name),
        ),
    }
}

fn absent<T>(name: &str, qualifier: &str) -> Result<T, Refusal> {
    refuse("ResourceNotFound.Trigger", format!("there is no trigger {name} on qualifier {qualifier}"))
}

/// The trigger that a call names by type, name, qualifier and, for cos, description.
fn find(function: &Function, args: Args<'_>, qualifier: &str) -> Result<usize, Refusal> {
    let (name, kind) = (args.text_or("TriggerName", ""), args.text_or("Type", ""));
    let rule = args.text("TriggerDesc").and_then(cos_rule);
    if kind == "cos" && rule.is_none() {
        return refuse("InvalidParameterValue.TriggerDesc", "a cos trigger is told apart by its TriggerDesc");
    }
    let found = function.triggers.iter().position(|trigger| {
        trigger.kind == kind
            && trigger.name == name
            && trigger.qualifier == qualifier
            && (kind != "cos" || cos_rule(&trigger.desc) == rule)
    });
    found.map_or_else(|| absent(name, qualifier), Ok)
}

fn enable(args: Args<'_>) -> Result<Option<bool>, Refusal> {
    match args.text("Enable") {
        None => Ok(None),
        Some("OPEN") => Ok(Some(true)),
        Some("CLOSE") => Ok(Some(false)),
        Some(other) => refuse("InvalidParameterValue.Enable", format!("Enable `{other}` is neither OPEN nor CLOSE")),
    }
}

fn trigger_name_fits(kind: &str, name: &str) -> Result<(), Refusal> {
    let timer =
        (1..=100).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if name.is_empty() || (kind == "timer" && !timer) {
        return refuse("InvalidParameterValue.TriggerName", format!("trigger name `{name}` is invalid"));
    }
    Ok(())
}

fn argument_fits(kind: &str, argument: &str) -> Result<(), Refusal> {
    if !argument.is_empty() && kind != "timer" {
        return refuse("InvalidParameterValue.CustomArgument", "CustomArgument is for triggers of type timer");
    }
    if argument.len() > MAX_ARGUMENT {
        return refuse("InvalidParameterValue.CustomArgument", format!("CustomArgument holds {MAX_ARGUMENT} bytes"));
    }
    Ok(())
}
