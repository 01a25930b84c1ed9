//! STS: who calls, and temporary credentials for roles.

use base64::Engine;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::args::Args;
use super::{Context, State};
use crate::auth::{Caller, Key};
use crate::encoding::{hex, iso_time};
use crate::refusal::{Answer, Refusal, members, refuse};

/// Longest life of temporary credentials, in seconds (members' definition).
const MAX_DURATION_S: i64 = 43_200;

/// Temporary credentials that were handed out.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    secret: String,
    token: String,
    expires_s: i64,
    role_id: String,
    name: String,
}

impl Session {
    pub(crate) fn as_key(&self) -> Key {
        Key {
            secret: self.secret.clone(),
            token: Some((self.token.clone(), self.expires_s)),
            caller: Caller::Role { role_id: self.role_id.clone(), session: self.name.clone() },
        }
    }
}

impl State {
    pub(super) fn sts(&mut self, action: &str, args: Args<'_>, cx: &Context) -> Answer {
        match action {
            "GetCallerIdentity" => Ok(members(self.caller_identity(&cx.caller))),
            "AssumeRole" => {
                let role = self.assumable(args, |role, uin| {
                    role.trusted("qcs").iter().any(|principal| principal.starts_with(&format!("qcs::cam::uin/{uin}:")))
                })?;
                self.hand_out(&role, args, cx)
            }
            "AssumeRoleWithWebIdentity" => {
                let provider = args.text_or("ProviderId", "").to_owned();
                let role = self.assumable(args, |role, uin| {
                    let principal = format!("qcs::cam::uin/{uin}:oidc-provider/{provider}");
                    role.trusted("federated").contains(&principal)
                })?;
                self.check_identity_token(&role, args.text_or("WebIdentityToken", ""), cx)?;
                self.hand_out(&role, args, cx)
            }
            other => unreachable!("the definition lists {other}, which sts does not carry out"),
        }
    }

    fn caller_identity(&self, caller: &Caller) -> Value {
        let uin = self.uin();
        match caller {
            Caller::Role { role_id, session } => json!({
                "Arn": format!("qcs::sts::uin/{uin}:assumed-role/{role_id}/{session}"),
                "AccountId": uin,
                "UserId": format!("{role_id}:{session}"),
                "PrincipalId": role_id,
                "Type": "CAMRole",
            }),
            Caller::Owner | Caller::Unsigned => json!({
                "Arn": format!("qcs::cam::uin/{uin}:uin/{uin}"),
                "AccountId": uin,
                "UserId": uin,
                "PrincipalId": uin,
                "Type": "Account",
            }),
        }
    }

    /// Name of the role that `RoleArn` names, if the caller may take it.
    fn assumable(&self, args: Args<'_>, trusts: impl Fn(&super::cam::Role, &str) -> bool) -> Result<String, Refusal> {
        let arn = args.text_or("RoleArn", "");
        let path = arn.strip_prefix(&format!("qcs::cam::uin/{}:", self.uin())).unwrap_or_default();
        let role = match path.split_once('/') {
            Some(("roleName", name)) => self.role(name),
            Some(("role", id)) => self.role_by_id(id.rsplit('/').next().unwrap_or_default()),
            _ => None,
        };
        let Some(role) = role else {
            return refuse("ResourceNotFound.RoleNotFound", format!("role {arn} does not exist"));
        };
        if !trusts(role, self.uin()) {
            return refuse("UnauthorizedOperation", format!("role {arn} does not trust the caller"));
        }
        let session = args.text_or("RoleSessionName", "");
        let session_fits = (2..=128).contains(&session.len())
            && session.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
        if !session_fits {
            return refuse("InvalidParameter", format!("RoleSessionName `{session}` is invalid"));
        }
        Ok(role.name.clone())
    }

    fn hand_out(&mut self, role: &str, args: Args<'_>, cx: &Context) -> Answer {
        let seconds = args.int("DurationSeconds").unwrap_or(7200);
        let role = self.role(role).expect("it was found a line ago");
        let most = role.session_s.filter(|seconds| *seconds > 0).unwrap_or(MAX_DURATION_S);
        if seconds < 1 || seconds > most {
            return refuse(
                "InvalidParameter.OverTimeError",
                format!("DurationSeconds {seconds} is not within 1 and {most}"),
            );
        }
        let role_id = role.id.clone();
        let answer = self.new_session(&role_id, args.text_or("RoleSessionName", ""), seconds, cx);
        Ok(members(answer))
    }

    /// Makes credentials for a role. Also what running functions get.
    pub(crate) fn new_session(&mut self, role_id: &str, name: &str, seconds: i64, cx: &Context) -> Value {
        let now_s = cx.now_ms / 1000;
        let expired: Vec<String> =
            self.sessions.iter().filter(|(_, session)| session.expires_s < now_s).map(|(id, _)| id.clone()).collect();
        for id in expired {
            self.sessions.remove(&id);
        }
        let random = |bytes: usize| hex(&std::iter::repeat_with(|| fastrand::u8(..)).take(bytes).collect::<Vec<u8>>());
        let id = format!("AKID{}", random(16));
        let session = Session {
            secret: random(16),
            token: random(48),
            expires_s: now_s + seconds,
            role_id: role_id.to_owned(),
            name: name.to_owned(),
        };
        let answer = json!({
            "Credentials": {"Token": session.token, "TmpSecretId": id, "TmpSecretKey": session.secret},
            "ExpiredTime": session.expires_s,
            "Expiration": iso_time(session.expires_s * 1000),
        });
        self.sessions.insert(id, session);
        answer
    }

    /// Checks a JWT's form, age and the conditions that the role puts on its claims. Its signature is not
    /// checked: the local cloud knows no identity provider's keys.
    fn check_identity_token(&self, role: &str, token: &str, cx: &Context) -> Result<(), Refusal> {
        let wrong =
            |why: &str| refuse("InvalidParameter.WebIdentityTokenError", format!("the web identity token {why}"));
        let mut parts = token.split('.');
        let claims = parts.nth(1).filter(|_| parts.next().is_some());
        let claims = claims.and_then(|text| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok());
        let Some(claims) = claims.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) else {
            return wrong("is not a JWT");
        };
        if claims["exp"].as_i64().is_some_and(|expires| expires <= cx.now_ms / 1000) {
            return wrong("has expired");
        }
        let document = self.role(role).map(|role| role.document.clone()).unwrap_or_default();
        for statement in document["statement"].as_array().into_iter().flatten() {
            for (key, wanted) in statement["condition"]["string_equal"].as_object().into_iter().flatten() {
                let claim = &claims[key.strip_prefix("oidc:").unwrap_or(key)];
                let wanted = match wanted {
                    Value::Array(values) => values.clone(),
                    one => vec![one.clone()],
                };
                let given = match claim {
                    Value::Array(values) => values.clone(),
                    one => vec![one.clone()],
                };
                if !given.iter().any(|value| wanted.contains(value)) {
                    return wrong(&format!("does not meet the condition on {key}"));
                }
            }
        }
        Ok(())
    }
}
