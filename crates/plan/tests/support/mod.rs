//! What the tests of this crate share: generated manifests, and a cloud that carries out steps in memory.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod generator;
pub(crate) mod simulator;

use plan::desired::Stack;
use plan::diagnostic::Severity;
use plan::manifest::{Manifest, read};
use plan::source::Sources;
use plan::variables::Given;

/// Reads a manifest as the command line would, with these values of sensitive variables.
pub(crate) fn load(name: &str, text: &str, variables: &[(&str, &str)]) -> (Sources, Manifest) {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    let flags = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let manifest = read(&sources, file, &Given { flags, ..Given::default() });
    (sources, manifest)
}

/// A valid manifest's stack; code on this machine is identified by its text.
pub(crate) fn stack(text: &str, variables: &[(&str, &str)]) -> (Sources, Stack) {
    let (sources, manifest) = load("manifests/stack.yaml", text, variables);
    let errors: Vec<_> = manifest.findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "the manifest is valid: {errors:?}\n{text}");
    let mut stack = manifest.stack.expect("a valid manifest declares a stack");
    identify(&mut stack);
    (sources, stack)
}

/// Stands in for packaging: a digest of what the code says.
fn identify(stack: &mut Stack) {
    use plan::desired::CodeDeclaration;
    let digests: Vec<_> = stack
        .functions
        .iter()
        .map(|f| {
            let text = match &f.code {
                CodeDeclaration::Inline { files } => {
                    format!("{:?}", files.iter().cloned().collect::<std::collections::BTreeMap<_, _>>())
                }
                CodeDeclaration::Cargo { package, .. } => package.clone(),
                other => other.reference_digest().unwrap_or_default(),
            };
            (f.address.clone(), plan::mark::digest([text.as_str()]))
        })
        .collect();
    for (address, digest) in digests {
        stack.set_code_digests(&[(address.clone(), digest.clone())].into());
    }
}
