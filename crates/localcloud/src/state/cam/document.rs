//! Policy documents: the grammar checks that refuse one, and the other shape in which it comes back.

use serde_json::{Map, Value, json};

use crate::refusal::{Refusal, refuse};

/// Characters of one document, white space not counted (limits page).
const MAX_LENGTH: usize = 6144;

/// Service principals that exist, from the console's list and the roles that official pages name.
const SERVICES: [&str; 26] = [
    "scf.qcloud.com",
    "mps.cloud.tencent.com",
    "apigateway.qcloud.com",
    "cls.cloud.tencent.com",
    "cos.qcloud.com",
    "ckafka.qcloud.com",
    "ci.qcloud.com",
    "clb.qcloud.com",
    "tcb.cloud.tencent.com",
    "ccs.qcloud.com",
    "lvb.qcloud.com",
    "cvm.qcloud.com",
    "sls.cloud.tencent.com",
    "cts.qcloud.com",
    "getvod.mps.cloud.tencent.com",
    "cdn.qcloud.com",
    "vod.qcloud.com",
    "vpc.qcloud.com",
    "tke.cloud.tencent.com",
    "cdb.qcloud.com",
    "monitor.qcloud.com",
    "cam.qcloud.com",
    "tdmq.qcloud.com",
    "eb.cloud.tencent.com",
    "tcr.cloud.tencent.com",
    "live.qcloud.com",
];

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Who may assume a role: has principals, no resources.
    Trust,
    /// What is allowed: has resources, no principals.
    Permission,
}

/// Parses and checks a document.
pub(super) fn parse(text: &str, purpose: Purpose) -> Result<Value, Refusal> {
    if text.chars().filter(|c| !c.is_whitespace()).count() > MAX_LENGTH {
        return refuse(
            "InvalidParameter.PolicyDocumentLengthOverLimit",
            format!("a policy document holds {MAX_LENGTH} characters"),
        );
    }
    let Ok(Value::Object(document)) = serde_json::from_str::<Value>(text) else {
        return refuse("InvalidParameter.PolicyDocumentError", "the policy document is not a JSON object");
    };
    if let Some(key) = document.keys().find(|key| !["version", "statement"].contains(&key.as_str())) {
        return refuse(
            "InvalidParameter.PolicyDocumentError",
            format!("the policy document has an unknown key `{key}`"),
        );
    }
    if document.get("version") != Some(&json!("2.0")) {
        return refuse("InvalidParameter.VersionError", "the policy document's version is not \"2.0\"");
    }
    let Some(statements) = document.get("statement").and_then(Value::as_array).filter(|list| !list.is_empty()) else {
        return refuse("InvalidParameter.StatementError", "the policy document's statement is not a list with content");
    };
    for statement in statements {
        let Value::Object(statement) = statement else {
            return refuse("InvalidParameter.StatementError", "a statement is not an object");
        };
        check_statement(statement, purpose)?;
    }
    Ok(Value::Object(document))
}

fn check_statement(statement: &Map<String, Value>, purpose: Purpose) -> Result<(), Refusal> {
    if let Some(key) = statement
        .keys()
        .find(|key| !["effect", "principal", "action", "resource", "condition", "sid"].contains(&key.as_str()))
    {
        return refuse("InvalidParameter.StatementError", format!("a statement has an unknown key `{key}`"));
    }
    if !["allow", "deny"].iter().any(|effect| statement.get("effect") == Some(&json!(effect))) {
        return refuse("InvalidParameter.EffectError", "effect is neither allow nor deny");
    }
    let Some(actions) = statement.get("action") else {
        return refuse("InvalidParameter.ActionMiss", "a statement lacks action");
    };
    let actions = listed(actions);
    let action_fits = |action: &Value| {
        action.as_str().is_some_and(|text| text == "*" || text.strip_prefix("name/").unwrap_or(text).contains(':'))
    };
    if actions.is_empty() || !actions.iter().all(action_fits) {
        return refuse("InvalidParameter.ActionError", "an action is neither * nor SERVICE:ACTION");
    }
    match purpose {
        Purpose::Trust => check_principal(statement.get("principal")),
        Purpose::Permission if statement.contains_key("principal") => {
            refuse("InvalidParameter.PrincipalError", "a permission policy has no principal")
        }
        Purpose::Permission => {
            let resources = listed(statement.get("resource").unwrap_or(&Value::Null));
            let resource_fits = |resource: &Value| {
                resource
                    .as_str()
                    .is_some_and(|text| text == "*" || (text.starts_with("qcs:") && text.matches(':').count() >= 5))
            };
            if resources.is_empty() || !resources.iter().all(resource_fits) {
                return refuse("InvalidParameter.ResourceError", "a resource is neither * nor a six-segment name");
            }
            Ok(())
        }
    }
}

