//! The Tag service: tags of any resource that lives here, by its six-segment name, and the limits on
//! keys, values and tags. Roles and functions read their tags from here too; there is no second copy.

mod lookup;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use serde_json::{Value, json};

use super::args::Args;
use super::{Context, State, page};
use crate::encoding::sha256_hex;
use crate::refusal::{Answer, Refusal, members, refuse};
use lookup::{has_all, tag_rows};

/// Tags of one resource, keys of one account, values of one key (tag limits page).
pub(crate) const MAX_TAGS: usize = 50;
const MAX_KEYS: usize = 1000;
const MAX_VALUES: usize = 1000;
/// Resources and tags of one call (index range 0 to 9 of the members).
const MAX_PER_REQUEST: usize = 10;

/// A resource name taken apart.
struct Resource {
    service: String,
    region: String,
    prefix: String,
    id: String,
}

impl Resource {
    /// Reads a six-segment name; the uin may be left empty.
    fn parse(name: &str, uin: &str) -> Result<Self, Refusal> {
        let wrong = |why: &str| {
            refuse("InvalidParameterValue.ResourceDescriptionError", format!("`{name}` is not a resource: {why}"))
        };
        let segments: Vec<&str> = name.splitn(6, ':').collect();
        let [qcs, project, service, region, account, path] = segments.as_slice() else {
            return wrong("a name has six segments");
        };
        if *qcs != "qcs" || !project.is_empty() {
            return wrong("it starts with `qcs::`");
        }
        match account.strip_prefix("uin/") {
            Some(given) if given.is_empty() || given == uin => {}
            Some(_) => return wrong("the uin is another account's"),
            None => return wrong("the account segment starts with `uin/`"),
        }
        if !["scf", "cam"].contains(service) {
            return refuse("InvalidParameter.UnsupportedService", format!("tags of service {service} are not served"));
        }
        // The older form `function/NAME` means the namespace default.
        let path = match path.strip_prefix("function/") {
            Some(function) if *service == "scf" => format!("namespace/default/function/{function}"),
            _ => (*path).to_owned(),
        };
        let Some((prefix, id)) = path.split_once('/') else { return wrong("the last segment is PREFIX/ID") };
        Ok(Self {
            service: (*service).to_owned(),
            region: (*region).to_owned(),
            prefix: prefix.to_owned(),
            id: id.strip_prefix("tencentcloudServiceRole/").unwrap_or(id).to_owned(),
        })
    }

    fn name(&self, uin: &str) -> String {
        format!("qcs::{}:{}:uin/{uin}:{}/{}", self.service, self.region, self.prefix, self.id)
    }
}

impl State {
    pub(super) fn tag(&mut self, action: &str, args: Args<'_>, cx: &Context) -> Answer {
        self.settle_due(cx);
        match action {
            "TagResources" => self.tag_resources(args, cx),
            "UnTagResources" => self.untag_resources(args, cx),
            "GetResources" => self.get_resources(args),
            "ModifyResourceTags" => self.modify_resource_tags(args, cx),
            "DescribeResourceTags" => self.describe_resource_tags(args),
            "DescribeResourceTagsByResourceIds" => self.describe_by_ids(args),
            "DescribeTags" => self.describe_tags(args),
            "CreateTag" => self.create_tag(args, cx),
            "DeleteTag" => self.delete_tag(args),
            "DescribeResourcesByTags" => self.describe_by_tags(args),
            "GetTags" => self.get_tags(args),
            "AddResourceTag" => self.add_resource_tag(args, cx),
            "UpdateResourceTagValue" => self.update_resource_tag_value(args, cx),
            "DeleteResourceTag" => self.delete_resource_tag(args),
            "AttachResourcesTag" => self.attach_tag(args, cx),
            "DetachResourcesTag" => self.detach_tag(args),
            other => unreachable!("the definition lists {other}, which tag does not carry out"),
        }
    }

