//! YAML events to nodes. Built on the event parser behind `serde_yaml`, because serde alone loses the
//! text of scalars and the places of keys.

use std::collections::HashMap;

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, Span as YamlSpan, Tag};

use super::{Key, MAX_DEPTH, MAX_EXPANDED, MAX_NODES, Node, Taint, Value, duplicates};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{FileId, Span};

enum Frame {
    List { start: Span, anchor: usize, items: Vec<Node> },
    Map { start: Span, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key> },
}

struct Builder<'t> {
    text: &'t str,
    file: FileId,
    stack: Vec<Frame>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    /// Bytes of text that aliases added or anchors keep.
    expanded: usize,
    documents: usize,
    root: Option<Node>,
    findings: Vec<Diagnostic>,
}

pub(super) fn parse(text: &str, file: FileId) -> Result<Node, Vec<Diagnostic>> {
    let mut builder = Builder {
        text,
        file,
        stack: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        expanded: 0,
        documents: 0,
        root: None,
        findings: Vec::new(),
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => {
                if let Err(fatal) = builder.take(event, span) {
                    builder.findings.push(fatal);
                    return Err(builder.findings);
                }
            }
            Err(error) => {
                let start = error.marker().byte_offset().unwrap_or(0).min(text.len());
                let message = error.info();
                let code = if message.contains("nesting") || message.contains("recursion") {
                    Code::TooDeep
                } else {
                    Code::Syntax
                };
                builder.findings.push(Diagnostic::error(code, format!("YAML: {message}")).at(Span {
                    file,
                    start,
                    end: start + 1,
                }));
                return Err(builder.findings);
            }
        }
    }
    if builder.findings.is_empty() {
        Ok(builder.root.unwrap_or(Node {
            span: Span { file, start: 0, end: 0 },
            value: Value::Null,
            taint: Taint::default(),
        }))
    } else {
        Err(builder.findings)
    }
}

