//! Variables and interpolation: `${var.NAME}`, `${env.NAME}`, `${stack}`, `${region}`, `$${`.
//! Pure: the CLI hands in what flags, files and the environment say. Remembers every sensitive value it
//! resolved, so that output can be filtered.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::syntax::{MAX_EXPANDED, Node, Taint, Value};

/// What the outside gives for variables, already ordered by precedence within each map.
#[derive(Default, Clone)]
pub struct Given {
    /// `--var NAME=VALUE`.
    pub flags: BTreeMap<String, String>,
    /// `--var-file`.
    pub files: BTreeMap<String, String>,
    /// Region of manifests that name none.
    pub region: Option<String>,
    /// The process environment, as far as it is UTF-8.
    pub environment: BTreeMap<String, String>,
    /// Whether a value of [`OPTIONAL`] may be missing: what is not given is unknown then, not a finding.
    pub may_be_missing: bool,
}

/// Keys whose values may be unknown: texts that no other part of a manifest depends on.
pub const OPTIONAL: [&str; 7] =
    ["environment", "argument", "description", "tags", "inline", "document", "trust_document"];

/// What stands for a value that is not known. Never compared and never printed as a value.
pub const UNKNOWN: &str = "unknown";

/// One variable of the manifest, resolved.
#[derive(Clone)]
struct Variable {
    value: Option<String>,
    sensitive: bool,
    how: String,
}

/// Every variable of one manifest, and what was resolved so far.
#[derive(Clone, Default)]
pub struct Variables {
    declared: BTreeMap<String, Variable>,
    environment: BTreeMap<String, String>,
    secrets: BTreeSet<String>,
    /// Bytes that interpolation made so far.
    expanded: usize,
    /// Whether values may be missing at all, and whether the place that is being read is one for them.
    may_be_missing: bool,
    optional: bool,
}

/// What may stand in an interpolation at this place.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The stack's name, where known.
    pub stack: Option<&'a str>,
    /// The region in force, where known.
    pub region: Option<&'a str>,
}

/// Beginnings of environment variables that never become configuration: credentials of the run itself (design section 3).
const REFUSED_ENVIRONMENT: [&str; 8] = [
    "TENCENTCLOUD_",
    "ACTIONS_",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "CI_JOB_",
    "SSH_",
    "PROVISION_DIGEST_KEY",
    "PROVISION_NOTE_TOKEN",
];

/// The finding about an environment variable that holds credentials of the run; `None` for any other.
pub(crate) fn refused_environment(name: &str) -> Option<Diagnostic> {
    REFUSED_ENVIRONMENT.iter().any(|p| name.starts_with(p)).then(|| {
        Diagnostic::error(Code::RefusedEnvironment, format!("`{name}` holds credentials of the run"))
            .help("use a variable of your own")
    })
}

impl Variables {
    /// Declares a variable: its value is the first of flag, file, `PROVISION_VAR_name`, its `env:`, its default.
    pub(crate) fn declare(
        &mut self,
        name: &str,
        default: Option<String>,
        env: Option<&str>,
        sensitive: bool,
        given: &Given,
    ) {
        let from_environment = |key: &str| given.environment.get(key).filter(|v| !v.is_empty()).cloned();
        let value = given
            .flags
            .get(name)
            .or_else(|| given.files.get(name))
            .cloned()
            .or_else(|| from_environment(&format!("PROVISION_VAR_{name}")))
            .or_else(|| env.and_then(from_environment))
            .or(default);
        if let (true, Some(value)) = (sensitive, &value) {
            self.secrets.insert(value.clone());
        }
        let how = match env {
            Some(env) => format!("set {env}, or PROVISION_VAR_{name}, or pass --var {name}=VALUE"),
            None => format!("set PROVISION_VAR_{name}, pass --var {name}=VALUE, or give it a default"),
        };
        self.declared.insert(name.to_owned(), Variable { value, sensitive, how });
        self.environment.clone_from(&given.environment);
    }

    /// Makes the environment available to `${env.*}` even when no variable is declared.
    pub(crate) fn set_environment(&mut self, given: &Given) {
        self.environment.clone_from(&given.environment);
        self.may_be_missing = given.may_be_missing;
    }

    /// Whether a variable has this name.
    #[must_use]
    pub fn is_declared(&self, name: &str) -> bool {
        self.declared.contains_key(name)
    }

