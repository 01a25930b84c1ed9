//! The kinds of resources: attributes, defaults and normal form, one kind a file. Desired and observed state
//! are the same types. Reading manifests is `manifest`'s business, deciding is `decide`'s.

pub mod document;
pub mod function;
pub mod namespace;
pub mod policy;
pub mod role;
pub mod tags;
pub mod trigger;

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Span;

/// Where a resource and its attributes stand in the manifest, and which values may be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The resource's place.
    pub span: Option<Span>,
    /// The place of each key, by attribute path.
    pub spans: BTreeMap<String, Span>,
    /// The place of each value, by attribute path.
    pub values: BTreeMap<String, Span>,
    /// Paths that hold the value of a sensitive variable or of `${env.*}`.
    pub sensitive: BTreeSet<String>,
    /// Paths whose value stands literally in the manifest.
    pub literal: BTreeSet<String>,
}

impl Origin {
    /// Whether the value at `path` came from a sensitive source.
    #[must_use]
    pub fn is_sensitive(&self, path: &str) -> bool {
        self.sensitive.contains(path)
            || self.sensitive.iter().any(|s| {
                path.strip_prefix(s.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']))
                    && !self.spans.contains_key(path)
            })
    }

    /// Whether the value at `path` stands literally in the manifest and is not sensitive.
    #[must_use]
    pub fn is_literal(&self, path: &str) -> bool {
        self.literal.contains(path) && !self.sensitive.contains(path)
    }

    /// The place of a value, for findings about what it says; else the place of its key.
    #[must_use]
    pub fn value_span(&self, path: &str) -> Option<Span> {
        self.values.get(path).copied().or_else(|| self.span_of(path))
    }

    /// The place of an attribute: its own, or the closest key above it, or the resource's.
    #[must_use]
    pub fn span_of(&self, path: &str) -> Option<Span> {
        let mut path = path;
        loop {
            if let Some(span) = self.spans.get(path) {
                return Some(*span);
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = &path[..at],
                None => return self.span,
            }
        }
    }
}

/// Tags of the stack are tags of every resource that does not say otherwise: what is known of them goes along.
pub(crate) fn inherit_tags(origin: &mut Origin, stack: &Origin) {
    let inherited = |path: &&String| path.starts_with("tags.") || path.starts_with("tags[");
    for (path, span) in stack.spans.iter().filter(|(path, _)| inherited(path)) {
        if origin.spans.contains_key(path) {
            continue;
        }
        origin.spans.insert(path.clone(), *span);
        if let Some(value) = stack.values.get(path) {
            origin.values.insert(path.clone(), *value);
        }
        for (set, of_stack) in [(&mut origin.sensitive, &stack.sensitive), (&mut origin.literal, &stack.literal)] {
            if of_stack.contains(path) {
                set.insert(path.clone());
            }
        }
    }
}

/// Moves what is known of one path to another.
pub(crate) fn rename(origin: &mut Origin, from: &str, to: &str) {
    let renamed = |path: &str| {
        path.strip_prefix(from)
            .filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            .map(|rest| format!("{to}{rest}"))
    };
    let set = |paths: &BTreeSet<String>| paths.iter().map(|p| renamed(p).unwrap_or_else(|| p.clone())).collect();
    origin.sensitive = set(&origin.sensitive);
    origin.literal = set(&origin.literal);
    origin.spans = origin.spans.iter().map(|(p, s)| (renamed(p).unwrap_or_else(|| p.clone()), *s)).collect();
}
