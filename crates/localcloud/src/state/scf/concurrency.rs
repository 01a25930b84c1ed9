//! Reserved and provisioned concurrency, and the settings of asynchronous invocation.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{Args, Context, State};
use super::Function;
use super::account::total_concurrency_mb;
use crate::refusal::{Answer, members, refuse};

/// What a region keeps for functions without a reservation, in MB.
const UNRESERVED_MB: i64 = 12_800;

/// Provisioned concurrency of one version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Provisioned {
    pub(crate) instances: i64,
    pub(crate) until_ms: i64,
    actions: Value,
}

impl Function {
    pub(super) fn provisioned_mb(&self) -> i64 {
        self.provisioned.values().map(|provisioned| provisioned.instances).sum::<i64>() * self.config.memory_mb
    }
}

impl State {
    pub(super) fn put_reserved(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let asked = args.int("ReservedConcurrencyMem").unwrap_or_default();
        let function = self.named(region, args, cx)?;
        let own = function.reserved_mb.unwrap_or_default();
        if asked < 0 || (asked > 0 && asked < function.config.memory_mb) {
            return refuse(
                "InvalidParameterValue.Memory",
                format!("{asked} MB do not hold one instance of {} MB", function.config.memory_mb),
            );
        }
        let others: i64 = self.functions.under(&format!("{region}/")).filter_map(|(_, f)| f.reserved_mb).sum();
        if others - own + asked > total_concurrency_mb(region) - UNRESERVED_MB {
            return refuse(
                "LimitExceeded.FunctionReservedConcurrencyMemory",
                format!("reservations leave less than {UNRESERVED_MB} MB of the region's total"),
            );
        }
        self.named_mut(region, args, cx)?.reserved_mb = Some(asked);
        Ok(members(json!({})))
    }

    pub(super) fn get_reserved(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let reserved = self.named(region, args, cx)?.reserved_mb;
        Ok(members(json!({"ReservedMem": reserved})))
    }

    pub(super) fn delete_reserved(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        self.named_mut(region, args, cx)?.reserved_mb = None;
        Ok(members(json!({})))
    }

    pub(super) fn put_provisioned(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let qualifier = args.text_or("Qualifier", "").to_owned();
        if qualifier == "$LATEST" || qualifier == "$DEFAULT" {
            return refuse("InvalidParameterValue.Qualifier", "provisioned concurrency is for published versions");
        }
        let function = self.named_mut(region, args, cx)?;
        function.changeable("FailedOperation.FunctionVersionStatusNotActive")?;
        function.version_of(&qualifier, "ResourceNotFound.Qualifier")?;
        if function.provisioned.get(&qualifier).is_some_and(|there| there.until_ms > cx.now_ms) {
            return refuse("FailedOperation.ProvisionedInProgress", "a change of the version's concurrency is running");
        }
        let provisioned = Provisioned {
            instances: args.int("VersionProvisionedConcurrencyNum").unwrap_or_default(),
            until_ms: cx.now_ms + cx.settle_ms,
            actions: args.list("TriggerActions").map_or_else(|| json!([]), |list| list.to_vec().into()),
        };
        function.provisioned.insert(qualifier, provisioned);
        Ok(members(json!({})))
    }

    pub(super) fn get_provisioned(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let function = self.named(region, args, cx)?;
        let wanted = args.text("Qualifier");
        let rows: Vec<Value> = function
            .provisioned
            .iter()
            .filter(|(qualifier, _)| wanted.is_none_or(|wanted| wanted == qualifier.as_str()))
            .map(|(qualifier, provisioned)| {
                let done = provisioned.until_ms <= cx.now_ms;
                json!({
                    "Qualifier": qualifier,
                    "AllocatedProvisionedConcurrencyNum": provisioned.instances,
                    "AvailableProvisionedConcurrencyNum": if done { provisioned.instances } else { 0 },
                    "Status": if done { "Done" } else { "InProgress" },
                    "StatusReason": "",
                    "TriggerActions": provisioned.actions,
                })
            })
            .collect();
        let free = (total_concurrency_mb(region) - function.provisioned_mb()) / function.config.memory_mb.max(1);
        Ok(members(json!({"UnallocatedConcurrencyNum": free, "Allocated": rows})))
    }

    pub(super) fn delete_provisioned(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let qualifier = args.text_or("Qualifier", "").to_owned();
        let function = self.named_mut(region, args, cx)?;
        if function.provisioned.remove(&qualifier).is_none() {
            return refuse("ResourceNotFound.Qualifier", format!("version {qualifier} has no provisioned concurrency"));
        }
        Ok(members(json!({})))
    }

    pub(super) fn get_event_invoke(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let function = self.named(region, args, cx)?;
        // The official sample lists a second item of -1.
        Ok(members(json!({"AsyncTriggerConfig": {
            "MsgTTL": function.max_age_s,
            "RetryConfig": [{"RetryNum": function.retries}, {"RetryNum": -1}],
        }})))
    }

    pub(super) fn update_event_invoke(&mut self, region: &str, args: Args<'_>, cx: &Context) -> Answer {
        let Some(config) = args.object("AsyncTriggerConfig") else {
            return refuse("MissingParameter", "the request is missing `AsyncTriggerConfig`");
        };
        let age = config.int("MsgTTL").unwrap_or_default();
        if !(60..=21_600).contains(&age) {
            return refuse("LimitExceeded.MsgTTL", format!("MsgTTL {age} is not within 60 and 21600 seconds"));
        }
        let retries =
            config.list("RetryConfig").and_then(|list| list.first()).and_then(|item| item["RetryNum"].as_i64());
        let Some(retries) = retries.filter(|retries| (0..=2).contains(retries)) else {
            return refuse("LimitExceeded.RetryNum", "RetryNum is 0 to 2");
        };
        let function = self.named_mut(region, args, cx)?;
        (function.retries, function.max_age_s) = (retries, age);
        Ok(members(json!({})))
    }
}
