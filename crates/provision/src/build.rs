//! Declared code to archives ready to send: packs folders and files, builds Rust packages, reuses what was built.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use plan::address::ResourceAddress;
use plan::desired::CodeDeclaration;

use crate::apply::Stop;
use crate::error::CommandError;
use crate::load::{Loaded, LoadedStack, declaration_key};
use crate::package::{self, Archive, PackageError, Tree, cargo};

/// How code is built.
pub(crate) struct BuildOptions {
    /// Use built packages only.
    pub(crate) no_build: bool,
    /// Addresses that are built again.
    pub(crate) rebuild: Vec<String>,
    /// The folder that holds `.provision`.
    pub(crate) folder: PathBuf,
}

/// Packages of these functions by address. Functions that declare the same code share one.
pub(crate) fn packages(
    stack: &LoadedStack,
    wanted: &[&ResourceAddress],
    options: &BuildOptions,
    stop: &Stop,
    say: &mut dyn FnMut(&str),
) -> Result<BTreeMap<ResourceAddress, Arc<Archive>>, CommandError> {
    let mut made: BTreeMap<String, Arc<Archive>> = BTreeMap::new();
    let mut out = BTreeMap::new();
    let tree = &stack.tree;
    let wanted: std::collections::HashSet<&ResourceAddress> = wanted.iter().copied().collect();
    for function in stack.stack.functions.iter().filter(|f| wanted.contains(&f.address)) {
        let key = declaration_key(&function.code);
        let archive = match made.get(&key) {
            Some(archive) => archive.clone(),
            None => {
                let rebuild = options.rebuild.iter().any(|a| a == function.address.as_str());
                let archive = package(tree, &function.code, options, rebuild, stop, say)
                    .map_err(|e| failed(&function.address, e))?;
                made.entry(key).or_insert(Arc::new(archive)).clone()
            }
        };
        out.insert(function.address.clone(), archive);
    }
    Ok(out)
}

/// An address to build again that no manifest declares is a slip.
pub(crate) fn known_rebuilds(loaded: &Loaded, rebuild: &[String]) -> Result<(), CommandError> {
    let functions = || loaded.stacks.iter().flat_map(|s| s.stack.functions.iter());
    let Some(slip) = rebuild.iter().find(|wanted| !functions().any(|f| f.address.as_str() == wanted.as_str())) else {
        return Ok(());
    };
    let id = slip.strip_prefix("function.").unwrap_or(slip);
    let close = plan::diagnostic::did_you_mean(id, functions().map(|f| f.id.as_str()));
    Err(CommandError::Usage {
        message: format!("--rebuild: no function has the address `{slip}`"),
        help: Some(close.map_or_else(
            || "addresses look like function.NAME".to_owned(),
            |id| format!("did you mean `function.{id}`?"),
        )),
    })
}

fn failed(address: &ResourceAddress, error: PackageError) -> CommandError {
    if matches!(error, PackageError::Stopped { .. }) {
        return CommandError::Interrupted;
    }
    CommandError::Local {
        doing: format!("cannot package the code of {address}"),
        help: error.help(),
        source: error.into(),
    }
}

fn package(
    tree: &Tree,
    code: &CodeDeclaration,
    options: &BuildOptions,
    rebuild: bool,
    stop: &Stop,
    say: &mut dyn FnMut(&str),
) -> Result<Archive, PackageError> {
    match code {
        CodeDeclaration::Dir { path, exclude } => package::dir(tree, path, exclude),
        CodeDeclaration::Zip { path } => package::zip(tree, path),
        CodeDeclaration::Inline { files } => package::inline(&files.iter().cloned().collect()),
        CodeDeclaration::Cargo { package, inputs } => {
            let out = options.folder.join(".provision/packages");
            let identity = cargo::identify(tree, package, inputs)?;
            if options.no_build {
                let path = cargo::prebuilt(&identity, &out)
                    .ok_or_else(|| PackageError::Missing { path: out.join(format!("{}.zip", identity.digest)) })?;
                return package::load(&path);
            }
            let reuse = if rebuild { cargo::Reuse::Never } else { cargo::Reuse::Allowed };
            let path = cargo::build(&identity, &out, reuse, &mut |progress| {
                match progress {
                    cargo::Progress::Started(builder) => say(&format!("building {package} ({builder})")),
                    cargo::Progress::Line(line) => say(&format!("  {line}")),
                    cargo::Progress::Waiting => {}
                }
                if stop.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            package::load(&path)
        }
        // Nothing of these stands on this machine.
        CodeDeclaration::Cos(_) | CodeDeclaration::Image(_) | CodeDeclaration::Demo(_) => {
            package::inline(&BTreeMap::new())
        }
    }
}
