//! Which files a folder holds: links followed inside the tree, special files refused, sorted by name. Reads names,
//! kinds and sizes only. Git's ignore rules are not applied here (see `cargo::inputs`): a packed folder is often a
//! build result, and those are ignored.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::{PackageError, Tree, UNPACKED_LIMIT, paths};

/// One file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceFile {
    /// Relative to the folder, with forward slashes.
    pub(super) name: String,
    /// The real file, links followed.
    pub(super) path: PathBuf,
    /// In bytes.
    pub(super) size: u64,
}

/// Folders that never belong to code: git's own, and ours (built packages, the local cloud's state).
pub(super) fn is_never_code(name: &str) -> bool {
    matches!(name, ".git" | ".provision")
}

/// Which names of a folder count. Both functions see names relative to the folder.
pub(super) struct Filter<'a> {
    /// Left out unread; a folder goes with everything in it.
    pub(super) skip: &'a dyn Fn(&str) -> bool,
    /// The files that are wanted. Broken links and special files elsewhere are nobody's business.
    pub(super) keep: &'a dyn Fn(&str) -> bool,
}

/// Lists the wanted files below `root` (canonical, inside the tree), sorted by name.
pub(super) fn list(tree: &Tree, root: &Path, filter: &Filter<'_>) -> Result<Vec<SourceFile>, PackageError> {
    let mut walk = Walk { tree, filter, around: vec![root.to_path_buf()], files: Vec::new() };
    walk.folder(root, "")?;
    walk.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(walk.files)
}

/// Refuses what the platform would not unpack.
pub(super) fn check_size(path: &Path, bytes: u64) -> Result<(), PackageError> {
    if bytes > UNPACKED_LIMIT {
        return Err(PackageError::TooLarge { path: path.to_path_buf(), bytes, limit: UNPACKED_LIMIT });
    }
    Ok(())
}

struct Walk<'a> {
    tree: &'a Tree,
    filter: &'a Filter<'a>,
    /// Real paths of the folders around the current one: a link to one of them is a loop.
    around: Vec<PathBuf>,
    files: Vec<SourceFile>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<(), PackageError> {
        for entry in folder.read_dir().map_err(PackageError::reading(folder))? {
            let entry = entry.map_err(PackageError::reading(folder))?;
            let path = entry.path();
            let file_name = entry.file_name();
            let file_name = file_name.to_str().ok_or_else(|| paths::not_unicode(&path))?;
            let name = format!("{prefix}{file_name}");
            if is_never_code(file_name) || (self.filter.skip)(&name) {
                continue;
            }
            self.entry(path, &name)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, name: &str) -> Result<(), PackageError> {
        let (real, metadata) = match self.follow(path) {
            Ok(found) => found,
            Err(_) if !(self.filter.keep)(name) => return Ok(()),
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            self.around.push(real.clone());
            self.folder(&real, &format!("{name}/"))?;
            self.around.pop();
        } else if (self.filter.keep)(name) {
            paths::check_entry_name(name)?;
            self.files.push(SourceFile { name: name.into(), path: real, size: metadata.len() });
        }
        Ok(())
    }

    /// The real file or folder behind an entry, which may be a link.
    fn follow(&self, path: PathBuf) -> Result<(PathBuf, Metadata), PackageError> {
        let metadata = path.symlink_metadata().map_err(PackageError::reading(&path))?;
        let is_link = metadata.is_symlink();
        let (real, metadata) = if is_link {
            let real = paths::inside(self.tree, &path)?;
            let metadata = real.metadata().map_err(PackageError::reading(&real))?;
            (real, metadata)
        } else {
            (path.clone(), metadata)
        };
        if let Some(kind) = paths::special_kind(&metadata) {
            return Err(PackageError::SpecialFile { path, kind });
        }
        if is_link && self.around.contains(&real) {
            return Err(PackageError::LinkLoop { link: path });
        }
        Ok((real, metadata))
    }
}
