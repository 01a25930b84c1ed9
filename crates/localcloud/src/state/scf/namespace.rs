//! Namespaces of a region. `default` is always there.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{Args, Context, State, page};
use crate::encoding::platform_time;
use crate::refusal::{Answer, Refusal, members, refuse};

/// Namespaces a region holds, `default` included (quota page 583/11637).
const MAX_NAMESPACES: usize = 5;

/// A namespace made by a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Namespace {
    description: String,
    added_ms: i64,
    modified_ms: i64,
}

impl State {
    /// Refuses unless the namespace is there.
    pub(super) fn namespace_exists(&self, region: &str, namespace: &str) -> Result<(), Refusal> {
        if namespace == "default" || self.namespaces.contains(&format!("{region}/{namespace}")) {
            return Ok(());
        }
        refuse("ResourceNotFound.Namespace", format!("namespace {namespace} does not exist in {region}"))
    }

    /// Names of a region's namespaces.
    pub(super) fn namespace_names(&self, region: &str) -> Vec<String> {
        let prefix = format!("{region}/");
        let made = self.namespaces.under(&prefix).map(|(key, _)| key[prefix.len()..].to_owned());
        made.filter(|name| name != "default").chain(["default".to_owned()]).collect()
    }

    pub(super) fn create_namespace(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let name = args.text_or("Namespace", "");
        let fits = (2..=60).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && !name.ends_with(['-', '_'])
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !fits {
            return refuse("InvalidParameterValue.NamespaceInvalid", format!("namespace name `{name}` is invalid"));
        }
        describe_fits(args.text_or("Description", ""))?;
        if self.namespace_exists(region, name).is_ok() {
            return refuse("ResourceInUse.Namespace", format!("namespace {name} already exists"));
        }
        if cx.quotas && self.namespace_names(region).len() >= MAX_NAMESPACES {
            return refuse("LimitExceeded.Namespace", format!("a region holds {MAX_NAMESPACES} namespaces"));
        }
        let row = Namespace {
            description: args.text_or("Description", "").to_owned(),
            added_ms: cx.now_ms,
            modified_ms: cx.now_ms,
        };
        self.namespaces.insert(format!("{region}/{name}"), row);
        Ok(members(json!({})))
    }

    pub(super) fn update_namespace(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let name = args.text_or("Namespace", "");
        self.namespace_exists(region, name)?;
        let description = args.text_or("Description", "").to_owned();
        describe_fits(&description)?;
        let key = format!("{region}/{name}");
        let added_ms = self.namespaces.get(&key).map_or(0, |row| row.added_ms);
        self.namespaces.insert(key, Namespace { description, added_ms, modified_ms: cx.now_ms });
        Ok(members(json!({})))
    }

    pub(super) fn delete_namespace(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let name = args.text_or("Namespace", "");
        self.namespace_exists(region, name)?;
        if name == "default" {
            return refuse("FailedOperation.DeleteNamespace", "the namespace default cannot be deleted");
        }
        let prefix = format!("{region}/{name}/");
        self.settle_under(&prefix, cx);
        if let Some((_, function)) = self.functions.under(&prefix).next() {
            return refuse(
                "FailedOperation.DeleteNamespace",
                format!("namespace {name} still holds functions, such as {}", function.name),
            );
        }
        self.namespaces.remove(&format!("{region}/{name}"));
        Ok(members(json!({})))
    }

    pub(super) fn list_namespaces(&mut self, region: &str, args: Args<'_>, _cx: &Context) -> Answer {
        let wanted = args.list("SearchKey").unwrap_or_default();
        let matches = |name: &str, description: &str| {
            wanted.iter().all(|search| {
                let value = search["Value"].as_str().unwrap_or_default();
                match search["Key"].as_str() {
                    Some("Description") => description.contains(value),
                    _ => name.contains(value),
                }
            })
        };
        let rows: Vec<Value> = self
            .namespace_names(region)
            .into_iter()
            .filter_map(|name| {
                let row = self.namespaces.get(&format!("{region}/{name}"));
                let description = row.map_or("", |row| row.description.as_str());
                matches(&name, description).then(|| {
                    json!({
                        "Name": name,
                        "Description": description,
                        "AddTime": platform_time(row.map_or(0, |row| row.added_ms)),
                        "ModTime": platform_time(row.map_or(0, |row| row.modified_ms)),
                        "Type": "default",
                    })
                })
            })
            .collect();
        let total = rows.len();
        let rows = page(rows, args.int("Offset").unwrap_or(0), args.int("Limit").unwrap_or(20));
        Ok(members(json!({"Namespaces": rows, "TotalCount": total})))
    }
}

fn describe_fits(description: &str) -> Result<(), Refusal> {
    if description.chars().count() > 1000 {
        return refuse("InvalidParameterValue.Description", "a description holds 1000 characters");
    }
    Ok(())
}
