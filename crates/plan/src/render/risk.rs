//! How much a change deserves a reviewer's eye. What destroys comes first, then who may do what, then what runs,
//! then everything else. Used by every report for reviewers; decides nothing about the plan itself.

use crate::address::Kind;
use crate::change::{Action, Change};
use crate::plan::Plan;
use crate::resource::trigger::Spec;
use crate::step::Step;

/// Ranks, the riskiest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Risk {
    /// A delete or a replacement.
    Destroys,
    /// Roles, policies, and who may call a function over HTTP.
    Permissions,
    /// What a function runs.
    Code,
    /// Settings, schedules, names, tags.
    Settings,
}

impl Risk {
    /// Every rank, the riskiest first.
    pub const ALL: [Risk; 4] = [Risk::Destroys, Risk::Permissions, Risk::Code, Risk::Settings];

    /// The rank of a change.
    #[must_use]
    pub fn of(change: &Change) -> Self {
        match change.action {
            Action::Delete | Action::Replace => Self::Destroys,
            Action::Create | Action::Update if touches_permissions(change) => Self::Permissions,
            Action::Create | Action::Update if touches_code(change) => Self::Code,
            Action::Create | Action::Update => Self::Settings,
        }
    }

    /// What a reviewer calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Destroys => "high",
            Self::Permissions => "medium",
            Self::Code => "low",
            Self::Settings => "minimal",
        }
    }

    /// What such changes do.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Destroys => "deleted or replaced",
            Self::Permissions => "in permissions",
            Self::Code => "in code",
            Self::Settings => "in settings",
        }
    }
}

/// The changes of a plan, the riskiest first and in apply order within a rank.
#[must_use]
pub fn ranked(plan: &Plan) -> Vec<(Risk, &Change)> {
    let mut all: Vec<(Risk, &Change)> = plan.changes.iter().map(|c| (Risk::of(c), c)).collect();
    all.sort_by_key(|(risk, _)| *risk);
    all
}

/// The riskiest change of these plans; `None` when nothing changes.
pub fn highest<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> Option<Risk> {
    plans.into_iter().flat_map(|p| &p.changes).map(Risk::of).min()
}

/// Attributes that say nothing about what somebody may do.
const HARMLESS: [&str; 3] = ["description", "ownership", "tags"];
/// Attributes of a function URL that say who reaches it.
const REACH: [&str; 4] = ["auth", "public", "intranet", "cors"];

fn touches_permissions(change: &Change) -> bool {
    match change.address.kind() {
        Kind::Policy | Kind::Role => {
            change.action == Action::Create || change.attributes().iter().any(|a| !HARMLESS.contains(&head(&a.path)))
        }
        Kind::Function => change.attributes().iter().any(|a| head(&a.path) == "role"),
        Kind::Trigger => url(change).is_some_and(|_| {
            change.action == Action::Create || change.attributes().iter().any(|a| REACH.contains(&head(&a.path)))
        }),
        Kind::Namespace => false,
    }
}

fn touches_code(change: &Change) -> bool {
    change.address.kind() == Kind::Function
        && change.attributes().iter().any(|a| ["code", "handler", "layers", "image"].contains(&head(&a.path)))
}

/// The function URL that a change makes or changes.
pub(super) fn url(change: &Change) -> Option<&Spec> {
    change.steps.iter().find_map(|step| match step {
        Step::CreateTrigger { trigger, .. } | Step::UpdateTrigger { trigger, .. } => {
            Some(&trigger.spec).filter(|spec| matches!(spec, Spec::Http { .. }))
        }
        _ => None,
    })
}

/// The first part of an attribute path.
fn head(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}
