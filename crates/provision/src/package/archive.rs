//! Writes zip archives whose bytes depend on nothing but names and contents: entries sorted by name, one fixed time,
//! modes by content, no extra fields, one fixed deflate level. Entries are compressed in parallel, which changes
//! nothing: each one is a stream of its own. What is large is packed into a file, so that memory holds a few megabytes
//! of it at a time; the bytes are the same.
//!
//! The digest also depends on the compressor, so an update of the deflate library can make unchanged code look
//! changed once. `a_known_folder_has_its_golden_digest` notices; such an update is a user-visible change.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, PreparedZipFile, System, ZipWriter};

use super::PackageError;

/// The format's usual balance of size and time. Changing it changes every digest.
const DEFLATE_LEVEL: i64 = 6;

/// Code of more bytes than this is packed on disk instead of in memory. Somewhat more than what travels inside a
/// request, so that the usual function never touches the disk.
const IN_MEMORY: u64 = 8 * 1024 * 1024;

/// A finished zip archive.
#[derive(Clone)]
pub struct Archive {
    /// The zip file.
    pub content: Content,
    /// Its bytes.
    pub size: u64,
    /// SHA-256 of its bytes, 64 lower-case hex digits.
    pub digest: String,
}

/// Where an archive's bytes are.
#[derive(Clone)]
pub enum Content {
    /// In memory.
    Memory(Arc<[u8]>),
    /// In an open file: one of the user's, or one without a name that goes when the process does, however it ends.
    File(Arc<File>),
}

impl Archive {
    fn from_bytes(bytes: Vec<u8>) -> Self {
        let digest = hex(&Sha256::digest(&bytes));
        Self { size: bytes.len() as u64, content: Content::Memory(bytes.into()), digest }
    }

    /// An archive that stands in a file; a small one is taken into memory.
    pub(super) fn from_file(mut file: File) -> io::Result<Self> {
        file.rewind()?;
        if file.metadata()?.len() <= IN_MEMORY {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            return Ok(Self::from_bytes(bytes));
        }
        let mut hasher = Hasher(Sha256::new());
        let size = io::copy(&mut file, &mut hasher)?;
        Ok(Self { content: Content::File(Arc::new(file)), size, digest: hex(&hasher.0.finalize()) })
    }

    /// All of its bytes.
    ///
    /// # Errors
    /// When it stands in a file that cannot be read any more.
    pub fn bytes(&self) -> io::Result<Arc<[u8]>> {
        match &self.content {
            Content::Memory(bytes) => Ok(bytes.clone()),
            Content::File(file) => {
                let mut file: &File = file;
                file.rewind()?;
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}

struct Hasher(Sha256);

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Archives with the same bytes are the same.
impl PartialEq for Archive {
    fn eq(&self, other: &Self) -> bool {
        (self.size, &self.digest) == (other.size, &other.digest)
    }
}

impl Eq for Archive {}

impl std::fmt::Debug for Archive {
    // Code can hold secrets, and megabytes of numbers tell nobody anything.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("size", &self.size).field("digest", &self.digest).finish()
    }
}

/// One file to pack.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    pub(super) source: Source<'a>,
}

/// Where a file's bytes come from.
pub(super) enum Source<'a> {
    Text(&'a str),
    /// A file, and how large it was when it was listed.
    File(PathBuf, u64),
}

impl Entry<'_> {
    fn size(&self) -> u64 {
        match &self.source {
            Source::Text(text) => text.len() as u64,
            Source::File(_, size) => *size,
        }
    }
}

