//! Manifest text as a tree of nodes that remember where they stood. YAML and TOML end in the same tree,
//! so everything above knows one model. Bounds on size, depth and aliases are enforced here; meaning is not.

mod toml_text;
mod yaml_text;

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// Largest manifest file read, in bytes. Ours: enough for 10,000 functions.
pub const MAX_BYTES: usize = 8 << 20;
/// Most nodes one file may hold after aliases are expanded. Ours: 10,000 functions with everything set.
pub const MAX_NODES: usize = 1_000_000;
/// Most bytes of text after aliases and variables are expanded. Ours: manifests of pull requests are not trusted.
pub const MAX_EXPANDED: usize = 32 << 20;
/// Deepest nesting read. Ours: the schema needs fewer than 10 levels, policy documents a few more.
pub const MAX_DEPTH: usize = 64;

/// What is known of a scalar's origin; decides what may be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taint {
    /// The text holds the value of a sensitive variable or of `${env.*}`.
    pub sensitive: bool,
    /// The text was put together from variables, so it does not stand literally in the manifest.
    pub interpolated: bool,
    /// The text stands in for a value that was not given, where that is allowed.
    pub unknown: bool,
}

/// One value of a manifest.
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub value: Value,
    /// Where its text came from.
    pub taint: Taint,
}

// Values may be secrets: Debug shows shapes only.
impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{} at {}..{}>", self.kind(), self.span.start, self.span.end)
    }
}

/// The shapes a value can have. Scalars keep their text: its type is the field's business.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar; `quoted` tells a string from something that may be a number or a boolean.
    Scalar {
        /// The text after unescaping.
        text: String,
        /// Whether it was written as a string.
        quoted: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping in written order.
    Map(Vec<(Key, Node)>),
}

/// A mapping's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

impl Node {
    /// What a person would call this shape.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar { quoted: true, .. } => "a string",
            Value::Scalar { text, .. } if text == "true" || text == "false" => "a boolean",
            Value::Scalar { text, .. } if text.parse::<f64>().is_ok() => "a number",
            Value::Scalar { .. } => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The value of a key, when this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, v)| v),
            Value::Null | Value::Scalar { .. } | Value::List(_) => None,
        }
    }
}

/// Parses a file by its name's ending: `.toml` is TOML, everything else YAML.
///
/// # Errors
/// Findings with positions; several where the format lets parsing go on.
pub fn parse(name: &str, text: &str, file: FileId) -> Result<Node, Vec<Diagnostic>> {
    let whole = Span { file, start: 0, end: 0 };
    if text.len() > MAX_BYTES {
        return Err(vec![
            Diagnostic::error(Code::TooLarge, format!("{} bytes in one manifest, {MAX_BYTES} are read", text.len()))
                .at(whole),
        ]);
    }
    let node = if name.ends_with(".toml") { toml_text::parse(text, file)? } else { yaml_text::parse(text, file)? };
    match &node.value {
        Value::Null => Err(vec![
            Diagnostic::error(Code::Empty, "this file declares nothing")
                .at(whole)
                .help("start with `stack: NAME`, or run `provision init`"),
        ]),
        Value::Map(entries) if entries.is_empty() => Err(vec![
            Diagnostic::error(Code::Empty, "this file declares nothing")
                .at(whole)
                .help("start with `stack = \"NAME\"`"),
        ]),
        Value::Map(_) => Ok(node),
        Value::Scalar { .. } | Value::List(_) => Err(vec![
            Diagnostic::error(Code::WrongType, format!("a manifest is a mapping, this is {}", node.kind()))
                .at(node.span)
                .help("start with `stack: NAME`"),
        ]),
    }
}

/// Duplicate keys of one mapping.
fn duplicates(entries: &[(Key, Node)]) -> Vec<Diagnostic> {
    let mut seen = std::collections::HashSet::new();
    entries
        .iter()
        .filter(|(key, _)| !seen.insert(key.text.as_str()))
        .map(|(key, _)| {
            Diagnostic::error(Code::DuplicateKey, format!("`{}` stands twice in this mapping", key.text))
                .at(key.span)
                .help("keep one of the two")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn codes(name: &str, text: &str) -> Vec<&'static str> {
        match parse(name, text, Sources::default().add(name, text)) {
            Ok(_) => vec![],
            Err(found) => found.iter().map(|d| d.code.as_str()).collect(),
        }
    }

    #[test]
    fn yaml_and_toml_end_in_the_same_tree() {
        let yaml = parse("a.yaml", "stack: x\nfunctions:\n  f: { memory: 128, on: [a, \"b\"] }\n", FileId(0)).unwrap();
        let toml =
            parse("a.toml", "stack = \"x\"\n[functions.f]\nmemory = 128\non = [\"a\", \"b\"]\n", FileId(0)).unwrap();
        let memory = |n: &Node| match &n.get("functions").unwrap().get("f").unwrap().get("memory").unwrap().value {
            Value::Scalar { text, quoted } => (text.clone(), *quoted),
            _ => panic!("memory is a scalar"),
        };
        assert_eq!(memory(&yaml), ("128".to_owned(), false));
        assert_eq!(memory(&yaml), memory(&toml));
    }

    #[test]
    fn hostile_text_is_a_finding_and_never_a_panic() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for i in 1..9 {
            let previous = format!("*a{}", i - 1);
            bomb.push_str(&format!("a{i}: &a{i} [{}]\n", [previous.as_str(); 9].join(",")));
        }
        assert_eq!(codes("b.yaml", &bomb), ["P006"]);
        assert_eq!(codes("d.yaml", &format!("a: {}{}", "[".repeat(5000), "]".repeat(5000))), ["P005"]);
        assert_eq!(codes("d.toml", &format!("a = {}{}", "[".repeat(5000), "]".repeat(5000))), ["P003"]);
        assert_eq!(codes("k.yaml", "a: 1\na: 2\n"), ["P004"]);
        assert_eq!(codes("k.toml", "a = 1\na = 2\n"), ["P004"]);
        assert_eq!(codes("t.yaml", "a: !!python/object x\n"), ["P007"]);
        assert_eq!(codes("m.yaml", "a: 1\n---\nb: 2\n"), ["P007"]);
        assert_eq!(codes("e.yaml", ""), ["P008"]);
        assert_eq!(codes("e.yaml", "# only a comment\n"), ["P008"]);
        assert_eq!(codes("l.yaml", "- a\n"), ["P012"]);
        assert_eq!(codes("s.yaml", "a: [1\nb: }\n"), ["P003"]);
        assert_eq!(codes("s.yaml", "a: *nowhere\n"), ["P003"]);
        assert_eq!(codes("c.yaml", "? [1, 2]\n: x\n"), ["P007"]);
        assert_eq!(codes("h.yaml", &"a".repeat(MAX_BYTES + 1)), ["P006"]);
    }
}
