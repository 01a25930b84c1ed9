//! The mark of ownership (design rule 4): tag `provision-stack`, and a last description line
//! `provision.1.M[.C.A]`. Says what the mark is and whose it is; what to do about it is decided in `decide`.

use sha2::{Digest, Sha256};

use crate::resource::tags::Tags;

/// Tag that names the owning stack.
pub const STACK_TAG: &str = "provision-stack";
/// Tag that protects an object even when its manifest line is gone.
pub const PROTECT_TAG: &str = "provision-protect";

/// The digest C while code is being uploaded: whatever is there then, no later plan takes it for its own.
pub const UNDER_WAY: &str = "0000000000000000";

const PREFIX: &str = "provision.1.";
/// Hex digits of every digest in the line: 64 bits tell apart every object an account can hold.
const DIGITS: usize = 16;

/// The parsed last line of a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Digest of stack and identity: only the very object it was written for carries it rightly.
    pub identity: String,
    /// Digest of the code last uploaded (functions only), or [`UNDER_WAY`].
    pub code: Option<String>,
    /// Digest of the configuration last written, without guarded values (functions only).
    pub configuration: Option<String>,
}

impl Mark {
    /// The line as written.
    #[must_use]
    pub fn line(&self) -> String {
        match (&self.code, &self.configuration) {
            (Some(code), Some(configuration)) => format!("{PREFIX}{}.{code}.{configuration}", self.identity),
            _ => format!("{PREFIX}{}", self.identity),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.strip_prefix(PREFIX)?.split('.');
        let digest =
            |p: &str| (p.len() == DIGITS && p.bytes().all(|b| b.is_ascii_hexdigit())).then(|| p.to_ascii_lowercase());
        let identity = digest(parts.next()?)?;
        let rest: Vec<&str> = parts.collect();
        match rest.as_slice() {
            [] => Some(Self { identity, code: None, configuration: None }),
            [code, configuration] => {
                Some(Self { identity, code: Some(digest(code)?), configuration: Some(digest(configuration)?) })
            }
            _ => None,
        }
    }
}

/// The digest M of an object: bound to the stack and to where the object lives, so a copied description proves nothing.
#[must_use]
pub fn identity(stack: &str, region: &str, namespace: &str, name: &str) -> String {
    digest([stack, region, namespace, name])
}

/// 16 hex digits of SHA-256 over length-prefixed parts.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())[..DIGITS].to_owned()
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Splits a description into the text people wrote and our line, if it ends in one.
#[must_use]
pub fn split(description: &str) -> (String, Option<Mark>) {
    let trimmed = description.trim_end();
    let (text, last) = match trimmed.rsplit_once('\n') {
        Some((text, last)) => (text, last),
        None => ("", trimmed),
    };
    match Mark::parse(last.trim()) {
        Some(mark) => (text.trim_end_matches(['\r', '\n']).to_owned(), Some(mark)),
        None => (description.to_owned(), None),
    }
}

/// A description that ends in our line.
#[must_use]
pub fn append(text: &str, mark: &Mark) -> String {
    if text.is_empty() { mark.line() } else { format!("{text}\n{}", mark.line()) }
}

/// Whose an existing object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// Ours; the flags tell which halves of the mark are there.
    Ours {
        /// The tag is there.
        tag: bool,
        /// The description line is there and names this object.
        line: bool,
    },
    /// Another stack's.
    Other(String),
    /// Nobody's that we know of.
    Unmarked,
}

/// Reads the mark. A tag that names another stack wins over the line.
#[must_use]
pub fn ownership(stack: &str, tags: &Tags, mark: Option<&Mark>, identity: Option<&str>) -> Ownership {
    let line = matches!((mark, identity), (Some(mark), Some(identity)) if mark.identity == identity);
    match tags.get(STACK_TAG) {
        Some(owner) if owner == stack => Ownership::Ours { tag: true, line },
        Some(owner) => Ownership::Other(owner.clone()),
        None if line => Ownership::Ours { tag: false, line },
        None => Ownership::Unmarked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_round_trips_behind_any_text() {
        let mark = Mark {
            identity: identity("s", "r", "n", "f"),
            code: Some("a".repeat(16)),
            configuration: Some("b".repeat(16)),
        };
        for text in ["", "one line", "two\nlines", "ends in blank \n"] {
            let (back, found) = split(&append(text, &mark));
            assert_eq!(found.as_ref(), Some(&mark));
            assert_eq!(back, text.trim_end_matches('\n'));
        }
        assert_eq!(split("provision.1.short").1, None);
        assert_eq!(split("plain"), ("plain".to_owned(), None));
    }

    #[test]
    fn a_tag_of_another_stack_wins_over_our_line() {
        let id = identity("a", "r", "n", "f");
        let mark = Mark { identity: id.clone(), code: None, configuration: None };
        let tags = |owner: &str| Tags::from([(STACK_TAG.to_owned(), owner.to_owned())]);
        assert_eq!(ownership("a", &tags("b"), Some(&mark), Some(&id)), Ownership::Other("b".into()));
        assert_eq!(ownership("a", &Tags::new(), Some(&mark), Some(&id)), Ownership::Ours { tag: false, line: true });
        assert_eq!(ownership("a", &Tags::new(), Some(&mark), Some("else")), Ownership::Unmarked);
    }
}
