//! Declared code in, archives and digests out: what `code: { inline | dir | zip | cargo }` of a manifest means in
//! bytes. Every function takes plain inputs and reads files; nothing here knows manifests, plans or the cloud.
//!
//! - [`inline()`] and [`dir()`] pack an archive that is byte-identical on any machine, so its SHA-256 identifies the code;
//! - [`zip()`] takes a finished archive as it is;
//! - [`cargo`] identifies a package by its inputs and builds it only when asked to.
//!
//! The `check_*` functions say whether the same call can work without reading file contents or running anything;
//! `provision validate` uses them. Turning a [`PackageError`] into a finding is the caller's job.

mod archive;
pub mod cargo;
mod elf;
mod error;
mod globs;
mod paths;
mod source_tree;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

pub use archive::{Archive, Content};
pub use elf::Unportable;
pub use error::PackageError;

/// The most that code may measure when unpacked, in bytes: 500 MB for the code and layers of one version, from the
/// SCF quota page 583/11637. Taken as binary megabytes, so that nothing is refused here which the platform accepts.
pub const UNPACKED_LIMIT: u64 = 500 * 1024 * 1024;

/// The files that a manifest may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Canonical folder of the manifest; declared paths are relative to it.
    pub manifest_dir: PathBuf,
    /// Canonical folder that declared paths stay inside, links included: the git top level of `manifest_dir`, else
    /// `manifest_dir` itself.
    pub top: PathBuf,
}

impl Tree {
    /// Finds the tree around a manifest file. The file itself need not exist; its folder must.
    ///
    /// # Errors
    /// [`PackageError::Read`] when the folder cannot be resolved.
    pub fn locate(manifest_path: &Path) -> Result<Self, PackageError> {
        let folder = match manifest_path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let manifest_dir = folder.canonicalize().map_err(PackageError::reading(folder))?;
        // `.git` is a folder in a clone and a file in a worktree or submodule.
        let top =
            manifest_dir.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&manifest_dir).to_path_buf();
        Ok(Self { manifest_dir, top })
    }
}

/// Packs files whose text stands in the manifest: name to content.
///
/// # Errors
/// [`PackageError::BadName`] for a name that is no plain relative path, [`PackageError::Empty`] for no files,
/// [`PackageError::TooLarge`] beyond [`UNPACKED_LIMIT`].
pub fn inline(files: &BTreeMap<String, String>) -> Result<Archive, PackageError> {
    check_inline(files)?;
    let entries =
        files.iter().map(|(name, text)| archive::Entry { name: name.clone(), source: archive::Source::Text(text) });
    archive::pack(&entries.collect::<Vec<_>>())
}

/// Says whether [`inline()`] would accept these files.
///
/// # Errors
/// Those of [`inline()`].
pub fn check_inline(files: &BTreeMap<String, String>) -> Result<(), PackageError> {
    if files.is_empty() {
        return Err(PackageError::Empty { path: PathBuf::from("inline") });
    }
    for name in files.keys() {
        paths::check_entry_name(name)?;
        // A file cannot also be the folder of another one.
        if let Some(folder) =
            name.match_indices('/').map(|(at, _)| &name[..at]).find(|folder| files.contains_key(*folder))
        {
            return Err(PackageError::BadName { name: name.clone(), why: format!("`{folder}` is a file") });
        }
    }
    let bytes = files.values().map(|text| text.len() as u64).sum();
    source_tree::check_size(Path::new("inline"), bytes)
}

/// Packs the files below the folder `path`, links followed to what they name. `.git` and `.provision` are always left
/// out, and so is whatever a glob of `exclude` matches:
///
/// - a glob with a `/` matches the whole path relative to the folder: `docs/**`, `src/*.map`, `/README.md`;
/// - a glob without one matches a name at any depth: `*.md`, `node_modules`;
/// - `*` and `?` stop at `/`, `**` does not; `{a,b}` and `[a-z]` work;
/// - a matched folder goes with everything in it, and a trailing `/` makes no difference.
///
/// # Errors
/// Everything that [`check_dir`] reports, and [`PackageError::Read`].
pub fn dir(tree: &Tree, path: &str, exclude: &[String]) -> Result<Archive, PackageError> {
    let files = list_dir(tree, path, exclude)?;
    let entries = files
        .into_iter()
        .map(|file| archive::Entry { name: file.name, source: archive::Source::File(file.path, file.size) });
    archive::pack(&entries.collect::<Vec<_>>())
}

