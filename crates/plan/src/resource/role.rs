//! CAM roles, and the two service roles the platform itself needs.

use std::collections::BTreeSet;

use super::document::Document;
use super::tags::{self, Tags};
use crate::attributes::{Attributes, Comparison};

/// How roles compare.
pub const COMPARISON: Comparison = Comparison { authoritative: &["tags"], guarded: &[] };

/// The service roles that a console's "authorise" click makes. They belong to the account, not to a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// `SCF_QcsRole`: SCF acts with it when it sets up triggers and reads code.
    Scf,
    /// `MPS_QcsRole`: MPS acts with it when it reads media and delivers events.
    Mps,
}

impl Preset {
    /// Every preset by its manifest word.
    pub const WORDS: [&'static str; 2] = ["scf", "mps"];

    /// The preset of a manifest word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "scf" => Some(Self::Scf),
            "mps" => Some(Self::Mps),
            _ => None,
        }
    }

    /// The only name the platform looks for.
    #[must_use]
    pub fn role_name(self) -> &'static str {
        match self {
            Self::Scf => "SCF_QcsRole",
            Self::Mps => "MPS_QcsRole",
        }
    }

    /// The service that assumes it. SCF's is on its role page; MPS's comes from a captured list of carriers
    /// (facts CAM 4.1, observed only): a console-made role is the better truth, hence never rewritten.
    #[must_use]
    pub fn principal(self) -> &'static str {
        match self {
            Self::Scf => "scf.qcloud.com",
            Self::Mps => "mps.cloud.tencent.com",
        }
    }

    /// The preset policies the console attaches (facts CAM 4.1).
    #[must_use]
    pub fn policies(self) -> &'static [&'static str] {
        match self {
            Self::Scf => &["QcloudAccessForScfRole"],
            Self::Mps => &["QcloudAccessForMPSRole", "QcloudAccessForMPSRoleInDeliverToSCF"],
        }
    }
}

/// A role in normal form.
#[derive(Clone, PartialEq, Eq)]
pub struct Role {
    /// Free text, at most 300 bytes.
    pub description: String,
    /// Who may assume it.
    pub trust: Document,
    /// Names of attached policies.
    pub policies: BTreeSet<String>,
    /// Longest session in seconds; `None` leaves it alone.
    pub session_duration: Option<u64>,
    /// Console login; `None` leaves it alone.
    pub console_login: Option<bool>,
    /// Tags without the mark's.
    pub tags: Tags,
}

// Texts and tags may hold sensitive variables: Debug shows names only.
impl std::fmt::Debug for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Role").field("policies", &self.policies).field("tags", &self.tags).finish_non_exhaustive()
    }
}

impl Role {
    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        let mut all = Attributes::default();
        all.put("description", self.description.as_str());
        all.put("trust", self.trust.json().clone());
        all.put("policies", self.policies.iter().map(String::as_str).collect::<Vec<_>>());
        all.put_some("session_duration", self.session_duration);
        all.put_some("console_login", self.console_login);
        tags::put(&mut all, &self.tags);
        all
    }

    /// The attributes of a role that says nothing.
    #[must_use]
    pub fn defaults() -> Attributes {
        let mut all = Attributes::default();
        all.put("description", "");
        all.put("policies", Vec::<String>::new());
        all
    }
}
