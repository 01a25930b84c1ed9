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

pub use code::{KEYS as CODE_KEYS, SOURCES as CODE_SOURCES};
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
    /// Names of the variables it declares.
    pub variables: BTreeSet<String>,
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
    let mut root = match syntax::parse(&name, sources.text(file), file) {
        Ok(root) => root,
        Err(findings) => {
            return Manifest { stack: None, findings, secrets: BTreeSet::new(), variables: BTreeSet::new() };
        }
    };
    let (mut findings, literal): (Vec<Diagnostic>, Vec<Option<String>>) =
        crate::validate::literal_secrets(&root).into_iter().unzip();
    let stack = stack::lower(&mut root, &name, given, &mut variables, &mut findings);
    findings.extend(stack.iter().flat_map(crate::validate::whole_stack));
    let secrets = variables.secrets().iter().cloned().chain(literal.into_iter().flatten()).collect();
    Manifest { stack, findings, secrets, variables: variables.names().map(str::to_owned).collect() }
}
