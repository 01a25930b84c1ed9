//! For how little each action can be granted (facts CAM 7.1). An action of the operation level that is granted for a
//! named resource counts as not granted at all, so a resource is named only where a page says that this is possible.

/// The narrowest place an action can be granted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Narrowest {
    /// A function.
    Function,
    /// A role.
    Role,
    /// Objects of a bucket, by how their keys begin.
    Objects,
    /// Nothing: it takes `*`, for this reason.
    Nothing(&'static str),
}

const OPERATION: &str = "CAM checks them by operation, and would refuse every call if a resource were named";
const LIST: &str = "they list, and CAM checks lists by account";
const SILENT: &str = "no page says that CAM checks them by resource, and naming one could refuse every call";
const IDENTITY: &str = "it is not on CAM's list of actions, and only tells who is calling";
const NUMBER: &str = "CAM checks changes of policies by operation, and their numbers are not known before they exist";

/// The narrowest place for an action.
#[must_use]
pub fn narrowest(action: &str) -> Narrowest {
    match action {
        "scf:GetFunction"
        | "scf:CreateFunction"
        | "scf:DeleteFunction"
        | "scf:UpdateFunctionCode"
        | "scf:UpdateFunctionConfiguration"
        | "scf:DeleteReservedConcurrencyConfig" => Narrowest::Function,
        "cam:PassRole" => Narrowest::Role,
        _ if action.starts_with("cos:") => Narrowest::Objects,
        "scf:ListNamespaces" | "scf:ListFunctions" | "cam:DescribeRoleList" | "cam:ListPolicies" => {
            Narrowest::Nothing(LIST)
        }
        "sts:GetCallerIdentity" => Narrowest::Nothing(IDENTITY),
        "cam:UpdatePolicy" | "cam:DeletePolicy" | "cam:GetPolicy" => Narrowest::Nothing(NUMBER),
        "scf:CreateTrigger"
        | "scf:CreateNamespace"
        | "scf:DeleteNamespace"
        | "cam:CreateRole"
        | "cam:CreatePolicy"
        | "cam:AttachRolePolicy"
        | "tag:CreateTag"
        | "tag:TagResources"
        | "tag:UnTagResources"
        | "mps:BindTrigger" => Narrowest::Nothing(OPERATION),
        _ => Narrowest::Nothing(SILENT),
    }
}