/// Packs entries, in whatever order they are given, into the one archive they mean.
pub(super) fn pack(entries: &[Entry<'_>]) -> Result<Archive, PackageError> {
    let mut order: Vec<&Entry<'_>> = entries.iter().collect();
    order.sort_by(|a, b| a.name.cmp(&b.name));
    if entries.iter().map(Entry::size).sum::<u64>() <= IN_MEMORY {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for prepared in in_parallel(&order, |entry| prepare(entry))? {
            zip.add_prepared_file(prepared).expect("names are distinct and checked, and memory takes every write");
        }
        return Ok(Archive::from_bytes(zip.finish().expect("memory takes every write").into_inner()));
    }
    let file = tempfile::tempfile().map_err(spooling)?;
    pack_into(file, &order).and_then(|file| Archive::from_file(file).map_err(spooling))
}

/// Packs on disk: files of ordinary size as in memory, a few megabytes of them at a time; large ones alone, as they
/// are read.
fn pack_into(file: File, order: &[&Entry<'_>]) -> Result<File, PackageError> {
    let written = |error: ZipError| spooling(io::Error::other(error));
    let mut zip = ZipWriter::new(BufWriter::new(file));
    let mut rest = order;
    while let Some(first) = rest.first() {
        if let Source::File(path, size) = &first.source
            && *size > IN_MEMORY
        {
            stream(&mut zip, &first.name, path)?;
            rest = &rest[1..];
            continue;
        }
        let mut sum = 0;
        let fits = |entry: &&&Entry<'_>| {
            sum += entry.size();
            sum <= IN_MEMORY
        };
        let (batch, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        for prepared in in_parallel(batch, |entry| prepare(entry))? {
            zip.add_prepared_file(prepared).map_err(written)?;
        }
        rest = later;
    }
    zip.finish().map_err(written)?.into_inner().map_err(|error| spooling(error.into_error()))
}

fn stream(zip: &mut ZipWriter<BufWriter<File>>, name: &str, path: &Path) -> Result<(), PackageError> {
    let reading = PackageError::reading(path);
    let open = || -> io::Result<(File, Vec<u8>)> {
        let mut file = File::open(path)?;
        let mut start = Vec::new();
        Read::by_ref(&mut file).take(4).read_to_end(&mut start)?;
        file.rewind()?;
        Ok((file, start))
    };
    let (mut file, start) = open().map_err(reading)?;
    zip.start_file(name, options(name, &start)).map_err(|error| spooling(io::Error::other(error)))?;
    io::copy(&mut file, zip).map_err(PackageError::reading(path))?;
    Ok(())
}

fn spooling(source: io::Error) -> PackageError {
    PackageError::Write { path: std::env::temp_dir(), source }
}

fn options(name: &str, start: &[u8]) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(DEFLATE_LEVEL))
        .last_modified_time(DateTime::DEFAULT) // 1980-01-01 00:00, the format's zero
        .system(System::Unix) // else the machine that packs shows
        .unix_permissions(mode(name, start))
}

fn prepare(entry: &Entry<'_>) -> Result<PreparedZipFile, PackageError> {
    let content = match &entry.source {
        Source::Text(text) => Cow::Borrowed(text.as_bytes()),
        Source::File(path, _) => Cow::Owned(std::fs::read(path).map_err(PackageError::reading(path))?),
    };
    let options = options(&entry.name, &content);
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
    let size = std::fs::metadata(binary).map_err(PackageError::reading(binary))?.len();
    pack(&[Entry { name: "bootstrap".into(), source: Source::File(binary.to_path_buf(), size) }])
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
    fn packing_on_disk_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        // A generator's output, which does not compress.
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let large: Vec<u8> = (0..9 << 20).map(|_| next()).collect();
        std::fs::write(&path, &large).unwrap();
        let size = large.len() as u64;
        let entries = |size| {
            vec![
                Entry { name: "bootstrap".into(), source: Source::Text("#!/bin/sh\n") },
                Entry { name: "large".into(), source: Source::File(path.clone(), size) },
                Entry { name: "last".into(), source: Source::Text("x") },
            ]
        };
        // A file that grew since it was listed is packed in memory.
        let (on_disk, in_memory) = (pack(&entries(size)).unwrap(), pack(&entries(0)).unwrap());
        assert!(matches!(on_disk.content, Content::File(_)));
        assert!(matches!(in_memory.content, Content::Memory(_)));
        assert_eq!(on_disk, in_memory);
        assert_eq!(on_disk.bytes().unwrap(), in_memory.bytes().unwrap());
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