/// Says whether [`dir()`] can work, from names, kinds and sizes alone.
///
/// # Errors
/// A path that is absolute, missing, no folder or leads out of the tree; a bad glob; a link that leads out of the
/// tree, nowhere or round in circles; a device, pipe or socket; more than [`UNPACKED_LIMIT`]; nothing to pack.
pub fn check_dir(tree: &Tree, path: &str, exclude: &[String]) -> Result<(), PackageError> {
    list_dir(tree, path, exclude).map(drop)
}

fn list_dir(tree: &Tree, path: &str, exclude: &[String]) -> Result<Vec<source_tree::SourceFile>, PackageError> {
    let exclude = globs::Exclude::new(exclude)?;
    let root = paths::folder(tree, path)?;
    let files =
        source_tree::list(tree, &root, &source_tree::Filter { skip: &|name| exclude.matches(name), keep: &|_| true })?;
    if files.is_empty() {
        return Err(PackageError::Empty { path: root });
    }
    source_tree::check_size(&root, files.iter().map(|file| file.size).sum())?;
    Ok(files)
}

/// Takes a finished zip archive, byte for byte.
///
/// # Errors
/// Everything that [`check_zip`] reports, and [`PackageError::Read`].
pub fn zip(tree: &Tree, path: &str) -> Result<Archive, PackageError> {
    load(&paths::file(tree, path)?)
}

/// Says whether [`zip()`] can work, reading only the archive's table of contents.
///
/// # Errors
/// A path that is absolute, missing, no file or leads out of the tree; [`PackageError::NotAZip`];
/// [`PackageError::TooLarge`] when its entries unpack to more than [`UNPACKED_LIMIT`]; an archive without entries.
pub fn check_zip(tree: &Tree, path: &str) -> Result<(), PackageError> {
    let file = paths::file(tree, path)?;
    let reader = File::open(&file).map_err(PackageError::reading(&file))?;
    store::check_readable(&file, std::io::BufReader::new(reader))
}

/// Says whether [`cargo::identify`] can work, reading Cargo files only.
///
/// # Errors
/// No or several packages of that name; no binary to choose; Cargo.lock missing; a Cargo file that cannot be
/// understood; a path dependency that is missing or leads out of the tree; a bad glob.
pub fn check_cargo_package(tree: &Tree, package: &str, inputs: &[String]) -> Result<(), PackageError> {
    cargo::check(tree, package, inputs)
}

/// Whether any of the changed files (real paths; deleted ones too) belongs to what [`dir()`] packs.
///
/// # Errors
/// Those of [`check_dir`].
pub fn dir_touched(
    tree: &Tree,
    path: &str,
    exclude: &[String],
    changed: &BTreeSet<PathBuf>,
) -> Result<bool, PackageError> {
    let globs = globs::Exclude::new(exclude)?;
    let root = paths::folder(tree, path)?;
    let below = |file: &PathBuf| {
        let Some(name) = file.strip_prefix(&root).ok().and_then(|name| name.to_str()) else { return false };
        let ours = name.split('/').any(source_tree::is_never_code);
        !ours && !Path::new(name).ancestors().any(|part| part.to_str().is_some_and(|p| globs.matches(p)))
    };
    if changed.iter().any(below) {
        return Ok(true);
    }
    // Links lead to files elsewhere.
    Ok(list_dir(tree, path, exclude)?.iter().any(|file| changed.contains(&file.path)))
}

/// Whether the archive that [`zip()`] takes is among the changed files.
///
/// # Errors
/// Those of [`check_zip`] that are about the path.
pub fn zip_touched(tree: &Tree, path: &str, changed: &BTreeSet<PathBuf>) -> Result<bool, PackageError> {
    let written = paths::normalise(&tree.manifest_dir.join(path));
    Ok(changed.contains(&written) || changed.contains(&paths::file(tree, path)?))
}

/// Whether any of the changed files (real paths; deleted ones too) decides what [`cargo::build`] makes.
///
/// # Errors
/// Those of [`cargo::identify`].
pub fn cargo_touched(
    tree: &Tree,
    package: &str,
    inputs: &[String],
    changed: &BTreeSet<PathBuf>,
) -> Result<bool, PackageError> {
    cargo::touched(tree, package, inputs, changed)
}

/// Reads a package that [`cargo::build`] made.
///
/// # Errors
/// [`PackageError::Read`], [`PackageError::NotAZip`].
pub fn load(package: &Path) -> Result<Archive, PackageError> {
    let file = File::open(package).map_err(PackageError::reading(package))?;
    store::check_readable(package, std::io::BufReader::new(&file))?;
    Archive::from_file(file).map_err(PackageError::reading(package))
}
