//! Building blocks: a value that may also be an interpolation, text with a form, numbers in a range. A key without a
//! value (`null`) counts as omitted, as the parser has it; a plain number or boolean can stand where text is wanted.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json, json};

/// An unescaped `${`: the text is read as the field's type once it is replaced.
const INTERPOLATED: &str = r"(^|[^$])\$\{\s*(var\.|env\.|stack\s*\}|region\s*\})";
/// The same in names, which cannot depend on the stack or its region.
const INTERPOLATED_NAME: &str = r"(^|[^$])\$\{\s*(var\.|env\.)";

pub(super) fn definitions() -> Map<String, Json> {
    let mut all = Map::new();
    let mut add = |name: &str, value: Json| all.insert(name.to_owned(), value);
    add(
        "interpolated",
        json!({ "type": "string", "pattern": INTERPOLATED, "description": "text with ${var.NAME}, ${env.NAME}, ${stack} or ${region}" }),
    );
    add(
        "interpolatedName",
        json!({ "type": "string", "pattern": INTERPOLATED_NAME, "description": "text with ${var.NAME} or ${env.NAME}" }),
    );
    add("text", json!({ "type": ["string", "number", "boolean"] }));
    add("filledText", json!({ "type": ["string", "number", "boolean"], "minLength": 1 }));
    add(
        "texts",
        json!({ "anyOf": [
            { "type": "array", "items": { "$ref": "#/definitions/text" } },
            { "$ref": "#/definitions/text" },
            { "type": "null" },
        ] }),
    );
    all
}

/// A value of another definition.
pub(super) fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// Adds what an editor shows.
pub(super) fn told(mut schema: Json, description: &str) -> Json {
    // Beside a `$ref`, draft 7 ignores everything.
    if schema.get("$ref").is_some() {
        schema = json!({ "allOf": [schema] });
    }
    schema["description"] = json!(description);
    schema
}

/// Adds what an omitted key means.
pub(super) fn default(mut schema: Json, value: impl Into<Json>) -> Json {
    schema["default"] = value.into();
    schema
}

/// Any of these, an interpolation, or nothing.
pub(super) fn optional(accepted: impl IntoIterator<Item = Json>) -> Json {
    let mut any: Vec<Json> = accepted.into_iter().collect();
    any.push(reference("interpolated"));
    any.push(json!({ "type": "null" }));
    json!({ "anyOf": any })
}

/// Any of these, or an interpolation.
pub(super) fn required(accepted: impl IntoIterator<Item = Json>) -> Json {
    let mut any: Vec<Json> = accepted.into_iter().collect();
    any.push(reference("interpolated"));
    json!({ "anyOf": any })
}

/// The same for names and regions, which take variables only.
pub(super) fn named(accepted: impl IntoIterator<Item = Json>, or_nothing: bool) -> Json {
    let mut any: Vec<Json> = accepted.into_iter().collect();
    any.push(reference("interpolatedName"));
    if or_nothing {
        any.push(json!({ "type": "null" }));
    }
    json!({ "anyOf": any })
}

pub(super) fn boolean(description: &str) -> Json {
    told(optional([json!({ "type": "boolean" })]), description)
}

/// A boolean with the platform's default.
pub(super) fn flag(value: bool, description: &str) -> Json {
    default(boolean(description), value)
}

pub(super) fn whole<T: Copy + Into<u64>>(limits: &RangeInclusive<T>) -> Json {
    let (least, most): (u64, u64) = ((*limits.start()).into(), (*limits.end()).into());
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// A whole number within limits; `unit` is said.
pub(super) fn number(limits: &RangeInclusive<u64>, unit: &str, description: &str) -> Json {
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    told(optional([whole(limits)]), &format!("{description}: {} to {}{unit}", limits.start(), limits.end()))
}

/// Text of any form, or nothing.
pub(super) fn text(description: &str) -> Json {
    told(json!({ "type": ["string", "number", "boolean", "null"] }), description)
}

/// Text that must be there.
pub(super) fn filled(description: &str) -> Json {
    told(reference("filledText"), description)
}

/// Text of a form, or nothing.
pub(super) fn form(pattern: &str, description: &str) -> Json {
    told(optional([json!({ "type": "string", "pattern": pattern })]), description)
}

/// Text of at most so many characters, or nothing.
pub(super) fn short(limit: usize, description: &str) -> Json {
    told(
        optional([json!({ "type": ["string", "number", "boolean"], "maxLength": limit })]),
        &format!("{description}; up to {limit} characters"),
    )
}

/// One of the words, or nothing.
pub(super) fn choice(words: &[&str], description: &str) -> Json {
    told(optional([json!({ "enum": words })]), description)
}

/// Known words that an editor offers, and anything of the form besides: lists of the platform are open.
pub(super) fn open_choice(words: &[&str], otherwise: Json) -> [Json; 2] {
    [json!({ "enum": words }), otherwise]
}

/// A list of texts, or one text.
pub(super) fn texts(description: &str) -> Json {
    told(reference("texts"), description)
}

/// A mapping with these keys and no others.
pub(super) fn mapping<const N: usize>(keys: [(&str, Json); N], required: &[&str]) -> Json {
    let properties: Map<String, Json> = keys.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The same, or nothing: an omitted section.
pub(super) fn or_nothing(mut schema: Json) -> Json {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

/// A pattern of `limits` characters: first, middle and last of these classes.
pub(super) fn label<T: Display + Copy + Into<usize>>(limits: &RangeInclusive<T>) -> String {
    // The first and the last character are not counted by the repetition.
    let (least, most): (usize, usize) = ((*limits.start()).into(), (*limits.end()).into());
    format!("^[A-Za-z][A-Za-z0-9_-]{{{},{}}}[A-Za-z0-9]$", least.saturating_sub(2), most - 2)
}

/// When `key` is there and fits `test`, `then` holds.
pub(super) fn when(key: &str, test: &Json, then: &Json) -> Json {
    json!({ "if": { "properties": { key: test }, "required": [key] }, "then": then })
}

/// `key` is there and has a value.
pub(super) fn with(key: &str) -> Json {
    json!({ "properties": { key: { "not": { "type": "null" } } }, "required": [key] })
}
