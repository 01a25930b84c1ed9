//! Attributes: a resource's normal form as an ordered list of paths and values, and the difference of two
//! such lists. Works on normal forms only, so two spellings of one value are equal here. Knows nothing about
//! order of changes (see `order`) or wording (see `render`).

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::resource::Origin;

/// One named value of a resource.
#[derive(Clone, PartialEq)]
pub struct Attribute {
    /// Such as `memory`, `environment.KEY`, `tags["a.b"]`, `layers[0].version`.
    pub path: Cow<'static, str>,
    /// Its value; `null` is "not set".
    pub value: Json,
}

/// A resource's attributes in display order.
#[derive(Clone, Default, PartialEq)]
pub struct Attributes(Vec<Attribute>);

impl Attributes {
    /// Adds one.
    pub fn put(&mut self, path: impl Into<Cow<'static, str>>, value: impl Into<Json>) {
        self.0.push(Attribute { path: path.into(), value: value.into() });
    }

    /// Adds one that may be unset: desired state leaves such attributes alone by not listing them.
    pub fn put_some<T: Into<Json>>(&mut self, path: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.put(path, value);
        }
    }

    /// The value at a path; `null` when it is not listed.
    #[must_use]
    pub fn get(&self, path: &str) -> &Json {
        self.0.iter().find(|a| a.path == path).map_or(&Json::Null, |a| &a.value)
    }

    /// Whether a path is listed.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.0.iter().any(|a| a.path == path)
    }

    /// All of them, in display order.
    pub fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.0.iter()
    }
}

/// One side of a difference.
#[derive(Clone, PartialEq)]
pub struct Side {
    /// The value; `null` is "not set".
    pub value: Json,
    /// Whether it may only be shown as a digest.
    pub guarded: bool,
}

/// One attribute that differs.
#[derive(Clone, PartialEq)]
pub struct AttributeChange {
    /// Which.
    pub path: Cow<'static, str>,
    /// What the cloud holds.
    pub before: Side,
    /// What the manifest wants.
    pub after: Side,
}

impl AttributeChange {
    /// Whether either side may only be shown as a digest.
    #[must_use]
    pub fn sensitive(&self) -> bool {
        self.before.guarded || self.after.guarded
    }
}

// Values may be secrets: Debug shows paths only.
impl std::fmt::Debug for AttributeChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AttributeChange({})", self.path)
    }
}

/// How one kind of resource compares: which collections are authoritative and which values are guarded.
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    /// Prefixes below which whatever is not declared is removed.
    pub authoritative: &'static [&'static str],
    /// Prefixes whose values are guarded unless they stand literally in the manifest (design rule 8).
    pub guarded: &'static [&'static str],
}

impl Comparison {
    fn is_authoritative(&self, path: &str) -> bool {
        self.authoritative.iter().any(|p| below(path, p))
    }

    /// Whether values of this kind may be secrets.
    #[must_use]
    pub fn is_guarded(&self, path: &str) -> bool {
        self.guarded.iter().any(|p| below(path, p))
    }

    fn sides(&self, path: Cow<'static, str>, before: &Json, after: &Json, origin: &Origin) -> AttributeChange {
        let sensitive = origin.is_sensitive(&path);
        let kind_guarded = self.is_guarded(&path);
        let is_literal = origin.is_literal(&path);
        AttributeChange {
            path,
            before: Side { value: before.clone(), guarded: !before.is_null() && (sensitive || kind_guarded) },
            after: Side {
                value: after.clone(),
                guarded: !after.is_null() && (sensitive || (kind_guarded && !is_literal)),
            },
        }
    }

    /// What has to change for `observed` to become `desired`: every listed desired attribute that differs, and
    /// every observed member of an authoritative collection that is not declared.
    #[must_use]
    pub fn diff(&self, desired: &Attributes, observed: &Attributes, origin: &Origin) -> Vec<AttributeChange> {
        let mut changes: Vec<AttributeChange> = desired
            .iter()
            .filter(|a| observed.get(&a.path) != &a.value)
            .map(|a| self.sides(a.path.clone(), observed.get(&a.path), &a.value, origin))
            .collect();
        changes.extend(
            observed
                .iter()
                .filter(|a| self.is_authoritative(&a.path) && !desired.has(&a.path) && !a.value.is_null())
                .map(|a| self.sides(a.path.clone(), &a.value, &Json::Null, origin)),
        );
        changes
    }

