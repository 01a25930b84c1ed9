//! The folder of built packages, `.provision/packages`: one `DIGEST.zip` each, there in full or not at all. Also what
//! makes any zip acceptable.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::{PackageError, source_tree};

/// Where the package with that digest is kept.
pub(super) fn path(out: &Path, digest: &str) -> PathBuf {
    out.join(format!("{digest}.zip"))
}

/// The package with that digest, if it is there and whole.
pub(super) fn find(out: &Path, digest: &str) -> Option<PathBuf> {
    let path = path(out, digest);
    let file = File::open(&path).ok()?;
    check_readable(&path, std::io::BufReader::new(file)).ok()?;
    Some(path)
}

/// Writes a package so that no reader ever sees half of it and no crash leaves one: a file of its own name first,
/// flushed to the disk, then renamed.
pub(super) fn put(out: &Path, digest: &str, bytes: &[u8]) -> Result<PathBuf, PackageError> {
    fs::create_dir_all(out).map_err(PackageError::writing(out))?;
    let path = path(out, digest);
    let draft = out.join(format!(".{digest}.{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, &path)
    };
    if let Err(source) = write() {
        let _ = fs::remove_file(&draft);
        return Err(PackageError::Write { path, source });
    }
    Ok(path)
}

/// Reads the table of contents: a zip, not empty, of a size that the platform unpacks.
pub(super) fn check_readable(path: &Path, reader: impl Read + Seek) -> Result<(), PackageError> {
    let archive =
        ZipArchive::new(reader).map_err(|source| PackageError::NotAZip { path: path.to_path_buf(), source })?;
    if archive.is_empty() {
        return Err(PackageError::Empty { path: path.to_path_buf() });
    }
    let bytes = archive.decompressed_size().unwrap_or_default();
    source_tree::check_size(path, u64::try_from(bytes).unwrap_or(u64::MAX))
}
