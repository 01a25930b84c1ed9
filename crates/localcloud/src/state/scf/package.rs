//! Code packages by digest, and what can be said about one without running it. Unpacking for a run is
//! the runner's job.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::Arc;

use zip::ZipArchive;

use super::Reason;
use crate::encoding::sha256_hex;
use crate::refusal::{Refusal, refuse};
use crate::state::Write;

/// Unpacked code and layers of one version, in bytes (quota page 583/11637).
pub(crate) const MAX_UNPACKED: u64 = 500 * 1024 * 1024;
/// The zip itself, in bytes (member text of CreateFunction's Code.ZipFile).
const MAX_PACKED: usize = 50 * 1024 * 1024;

/// Zip archives by lower-case SHA-256.
#[derive(Clone, Default)]
pub(crate) struct Packages {
    rows: BTreeMap<String, Arc<[u8]>>,
    changed: BTreeSet<String>,
}

impl Packages {
    /// Keeps a package and answers its digest.
    pub(crate) fn insert(&mut self, bytes: Vec<u8>) -> String {
        let digest = sha256_hex(&bytes);
        if !self.rows.contains_key(&digest) {
            self.rows.insert(digest.clone(), bytes.into());
            self.changed.insert(digest.clone());
        }
        digest
    }

    pub(crate) fn get(&self, digest: &str) -> Option<Arc<[u8]>> {
        self.rows.get(digest).cloned()
    }

    pub(crate) fn remove(&mut self, digest: &str) {
        self.rows.remove(digest);
        self.changed.insert(digest.to_owned());
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    pub(crate) fn take_changes(&mut self, keep: bool, into: &mut Vec<Write>) {
        for digest in std::mem::take(&mut self.changed) {
            if keep {
                let bytes = self.rows.get(&digest).map(|bytes| bytes.to_vec());
                into.push((format!("package:{digest}"), bytes));
            }
        }
    }

    pub(crate) fn load(&mut self, key: &str, bytes: &[u8]) -> bool {
        let Some(digest) = key.strip_prefix("package:") else { return false };
        self.rows.insert(digest.to_owned(), bytes.into());
        true
    }
}

/// Refuses what is not a zip archive at all.
pub(crate) fn must_be_zip(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.len() > MAX_PACKED {
        return refuse("InvalidParameterValue.ZipFile", format!("the zip is larger than {MAX_PACKED} bytes"));
    }
    match ZipArchive::new(Cursor::new(bytes)) {
        Ok(_) => Ok(()),
        Err(error) => refuse("InvalidParameterValue.ZipFile", format!("the zip file is invalid: {error}")),
    }
}

/// What keeps a package from being deployed: paths that leave the folder, too much content, or no
/// executable entry file where the runtime needs one.
pub(crate) fn finding(bytes: &[u8], entry: Option<&str>) -> Option<Reason> {
    let reason = |code: &str, message: String| Some(Reason { code: code.to_owned(), message });
    let mut archive = match ZipArchive::new(Cursor::new(bytes)) {
        Ok(archive) => archive,
        Err(error) => return reason("InvalidParameterValue.ZipFile", format!("the zip file is invalid: {error}")),
    };
    let mut unpacked: u64 = 0;
    let mut entry_mode = None;
    for index in 0..archive.len() {
        let file = match archive.by_index_raw(index) {
            Ok(file) => file,
            Err(error) => {
                return reason("InvalidParameterValue.ZipFile", format!("entry {index} is unreadable: {error}"));
            }
        };
        let Ok(name) = file.name().map(std::borrow::Cow::into_owned) else {
            return reason("InvalidParameterValue.ZipFile", format!("the name of entry {index} is not text"));
        };
        if file.enclosed_name().is_none() {
            return reason("InvalidParameterValue.ZipFile", format!("entry `{name}` leaves the code folder"));
        }
        if file.is_symlink() {
            return reason("InvalidParameterValue.ZipFile", format!("entry `{name}` is a symbolic link"));
        }
        unpacked = unpacked.saturating_add(file.size());
        if unpacked > MAX_UNPACKED {
            return reason(
                "InvalidParameterValue.Code",
                format!("the package unpacks to more than {MAX_UNPACKED} bytes"),
            );
        }
        if entry == Some(name.as_str()) {
            entry_mode = Some(file.unix_mode().unwrap_or(0));
        }
    }
    let entry = entry?;
    match entry_mode {
        None => reason("InvalidParameterValue.Code", format!("the zip has no file `{entry}` in its root")),
        Some(mode) if mode & 0o111 == 0 => reason(
            "InvalidParameterValue.Code",
            format!("the file `{entry}` is not executable (mode {:o})", mode & 0o777),
        ),
        Some(_) => None,
    }
}
