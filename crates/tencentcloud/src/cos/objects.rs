//! The requests themselves, one function each, named as the provider names them.

use std::fmt::Write as _;

use bytes::Bytes;
use reqwest::Method;

use super::Bucket;
use super::answer::{self, AnyNamespace as _, child, document, required, text};
use super::call::Call;
use crate::Client;
use crate::api::Effect;
use crate::error::{Error, Unknown};
use crate::transport::Incoming;

/// Carries the SHA-256 of an object's content, 64 lower-case hex digits.
const DIGEST_HEADER: &str = "x-cos-meta-sha256";
const ZIP: &str = "application/zip";

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Bytes.
    pub size: u64,
    /// The SHA-256 that was noted when it was put, 64 lower-case hex digits.
    pub sha256: Option<String>,
}

/// A part that the service has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: u64,
    pub(super) size: u64,
    /// MD5 in hex, without quotes.
    pub(super) etag: String,
}

impl Client {
    /// HeadObject. `None`: there is no such object, or no such bucket.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn head_object(&self, bucket: &Bucket, key: &str) -> Result<Option<ObjectHead>, Error> {
        let call = request(bucket, key, "HeadObject", Effect::Read, Method::HEAD, |incoming| {
            let length = answer::header(incoming, "content-length").and_then(|text| text.parse().ok());
            let size = length.ok_or_else(|| Unknown::Unreadable("no `Content-Length`".to_owned()))?;
            Ok(ObjectHead { size, sha256: answer::header(incoming, DIGEST_HEADER).map(str::to_ascii_lowercase) })
        });
        match self.exchange(&call).await {
            Ok(head) => Ok(Some(head)),
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "NoSuchBucket")) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// PutObject: a whole object in one request.
    pub(super) async fn put_object(
        &self,
        bucket: &Bucket,
        key: &str,
        body: Bytes,
        md5: &str,
        sha256: &str,
    ) -> Result<(), Error> {
        let mut call = request(bucket, key, "PutObject", Effect::IdempotentWrite, Method::PUT, |_| Ok(()));
        call.headers =
            vec![("content-md5", md5.to_owned()), ("content-type", ZIP.to_owned()), (DIGEST_HEADER, sha256.to_owned())];
        call.body = body;
        self.exchange(&call).await
    }

    /// InitiateMultipartUpload: the id of a new upload.
    pub(super) async fn initiate_upload(&self, bucket: &Bucket, key: &str, sha256: &str) -> Result<String, Error> {
        let read = |incoming: &Incoming| {
            required(document(text(incoming)?, "InitiateMultipartUploadResult")?.root_element(), "UploadId")
        };
        let mut call = request(bucket, key, "InitiateMultipartUpload", Effect::Write, Method::POST, read);
        call.query = vec![("uploads", String::new())];
        call.headers = vec![("content-type", ZIP.to_owned()), (DIGEST_HEADER, sha256.to_owned())];
        self.exchange(&call).await
    }

    /// ListMultipartUploads: ids of unfinished uploads of exactly this key, as the service orders them. Reads one
    /// page, which holds 1,000 of them.
    pub(super) async fn unfinished_uploads(&self, bucket: &Bucket, key: &str) -> Result<Vec<String>, Error> {
        let read = |incoming: &Incoming| {
            let document = document(text(incoming)?, "ListMultipartUploadsResult")?;
            let uploads = document.root_element().children().filter(|n| n.has_tag_name_in_any_namespace("Upload"));
            uploads.map(|upload| Ok((required(upload, "Key")?, required(upload, "UploadId")?))).collect()
        };
        let mut call: Call<'_, Vec<(String, String)>> =
            request(bucket, "", "ListMultipartUploads", Effect::Read, Method::GET, read);
        call.query = vec![("uploads", String::new()), ("prefix", key.to_owned())];
        let found = self.exchange(&call).await?;
        Ok(found.into_iter().filter(|(of, _)| of == key).map(|(_, id)| id).collect())
    }

    /// ListParts: what the service has of an upload, all pages.
    pub(super) async fn parts(&self, bucket: &Bucket, key: &str, upload: &str) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        let mut marker = None;
        loop {
            let mut call = request(bucket, key, "ListParts", Effect::Read, Method::GET, read_parts);
            call.query = vec![("uploadId", upload.to_owned())];
            call.query.extend(marker.map(|marker: u64| ("part-number-marker", marker.to_string())));
            let (mut page, next) = self.exchange(&call).await?;
            parts.append(&mut page);
            match next {
                // A marker that does not move would ask for the same page for ever.
                Some(next) if marker.is_none_or(|before| next > before) => marker = Some(next),
                _ => return Ok(parts),
            }
        }
    }

    /// UploadPart: the part's ETag.
    pub(super) async fn upload_part(
        &self,
        bucket: &Bucket,
        key: &str,
        upload: &str,
        number: u64,
        body: Bytes,
        md5: &str,
    ) -> Result<String, Error> {
        let read = |incoming: &Incoming| match answer::header(incoming, "etag") {
            Some(etag) => Ok(etag.trim_matches('"').to_owned()),
            None => Err(Unknown::Unreadable("no `ETag`".to_owned())),
        };
        let mut call = request(bucket, key, "UploadPart", Effect::IdempotentWrite, Method::PUT, read);
        call.query = vec![("partNumber", number.to_string()), ("uploadId", upload.to_owned())];
        call.headers = vec![("content-md5", md5.to_owned())];
        call.body = body;
        self.exchange(&call).await
    }

    /// CompleteMultipartUpload: the parts, in their order, become the object.
    pub(super) async fn complete_upload(
        &self,
        bucket: &Bucket,
        key: &str,
        upload: &str,
        etags: &[(u64, String)],
    ) -> Result<(), Error> {
        let read = |incoming: &Incoming| document(text(incoming)?, "CompleteMultipartUploadResult").map(drop);
        let mut call = request(bucket, key, "CompleteMultipartUpload", Effect::Write, Method::POST, read);
        call.query = vec![("uploadId", upload.to_owned())];
        call.headers = vec![("content-type", "application/xml".to_owned())];
        let mut body = String::from("<CompleteMultipartUpload>");
        for (number, etag) in etags {
            let _ =
                write!(body, "<Part><PartNumber>{number}</PartNumber><ETag>&quot;{}&quot;</ETag></Part>", xml(etag));
        }
        body.push_str("</CompleteMultipartUpload>");
        call.body = body.into();
        self.exchange(&call).await
    }

    /// AbortMultipartUpload: the service forgets the parts. One that is gone already is done.
    pub(super) async fn abort_upload(&self, bucket: &Bucket, key: &str, upload: &str) -> Result<(), Error> {
        let mut call =
            request(bucket, key, "AbortMultipartUpload", Effect::IdempotentWrite, Method::DELETE, |_| Ok(()));
        call.query = vec![("uploadId", upload.to_owned())];
        match self.exchange(&call).await {
            Err(error) if error.code() == Some("NoSuchUpload") => Ok(()),
            other => other,
        }
    }
}

