//! Published versions: frozen copies of a function's code and configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{Args, Context, State, page};
use super::{Code, Config, Function, Status};
use crate::encoding::platform_time;
use crate::refusal::{Answer, Refusal, members, refuse};

/// Versions of one function (quota page 583/11637).
const MAX_VERSIONS: usize = 1000;

/// One published version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) description: String,
    pub(crate) handler: String,
    pub(crate) config: Config,
    pub(crate) code: Code,
    pub(crate) added_ms: i64,
}

impl Function {
    /// What a qualifier means: `None` is `$LATEST`, else a version's number. Aliases count.
    pub(crate) fn version_of(&self, qualifier: &str, absent: &'static str) -> Result<Option<u64>, Refusal> {
        let not_there = || Refusal::new(absent, format!("function {} has no version or alias {qualifier}", self.name));
        let version = match qualifier {
            "" | "$LATEST" => return Ok(None),
            name => match self.aliases.get(name) {
                Some(alias) => alias.version.as_str(),
                None if name == "$DEFAULT" => return Ok(None),
                None => name,
            },
        };
        if version == "$LATEST" {
            return Ok(None);
        }
        let number: u64 = version.parse().map_err(|_| not_there())?;
        if self.versions.contains_key(&number) { Ok(Some(number)) } else { Err(not_there()) }
    }

    /// Freezes what the function is now.
    pub(super) fn publish(&mut self, description: &str, now_ms: i64) -> u64 {
        let number = self.next_version;
        self.next_version += 1;
        self.versions.insert(
            number,
            Version {
                description: description.to_owned(),
                handler: self.handler.clone(),
                config: self.config.clone(),
                code: self.code.clone(),
                added_ms: now_ms,
            },
        );
        number
    }

    pub(super) fn drop_version(&mut self, qualifier: &str, force: bool) -> Result<(), Refusal> {
        let number = qualifier.parse::<u64>().ok().filter(|number| self.versions.contains_key(number));
        let Some(number) = number else {
            return refuse("ResourceNotFound.FunctionVersion", format!("there is no version {qualifier}"));
        };
        let bound = self.aliases.iter().find(|(_, alias)| alias.uses(qualifier));
        if let Some((name, _)) = bound.filter(|_| !force) {
            return refuse("UnsupportedOperation.AliasBind", format!("alias {name} points at version {qualifier}"));
        }
        self.versions.remove(&number);
        self.provisioned.remove(qualifier);
        self.triggers.retain(|trigger| trigger.qualifier != qualifier);
        Ok(())
    }
}

impl State {
    pub(super) fn publish_version(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let function = self.named_mut(region, args, cx)?;
        function.changeable("FailedOperation.PublishVersion")?;
        if cx.quotas && function.versions.len() >= MAX_VERSIONS {
            return refuse("LimitExceeded.FunctionVersions", format!("a function keeps {MAX_VERSIONS} versions"));
        }
        let description = args.text_or("Description", "");
        let number = function.publish(description, cx.now_ms);
        function.start(Status::Publishing, Some(Status::Active), Vec::new(), cx);
        Ok(members(json!({
            "FunctionVersion": number.to_string(),
            "CodeSize": function.code.size(),
            "MemorySize": function.config.memory_mb,
            "Description": description,
            "Handler": function.handler,
            "Timeout": function.config.timeout_s,
            "Runtime": function.runtime,
            "Namespace": function.namespace,
        })))
    }

    pub(super) fn list_version_by_function(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let function = self.named(region, args, cx)?;
        let mut rows: Vec<Value> = vec![json!({
            "Version": "$LATEST",
            "Description": function.config.description,
            "AddTime": platform_time(function.added_ms),
            "ModTime": platform_time(function.modified_ms),
            "Status": function.status.text(),
        })];
        rows.extend(function.versions.iter().rev().map(|(number, version)| {
            json!({
                "Version": number.to_string(),
                "Description": version.description,
                "AddTime": platform_time(version.added_ms),
                "ModTime": platform_time(version.added_ms),
                "Status": "Active",
            })
        }));
        if args.text_or("Order", "DESC") == "ASC" {
            rows.reverse();
        }
        let total = rows.len();
        let rows = page(rows, args.int("Offset").unwrap_or(0), args.int("Limit").unwrap_or(20));
        let names: Vec<&Value> = rows.iter().map(|row| &row["Version"]).collect();
        Ok(members(json!({"FunctionVersion": names, "Versions": rows, "TotalCount": total})))
    }

    pub(super) fn delete_function_version(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let force = args.text("ForceDelete") == Some("true");
        let qualifier = args.text_or("Qualifier", "").to_owned();
        let function = self.named_mut(region, args, cx)?;
        function.changeable("FailedOperation.DeleteFunction")?;
        function.drop_version(&qualifier, force)?;
        Ok(members(json!({})))
    }
}
