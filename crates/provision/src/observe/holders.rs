//! Who holds an MPS event type: the binding belongs to the account, so every region is looked at. Runs only
//! when a binding must be made (design rule 6).

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use plan::limits;
use plan::observed::{FunctionKey, Holder};
use tencentcloud::{Client, scf};

use super::{Ask, function};
use crate::error::{CommandError, chain};

/// The holder of each event type.
pub(crate) async fn holders(
    client: &Client,
    events: &BTreeSet<String>,
    regions: &BTreeSet<String>,
) -> BTreeMap<String, Holder> {
    let all: BTreeSet<String> =
        limits::REGIONS.iter().map(|r| (*r).to_owned()).chain(regions.iter().cloned()).collect();
    let found = join_all(all.iter().map(|region| bindings(client, region, regions.contains(region)))).await;
    let mut holders: BTreeMap<String, Holder> = events.iter().map(|e| (e.clone(), Holder::Nobody)).collect();
    let mut unread = Vec::new();
    for (region, bindings) in all.iter().zip(found) {
        match bindings {
            Ok(bindings) => {
                for (event, holder) in bindings {
                    if events.contains(&event) {
                        holders.insert(event, holder);
                    }
                }
            }
            Err(error) => unread.push(format!("{region}: {}", chain(&error))),
        }
    }
    if !unread.is_empty() {
        let why = unread.join("; ");
        for holder in holders.values_mut().filter(|h| **h == Holder::Nobody) {
            *holder = Holder::Undetermined(why.clone());
        }
    }
    holders
}

/// The MPS bindings of one region's functions.
async fn bindings(client: &Client, region: &str, used: bool) -> Result<Vec<(String, Holder)>, CommandError> {
    let namespaces = match client.list(Some(region), &scf::ListNamespaces::default()).await {
        Ok(rows) => rows,
        // A region where the product is not sold holds no function; one that the manifest uses is sold.
        Err(error) if !used && is_region_unknown(&error) => return Ok(Vec::new()),
        Err(error) => return Err(super::failed(format!("list the namespaces of {region}"), None)(error)),
    };
    let mut keys = Vec::new();
    for namespace in namespaces {
        let request = scf::ListFunctions { namespace: Some(namespace.name.clone()), ..Default::default() };
        let rows = client
            .list(Some(region), &request)
            .await
            .map_err(super::failed(format!("list the functions of {region}/{}", namespace.name), None))?;
        keys.extend(rows.into_iter().map(|r| FunctionKey::new(region, namespace.name.as_str(), r.function_name)));
    }
    let mut found = Vec::new();
    for (key, function) in keys.iter().zip(join_all(keys.iter().map(|key| function(client, key, Ask::default()))).await)
    {
        let Some(function) = function? else { continue };
        for trigger in function.triggers.into_iter().filter(|t| t.kind == "mps" && !t.unbound) {
            found.push((trigger.normal_form().key().key, Holder::Function(key.clone(), trigger)));
        }
    }
    Ok(found)
}

fn is_region_unknown(error: &tencentcloud::Error) -> bool {
    matches!(
        error.code(),
        Some("UnsupportedRegion" | "UnsupportedOperation.Region" | "UnsupportedOperation.NotSupportRegion")
    )
}
