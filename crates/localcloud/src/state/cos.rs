//! Objects and unfinished uploads of COS. Their bytes stand among the code packages, by digest, so that a function's
//! code is the object's content without a copy. No HTTP here, but for status codes and headers.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::State;
use crate::cos::{Done, Place, Refused, refused, xml};
use crate::encoding::{hex, http_time, iso_time};

/// Bytes of a key (limits page of COS).
const MAX_KEY: usize = 850;
/// Numbers of parts (same page).
const PART_NUMBERS: std::ops::RangeInclusive<u64> = 1..=10_000;
/// Bytes of every part but the last at least (same page).
const MIN_PART: u64 = 1 << 20;
/// Rows of one ListParts answer.
const MAX_ROWS: usize = 1000;

/// An object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) digest: String,
    pub(crate) size: u64,
    etag: String,
    kind: String,
    meta: BTreeMap<String, String>,
    modified_ms: i64,
}

/// An upload that is neither completed nor aborted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UnfinishedUpload {
    /// As objects are keyed.
    at: String,
    kind: String,
    meta: BTreeMap<String, String>,
    begun_ms: i64,
    parts: BTreeMap<u64, Part>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part {
    digest: String,
    size: u64,
    md5: String,
}

impl UnfinishedUpload {
    /// Digests of the parts.
    pub(super) fn contents(&self) -> impl Iterator<Item = &str> {
        self.parts.values().map(|part| part.digest.as_str())
    }
}

fn at(place: &Place, key: &str) -> String {
    format!("{}/{}/{key}", place.region, place.bucket)
}

/// The bytes' MD5, where it is what the client announced.
fn checked_md5(body: &[u8], announced: &str) -> Result<[u8; 16], Refused> {
    let md5: [u8; 16] = Md5::digest(body).into();
    if !announced.is_empty() && announced != base64::engine::general_purpose::STANDARD.encode(md5) {
        return refused(400, "BadDigest", "the Content-MD5 you specified did not match what we received");
    }
    Ok(md5)
}

fn must_be_key(key: &str) -> Result<(), Refused> {
    if key.is_empty() || key.len() > MAX_KEY {
        return refused(400, "KeyTooLong", format!("a key has 1 to {MAX_KEY} bytes"));
    }
    Ok(())
}

fn answer(text: &str) -> Done {
    let headers = [("content-type".to_owned(), "application/xml".to_owned())].into();
    Done { status: 200, headers, body: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}").into() }
}

fn with_etag(etag: &str) -> Done {
    Done { headers: [("etag".to_owned(), format!("\"{etag}\""))].into(), ..Done::default() }
}

impl State {
    pub(crate) fn head_object(&self, place: &Place, key: &str) -> Result<Done, Refused> {
        let Some(object) = self.objects.get(&at(place, key)) else {
            return refused(404, "NoSuchKey", "The specified key does not exist.");
        };
        let mut done = with_etag(&object.etag);
        done.headers.extend(object.meta.clone());
        done.headers.insert("content-type".to_owned(), object.kind.clone());
        done.headers.insert("content-length".to_owned(), object.size.to_string());
        done.headers.insert("last-modified".to_owned(), http_time(object.modified_ms));
        Ok(done)
    }

    pub(crate) fn get_object(&self, place: &Place, key: &str) -> Result<Done, Refused> {
        let mut done = self.head_object(place, key)?;
        let digest = self.objects.get(&at(place, key)).map(|object| object.digest.as_str()).unwrap_or_default();
        done.body = self.packages.get(digest).map(Bytes::from_owner).unwrap_or_default();
        Ok(done)
    }

    #[expect(clippy::too_many_arguments, reason = "a request's parts, each of another kind")]
    pub(crate) fn put_object(
        &mut self,
        place: &Place,
        key: &str,
        body: &Bytes,
        md5: &str,
        kind: String,
        meta: BTreeMap<String, String>,
        forbid_overwrite: bool,
        now_ms: i64,
    ) -> Result<Done, Refused> {
        must_be_key(key)?;
        let etag = hex(&checked_md5(body, md5)?);
        if forbid_overwrite && self.objects.contains(&at(place, key)) {
            return refused(409, "FileAlreadyExists", "the object exists already");
        }
        self.keep(&at(place, key), body.to_vec(), etag.clone(), kind, meta, now_ms);
        Ok(with_etag(&etag))
    }

    fn keep(
        &mut self,
        at: &str,
        bytes: Vec<u8>,
        etag: String,
        kind: String,
        meta: BTreeMap<String, String>,
        modified_ms: i64,
    ) {
        let size = bytes.len() as u64;
        let digest = self.packages.insert(bytes);
        let before = self.objects.get(at).map(|object| object.digest.clone());
        self.objects.insert(at.to_owned(), Object { digest, size, etag, kind, meta, modified_ms });
        self.forget(before.into_iter().collect());
    }

