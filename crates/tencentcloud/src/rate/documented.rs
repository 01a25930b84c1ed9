//! The rates that the platform documents, in calls per second.

use crate::api::Service;

/// What actions without a published figure get: the figure of most others.
const USUAL: f64 = 20.0;

/// The documented rate of an action, calls per second and account.
#[must_use]
pub fn documented_rate(service: Service, action: &str) -> f64 {
    match service {
        // SCF API overview, page 583/17235; Invoke as InvokeFunction (583/58400), for the page with 20 is of 2019.
        Service::Scf => match action {
            "CreateFunction"
            | "GetFunction"
            | "ListFunctions"
            | "DeleteFunction"
            | "UpdateFunctionCode"
            | "UpdateFunctionConfiguration"
            | "CreateTrigger"
            | "DeleteTrigger" => 100.0,
            "Invoke" | "InvokeFunction" => 10_000.0,
            _ => USUAL,
        },
        // CAM API pages 598/33556 to 598/33562, 598/40384, 598/43427.
        Service::Cam => match action {
            "CreateRole" => 2.0,
            "AttachRolePolicy" | "DetachRolePolicy" => 3.0,
            "DescribeRoleList" | "ListAttachedRolePolicies" | "CreatePolicy" | "UpdatePolicy" | "DeletePolicy" => 10.0,
            _ => USUAL,
        },
        // Tag API overview, page 651/35307.
        Service::Tag => USUAL,
        // STS API pages under 1312; AssumeRoleWithWebIdentity 1312/48207.
        Service::Sts => match action {
            "AssumeRole" => 600.0,
            _ => USUAL,
        },
        // Per bucket, outside of the mainland; ten times that inside (facts CAM 8.3).
        Service::Cos => 3000.0,
        // Undocumented actions.
        Service::Mps => USUAL,
    }
}
