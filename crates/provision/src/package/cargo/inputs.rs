//! Everything that decides what a build makes, as one digest. Which files those are, and hashing them in parallel; who
//! depends on whom is `packages`' business.
//!
//! Names enter the digest relative to the workspace, so a checkout elsewhere has the same digest; every name and
//! content is preceded by its length, so nothing can move from one to the other unnoticed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::WalkBuilder;
use sha2::{Digest, Sha256};

use super::packages::{self, Closure, Located};
use crate::package::{PackageError, Tree, archive, globs, paths, source_tree};

/// Changes whenever the same inputs would be built into something else by this program.
const RECIPE: &str = "provision-cargo-1";
/// What is built for, by whichever builder is at hand: x86-64 Linux with glibc 2.17 or none.
const TARGET: &str = "x86_64-linux-glibc-2.17-or-static";
/// Cargo's profile.
const PROFILE: &str = "release";

/// Files that may decide about a build from outside of its packages.
const DECIDING: [&str; 6] =
    ["Cargo.toml", "Cargo.lock", "config.toml", "config", "rust-toolchain.toml", "rust-toolchain"];

/// One input: a file's content, or where a link leads that leads nowhere (editors lock files that way).
#[derive(Debug)]
enum Source {
    File(PathBuf),
    Link(PathBuf),
}

type Sources = BTreeMap<String, Source>;

/// The digest of a package: 64 lower-case hex digits.
pub(super) fn digest(tree: &Tree, located: &Located, binary: &str, inputs: &[String]) -> Result<String, PackageError> {
    let root = &located.workspace.folder;
    let (collection, _) = collect(tree, located, inputs)?;

    let sources: Vec<_> = collection.sources.iter().collect();
    let contents = archive::in_parallel(&sources, |(_, source)| hash(source))?;
    let mut sum = Sha256::new();
    let package = located.package.package_name().unwrap_or_default();
    let package_folder = paths::relative_name(root, &located.package.folder)?;
    for field in [RECIPE, TARGET, PROFILE, package, binary, &package_folder] {
        update(&mut sum, field.as_bytes());
    }
    for ((name, source), content) in sources.iter().zip(contents) {
        update(&mut sum, name.as_bytes());
        update(&mut sum, if matches!(source, Source::File(_)) { b"file" } else { b"link" });
        update(&mut sum, &content);
    }
    Ok(archive::hex(&sum.finalize()))
}

/// Every input, and the packages among them.
fn collect<'a>(
    tree: &'a Tree,
    located: &'a Located,
    inputs: &[String],
) -> Result<(Collection<'a>, Closure), PackageError> {
    let root = &located.workspace.folder;
    let closure = packages::closure(tree, located)?;
    let mut collection = Collection { tree, root, sources: Sources::new() };
    collection.add(located.lockfile()?)?;
    for path in &closure.workspace_manifests {
        collection.add(path.clone())?;
    }
    collection.add_configuration()?;
    collection.add_packages(&closure, &packages::member_folders(&located.workspace)?)?;
    for glob in inputs {
        collection.add_declared(glob)?;
    }
    Ok((collection, closure))
}

/// Whether any of these paths is an input, or was one before it was deleted.
pub(super) fn touched(
    tree: &Tree,
    located: &Located,
    inputs: &[String],
    changed: &BTreeSet<PathBuf>,
) -> Result<bool, PackageError> {
    let (collection, closure) = collect(tree, located, inputs)?;
    let files: BTreeSet<&Path> = collection
        .sources
        .values()
        .map(|source| match source {
            Source::File(path) | Source::Link(path) => path.as_path(),
        })
        .collect();
    let mut folders: Vec<PathBuf> = closure.folders.iter().cloned().collect();
    for glob in inputs {
        folders.extend(paths::resolve(tree, &globs::Input::new(glob)?.base).ok());
    }
    Ok(changed.iter().any(|path| {
        if files.contains(path.as_path()) {
            return true;
        }
        // What is gone cannot be found among the inputs of today; a link stands there as what it leads to.
        let gone = !path.is_file() || path.is_symlink();
        let decides = path.file_name().and_then(|n| n.to_str()).is_some_and(|n| DECIDING.contains(&n));
        gone && (decides || folders.iter().any(|folder| path.starts_with(folder)))
    }))
}

fn update(sum: &mut Sha256, bytes: &[u8]) {
    sum.update((bytes.len() as u64).to_le_bytes());
    sum.update(bytes);
}

fn hash(source: &Source) -> Result<Vec<u8>, PackageError> {
    let mut sum = Sha256::new();
    match source {
        Source::Link(target) => sum.update(target.as_os_str().as_encoded_bytes()),
        Source::File(path) => {
            let mut file = File::open(path).map_err(PackageError::reading(path))?;
            let mut buffer = vec![0; 64 * 1024];
            loop {
                match file.read(&mut buffer).map_err(PackageError::reading(path))? {
                    0 => break,
                    read => sum.update(&buffer[..read]),
                }
            }
        }
    }
    Ok(sum.finalize().to_vec())
}

struct Collection<'a> {
    tree: &'a Tree,
    /// Workspace root, which names are relative to.
    root: &'a Path,
    sources: Sources,
}