impl Builder<'_> {
    fn span(&self, span: &YamlSpan) -> Span {
        let start = span.start.byte_offset().unwrap_or(0).min(self.text.len());
        let end = span.end.byte_offset().unwrap_or(start).clamp(start, self.text.len());
        Span { file: self.file, start, end }
    }

    fn take(&mut self, event: Event<'_>, span: YamlSpan) -> Result<(), Diagnostic> {
        let at = self.span(&span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Diagnostic::error(Code::UnsupportedSyntax, "a second YAML document")
                        .at(at)
                        .help("one file is one stack: put it into a file of its own"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                check_tag(tag.as_deref(), at)?;
                let quoted = style != ScalarStyle::Plain || tag.is_some_and(|t| t.suffix() == "str");
                let value = match (&*text, quoted) {
                    ("" | "~" | "null" | "Null" | "NULL", false) => Value::Null,
                    _ => Value::Scalar { text: text.into_owned(), quoted },
                };
                let node = Node { span: at, value, taint: Taint::default() };
                self.remember(anchor, &node, 1)?;
                self.add(node, 1)?;
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err(
                        Diagnostic::error(Code::Syntax, "YAML: an alias to a value that is not complete").at(at)
                    );
                };
                let size = *size;
                self.expanded += bytes(node);
                if self.expanded > MAX_EXPANDED {
                    return Err(too_much(at));
                }
                let mut node = node.clone();
                // The use is where a reader has to look; the anchor may stand far away.
                node.span = at;
                if self.nodes + size > MAX_NODES {
                    return Err(Diagnostic::error(
                        Code::TooLarge,
                        format!("aliases expand this file to more than {MAX_NODES} values"),
                    )
                    .at(at)
                    .help("write the values out; manifests are small"));
                }
                self.add(node, size)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), at)?;
                self.push(Frame::List { start: at, anchor, items: Vec::new() }, at)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), at)?;
                self.push(Frame::Map { start: at, anchor, entries: Vec::new(), key: None }, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(frame) = self.stack.pop() else { return Ok(()) };
                let (node, anchor) = match frame {
                    Frame::List { start, anchor, mut items } => {
                        // Most are short, and a growing vector keeps room for four.
                        items.shrink_to_fit();
                        (
                            Node {
                                span: Span { end: at.end.max(start.end), ..start },
                                value: Value::List(items),
                                taint: Taint::default(),
                            },
                            anchor,
                        )
                    }
                    Frame::Map { start, anchor, mut entries, .. } => {
                        entries.shrink_to_fit();
                        self.findings.extend(duplicates(&entries));
                        (
                            Node {
                                span: Span { end: at.end.max(start.end), ..start },
                                value: Value::Map(entries),
                                taint: Taint::default(),
                            },
                            anchor,
                        )
                    }
                };
                if anchor != 0 {
                    let size = size(&node);
                    self.remember(anchor, &node, size)?;
                }
                // Its parts are counted already.
                self.add(node, 1)?;
            }
            // Presentation only (stream and document ends, anchors, comments); the enum is open.
            _ => {}
        }
        Ok(())
    }

    /// Keeps an anchored node. Anchors within anchors are kept twice, so what is kept counts too.
    fn remember(&mut self, anchor: usize, node: &Node, size: usize) -> Result<(), Diagnostic> {
        if anchor != 0 {
            self.expanded += bytes(node) + size * std::mem::size_of::<Node>();
            if self.expanded > MAX_EXPANDED {
                return Err(too_much(node.span));
            }
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(())
    }

    fn push(&mut self, frame: Frame, at: Span) -> Result<(), Diagnostic> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(Diagnostic::error(Code::TooDeep, format!("nested deeper than {MAX_DEPTH} levels")).at(at));
        }
        self.stack.push(frame);
        Ok(())
    }

    fn add(&mut self, node: Node, size: usize) -> Result<(), Diagnostic> {
        self.nodes += size;
        if self.nodes > MAX_NODES {
            return Err(
                Diagnostic::error(Code::TooLarge, format!("more than {MAX_NODES} values in one file")).at(node.span)
            );
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map { entries, key, .. }) => match key.take() {
                Some(name) => entries.push((name, node)),
                None => match node.value {
                    Value::Scalar { text, .. } => *key = Some(Key { text, span: node.span }),
                    Value::Null => *key = Some(Key { text: "null".to_owned(), span: node.span }),
                    Value::List(_) | Value::Map(_) => {
                        return Err(Diagnostic::error(Code::UnsupportedSyntax, "a list or mapping as a key")
                            .at(node.span)
                            .help("keys are plain text"));
                    }
                },
            },
        }
        Ok(())
    }
}

fn too_much(at: Span) -> Diagnostic {
    Diagnostic::error(Code::TooLarge, format!("aliases expand this file to more than {MAX_EXPANDED} bytes"))
        .at(at)
        .help("write the values out; manifests are small")
}

/// Bytes of text below a node.
fn bytes(node: &Node) -> usize {
    match &node.value {
        Value::Null => 0,
        Value::Scalar { text, .. } => text.len(),
        Value::List(items) => items.iter().map(bytes).sum(),
        Value::Map(entries) => entries.iter().map(|(k, v)| k.text.len() + bytes(v)).sum(),
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Null | Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(_, v)| 1 + size(v)).sum(),
    }
}

fn check_tag(tag: Option<&Tag>, at: Span) -> Result<(), Diagnostic> {
    match tag {
        Some(tag)
            if !(tag.handle() == "tag:yaml.org,2002:"
                && ["str", "int", "bool", "float", "map", "seq", "null"].contains(&tag.suffix())) =>
        {
            Err(Diagnostic::error(Code::UnsupportedSyntax, format!("the tag `{}{}`", tag.handle(), tag.suffix()))
                .at(at)
                .help("remove the tag; manifests are data only"))
        }
        Some(_) | None => Ok(()),
    }
}
