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
            let work = tokio::task::spawn_blocking(move || unpack(&bytes, &folder).map(|()| folder));
            work.await.unwrap_or_else(|error| Err(error.to_string()))
        };
        cell.get_or_init(unpack).await.clone()
    }
}

/// Unpacks into a fresh folder.
fn unpack(bytes: &[u8], folder: &Path) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("the package cannot be unpacked: {error}");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| failed(&error))?;
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| failed(&error))?;
    }
    std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let mut left = MAX_UNPACKED;
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
        left = left.checked_sub(copied).ok_or_else(|| failed(&format!("it holds more than {MAX_UNPACKED} bytes")))?;
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
