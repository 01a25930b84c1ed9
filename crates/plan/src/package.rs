//! How a package travels: inside the request that sends it, or through a bucket when it is too large for that. Decides
//! by size alone; identity stays the code's digest, whichever way it went. Nothing here reads a file or sends a byte.

use std::collections::BTreeMap;

use crate::address::ResourceAddress;
use crate::desired::Stack;
use crate::diagnostic::{Code, Diagnostic};
use crate::limits;
use crate::plan::Plan;
use crate::resource::bucket::Place;
use crate::step::Step;

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

/// Errors for packages that the plan would send and that have no way to go. `sizes` are those already known of packages
/// that a request does not carry.
#[must_use]
pub fn findings(plan: &Plan, stack: &Stack, sizes: &BTreeMap<ResourceAddress, u64>) -> Vec<Diagnostic> {
    let sent = plan.changes.iter().filter(|change| change.steps.iter().any(Step::needs_package));
    sent.filter_map(|change| {
        let size = *sizes.get(&change.address)?;
        let function = stack.functions.iter().find(|function| function.address == change.address)?;
        let too_large = route(stack, &function.key.region, size, "") == Route::Nowhere;
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
