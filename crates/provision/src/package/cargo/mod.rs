//! Code that is a cargo package: known by its inputs, built only when asked.
//!
//! [`identify`] reads files and never starts cargo, so that `validate` and `plan` are fast and work on machines that
//! could not build. [`build`] turns an identity into `.provision/packages/DIGEST.zip`.
//!
//! The identity covers what the repository decides: this module's recipe, target and profile, package and binary,
//! Cargo.lock, the workspace's Cargo.toml, cargo configuration and rust-toolchain files up to the git top level, and
//! every file of the package and its path dependencies that git does not ignore, plus declared inputs. It does not
//! cover the machine: compiler version (unless a rust-toolchain file pins it), linker, `$CARGO_HOME/config.toml`. A
//! file that code takes in from outside its package (`include_str!("../../x")`) must be declared as an input.

mod build;
mod builder;
mod environment;
mod inputs;
mod manifest;
mod packages;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub use build::{Progress, Reuse, build, prebuilt};
pub use builder::Builder;

use super::{PackageError, Tree};

/// A cargo package as of the moment it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoIdentity {
    /// SHA-256 over everything that decides what is built, 64 lower-case hex digits. The same in every checkout.
    pub digest: String,
    /// The package's name.
    pub package: String,
    /// The binary that becomes `bootstrap`.
    pub binary: String,
    /// The package's folder.
    pub manifest_dir: PathBuf,
    /// The folder of its workspace, which is where cargo runs.
    pub workspace_root: PathBuf,
    /// Where it was looked for, to notice sources that change during a build.
    tree: Tree,
    inputs: Vec<String>,
}

/// Finds a package and computes its digest. The workspace around the manifest is looked at first, then every
/// unignored package of the tree. `inputs` are globs relative to the manifest: `*` stops at `/`, `**` does not, a
/// plain folder stands for everything in it, and git's ignore rules do not apply.
///
/// # Errors
/// Everything that [`check_cargo_package`](super::check_cargo_package) reports; an input that matches nothing; files that cannot be read.
pub fn identify(tree: &Tree, package: &str, inputs: &[String]) -> Result<CargoIdentity, PackageError> {
    let located = packages::locate(tree, package)?;
    let binary = located.package.binary(package)?;
    Ok(CargoIdentity {
        digest: inputs::digest(tree, &located, &binary, inputs)?,
        package: package.into(),
        binary,
        manifest_dir: located.package.folder.clone(),
        workspace_root: located.workspace.folder.clone(),
        tree: tree.clone(),
        inputs: inputs.to_vec(),
    })
}

/// The work of [`super::check_cargo_package`].
pub(super) fn check(tree: &Tree, package: &str, inputs: &[String]) -> Result<(), PackageError> {
    for glob in inputs {
        super::globs::Input::new(glob)?;
    }
    let located = packages::locate(tree, package)?;
    located.package.binary(package)?;
    located.lockfile()?;
    packages::closure(tree, &located).map(drop)
}

/// The work of [`super::cargo_touched`].
pub(super) fn touched(
    tree: &Tree,
    package: &str,
    inputs: &[String],
    changed: &BTreeSet<PathBuf>,
) -> Result<bool, PackageError> {
    inputs::touched(tree, &packages::locate(tree, package)?, inputs, changed)
}