fn check_principal(principal: Option<&Value>) -> Result<(), Refusal> {
    let Some(Value::Object(principal)) = principal else {
        return refuse("InvalidParameter.PrincipalError", "a trust statement lacks principal");
    };
    let known = ["service", "qcs", "federated"];
    if principal.is_empty() || principal.keys().any(|key| !known.contains(&key.as_str())) {
        return refuse("InvalidParameter.PrincipalError", "a principal is one of service, qcs, federated");
    }
    for service in principal.get("service").map(listed).unwrap_or_default() {
        if !service.as_str().is_some_and(|name| SERVICES.contains(&name)) {
            return refuse(
                "InvalidParameter.PrincipalServiceNotExist",
                format!("the service {service} does not exist"),
            );
        }
    }
    for account in principal.get("qcs").map(listed).unwrap_or_default() {
        if !account.as_str().is_some_and(|name| name.starts_with("qcs::cam::uin/")) {
            return refuse("InvalidParameter.PrincipalQcsError", format!("the principal {account} is not an account"));
        }
    }
    Ok(())
}

/// A scalar as a list of one.
pub(super) fn listed(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        other => vec![other.clone()],
    }
}

/// Principals of one kind over all statements that allow something.
pub(super) fn principals(document: &Value, kind: &str) -> Vec<String> {
    let statements = listed(&document["statement"]);
    let allowed = statements.iter().filter(|statement| statement["effect"] == "allow");
    allowed
        .flat_map(|statement| listed(&statement["principal"][kind]))
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

/// The document as it comes back: other key order, lists for scalars, a scalar for a single service,
/// escaped slashes.
pub(super) fn reshaped(document: &Value) -> String {
    let mut statements = Vec::new();
    for statement in listed(&document["statement"]) {
        let mut other = Map::new();
        for key in ["resource", "effect", "condition", "action", "principal", "sid"] {
            let Some(value) = statement.get(key) else { continue };
            let value = match key {
                "action" | "resource" => Value::Array(listed(value)),
                "principal" => principal_reshaped(value),
                _ => value.clone(),
            };
            other.insert(key.to_owned(), value);
        }
        statements.push(Value::Object(other));
    }
    let mut whole = Map::new();
    whole.insert("statement".to_owned(), statements.into());
    whole.insert("version".to_owned(), document["version"].clone());
    Value::Object(whole).to_string().replace('/', "\\/")
}

fn principal_reshaped(principal: &Value) -> Value {
    let Value::Object(kinds) = principal else { return principal.clone() };
    let other = kinds.iter().map(|(kind, value)| {
        let items = listed(value);
        let value = match items.as_slice() {
            [one] if kind == "service" => one.clone(),
            _ => Value::Array(items),
        };
        (kind.clone(), value)
    });
    Value::Object(other.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_departure_from_the_grammar_has_its_code() {
        let trust =
            |text: &str| parse(text, Purpose::Trust).map_or_else(|refusal| refusal.code.into_owned(), |_| "ok".into());
        let cases = [
            ("[]", "InvalidParameter.PolicyDocumentError"),
            (r#"{"version":"1.0","statement":[]}"#, "InvalidParameter.VersionError"),
            (r#"{"version":"2.0","statement":[]}"#, "InvalidParameter.StatementError"),
            (r#"{"version":"2.0","statement":[{"effect":"Allow","action":"*"}]}"#, "InvalidParameter.EffectError"),
            (r#"{"version":"2.0","statement":[{"effect":"allow"}]}"#, "InvalidParameter.ActionMiss"),
            (r#"{"version":"2.0","statement":[{"effect":"allow","action":"sts"}]}"#, "InvalidParameter.ActionError"),
            (r#"{"version":"2.0","statement":[{"effect":"allow","action":"*"}]}"#, "InvalidParameter.PrincipalError"),
            (
                r#"{"version":"2.0","statement":[{"effect":"allow","action":"name/sts:AssumeRole","principal":{"service":"mps.qcloud.com"}}]}"#,
                "InvalidParameter.PrincipalServiceNotExist",
            ),
            (
                r#"{"version":"2.0","statement":[{"effect":"allow","action":"name/sts:AssumeRole","principal":{"service":"scf.qcloud.com"}}]}"#,
                "ok",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(trust(text), expected, "{text}");
        }
    }

    #[test]
    fn a_document_comes_back_in_another_shape_with_the_same_meaning() {
        let sent = r#"{"version":"2.0","statement":[{"principal":{"service":["scf.qcloud.com"]},"action":"name/sts:AssumeRole","effect":"allow"}]}"#;
        let back = reshaped(&parse(sent, Purpose::Trust).expect("a valid document"));
        assert!(back.contains(r#""name\/sts:AssumeRole""#), "{back}");
        let back: Value = serde_json::from_str(&back).expect("still JSON");
        assert_eq!(back["statement"][0]["action"], json!(["name/sts:AssumeRole"]));
        assert_eq!(back["statement"][0]["principal"]["service"], json!("scf.qcloud.com"));
    }
}
