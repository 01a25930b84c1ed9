//! Reads the service's many spellings of one value: null for empty, numbers as text or floats, ids as numbers or text,
//! `"TRUE"` or 1 for true. Strict about the rest: a list where a number should stand is an unreadable answer, for an
//! answer that is misread is worse than none.

use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

/// A value that can be read from any of the spellings the service uses for it.
pub(crate) trait Lenient: Sized {
    /// Reads one value; the error says what stood there instead, without quoting it.
    fn read(value: Value) -> Result<Self, String>;
}

/// For members that may be left out: absent and null give the default.
pub(crate) fn defaulted<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Lenient + Default,
{
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(T::default()),
        value => T::read(value).map_err(serde::de::Error::custom),
    }
}

/// For members without which an answer is no answer: absent is an error, and so is null, except for lists.
pub(crate) fn required<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Lenient,
{
    T::read(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn unexpected<T>(value: &Value, wanted: &str) -> Result<T, String> {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Err(format!("expected {wanted}, found {found}"))
}

impl Lenient for String {
    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(yes) => Ok(yes.to_string()),
            other => unexpected(&other, "text"),
        }
    }
}

impl Lenient for bool {
    fn read(value: Value) -> Result<Self, String> {
        match &value {
            Value::Bool(yes) => Ok(*yes),
            Value::Number(number) => Ok(number.as_f64() != Some(0.0)),
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "open" | "enable" | "on" | "1" => Ok(true),
                "false" | "close" | "disable" | "off" | "0" | "" => Ok(false),
                _ => unexpected(&value, "a boolean"),
            },
            _ => unexpected(&value, "a boolean"),
        }
    }
}

/// A whole number out of a JSON number or text, floats without a fraction included.
fn whole<T: TryFrom<i128>>(value: &Value) -> Option<T> {
    let from_float = |float: f64| (float.fract() == 0.0 && float.abs() < 9.0e15).then_some(float as i128);
    let from_number = |number: &Number| {
        (number.as_i64().map(i128::from))
            .or_else(|| number.as_u64().map(i128::from))
            .or_else(|| number.as_f64().and_then(from_float))
    };
    let wide = match value {
        Value::Number(number) => from_number(number)?,
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| text.parse().ok().and_then(from_float))?
        }
        _ => return None,
    };
    T::try_from(wide).ok()
}

impl Lenient for u64 {
    fn read(value: Value) -> Result<Self, String> {
        whole(&value).map_or_else(|| unexpected(&value, "a whole number, not negative"), Ok)
    }
}

impl Lenient for i64 {
    fn read(value: Value) -> Result<Self, String> {
        whole(&value).map_or_else(|| unexpected(&value, "a whole number"), Ok)
    }
}

impl Lenient for f64 {
    fn read(value: Value) -> Result<Self, String> {
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map_or_else(|| unexpected(&value, "a number"), Ok)
    }
}

impl<T: Lenient> Lenient for Option<T> {
    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::Null => Ok(None),
            value => T::read(value).map(Some),
        }
    }
}

impl<T: Lenient> Lenient for Vec<T> {
    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => items.into_iter().map(T::read).collect(),
            other => unexpected(&other, "a list"),
        }
    }
}