    /// Checks a whole set of tags for one resource.
    pub(crate) fn check_tags(&self, tags: &BTreeMap<String, String>, cx: &Context) -> Result<(), Refusal> {
        if tags.len() > MAX_TAGS {
            return refuse("LimitExceeded.ResourceAttachedTags", format!("a resource holds {MAX_TAGS} tags"));
        }
        for (key, value) in tags {
            key_fits(key)?;
            value_fits(value)?;
            if !cx.quotas {
                continue;
            }
            match self.tag_keys.get(key) {
                None if self.tag_keys.len() >= MAX_KEYS => {
                    return refuse("LimitExceeded.TagKey", format!("an account holds {MAX_KEYS} tag keys"));
                }
                Some(values) if values.len() >= MAX_VALUES && !values.contains(value) => {
                    return refuse("LimitExceeded.TagValue", format!("tag key {key} holds {MAX_VALUES} values"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Sets a resource's tags as a whole.
    pub(crate) fn put_tags(&mut self, resource: &str, tags: BTreeMap<String, String>) {
        for (key, value) in &tags {
            self.know(key, value);
        }
        if tags.is_empty() {
            self.tagged.remove(resource);
        } else if self.tagged.get(resource) != Some(&tags) {
            self.tagged.insert(resource.to_owned(), tags);
        }
    }

    fn know(&mut self, key: &str, value: &str) {
        if self.tag_keys.get(key).is_some_and(|values| values.contains(value)) {
            return;
        }
        if !self.tag_keys.contains(key) {
            self.tag_keys.insert(key.to_owned(), BTreeSet::new());
        }
        if let Some(values) = self.tag_keys.get_mut(key) {
            values.insert(value.to_owned());
        }
    }

    /// Whether the resource is there.
    fn exists(&self, resource: &Resource) -> bool {
        match (resource.service.as_str(), resource.prefix.as_str()) {
            ("scf", "namespace") => match resource.id.split_once("/function/") {
                Some((namespace, name)) => self.functions.contains(&format!("{}/{namespace}/{name}", resource.region)),
                None => false,
            },
            ("cam", "role") => self.role_by_id(&resource.id).is_some(),
            ("cam", "policy") => self.has_policy(&resource.id),
            _ => false,
        }
    }

    fn tag_resources(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let given = tag_list(args, "Tags")?;
        if given.len() > MAX_PER_REQUEST {
            return refuse("LimitExceeded.TagNumPerRequest", format!("a request takes {MAX_PER_REQUEST} tags"));
        }
        self.check_tags(&given, cx)?;
        self.each_resource(args, |state, name, tags| {
            let mut merged = tags;
            merged.extend(given.clone());
            if merged.len() > MAX_TAGS {
                return Some("LimitExceeded.ResourceAttachedTags");
            }
            state.put_tags(name, merged);
            None
        })
    }

    fn untag_resources(&mut self, args: Args<'_>, _cx: &Context) -> Answer {
        let keys: Vec<String> = args.texts("TagKeys").into_iter().map(str::to_owned).collect();
        if keys.len() > MAX_PER_REQUEST {
            return refuse("LimitExceeded.TagNumPerRequest", format!("a request takes {MAX_PER_REQUEST} tag keys"));
        }
        for key in &keys {
            key_fits(key)?;
        }
        self.each_resource(args, |state, name, mut tags| {
            tags.retain(|key, _| !keys.contains(key));
            state.put_tags(name, tags);
            None
        })
    }

    /// Does something to every resource of `ResourceList`. What fails for one is told in the answer of a
    /// call that succeeds.
    fn each_resource(
        &mut self,
        args: Args<'_>,
        act: impl Fn(&mut Self, &str, BTreeMap<String, String>) -> Option<&'static str>,
    ) -> Answer {
        let names = args.texts("ResourceList");
        if names.len() > MAX_PER_REQUEST {
            return refuse(
                "LimitExceeded.ResourceNumPerRequest",
                format!("a request takes {MAX_PER_REQUEST} resources"),
            );
        }
        let mut resources = Vec::new();
        for name in &names {
            resources.push(Resource::parse(name, self.uin())?);
        }
        let mut failed = Vec::new();
        for (given, resource) in names.iter().zip(resources) {
            let name = resource.name(self.uin());
            let code = if self.exists(&resource) {
                let tags = self.tagged.get(&name).cloned().unwrap_or_default();
                act(self, &name, tags)
            } else {
                Some("ResourceNotFound")
            };
            if let Some(code) = code {
                failed.push(
                    json!({"Resource": given, "Code": code, "Message": "the tags of this resource did not change"}),
                );
            }
        }
        Ok(members(json!({"FailedResources": failed})))
    }

    fn get_resources(&mut self, args: Args<'_>) -> Answer {
        let list = args.texts("ResourceList");
        let mut wanted = Vec::new();
        for name in &list {
            wanted.push(Resource::parse(name, self.uin())?.name(self.uin()));
        }
        if list.len() > MAX_PER_REQUEST {
            return refuse(
                "LimitExceeded.ResourceNumPerRequest",
                format!("a request takes {MAX_PER_REQUEST} resources"),
            );
        }
        let filters = args.list("TagFilters").unwrap_or_default();
        if filters.len() > 6 {
            return refuse("LimitExceeded.TagNumPerRequest", "TagFilters takes 6 keys");
        }
        let passes = |tags: &BTreeMap<String, String>| has_all(tags, filters);
        let row = |name: &str, tags: &BTreeMap<String, String>| json!({"Resource": name, "Tags": tag_rows(tags)});
        if !wanted.is_empty() {
            let rows: Vec<Value> = wanted
                .iter()
                .filter_map(|name| self.tagged.get(name).map(|tags| (name, tags)))
                .filter(|(_, tags)| passes(tags))
                .map(|(name, tags)| row(name, tags))
                .collect();
            return Ok(members(json!({"PaginationToken": "", "ResourceTagMappingList": rows})));
        }
        let most = usize::try_from(args.int("MaxResults").unwrap_or(50)).unwrap_or_default();
        if !(1..=200).contains(&most) {
            return refuse("InvalidParameter", "MaxResults is 1 to 200");
        }
        let engine = base64::engine::general_purpose::STANDARD;
        let after = match args.text_or("PaginationToken", "") {
            "" => String::new(),
            token => match engine.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
                Some(name) if name.starts_with("qcs::") => name,
                _ => return refuse("InvalidParameter.PaginationTokenInvalid", "the pagination token is invalid"),
            },
        };
        let mut found: Vec<(&String, &BTreeMap<String, String>)> =
            self.tagged.after(&after).filter(|(_, tags)| passes(tags)).take(most + 1).collect();
        let token = if found.len() > most {
            found.truncate(most);
            found.last().map(|(name, _)| engine.encode(name.as_bytes())).unwrap_or_default()
        } else {
            String::new()
        };
        let rows: Vec<Value> = found.into_iter().map(|(name, tags)| row(name, tags)).collect();
        Ok(members(json!({"PaginationToken": token, "ResourceTagMappingList": rows})))
    }

    fn modify_resource_tags(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let resource = Resource::parse(args.text_or("Resource", ""), self.uin())?;
        let replace = tag_list(args, "ReplaceTags")?;
        let delete: Vec<&str> =
            args.list("DeleteTags").unwrap_or_default().iter().filter_map(|tag| tag["TagKey"].as_str()).collect();
        let empty = |member: &str| args.list(member).is_some_and(<[Value]>::is_empty);
        if empty("ReplaceTags") || empty("DeleteTags") || (replace.is_empty() && delete.is_empty()) {
            return refuse("InvalidParameter.Tag", "ReplaceTags and DeleteTags: at least one, and neither empty");
        }
        if let Some(key) = delete.iter().find(|key| replace.contains_key(**key)) {
            return refuse("InvalidParameterValue.DeleteTagsParamError", format!("tag key {key} is in both lists"));
        }
        if replace.len() > MAX_PER_REQUEST || delete.len() > MAX_PER_REQUEST {
            return refuse("LimitExceeded.Quota", format!("a request takes {MAX_PER_REQUEST} tags"));
        }
        self.check_tags(&replace, cx)?;
        if !self.exists(&resource) {
            return refuse("FailedOperation", format!("resource {} does not exist", args.text_or("Resource", "")));
        }
        let name = resource.name(self.uin());
        let mut tags = self.tagged.get(&name).cloned().unwrap_or_default();
        tags.retain(|key, _| !delete.contains(&key.as_str()));
        tags.extend(replace);
        if tags.len() > MAX_TAGS {
            return refuse("LimitExceeded.ResourceAttachedTags", format!("a resource holds {MAX_TAGS} tags"));
        }
        self.put_tags(&name, tags);
        Ok(members(json!({})))
    }

    /// Rows of one (resource, tag) pair each.
    fn tag_pairs(&self, keep: impl Fn(&Resource) -> bool) -> Vec<Value> {
        let mut rows = Vec::new();
        for (name, tags) in self.tagged.iter() {
            let Ok(resource) = Resource::parse(name, self.uin()) else { continue };
            if !keep(&resource) {
                continue;
            }
            for (key, value) in tags.iter().rev() {
                rows.push(json!({
                    "TagKey": key,
                    "TagValue": value,
                    "ResourceId": resource.id,
                    "TagKeyMd5": &sha256_hex(key.as_bytes())[..32],
                    "TagValueMd5": &sha256_hex(value.as_bytes())[..32],
                    "ServiceType": resource.service,
                    "Category": "Custom",
                }));
            }
        }
        rows
    }

    fn describe_resource_tags(&mut self, args: Args<'_>) -> Answer {
        let (offset, limit) = (args.int("Offset").unwrap_or(0), args.int("Limit").unwrap_or(15));
        if limit < 1 || offset % limit != 0 {
            return refuse("FailedOperation", "Offset is a multiple of Limit");
        }
        let fits =
            |member: &str, actual: &str| args.text(member).is_none_or(|wanted| wanted.is_empty() || wanted == actual);
        let rows = self.tag_pairs(|resource| {
            fits("ServiceType", &resource.service)
                && fits("ResourcePrefix", &resource.prefix)
                && fits("ResourceRegion", &resource.region)
                && fits("ResourceId", &resource.id)
        });
        let total = rows.len();
        Ok(members(json!({
            "TotalCount": total, "Offset": offset, "Limit": limit, "Rows": page(rows, offset, limit),
        })))
    }

    fn describe_by_ids(&mut self, args: Args<'_>) -> Answer {
        let ids = args.texts("ResourceIds");
        if ids.is_empty() || ids.len() > 50 {
            return refuse("InvalidParameterValue.ResourceIdInvalid", "ResourceIds takes 1 to 50 ids");
        }
        let (offset, limit) = (args.int("Offset").unwrap_or(0), args.int("Limit").unwrap_or(15));
        let rows = self.tag_pairs(|resource| {
            resource.service == args.text_or("ServiceType", "")
                && resource.prefix == args.text_or("ResourcePrefix", "")
                && resource.region == args.text_or("ResourceRegion", "")
                && ids.contains(&resource.id.as_str())
        });
        let total = rows.len();
        Ok(members(json!({
            "TotalCount": total, "Offset": offset, "Limit": limit, "Tags": page(rows, offset, limit),
        })))
    }

    fn describe_tags(&mut self, args: Args<'_>) -> Answer {
        let (offset, limit) = (args.int("Offset").unwrap_or(0), args.int("Limit").unwrap_or(15));
        if !(1..=1000).contains(&limit) || offset % limit != 0 {
            return refuse("FailedOperation", "Limit is 1 to 1000, and Offset a multiple of it");
        }
        let keys = args.texts("TagKeys");
        let mut rows = Vec::new();
        for (key, values) in self.tag_keys.iter() {
            if args.text("TagKey").is_some_and(|wanted| wanted != key)
                || !(keys.is_empty() || keys.contains(&key.as_str()))
            {
                continue;
            }
            for value in
                values.iter().filter(|value| args.text("TagValue").is_none_or(|wanted| wanted == value.as_str()))
            {
                let free = i32::from(!self.in_use(key, value));
                rows.push(json!({"TagKey": key, "TagValue": value, "CanDelete": free, "Category": "Custom"}));
            }
        }
        let total = rows.len();
        Ok(members(json!({
            "TotalCount": total, "Offset": offset, "Limit": limit, "Tags": page(rows, offset, limit),
        })))
    }

    fn in_use(&self, key: &str, value: &str) -> bool {
        self.tagged.iter().any(|(_, tags)| tags.get(key).is_some_and(|there| there == value))
    }

    fn create_tag(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let (key, value) = (args.text_or("TagKey", "").to_owned(), args.text_or("TagValue", "").to_owned());
        self.check_tags(&BTreeMap::from([(key.clone(), value.clone())]), cx)?;
        if self.tag_keys.get(&key).is_some_and(|values| values.contains(&value)) {
            return refuse("ResourceInUse.TagDuplicate", format!("tag {key}={value} already exists"));
        }
        self.know(&key, &value);
        Ok(members(json!({})))
    }

    fn delete_tag(&mut self, args: Args<'_>) -> Answer {
        let (key, value) = (args.text_or("TagKey", ""), args.text_or("TagValue", ""));
        if !self.tag_keys.get(key).is_some_and(|values| values.contains(value)) {
            return refuse("ResourceNotFound.TagNonExist", format!("tag {key}={value} does not exist"));
        }
        if self.in_use(key, value) {
            return refuse(
                "FailedOperation.TagAttachedResource",
                format!("tag {key}={value} is attached to a resource"),
            );
        }
        let mut left = self.tag_keys.get(key).cloned().unwrap_or_default();
        left.remove(value);
        if left.is_empty() {
            self.tag_keys.remove(key);
        } else {
            self.tag_keys.insert(key.to_owned(), left);
        }
        Ok(members(json!({})))
    }

    /// Resources that AttachResourcesTag and DetachResourcesTag name by parts.
    fn by_parts(&self, args: Args<'_>) -> Result<Vec<String>, Refusal> {
        let ids = args.texts("ResourceIds");
        if ids.len() > 50 {
            return refuse("LimitExceeded.ResourceNumPerRequest", "a request takes 50 resources");
        }
        let mut names = Vec::new();
        for id in ids {
            let name = format!(
                "qcs::{}:{}:uin/{}:{}/{id}",
                args.text_or("ServiceType", ""),
                args.text_or("ResourceRegion", ""),
                self.uin(),
                args.text_or("ResourcePrefix", "")
            );
            let resource = Resource::parse(&name, self.uin())?;
            if !self.exists(&resource) {
                return refuse("InvalidParameterValue.ResourceIdInvalid", format!("resource {id} does not exist"));
            }
            names.push(name);
        }
        Ok(names)
    }

    fn attach_tag(&mut self, args: Args<'_>, cx: &Context) -> Answer {
        let (key, value) = (args.text_or("TagKey", "").to_owned(), args.text_or("TagValue", "").to_owned());
        self.check_tags(&BTreeMap::from([(key.clone(), value.clone())]), cx)?;
        for name in self.by_parts(args)? {
            let mut tags = self.tagged.get(&name).cloned().unwrap_or_default();
            if tags.get(&key).is_some_and(|there| *there != value) {
                return refuse("ResourceInUse.TagKeyAttached", format!("tag key {key} is attached with another value"));
            }
            tags.insert(key.clone(), value.clone());
            if tags.len() > MAX_TAGS {
                return refuse("LimitExceeded.ResourceAttachedTags", format!("a resource holds {MAX_TAGS} tags"));
            }
            self.put_tags(&name, tags);
        }
        Ok(members(json!({})))
    }

    fn detach_tag(&mut self, args: Args<'_>) -> Answer {
        let key = args.text_or("TagKey", "");
        for name in self.by_parts(args)? {
            let mut tags = self.tagged.get(&name).cloned().unwrap_or_default();
            if tags.remove(key).is_none() {
                return refuse("ResourceNotFound.AttachedTagKeyNotFound", format!("tag key {key} is not attached"));
            }
            self.put_tags(&name, tags);
        }
        Ok(members(json!({})))
    }
}

/// A list of tags in the Tag service's naming.
fn tag_list(args: Args<'_>, member: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for tag in args.list(member).unwrap_or_default() {
        let text = |name: &str| tag[name].as_str().unwrap_or_default().to_owned();
        let key = text("TagKey");
        if tags.insert(key.clone(), text("TagValue")).is_some() {
            return refuse("InvalidParameterValue.TagKeyDuplicate", format!("tag key {key} is given twice"));
        }
    }
    Ok(tags)
}

fn characters_fit(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "+-=._:/@()[]（）【】".contains(c))
}

fn key_fits(key: &str) -> Result<(), Refusal> {
    if key.is_empty() {
        return refuse("InvalidParameterValue.TagKeyEmpty", "a tag key is empty");
    }
    if key.chars().count() > 127 {
        return refuse("InvalidParameterValue.TagKeyLengthExceeded", "a tag key holds 127 characters");
    }
    if key.starts_with("qcs:") || key.starts_with("project:") || ["qcloud", "tencent", "project"].contains(&key) {
        return refuse("InvalidParameter.ReservedTagKey", format!("tag key {key} is reserved"));
    }
    if !characters_fit(key) {
        return refuse("InvalidParameterValue.TagKeyCharacterIllegal", format!("tag key {key} holds other characters"));
    }
    Ok(())
}

fn value_fits(value: &str) -> Result<(), Refusal> {
    if value.is_empty() {
        return refuse("InvalidParameterValue.TagValueEmpty", "a tag value is empty");
    }
    if value.chars().count() > 255 {
        return refuse("InvalidParameterValue.TagValueLengthExceeded", "a tag value holds 255 characters");
    }
    if !characters_fit(value) {
        return refuse("InvalidParameterValue.TagValueCharacterIllegal", "a tag value holds other characters");
    }
    Ok(())
}
