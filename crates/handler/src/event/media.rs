//! Where media lies and what it is: sources, storage, size, length, picture. Key fields of storage are not read at
//! all, and URLs come here already without their queries (see [`crate::redact`]).

use serde_json::Value;

use crate::json;

/// Where an object lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Tencent COS.
    Cos {
        /// Bucket with its APPID.
        bucket: String,
        /// Region.
        region: String,
    },
    /// AWS S3.
    S3 {
        /// Bucket.
        bucket: String,
        /// Region.
        region: String,
    },
    /// Tencent VOD, which has no public address by path.
    Vod {
        /// Bucket or sub-application.
        bucket: String,
        /// Region.
        region: String,
    },
    /// A web address; the object's path is the address without its query.
    Url,
    /// The event does not say.
    Unknown,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaObject {
    /// Where it lies.
    pub place: Place,
    /// Its path there.
    pub path: String,
}

impl MediaObject {
    /// The last part of the path.
    pub fn name(&self) -> &str {
        let path = self.path.trim_end_matches('/');
        path.rsplit('/').next().filter(|it| !it.is_empty()).unwrap_or(&self.path)
    }
}

/// What the media is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Media {
    /// Bytes.
    pub size: Option<u64>,
    /// Seconds.
    pub duration: Option<f64>,
    /// Pixels, width then height.
    pub picture: Option<(i64, i64)>,
}

pub(super) fn read(value: Option<&Value>) -> Option<Media> {
    let value = value?;
    let positive = |names: &[&str]| json::number(value, names).filter(|it| *it > 0.0);
    let side = |name: &str| json::integer(value, &[name]).filter(|it| *it > 0);
    let media = Media {
        size: positive(&["Size"]).map(|size| size as u64),
        duration: positive(&["Duration", "VideoDuration", "AudioDuration"]),
        picture: side("Width").zip(side("Height")),
    };
    (media != Media::default()).then_some(media)
}

/// A source: the member that its `Type` names, or whichever is there.
pub(super) fn source(info: &Value) -> Option<MediaObject> {
    let inner = |name: &str| json::get(info, &[name]).filter(|it| it.is_object());
    let located = |value: &Value, bucket: &[&str], region: &[&str]| {
        (json::text(value, bucket).unwrap_or_default(), json::text(value, region).unwrap_or_default())
    };
    if let Some(cos) = inner("CosInputInfo") {
        let (bucket, region) = located(cos, &["Bucket"], &["Region"]);
        return Some(MediaObject { place: Place::Cos { bucket, region }, path: json::text(cos, &["Object", "Path"])? });
    }
    if let Some(url) = inner("UrlInputInfo") {
        return Some(MediaObject { place: Place::Url, path: json::text(url, &["Url"])? });
    }
    if let Some(s3) = inner("S3InputInfo") {
        let (bucket, region) = located(s3, &["S3Bucket", "Bucket"], &["S3Region", "Region"]);
        return Some(MediaObject {
            place: Place::S3 { bucket, region },
            path: json::text(s3, &["S3Object", "Object"])?,
        });
    }
    let vod = inner("VODInputInfo")?;
    let (bucket, region) = located(vod, &["Bucket", "SubAppId"], &["Region"]);
    Some(MediaObject { place: Place::Vod { bucket, region }, path: json::text(vod, &["Object", "FileId"])? })
}

/// The storage of an output object; its key differs by task type.
pub(super) fn storage(output: &Value) -> Option<Place> {
    let storage = json::get(output, &["OutputStorage", "Storage"])?;
    let inner = |name: &str| json::get(storage, &[name]).filter(|it| it.is_object());
    let text = |value: &Value, names: &[&str]| json::text(value, names).unwrap_or_default();
    if let Some(cos) = inner("CosOutputStorage") {
        return Some(Place::Cos { bucket: text(cos, &["Bucket"]), region: text(cos, &["Region"]) });
    }
    if let Some(s3) = inner("S3OutputStorage") {
        let bucket = text(s3, &["S3Bucket", "Bucket"]);
        return Some(Place::S3 { bucket, region: text(s3, &["S3Region", "Region"]) });
    }
    let vod = inner("VODOutputStorage")?;
    Some(Place::Vod { bucket: text(vod, &["Bucket", "SubAppId"]), region: text(vod, &["Region"]) })
}