    pub(crate) fn delete_object(&mut self, place: &Place, key: &str) -> Result<Done, Refused> {
        if let Some(object) = self.objects.remove(&at(place, key)) {
            self.forget([object.digest].into());
        }
        Ok(Done { status: 204, ..Done::default() })
    }

    pub(crate) fn initiate_upload(
        &mut self,
        place: &Place,
        key: &str,
        kind: String,
        meta: BTreeMap<String, String>,
        now_ms: i64,
    ) -> Result<Done, Refused> {
        must_be_key(key)?;
        let id = self.short_id("upload", 32);
        let upload = UnfinishedUpload { at: at(place, key), kind, meta, begun_ms: now_ms, parts: BTreeMap::new() };
        self.uploads.insert(id.clone(), upload);
        Ok(answer(&format!(
            "<InitiateMultipartUploadResult><Bucket>{}</Bucket><Key>{}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>",
            xml(&place.bucket),
            xml(key)
        )))
    }

    fn upload_of(&self, place: &Place, key: &str, id: &str) -> Result<&UnfinishedUpload, Refused> {
        match self.uploads.get(id).filter(|upload| upload.at == at(place, key)) {
            Some(upload) => Ok(upload),
            None => refused(404, "NoSuchUpload", "The specified multipart upload does not exist."),
        }
    }

    pub(crate) fn upload_part(
        &mut self,
        place: &Place,
        key: &str,
        id: &str,
        number: &str,
        body: &Bytes,
        md5: &str,
    ) -> Result<Done, Refused> {
        self.upload_of(place, key, id)?;
        let Some(number) = number.parse().ok().filter(|number| PART_NUMBERS.contains(number)) else {
            return refused(400, "InvalidArgument", "partNumber is 1 to 10000");
        };
        let md5 = hex(&checked_md5(body, md5)?);
        let part = Part { digest: self.packages.insert(body.to_vec()), size: body.len() as u64, md5: md5.clone() };
        let upload = self.uploads.get_mut(id).expect("it was found a few lines ago");
        let before = upload.parts.insert(number, part);
        self.forget(before.into_iter().map(|part| part.digest).collect());
        Ok(with_etag(&md5))
    }

    pub(crate) fn list_parts(&self, place: &Place, key: &str, id: &str, after: &str) -> Result<Done, Refused> {
        let upload = self.upload_of(place, key, id)?;
        let after: u64 = after.parse().unwrap_or(0);
        let mut rows = upload.parts.range(after + 1..);
        let page: Vec<String> = rows
            .by_ref()
            .take(MAX_ROWS)
            .map(|(number, part)| {
                let time = iso_time(upload.begun_ms);
                format!(
                    "<Part><PartNumber>{number}</PartNumber><LastModified>{time}</LastModified><ETag>&quot;{}&quot;</ETag><Size>{}</Size></Part>",
                    part.md5, part.size
                )
            })
            .collect();
        let next = upload.parts.range(after + 1..).take(MAX_ROWS).last().map_or(0, |(number, _)| *number);
        let more = rows.next().is_some();
        Ok(answer(&format!(
            "<ListPartsResult><Bucket>{}</Bucket><Key>{}</Key><UploadId>{id}</UploadId><PartNumberMarker>{after}</PartNumberMarker><NextPartNumberMarker>{next}</NextPartNumberMarker><MaxParts>{MAX_ROWS}</MaxParts><IsTruncated>{more}</IsTruncated>{}</ListPartsResult>",
            xml(&place.bucket),
            xml(key),
            page.concat()
        )))
    }

    pub(crate) fn list_uploads(&self, place: &Place, prefix: &str) -> Result<Done, Refused> {
        let bucket = at(place, "");
        let mut found: Vec<(&str, i64, &String)> = self
            .uploads
            .iter()
            .filter_map(|(id, upload)| Some((upload.at.strip_prefix(&bucket)?, upload.begun_ms, id)))
            .filter(|(key, ..)| key.starts_with(prefix))
            .collect();
        found.sort_unstable();
        let rows = found.iter().take(MAX_ROWS).map(|(key, begun, id)| {
            let time = iso_time(*begun);
            format!("<Upload><Key>{}</Key><UploadId>{id}</UploadId><Initiated>{time}</Initiated></Upload>", xml(key))
        });
        Ok(answer(&format!(
            "<ListMultipartUploadsResult><Bucket>{}</Bucket><Prefix>{}</Prefix><MaxUploads>{MAX_ROWS}</MaxUploads><IsTruncated>{}</IsTruncated>{}</ListMultipartUploadsResult>",
            xml(&place.bucket),
            xml(prefix),
            found.len() > MAX_ROWS,
            rows.collect::<String>()
        )))
    }

