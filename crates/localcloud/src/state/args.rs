//! Typed reading of a call's members. The definitions were checked before, so a member that is there has
//! its type; these readers never refuse.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Members of a call, or of an object within it.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Args<'a> {
    pub(crate) fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A required text, or one whose absence means the same as empty.
    pub(crate) fn text_or<'b>(self, name: &str, default: &'b str) -> &'b str
    where
        'a: 'b,
    {
        self.text(name).unwrap_or(default)
    }

    pub(crate) fn int(self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    pub(crate) fn flag(self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// `"TRUE"` as true; the services spell most booleans as text.
    pub(crate) fn spelled(self, name: &str) -> Option<bool> {
        self.text(name).map(|text| text == "TRUE")
    }

    pub(crate) fn object(self, name: &str) -> Option<Args<'a>> {
        self.0.get(name).and_then(Value::as_object).map(Args)
    }

    /// The texts of a list; empty when absent.
    pub(crate) fn texts(self, name: &str) -> Vec<&'a str> {
        self.list(name).unwrap_or_default().iter().filter_map(Value::as_str).collect()
    }

    pub(crate) fn list(self, name: &str) -> Option<&'a [Value]> {
        self.0.get(name).and_then(Value::as_array).map(Vec::as_slice)
    }

    /// A member as a type that mirrors its definition.
    pub(crate) fn typed<T: DeserializeOwned>(self, name: &str) -> Option<T> {
        let value = self.0.get(name)?;
        Some(serde_json::from_value(value.clone()).expect("a checked member fits the type that mirrors its definition"))
    }
}
