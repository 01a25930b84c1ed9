//! Reading resources by their tags, and the older single-tag actions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::args::Args;
use super::super::{Context, State, page};
use super::{MAX_TAGS, Resource, key_fits, value_fits};
use crate::refusal::{Answer, members, refuse};

/// Keys of `TagFilters` (index range 0 to 5 of the member).
const MAX_FILTERS: usize = 6;

impl State {
    /// Resources that have every tag of the filters.
    pub(super) fn describe_by_tags(&mut self, args: Args<'_>) -> Answer {
        let filters = args.list("TagFilters").unwrap_or_default();
        if filters.is_empty() {
            return refuse("InvalidParameterValue.TagFilters", "TagFilters names at least one key");
        }
        if filters.len() > MAX_FILTERS {
            let message = format!("TagFilters takes {MAX_FILTERS} keys");
            return refuse("InvalidParameterValue.TagFiltersLengthExceeded", message);
        }
        let fits =
            |member: &str, actual: &str| args.text(member).is_none_or(|wanted| wanted.is_empty() || wanted == actual);
        let mut rows = Vec::new();
        for (name, tags) in self.tagged.iter().filter(|(_, tags)| has_all(tags, filters)) {
            let Ok(resource) = Resource::parse(name, self.uin()) else { continue };
            if fits("ServiceType", &resource.service)
                && fits("ResourcePrefix", &resource.prefix)
                && fits("ResourceRegion", &resource.region)
                && fits("ResourceId", &resource.id)
            {
                rows.push(json!({
                    "ResourceRegion": resource.region, "ServiceType": resource.service,
                    "ResourcePrefix": resource.prefix, "ResourceId": resource.id, "Tags": tag_rows(tags),
                }));
            }
        }
        let (offset, limit) = (args.int("Offset").unwrap_or(0), args.int("Limit").unwrap_or(15));
        let total = rows.len();
        Ok(members(json!({
            "TotalCount": total, "Offset": offset, "Limit": limit, "Rows": page(rows, offset, limit),
        })))
    }

    /// Every known tag, by key and value. One page holds all of them, so there is never a further one (assumed).
    pub(super) fn get_tags(&mut self, args: Args<'_>) -> Answer {
        let keys = args.texts("TagKeys");
        let known = self.tag_keys.iter().filter(|(key, _)| keys.is_empty() || keys.contains(&key.as_str()));
        let rows: Vec<Value> =
            known.flat_map(|(key, values)| values.iter().map(move |value| row(key, value))).collect();
        Ok(members(json!({"PaginationToken": "", "Tags": rows})))
    }

    pub(super) fn add_resource_tag(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let (key, value) = (args.text_or("TagKey", ""), args.text_or("TagValue", ""));
        self.check_tags(&BTreeMap::from([(key.to_owned(), value.to_owned())]), cx)?;
        let (name, mut tags) = self.one_resource(args)?;
        if tags.contains_key(key) {
            return refuse("ResourceInUse.TagKeyAttached", format!("tag key {key} is attached already"));
        }
        tags.insert(key.to_owned(), value.to_owned());
        if tags.len() > MAX_TAGS {
            return refuse("LimitExceeded.ResourceAttachedTags", format!("a resource holds {MAX_TAGS} tags"));
        }
        self.put_tags(&name, tags);
        Ok(members(json!({})))
    }

    pub(super) fn update_resource_tag_value(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let (key, value) = (args.text_or("TagKey", ""), args.text_or("TagValue", ""));
        value_fits(value)?;
        self.check_tags(&BTreeMap::from([(key.to_owned(), value.to_owned())]), cx)?;
        let (name, mut tags) = self.one_resource(args)?;
        match tags.get_mut(key) {
            Some(there) => value.clone_into(there),
            None => return not_attached(key),
        }
        self.put_tags(&name, tags);
        Ok(members(json!({})))
    }

    pub(super) fn delete_resource_tag(&mut self, args: Args<'_>) -> Answer {
        let key = args.text_or("TagKey", "");
        key_fits(key)?;
        let (name, mut tags) = self.one_resource(args)?;
        if tags.remove(key).is_none() {
            return not_attached(key);
        }
        self.put_tags(&name, tags);
        Ok(members(json!({})))
    }

    /// The resource that `Resource` names, with its tags.
    fn one_resource(&self, args: Args<'_>) -> Result<(String, BTreeMap<String, String>), crate::refusal::Refusal> {
        let given = args.text_or("Resource", "");
        let resource = Resource::parse(given, self.uin())?;
        if !self.exists(&resource) {
            return refuse("FailedOperation", format!("resource {given} does not exist"));
        }
        let name = resource.name(self.uin());
        let tags = self.tagged.get(&name).cloned().unwrap_or_default();
        Ok((name, tags))
    }
}

fn not_attached(key: &str) -> Answer {
    refuse("ResourceNotFound.AttachedTagKeyNotFound", format!("tag key {key} is not attached"))
}

/// Whether tags pass filters: each names a key and, unless empty, the values that will do.
pub(super) fn has_all(tags: &BTreeMap<String, String>, filters: &[Value]) -> bool {
    filters.iter().all(|filter| {
        let value = filter["TagKey"].as_str().and_then(|key| tags.get(key));
        let values = filter["TagValue"].as_array().map(Vec::as_slice).unwrap_or_default();
        value.is_some_and(|value| values.is_empty() || values.contains(&json!(value)))
    })
}

/// Tags as a list; its order is not promised, so it is not the alphabet's.
pub(super) fn tag_rows(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter().rev().map(|(key, value)| row(key, value)).collect()
}

fn row(key: &str, value: &str) -> Value {
    json!({"TagKey": key, "TagValue": value, "Category": "Custom"})
}
