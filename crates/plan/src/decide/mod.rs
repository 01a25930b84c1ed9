//! Decisions: desired and observed state of one resource in, action and steps out. One kind a file.
//! Pure and local: order between resources is `order`'s business.

mod function;
mod namespace;
mod policy;
mod role;
mod trigger;

pub use function::{configuration_digest, function, undeclared_function};
pub use namespace::{namespace, undeclared_namespace};
pub use policy::{policy, undeclared_policy};
pub use role::{role, undeclared_role};
pub use trigger::{TriggerPlace, trigger, trigger_identity, undeclared_trigger, wants_holder};

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::address::ResourceAddress;
use crate::attributes::{AttributeChange, Side};
use crate::change::{Decision, Made};
use crate::desired::{Adopt, Leaving};
use crate::diagnostic::{Code, Diagnostic};
use crate::mark::{Ownership, STACK_TAG};
use crate::resource::Origin;
use crate::resource::tags::{IgnoreTags, Tags};

/// What every decision needs to know.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// Tags of others.
    pub ignore_tags: &'a IgnoreTags,
    /// What is destroyed with its stack, by identity.
    pub leaving: &'a BTreeMap<String, Leaving>,
}

impl<'a> Context<'a> {
    /// The context of a stack's decisions.
    #[must_use]
    pub fn of(stack: &'a crate::desired::Stack) -> Self {
        Self { stack: &stack.name, ignore_tags: &stack.ignore_tags, leaving: &stack.leaving }
    }
}

/// An object of ours that goes, and why.
struct Going {
    address: ResourceAddress,
    protect: bool,
    origin: Origin,
    reason: &'static str,
}

impl Going {
    /// It may not go.
    fn refused(self) -> (ResourceAddress, Decision, Origin) {
        let refused = Decision::refused(protected(&self.address, &self.origin));
        (self.address, refused, self.origin)
    }
}

impl Context<'_> {
    /// What goes because its stack is destroyed keeps its name; what the manifest does not know gets one.
    fn going(&self, identity: &str, undeclared: impl FnOnce() -> ResourceAddress) -> Going {
        match self.leaving.get(identity) {
            Some(Leaving { address, protect, origin }) => Going {
                address: address.clone(),
                protect: *protect,
                origin: origin.clone(),
                reason: "destroyed with its stack",
            },
            None => {
                Going { address: undeclared(), protect: false, origin: Origin::default(), reason: "no longer declared" }
            }
        }
    }
}

/// Whether an existing object may be touched; if so, the halves of the mark that are missing, in words.
fn claim(
    ownership: &Ownership,
    adopt: &Adopt,
    stack: &str,
    address: &ResourceAddress,
    origin: &Origin,
    what: &str,
) -> Result<Option<AttributeChange>, Diagnostic> {
    let change = |before: Json| {
        Some(AttributeChange {
            path: "ownership".into(),
            before: Side { value: before, guarded: false },
            after: Side { value: Json::String(stack.to_owned()), guarded: false },
        })
    };
    let foreign = |owner: &str, help: String| {
        let mut finding =
            Diagnostic::refusal(Code::Foreign, format!("{what} exists and {owner}")).on(address).help(help);
        finding.span = origin.span;
        finding
    };
    match (ownership, adopt) {
        (Ownership::Ours { tag: true, line: true }, _) => Ok(None),
        (Ownership::Ours { tag: true, line: false }, _) => Ok(change(Json::String("tag only".to_owned()))),
        (Ownership::Ours { tag: false, .. }, _) => Ok(change(Json::String("description line only".to_owned()))),
        (Ownership::Unmarked, Adopt::Unmarked) => Ok(change(Json::Null)),
        (Ownership::Other(owner), Adopt::From(wanted)) if owner == wanted => Ok(change(Json::String(owner.clone()))),
        (Ownership::Unmarked, Adopt::No | Adopt::From(_)) => Err(foreign(
            "carries no mark of a stack",
            "set `adopt: true` to take it over as it is, or choose another name".to_owned(),
        )),
        (Ownership::Other(owner), Adopt::No | Adopt::Unmarked | Adopt::From(_)) => Err(foreign(
            &format!("belongs to stack `{owner}`"),
            format!("set `adopt: {owner}` to take it from that stack, or choose another name"),
        )),
    }
}

/// The attributes of something that is made.
pub(crate) fn attributes_of(made: &Made, origin: &Origin) -> Vec<AttributeChange> {
    match made {
        Made::Function(function, code) => function::created(function, code, origin),
        Made::Trigger(trigger) => trigger::created(trigger, origin),
    }
}

/// Why something is made. Nothing in the cloud tells whether it is new in the manifest or was removed behind its
/// back, so the cause of every create is unknown.
pub(crate) const ABSENT: &str = "not in the cloud yet";

/// Tags to set and keys to remove so that `observed` becomes `wanted`; ignored tags stay, the mark's tags count.
fn tag_changes(wanted: &Tags, observed: &Tags, ignore: &IgnoreTags) -> (Tags, Vec<String>) {
    let set = wanted.iter().filter(|(k, v)| observed.get(k) != Some(v)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let ours = |key: &str| key == crate::mark::PROTECT_TAG;
    let remove = observed
        .keys()
        .filter(|k| !wanted.contains_key(k) && (!ignore.ignores(k) || ours(k)) && *k != STACK_TAG)
        .cloned()
        .collect();
    (set, remove)
}

/// A protected object refuses to be deleted.
fn protected(address: &ResourceAddress, origin: &Origin) -> Diagnostic {
    let mut finding = Diagnostic::refusal(Code::Protected, "this object is protected and would be deleted").on(address).help(
        "set `protect: false` and apply that first; when the manifest line is gone, remove the tag provision-protect",
    );
    finding.span = origin.span;
    finding
}

/// The protection tag as an attribute.
fn protect_change(desired: bool, observed: &Tags) -> Option<AttributeChange> {
    let present = crate::observed::protects(observed);
    (desired != present).then(|| AttributeChange {
        path: "protect".into(),
        before: Side { value: Json::Bool(present), guarded: false },
        after: Side { value: Json::Bool(desired), guarded: false },
    })
}
