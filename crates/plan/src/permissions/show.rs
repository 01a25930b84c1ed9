//! Permissions for a person and for a program: which document goes where, and why some of it is wide.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::document::{Resources, characters, documents};
use super::trust::{Provider, System};
use super::{Narrowest, Needs, Purpose, Scope, narrowest};
use crate::limits;
use crate::render::style::{Style, visible};

/// Permissions of one purpose.
pub struct Shown {
    /// For what.
    pub purpose: Purpose,
    /// Name of the role, and stem of its policies' names.
    pub name: String,
    /// What is needed.
    pub needs: Needs,
    /// The policy documents.
    pub documents: Vec<Json>,
    /// The role's trust document, when it was asked for.
    pub trust: Option<Json>,
}

impl Shown {
    /// Permissions of a purpose with their documents.
    #[must_use]
    pub fn new(purpose: Purpose, name: String, needs: Needs, account: Option<&str>, resources: Resources) -> Self {
        let documents = documents(&needs, account, resources);
        Self { purpose, name, needs, documents, trust: None }
    }

    /// Names of the policies, one a document.
    fn policy_names(&self) -> Vec<String> {
        match self.documents.len() {
            0 | 1 => vec![self.name.clone()],
            n => (1..=n).map(|i| format!("{}-{i}", self.name)).collect(),
        }
    }

    /// Actions that take `*`, by reason.
    fn wide(&self) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (action, scopes) in &self.needs {
            if !scopes.contains(&Scope::Anything) {
                continue;
            }
            let reason = match narrowest(action) {
                Narrowest::Nothing(reason) => reason,
                // They are asked for by bucket and prefix, never everywhere.
                Narrowest::Objects => continue,
                Narrowest::Function | Narrowest::Role => {
                    "an MPS event type may be held by any function of the account, so all of them are looked at"
                }
            };
            all.entry(reason).or_default().insert(action);
        }
        all
    }

    /// Whether who holds it can give itself more.
    fn escalates(&self) -> bool {
        ["cam:AttachRolePolicy", "cam:CreatePolicy", "cam:UpdatePolicy", "cam:UpdateAssumeRolePolicy"]
            .iter()
            .any(|action| self.needs.contains_key(action))
    }
}

/// What a job has to be told to use a role.
fn environment(shown: &Shown, provider: &Provider, account: &str) -> BTreeMap<&'static str, String> {
    [
        ("TENCENTCLOUD_ROLE_ARN", format!("qcs::cam::uin/{account}:roleName/{}", shown.name)),
        ("TENCENTCLOUD_PROVIDER_ID", provider.name.clone()),
    ]
    .into()
}

/// As JSON.
#[must_use]
pub fn json(all: &[Shown], account: Option<&str>, provider: Option<&Provider>) -> Json {
    let permissions: Vec<Json> = all
        .iter()
        .map(|one| {
            let policies: Vec<Json> = one
                .policy_names()
                .into_iter()
                .zip(&one.documents)
                .map(|(name, d)| json!({ "name": name, "characters": characters(d), "document": d }))
                .collect();
            let wide: Vec<Json> =
                one.wide().into_iter().map(|(why, actions)| json!({ "actions": actions, "reason": why })).collect();
            let mut shown = json!({ "for": one.purpose.word(), "policies": policies, "unrestricted": wide });
            if let (Some(trust), Some(provider), Some(account)) = (&one.trust, provider, account) {
                shown["role"] =
                    json!({ "name": one.name, "trust": trust, "environment": environment(one, provider, account) });
            }
            shown
        })
        .collect();
    let mut document =
        json!({ "format_version": "1", "account": account, "permissions": permissions, "diagnostics": [] });
    if let Some(p) = provider {
        document["provider"] = json!({
            "name": p.name, "issuer": p.issuer, "audience": p.audience, "keys": p.keys, "auto_rotate_keys": true,
        });
    }
    document
}

/// As text for a person who pastes it into the console.
#[must_use]
pub fn text(all: &[Shown], account: Option<&str>, provider: Option<(System, &Provider)>, style: Style) -> String {
    let mut out = String::new();
    let mut step = 0;
    let mut heading = |out: &mut String, text: &str| {
        step += 1;
        out.push_str(&format!("{}\n", style.bold(&format!("{step}. {text}"))));
    };
    if let Some((system, provider)) = provider {
        heading(&mut out, "Identity provider, once an account");
        out.push_str(&provider_text(system, provider));
    }
    for one in all {
        let names = one.policy_names();
        for (name, document) in names.iter().zip(&one.documents) {
            heading(&mut out, &format!("Policy {name}, for `provision {}`", one.purpose.word()));
            out.push_str(&style.dim(&format!(
                "   CAM > Policies > Create custom policy > By policy syntax > Blank template; {} of {} characters\n",
                characters(document),
                limits::POLICY_DOCUMENT
            )));
            out.push_str(&pretty(document));
        }
        if names.len() > 1 {
            out.push_str(&format!(
                "   One policy holds {} characters, so these are {}; attach them all.\n",
                limits::POLICY_DOCUMENT,
                names.len()
            ));
        }
        for (reason, actions) in one.wide() {
            let actions: Vec<&str> = actions.into_iter().collect();
            out.push_str(&format!("   On `*`, for {reason}:\n     {}\n", wrapped(&actions.join(", "))));
        }
        let mut note = |text: &str| out.push_str(&format!("   {} {text}\n", style.yellow("note:")));
        if one.escalates() {
            note(
                "who holds these can give roles and policies further permissions, their own included:\n         \
                 let only the protected branch or environment use them",
            );
        } else if one.needs.contains_key("scf:GetFunction") {
            note(
                "scf:GetFunction answers with the values of environment variables: who holds this can read them;\n         \
                 jobs that must not can plan from a snapshot",
            );
        }
        out.push('\n');
        if let (Some(trust), Some((_, provider)), Some(account)) = (&one.trust, provider, account) {
            heading(&mut out, &format!("Role {}, for the jobs that run `provision {}`", one.name, one.purpose.word()));
            out.push_str(&style.dim(&format!(
                "   CAM > Roles > Create role > Identity providers; attach {}; its trust policy:\n",
                names.join(", ")
            )));
            out.push_str(&pretty(trust));
            out.push_str("   The job's environment:\n");
            for (name, value) in environment(one, provider, account) {
                out.push_str(&format!("     {name}={value}\n"));
            }
            out.push('\n');
        }
    }
    if all.iter().any(|one| one.purpose == Purpose::Apply) {
        out.push_str(
            "These are for the manifests as they stand. When the last role, policy, namespace or trigger of a kind leaves a\n\
             manifest, apply that first, and narrow the policy afterwards.\n",
        );
    }
    out
}

fn provider_text(system: System, p: &Provider) -> String {
    let kind = match system {
        System::Github => "GitHub",
        System::Gitlab => "GitLab",
    };
    visible(&format!(
        "   CAM > Identity providers > Role SSO > Create > OIDC, for {kind}:\n     \
         name         {}\n     url          {}\n     client id    {}\n     \
         public key   the answer of {}\n     rotation     automatic\n\n",
        p.name, p.issuer, p.audience, p.keys
    ))
}

fn pretty(document: &Json) -> String {
    format!("{}\n", visible(&serde_json::to_string_pretty(document).unwrap_or_default()))
}

/// Long lists over several lines.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        if width + word.len() > 100 {
            out.push_str("\n     ");
            width = 0;
        } else if width > 0 {
            out.push(' ');
        }
        out.push_str(word);
        width += word.len() + 1;
    }
    out
}
