//! Documented request rates, enforced per action over a sliding second when `Options::rates` asks for it.
//! Sources: SCF overview page 583/17235, CAM pages 598/33556-33562, STS 1312/48207, Tag 651/35307.

use std::collections::{HashMap, VecDeque};

use crate::refusal::{Refusal, refuse};

/// Calls a second of one action. Actions without a published figure get 20, the usual one.
fn per_second(service: &str, action: &str) -> usize {
    match (service, action) {
        (
            "scf",
            "CreateFunction"
            | "GetFunction"
            | "ListFunctions"
            | "DeleteFunction"
            | "UpdateFunctionCode"
            | "UpdateFunctionConfiguration"
            | "CreateTrigger"
            | "DeleteTrigger",
        )
        | ("tag", "DescribeResourceTagsByResourceIds" | "DescribeResourcesByTags") => 100,
        ("scf", "InvokeFunction") => 10_000,
        ("tag", "DescribeTags") => 60,
        ("cam", "CreateRole") => 2,
        ("cam", "AttachRolePolicy" | "DetachRolePolicy") => 3,
        (
            "cam",
            "DescribeRoleList"
            | "ListAttachedRolePolicies"
            | "CreatePolicy"
            | "UpdatePolicy"
            | "DeletePolicy"
            | "CreatePolicyVersion",
        ) => 10,
        ("sts", "AssumeRole") => 600,
        _ => 20,
    }
}

/// When the latest calls of each action arrived, in milliseconds.
#[derive(Default)]
pub(crate) struct Rates(HashMap<(String, String), VecDeque<i64>>);

impl Rates {
    /// Admits a call or refuses it. A refused call does not count.
    pub(crate) fn admit(&mut self, service: &str, action: &str, now_ms: i64) -> Result<(), Refusal> {
        let rate = per_second(service, action);
        let arrivals = self.0.entry((service.to_owned(), action.to_owned())).or_default();
        while arrivals.front().is_some_and(|&at| at <= now_ms - 1000) {
            arrivals.pop_front();
        }
        if arrivals.len() >= rate {
            return refuse(
                "RequestLimitExceeded",
                format!("action {action} is limited to {rate} requests per second; try again later"),
            );
        }
        arrivals.push_back(now_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_create_role_of_a_second_is_refused_and_the_next_second_admits_again() {
        let mut rates = Rates::default();
        assert!(rates.admit("cam", "CreateRole", 0).is_ok());
        assert!(rates.admit("cam", "CreateRole", 400).is_ok());
        let refusal = rates.admit("cam", "CreateRole", 999).expect_err("the third call within a second");
        assert_eq!(refusal.code, "RequestLimitExceeded");
        assert!(rates.admit("cam", "CreateRole", 1001).is_ok());
        assert!(rates.admit("cam", "GetRole", 1001).is_ok());
    }
}
