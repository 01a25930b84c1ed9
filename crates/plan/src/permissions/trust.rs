//! Who may take on a role without a key: trust documents for the OIDC tokens that GitHub and GitLab give to a job, and
//! the identity provider that the account needs for them (facts CAM 7.2).

use serde_json::{Value as Json, json};

use super::Purpose;

/// The audience that tokens are asked for; the client asks GitHub for this one too (facts CAM 7.2).
pub const AUDIENCE: &str = "sts.tencentcloudapi.com";

/// Whose tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
}

/// What a trust document is made from.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose tokens.
    pub system: System,
    /// `OWNER/NAME`, or the path of a GitLab project.
    pub repository: String,
    /// Branch whose jobs are trusted.
    pub branch: Option<String>,
    /// GitHub environment whose jobs are trusted.
    pub environment: Option<String>,
    /// Owner's uin.
    pub account: String,
    /// Name of the identity provider in the account.
    pub provider: Option<String>,
    /// Issuer, for a GitLab or GitHub of one's own.
    pub issuer: Option<String>,
    /// Audience of the tokens.
    pub audience: Option<String>,
}

/// Why no trust document can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The name is no repository.
    #[error("`{0}` is no repository")]
    Repository(String),
    /// Characters that no branch or environment has.
    #[error("`{0}` is no branch or environment")]
    Ref(String),
    /// The issuer is no address.
    #[error("`{0}` is no issuer")]
    Issuer(String),
    /// Characters that no provider has.
    #[error("`{0}` is no name of an identity provider")]
    Provider(String),
    /// Everybody with a branch could apply.
    #[error("the role of {} needs a branch or an environment", .0.word())]
    Unbounded(Purpose),
    /// GitLab's subject holds none.
    #[error("the tokens of GitLab name a branch, not an environment")]
    GitlabEnvironment,
}

impl TrustError {
    /// The way out.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Repository(_) => "such as --repository OWNER/NAME, or GROUP/PROJECT on GitLab",
            Self::Ref(_) => "write it as git does, such as --branch main",
            Self::Issuer(_) => "such as --issuer https://gitlab.example.com",
            Self::Provider(_) => "up to 128 letters, digits, `-` and `_`",
            Self::Unbounded(_) => "such as --branch main, or --environment production on GitHub",
            Self::GitlabEnvironment => "name the branch with --branch, and protect it",
        }
    }
}

/// The identity provider that must exist in the account, once for all repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Name in the account.
    pub name: String,
    /// IdentityUrl.
    pub issuer: String,
    /// ClientId.
    pub audience: String,
    /// Where the public keys stand that become IdentityKey.
    pub keys: String,
}

impl Wanted {
    /// The provider to create.
    ///
    /// # Errors
    /// An issuer or a name that cannot be one.
    pub fn provider(&self) -> Result<Provider, TrustError> {
        let (name, issuer, keys) = match self.system {
            System::Github => ("GitHubActions", "https://token.actions.githubusercontent.com", "/.well-known/jwks"),
            System::Gitlab => ("GitLab", "https://gitlab.com", "/oauth/discovery/keys"),
        };
        let issuer = self.issuer.as_deref().unwrap_or(issuer).trim_end_matches('/');
        let host = issuer.strip_prefix("https://").unwrap_or_default();
        if host.is_empty() || !plain(issuer) {
            return Err(TrustError::Issuer(issuer.to_owned()));
        }
        let name = self.provider.as_deref().unwrap_or(name);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        {
            return Err(TrustError::Provider(name.to_owned()));
        }
        Ok(Provider {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            audience: self.audience.clone().unwrap_or_else(|| AUDIENCE.to_owned()),
            keys: format!("{issuer}{keys}"),
        })
    }

