//! SCF namespaces: a name in a region, and a description that ends in the mark.

use crate::attributes::{Attributes, Comparison};

/// How namespaces compare.
pub const COMPARISON: Comparison = Comparison { authoritative: &[], guarded: &[] };

/// A namespace in normal form.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Namespace {
    /// Text without the mark.
    pub description: String,
}

// Its text may hold sensitive variables: Debug shows none of it.
impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Namespace(..)")
    }
}

impl Namespace {
    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        let mut all = Attributes::default();
        all.put("description", self.description.as_str());
        all
    }
}
