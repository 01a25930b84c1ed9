//! TOML documents to nodes.

use toml::de::{DeTable, DeValue};

use super::{Key, MAX_NODES, Node, Taint, Value};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{FileId, Span};

pub(super) fn parse(text: &str, file: FileId) -> Result<Node, Vec<Diagnostic>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().take(20).map(|e| finding(e, text, file)).collect());
    }
    let mut nodes = 0;
    let span = document.span();
    let node = Node {
        span: Span { file, start: span.start, end: span.end },
        value: table(document.into_inner(), file, &mut nodes),
        taint: Taint::default(),
    };
    if nodes > MAX_NODES {
        return Err(vec![
            Diagnostic::error(Code::TooLarge, format!("more than {MAX_NODES} values in one file")).at(node.span),
        ]);
    }
    Ok(node)
}

fn finding(error: &toml::de::Error, text: &str, file: FileId) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    let start = span.start.min(text.len());
    let code = if error.message().contains("duplicate key") { Code::DuplicateKey } else { Code::Syntax };
    Diagnostic::error(code, format!("TOML: {}", error.message())).at(Span {
        file,
        start,
        end: span.end.clamp(start, text.len()),
    })
}

fn table(table: DeTable<'_>, file: FileId, nodes: &mut usize) -> Value {
    let mut entries: Vec<(Key, Node)> = table
        .into_iter()
        .map(|(key, value)| {
            let at = key.span();
            let key = Key { text: key.into_inner().into_owned(), span: Span { file, start: at.start, end: at.end } };
            let at = value.span();
            (key, node(value.into_inner(), Span { file, start: at.start, end: at.end }, nodes))
        })
        .collect();
    // The parser sorts; people expect the order they wrote.
    entries.sort_by_key(|(key, _)| key.span.start);
    Value::Map(entries)
}

fn node(value: DeValue<'_>, span: Span, nodes: &mut usize) -> Node {
    *nodes += 1;
    let plain = |text: String| Value::Scalar { text, quoted: false };
    let value = match value {
        DeValue::String(text) => Value::Scalar { text: text.into_owned(), quoted: true },
        DeValue::Integer(number) => plain(
            i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| number.as_str().to_owned(), |n| n.to_string()),
        ),
        DeValue::Float(number) => plain(number.as_str().to_owned()),
        DeValue::Boolean(flag) => plain(flag.to_string()),
        DeValue::Datetime(time) => plain(time.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| {
                    let at = item.span();
                    node(item.into_inner(), Span { start: at.start, end: at.end, ..span }, nodes)
                })
                .collect(),
        ),
        DeValue::Table(inner) => table(inner, span.file, nodes),
    };
    Node { span, value, taint: Taint::default() }
}