    /// The subjects of the tokens that are let in. A plan on GitHub is for pull requests too: of the repository itself,
    /// for forks get no token.
    fn subjects(&self, purpose: Purpose) -> Result<Vec<String>, TrustError> {
        let parts: Vec<&str> = self.repository.split('/').collect();
        let enough = match self.system {
            System::Github => parts.len() == 2,
            System::Gitlab => parts.len() >= 2,
        };
        let named =
            |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !enough || !parts.iter().all(named) {
            return Err(TrustError::Repository(self.repository.clone()));
        }
        for text in [&self.branch, &self.environment].into_iter().flatten() {
            if text.is_empty() || !plain(text) {
                return Err(TrustError::Ref(text.clone()));
            }
        }
        let repository = &self.repository;
        match self.system {
            System::Gitlab => {
                if self.environment.is_some() {
                    return Err(TrustError::GitlabEnvironment);
                }
                let branch = self.branch.as_deref().ok_or(TrustError::Unbounded(purpose))?;
                Ok(vec![format!("project_path:{repository}:ref_type:branch:ref:{branch}")])
            }
            System::Github => {
                let branch = self.branch.as_ref().map(|b| format!("repo:{repository}:ref:refs/heads/{b}"));
                let environment = self.environment.as_ref().map(|e| format!("repo:{repository}:environment:{e}"));
                match purpose {
                    Purpose::Plan => {
                        Ok([Some(format!("repo:{repository}:pull_request")), branch].into_iter().flatten().collect())
                    }
                    // A job with an environment carries that as its subject, and the environment's reviewers stand before it.
                    Purpose::Apply => environment.or(branch).map(|s| vec![s]).ok_or(TrustError::Unbounded(purpose)),
                }
            }
        }
    }

    /// The role's trust document.
    ///
    /// # Errors
    /// What was asked for names no bounded set of jobs.
    pub fn document(&self, purpose: Purpose) -> Result<Json, TrustError> {
        let provider = self.provider()?;
        Ok(json!({
            "version": "2.0",
            "statement": [{
                "effect": "allow",
                "action": ["name/sts:AssumeRoleWithWebIdentity"],
                "principal": { "federated": [format!("qcs::cam::uin/{}:oidc-provider/{}", self.account, provider.name)] },
                "condition": { "string_equal": {
                    "oidc:iss": [provider.issuer],
                    "oidc:aud": [provider.audience],
                    "oidc:sub": self.subjects(purpose)?,
                } },
            }],
        }))
    }
}

/// Without blanks, quotes, wildcards and control characters.
fn plain(text: &str) -> bool {
    text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"*?\"'\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(system: System) -> Wanted {
        Wanted {
            system,
            repository: "team/infra".into(),
            branch: None,
            environment: None,
            account: "100000000001".into(),
            provider: None,
            issuer: None,
            audience: None,
        }
    }

    #[test]
    fn the_role_of_apply_is_never_open_to_every_branch() {
        for system in [System::Github, System::Gitlab] {
            assert_eq!(wanted(system).document(Purpose::Apply), Err(TrustError::Unbounded(Purpose::Apply)));
        }
    }

    #[test]
    fn subjects_are_those_of_the_tokens() {
        let subject = |wanted: Wanted, purpose| {
            wanted.document(purpose).map(|d| d["statement"][0]["condition"]["string_equal"]["oidc:sub"].clone())
        };
        let main = |system| Wanted { branch: Some("main".into()), ..wanted(system) };
        let production = Wanted { environment: Some("production".into()), ..main(System::Github) };
        assert_eq!(
            subject(main(System::Github), Purpose::Plan),
            Ok(json!(["repo:team/infra:pull_request", "repo:team/infra:ref:refs/heads/main"]))
        );
        assert_eq!(subject(main(System::Github), Purpose::Apply), Ok(json!(["repo:team/infra:ref:refs/heads/main"])));
        assert_eq!(subject(production, Purpose::Apply), Ok(json!(["repo:team/infra:environment:production"])));
        assert_eq!(
            subject(main(System::Gitlab), Purpose::Plan),
            Ok(json!(["project_path:team/infra:ref_type:branch:ref:main"]))
        );
    }

    #[test]
    fn what_could_widen_a_subject_is_refused() {
        for repository in ["team", "team/infra/x", "team/*", "te am/infra", "team/", "a/b:ref"] {
            let wanted = Wanted { repository: repository.into(), ..wanted(System::Github) };
            assert_eq!(wanted.document(Purpose::Plan), Err(TrustError::Repository(repository.into())), "{repository}");
        }
        for branch in ["", "*", "a b", "a\nb"] {
            let wanted = Wanted { branch: Some(branch.into()), ..wanted(System::Github) };
            assert_eq!(wanted.document(Purpose::Apply), Err(TrustError::Ref(branch.into())), "{branch:?}");
        }
        let http = Wanted { issuer: Some("http://gitlab.example.com".into()), ..wanted(System::Gitlab) };
        assert!(matches!(http.provider(), Err(TrustError::Issuer(_))));
    }
}
