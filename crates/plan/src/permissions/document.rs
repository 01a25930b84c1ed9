//! Needs as CAM policy documents: one statement for each set of actions with one place, as few documents as the limit
//! of characters allows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::{Needs, Scope};
use crate::limits;
use crate::mark::STACK_TAG;

/// Whether resources are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resources {
    /// As narrow as the service allows.
    #[default]
    Named,
    /// `*` everywhere but for the roles that may be passed on: for accounts that refuse the narrow form.
    Any,
}

/// Where a statement's actions are allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Place {
    /// Six-segment names, or `*`.
    resources: BTreeSet<String>,
    /// `KEY&VALUE` of tags, of which the resource must carry one.
    tags: BTreeSet<String>,
}

/// The policy documents that grant `needs`, each within the limit. `account` is the owner's uin; without one the
/// names leave it out, which CAM reads as the owner of the policy (facts CAM 3.7).
#[must_use]
pub fn documents(needs: &Needs, account: Option<&str>, resources: Resources) -> Vec<Json> {
    let mut by_place: BTreeMap<Place, BTreeSet<&str>> = BTreeMap::new();
    for (action, scopes) in needs {
        for place in places(scopes, account, resources) {
            by_place.entry(place).or_default().insert(action);
        }
    }
    let mut pieces: Vec<(Place, BTreeSet<&str>)> = by_place.into_iter().flat_map(in_pieces).collect();
    // What is wide stands first, for whoever reads it.
    pieces.sort_by_key(|(place, _)| (!place.tags.is_empty(), !place.resources.contains("*")));
    let mut all: Vec<Vec<Json>> = Vec::new();
    for (place, actions) in pieces {
        let statement = statement(&place, &actions);
        match all.last_mut() {
            Some(last) if fits(last, &statement) => last.push(statement),
            _ => all.push(vec![statement]),
        }
    }
    all.into_iter().map(|statements| json!({ "version": "2.0", "statement": statements })).collect()
}

