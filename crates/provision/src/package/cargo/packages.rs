//! Finds a package by name, the workspace it belongs to, and the folders of everything it depends on by path. Does
//! what cargo does, from the Cargo files alone: cargo itself may want the network, a lock or a minute.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::manifest::{self, CargoManifest};
use crate::package::{PackageError, Tree, globs, paths, source_tree};

/// A package and its workspace, which may be itself.
pub(super) struct Located {
    pub(super) package: Rc<CargoManifest>,
    pub(super) workspace: Rc<CargoManifest>,
}

/// Cargo.toml files read so far, by folder: a workspace's is asked for once per package in it.
#[derive(Default)]
struct Manifests(HashMap<PathBuf, Option<Rc<CargoManifest>>>);

impl Manifests {
    fn read(&mut self, folder: &Path) -> Result<Option<Rc<CargoManifest>>, PackageError> {
        if let Some(known) = self.0.get(folder) {
            return Ok(known.clone());
        }
        let read = CargoManifest::read(folder)?.map(Rc::new);
        self.0.insert(folder.to_path_buf(), read.clone());
        Ok(read)
    }

    fn expect(&mut self, folder: &Path) -> Result<Rc<CargoManifest>, PackageError> {
        self.read(folder)?.ok_or_else(|| PackageError::Missing { path: folder.join("Cargo.toml") })
    }
}

impl Located {
    /// The workspace's lockfile, which must exist: without it the same sources build into something else tomorrow.
    pub(super) fn lockfile(&self) -> Result<PathBuf, PackageError> {
        let path = self.workspace.folder.join("Cargo.lock");
        if path.is_file() { Ok(path) } else { Err(PackageError::NoLockfile { path }) }
    }
}

/// What a package is made of.
pub(super) struct Closure {
    /// Folders of the package and of its path dependencies.
    pub(super) folders: BTreeSet<PathBuf>,
    /// Cargo.toml files of the workspaces they inherit from.
    pub(super) workspace_manifests: BTreeSet<PathBuf>,
}

/// Finds a package: in the workspace around the manifest, else anywhere in the tree.
pub(super) fn locate(tree: &Tree, name: &str) -> Result<Located, PackageError> {
    let mut manifests = Manifests::default();
    let nearest = ancestors(&tree.manifest_dir, tree).find(|folder| folder.join("Cargo.toml").is_file());
    if let Some(nearest) = nearest {
        let nearest = manifests.expect(nearest)?;
        let workspace = workspace_of(tree, &mut manifests, &nearest)?;
        for folder in member_folders(&workspace)? {
            if let Some(package) = manifests.read(&folder)?.filter(|file| file.package_name() == Some(name)) {
                return Ok(Located { package, workspace });
            }
        }
    }
    search(tree, &mut manifests, name)
}

/// Looks through every unignored Cargo.toml of the tree.
fn search(tree: &Tree, manifests: &mut Manifests, name: &str) -> Result<Located, PackageError> {
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for folder in super::inputs::unignored_cargo_folders(&tree.top) {
        // A broken Cargo.toml elsewhere in the repository does not matter here.
        let Ok(Some(file)) = manifests.read(&folder) else { continue };
        let Some(package) = file.package_name() else { continue };
        known.insert(package.to_owned());
        if package == name {
            found.push(file);
        }
    }
    if found.len() > 1 {
        let mut paths: Vec<_> = found.iter().map(|file| file.path()).collect();
        paths.sort();
        return Err(PackageError::AmbiguousPackage { package: name.into(), manifests: paths });
    }
    let Some(package) = found.pop() else {
        let known = known.into_iter().collect();
        return Err(PackageError::NoSuchPackage { package: name.into(), known, top: tree.top.clone() });
    };
    let workspace = workspace_of(tree, manifests, &package)?;
    Ok(Located { package, workspace })
}

/// The workspace root of a package: itself, the one it names, or the nearest above that does not exclude it.
fn workspace_of(
    tree: &Tree,
    manifests: &mut Manifests,
    package: &Rc<CargoManifest>,
) -> Result<Rc<CargoManifest>, PackageError> {
    if package.is_workspace_root() {
        return Ok(package.clone());
    }
    if let Some(named) = package.named_workspace() {
        return manifests.expect(&paths::inside(tree, &package.folder.join(named))?);
    }
    for folder in ancestors(&package.folder, tree).skip(1) {
        let Some(above) = manifests.read(folder)?.filter(|above| above.is_workspace_root()) else { continue };
        let excluded = above.workspace_list("exclude").iter().any(|path| package.folder.starts_with(folder.join(path)));
        return Ok(if excluded { package.clone() } else { above });
    }
    Ok(package.clone())
}

