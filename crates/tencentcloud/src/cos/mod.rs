//! The object store, as far as code packages need it: put an object, in parts when it is large, and see whether it is
//! there. COS speaks XML over paths and verbs instead of the API's JSON, and signs in a way of its own ([`sign`]);
//! connections, credentials, retries and errors are those of every other call. What is uploaded where, and why, is
//! the caller's business.

mod answer;
mod call;
mod objects;
pub mod sign;
mod upload;

use std::fmt;

pub use objects::ObjectHead;
pub use upload::{Source, Upload, UploadError, Uploaded};

/// Bytes of the parts of an upload, the last one aside; a part has 1 MB to 5 GB (facts CAM 8.3). Small, for memory
/// holds as many as are under way.
pub(crate) const PART_BYTES: u64 = 2 << 20;
/// Parts of one upload (facts CAM 8.3).
pub(crate) const MOST_PARTS: u64 = 10_000;
/// Parts under way at once.
pub(crate) const PARTS_AT_ONCE: usize = 4;
/// What travels in one request without being cut into parts.
pub(crate) const WHOLE_BYTES: u64 = 4 * PART_BYTES;

/// A bucket: its name with the appid at its end, and its region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    /// Such as `deploy-1250000000`.
    pub name: String,
    /// Such as `ap-beijing`.
    pub region: String,
}

impl Bucket {
    /// The host that requests about it go to.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}.cos.{}.myqcloud.com", self.name, self.region)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.name, self.region)
    }
}
