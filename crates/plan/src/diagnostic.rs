//! Findings about a manifest or a plan: collected, positioned, reported together.
//! One table of codes. How a finding looks is `render`'s business.

use serde::Serialize;

use crate::source::Span;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is done until this is mended.
    Error,
    /// Worth knowing; work goes on.
    Warning,
}

macro_rules! codes {
    ($($variant:ident $code:literal $title:literal $help:literal;)*) => {
        /// Every kind of finding. The codes are stable: other tools match on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $title] $variant),* }
        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];
            /// The stable spelling, such as `P010`.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Code::$variant => $code),* } }
            /// What the finding is, in a few words.
            #[must_use]
            pub fn title(self) -> &'static str { match self { $(Code::$variant => $title),* } }
            /// The way out, in general terms.
            #[must_use]
            pub fn explanation(self) -> &'static str { match self { $(Code::$variant => $help),* } }
        }
    };
}

codes! {
    Unreadable "P001" "the file cannot be read" "Check the path and its permissions.";
    NotUtf8 "P002" "the file is not UTF-8" "Save the file as UTF-8; the position names the first wrong byte.";
    Syntax "P003" "the file is not valid YAML or TOML" "Mend the place named; everything after it was not looked at.";
    DuplicateKey "P004" "a key stands twice" "Keep one of the two; the later one would silently win elsewhere.";
    TooDeep "P005" "the file nests too deeply" "Manifests need fewer than 10 levels; 64 are read.";
    TooLarge "P006" "the file is too large" "A manifest may have 8 MiB and 1,000,000 values, aliases counted as often as they are used.";
    UnsupportedSyntax "P007" "this YAML feature is not for manifests" "Use plain mappings, lists and scalars: no tags, no merge keys, one document a file.";
    Empty "P008" "the file declares nothing" "Start with `stack: NAME`, or run `provision init`.";
    UnknownKey "P010" "no such key" "See docs/manifest.md for the keys of each part.";
    MissingKey "P011" "a required key is missing" "Add the key.";
    WrongType "P012" "a value has the wrong type" "See docs/manifest.md for the type of each key.";
    OutOfRange "P013" "a value is out of range" "The limits are the platform's; docs/manifest.md lists them.";
    BadFormat "P014" "a value has the wrong form" "See docs/manifest.md for the form.";
    Conflict "P015" "keys exclude each other" "Keep one of them.";
    NotYet "P016" "declared, but not available yet" "Remove it for now; the roadmap names it.";
    UndeclaredVariable "P020" "no variable has this name" "Declare it under `variables:`.";
    UnsetVariable "P021" "a variable has no value" "Give it with --var, --var-file, PROVISION_VAR_name, its `env:`, or a default.";
    BadInterpolation "P022" "an interpolation cannot be read" "Use ${var.NAME}, ${env.NAME}, ${stack}, ${region}; write $${ for a literal ${.";
    RefusedEnvironment "P023" "this environment variable is off limits" "Credentials of the run never become configuration; use a variable of your own.";
    UndeclaredRole "P030" "no role has this name" "Declare it under `roles:`; `external: true` for one that others own.";
    DuplicateName "P031" "two resources have the same identity" "Names are unique within a region and namespace; rename one.";
    UndeclaredNamespace "P032" "no namespace has this name" "Declare it under `namespaces:`.";
    HeldEventType "P034" "one MPS event type, two triggers" "An account binds an MPS event type to one function; let that function fan out.";
    DuplicateStack "P035" "two files declare the same stack" "One file is one stack; merge them or rename one.";
    BadPath "P036" "a path cannot be used" "Paths are relative to the manifest and stay inside the repository.";
    LiteralSecret "P037" "a secret stands in the manifest" "Move it to a sensitive variable: `variables: { NAME: { sensitive: true, env: NAME } }` and `${var.NAME}`.";
    TooMany "P038" "a platform limit is exceeded" "The limits are the platform's; docs/manifest.md lists them.";
    NeedsOther "P039" "a key needs another one" "Add the key named.";
    Foreign "P050" "the object exists and belongs to somebody else" "Set `adopt: true` to take an unmarked object, `adopt: OTHER-STACK` to take that stack's, or rename yours.";
    Protected "P051" "the object is protected" "Set `protect: false` (and remove the tag provision-protect) in a change of its own first.";
    MissingExternal "P052" "an external role does not exist" "Create it, or declare it here instead of `external: true`.";
    WrongAccount "P053" "these credentials belong to another account" "Use the account's own credentials, or change `account`.";
    HeldBinding "P054" "the MPS event type is bound to another function" "Set `takeover: true` on the trigger to move the binding, or unbind it there first.";
    TrustDiffers "P055" "a service role trusts something else" "Preset roles are never rewritten; compare its trust document with the one expected.";
    MissingBinding "P056" "the MPS event type is not bound" "`bind: manual` only verifies: bind it in the console.";
    Incomplete "P057" "part of the account was not looked at" "The plan covers less than usual; the message says what.";
    TooManyDeletes "P058" "more deletes than allowed" "Raise --max-deletes once you have read the plan.";
    SharedNamespace "P059" "a namespace stays, for functions of others are in it" "It goes with the first apply after they are gone; or declare it again.";
    BadCode "P060" "the code cannot be packaged" "The message says which file and why.";
    PackageTooLarge "P061" "the package is too large for a request" "Name a bucket: `package_bucket: NAME-APPID`, or --package-bucket.";
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Which kind.
    pub code: Code,
    /// What is wrong here; a lower-case fragment without a full stop.
    pub message: String,
    /// What is said under the marked text, when there is something to add.
    pub label: Option<String>,
    /// The way out.
    pub help: Option<String>,
    /// The resource it is about, printed.
    pub address: Option<String>,
    /// Where it stands.
    pub span: Option<Span>,
    /// Whether this is a refusal (exit 3) rather than a fault of the manifest (exit 1).
    pub refusal: bool,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            label: None,
            help: None,
            address: None,
            span: None,
            refusal: false,
        }
    }

    /// A warning at a place.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// A refusal: the manifest is fine, the world forbids it (exit code 3).
    pub fn refusal(code: Code, message: impl Into<String>) -> Self {
        Self { refusal: true, ..Self::error(code, message) }
    }

    /// Adds the place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a note under the marked text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds the resource.
    #[must_use]
    pub fn on(mut self, address: &impl ToString) -> Self {
        self.address = Some(address.to_string());
        self
    }
}

/// The closest of `known` to `given`, if one is close enough to be a slip of the hand.
#[must_use]
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = given.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&lower, &k.to_lowercase().replace('-', "_")), k))
        .filter(|(distance, k)| *distance <= (k.len().max(given.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_explained() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{} stands twice", code.as_str());
            assert!(code.explanation().ends_with('.'));
        }
    }

    #[test]
    fn a_slip_finds_its_key_and_nonsense_finds_none() {
        assert_eq!(did_you_mean("memroy", ["memory", "timeout"]), Some("memory"));
        assert_eq!(did_you_mean("notfier", ["notifier"]), Some("notifier"));
        assert_eq!(did_you_mean("zzz", ["memory", "timeout"]), None);
    }
}
