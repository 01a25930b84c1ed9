//! GetAccount: usage and limits of a region, and the region's total concurrency.

use serde_json::{Value, json};

use super::super::{Args, Context, State};
use crate::refusal::{Answer, members, refuse};

/// Concurrency of a region in MB (quota page 583/11637).
pub(super) fn total_concurrency_mb(region: &str) -> i64 {
    match region {
        "ap-guangzhou" | "ap-shanghai" | "ap-beijing" | "ap-chengdu" | "ap-hongkong" => 128_000,
        _ => 64_000,
    }
}

impl State {
    pub(super) fn get_account(&mut self, region: &str, cx: &Context) -> Answer {
        self.settle_under(&format!("{region}/"), cx);
        let names = self.namespace_names(region);
        let total = total_concurrency_mb(region);
        let usage: Vec<Value> = names
            .iter()
            .map(|namespace| {
                let prefix = format!("{region}/{namespace}/");
                let functions: Vec<&str> = self.functions.under(&prefix).map(|(_, f)| f.name.as_str()).collect();
                let reserved: i64 = self.functions.under(&prefix).filter_map(|(_, f)| f.reserved_mb).sum();
                let provisioned: i64 = self.functions.under(&prefix).map(|(_, f)| f.provisioned_mb()).sum();
                json!({
                    "Namespace": namespace,
                    "FunctionsCount": functions.len(),
                    "Functions": functions,
                    "TotalConcurrencyMem": 0,
                    "TotalAllocatedConcurrencyMem": reserved,
                    "TotalAllocatedProvisionedMem": provisioned,
                })
            })
            .collect();
        let trigger = json!({
            "Apigw": 10, "Ckafka": 10, "Clb": 10, "Cls": 10, "Cm": 10, "Cmq": 10, "Cos": 10, "Eb": 10, "Mps": 10,
            "Timer": 10, "Vod": 10, "Total": 110,
        });
        let limits: Vec<Value> = names
            .iter()
            .map(|namespace| {
                json!({
                    "Namespace": namespace, "FunctionsCount": 50, "Trigger": trigger, "ConcurrentExecutions": 100,
                    "TimeoutLimit": 900, "TestModelLimit": 20, "InitTimeoutLimit": 300, "RetryNumLimit": 2,
                    "MinMsgTTL": 60, "MaxMsgTTL": 21_600,
                })
            })
            .collect();
        Ok(members(json!({
            "AccountUsage": {
                "NamespacesCount": names.len(), "Namespace": usage, "TotalConcurrencyMem": total,
                "TotalAllocatedConcurrencyMem": 0, "UserConcurrencyMemLimit": total,
            },
            "AccountLimit": {"NamespacesCount": 5, "Namespace": limits},
        })))
    }

    /// Accepts the present total only: buying more is not played here.
    pub(super) fn put_total_concurrency(&mut self, region: &str, args: Args<'_>, _cx: &Context) -> Answer {
        let asked = args.int("TotalConcurrencyMem").unwrap_or_default();
        if asked > total_concurrency_mb(region) {
            return refuse("LimitExceeded.TotalConcurrencyMemory", "the total is above what the region allows");
        }
        Ok(members(json!({})))
    }
}
