//! Reads the keys of one mapping with their types, collecting findings instead of stopping at the first.
//! Knows types and ranges; what a key means is the business of its kind's file.

use std::collections::BTreeMap;

use crate::address::ResourceAddress;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::resource::{Noted, Origin, Shown};
use crate::source::Span;
use crate::syntax::{Key, Node, Value};

/// A mapping being read. Unknown keys are reported when it is opened.
pub(super) struct Fields<'n> {
    entries: &'n [(Key, Node)],
    /// Where the mapping stands.
    pub(super) span: Span,
    context: &'n str,
}

/// Collects findings, all about one resource when `address` is set.
pub(super) struct Findings {
    pub(super) all: Vec<Diagnostic>,
    pub(super) address: Option<ResourceAddress>,
}

impl Findings {
    /// Gives findings from `before` on the resource being read, where they name none.
    pub(super) fn settle_addresses(&mut self, before: usize) {
        for finding in self.all.iter_mut().skip(before).filter(|f| f.address.is_none()) {
            finding.address = self.address.as_ref().map(ToString::to_string);
        }
    }

    pub(super) fn push(&mut self, mut finding: Diagnostic) {
        if finding.address.is_none() {
            finding.address = self.address.as_ref().map(ToString::to_string);
        }
        self.all.push(finding);
    }
}

