//! Uploads a file under a key that names its content: nothing is sent when the object is there and equal, large files
//! go in parts, a few at once, read one after the other so that memory holds only what is under way. What a run that
//! was killed left behind is taken up again, part by part, as far as its MD5 fits. A file that changed meanwhile never
//! becomes an object: its digest is compared before the last request.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use md5::Md5;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::task::JoinSet;

use super::{Bucket, MOST_PARTS, PART_BYTES, PARTS_AT_ONCE, WHOLE_BYTES};
use crate::{Client, Error};

/// Rounds of an upload that somebody else ended, and of a request whose outcome stays unknown.
const ROUNDS: usize = 3;

/// What is uploaded.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Where to.
    pub bucket: Bucket,
    /// The object's key, without a leading slash.
    pub key: String,
    /// The bytes.
    pub source: Source,
    /// How many.
    pub size: u64,
    /// Their SHA-256, 64 lower-case hex digits.
    pub sha256: String,
}

/// Where bytes come from.
#[derive(Clone)]
pub enum Source {
    /// Memory.
    Memory(Bytes),
    /// An open file, read from its beginning. Its position is the upload's meanwhile.
    File(Arc<File>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Memory(..)",
            Self::File(_) => "File(..)",
        })
    }
}

/// How an upload ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploaded {
    /// An equal object was there; nothing was sent.
    Already,
    /// The object is there now.
    Sent,
}

