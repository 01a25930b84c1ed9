//! Mutations of texts and of JSON: blind to coverage, but knowing what breaks readers.

use fastrand::Rng;
use serde_json::{Value as Json, json};

/// Pieces that readers trip over.
const PIECES: [&str; 30] = [
    "\u{0}",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{202e}",
    "💥",
    "é",
    "\\u0000",
    "\\",
    "\"",
    "'",
    "${",
    "${var.",
    "$${",
    "}}",
    "[[[[[[[[",
    "{{{{{{{{",
    "- - - -",
    "&a ",
    "*a",
    "<<: *a\n",
    "!!binary ",
    "---\n",
    "...\n",
    "# ",
    "|+\n",
    ": ",
    "99999999999999999999999",
    "-0.0e-999",
    "= ",
];

/// One to four mutations of a text.
pub(crate) fn text(rng: &mut Rng, corpus: &[String]) -> String {
    let mut bytes = pick(rng, corpus).as_bytes().to_vec();
    for _ in 0..rng.usize(1..5) {
        let at = rng.usize(..=bytes.len());
        let end = (at + rng.usize(..40)).min(bytes.len());
        match rng.u8(..9) {
            0 => drop(bytes.splice(at..end, [])),
            1 => drop(bytes.splice(at..at, pick(rng, &PIECES).bytes())),
            2 => drop(bytes.splice(at..end, pick(rng, &PIECES).bytes())),
            3 => bytes.truncate(at),
            4 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            5 => {
                let piece = bytes[at..end].repeat(rng.usize(1..200));
                bytes.splice(at..at, piece);
            }
            6 => {
                let other = pick(rng, corpus).as_bytes();
                let from = rng.usize(..=other.len());
                bytes.splice(at..end, other[from..].iter().copied());
            }
            7 => {
                let deep = pick(rng, &["[", "{a: ", "- ", "a:\n "]).repeat(rng.usize(1..3000));
                bytes.splice(at..at, deep.bytes());
            }
            _ => {
                let mut lines: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
                let (one, other) = (rng.usize(..lines.len()), rng.usize(..lines.len()));
                lines.swap(one, other);
                bytes = lines.join(&b'\n');
            }
        }
        bytes.truncate(200_000);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One to three mutations of a JSON value: another type, another size, missing, doubled.
pub(crate) fn value(rng: &mut Rng, original: &Json) -> Json {
    let mut mutated = original.clone();
    for _ in 0..rng.usize(1..4) {
        let count = nodes(&mutated);
        let mut at = rng.usize(..count);
        visit(&mut mutated, &mut at, &mut |node| change(rng, node));
    }
    mutated
}

fn change(rng: &mut Rng, node: &mut Json) {
    match node {
        Json::Object(members) if rng.u8(..3) == 0 && !members.is_empty() => {
            let name = members.keys().nth(rng.usize(..members.len())).cloned().unwrap_or_default();
            members.remove(&name);
            return;
        }
        Json::Array(items) if rng.u8(..3) == 0 && !items.is_empty() => {
            let item = items[rng.usize(..items.len())].clone();
            items.extend(std::iter::repeat_n(item, rng.usize(1..300)));
            return;
        }
        Json::String(text) if rng.bool() => {
            let piece = pick(rng, &PIECES);
            let at = (0..=text.len()).rev().find(|at| text.is_char_boundary(*at) && *at <= rng.usize(..=text.len()));
            text.insert_str(at.unwrap_or(0), piece);
            return;
        }
        _ => {}
    }
    let mut deep = json!([]);
    for _ in 0..rng.usize(..100) {
        deep = json!([deep]);
    }
    let others = [
        Json::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(""),
        json!("x".repeat(rng.usize(..20_000))),
        json!([]),
        json!({}),
        json!([null, 1, "a", {}]),
        deep,
    ];
    *node = others[rng.usize(..others.len())].clone();
}

fn nodes(value: &Json) -> usize {
    1 + match value {
        Json::Object(members) => members.values().map(nodes).sum(),
        Json::Array(items) => items.iter().map(nodes).sum(),
        _ => 0,
    }
}

/// Changes the node with this number, counted from the top.
fn visit(value: &mut Json, at: &mut usize, change: &mut impl FnMut(&mut Json)) -> bool {
    if *at == 0 {
        change(value);
        return true;
    }
    *at -= 1;
    match value {
        Json::Object(members) => members.values_mut().any(|member| visit(member, at, change)),
        Json::Array(items) => items.iter_mut().any(|item| visit(item, at, change)),
        _ => false,
    }
}

fn pick<'a, T>(rng: &mut Rng, of: &'a [T]) -> &'a T {
    &of[rng.usize(..of.len())]
}
