//! The services' published definitions, reduced to names, types and required flags, and the check of a
//! call's members against them. Knows nothing about what a member means.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::refusal::{Refusal, refuse};

/// One service's definition.
#[derive(Deserialize)]
pub(crate) struct Definition {
    pub(crate) version: String,
    /// Served action to the name of its request object.
    actions: BTreeMap<String, String>,
    /// Object name to member name to type: `string`, `int`, `Name`, `[Name]`; a trailing `*` means required.
    objects: HashMap<String, BTreeMap<String, String>>,
    /// Actions of the published definition that are not served.
    other_actions: BTreeSet<String>,
}

static DEFINITIONS: LazyLock<HashMap<&'static str, Definition>> = LazyLock::new(|| {
    [
        ("scf", include_str!("../data/scf.json")),
        ("cam", include_str!("../data/cam.json")),
        ("tag", include_str!("../data/tag.json")),
        ("sts", include_str!("../data/sts.json")),
        ("mps", include_str!("../data/mps.json")),
    ]
    .into_iter()
    .map(|(service, text)| {
        let definition = serde_json::from_str(text).expect("the embedded definitions are valid JSON");
        (service, definition)
    })
    .collect()
});

/// Names of the served actions: of one service, or of all.
pub(crate) fn actions(service: Option<&str>) -> impl Iterator<Item = &'static str> {
    let asked = DEFINITIONS.iter().filter(move |(name, _)| service.is_none_or(|service| service == **name));
    asked.flat_map(|(_, definition)| definition.actions.keys().map(String::as_str))
}

/// Where a call's members came from, which decides how strict their types are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A JSON body: types as defined.
    Json,
    /// A query string: everything arrives as text and is read as the member's type.
    Query,
}

/// Finds the action's definition and brings `members` into its form: checked, nulls dropped.
pub(crate) fn check(
    service: &str,
    version: &str,
    action: &str,
    source: Source,
    given: Map<String, Value>,
) -> Result<Map<String, Value>, Refusal> {
    let Some(definition) = DEFINITIONS.get(service) else {
        return refuse(
            "NoSuchProduct",
            format!("product {service} is not served here; served are scf, cam, tag, sts and mps"),
        );
    };
    if version.is_empty() {
        return refuse("MissingParameter", "the request lacks the common parameter `Version`");
    }
    if version != definition.version {
        return refuse("NoSuchVersion", format!("{service} has no version `{version}`; it has {}", definition.version));
    }
    let Some(request) = definition.actions.get(action) else {
        if definition.other_actions.contains(action) {
            let served: Vec<&str> = definition.actions.keys().map(String::as_str).collect();
            return refuse(
                "UnsupportedOperation",
                format!("the local cloud does not serve {service} {action}; it serves {}", served.join(", ")),
            );
        }
        return refuse("InvalidAction", format!("{service} {version} has no action `{action}`"));
    };
    Checker { definition, source }.object(request, "", given)
}

struct Checker<'a> {
    definition: &'a Definition,
    source: Source,
}