    /// What a create has to say: the attributes that differ from the platform's defaults.
    #[must_use]
    pub fn created(&self, desired: &Attributes, defaults: &Attributes, origin: &Origin) -> Vec<AttributeChange> {
        desired
            .iter()
            .filter(|a| defaults.get(&a.path) != &a.value && !a.value.is_null())
            .map(|a| self.sides(a.path.clone(), &Json::Null, &a.value, origin))
            .collect()
    }

    /// The attributes that may enter a digest kept in the cloud: none that is guarded, not even as a digest.
    /// Membership of guarded collections still counts.
    #[must_use]
    pub fn digestible(
        &self,
        attributes: &Attributes,
        paths: &BTreeSet<String>,
        origin: &Origin,
    ) -> Vec<(String, Json)> {
        let mut list: Vec<(String, Json)> = attributes
            .iter()
            .filter(|a| !a.value.is_null() && (paths.contains(&*a.path) || self.is_authoritative(&a.path)))
            .map(|a| {
                let hidden = self.is_guarded(&a.path) || origin.is_sensitive(&a.path);
                (a.path.clone().into_owned(), if hidden { Json::Null } else { a.value.clone() })
            })
            .collect();
        list.sort_by(|a, b| a.0.cmp(&b.0));
        list
    }
}

fn below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// `prefix.key`, or `prefix["key"]` when the key holds anything but letters, digits, `_` and `-`.
#[must_use]
pub fn join(prefix: &str, key: &str) -> String {
    if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        format!("{prefix}.{key}")
    } else {
        format!("{prefix}[{}]", Json::String(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPARISON: Comparison = Comparison { authoritative: &["tags", "environment"], guarded: &["environment"] };

    fn attributes(list: &[(&'static str, Json)]) -> Attributes {
        let mut all = Attributes::default();
        for (path, value) in list {
            all.put(*path, value.clone());
        }
        all
    }

    #[test]
    fn undeclared_members_of_collections_are_removed_and_other_attributes_are_left_alone() {
        let desired = attributes(&[("memory", 128.into()), ("tags.a", "1".into())]);
        let observed =
            attributes(&[("memory", 256.into()), ("tags.b", "2".into()), ("log.topic", "server-made".into())]);
        let changes = COMPARISON.diff(&desired, &observed, &Origin::default());
        let shown: Vec<_> = changes.iter().map(|c| (&*c.path, c.before.value.clone(), c.after.value.clone())).collect();
        assert_eq!(
            shown,
            [
                ("memory", 256.into(), 128.into()),
                ("tags.a", Json::Null, "1".into()),
                ("tags.b", "2".into(), Json::Null)
            ]
        );
    }

    #[test]
    fn a_guarded_value_is_open_only_when_it_stands_literally_in_the_manifest() {
        let place = crate::source::Span { file: crate::source::FileId(0), start: 0, end: 0 };
        let literal = ("environment.A".to_owned(), place, place, crate::resource::Shown::Literal);
        let origin = Origin::new(None, vec![literal]);
        let desired = attributes(&[("environment.A", "x".into()), ("environment.B", "y".into())]);
        let observed = attributes(&[("environment.A", "old".into())]);
        let changes = COMPARISON.diff(&desired, &observed, &origin);
        assert_eq!((changes[0].before.guarded, changes[0].after.guarded), (true, false));
        assert!(changes[1].after.guarded);
    }

    #[test]
    fn keys_that_are_not_words_are_quoted() {
        assert_eq!(join("tags", "team"), "tags.team");
        assert_eq!(join("tags", "a.b"), "tags[\"a.b\"]");
        assert_eq!(join("tags", ""), "tags[\"\"]");
    }
}
