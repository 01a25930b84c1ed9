//! Declared paths to real ones: relative to the manifest, inside the tree, links included. Also the names that may
//! stand in an archive. Reads only what resolving needs.

use std::path::{Component, Path, PathBuf};

use super::{PackageError, Tree};

/// The real path of a declared folder.
pub(super) fn folder(tree: &Tree, declared: &str) -> Result<PathBuf, PackageError> {
    let path = resolve(tree, declared)?;
    if path.is_dir() { Ok(path) } else { Err(PackageError::NotADirectory { path }) }
}

/// The real path of a declared file.
pub(super) fn file(tree: &Tree, declared: &str) -> Result<PathBuf, PackageError> {
    let path = resolve(tree, declared)?;
    let metadata = path.metadata().map_err(PackageError::reading(&path))?;
    if metadata.is_dir() {
        return Err(PackageError::NotAFile { path });
    }
    match special_kind(&metadata) {
        Some(kind) => Err(PackageError::SpecialFile { path, kind }),
        None => Ok(path),
    }
}

/// The real path of whatever is declared, inside the tree.
pub(super) fn resolve(tree: &Tree, declared: &str) -> Result<PathBuf, PackageError> {
    let relative = Path::new(declared);
    if relative.is_absolute() || relative.has_root() || declared.contains('\0') {
        return Err(PackageError::AbsolutePath { path: declared.into() });
    }
    inside(tree, &tree.manifest_dir.join(relative))
}

/// The real path behind `path`, which must lie inside the tree both as written and with its links followed.
pub(super) fn inside(tree: &Tree, path: &Path) -> Result<PathBuf, PackageError> {
    // As written first: `..` out of the tree is refused even where nothing exists, and told apart from a link.
    let written = normalise(path);
    if !written.starts_with(&tree.top) {
        return Err(PackageError::OutsideTree { path: path.to_path_buf(), top: tree.top.clone() });
    }
    let real = path.canonicalize().map_err(PackageError::reading(path))?;
    if real.starts_with(&tree.top) {
        Ok(real)
    } else {
        Err(PackageError::EscapingLink { link: path.to_path_buf(), top: tree.top.clone() })
    }
}

/// Removes `.` and resolves `..` by the letters of the path, without looking at the disk.
pub(super) fn normalise(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// `path` as seen from `base`, with forward slashes and `..` where needed. Both are canonical, so the result is the
/// same in every checkout.
pub(super) fn relative_name(base: &Path, path: &Path) -> Result<String, PackageError> {
    let base: Vec<_> = base.components().collect();
    let target: Vec<_> = path.components().collect();
    let shared = base.iter().zip(&target).take_while(|(a, b)| a == b).count();
    let mut parts = vec![".."; base.len() - shared];
    for component in &target[shared..] {
        parts.push(component.as_os_str().to_str().ok_or_else(|| not_unicode(path))?);
    }
    Ok(parts.join("/"))
}

/// The error for a path that is not Unicode and so has no portable name.
pub(super) fn not_unicode(path: &Path) -> PackageError {
    PackageError::BadName { name: path.display().to_string(), why: "it is not Unicode".into() }
}

/// A name that may stand in an archive: a plain relative path with forward slashes.
pub(super) fn check_entry_name(name: &str) -> Result<(), PackageError> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.starts_with('/') {
        "it is absolute"
    } else if name.contains('\\') {
        "it holds a backslash"
    } else if name.chars().any(char::is_control) {
        "it holds a control character"
    } else if name.len() > usize::from(u16::MAX) {
        "it is longer than the format allows"
    } else if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        "each part must be a name"
    } else {
        return Ok(());
    };
    Err(PackageError::BadName { name: name.escape_debug().to_string(), why: why.into() })
}

/// What a file is that is neither file, folder nor link.
pub(super) fn special_kind(metadata: &std::fs::Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() || kind.is_dir() || kind.is_symlink() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("named pipe");
        }
        if kind.is_socket() {
            return Some("socket");
        }
        if kind.is_block_device() || kind.is_char_device() {
            return Some("device");
        }
    }
    Some("special file")
}