fn request<'a, R>(
    bucket: &'a Bucket,
    key: &'a str,
    action: &'static str,
    effect: Effect,
    method: Method,
    read: fn(&Incoming) -> Result<R, Unknown>,
) -> Call<'a, R> {
    Call { action, effect, bucket, method, key, query: Vec::new(), headers: Vec::new(), body: Bytes::new(), read }
}

fn read_parts(incoming: &Incoming) -> Result<(Vec<Part>, Option<u64>), Unknown> {
    let document = document(text(incoming)?, "ListPartsResult")?;
    let root = document.root_element();
    let number = |text: String| text.parse::<u64>().map_err(|_| Unknown::Unreadable("no number".to_owned()));
    let parts = root.children().filter(|node| node.has_tag_name_in_any_namespace("Part")).map(|part| {
        Ok(Part {
            number: number(required(part, "PartNumber")?)?,
            size: number(required(part, "Size")?)?,
            etag: required(part, "ETag")?.trim_matches('"').to_owned(),
        })
    });
    let parts = parts.collect::<Result<Vec<_>, Unknown>>()?;
    let more = child(root, "IsTruncated") == Some("true");
    let next = child(root, "NextPartNumberMarker").and_then(|text| text.parse().ok()).filter(|_| more);
    Ok((parts, next))
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
