//! Takes secrets out of events and texts, before anything else looks at them.
//!
//! Secrets in events: key fields of S3 storage, the callback's signature, and whatever rides in the query or the user
//! part of a URL (tokens of sources, signatures of moderation pictures). What a field holds is also removed wherever
//! else it appears, for error messages quote their inputs.

use serde_json::Value;

use crate::json::normal;

const MASK: &str = "***";

/// Shortest value that is searched for elsewhere: anything shorter would mask ordinary text.
const SHORTEST: usize = 6;

/// Words that mark a member, or a `name=value` in a text, as secret.
const WORDS: [&str; 9] =
    ["secret", "token", "password", "passwd", "signature", "authorization", "apikey", "accesskey", "credential"];

/// Cleans an event in place: secret members are dropped, their values masked elsewhere, URLs cut at their query.
pub(crate) fn clean(event: &mut Value) {
    let mut secrets = Vec::new();
    collect(event, &mut secrets);
    secrets.sort_by_key(|secret: &String| std::cmp::Reverse(secret.len()));
    secrets.dedup();
    rewrite(event, &secrets);
}

/// Masks the given values, and whatever looks secret, in a text that others will read.
pub(crate) fn scrub<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        if secret.len() >= SHORTEST && text.contains(secret) {
            text = text.replace(secret, MASK);
        }
    }
    mask_assignments(&cut_urls(&text))
}

/// A URL without user part, query and fragment.
pub(crate) fn bare_url(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url = &url[..end];
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn is_secret_name(name: &str) -> bool {
    let name = normal(name);
    matches!(name.as_str(), "sign" | "sig" | "auth") || WORDS.iter().any(|word| name.contains(word))
}

fn collect(value: &Value, secrets: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if is_secret_name(name) && text.len() >= SHORTEST => secrets.push(text.clone()),
                    Value::String(text) => collect_url(text, secrets),
                    _ => collect(member, secrets),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, secrets)),
        Value::String(text) => collect_url(text, secrets),
        _ => {}
    }
}

/// The query values and the user part of a member that is one URL.
fn collect_url(text: &str, secrets: &mut Vec<String>) {
    let Some((_, rest)) = text.split_once("://") else { return };
    if text.contains(char::is_whitespace) {
        return;
    }
    if let Some((user, _)) = rest.split('/').next().and_then(|authority| authority.rsplit_once('@')) {
        secrets.extend(user.split(':').filter(|part| part.len() >= SHORTEST).map(str::to_owned));
    }
    if let Some((_, query)) = rest.split_once('?') {
        for pair in query.split(['&', '#']) {
            let value = pair.split_once('=').map_or(pair, |(_, value)| value);
            // Plain numbers (expiry times, sizes) are no secrets and would mask harmless text.
            if value.len() >= SHORTEST && !value.bytes().all(|it| it.is_ascii_digit()) {
                secrets.push(value.to_owned());
            }
        }
    }
}

fn rewrite(value: &mut Value, secrets: &[String]) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !is_secret_name(name));
            members.values_mut().for_each(|member| rewrite(member, secrets));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, secrets)),
        Value::String(text) => {
            let clean = scrub(text, secrets.iter().map(String::as_str));
            if clean != *text {
                *text = clean;
            }
        }
        _ => {}
    }
}

/// Cuts every URL inside a text at its query and drops its user part.
fn cut_urls(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let begin = rest[..at]
            .rfind(|it: char| !it.is_ascii_alphanumeric())
            .map_or(0, |before| before + rest[before..].chars().next().map_or(1, char::len_utf8));
        let after = at + 3;
        let ends = |it: char| it.is_whitespace() || matches!(it, '"' | '\'' | '<' | '>' | '，' | '。' | '）');
        let end = rest[after..].find(ends).map_or(rest.len(), |length| after + length);
        clean.push_str(&rest[..begin]);
        clean.push_str(&bare_url(&rest[begin..end]));
        rest = &rest[end..];
    }
    clean.push_str(rest);
    clean
}

/// Masks the value of `name=value` and `name: value` where the name says secret.
fn mask_assignments(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['=', ':']) {
        let (before, after) = rest.split_at(at + 1);
        clean.push_str(before);
        let named = before[..at].trim_end_matches(['"', '\'', ' ']);
        let name = named.rsplit(|it: char| !(it.is_ascii_alphanumeric() || matches!(it, '_' | '-'))).next();
        rest = after;
        if !name.is_some_and(is_secret_name) {
            continue;
        }
        let value_at = after.find(|it: char| !matches!(it, ' ' | '"' | '\'')).unwrap_or(after.len());
        let value = &after[value_at..];
        let ends = |it: char| it.is_whitespace() || matches!(it, '&' | ',' | ';' | '"' | '\'' | ')' | '}');
        let length = value.find(ends).unwrap_or(value.len());
        if length > 0 {
            clean.push_str(&after[..value_at]);
            clean.push_str(MASK);
            rest = &value[length..];
        }
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secret_members_go_and_their_values_are_masked_elsewhere() {
        let mut event = json!({
            "S3SecretId": "AKIDcanary", "S3SecretKey": "key-canary", "Sign": "sign-canary",
            "Message": "denied for AKIDcanary with key-canary", "Bucket": "b",
        });
        clean(&mut event);
        assert_eq!(event, json!({"Message": "denied for *** with ***", "Bucket": "b"}));
    }

    #[test]
    fn urls_lose_user_query_and_fragment_also_inside_texts() {
        let mut event = json!({
            "Url": "https://joe:passcanary@media.example.com/in/a.mp4?token=tokencanary#frag",
            "Message": "GET https://media.example.com/a?sign=x failed: tokencanary, passcanary",
        });
        clean(&mut event);
        assert_eq!(event["Url"], "https://media.example.com/in/a.mp4");
        assert_eq!(event["Message"], "GET https://media.example.com/a failed: ***, ***");
    }

    #[test]
    fn assignments_that_say_secret_are_masked() {
        let check = |text: &str, expected: &str| assert_eq!(scrub(text, []), expected);
        check("secret_key=abc&x=1", "secret_key=***&x=1");
        check(r#"{"token": "abc"}"#, r#"{"token": "***"}"#);
        check("code: 5, path=/a=b", "code: 5, path=/a=b");
        check("时间：12:30", "时间：12:30");
        check("token=", "token=");
    }

    #[test]
    fn object_paths_are_left_alone() {
        let mut event = json!({"Path": "/a?b=c#d.mp4", "Definition": 10});
        let before = event.clone();
        clean(&mut event);
        assert_eq!(event, before);
    }
}
