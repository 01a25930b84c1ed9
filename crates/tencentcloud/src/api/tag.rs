//! Tag 2018-08-13: tags on any resource, named by six-segment resource names. No region.

use super::{Done, Service, action, answer, object, row};
use crate::Error;

const SERVICE: Service = Service::Tag;

action! {
    /// Adds or overwrites up to 10 tags on up to 10 resources. Look into `failed_resources`: partial failure is a success here.
    TagResources: IdempotentWrite -> TagResourcesAnswer {
        resource_list: Vec<String>,
        tags: Vec<Tag>,
    } optional {
    }
}

action! {
    /// Removes tags. Look into `failed_resources`, as with [`TagResources`].
    UnTagResources: IdempotentWrite -> UnTagResourcesAnswer {
        resource_list: Vec<String>,
        tag_keys: Vec<String>,
    } optional {
    }
}

action! {
    /// Finds resources by tag, or tags by resource, at most 200 a page.
    GetResources: Read -> GetResourcesAnswer {
    } optional {
        resource_list: Vec<String>,
        tag_filters: Vec<TagFilter>,
        pagination_token: String,
        max_results: u64,
    }
}

action! {
    /// Replaces and deletes tags of one resource. Neither list may be empty when given, and no key may stand in both.
    ModifyResourceTags: IdempotentWrite -> Done {
        resource: String,
    } optional {
        replace_tags: Vec<Tag>,
        delete_tags: Vec<TagKeyObject>,
    }
}

action! {
    /// Creates a tag pair; refused with `ResourceInUse.TagDuplicate` when it exists, also when an earlier attempt of
    /// the same call made it ([`Error::outcome_unknown`] tells).
    CreateTag: IdempotentWrite -> Done {
        tag_key: String,
        tag_value: String,
    } optional {
    }
}

action! {
    /// Deletes a tag pair; refused with `ResourceNotFound.TagNonExist` when it does not exist.
    DeleteTag: IdempotentWrite -> Done {
        tag_key: String,
        tag_value: String,
    } optional {
    }
}

action! {
    /// Lists tag pairs, attached or not; the offset is a multiple of the limit. `tag_key` and `tag_value` go together.
    DescribeTags: Read -> DescribeTagsAnswer {
    } optional {
        tag_key: String,
        tag_value: String,
        offset: u64,
        limit: u64,
        create_uin: u64,
        tag_keys: Vec<String>,
        show_project: u64,
    }
}

action! {
    /// Lists tag rows; the offset is a multiple of the limit.
    DescribeResourceTags: Read -> DescribeResourceTagsAnswer {
    } optional {
        create_uin: u64,
        resource_region: String,
        service_type: String,
        resource_prefix: String,
        resource_id: String,
        offset: u64,
        limit: u64,
        cos_resource_id: u64,
    }
}

object! {
    /// A tag as the Tag service spells it.
    #[derive(Debug)]
    Tag {
        tag_key: String,
        tag_value: String,
    } optional {
    } sent {
        category: String,
    }
}

object! {
    /// A key, and the values it may have.
    #[derive(Debug)]
    TagFilter {
        tag_key: String,
    } optional {
        tag_value: Vec<String>,
    }
}

object! {
    /// A tag key.
    #[derive(Debug)]
    TagKeyObject {
        tag_key: String,
    } optional {
    }
}

answer! {
    /// What could not be tagged.
    #[derive(Debug)]
    TagResourcesAnswer {
    } defaulted {
        failed_resources: Vec<FailedResource>,
    } optional {
    }
}

answer! {
    /// What could not be untagged.
    #[derive(Debug)]
    UnTagResourcesAnswer {
    } defaulted {
        failed_resources: Vec<FailedResource>,
    } optional {
    }
}

answer! {
    /// One page of resources; an empty token ends the list.
    #[derive(Debug)]
    GetResourcesAnswer {
        resource_tag_mapping_list: Vec<ResourceTagMapping>,
    } defaulted {
    } optional {
        pagination_token: String,
    }
}

answer! {
    /// One page of tag rows.
    #[derive(Debug)]
    DescribeResourceTagsAnswer {
        rows: Vec<TagResource>,
    } defaulted {
    } optional {
        total_count: u64,
        offset: u64,
        limit: u64,
    }
}

answer! {
    /// One page of tag pairs.
    #[derive(Debug)]
    DescribeTagsAnswer {
        tags: Vec<TagWithDelete>,
    } defaulted {
    } optional {
        total_count: u64,
        offset: u64,
        limit: u64,
    }
}

row! {
    /// A tag pair.
    #[derive(Debug)]
    TagWithDelete {
        tag_key: String,
        tag_value: String,
    } defaulted {
    } optional {
    }
}

row! {
    /// A resource that could not be changed, and why.
    #[derive(Debug)]
    FailedResource {
        resource: String,
        code: String,
        message: String,
    } defaulted {
    } optional {
    }
}

row! {
    /// A resource and its tags.
    #[derive(Debug)]
    ResourceTagMapping {
        resource: String,
    } defaulted {
        tags: Vec<Tag>,
    } optional {
    }
}

row! {
    /// A tag on a resource.
    #[derive(Debug)]
    TagResource {
        tag_key: String,
        tag_value: String,
    } defaulted {
    } optional {
        resource_id: String,
        tag_key_md5: String,
        tag_value_md5: String,
        service_type: String,
        category: String,
    }
}

const ABSENT: [&str; 2] = ["ResourceNotFound.AttachedTagKeyNotFound", "ResourceNotFound.TagNonExist"];

impl FailedResource {
    /// Whether something else is under way on the resource, so that the call may come again.
    #[must_use]
    pub fn is_processing(&self) -> bool {
        self.code == crate::error::RESOURCE_TAG_PROCESSING
    }

    /// Whether the resource does not carry the tag key, or the tag does not exist.
    #[must_use]
    pub fn is_tag_absent(&self) -> bool {
        ABSENT.contains(&self.code.as_str())
    }
}

/// Whether the service does not serve the call that failed: it does not know the action, or says that it does not
/// support it. For calls that one can do without.
#[must_use]
pub fn is_unserved(error: &Error) -> bool {
    error.is_action_unknown() || error.is(SERVICE, &["UnsupportedOperation"])
}

/// Whether the service says that there is no room for another pair.
#[must_use]
pub fn is_full(error: &Error) -> bool {
    error.service() == SERVICE && error.code().is_some_and(|code| code.starts_with("LimitExceeded"))
}

/// Whether the service says that the tag pair exists already.
#[must_use]
pub fn is_tag_duplicate(error: &Error) -> bool {
    error.is(SERVICE, &["ResourceInUse.TagDuplicate"])
}

/// Whether the service says that the resource does not carry the tag key, or that the tag does not exist.
#[must_use]
pub fn is_tag_absent(error: &Error) -> bool {
    error.is(SERVICE, &ABSENT)
}