/// Why there is no object.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UploadError {
    /// A request failed.
    #[error("cannot upload to the bucket")]
    Call(#[from] Error),
    /// The file could not be read.
    #[error("cannot read the package")]
    Read(#[from] io::Error),
    /// The bytes are not those that were identified.
    #[error("the package changed while it was uploaded")]
    Changed,
    /// The caller said stop; what was sent was thrown away.
    #[error("stopped")]
    Stopped,
}

impl Client {
    /// Makes the object be there. `progress` hears how many bytes the service has; `stop` ends the upload and throws
    /// away what was sent. So does a failure.
    ///
    /// # Errors
    /// See [`UploadError`].
    pub async fn upload(
        &self,
        upload: &Upload,
        progress: &(dyn Fn(u64) + Send + Sync),
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Uploaded, UploadError> {
        let mut stop = std::pin::pin!(stop);
        let mut begun = None;
        let result = tokio::select! {
            biased;
            () = &mut stop => Err(UploadError::Stopped),
            result = self.make_present(upload, progress, &mut begun) => result,
        };
        if let (Err(_), Some(id)) = (&result, begun) {
            // The parts are of no use; the bucket's lifecycle rule takes what this cannot.
            let _ = self.abort_upload(&upload.bucket, &upload.key, &id).await;
        }
        result
    }

    async fn make_present(
        &self,
        upload: &Upload,
        progress: &(dyn Fn(u64) + Send + Sync),
        begun: &mut Option<String>,
    ) -> Result<Uploaded, UploadError> {
        if self.is_present(upload).await? {
            return Ok(Uploaded::Already);
        }
        if upload.size <= WHOLE_BYTES {
            return self.send_whole(upload, progress).await;
        }
        let mut round = 1;
        loop {
            match self.send_parts(upload, progress, begun).await {
                // Another run of the same code completed it, or threw it away.
                Err(UploadError::Call(error)) if error.code() == Some("NoSuchUpload") => {
                    *begun = None;
                    if self.is_present(upload).await? {
                        return Ok(Uploaded::Sent);
                    }
                    if round == ROUNDS {
                        return Err(error.into());
                    }
                    round += 1;
                }
                other => return other,
            }
        }
    }

    /// Whether an equal object is there. One that may not be looked at is taken for absent: putting it again changes
    /// nothing, and the refusal of that says more than one of HEAD, which has no text.
    async fn is_present(&self, upload: &Upload) -> Result<bool, Error> {
        match self.head_object(&upload.bucket, &upload.key).await {
            Ok(head) => {
                Ok(head.is_some_and(|head| head.size == upload.size && head.sha256.as_deref() == Some(&*upload.sha256)))
            }
            Err(error) if error.code() == Some("AccessDenied") => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn send_whole(
        &self,
        upload: &Upload,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Uploaded, UploadError> {
        let mut reader = PartReader::new(upload, upload.size);
        let part = reader.next().await?;
        if reader.digest() != upload.sha256 {
            return Err(UploadError::Changed);
        }
        let md5 = part.md5_text();
        let sent = self.put_object(&upload.bucket, &upload.key, part.bytes, &md5, &upload.sha256).await;
        match sent {
            Err(error) if error.outcome_unknown() && self.is_present(upload).await? => {}
            other => other?,
        }
        progress(upload.size);
        Ok(Uploaded::Sent)
    }

    async fn send_parts(
        &self,
        upload: &Upload,
        progress: &(dyn Fn(u64) + Send + Sync),
        begun: &mut Option<String>,
    ) -> Result<Uploaded, UploadError> {
        let (id, there) = self.begin(upload).await?;
        *begun = Some(id.clone());
        let mut reader = PartReader::new(upload, part_bytes(upload.size));
        let mut etags = BTreeMap::new();
        let mut done = 0;
        let mut sending = JoinSet::new();
        while reader.left() > 0 || !sending.is_empty() {
            if reader.left() > 0 && sending.len() < PARTS_AT_ONCE {
                let part = reader.next().await?;
                let size = part.bytes.len() as u64;
                if there.get(&part.number).is_some_and(|(had, etag)| *had == size && *etag == part.md5_hex()) {
                    etags.insert(part.number, part.md5_hex());
                    done += size;
                    progress(done);
                    continue;
                }
                let (client, bucket, key, id) = (self.clone(), upload.bucket.clone(), upload.key.clone(), id.clone());
                sending.spawn(async move {
                    let md5 = part.md5_text();
                    let etag = client.upload_part(&bucket, &key, &id, part.number, part.bytes, &md5).await?;
                    Ok::<_, Error>((part.number, etag, size))
                });
                continue;
            }
            // A task that panicked is a bug here; there is no part then.
            let Some(Ok(sent)) = sending.join_next().await else { return Err(UploadError::Changed) };
            let (number, etag, size) = sent?;
            etags.insert(number, etag);
            done += size;
            progress(done);
        }
        if reader.digest() != upload.sha256 {
            return Err(UploadError::Changed);
        }
        let etags: Vec<(u64, String)> = etags.into_iter().collect();
        let mut round = 1;
        loop {
            match self.complete_upload(&upload.bucket, &upload.key, &id, &etags).await {
                Ok(()) => break,
                Err(error) if error.outcome_unknown() => {
                    if self.is_present(upload).await? {
                        break;
                    }
                    if round == ROUNDS {
                        return Err(error.into());
                    }
                    round += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        *begun = None;
        Ok(Uploaded::Sent)
    }

    /// An upload to send parts to, and the parts that it has: one that was left unfinished, or a new one.
    async fn begin(&self, upload: &Upload) -> Result<(String, BTreeMap<u64, (u64, String)>), UploadError> {
        let mut round = 1;
        loop {
            // Taking up is a saving only: whoever may not list begins anew.
            let unfinished = self.unfinished_uploads(&upload.bucket, &upload.key).await.unwrap_or_default();
            if let Some(id) = unfinished.into_iter().next_back()
                && let Ok(parts) = self.parts(&upload.bucket, &upload.key, &id).await
            {
                let there = parts.into_iter().map(|part| (part.number, (part.size, part.etag))).collect();
                return Ok((id, there));
            }
            match self.initiate_upload(&upload.bucket, &upload.key, &upload.sha256).await {
                Ok(id) => return Ok((id, BTreeMap::new())),
                // It may have begun: the next look finds it.
                Err(error) if error.outcome_unknown() && round < ROUNDS => round += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Bytes of each part but the last.
fn part_bytes(size: u64) -> u64 {
    PART_BYTES.max(size.div_ceil(MOST_PARTS))
}

/// A piece of the package, numbered from 1.
struct Part {
    number: u64,
    bytes: Bytes,
    md5: [u8; 16],
}

impl Part {
    fn md5_hex(&self) -> String {
        self.md5.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// As the header `Content-MD5` has it: base64.
    fn md5_text(&self) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::with_capacity(24);
        for chunk in self.md5.chunks(3) {
            let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for at in 0..4 {
                let letter = ALPHABET[(bits >> (18 - 6 * at) & 63) as usize];
                text.push(if at <= chunk.len() { char::from(letter) } else { '=' });
            }
        }
        text
    }
}

/// Reads a package piece by piece and digests it on the way.
struct PartReader {
    source: Source,
    size: u64,
    part_bytes: u64,
    position: u64,
    number: u64,
    sha256: Sha256,
}

impl PartReader {
    fn new(upload: &Upload, part_bytes: u64) -> Self {
        Self {
            source: upload.source.clone(),
            size: upload.size,
            part_bytes,
            position: 0,
            number: 0,
            sha256: Sha256::new(),
        }
    }

    fn left(&self) -> u64 {
        self.size - self.position
    }

    async fn next(&mut self) -> io::Result<Part> {
        let (source, at) = (self.source.clone(), self.position);
        let length = self.part_bytes.min(self.left());
        let mut sha256 = std::mem::take(&mut self.sha256);
        let work = tokio::task::spawn_blocking(move || {
            let bytes = read_at(&source, at, length)?;
            sha256.update(&bytes);
            let md5 = Md5::digest(&bytes).into();
            Ok::<_, io::Error>((bytes, md5, sha256))
        });
        let (bytes, md5, sha256) = work.await.map_err(io::Error::other)??;
        self.sha256 = sha256;
        self.position += length;
        self.number += 1;
        Ok(Part { number: self.number, bytes, md5 })
    }

    fn digest(&self) -> String {
        self.sha256.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn read_at(source: &Source, at: u64, length: u64) -> io::Result<Bytes> {
    let too_large = |_| io::Error::from(io::ErrorKind::OutOfMemory);
    let (start, length) = (usize::try_from(at).map_err(too_large)?, usize::try_from(length).map_err(too_large)?);
    match source {
        Source::Memory(bytes) if start + length <= bytes.len() => Ok(bytes.slice(start..start + length)),
        Source::Memory(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        Source::File(file) => {
            let mut bytes = vec![0; length];
            let mut file: &File = file;
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut bytes)?;
            Ok(bytes.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_never_more_than_the_service_takes() {
        assert_eq!(part_bytes(40 << 20), PART_BYTES);
        let large: u64 = 500 << 30;
        assert!(large.div_ceil(part_bytes(large)) <= MOST_PARTS);
    }

    #[test]
    fn content_md5_is_base64() {
        let part = Part { number: 1, bytes: Bytes::new(), md5: Md5::digest(b"").into() };
        assert_eq!(part.md5_text(), "1B2M2Y8AsgTpgAmY7PhCfg==");
        assert_eq!(part.md5_hex(), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