impl Checker<'_> {
    fn object(&self, name: &str, path: &str, given: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
        let Some(defined) = self.definition.objects.get(name) else {
            unreachable!("the embedded definition refers to an object `{name}` that it lacks");
        };
        let mut checked = Map::new();
        for (member, value) in given {
            let Some(kind) = defined.get(&member) else {
                return refuse(
                    "UnknownParameter",
                    format!("the parameter `{}` is not recognized", join(path, &member)),
                );
            };
            if !value.is_null() {
                let value = self.value(kind.trim_end_matches('*'), &join(path, &member), value)?;
                checked.insert(member, value);
            }
        }
        for (member, kind) in defined {
            if kind.ends_with('*') && !checked.contains_key(member) {
                return refuse(
                    "MissingParameter",
                    format!("the request is missing the required parameter `{}`", join(path, member)),
                );
            }
        }
        Ok(checked)
    }

    fn value(&self, kind: &str, path: &str, value: Value) -> Result<Value, Refusal> {
        if let Some(element) = kind.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let Value::Array(items) = value else { return wrong(path, "a list", &value) };
            return items
                .into_iter()
                .enumerate()
                .map(|(index, item)| self.value(element, &join(path, &index.to_string()), item))
                .collect();
        }
        match kind {
            "string" => match value {
                Value::String(_) => Ok(value),
                other => wrong(path, "a string", &other),
            },
            "int" | "int64" | "uint64" => {
                let number = match (&value, self.source) {
                    (Value::String(text), Source::Query) => text.parse::<i64>().ok(),
                    (Value::Number(number), _) => number.as_i64(),
                    _ => None,
                };
                match number {
                    Some(number) if kind != "uint64" || number >= 0 => Ok(number.into()),
                    _ => wrong(path, "an integer", &value),
                }
            }
            "float" => match (&value, self.source) {
                (Value::String(text), Source::Query) => match text.parse::<f64>() {
                    Ok(number) => Ok(number.into()),
                    Err(_) => wrong(path, "a number", &value),
                },
                (Value::Number(_), _) => Ok(value),
                _ => wrong(path, "a number", &value),
            },
            "bool" => match (&value, self.source) {
                (Value::Bool(_), _) => Ok(value),
                (Value::String(text), Source::Query) if text == "true" || text == "false" => {
                    Ok((text == "true").into())
                }
                _ => wrong(path, "a boolean", &value),
            },
            object => match value {
                Value::Object(members) => Ok(Value::Object(self.object(object, path, members)?)),
                other => wrong(path, "an object", &other),
            },
        }
    }
}

fn join(path: &str, member: &str) -> String {
    if path.is_empty() { member.to_owned() } else { format!("{path}.{member}") }
}

/// Wrong types are `InvalidParameter`: assumed, the services' own wording is not published.
fn wrong<T>(path: &str, expected: &str, value: &Value) -> Result<T, Refusal> {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    refuse("InvalidParameter", format!("the parameter `{path}` must be {expected}, not {got}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn verdict(action: &str, given: Value) -> String {
        let Value::Object(given) = given else { panic!("members are an object") };
        match check("scf", "2018-04-16", action, Source::Json, given) {
            Ok(_) => "ok".to_owned(),
            Err(refusal) => format!("{}: {}", refusal.code, refusal.message),
        }
    }

    #[test]
    fn each_kind_of_misfit_has_its_code_and_names_the_member() {
        let cases = [
            (json!({"FunctionName": "f"}), "ok"),
            (json!({"FunctionName": null}), "ok"),
            (json!({"Nmae": "f"}), "UnknownParameter: the parameter `Nmae` is not recognized"),
            (
                json!({"FunctionName": 1}),
                "InvalidParameter: the parameter `FunctionName` must be a string, not a number",
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(verdict("GetFunction", given), expected);
        }
        let layers =
            json!({"FunctionName": "f", "Layers": [{"LayerName": "a", "LayerVersion": 1}, {"LayerName": "b"}]});
        assert_eq!(
            verdict("UpdateFunctionConfiguration", layers),
            "MissingParameter: the request is missing the required parameter `Layers.1.LayerVersion`"
        );
        assert!(
            verdict("GetLayerVersion", json!({})).starts_with("UnsupportedOperation: the local cloud does not serve")
        );
        assert!(verdict("GetFunctoin", json!({})).starts_with("InvalidAction"));
    }

    #[test]
    fn every_object_that_a_definition_refers_to_is_in_it() {
        for definition in DEFINITIONS.values() {
            let plain = ["string", "int", "int64", "uint64", "float", "bool"];
            for members in definition.objects.values() {
                for kind in members.values() {
                    let kind = kind.trim_matches(|c| "[]*".contains(c));
                    assert!(plain.contains(&kind) || definition.objects.contains_key(kind), "{kind}");
                }
            }
            for request in definition.actions.values() {
                assert!(definition.objects.contains_key(request), "{request}");
            }
        }
    }
}
