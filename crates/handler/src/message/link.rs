//! Addresses of objects, built from bucket, region and path: events hold none. Private buckets will ask the reader
//! to sign in; no signature is ever put into a message.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::text::plain;
use crate::event::{MediaObject, Place};

/// Everything but the characters that no part of a path needs to escape (RFC 3986, unreserved) and the slash.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Longest address worth a link in a message of 4096 bytes.
const LONGEST: usize = 1024;

/// The object's address; `None` where none can be built, or where bucket or region are not what they should be.
pub(super) fn address(object: &MediaObject) -> Option<String> {
    let host = match &object.place {
        Place::Cos { bucket, region } if is_label(bucket) && is_label(region) => {
            format!("{bucket}.cos.{region}.myqcloud.com")
        }
        Place::S3 { bucket, region } if bucket.split('.').all(is_label) && is_label(region) => {
            format!("{bucket}.s3.{region}.amazonaws.com")
        }
        // A web address lost its query on the way here and would not open; VOD has no address by path.
        _ => return None,
    };
    let path = utf8_percent_encode(object.path.strip_prefix('/').unwrap_or(&object.path), PATH);
    Some(format!("https://{host}/{path}")).filter(|address| address.len() <= LONGEST)
}

/// The given name of the object, as a link if there is an address and room.
pub(super) fn linked(object: &MediaObject, name: &str, bytes: usize, roomy: bool) -> String {
    let name = plain(name, bytes);
    match address(object) {
        Some(address) if roomy || address.len() <= 200 => format!("[{name}]({address})"),
        _ => name,
    }
}

/// Bucket and region, for people.
pub(super) fn place(place: &Place) -> Option<String> {
    let (service, bucket, region) = match place {
        Place::Cos { bucket, region } => ("COS", bucket, region),
        Place::S3 { bucket, region } => ("S3", bucket, region),
        Place::Vod { bucket, region } => ("VOD", bucket, region),
        Place::Url | Place::Unknown => return None,
    };
    let parts = [service, bucket, region].into_iter().filter(|it| !it.is_empty()).map(|it| plain(it, 80));
    Some(parts.collect::<Vec<_>>().join(" · "))
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cos(bucket: &str, path: &str) -> Option<String> {
        let place = Place::Cos { bucket: bucket.into(), region: "ap-beijing".into() };
        address(&MediaObject { place, path: path.into() })
    }

    #[test]
    fn a_path_is_percent_encoded_and_keeps_its_slashes() {
        let expected = "https://b-1.cos.ap-beijing.myqcloud.com/a%20b/%E8%AF%BE%28%3F%23%26%29.mp4";
        assert_eq!(cos("b-1", "/a b/课(?#&).mp4").as_deref(), Some(expected));
        assert_eq!(cos("b-1", "a b/课(?#&).mp4").as_deref(), Some(expected));
    }

    #[test]
    fn a_bucket_that_is_no_host_label_gives_no_link() {
        for bucket in ["", "evil.com/", "a@b", "A"] {
            assert_eq!(cos(bucket, "/a"), None, "{bucket}");
        }
    }
}