    /// The declared names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.declared.keys().map(String::as_str)
    }

    /// Every sensitive value that was resolved.
    #[must_use]
    pub fn secrets(&self) -> &BTreeSet<String> {
        &self.secrets
    }

    /// The same for the value of a key, which may be one whose value may be missing.
    pub(crate) fn interpolate_value(
        &mut self,
        key: &str,
        node: &mut Node,
        scope: Scope<'_>,
        findings: &mut Vec<Diagnostic>,
    ) {
        let outside = self.optional;
        self.optional |= self.may_be_missing && OPTIONAL.contains(&key);
        self.interpolate(node, scope, findings);
        self.optional = outside;
    }

    /// Replaces interpolations in every scalar below `node`.
    pub(crate) fn interpolate(&mut self, node: &mut Node, scope: Scope<'_>, findings: &mut Vec<Diagnostic>) {
        let span = node.span;
        match &mut node.value {
            Value::Null => {}
            Value::List(items) => items.iter_mut().for_each(|i| self.interpolate(i, scope, findings)),
            Value::Map(entries) => {
                for (key, value) in entries {
                    if key.text.contains("${") {
                        findings.push(
                            Diagnostic::error(Code::BadInterpolation, "an interpolation in a key")
                                .at(key.span)
                                .help("keys are plain text"),
                        );
                    }
                    self.interpolate_value(&key.text, value, scope, findings);
                }
            }
            Value::Scalar { text, quoted } if text.contains("${") => match self.expand(text, scope) {
                Ok((expanded, taint)) => {
                    // `$${` only: still the manifest's own text. Otherwise the text is read as the field's type.
                    if taint.interpolated {
                        *quoted = false;
                    }
                    *text = expanded;
                    node.taint = taint;
                }
                Err(finding) if self.optional && finding.code == Code::UnsetVariable => {
                    UNKNOWN.clone_into(text);
                    *quoted = true;
                    node.taint = Taint { sensitive: true, interpolated: true, unknown: true };
                }
                Err(finding) => {
                    findings.push(finding.at(span));
                    node.value = Value::Null;
                    node.taint = Taint { sensitive: true, interpolated: true, unknown: false };
                }
            },
            Value::Scalar { .. } => {}
        }
    }

    fn expand(&mut self, text: &str, scope: Scope<'_>) -> Result<(String, Taint), Diagnostic> {
        let mut out = String::with_capacity(text.len());
        let mut taint = Taint::default();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if at > 0 && rest.as_bytes()[at - 1] == b'$' {
                out.push_str(&rest[..at - 1]);
                out.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            out.push_str(&rest[..at]);
            let body = &rest[at + 2..];
            let Some(end) = body.find('}') else {
                return Err(Diagnostic::error(Code::BadInterpolation, "`${` without `}`")
                    .help("write `$${` for a literal `${`"));
            };
            let (value, sensitive) = self.resolve(body[..end].trim(), scope)?;
            if self.expanded + out.len() + value.len() > MAX_EXPANDED {
                let message = format!("variables expand this file to more than {MAX_EXPANDED} bytes");
                return Err(
                    Diagnostic::error(Code::TooLarge, message).help("manifests are small: shorten the variable")
                );
            }
            out.push_str(&value);
            taint.interpolated = true;
            taint.sensitive |= sensitive;
            rest = &body[end + 1..];
        }
        out.push_str(rest);
        self.expanded += out.len();
        Ok((out, taint))
    }

    fn resolve(&mut self, expression: &str, scope: Scope<'_>) -> Result<(String, bool), Diagnostic> {
        if let Some(name) = expression.strip_prefix("var.") {
            return self.variable(name);
        }
        if let Some(name) = expression.strip_prefix("env.") {
            if let Some(finding) = refused_environment(name) {
                return Err(finding);
            }
            let value = self.environment.get(name).filter(|v| !v.is_empty()).cloned();
            let Some(value) = value else {
                return Err(Diagnostic::error(
                    Code::UnsetVariable,
                    format!("the environment variable `{name}` is not set"),
                )
                .help(format!("export {name}, or use a variable with a default")));
            };
            self.secrets.insert(value.clone());
            return Ok((value, true));
        }
        match (expression, scope.stack, scope.region) {
            ("stack", Some(stack), _) => Ok((stack.to_owned(), false)),
            ("region", _, Some(region)) => Ok((region.to_owned(), false)),
            ("stack" | "region", ..) => {
                Err(Diagnostic::error(Code::BadInterpolation, format!("`${{{expression}}}` cannot be used here"))
                    .help("names take ${var.*} and ${env.*} only"))
            }
            _ => Err(Diagnostic::error(Code::BadInterpolation, format!("`${{{expression}}}` means nothing"))
                .help("use ${var.NAME}, ${env.NAME}, ${stack} or ${region}; write `$${` for a literal `${`")),
        }
    }

    fn variable(&self, name: &str) -> Result<(String, bool), Diagnostic> {
        let Some(variable) = self.declared.get(name) else {
            let mut finding = Diagnostic::error(Code::UndeclaredVariable, format!("no variable is called `{name}`"));
            finding.help = Some(match did_you_mean(name, self.names()) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("declare it: `variables: {{ {name}: {{}} }}`"),
            });
            return Err(finding);
        };
        match &variable.value {
            Some(value) => Ok((value.clone(), variable.sensitive)),
            None => Err(Diagnostic::error(Code::UnsetVariable, format!("the variable `{name}` has no value"))
                .help(variable.how.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<(String, Taint), &'static str> {
        let mut variables = Variables::default();
        let given = Given {
            flags: [("a".to_owned(), "flag".to_owned())].into(),
            environment: [("KEY".to_owned(), "sesame".to_owned()), ("HOME".to_owned(), "/h".to_owned())].into(),
            ..Given::default()
        };
        variables.declare("a", Some("default".into()), None, false, &given);
        variables.declare("k", None, Some("KEY"), true, &given);
        variables.declare("none", None, None, false, &given);
        variables.expand(text, Scope { stack: Some("s"), region: None }).map_err(|d| d.code.as_str())
    }

    #[test]
    fn the_first_source_wins_and_sensitive_values_are_known() {
        assert_eq!(expand("${var.a}-${stack}").unwrap().0, "flag-s");
        let (text, taint) = expand("key=${var.k}").unwrap();
        assert_eq!((text.as_str(), taint.sensitive), ("key=sesame", true));
        assert_eq!(expand("$${var.a} ${env.HOME}").unwrap().0, "${var.a} /h");
    }

    #[test]
    fn what_cannot_be_resolved_is_a_finding() {
        assert_eq!(expand("${var.b}"), Err("P020"));
        assert_eq!(expand("${var.none}"), Err("P021"));
        assert_eq!(expand("${env.NOPE}"), Err("P021"));
        assert_eq!(expand("${env.TENCENTCLOUD_SECRET_KEY}"), Err("P023"));
        assert_eq!(expand("${region}"), Err("P022"));
        assert_eq!(expand("${x"), Err("P022"));
    }
}
