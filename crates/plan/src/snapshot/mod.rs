//! Snapshots: a picture of what was observed that may be shown to anybody, and plans made from it without a cloud.
//!
//! A picture keeps a value only when it tells no more than the manifest and the documented defaults do (`take`); all
//! else is withheld: not the value, not a digest of it, only that there is one. Planning from a picture (`view`,
//! [`plan`]) compares what is there, and says of the rest that it was not compared: never that it is equal, never that
//! it changes. What was not looked at is not absent.

mod read;
mod take;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use take::{TakeError, take};
pub use view::plan;

use crate::address::ResourceAddress;

/// What the file is, for people who open it.
const KIND: &str = "provision snapshot";
/// The version of the file's format.
const FORMAT_VERSION: &str = "1";
/// Largest file that is read, in bytes: 10,000 functions take a tenth of it.
pub const MAX_BYTES: u64 = 256 << 20;
/// What stands for a text that is withheld. No name of a stack looks like it.
const WITHHELD: &str = "(withheld)";

/// The stacks of a run as they were at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    kind: String,
    format_version: String,
    /// When, in RFC 3339.
    pub as_of: String,
    /// The stacks.
    pub stacks: Vec<Picture>,
}

/// What was observed of one stack. Every object that was looked at is listed, with `null` when it was absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// The stack.
    pub stack: String,
    /// Owner uin of the account.
    pub account: String,
    /// What was left out of the observation, if anything.
    pub left_out: Option<String>,
    policies: BTreeMap<String, Option<Object>>,
    roles: BTreeMap<String, Option<Object>>,
    /// By `REGION/NAME`.
    namespaces: BTreeMap<String, Option<Object>>,
    /// By `REGION/NAMESPACE/NAME`.
    functions: BTreeMap<String, Option<FunctionObject>>,
}

/// One object: whose it is, and what may be shown of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    /// The stack that its tag names; withheld when no manifest names it.
    owner: Option<String>,
    /// Whether the line in its description is this stack's.
    line: bool,
    /// Whether the tag of protection is there.
    protect: bool,
    /// What may be shown; `null` when nobody declared it, so that nothing may.
    attributes: Option<BTreeMap<String, Json>>,
    /// What is there and may not be shown.
    withheld: BTreeSet<String>,
    /// What was not read, for no manifest declared it then, or what the service did not give.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    unread: BTreeSet<String>,
    /// Functions of others in a namespace of the stack: it does not go while they are there.
    #[serde(default, skip_serializing_if = "is_zero")]
    others: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over like this")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A function, its code and its triggers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FunctionObject {
    object: Object,
    state: State,
    /// Digest of the settings last applied, when all of them may be shown.
    configuration: Option<String>,
    triggers: Vec<TriggerObject>,
}

/// Whether a function is of use. Why not is the platform's text, and stays out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Active,
    CreateFailed,
    Failed,
}

/// A trigger. What identifies it always stands, as names do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TriggerObject {
    line: bool,
    unbound: bool,
    attributes: BTreeMap<String, Json>,
    withheld: BTreeSet<String>,
}

/// Why a file is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It is no JSON, or not of this shape.
    #[error("this is no snapshot, or it is damaged")]
    Unreadable(#[source] serde_json::Error),
    /// Something else of ours.
    #[error("this is a `{0}`, not a snapshot")]
    OtherKind(String),
    /// Of another time.
    #[error("this snapshot has format {0}; format {FORMAT_VERSION} is read here")]
    OtherVersion(String),
}

/// The two members that every file of ours has.
#[derive(Deserialize)]
struct Head {
    kind: Option<String>,
    format_version: Option<String>,
}

impl Snapshot {
    /// A snapshot of these pictures.
    #[must_use]
    pub fn new(as_of: String, stacks: Vec<Picture>) -> Self {
        Self { kind: KIND.to_owned(), format_version: FORMAT_VERSION.to_owned(), as_of, stacks }
    }

    /// Reads a file's text. Whoever wrote it is not trusted: any text gives a snapshot or an error.
    ///
    /// # Errors
    /// No JSON, another kind of file, another version, or a member that does not belong.
    pub fn parse(text: &str) -> Result<Self, SnapshotError> {
        let head: Head = serde_json::from_str(text).map_err(SnapshotError::Unreadable)?;
        match (head.kind.as_deref(), head.format_version.as_deref()) {
            (Some(KIND), Some(FORMAT_VERSION)) => serde_json::from_str(text).map_err(SnapshotError::Unreadable),
            (Some(KIND), version) => Err(SnapshotError::OtherVersion(version.unwrap_or("nothing").to_owned())),
            (kind, _) => Err(SnapshotError::OtherKind(kind.unwrap_or("file of another kind").to_owned())),
        }
    }

    /// Values that are withheld, over all stacks.
    #[must_use]
    pub fn withheld(&self) -> usize {
        self.stacks.iter().map(Picture::withheld).sum()
    }
}

impl Picture {
    fn withheld(&self) -> usize {
        let objects = self.policies.values().chain(self.roles.values()).chain(self.namespaces.values()).flatten();
        let functions = self.functions.values().flatten();
        let triggers = functions.clone().flat_map(|f| &f.triggers).map(|t| t.withheld.len());
        objects.chain(functions.map(|f| &f.object)).map(|o| o.withheld.len()).chain(triggers).sum()
    }
}

/// What a plan from a snapshot did not compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCompared {
    /// Of which resource.
    pub address: ResourceAddress,
    /// Which attributes; none when it is the whole resource.
    pub paths: Vec<String>,
    /// Why not, in words.
    pub reason: &'static str,
}

/// From when a plan's picture of the cloud is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf {
    /// The time as the snapshot gives it.
    pub time: String,
    /// Owner uin of the account.
    pub account: String,
}
