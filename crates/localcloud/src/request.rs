//! One HTTP request as a call: action, version, region and members, from a JSON body or a query string.
//! Checks nothing about the members; that is `definition`'s job.

use hyper::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::definition::Source;
use crate::refusal::{Refusal, refuse};

/// Largest body of a TC3-signed POST, in bytes (API 3.0 request structure page).
pub(crate) const MAX_BODY: usize = 10 * 1024 * 1024;
/// Largest query of a GET, in bytes (same page).
const MAX_QUERY: usize = 32 * 1024;
/// Common parameters that may stand in a query string beside the action's own members.
const COMMON: [&str; 9] =
    ["Action", "Version", "Region", "Timestamp", "Nonce", "SecretId", "Signature", "Token", "Language"];

/// A call before its members are checked.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) action: String,
    pub(crate) version: String,
    pub(crate) region: String,
    pub(crate) source: Source,
}

/// Reads the common parameters: headers first, the query string's for a GET without them.
pub(crate) fn common(method: &str, query: &str, headers: &HeaderMap) -> Incoming {
    let source = if method == "GET" { Source::Query } else { Source::Json };
    let read = |header: &str, parameter: &str| {
        let sent = headers.get(header).and_then(|value| value.to_str().ok()).map(str::to_owned);
        match source {
            Source::Query => sent.or_else(|| pairs(query).find(|(name, _)| name == parameter).map(|(_, value)| value)),
            Source::Json => sent,
        }
        .unwrap_or_default()
    };
    Incoming {
        action: read("x-tc-action", "Action"),
        version: read("x-tc-version", "Version"),
        region: read("x-tc-region", "Region"),
        source,
    }
}

/// The action's members as they were sent.
pub(crate) fn members(source: Source, query: &str, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match source {
        Source::Query if query.len() > MAX_QUERY => {
            refuse("RequestSizeLimitExceeded", format!("a GET request is limited to {MAX_QUERY} bytes"))
        }
        Source::Query => unflatten(pairs(query).filter(|(name, _)| !COMMON.contains(&name.as_str()))),
        Source::Json if body.is_empty() => Ok(Map::new()),
        Source::Json => match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(members),
            Ok(_) => refuse("InvalidParameter", "the request body must be a JSON object"),
            Err(error) => refuse("InvalidParameter", format!("the request body is not valid JSON: {error}")),
        },
    }
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        (decode(name), decode(value))
    })
}

/// `Filters.0.Name=a` to `{"Filters": [{"Name": "a"}]}`. A level whose names are 0, 1, 2... is a list.
fn unflatten(pairs: impl Iterator<Item = (String, String)>) -> Result<Map<String, Value>, Refusal> {
    let mut root = Value::Object(Map::new());
    for (name, value) in pairs {
        let mut place = &mut root;
        for segment in name.split('.') {
            place = match place {
                Value::Object(members) => members.entry(segment.to_owned()).or_insert(Value::Null),
                Value::Null => {
                    *place = Value::Object(Map::new());
                    place.as_object_mut().expect("just made an object").entry(segment.to_owned()).or_insert(Value::Null)
                }
                _ => return refuse("InvalidParameter", format!("the parameter `{name}` is given twice")),
            };
        }
        if !place.is_null() {
            return refuse("InvalidParameter", format!("the parameter `{name}` is given twice"));
        }
        *place = Value::String(value);
    }
    let Value::Object(members) = root else { unreachable!("the root stays an object") };
    Ok(members.into_iter().map(|(name, value)| (name, listed(value))).collect())
}

fn listed(value: Value) -> Value {
    let Value::Object(mut members) = value else { return value };
    let count = members.len();
    let is_list = count > 0 && (0..count).all(|index| members.contains_key(&index.to_string()));
    if is_list {
        return (0..count).filter_map(|index| members.remove(&index.to_string())).map(listed).collect();
    }
    Value::Object(members.into_iter().map(|(name, value)| (name, listed(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_flattened_query_becomes_nested_members() {
        let query = "Action=ListFunctions&Limit=2&Filters.0.Name=tag-status&Filters.0.Values.0=dev%20x&Filters.1.Name=Role&Filters.1.Values.0=r";
        let read = members(Source::Query, query, b"").expect("a valid query");
        assert_eq!(
            Value::Object(read),
            json!({"Limit": "2", "Filters": [
                {"Name": "tag-status", "Values": ["dev x"]}, {"Name": "Role", "Values": ["r"]}]})
        );
        let incoming = common("GET", query, &HeaderMap::new());
        assert_eq!((incoming.action.as_str(), incoming.source), ("ListFunctions", Source::Query));
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        for query in ["a=1&a=2", "a=1&a.b=2", "a.b=1&a=2"] {
            assert!(members(Source::Query, query, b"").is_err(), "{query}");
        }
    }
}
