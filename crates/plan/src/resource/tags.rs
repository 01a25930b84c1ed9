//! Tags: which ones are ours to compare. The mark's own tags are handled as ownership, not as tags.

use std::collections::BTreeMap;

use crate::attributes::{Attributes, join};
use crate::mark::{PROTECT_TAG, STACK_TAG};

/// Tags as key and value.
pub type Tags = BTreeMap<String, String>;

/// Tags that others put on our objects, as globs with `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IgnoreTags(pub Vec<String>);

impl IgnoreTags {
    /// Whether a key is left alone: the user's globs, and always `provision-*`, `qcs:*`, `project:*` (design section 3).
    #[must_use]
    pub fn ignores(&self, key: &str) -> bool {
        ["provision-*", "qcs:*", "project:*"]
            .iter()
            .copied()
            .chain(self.0.iter().map(String::as_str))
            .any(|glob| wildcard(glob, key))
    }

    /// The observed tags that are compared: what is declared is ours whatever the globs say.
    #[must_use]
    pub fn keep(&self, tags: &Tags, declared: &Tags) -> Tags {
        tags.iter()
            .filter(|(k, _)| declared.contains_key(*k) || !self.ignores(k))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    }
}

/// The tags an object of a stack carries: its own, and the mark's.
#[must_use]
pub fn marked(tags: &Tags, stack: &str, protect: bool) -> Tags {
    let mut all = tags.clone();
    all.insert(STACK_TAG.to_owned(), stack.to_owned());
    if protect {
        all.insert(PROTECT_TAG.to_owned(), "true".to_owned());
    }
    all
}

pub(crate) fn put(attributes: &mut Attributes, tags: &Tags) {
    for (key, value) in tags {
        attributes.put(join("tags", key), value.as_str());
    }
}

/// Glob match where `*` stands for any run of characters; linear in practice, for only the last star is retried.
fn wildcard(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if g < glob.len() && glob[g] == '*' {
            star = Some((g, t));
            g += 1;
        } else if g < glob.len() && glob[g] == text[t] {
            (g, t) = (g + 1, t + 1);
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (g, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_runs_of_characters() {
        let ignore = IgnoreTags(vec!["cost-*".into(), "*-auto".into()]);
        for (key, ignored) in [
            ("cost-center", true),
            ("cost", false),
            ("x-auto", true),
            ("provision-stack", true),
            ("qcs:x", true),
            ("team", false),
        ] {
            assert_eq!(ignore.ignores(key), ignored, "{key}");
        }
    }
}
