//! Custom CAM policies.

use super::document::Document;
use super::tags::{self, Tags};
use crate::attributes::{Attributes, Comparison};

/// How policies compare.
pub const COMPARISON: Comparison = Comparison { authoritative: &["tags"], guarded: &[] };

/// A custom policy in normal form.
#[derive(Clone, PartialEq, Eq)]
pub struct Policy {
    /// Free text.
    pub description: String,
    /// What it allows.
    pub document: Document,
    /// Tags without the mark's.
    pub tags: Tags,
}

// Texts and tags may hold sensitive variables: Debug shows the keys of tags only.
impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy").field("tags", &self.tags).finish_non_exhaustive()
    }
}

impl Policy {
    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        let mut all = Attributes::default();
        all.put("description", self.description.as_str());
        all.put("document", self.document.json().clone());
        tags::put(&mut all, &self.tags);
        all
    }

    /// The attributes of a policy that says nothing.
    #[must_use]
    pub fn defaults() -> Attributes {
        let mut all = Attributes::default();
        all.put("description", "");
        all
    }
}