    pub(crate) fn complete_upload(
        &mut self,
        place: &Place,
        key: &str,
        id: &str,
        body: &str,
        now_ms: i64,
    ) -> Result<Done, Refused> {
        let upload = self.upload_of(place, key, id)?.clone();
        let wanted = named_parts(body)?;
        let (mut bytes, mut digests) = (Vec::new(), Vec::new());
        for (index, (number, etag)) in wanted.iter().enumerate() {
            let part = upload.parts.get(number).filter(|part| part.md5 == *etag);
            let Some((part, content)) = part.and_then(|part| Some((part, self.packages.get(&part.digest)?))) else {
                return refused(400, "InvalidPart", format!("part {number} is not there or has another ETag"));
            };
            if index > 0 && wanted[index - 1].0 >= *number {
                return refused(400, "InvalidPartOrder", "parts are listed in ascending order");
            }
            if part.size < MIN_PART && index + 1 < wanted.len() {
                return refused(400, "EntityTooSmall", format!("part {number} is smaller than {MIN_PART} bytes"));
            }
            bytes.extend_from_slice(&content);
            digests.extend((0..16).filter_map(|at| u8::from_str_radix(&part.md5[2 * at..2 * at + 2], 16).ok()));
        }
        let etag = format!("{}-{}", hex(&Md5::digest(&digests)), wanted.len());
        self.uploads.remove(id);
        self.keep(&upload.at, bytes, etag.clone(), upload.kind.clone(), upload.meta.clone(), now_ms);
        self.forget(upload.contents().map(str::to_owned).collect());
        Ok(answer(&format!(
            "<CompleteMultipartUploadResult><Location>http://{}.cos.{}.myqcloud.com/{}</Location><Bucket>{}</Bucket><Key>{}</Key><ETag>&quot;{etag}&quot;</ETag></CompleteMultipartUploadResult>",
            xml(&place.bucket),
            xml(&place.region),
            xml(key),
            xml(&place.bucket),
            xml(key)
        )))
    }

    pub(crate) fn abort_upload(&mut self, place: &Place, key: &str, id: &str) -> Result<Done, Refused> {
        self.upload_of(place, key, id)?;
        if let Some(upload) = self.uploads.remove(id) {
            self.forget(upload.contents().map(str::to_owned).collect());
        }
        Ok(Done { status: 204, ..Done::default() })
    }

    /// The object that SCF means by a bucket without its appid. Every appid is the account's (assumed).
    pub(super) fn code_object(&self, region: &str, bucket: &str, object: &str) -> Option<&Object> {
        let (start, key) = (format!("{region}/{bucket}-"), object.trim_start_matches('/'));
        self.objects.under(&start).find_map(|(at, found)| {
            let (appid, rest) = at[start.len()..].split_once('/')?;
            (appid.bytes().all(|b| b.is_ascii_digit()) && rest == key).then_some(found)
        })
    }

    /// Drops content that neither an object, a part nor a function uses any more.
    fn forget(&mut self, mut digests: BTreeSet<String>) {
        digests.retain(|digest| !self.is_used(digest));
        for digest in digests {
            self.packages.remove(&digest);
        }
    }

    fn is_used(&self, digest: &str) -> bool {
        self.objects.iter().any(|(_, object)| object.digest == digest)
            || self.uploads.iter().any(|(_, upload)| upload.contents().any(|used| used == digest))
            || self.functions.iter().any(|(_, function)| function.packages().any(|used| used == digest))
    }
}

/// Numbers and ETags of a CompleteMultipartUpload.
fn named_parts(body: &str) -> Result<Vec<(u64, String)>, Refused> {
    let malformed = || Refused {
        status: 400,
        code: "MalformedXML".to_owned(),
        message: "the XML you provided was not well-formed or did not validate".to_owned(),
    };
    let document = roxmltree::Document::parse(body).map_err(|_| malformed())?;
    let root = document.root_element();
    if root.tag_name().name() != "CompleteMultipartUpload" {
        return Err(malformed());
    }
    let parts = root.children().filter(roxmltree::Node::is_element).map(|part| {
        let text = |name: &str| part.children().find(|child| child.tag_name().name() == name)?.text();
        let number = text("PartNumber").and_then(|number| number.trim().parse().ok());
        let etag = text("ETag").map(|etag| etag.trim().trim_matches('"').to_owned());
        number.zip(etag).ok_or_else(malformed)
    });
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    if parts.is_empty() { Err(malformed()) } else { Ok(parts) }
}