impl<'n> Fields<'n> {
    /// Opens a mapping; anything else is a finding and reads as empty.
    pub(super) fn open(node: &'n Node, context: &'n str, known: &[&str], findings: &mut Findings) -> Self {
        let entries: &[(Key, Node)] = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            Value::Scalar { .. } | Value::List(_) => {
                findings.push(
                    Diagnostic::error(Code::WrongType, format!("{context} is a mapping, this is {}", node.kind()))
                        .at(node.span),
                );
                &[]
            }
        };
        for (key, _) in entries {
            if !known.contains(&key.text.as_str()) {
                let mut finding =
                    Diagnostic::error(Code::UnknownKey, format!("{context} has no key `{}`", key.text)).at(key.span);
                finding.help = Some(match did_you_mean(&key.text, known.iter().copied()) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => format!("it takes: {}", known.join(", ")),
                });
                findings.push(finding);
            }
        }
        Self { entries, span: node.span, context }
    }

    pub(super) fn node(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(k, v)| k.text == key && v.value != Value::Null).map(|(_, v)| v)
    }

    /// The node even when it is `null`: for keys whose presence alone says something.
    pub(super) fn present(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(k, _)| k.text == key).map(|(_, v)| v)
    }

    pub(super) fn key_span(&self, key: &str) -> Option<Span> {
        self.entries.iter().find(|(k, _)| k.text == key).map(|(k, _)| k.span)
    }

    pub(super) fn entries(&self) -> &'n [(Key, Node)] {
        self.entries
    }

    pub(super) fn required(&self, key: &str, findings: &mut Findings) -> Option<&'n Node> {
        let node = self.node(key);
        if node.is_none() && self.present(key).is_none_or(|n| !n.taint.interpolated) {
            findings.push(
                Diagnostic::error(Code::MissingKey, format!("{} needs the key `{key}`", self.context)).at(self.span),
            );
        }
        node
    }

    pub(super) fn string(&self, key: &str, findings: &mut Findings) -> Option<String> {
        self.node(key).and_then(|n| string(n, key, findings))
    }

    pub(super) fn required_string(&self, key: &str, findings: &mut Findings) -> Option<String> {
        let text = self.required(key, findings).and_then(|n| string(n, key, findings))?;
        if text.is_empty() {
            let span = self.node(key).map_or(self.span, |n| n.span);
            findings.push(Diagnostic::error(Code::BadFormat, format!("`{key}` is empty")).at(span));
            return None;
        }
        Some(text)
    }

    pub(super) fn boolean(&self, key: &str, findings: &mut Findings) -> Option<bool> {
        let node = self.node(key)?;
        match &node.value {
            Value::Scalar { text, quoted: false } if text == "true" => Some(true),
            Value::Scalar { text, quoted: false } if text == "false" => Some(false),
            Value::Scalar { .. } | Value::Null | Value::List(_) | Value::Map(_) => {
                let help = match &node.value {
                    Value::Scalar { text, .. }
                        if ["yes", "on", "true", "1"].contains(&text.to_lowercase().as_str()) =>
                    {
                        "write true"
                    }
                    Value::Scalar { text, .. }
                        if ["no", "off", "false", "0"].contains(&text.to_lowercase().as_str()) =>
                    {
                        "write false"
                    }
                    _ => "write true or false",
                };
                findings.push(
                    Diagnostic::error(Code::WrongType, format!("`{key}` is true or false, this is {}", node.kind()))
                        .at(node.span)
                        .help(help),
                );
                None
            }
        }
    }

    /// A whole number within limits (both included). `unit` is said in findings.
    pub(super) fn number(
        &self,
        key: &str,
        limits: std::ops::RangeInclusive<u64>,
        unit: &str,
        findings: &mut Findings,
    ) -> Option<u64> {
        number(self.node(key)?, key, limits, unit, findings)
    }

    /// One of the allowed words.
    pub(super) fn choice<'c>(&self, key: &str, allowed: &[&'c str], findings: &mut Findings) -> Option<&'c str> {
        let node = self.node(key)?;
        let text = string(node, key, findings)?;
        if let Some(found) = allowed.iter().find(|a| **a == text) {
            return Some(found);
        }
        let mut finding = Diagnostic::error(Code::BadFormat, format!("`{key}` cannot be `{text}`")).at(node.span);
        finding.help = Some(match did_you_mean(&text, allowed.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("it is one of: {}", allowed.join(", ")),
        });
        if node.taint.sensitive {
            finding.message = format!("`{key}` has a value that is not allowed");
        }
        findings.push(finding);
        None
    }

    pub(super) fn strings(&self, key: &str, findings: &mut Findings) -> Option<Vec<String>> {
        let node = self.node(key)?;
        match &node.value {
            Value::List(items) => {
                for item in items.iter().filter(|i| i.value == Value::Null && !i.taint.interpolated) {
                    let finding = Diagnostic::error(Code::BadFormat, format!("`{key}` holds an empty item"));
                    findings.push(finding.at(item.span).help("remove it, or write the value"));
                }
                Some(items.iter().filter_map(|i| string(i, key, findings)).collect())
            }
            Value::Scalar { .. } => string(node, key, findings).map(|s| vec![s]),
            Value::Null | Value::Map(_) => {
                findings.push(
                    Diagnostic::error(
                        Code::WrongType,
                        format!("`{key}` is a list of strings, this is {}", node.kind()),
                    )
                    .at(node.span),
                );
                None
            }
        }
    }

    /// A mapping of strings, with the node of each value.
    pub(super) fn string_map(
        &self,
        key: &str,
        findings: &mut Findings,
    ) -> Option<BTreeMap<String, (String, &'n Node)>> {
        let node = self.node(key)?;
        match &node.value {
            Value::Map(entries) => Some(
                entries
                    .iter()
                    .filter_map(|(k, v)| match &v.value {
                        Value::Scalar { text, .. } => Some((k.text.clone(), (text.clone(), v))),
                        Value::Null if v.taint.interpolated => None,
                        Value::Null => {
                            findings.push(
                                Diagnostic::error(Code::BadFormat, format!("`{key}.{}` has no value", k.text))
                                    .at(k.span)
                                    .help("remove the key, or give it a value that is not empty"),
                            );
                            None
                        }
                        Value::List(_) | Value::Map(_) => {
                            findings.push(
                                Diagnostic::error(
                                    Code::WrongType,
                                    format!("`{key}.{}` is a string, this is {}", k.text, v.kind()),
                                )
                                .at(v.span),
                            );
                            None
                        }
                    })
                    .collect(),
            ),
            Value::Null | Value::Scalar { .. } | Value::List(_) => {
                findings.push(
                    Diagnostic::error(
                        Code::WrongType,
                        format!("`{key}` is a mapping of strings, this is {}", node.kind()),
                    )
                    .at(node.span),
                );
                None
            }
        }
    }

    /// Any data, as JSON.
    pub(super) fn json(&self, key: &str) -> Option<serde_json::Value> {
        self.node(key).map(json)
    }

    pub(super) fn list(&self, key: &str, findings: &mut Findings) -> Option<&'n [Node]> {
        let node = self.node(key)?;
        match &node.value {
            Value::List(items) => Some(items),
            Value::Null | Value::Scalar { .. } | Value::Map(_) => {
                findings.push(
                    Diagnostic::error(Code::WrongType, format!("`{key}` is a list, this is {}", node.kind()))
                        .at(node.span),
                );
                None
            }
        }
    }

    /// The same for one key alone, and everything below it.
    pub(super) fn origin_of(&self, key: &str) -> Origin {
        let mut noted = Vec::new();
        for (found, node) in self.entries.iter().filter(|(k, _)| k.text == key) {
            note(&found.text, found.span, node, &mut noted);
        }
        Origin::new(Some(self.span), noted)
    }

    /// Where each key stands, and which values came from where.
    pub(super) fn origin(&self) -> Origin {
        self.origin_but_below("")
    }

    /// The same without what stands below one key, which itself is noted.
    pub(super) fn origin_but_below(&self, left_out: &str) -> Origin {
        let mut noted = Vec::new();
        for (key, node) in self.entries {
            note(&key.text, key.span, node, &mut noted);
            if key.text == left_out {
                let is_below =
                    |path: &str| path.strip_prefix(left_out).is_some_and(|rest| rest.starts_with(['.', '[']));
                noted.retain(|(path, ..)| !is_below(path));
            }
        }
        Origin::new(Some(self.span), noted)
    }
}

