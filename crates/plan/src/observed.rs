//! Observed state: what the cloud answered, in the same normal forms as desired state. A read that failed
//! never gets here: absent means the service said so (design rule 1).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::mark::Mark;
use crate::resource::function::{Function, ServedImage, Setting};
use crate::resource::namespace::Namespace;
use crate::resource::policy::Policy;
use crate::resource::role::Role;
use crate::resource::tags::Tags;
use crate::resource::trigger::RawTrigger;

/// Where a function lives. Shared, for in a large stack each is named by many changes and steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionKey(Arc<FunctionPlace>);

/// Region, namespace and name of a function.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionPlace {
    /// Region.
    pub region: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl FunctionKey {
    /// A function by where it lives.
    #[must_use]
    pub fn new(region: impl Into<String>, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self(Arc::new(FunctionPlace { region: region.into(), namespace: namespace.into(), name: name.into() }))
    }

    /// Region, namespace and name, to look it up without a copy.
    #[must_use]
    pub fn place(&self) -> (&str, &str, &str) {
        (&self.region, &self.namespace, &self.name)
    }
}

impl std::ops::Deref for FunctionKey {
    type Target = FunctionPlace;

    fn deref(&self) -> &FunctionPlace {
        &self.0
    }
}

impl std::fmt::Display for FunctionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.region, self.namespace, self.name)
    }
}

/// Everything a plan was made from. Every object of interest is listed: with `None` when it is absent.
#[derive(Clone, Default)]
pub struct Observed {
    /// Owner uin of the account.
    pub account: String,
    /// Policies by name.
    pub policies: BTreeMap<String, Option<ObservedPolicy>>,
    /// Roles by name.
    pub roles: BTreeMap<String, Option<ObservedRole>>,
    /// Namespaces by region and name.
    pub namespaces: BTreeMap<(String, String), Option<ObservedNamespace>>,
    /// Functions.
    pub functions: BTreeMap<FunctionKey, Option<Box<ObservedFunction>>>,
    /// Who holds MPS event types; `None` until somebody had to look.
    pub holders: Option<BTreeMap<String, Holder>>,
    /// What was left out of the observation, if anything.
    pub left_out: Option<String>,
}

/// A policy in the cloud.
#[derive(Debug, Clone)]
pub struct ObservedPolicy {
    /// Id.
    pub id: u64,
    /// What it says; tags are all tags, the mark's included.
    pub policy: Policy,
}

/// A role in the cloud.
#[derive(Debug, Clone)]
pub struct ObservedRole {
    /// Id, a number beyond 2^53 kept as text.
    pub id: String,
    /// What it is; tags are all tags, the mark's included.
    pub role: Role,
    /// Each attached policy by name and id, where ids were read. Names of presets may be those of custom policies, too.
    pub attached: Vec<(String, u64)>,
}

/// A namespace in the cloud.
#[derive(Debug, Clone)]
pub struct ObservedNamespace {
    /// What it says, without the mark.
    pub namespace: Namespace,
    /// The mark at the end of its description.
    pub mark: Option<Mark>,
    /// How many functions are in it that are not the stack's; counted where it is the stack's.
    pub others: usize,
}

/// What the platform is doing with a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// At rest.
    Active,
    /// At work: `Creating`, `Updating`, `Publishing`, `Deleting`.
    Busy(String),
    /// Never came to be; can only be deleted.
    CreateFailed(String),
    /// At rest after a change that failed; the old content serves.
    Failed(String),
}

impl Status {
    /// Reads the platform's word, in whatever case it is written (facts SCF 3.1).
    #[must_use]
    pub fn from_platform(status: &str, reason: &str) -> Self {
        const BUSY: [&str; 4] = ["Creating", "Updating", "Publishing", "Deleting"];
        const FAILED: [&str; 3] = ["UpdateFailed", "PublishFailed", "DeleteFailed"];
        let among = |words: &[&'static str]| words.iter().copied().find(|word| word.eq_ignore_ascii_case(status));
        if let Some(word) = among(&BUSY) {
            Self::Busy(word.to_owned())
        } else if among(&["CreateFailed"]).is_some() {
            Self::CreateFailed(reason.to_owned())
        } else if let Some(word) = among(&FAILED) {
            Self::Failed(format!("{word}: {reason}"))
        } else {
            Self::Active
        }
    }
}

/// A function in the cloud.
#[derive(Debug, Clone)]
pub struct ObservedFunction {
    /// Settings; the description is without the mark, tags are all tags, the mark's included.
    pub function: Arc<Function>,
    /// The mark at the end of its description.
    pub mark: Option<Mark>,
    /// What the platform is doing with it.
    pub status: Status,
    /// Settings that the answer left open; in `function` they have some value.
    pub not_given: Vec<Setting>,
    /// Its image, when one was given.
    pub image: Option<Box<ServedImage>>,
    /// Its triggers of every qualifier.
    pub triggers: Vec<RawTrigger>,
}

// Arguments of triggers may be secrets: Debug shows identity only.
impl std::fmt::Debug for RawTrigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RawTrigger({} {})", self.kind, self.name)
    }
}

/// Who holds an MPS event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody in any region.
    Nobody,
    /// This function, through this binding.
    Function(FunctionKey, RawTrigger),
    /// Some region could not be read; the text says which and why.
    Undetermined(String),
}

/// Tags of an object, for any kind.
#[must_use]
pub fn protects(tags: &Tags) -> bool {
    tags.get(crate::mark::PROTECT_TAG).is_some_and(|v| v == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_known_in_any_case_and_told_in_one() {
        for word in ["Deleting", "DELETING", "deleting"] {
            assert_eq!(Status::from_platform(word, ""), Status::Busy("Deleting".to_owned()));
        }
        assert_eq!(Status::from_platform("createfailed", "why"), Status::CreateFailed("why".to_owned()));
        assert_eq!(Status::from_platform("UPDATEFAILED", "why"), Status::Failed("UpdateFailed: why".to_owned()));
        assert_eq!(Status::from_platform("active", ""), Status::Active);
        assert_eq!(Status::from_platform("Hibernating", ""), Status::Active, "a word we do not know");
    }
}
