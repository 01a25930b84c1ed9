//! Tolerant reading of JSON: members by name without regard to case, `_` and `-`; `null` counts as absent; numbers
//! may come as text. The platform's pages disagree on spelling more than once, and a notification must not fail on it.

use serde_json::Value;

/// The first of these members that is there and not null.
pub(crate) fn get<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let members = value.as_object()?;
    names.iter().find_map(|name| {
        let exact = members.get(*name).filter(|it| !it.is_null());
        exact.or_else(|| members.iter().find(|(key, it)| !it.is_null() && same(key, name)).map(|(_, it)| it))
    })
}

/// A member's text: not empty, numbers as they are written.
pub(crate) fn text(value: &Value, names: &[&str]) -> Option<String> {
    match get(value, names)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|it| !it.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A member's number.
pub(crate) fn number(value: &Value, names: &[&str]) -> Option<f64> {
    match get(value, names)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|it: &f64| it.is_finite()),
        _ => None,
    }
}

/// A member's whole number.
pub(crate) fn integer(value: &Value, names: &[&str]) -> Option<i64> {
    match get(value, names)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A member as a list: the list itself, or one object standing for a list of one. Nulls are left out.
pub(crate) fn list<'a>(value: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    match get(value, names) {
        Some(Value::Array(items)) => items.iter().filter(|it| !it.is_null()).collect(),
        Some(object @ Value::Object(_)) => vec![object],
        _ => Vec::new(),
    }
}

/// A name without what spellings differ in.
pub(crate) fn normal(name: &str) -> String {
    name.chars().filter(|it| !matches!(it, '_' | '-' | '.')).map(|it| it.to_ascii_lowercase()).collect()
}

fn same(a: &str, b: &str) -> bool {
    let strip = |it: &u8| !matches!(it, b'_' | b'-' | b'.');
    a.bytes()
        .filter(strip)
        .map(|it| it.to_ascii_lowercase())
        .eq(b.bytes().filter(strip).map(|it| it.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_found_in_any_spelling_and_null_is_absent() {
        for value in [json!({"TaskId": "a"}), json!({"task_id": "a"}), json!({"taskId": "a", "TaskId": null})] {
            assert_eq!(text(&value, &["TaskId"]).as_deref(), Some("a"));
        }
        assert_eq!(text(&json!({"TaskId": null}), &["TaskId"]), None);
        assert_eq!(text(&json!([1]), &["TaskId"]), None);
    }

    #[test]
    fn numbers_may_be_text() {
        assert_eq!(number(&json!({"n": "1.5"}), &["n"]), Some(1.5));
        assert_eq!(integer(&json!({"n": "70000"}), &["n"]), Some(70000));
        assert_eq!(number(&json!({"n": "inf"}), &["n"]), None);
    }
}