/// Characters of a document as CAM counts them: white space does not count (facts CAM 3.1).
#[must_use]
pub fn characters(document: &Json) -> usize {
    document.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

fn fits(statements: &[Json], next: &Json) -> bool {
    let mut with: Vec<Json> = statements.to_vec();
    with.push(next.clone());
    characters(&json!({ "version": "2.0", "statement": with })) <= limits::POLICY_DOCUMENT
}

fn places(scopes: &BTreeSet<Scope>, account: Option<&str>, resources: Resources) -> Vec<Place> {
    let owner = account.map_or_else(String::new, |uin| format!("uin/{uin}"));
    let anything = || Place { resources: ["*".to_owned()].into(), ..Place::default() };
    if scopes.contains(&Scope::Anything) {
        return vec![anything()];
    }
    let mut named = Place::default();
    let mut owned = anything();
    for scope in scopes {
        match (scope, resources) {
            (Scope::Role(name), _) => {
                named.resources.insert(format!("qcs::cam::{owner}:roleName/{name}"));
            }
            (Scope::Objects { bucket, region, prefix }, _) => {
                let appid = bucket.rsplit('-').next().unwrap_or_default();
                named.resources.insert(format!("qcs::cos:{region}:uid/{appid}:{bucket}/{prefix}*"));
            }
            (Scope::Anything | Scope::Function(_) | Scope::OwnedFunctions(_), Resources::Any)
            | (Scope::Anything, Resources::Named) => return vec![anything()],
            (Scope::Function(key), Resources::Named) => {
                named.resources.insert(format!(
                    "qcs::scf:{}:{owner}:namespace/{}/function/{}",
                    key.region, key.namespace, key.name
                ));
            }
            (Scope::OwnedFunctions(stack), Resources::Named) => {
                owned.tags.insert(format!("{STACK_TAG}&{stack}"));
            }
        }
    }
    let mut all = Vec::new();
    if !named.resources.is_empty() {
        all.push(named);
    }
    if !owned.tags.is_empty() {
        all.push(owned);
    }
    all
}

/// The same statement in as many pieces as its resources need; most need one.
fn in_pieces((place, actions): (Place, BTreeSet<&str>)) -> Vec<(Place, BTreeSet<&str>)> {
    // A statement that is alone in a document needs this much around it.
    const AROUND: usize = 64;
    let used = characters(&statement(&Place { resources: BTreeSet::new(), tags: place.tags.clone() }, &actions));
    let room = limits::POLICY_DOCUMENT.saturating_sub(used + AROUND).max(1);
    let mut pieces: Vec<BTreeSet<String>> = Vec::new();
    let mut filled = 0;
    for resource in place.resources {
        let size = resource.chars().count() + 3;
        match pieces.last_mut() {
            Some(piece) if filled + size <= room => {
                filled += size;
                piece.insert(resource);
            }
            _ => {
                filled = size;
                pieces.push([resource].into());
            }
        }
    }
    pieces.into_iter().map(|resources| (Place { resources, tags: place.tags.clone() }, actions.clone())).collect()
}

fn statement(place: &Place, actions: &BTreeSet<&str>) -> Json {
    let mut statement = json!({ "effect": "allow", "action": actions, "resource": place.resources });
    if !place.tags.is_empty() {
        statement["condition"] = json!({ "for_any_value:string_equal": { "qcs:resource_tag": place.tags } });
    }
    statement
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::FunctionKey;

    fn functions(count: usize) -> BTreeSet<Scope> {
        let key = |i| FunctionKey::new("ap-beijing", "default", format!("function-with-a-name-{i}"));
        (0..count).map(|i| Scope::Function(key(i))).collect()
    }

    #[test]
    fn uploads_are_granted_for_their_prefix_only() {
        let objects = Scope::Objects {
            bucket: "deploy-1250000000".into(),
            region: "ap-beijing".into(),
            prefix: "provision/demo/".into(),
        };
        let needs: Needs = [("cos:PutObject", [objects].into())].into();
        for resources in [Resources::Named, Resources::Any] {
            let document = &documents(&needs, Some("100000000001"), resources)[0];
            let expected = json!(["qcs::cos:ap-beijing:uid/1250000000:deploy-1250000000/provision/demo/*"]);
            assert_eq!(document["statement"][0]["resource"], expected);
        }
    }

    #[test]
    fn many_functions_take_several_documents_and_none_is_lost_or_too_long() {
        let needs: Needs =
            [("scf:GetFunction", functions(500)), ("scf:ListFunctions", [Scope::Anything].into())].into();
        let documents = documents(&needs, Some("100000000001"), Resources::Named);
        assert!(documents.len() > 5, "{} documents", documents.len());
        assert!(documents.iter().all(|d| characters(d) <= limits::POLICY_DOCUMENT));
        let named: BTreeSet<&str> = documents
            .iter()
            .flat_map(|d| d["statement"].as_array().into_iter().flatten())
            .flat_map(|s| s["resource"].as_array().into_iter().flatten())
            .filter_map(Json::as_str)
            .filter(|r| *r != "*")
            .collect();
        assert_eq!(named.len(), 500);
    }

    #[test]
    fn an_action_that_is_needed_anywhere_is_granted_once() {
        let mut scopes = functions(3);
        scopes.insert(Scope::Anything);
        let needs: Needs = [("scf:GetFunction", scopes)].into();
        let documents = documents(&needs, None, Resources::Named);
        assert_eq!(
            documents[0]["statement"],
            json!([{"effect":"allow","action":["scf:GetFunction"],"resource":["*"]}])
        );
    }

    #[test]
    fn without_an_account_the_owner_of_the_policy_is_meant() {
        let needs: Needs = [("cam:PassRole", [Scope::Role("worker".into())].into())].into();
        for resources in [Resources::Named, Resources::Any] {
            let documents = documents(&needs, None, resources);
            assert_eq!(documents[0]["statement"][0]["resource"], json!(["qcs::cam:::roleName/worker"]));
        }
    }
}
