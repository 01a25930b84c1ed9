//! Manifest text to desired state, remembering source positions. Each kind reads its own keys; rules that
//! need the whole manifest are in `validate`. Every finding is collected; nothing stops at the first.

mod code;
mod fields;
mod function;
mod role;
mod stack;
mod trigger;

use std::collections::BTreeSet;

use crate::desired::Stack;
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{FileId, Sources};
use crate::syntax;
use crate::variables::{Given, Variables};

pub use code::SOURCES as CODE_SOURCES;
pub use function::KEYS as FUNCTION_KEYS;
pub use role::{POLICY_KEYS, ROLE_KEYS};
pub use stack::KEYS as STACK_KEYS;
pub use trigger::{TYPES as TRIGGER_TYPES, keys as trigger_keys};

/// One manifest, read.
pub struct Manifest {
    /// What it wants, unless it could not be read at all.
    pub stack: Option<Stack>,
    /// Everything wrong with it.
    pub findings: Vec<Diagnostic>,
    /// Values that must never be printed.
    pub secrets: BTreeSet<String>,
}

impl Manifest {
    /// Whether any finding forbids going on.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|f| f.severity == Severity::Error)
    }
}

/// Reads one file that `sources` already holds.
#[must_use]
pub fn read(sources: &Sources, file: FileId, given: &Given) -> Manifest {
    let name = sources.name(file).to_owned();
    let mut variables = Variables::default();
    let (stack, findings) = match syntax::parse(&name, sources.text(file), file) {
        Ok(mut root) => {
            let mut findings = crate::validate::literal_secrets(&root);
            let secrets: Vec<String> = findings.iter_mut().filter_map(|f| f.1.take()).collect();
            let mut all: Vec<Diagnostic> = findings.into_iter().map(|f| f.0).collect();
            let stack = stack::lower(&mut root, &name, given, &mut variables, &mut all);
            if let Some(stack) = &stack {
                all.extend(crate::validate::whole_stack(stack));
            }
            let mut manifest_secrets = variables.secrets().clone();
            manifest_secrets.extend(secrets);
            return Manifest { stack, findings: all, secrets: manifest_secrets };
        }
        Err(findings) => (None, findings),
    };
    Manifest { stack, findings, secrets: variables.secrets().clone() }
}
