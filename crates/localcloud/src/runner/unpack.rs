//! Unpacks code packages, each once, into folders named by digest. Trusts nothing in an archive: paths,
//! links, sizes.

use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;
use zip::ZipArchive;

use crate::cloud::lock;
use crate::state::scf::MAX_UNPACKED;

type Outcome = Result<PathBuf, String>;

/// Packages unpacked so far.
#[derive(Default)]
pub(super) struct Unpacked(Mutex<HashMap<String, Arc<OnceCell<Outcome>>>>);

impl Unpacked {
    /// The folder of a package, unpacked on first use.
    pub(super) async fn folder(&self, root: &Path, digest: &str, bytes: &Arc<[u8]>) -> Outcome {
        let cell = lock(&self.0).entry(digest.to_owned()).or_default().clone();
        let (folder, bytes) = (root.join("code").join(digest), bytes.clone());
        let unpack = async || {
            let work = tokio::task::spawn_blocking(move || unpack(&bytes, &folder, MAX_UNPACKED).map(|()| folder));
            work.await.unwrap_or_else(|error| Err(error.to_string()))
        };
        cell.get_or_init(unpack).await.clone()
    }
}

/// Unpacks into a fresh folder, up to so many bytes.
fn unpack(bytes: &[u8], folder: &Path, most: u64) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("the package cannot be unpacked: {error}");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| failed(&error))?;
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| failed(&error))?;
    }
    std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let mut left = most;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| failed(&error))?;
        let Some(path) = entry.enclosed_name() else {
            return Err(failed(&format!("entry {index} leaves the code folder")));
        };
        if entry.is_symlink() {
            return Err(failed(&format!("{} is a symbolic link", path.display())));
        }
        let target = folder.join(path);
        if entry.is_dir() {
            std::fs::create_dir_all(&target).map_err(|error| failed(&error))?;
            continue;
        }
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(|error| failed(&error))?;
        }
        let mut file = std::fs::File::create(&target).map_err(|error| failed(&error))?;
        // What an archive says about sizes may be a lie, so what comes out is counted.
        let copied = std::io::copy(&mut entry.by_ref().take(left + 1), &mut file).map_err(|error| failed(&error))?;
        left = left.checked_sub(copied).ok_or_else(|| failed(&format!("it holds more than {most} bytes")))?;
        set_mode(&file, entry.unix_mode().unwrap_or(0o644)).map_err(|error| failed(&error))?;
    }
    Ok(())
}

#[cfg(unix)]
fn set_mode(file: &std::fs::File, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // Neither set-user-id nor anything else beyond plain permissions; the owner can always read.
    file.set_permissions(std::fs::Permissions::from_mode((mode & 0o755) | 0o400))
}

#[cfg(not(unix))]
fn set_mode(_file: &std::fs::File, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn check(bytes: &[u8], expected: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let code = folder.path().join("in").join("code");
        let told = unpack(bytes, &code, 1000).err().unwrap_or_default();
        assert!(told.contains(expected) && told.is_empty() == expected.is_empty(), "{told:?} is not {expected:?}");
        let written = std::fs::read_dir(folder.path().join("in")).map_or(0, Iterator::count);
        assert!(written <= 1, "nothing is written beside the code folder");
    }

    fn archive(name: &str, content: &[u8]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        archive.start_file(name, SimpleFileOptions::default()).expect("an entry");
        archive.write_all(content).expect("an entry");
        archive.finish().expect("a zip").into_inner()
    }

    /// Makes the archive claim that its one entry is a byte long.
    fn understated(mut bytes: Vec<u8>) -> Vec<u8> {
        let central = bytes.windows(4).position(|window| window == b"PK\x01\x02").expect("a directory");
        bytes[central + 24..central + 28].copy_from_slice(&1_u32.to_le_bytes());
        bytes
    }

    #[test]
    fn what_an_archive_claims_is_not_believed() {
        check(&archive("lib/a.txt", b"fine"), "");
        check(&archive("a.txt", &[0; 1000]), "");
        check(&archive("a.txt", &[0; 1001]), "holds more than 1000 bytes");
        check(&understated(archive("a.txt", &[0; 100_000])), "the package cannot be unpacked");
        check(&archive("../a.txt", b""), "leaves the code folder");
        check(&archive("/tmp/a.txt", b""), "");
        let mut linked = ZipWriter::new(Cursor::new(Vec::new()));
        linked.add_symlink("etc", "/etc", SimpleFileOptions::default()).expect("a link");
        check(&linked.finish().expect("a zip").into_inner(), "etc is a symbolic link");
        check(b"PK, but no zip", "the package cannot be unpacked");
    }
}
