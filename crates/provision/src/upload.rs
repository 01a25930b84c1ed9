//! Packages on their way: those that fit stay for the request that sends them, larger ones go to their bucket before
//! the first function is touched, so that a failed upload changes nothing. Which way is `plan::package`'s decision.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use plan::address::ResourceAddress;
use plan::package::{Route, WAY_OUT, route, too_large_finding};
use plan::resource::bucket::Place;
use plan::resource::function::CodeSource;
use tencentcloud::Client;
use tencentcloud::cos::{Bucket, Source, Upload, UploadError, Uploaded};

use crate::apply::Stop;
use crate::error::CommandError;
use crate::load::LoadedStack;
use crate::package::{Archive, Content};
use crate::upload_view::UploadView;

/// A package that can be sent.
pub(crate) enum Ready {
    /// Inside the request.
    InRequest(Arc<Archive>),
    /// By reference: it stands in its bucket.
    InBucket(CodeSource),
}

/// Packages by function, as they were made.
pub(crate) type Packages = BTreeMap<ResourceAddress, Arc<Archive>>;

/// Says whether every package has a way to go. Sends nothing.
pub(crate) fn check(stack: &LoadedStack, packages: &Packages) -> Result<(), CommandError> {
    for (address, archive) in packages {
        if way(stack, address, archive) == Route::Nowhere {
            return Err(CommandError::Local {
                doing: format!("cannot send the package of {address}"),
                source: too_large_finding(archive.size).message.into(),
                help: Some(WAY_OUT.to_owned()),
            });
        }
    }
    Ok(())
}

fn way(stack: &LoadedStack, address: &ResourceAddress, archive: &Archive) -> Route {
    let function = stack.stack.functions.iter().find(|function| function.address == *address);
    let region = function.map_or(stack.stack.region.as_str(), |function| function.key.region.as_str());
    route(&stack.stack, region, archive.size, &archive.digest)
}

/// Makes every package ready, uploading what is too large for a request.
pub(crate) async fn deliver(
    client: &Client,
    stack: &LoadedStack,
    packages: Packages,
    stop: &Stop,
    view: &UploadView,
) -> Result<BTreeMap<ResourceAddress, Ready>, CommandError> {
    check(stack, &packages)?;
    let mut out = BTreeMap::new();
    let mut there: std::collections::BTreeSet<Place> = std::collections::BTreeSet::new();
    for (address, archive) in packages {
        if let Route::Bucket(place) = way(stack, &address, &archive) {
            if there.insert(place.clone()) {
                send(client, &address, &archive, &place, stop, view).await?;
            }
            out.insert(address, Ready::InBucket(CodeSource::in_bucket(&place)));
        } else {
            out.insert(address, Ready::InRequest(archive));
        }
    }
    Ok(out)
}

async fn send(
    client: &Client,
    address: &ResourceAddress,
    archive: &Archive,
    place: &Place,
    stop: &Stop,
    view: &UploadView,
) -> Result<(), CommandError> {
    let bucket = Bucket { name: place.bucket.clone(), region: place.region.clone() };
    let upload = Upload {
        source: match &archive.content {
            Content::Memory(bytes) => Source::Memory(bytes::Bytes::from_owner(bytes.clone())),
            Content::File(file) => Source::File(file.clone()),
        },
        bucket,
        key: place.key.clone(),
        size: archive.size,
        sha256: archive.digest.clone(),
    };
    let started = Instant::now();
    let shown = view.begin(address, archive.size, &upload.bucket);
    let result = client.upload(&upload, &|bytes| shown.reached(bytes), stop.wait()).await;
    shown.end(result.as_ref().ok().map(|ended| (*ended == Uploaded::Already, started.elapsed())));
    match result {
        Ok(_) => Ok(()),
        Err(UploadError::Stopped) => Err(CommandError::Interrupted),
        Err(UploadError::Call(source)) => Err(CommandError::Call {
            doing: format!("upload the package of {address} to {}", upload.bucket),
            address: Some(address.to_string()),
            source: Box::new(source),
        }),
        Err(error) => Err(CommandError::Local {
            doing: format!("cannot upload the package of {address}"),
            source: error.into(),
            help: Some("nothing was changed; run the command again".to_owned()),
        }),
    }
}