/// The folders that a workspace lists as members, globs expanded, its root included. Path dependencies, which cargo
/// counts as members too, are not in it.
pub(super) fn member_folders(workspace: &CargoManifest) -> Result<BTreeSet<PathBuf>, PackageError> {
    let excluded: Vec<_> = workspace.workspace_list("exclude").iter().map(|path| workspace.folder.join(path)).collect();
    let mut folders = BTreeSet::from([workspace.folder.clone()]);
    for member in workspace.workspace_list("members") {
        let mut found = vec![workspace.folder.clone()];
        for part in member.split('/').filter(|part| !matches!(*part, "" | ".")) {
            found = step(member, part, &found)?;
        }
        let is_member = |folder: &PathBuf| {
            folder.join("Cargo.toml").is_file() && !excluded.iter().any(|excluded| folder.starts_with(excluded))
        };
        folders.extend(found.into_iter().map(|folder| paths::normalise(&folder)).filter(is_member));
    }
    Ok(folders)
}

/// One more part of a member glob.
fn step(glob: &str, part: &str, from: &[PathBuf]) -> Result<Vec<PathBuf>, PackageError> {
    if !part.contains(['*', '?', '[']) {
        return Ok(from.iter().map(|folder| folder.join(part)).collect());
    }
    let matcher = globs::compile(glob, part)?.compile_matcher();
    let mut found = if part == "**" { from.to_vec() } else { Vec::new() };
    let mut pending = from.to_vec();
    while let Some(folder) = pending.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !matcher.is_match(&name) || !entry.path().is_dir() || name == "target" || is_hidden(&name) {
                continue;
            }
            found.push(entry.path());
            // `**` goes on downwards, though not through links, which may lead in circles.
            if part == "**" && !entry.path().is_symlink() {
                pending.push(entry.path());
            }
        }
    }
    Ok(found)
}

fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Follows path dependencies, patches and configured overrides from a package to everything it may be built from.
pub(super) fn closure(tree: &Tree, located: &Located) -> Result<Closure, PackageError> {
    let mut closure =
        Closure { folders: BTreeSet::new(), workspace_manifests: BTreeSet::from([located.workspace.path()]) };
    let mut pending = vec![located.package.folder.clone()];
    pending.extend(located.workspace.patches());
    for (config, folder) in config_files(tree, &located.workspace.folder) {
        pending.extend(manifest::configured_paths(&config, folder)?);
    }
    let mut manifests = Manifests::default();
    while let Some(path) = pending.pop() {
        let folder = paths::inside(tree, &path)?;
        if !closure.folders.insert(folder.clone()) {
            continue;
        }
        let file = manifests.expect(&folder)?;
        let workspace = workspace_of(tree, &mut manifests, &file)?;
        pending.extend(file.path_dependencies(&workspace));
        closure.workspace_manifests.insert(workspace.path());
    }
    Ok(closure)
}

/// Cargo configuration files that apply in a folder and stand in the tree, each with the folder that its paths are
/// relative to. Cargo reads `config` where there is no `config.toml`; both are listed, existing or not.
pub(super) fn config_files<'a>(tree: &Tree, folder: &'a Path) -> impl Iterator<Item = (PathBuf, &'a Path)> {
    ancestors(folder, tree)
        .flat_map(|folder| ["config.toml", "config"].map(|name| (folder.join(".cargo").join(name), folder)))
}

/// A folder and those above it, up to the tree's top.
pub(super) fn ancestors<'a>(folder: &'a Path, tree: &Tree) -> impl Iterator<Item = &'a Path> + use<'a> {
    let top = tree.top.clone();
    folder.ancestors().take_while(move |above| above.starts_with(&top))
}

/// Whether a folder is one that never holds sources: build results of a package or workspace, git's data, ours.
pub(super) fn is_build_folder(path: &Path, package_folders: &BTreeSet<PathBuf>) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    source_tree::is_never_code(name)
        || (name == "target" && path.parent().is_some_and(|parent| package_folders.contains(parent)))
}
