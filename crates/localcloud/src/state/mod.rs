//! The pretend cloud itself: a call in, an answer out. No HTTP, no clock, no files; the time comes with
//! each call, and what changed is handed to whoever stores it (see `take_changes`).

pub(crate) mod args;
mod cam;
mod cos;
mod mps;
pub(crate) mod scf;
mod sts;
mod table;
mod tag;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::auth::{Caller, Key, KeyRing};
use crate::encoding::{hex, sha256_hex};
use crate::refusal::{Answer, refuse};
use args::Args;
pub(crate) use table::{Table, Write};

/// A call whose members fit the definition.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) action: String,
    pub(crate) region: String,
    pub(crate) members: Map<String, Value>,
}

/// What a call is carried out under.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// Milliseconds since the Unix epoch.
    pub(crate) now_ms: i64,
    pub(crate) caller: Caller,
    /// Where this cloud listens, as `http://host:port`.
    pub(crate) base_url: Arc<str>,
    /// How long a status change lasts.
    pub(crate) settle_ms: i64,
    /// Whether quotas on counts hold.
    pub(crate) quotas: bool,
    /// A fault that keeps the object busy longer.
    pub(crate) hold: Option<Hold>,
}

/// Keeps an object busy: for so many reads more, and so many milliseconds more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) reads: u32,
    pub(crate) ms: i64,
}

/// Everything the pretend cloud holds.
#[derive(Clone)]
pub(crate) struct State {
    /// Uin of the owner.
    account: String,
    /// Numbers that go up, such as the next id; by name.
    counters: Table<u64>,
    functions: Table<scf::Function>,
    namespaces: Table<scf::Namespace>,
    packages: scf::Packages,
    roles: Table<cam::Role>,
    policies: Table<cam::Policy>,
    /// Tags by full six-segment resource name.
    tagged: Table<BTreeMap<String, String>>,
    /// Values by tag key.
    tag_keys: Table<std::collections::BTreeSet<String>>,
    sessions: Table<sts::Session>,
    bindings: Table<mps::Binding>,
    objects: Table<cos::Object>,
    uploads: Table<cos::UnfinishedUpload>,
}

impl State {
    pub(crate) fn new(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            counters: Table::new("counter"),
            functions: Table::new("function"),
            namespaces: Table::new("namespace"),
            packages: scf::Packages::default(),
            roles: Table::new("role"),
            policies: Table::new("policy"),
            tagged: Table::new("tagged"),
            tag_keys: Table::new("tag-key"),
            sessions: Table::new("session"),
            bindings: Table::new("binding"),
            objects: Table::new("object"),
            uploads: Table::new("upload"),
        }
    }

    /// Carries out one call.
    pub(crate) fn execute(&mut self, call: &Call, cx: &Context) -> Answer {
        let args = Args(&call.members);
        match call.service.as_str() {
            "scf" => self.scf(&call.action, &call.region, args, cx),
            "cam" => self.cam(&call.action, args, cx),
            "tag" => self.tag(&call.action, args, cx),
            "sts" => self.sts(&call.action, args, cx),
            "mps" => self.mps(&call.action, args, cx),
            other => refuse("NoSuchProduct", format!("product {other} is not served here")),
        }
    }

    /// The changes since the last call of this, for the store. With `keep` false they are only forgotten.
    pub(crate) fn take_changes(&mut self, keep: bool) -> Vec<Write> {
        let mut writes = Vec::new();
        self.counters.take_changes(keep, &mut writes);
        self.functions.take_changes(keep, &mut writes);
        self.namespaces.take_changes(keep, &mut writes);
        self.packages.take_changes(keep, &mut writes);
        self.roles.take_changes(keep, &mut writes);
        self.policies.take_changes(keep, &mut writes);
        self.tagged.take_changes(keep, &mut writes);
        self.tag_keys.take_changes(keep, &mut writes);
        self.sessions.take_changes(keep, &mut writes);
        self.bindings.take_changes(keep, &mut writes);
        self.objects.take_changes(keep, &mut writes);
        self.uploads.take_changes(keep, &mut writes);
        writes
    }

    /// Takes one stored row.
    pub(crate) fn load(&mut self, key: &str, bytes: &[u8]) -> Result<(), serde_json::Error> {
        let known = self.counters.load(key, bytes)?
            || self.functions.load(key, bytes)?
            || self.namespaces.load(key, bytes)?
            || self.packages.load(key, bytes)
            || self.roles.load(key, bytes)?
            || self.policies.load(key, bytes)?
            || self.tagged.load(key, bytes)?
            || self.tag_keys.load(key, bytes)?
            || self.sessions.load(key, bytes)?
            || self.bindings.load(key, bytes)?
            || self.objects.load(key, bytes)?
            || self.uploads.load(key, bytes)?;
        debug_assert!(known, "every row in the store belongs to a table: {key}");
        Ok(())
    }

    /// Forgets packages that no function, object or upload refers to. Runs once after loading.
    pub(crate) fn drop_unused_packages(&mut self) {
        let mut used: std::collections::BTreeSet<&str> =
            self.functions.iter().flat_map(|(_, function)| function.packages()).collect();
        used.extend(self.objects.iter().map(|(_, object)| object.digest.as_str()));
        used.extend(self.uploads.iter().flat_map(|(_, upload)| upload.contents()));
        let unused: Vec<String> =
            self.packages.names().filter(|name| !used.contains(name)).map(str::to_owned).collect();
        for name in unused {
            self.packages.remove(&name);
        }
    }

    fn next(&mut self, counter: &str) -> u64 {
        let next = self.counters.get(counter).copied().unwrap_or_default() + 1;
        self.counters.insert(counter.to_owned(), next);
        next
    }

    /// A short server-made id: lower-case letters and digits that look random but repeat from run to run.
    fn short_id(&mut self, kind: &str, length: usize) -> String {
        let number = self.next(kind);
        sha256_hex(format!("{}/{kind}/{number}", self.account).as_bytes())[..length].to_owned()
    }

    fn uin(&self) -> &str {
        &self.account
    }

    /// The account's app id: ten digits made from the uin (assumed; the real one is unrelated).
    fn app_id(&self) -> u64 {
        let digits: u64 = self.account.parse().unwrap_or_default();
        1_250_000_000 + digits % 50_000_000
    }
}

/// Temporary keys are the state's; long-term ones are the server's.
impl KeyRing for State {
    fn key(&self, id: &str) -> Option<Key> {
        self.sessions.get(id).map(sts::Session::as_key)
    }
}

/// `[offset, offset + limit)` of a list.
fn page<T>(rows: Vec<T>, offset: i64, limit: i64) -> Vec<T> {
    let offset = usize::try_from(offset).unwrap_or_default();
    let limit = usize::try_from(limit).unwrap_or_default();
    rows.into_iter().skip(offset).take(limit).collect()
}

/// A uuid-shaped random id.
pub(crate) fn uuid() -> String {
    let bytes = fastrand::u128(..).to_be_bytes();
    let text = hex(&bytes);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}
