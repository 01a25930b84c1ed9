//! Changes: what happens to one resource, why, and by which steps.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use crate::address::ResourceAddress;
use crate::attributes::AttributeChange;
use crate::decide;
use crate::diagnostic::Diagnostic;
use crate::observed::FunctionKey;
use crate::resource::Origin;
use crate::resource::function::Function;
use crate::resource::trigger::Trigger;
use crate::step::Step;

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It does not exist yet.
    Create,
    /// It is changed in place.
    Update,
    /// It is deleted and made anew.
    Replace,
    /// It goes.
    Delete,
}

impl Action {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

/// Who made the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The manifest changed since the last apply.
    Manifest,
    /// The cloud changed since the last apply.
    Cloud,
    /// Both did.
    Both,
    /// Nothing tells.
    Unknown,
}

impl Cause {
    /// Whether the cloud moved away from what was applied.
    #[must_use]
    pub fn is_drift(self) -> bool {
        matches!(self, Self::Cloud | Self::Both)
    }

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Cloud => "cloud",
            Self::Both => "both",
            Self::Unknown => "unknown",
        }
    }
}

/// Something that is made, all of whose attributes are new.
#[derive(Debug, Clone)]
pub enum Made {
    /// A function with these settings and the code of this digest.
    Function(Arc<Function>, Box<str>),
    /// A trigger.
    Trigger(Arc<Trigger>),
}

/// What differs between the cloud and the manifest.
#[derive(Debug, Clone)]
pub enum Differences {
    /// These attributes.
    Listed(Vec<AttributeChange>),
    /// Those of something that is made, listed when they are asked for: they were a quarter of a large plan.
    Made(Made),
}

/// What is to be done about one resource.
#[derive(Debug, Clone)]
pub struct Decision {
    /// What happens; `None` is nothing.
    pub action: Option<Action>,
    /// What differs; nothing where `made` says it.
    pub attributes: Vec<AttributeChange>,
    /// What is made.
    pub made: Option<Made>,
    /// Paths that force a replacement.
    pub requires_replace: Vec<String>,
    /// Who made the difference.
    pub cause: Cause,
    /// Why, in words.
    pub reason: Cow<'static, str>,
    /// Whether events can be lost while it happens.
    pub events_may_be_missed: bool,
    /// The writes.
    pub steps: Vec<Step>,
    /// What forbids it, or is worth knowing.
    pub findings: Vec<Diagnostic>,
}

impl Decision {
    /// Nothing to do.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            action: None,
            attributes: Vec::new(),
            made: None,
            requires_replace: Vec::new(),
            cause: Cause::Unknown,
            reason: Cow::Borrowed(""),
            events_may_be_missed: false,
            steps: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Something to do.
    #[must_use]
    pub fn new(action: Action, cause: Cause, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { action: Some(action), cause, reason: reason.into(), ..Self::nothing() }
    }

    /// Nothing may be done, for this reason.
    #[must_use]
    pub fn refused(finding: Diagnostic) -> Self {
        Self { findings: vec![finding], ..Self::nothing() }
    }
}

/// Where the object of a change lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// In the account: roles and policies.
    Account,
    /// In a region: namespaces.
    Region(String),
    /// At a function: itself, or a trigger of it.
    Function(FunctionKey),
}

impl Home {
    /// Its region; empty for what is account-wide.
    #[must_use]
    pub fn region(&self) -> &str {
        match self {
            Self::Account => "",
            Self::Region(region) => region,
            Self::Function(key) => &key.region,
        }
    }

    /// The function, if it is at one.
    #[must_use]
    pub fn function(&self) -> Option<&FunctionKey> {
        match self {
            Self::Function(key) => Some(key),
            Self::Account | Self::Region(_) => None,
        }
    }
}

/// A decision about one address, placed in an order.
#[derive(Debug, Clone)]
pub struct Change {
    /// Which resource.
    pub address: ResourceAddress,
    /// Where its object lives.
    pub home: Home,
    /// What happens.
    pub action: Action,
    /// What differs; nothing for deletes.
    pub differences: Differences,
    /// Paths that force a replacement.
    pub requires_replace: Vec<String>,
    /// Who made the difference.
    pub cause: Cause,
    /// Why, in words.
    pub reason: Cow<'static, str>,
    /// Whether events can be lost meanwhile.
    pub events_may_be_missed: bool,
    /// The writes.
    pub steps: Vec<Step>,
    /// Changes that must have been applied before, by index into the plan.
    pub after: Vec<usize>,
    /// Where the resource stands in the manifest.
    pub origin: Origin,
}

impl Change {
    /// What differs, in display order.
    #[must_use]
    pub fn attributes(&self) -> Cow<'_, [AttributeChange]> {
        match &self.differences {
            Differences::Listed(attributes) => Cow::Borrowed(attributes),
            Differences::Made(made) => Cow::Owned(decide::attributes_of(made, &self.origin)),
        }
    }

    /// The same, to be changed.
    pub fn attributes_mut(&mut self) -> &mut Vec<AttributeChange> {
        if let Differences::Made(made) = &self.differences {
            self.differences = Differences::Listed(decide::attributes_of(made, &self.origin));
        }
        match &mut self.differences {
            Differences::Listed(attributes) => attributes,
            Differences::Made(_) => unreachable!("they have just been listed"),
        }
    }
}

/// `memory differs`, `memory and timeout differ`, `memory, timeout and 3 more differ`.
#[must_use]
pub fn differing(attributes: &[AttributeChange]) -> String {
    let paths: Vec<&str> = attributes.iter().map(|a| &*a.path).collect();
    match paths.as_slice() {
        [] => "nothing differs".to_owned(),
        [one] => format!("{one} differs"),
        [one, two] => format!("{one} and {two} differ"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more differ", rest.len()),
    }
}
