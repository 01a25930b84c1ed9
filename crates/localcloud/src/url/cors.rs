//! CorsConfig of a function URL applied to requests and answers. Pure.

use hyper::Method;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use serde_json::Value;

/// A configuration that is switched on.
pub(crate) struct Cors<'a>(&'a Value);

impl<'a> Cors<'a> {
    /// Reads `CorsConfig` of a TriggerDesc.
    pub(crate) fn of(desc: &'a Value) -> Option<Self> {
        let config = &desc["CorsConfig"];
        is_true(&config["Enable"]).then_some(Self(config))
    }

    /// Whether a request only asks what it would be allowed.
    pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Headers of the answer to a preflight; none for an origin that is not allowed.
    pub(crate) fn preflight(&self, request: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !self.mark(request, &mut headers) {
            return headers;
        }
        let asked = |name: HeaderName| request.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        put(&mut headers, ACCESS_CONTROL_ALLOW_METHODS, &self.list("Methods", asked(ACCESS_CONTROL_REQUEST_METHOD)));
        put(&mut headers, ACCESS_CONTROL_ALLOW_HEADERS, &self.list("Headers", asked(ACCESS_CONTROL_REQUEST_HEADERS)));
        let age = match &self.0["MaxAge"] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        put(&mut headers, ACCESS_CONTROL_MAX_AGE, &age);
        headers
    }

    /// Adds what a browser needs to an answer. The configuration's word counts, not the function's.
    pub(crate) fn answer(&self, request: &HeaderMap, headers: &mut HeaderMap) {
        for name in [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_EXPOSE_HEADERS] {
            headers.remove(name);
        }
        if self.mark(request, headers) {
            put(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &self.texts("ExposeHeaders").join(","));
        }
    }

    /// Names the origin as allowed, if it is.
    fn mark(&self, request: &HeaderMap, headers: &mut HeaderMap) -> bool {
        let Some(origin) = request.get(ORIGIN).and_then(|value| value.to_str().ok()) else { return false };
        let origins = self.texts("Origins");
        let (any, credentials) = (origins.contains(&"*"), is_true(&self.0["Credentials"]));
        if !any && !origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
            return false;
        }
        // Browsers take `*` only without credentials.
        put(headers, ACCESS_CONTROL_ALLOW_ORIGIN, if any && !credentials { "*" } else { origin });
        if !any || credentials {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        if credentials {
            put(headers, ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        true
    }

    fn texts(&self, name: &str) -> Vec<&str> {
        self.0[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// What is allowed; `*` means whatever is asked for.
    fn list(&self, name: &str, asked: &str) -> String {
        let allowed = self.texts(name);
        if allowed.contains(&"*") { asked.to_owned() } else { allowed.join(",") }
    }
}

fn is_true(value: &Value) -> bool {
    *value == true || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Sets a header unless its text is empty.
fn put(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Some(value) = Some(text).filter(|text| !text.is_empty()).and_then(|text| text.parse().ok()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(config: &Value, origin: &str, expected: &[(&str, &str)]) {
        let desc = json!({"CorsConfig": config});
        let mut request = HeaderMap::new();
        request.insert(ORIGIN, origin.parse().expect("a header value"));
        request.insert(ACCESS_CONTROL_REQUEST_METHOD, "PUT".parse().expect("a header value"));
        request.insert(ACCESS_CONTROL_REQUEST_HEADERS, "x-a".parse().expect("a header value"));
        let told = Cors::of(&desc).map(|cors| cors.preflight(&request)).unwrap_or_default();
        let told: Vec<(&str, &str)> =
            told.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for pair in expected {
            assert!(told.contains(pair), "{pair:?} in {told:?}");
        }
    }

    #[test]
    fn a_preflight_is_told_what_the_configuration_allows() {
        let some = json!({"Enable": true, "Origins": ["https://a.example"], "Methods": ["GET", "PUT"],
            "Headers": ["x-a"], "MaxAge": 60, "Credentials": true});
        check(
            &some,
            "https://a.example",
            &[
                ("access-control-allow-origin", "https://a.example"),
                ("access-control-allow-methods", "GET,PUT"),
                ("access-control-allow-headers", "x-a"),
                ("access-control-max-age", "60"),
                ("access-control-allow-credentials", "true"),
                ("vary", "Origin"),
            ],
        );
        check(&some, "https://b.example", &[]);
        check(
            &json!({"Enable": true, "Origins": ["*"], "Methods": ["*"]}),
            "https://b.example",
            &[("access-control-allow-origin", "*"), ("access-control-allow-methods", "PUT")],
        );
        check(&json!({"Enable": false, "Origins": ["*"]}), "https://b.example", &[]);
    }
}
