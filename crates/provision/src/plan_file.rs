//! Saved plans: what was read (pins) and what was decided (ordered actions), never a secret value. The file's own
//! random key turns hidden values into digests, so the file is for its owner only (mode 0600). With
//! PROVISION_DIGEST_KEY the file holds no key, and a seal instead: apply then takes no file that was made or changed by
//! somebody without the key.

use std::path::Path;

use plan::pin::{self, Moved, Pins};
use plan::render::guard::DigestKey;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::commands::{Planned, Run};
use crate::error::CommandError;
use crate::load::Loaded;

/// The version of the file's format.
const FORMAT_VERSION: &str = "1";
/// What the file is, for people who open it.
const KIND: &str = "provision saved plan";

/// A saved plan.
#[derive(Serialize, Deserialize)]
pub(crate) struct PlanFile {
    kind: String,
    format_version: String,
    /// Hex of the key of every digest in the file; absent when PROVISION_DIGEST_KEY gave it.
    digest_key: Option<String>,
    /// Digest of the manifests, for information: a plan holds by its pins, not by the text it came from.
    manifests: String,
    /// Whether it destroys.
    pub(crate) destroy: bool,
    /// What `--target` left.
    pub(crate) targets: Vec<String>,
    stacks: Vec<SavedStack>,
    /// Of everything above, under PROVISION_DIGEST_KEY; absent without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seal: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct SavedStack {
    stack: String,
    pins: Pins,
    actions: Vec<Json>,
}

impl PlanFile {
    /// A file of these plans.
    pub(crate) fn of(planned: &[Planned], loaded: &Loaded, run: &Run, destroy: bool) -> Self {
        let digests = &run.key;
        let text: Vec<&str> = loaded.stacks.iter().map(|s| loaded.sources.text(s.file)).collect();
        let mut file = Self {
            kind: KIND.to_owned(),
            format_version: FORMAT_VERSION.to_owned(),
            digest_key: run.own_key.as_deref().map(plan::mark::hex),
            manifests: plan::mark::digest(text),
            destroy,
            targets: run.global.target.clone(),
            stacks: planned
                .iter()
                .map(|p| SavedStack {
                    stack: p.plan.stack.clone(),
                    pins: pin::pins(&p.observed, digests),
                    actions: pin::actions(&p.plan, digests),
                })
                .collect(),
            seal: None,
        };
        if run.own_key.is_none() {
            file.seal = Some(run.key.seal(&file.text()));
        }
        file
    }

    /// What the seal is of.
    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether the file may be relied upon: under PROVISION_DIGEST_KEY its seal has to fit.
    ///
    /// # Errors
    /// A file that somebody without the key made or changed, and a key that is missing here.
    fn check_seal(&mut self, run: &Run) -> Result<(), CommandError> {
        let refused = |message: &str, help: &str| {
            Err(CommandError::Refused { message: message.to_owned(), help: Some(help.to_owned()) })
        };
        let again = "nothing was changed; plan and apply with the same PROVISION_DIGEST_KEY";
        match (self.seal.take(), run.own_key.is_none()) {
            (None, false) => Ok(()),
            (Some(_), false) => refused("the plan was sealed with PROVISION_DIGEST_KEY, which is not set", again),
            (None, true) => refused("the plan was made without PROVISION_DIGEST_KEY: it has no seal", again),
            (Some(seal), true) if self.digest_key.is_none() && run.key.is_seal(&seal, &self.text()) => Ok(()),
            (Some(_), true) => refused("the plan was changed since it was made, or sealed with another key", again),
        }
    }

    /// Writes it whole or not at all, readable by its owner only.
    pub(crate) fn write(&self, path: &Path) -> Result<(), CommandError> {
        let failed = |source: std::io::Error| CommandError::Local {
            doing: format!("cannot write the plan to {}", path.display()),
            source: source.into(),
            help: None,
        };
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let partial = std::path::PathBuf::from(name);
        let text = serde_json::to_string_pretty(self).map_err(|e| failed(e.into()))?;
        // What an earlier run left half-written must not lend its mode.
        let _ = std::fs::remove_file(&partial);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&partial).and_then(|mut file| {
            use std::io::Write as _;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.and_then(|()| std::fs::rename(&partial, path)).map_err(|e| {
            let _ = std::fs::remove_file(&partial);
            failed(e)
        })
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path, run: &Run) -> Result<Self, CommandError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| CommandError::Local {
            doing: format!("cannot read the plan {}", path.display()),
            source,
            help: Some("make one with `provision plan --out FILE`".to_owned()),
        };
        let text = std::fs::read_to_string(path).map_err(|e| failed(e.into()))?;
        let mut file: Self = serde_json::from_str(&text).map_err(|e| failed(e.into()))?;
        if file.kind != KIND || file.format_version != FORMAT_VERSION {
            return Err(failed(format!("this is no saved plan of format {FORMAT_VERSION}").into()));
        }
        file.check_seal(run)?;
        Ok(file)
    }

    /// The key of the file's digests: its own, or the run's.
    pub(crate) fn key(&self, run: &Run) -> DigestKey {
        let Some(hex) = &self.digest_key else { return run.key.clone() };
        let bytes: Vec<u8> =
            (0..hex.len() / 2).filter_map(|i| u8::from_str_radix(hex.get(i * 2..i * 2 + 2)?, 16).ok()).collect();
        DigestKey::new(&bytes)
    }

    /// The stacks it holds.
    pub(crate) fn stacks(&self) -> impl Iterator<Item = &str> {
        self.stacks.iter().map(|s| s.stack.as_str())
    }

    /// What keeps today's plans from being the saved ones; nothing when they are.
    pub(crate) fn stale(&self, planned: &[Planned], run: &Run) -> Vec<Stale> {
        let digests = self.key(run);
        let mut all = Vec::new();
        for saved in &self.stacks {
            let Some(today) = planned.iter().find(|p| p.plan.stack == saved.stack) else {
                all.push(Stale { stack: saved.stack.clone(), moved: Vec::new(), actions_differ: true });
                continue;
            };
            let moved = pin::moved(&saved.pins, &pin::pins(&today.observed, &digests));
            let actions_differ = saved.actions != pin::actions(&today.plan, &digests);
            if actions_differ || !moved.is_empty() {
                all.push(Stale { stack: saved.stack.clone(), moved, actions_differ });
            }
        }
        all
    }
}

/// Why one stack's saved plan does not hold any more.
pub(crate) struct Stale {
    pub(crate) stack: String,
    pub(crate) moved: Vec<Moved>,
    pub(crate) actions_differ: bool,
}
