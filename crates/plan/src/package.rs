//! How a package travels: inside the request that sends it, or through a bucket when it is too large for that. Decides
//! by size alone; identity stays the code's digest, whichever way it went. Nothing here reads a file or sends a byte.

use std::collections::BTreeMap;

use crate::address::ResourceAddress;
use crate::desired::Stack;
use crate::diagnostic::{Code, Diagnostic};
use crate::limits;
use crate::plan::Plan;
use crate::step::Step;

/// Where packages of a stack go that are too large for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageBucket {
    /// The bucket with its appid, such as `deploy-1250000000`.
    pub name: String,
    /// Its region; none: the function's own.
    pub region: Option<String>,
    /// What keys begin with: empty, or ending in `/`.
    pub prefix: String,
}

/// What keys begin with unless told otherwise.
pub const PREFIX: &str = "provision/";

impl PackageBucket {
    /// The bucket of that name, in the region of whichever function needs it.
    ///
    /// # Errors
    /// A name that is no bucket's, in words.
    pub fn named(name: &str) -> Result<Self, String> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), region: None, prefix: PREFIX.to_owned() })
    }
}

/// Says what is wrong with a bucket's name (facts CAM 8.3).
///
/// # Errors
/// What is wrong, as a fragment.
pub fn check_name(name: &str) -> Result<(), String> {
    let label = name.len() <= limits::BUCKET_NAME
        && !name.starts_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let appid = name.rsplit_once('-').filter(|(own, id)| !own.is_empty() && id.len() >= 5);
    match appid {
        Some((_, id)) if label && id.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
        _ if label => Err(format!("`{name}` lacks the appid at its end")),
        _ => Err(format!("`{name}` is no bucket's name")),
    }
}

/// Says what is wrong with a prefix of keys.
///
/// # Errors
/// What is wrong, as a fragment.
pub fn check_prefix(prefix: &str) -> Result<(), String> {
    let plain = prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
    if plain && prefix.len() <= limits::PACKAGE_PREFIX && !prefix.starts_with('/') && !prefix.contains("//") {
        return Ok(());
    }
    Err(format!(
        "`{prefix}` is no prefix of keys: letters, digits and `-_./`, no `/` first, {} characters at most",
        limits::PACKAGE_PREFIX
    ))
}

/// An object that holds a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The bucket with its appid.
    pub bucket: String,
    /// The bucket's region.
    pub region: String,
    /// The key, without a leading slash. It names the content, so that equal packages share an object.
    pub key: String,
}

/// How a package travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Inside the request.
    Request,
    /// Through a bucket.
    Bucket(Place),
    /// Not at all: it is too large for a request, and no bucket is named.
    Nowhere,
}

/// The way of a package of `size` bytes with that SHA-256 to a function in `region`.
#[must_use]
pub fn route(stack: &Stack, region: &str, size: u64, sha256: &str) -> Route {
    if size <= limits::PACKAGE_IN_REQUEST {
        return Route::Request;
    }
    let Some(bucket) = &stack.package_bucket else { return Route::Nowhere };
    Route::Bucket(Place {
        bucket: bucket.name.clone(),
        region: bucket.region.clone().unwrap_or_else(|| region.to_owned()),
        key: format!("{}{}/{sha256}.zip", bucket.prefix, stack.name),
    })
}

/// Errors for packages that the plan would send and that have no way to go. `sizes` are those already known.
#[must_use]
pub fn findings(plan: &Plan, stack: &Stack, sizes: &BTreeMap<ResourceAddress, u64>) -> Vec<Diagnostic> {
    let sent = plan.changes.iter().filter(|change| change.steps.iter().any(Step::needs_package));
    sent.filter_map(|change| {
        let size = *sizes.get(&change.address)?;
        let function = stack.functions.iter().find(|function| function.address == change.address)?;
        let too_large = route(stack, &function.region, size, "") == Route::Nowhere;
        too_large.then(|| {
            let mut finding = too_large_finding(size).on(&function.address);
            finding.span = function.origin.span_of(&format!("code.{}", function.code.word()));
            finding
        })
    })
    .collect()
}

/// The finding for one package.
#[must_use]
pub fn too_large_finding(size: u64) -> Diagnostic {
    let message = format!(
        "the package has {size} bytes; a request carries {} at most, and no bucket is named for larger ones",
        limits::PACKAGE_IN_REQUEST
    );
    Diagnostic::error(Code::PackageTooLarge, message).help(WAY_OUT)
}

/// What to do about a package without a way.
pub const WAY_OUT: &str =
    "add `package_bucket: NAME-APPID` to the manifest, or pass --package-bucket; the bucket must exist";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_with_its_appid() {
        for good in ["deploy-1250000000", "a-1-1250000000"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "deploy", "-1250000000", "Deploy-1250000000", "de_ploy-1250000000", "deploy-12x0000000"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name("deploy").is_err_and(|why| why.contains("appid")));
    }

    #[test]
    fn a_prefix_keeps_keys_plain() {
        for good in ["", "provision/", "a/b.c-d_e/"] {
            assert_eq!(check_prefix(good), Ok(()), "{good}");
        }
        for bad in ["/a", "a//b", "a b", "ä/", "a?b"] {
            assert!(check_prefix(bad).is_err(), "{bad}");
        }
    }
}