impl Collection<'_> {
    fn add(&mut self, path: PathBuf) -> Result<(), PackageError> {
        let name = paths::relative_name(self.root, &path)?;
        self.sources.insert(name, Source::File(path));
        Ok(())
    }

    /// Cargo configuration and toolchain files of the workspace and the folders above it.
    fn add_configuration(&mut self) -> Result<(), PackageError> {
        let toolchains = packages::ancestors(self.root, self.tree)
            .flat_map(|folder| ["rust-toolchain.toml", "rust-toolchain"].map(|name| folder.join(name)));
        let configs = packages::config_files(self.tree, self.root).map(|(path, _)| path);
        for path in toolchains.chain(configs).filter(|path| path.is_file()).collect::<Vec<_>>() {
            paths::inside(self.tree, &path)?;
            self.add(path)?;
        }
        Ok(())
    }

    /// The unignored files of every package. A package that git ignores as a whole (generated code) is taken whole:
    /// leaving it out would keep an old build for good.
    fn add_packages(&mut self, closure: &Closure, members: &BTreeSet<PathBuf>) -> Result<(), PackageError> {
        let mut unignored = BTreeSet::new();
        for found in walk(&self.tree.top, closure, members) {
            let entry = found.map_err(|error| self.walk_failed(error))?;
            let path = entry.path();
            if !closure.folders.iter().any(|folder| path.starts_with(folder)) {
                continue; // stands beside the way down to a package
            }
            match entry.file_type() {
                Some(kind) if kind.is_symlink() => self.add_link(path)?,
                Some(kind) if kind.is_file() => {
                    if entry.file_name() == "Cargo.toml" {
                        unignored.extend(path.parent().map(Path::to_path_buf));
                    }
                    self.add(entry.into_path())?;
                }
                _ => {} // folders come with their files; git knows no devices
            }
        }
        for folder in closure.folders.difference(&unignored) {
            self.add_folder(folder, |_| true)?;
        }
        Ok(())
    }

    fn add_link(&mut self, path: &Path) -> Result<(), PackageError> {
        if !path.exists() {
            let name = paths::relative_name(self.root, path)?;
            let target = path.read_link().map_err(PackageError::reading(path))?;
            self.sources.insert(name, Source::Link(target));
            return Ok(());
        }
        let real = paths::inside(self.tree, path)?;
        if real.is_file() {
            return self.add(path.to_path_buf());
        }
        if real.is_dir() {
            let all = source_tree::Filter { skip: &|_| false, keep: &|_| true };
            for file in source_tree::list(self.tree, &real, &all)? {
                self.add(path.join(file.name))?;
            }
        }
        Ok(())
    }

    /// The files of a folder, ignored or not, but never build results.
    fn add_folder(&mut self, folder: &Path, keep: impl Fn(&str) -> bool) -> Result<bool, PackageError> {
        let packages = BTreeSet::from([self.root.to_path_buf(), folder.to_path_buf()]);
        let skip = |name: &str| packages::is_build_folder(&folder.join(name), &packages);
        let files = source_tree::list(self.tree, folder, &source_tree::Filter { skip: &skip, keep: &keep })?;
        let any = !files.is_empty();
        for file in files {
            self.add(folder.join(file.name))?;
        }
        Ok(any)
    }

    fn add_declared(&mut self, glob: &str) -> Result<(), PackageError> {
        let input = globs::Input::new(glob)?;
        let base = match paths::resolve(self.tree, &input.base) {
            Err(PackageError::Missing { .. }) => return Err(PackageError::NoInput { glob: glob.into() }),
            resolved => resolved?,
        };
        let any = match input.rest {
            None if base.is_file() => {
                self.add(base)?;
                true
            }
            None => self.add_folder(&base, |_| true)?,
            Some(rest) if base.is_dir() => self.add_folder(&base, |name| rest.is_match(name))?,
            Some(_) => false,
        };
        if any { Ok(()) } else { Err(PackageError::NoInput { glob: glob.into() }) }
    }

    fn walk_failed(&self, error: ignore::Error) -> PackageError {
        let text = error.to_string();
        let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other(text));
        PackageError::Read { path: self.tree.top.clone(), source }
    }
}

/// Walks from the tree's top, so that the ignore files above a package count and those outside the tree do not, down
/// to the wanted folders only.
fn walk(top: &Path, closure: &Closure, members: &BTreeSet<PathBuf>) -> ignore::Walk {
    let wanted: Arc<BTreeSet<PathBuf>> = Arc::new(closure.folders.clone());
    // Other members may stand inside a package's folder (a package at the workspace root); they are not its files.
    let others: BTreeSet<PathBuf> = members.difference(&closure.folders).cloned().collect();
    let roots: BTreeSet<PathBuf> = members.union(&closure.folders).cloned().collect();
    git_walk(top)
        .filter_entry(move |entry| {
            let path = entry.path();
            if wanted.iter().any(|folder| folder.starts_with(path)) {
                return true; // on the way down to a package
            }
            wanted.iter().any(|folder| path.starts_with(folder))
                && !others.contains(path)
                && !packages::is_build_folder(path, &roots)
        })
        .build()
}

/// Folders with a Cargo.toml that git does not ignore. Unreadable folders are passed over: this is a search.
pub(super) fn unignored_cargo_folders(top: &Path) -> Vec<PathBuf> {
    git_walk(top)
        .filter_entry(|entry| {
            let name = entry.file_name().to_str().unwrap_or_default();
            !source_tree::is_never_code(name) && !entry.path().join("CACHEDIR.TAG").exists()
        })
        .build()
        .flatten()
        .filter(|entry| entry.file_name() == "Cargo.toml")
        .filter_map(|entry| entry.path().parent().map(Path::to_path_buf))
        .collect()
}

/// Git's ignore rules and nothing else: no hidden-file rule, no `.ignore` files, nothing from above the tree. They
/// also hold where there is no git, such as in an unpacked archive, so that the digest is the same there.
fn git_walk(top: &Path) -> WalkBuilder {
    let mut walk = WalkBuilder::new(top);
    walk.hidden(false).ignore(false).parents(false).require_git(false).follow_links(false).current_dir(top);
    walk
}
