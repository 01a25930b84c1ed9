//! Aliases: names for versions, with at most one further version beside the main one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{Args, Context, State, page};
use super::Function;
use crate::encoding::platform_time;
use crate::refusal::{Answer, Refusal, members, refuse};

/// An alias.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Alias {
    /// A version's number or `$LATEST`.
    pub(crate) version: String,
    description: String,
    /// `RoutingConfig` as sent, or null.
    routing: Value,
    added_ms: i64,
    modified_ms: i64,
}

impl Alias {
    /// Whether the alias sends calls to that version.
    pub(super) fn uses(&self, version: &str) -> bool {
        self.version == version || further(&self.routing).any(|(further, _)| further == version)
    }

    /// The further version, when a draw of 0 to 1 falls into its weight.
    pub(super) fn drawn(&self, draw: f64) -> Option<String> {
        further(&self.routing).find(|(_, weight)| draw < *weight).map(|(version, _)| version.to_owned())
    }

    fn row(&self, name: &str) -> Value {
        let routing = match &self.routing {
            Value::Null => Value::Null,
            routing => json!({
                "AdditionalVersionWeights": routing.get("AdditionalVersionWeights").cloned().unwrap_or_else(|| json!([])),
                "AddtionVersionMatchs": routing.get("AddtionVersionMatchs").cloned().unwrap_or_else(|| json!([])),
            }),
        };
        json!({
            "Name": name,
            "FunctionVersion": self.version,
            "Description": self.description,
            "RoutingConfig": routing,
            "AddTime": platform_time(self.added_ms),
            "ModTime": platform_time(self.modified_ms),
        })
    }
}

/// The further versions of a routing, with their weights.
fn further(routing: &Value) -> impl Iterator<Item = (&str, f64)> {
    ["AdditionalVersionWeights", "AddtionVersionMatchs"]
        .into_iter()
        .flat_map(|list| routing[list].as_array().into_iter().flatten())
        .map(|item| (item["Version"].as_str().unwrap_or_default(), item["Weight"].as_f64().unwrap_or_default()))
}

/// `$DEFAULT` is always there and means `$LATEST` until it is changed.
fn default_alias(function: &Function) -> Alias {
    Alias {
        version: "$LATEST".to_owned(),
        description: String::new(),
        routing: Value::Null,
        added_ms: function.added_ms,
        modified_ms: function.added_ms,
    }
}

fn found(function: &Function, name: &str) -> Result<Alias, Refusal> {
    match function.aliases.get(name) {
        Some(alias) => Ok(alias.clone()),
        None if name == "$DEFAULT" => Ok(default_alias(function)),
        None => refuse("ResourceNotFound.Alias", format!("function {} has no alias {name}", function.name)),
    }
}

fn checked(function: &Function, args: Args<'_>) -> Result<(String, Value), Refusal> {
    let version = args.text_or("FunctionVersion", "");
    let exists = |version: &str| {
        version == "$LATEST" || version.parse::<u64>().is_ok_and(|number| function.versions.contains_key(&number))
    };
    if !exists(version) {
        return refuse(
            "ResourceNotFound.FunctionVersion",
            format!("function {} has no version {version}", function.name),
        );
    }
    let routing = args.object("RoutingConfig").map_or(Value::Null, |routing| Value::Object(routing.0.clone()));
    let mut count = 0;
    for (further, weight) in further(&routing) {
        count += 1;
        if count > 1 || further == version || !(0.0..=1.0).contains(&weight) {
            return refuse(
                "InvalidParameterValue.RoutingConfig",
                "RoutingConfig takes one further version with a weight of 0 to 1",
            );
        }
        if !exists(further) {
            return refuse("ResourceNotFound.FunctionVersion", format!("there is no version {further}"));
        }
    }
    Ok((version.to_owned(), routing))
}

impl State {
    pub(super) fn create_alias(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let function = self.named_mut(region, args, cx)?;
        let name = args.text_or("Name", "");
        let fits = (1..=64).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if name == "$DEFAULT" || function.aliases.contains_key(name) {
            return refuse("ResourceInUse.Alias", format!("alias {name} already exists"));
        }
        if !fits {
            return refuse("InvalidParameterValue.Alias", format!("alias name `{name}` is invalid"));
        }
        let (version, routing) = checked(function, args)?;
        let alias = Alias {
            version,
            description: args.text_or("Description", "").to_owned(),
            routing,
            added_ms: cx.now_ms,
            modified_ms: cx.now_ms,
        };
        function.aliases.insert(name.to_owned(), alias);
        Ok(members(json!({})))
    }

    pub(super) fn update_alias(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let function = self.named_mut(region, args, cx)?;
        let name = args.text_or("Name", "");
        let mut alias = found(function, name)?;
        (alias.version, alias.routing) = checked(function, args)?;
        if let Some(description) = args.text("Description") {
            description.clone_into(&mut alias.description);
        }
        alias.modified_ms = cx.now_ms;
        function.aliases.insert(name.to_owned(), alias);
        Ok(members(json!({})))
    }

    pub(super) fn get_alias(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let name = args.text_or("Name", "");
        Ok(members(found(self.named(region, args, cx)?, name)?.row(name)))
    }

    pub(super) fn list_aliases(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let function = self.named(region, args, cx)?;
        let wanted = args.text("FunctionVersion").filter(|version| !version.is_empty());
        let default = default_alias(function);
        let own = function.aliases.iter().rev().map(|(name, alias)| (name.as_str(), alias));
        let implied = (!function.aliases.contains_key("$DEFAULT")).then_some(("$DEFAULT", &default));
        let rows: Vec<Value> = own
            .chain(implied)
            .filter(|(_, alias)| wanted.is_none_or(|version| alias.uses(version)))
            .map(|(name, alias)| alias.row(name))
            .collect();
        let total = rows.len();
        // Both are texts in this one action.
        let number = |name: &str, default: i64| args.text(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        let rows = page(rows, number("Offset", 0), number("Limit", 20));
        Ok(members(json!({"Aliases": rows, "TotalCount": total})))
    }

    pub(super) fn delete_alias(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let name = args.text_or("Name", "");
        if name == "$DEFAULT" {
            return refuse("InvalidParameterValue.Alias", "the alias $DEFAULT cannot be deleted");
        }
        let function = self.named_mut(region, args, cx)?;
        if function.aliases.remove(name).is_none() {
            return refuse("ResourceNotFound.Alias", format!("function {} has no alias {name}", function.name));
        }
        Ok(members(json!({})))
    }
}
