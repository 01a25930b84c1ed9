//! Tags: which ones are ours to compare. The mark's own tags are handled as ownership, not as tags.

use crate::attributes::{Attributes, join};
use crate::mark::{PROTECT_TAG, STACK_TAG};

/// Tags as key and value, in order of keys. Objects have few of them, and a tree keeps room for eleven: that room was a
/// tenth of the memory of a large plan.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(key))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&String> {
        self.place(key).ok().map(|at| &self.0[at].1)
    }

    /// Whether a key is there.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }

    /// Sets a key and returns the value it had.
    pub fn insert(&mut self, key: String, value: String) -> Option<String> {
        match self.place(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.reserve_exact(1);
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Removes a key and returns the value it had.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.place(key).ok().map(|at| self.0.remove(at).1)
    }

    /// Keeps those for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&String, &mut String) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
    }

    /// All of them, in order of keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&String, &String)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &String> {
        self.0.iter().map(|(key, _)| key)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

// A value may come from a sensitive variable: Debug shows keys only.
impl std::fmt::Debug for Tags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}

impl Extend<(String, String)> for Tags {
    fn extend<I: IntoIterator<Item = (String, String)>>(&mut self, tags: I) {
        for (key, value) in tags {
            self.insert(key, value);
        }
    }
}

impl FromIterator<(String, String)> for Tags {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(tags: I) -> Self {
        let mut all = Self::new();
        all.extend(tags);
        all
    }
}

impl<const N: usize> From<[(String, String); N]> for Tags {
    fn from(tags: [(String, String); N]) -> Self {
        tags.into_iter().collect()
    }
}

impl IntoIterator for Tags {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Tags {
    type Item = (&'a String, &'a String);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (String, String)>, Pair>;

    fn into_iter(self) -> Self::IntoIter {
        let pair: Pair = |(key, value)| (key, value);
        self.0.iter().map(pair)
    }
}

type Pair = fn(&(String, String)) -> (&String, &String);

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
            .filter(|(k, _)| declared.contains_key(k) || !self.ignores(k))
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
    fn tags_stand_in_order_of_keys_and_each_key_once() {
        let text = str::to_owned;
        let mut tags: Tags = [(text("b"), text("1")), (text("a"), text("2")), (text("b"), text("3"))].into();
        let shown = |tags: &Tags| tags.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
        assert_eq!(shown(&tags), "a=2 b=3");
        assert_eq!((tags.get("b"), tags.get("c")), (Some(&text("3")), None));
        assert_eq!(tags.insert(text("a"), text("4")), Some(text("2")));
        tags.retain(|key, _| key != "b");
        assert_eq!(shown(&tags), "a=4");
        assert_eq!((tags.remove("a"), tags.is_empty()), (Some(text("4")), true));
    }

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