/// Notes a value and everything below it; tells whether anything there is (sensitive, interpolated).
fn note(path: &str, span: Span, node: &Node, noted: &mut Vec<Noted>) -> (bool, bool) {
    let mut tainted = (node.taint.sensitive, node.taint.interpolated);
    let mut below = |found: (bool, bool)| tainted = (tainted.0 | found.0, tainted.1 | found.1);
    match &node.value {
        Value::Map(entries) => {
            for (key, value) in entries {
                below(note(&crate::attributes::join(path, &key.text), key.span, value, noted));
            }
        }
        Value::List(items) => {
            for (i, item) in items.iter().enumerate() {
                below(note(&format!("{path}[{i}]"), item.span, item, noted));
            }
        }
        Value::Null | Value::Scalar { .. } => {}
    }
    let shown = match tainted {
        _ if node.taint.unknown => Shown::Unknown,
        (true, _) => Shown::Sensitive,
        (false, false) => Shown::Literal,
        (false, true) => Shown::Interpolated,
    };
    noted.push((path.to_owned(), span, node.span, shown));
    tainted
}

pub(super) fn string(node: &Node, key: &str, findings: &mut Findings) -> Option<String> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text.clone()),
        Value::Null => None,
        Value::List(_) | Value::Map(_) => {
            findings.push(
                Diagnostic::error(Code::WrongType, format!("`{key}` is a string, this is {}", node.kind()))
                    .at(node.span),
            );
            None
        }
    }
}

pub(super) fn number(
    node: &Node,
    key: &str,
    limits: std::ops::RangeInclusive<u64>,
    unit: &str,
    findings: &mut Findings,
) -> Option<u64> {
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let range = format!("{} to {}{unit}", limits.start(), limits.end());
    let parsed = match &node.value {
        Value::Scalar { text, quoted: false } => text.replace('_', "").parse::<i128>().ok(),
        Value::Scalar { .. } | Value::Null | Value::List(_) | Value::Map(_) => None,
    };
    let Some(parsed) = parsed else {
        if !(node.value == Value::Null && node.taint.interpolated) {
            findings.push(
                Diagnostic::error(Code::WrongType, format!("`{key}` is a whole number, this is {}", node.kind()))
                    .at(node.span)
                    .help(format!("write a number from {range}, without quotes")),
            );
        }
        return None;
    };
    match u64::try_from(parsed) {
        Ok(value) if limits.contains(&value) => Some(value),
        _ => {
            findings.push(
                Diagnostic::error(Code::OutOfRange, format!("`{key}` is {parsed}, allowed are {range}")).at(node.span),
            );
            None
        }
    }
}

/// A node as JSON: plain `true`, `false`, numbers and nothing become what they look like.
pub(super) fn json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::Null => Json::Null,
        Value::Scalar { text, quoted: true } => Json::String(text.clone()),
        Value::Scalar { text, quoted: false } => match text.as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            number => number
                .parse::<i64>()
                .map(Json::from)
                .ok()
                .or_else(|| {
                    number
                        .parse::<f64>()
                        .ok()
                        .filter(|f| f.is_finite() && number.contains('.'))
                        .and_then(serde_json::Number::from_f64)
                        .map(Json::Number)
                })
                .unwrap_or_else(|| Json::String(text.clone())),
        },
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(entries) => Json::Object(entries.iter().map(|(k, v)| (k.text.clone(), json(v))).collect()),
    }
}
