//! Writes zip archives whose bytes depend on nothing but names and contents: entries sorted by name, one fixed time,
//! modes by content, no extra fields, one fixed deflate level. Entries are compressed in parallel, which changes
//! nothing: each one is a stream of its own.
//!
//! The digest also depends on the compressor, so an update of the deflate library can make unchanged code look
//! changed once. `a_known_folder_has_its_golden_digest` notices; such an update is a user-visible change.

use std::borrow::Cow;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, PreparedZipFile, System, ZipWriter};

use super::PackageError;

/// The format's usual balance of size and time. Changing it changes every digest.
const DEFLATE_LEVEL: i64 = 6;

/// A finished zip archive.
#[derive(Clone, PartialEq, Eq)]
pub struct Archive {
    /// The zip file.
    pub bytes: Vec<u8>,
    /// SHA-256 of `bytes`, 64 lower-case hex digits.
    pub digest: String,
}

impl Archive {
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        let digest = hex(&Sha256::digest(&bytes));
        Self { bytes, digest }
    }
}

impl std::fmt::Debug for Archive {
    // Code can hold secrets, and megabytes of numbers tell nobody anything.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("bytes", &self.bytes.len()).field("digest", &self.digest).finish()
    }
}

/// One file to pack.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    pub(super) content: Content<'a>,
}

/// Where its bytes come from.
pub(super) enum Content<'a> {
    Text(&'a str),
    File(PathBuf),
}

/// Packs entries, in whatever order they are given, into the one archive they mean.
pub(super) fn pack(entries: &[Entry<'_>]) -> Result<Archive, PackageError> {
    let mut order: Vec<&Entry<'_>> = entries.iter().collect();
    order.sort_by(|a, b| a.name.cmp(&b.name));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for prepared in in_parallel(&order, |entry| prepare(entry))? {
        zip.add_prepared_file(prepared).expect("names are distinct and checked, and memory takes every write");
    }
    let bytes = zip.finish().expect("memory takes every write").into_inner();
    Ok(Archive::from_bytes(bytes))
}

fn prepare(entry: &Entry<'_>) -> Result<PreparedZipFile, PackageError> {
    let content = match &entry.content {
        Content::Text(text) => Cow::Borrowed(text.as_bytes()),
        Content::File(path) => Cow::Owned(std::fs::read(path).map_err(PackageError::reading(path))?),
    };
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(DEFLATE_LEVEL))
        .last_modified_time(DateTime::DEFAULT) // 1980-01-01 00:00, the format's zero
        .system(System::Unix) // else the machine that packs shows
        .unix_permissions(mode(&entry.name, &content));
    let prepare = || -> zip::result::ZipResult<PreparedZipFile> {
        let mut builder = zip::write::ZipFileBuilder::new(&entry.name, options)?;
        builder.write_all(&content)?;
        builder.finish()
    };
    Ok(prepare().expect("the options are supported and memory takes every write"))
}

/// The mode that an entry gets, whatever the file on disk says: file systems and umasks disagree, contents do not.
/// The platform starts `bootstrap` (custom runtime) and `scf_bootstrap` (HTTP functions).
fn mode(name: &str, content: &[u8]) -> u32 {
    let file_name = name.rsplit('/').next().unwrap_or(name);
    let executable = matches!(file_name, "bootstrap" | "scf_bootstrap")
        || content.starts_with(b"\x7fELF")
        || content.starts_with(b"#!");
    if executable { 0o755 } else { 0o644 }
}

/// Packs one executable as the only entry `bootstrap`.
pub(super) fn pack_bootstrap(binary: &Path) -> Result<Archive, PackageError> {
    pack(&[Entry { name: "bootstrap".into(), content: Content::File(binary.to_path_buf()) }])
}

/// Maps every item on as many threads as the machine has cores (at most 8: disks, not cores, are the limit), keeping
/// their order. The error of the first item that fails is returned.
pub(super) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, PackageError> + Sync,
) -> Result<Vec<R>, PackageError> {
    // Starting a thread costs more than reading a handful of small files.
    const PER_THREAD: usize = 8;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(8).min(items.len() / PER_THREAD);
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, item)) = take(&next, items) {
                    let result = work(item);
                    done.lock().expect("no thread panics while it holds the lock").push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics while it holds the lock");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    items.get(at).map(|item| (at, item))
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_known_by_content_or_name() {
        let cases: [(&str, &[u8], u32); 7] = [
            ("bootstrap", b"", 0o755),
            ("bin/scf_bootstrap", b"x", 0o755),
            ("tool", b"\x7fELF\x02", 0o755),
            ("run.sh", b"#!/bin/sh\n", 0o755),
            ("index.js", b"exports", 0o644),
            ("bootstrap.js", b"exports", 0o644),
            ("empty", b"", 0o644),
        ];
        for (name, content, expected) in cases {
            assert_eq!(mode(name, content), expected, "{name}");
        }
    }

    #[test]
    fn parallel_work_keeps_the_order_and_the_first_error() {
        let items: Vec<usize> = (0..1000).collect();
        assert_eq!(in_parallel(&items, |n| Ok(n * 2)).unwrap(), items.iter().map(|n| n * 2).collect::<Vec<_>>());
        let failed = in_parallel(&items, |n| match n {
            0..300 => Ok(()),
            _ => Err(PackageError::NoInput { glob: n.to_string() }),
        });
        assert!(matches!(failed, Err(PackageError::NoInput { glob }) if glob == "300"));
    }
}
