//! Saved plans: what was read (pins) and what was decided (ordered actions), never a secret value. The file's own
//! random key turns hidden values into digests, so the file is for its owner only (mode 0600). With
//! PROVISION_DIGEST_KEY the file holds no key, and a seal instead: apply then takes no file that was made or changed by
//! somebody without the key.

use std::collections::BTreeMap;
use std::path::Path;

use plan::pin::{self, Moved, Pin, Pins, Sensitive};
use plan::render::guard::{DigestKey, Sealing, same_seal};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::commands::{Planned, Run};
use crate::error::CommandError;
use crate::load::Loaded;
use crate::ui::Secrets;

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

/// Pins by object, each as text.
type Texts = BTreeMap<String, Box<RawValue>>;

/// What was read and decided of one stack. Each pin and action stays the text that it is in the file: as data, those of
/// 10,000 functions take 80 MB.
#[derive(Serialize, Deserialize)]
struct SavedStack {
    stack: String,
    pins: Texts,
    actions: Vec<Box<RawValue>>,
}

impl SavedStack {
    /// What is sensitive is there as digests; whatever else repeats a secret passes the filter of all that is written. The
    /// same secrets leave the same texts, so these can still be compared.
    fn of(planned: &Planned, loaded: &Loaded, key: &DigestKey, secrets: &Secrets) -> Self {
        let sensitive = Sensitive::of(&loaded.stacks[planned.index].stack);
        let raw = |value: &Json| {
            let text = secrets.filter(&value.to_string());
            RawValue::from_string(text.clone()).unwrap_or_else(|_| raw(&Json::String(text)))
        };
        let mut pins = BTreeMap::new();
        pin::each(&planned.observed, &sensitive, key, |name, pin| {
            pins.insert(secrets.filter(&name), raw(&serde_json::json!(pin)));
        });
        let actions = pin::actions(&planned.plan, key).map(|action| raw(&action)).collect();
        Self { stack: planned.plan.stack.clone(), pins, actions }
    }
}

/// Maps with text as keys always have a JSON text.
fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
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
            stacks: planned.iter().map(|p| SavedStack::of(p, loaded, digests, &run.ui.secrets)).collect(),
            seal: None,
        };
        if run.own_key.is_none() {
            file.seal = run.key.seal(|to| file.unsealed(to));
        }
        file
    }

    /// What the seal is of: what the file says, however it is indented.
    fn unsealed(&self, to: &mut Sealing) -> std::io::Result<()> {
        Ok(serde_json::to_writer(to, self)?)
    }

    /// Takes the indentation out of what was read.
    fn compact(&mut self) {
        let compact = |raw: &mut Box<RawValue>| {
            if raw.get().contains('\n')
                && let Ok(value) = serde_json::from_str::<Json>(raw.get())
            {
                *raw = self::raw(&value);
            }
        };
        for stack in &mut self.stacks {
            stack.pins.values_mut().chain(&mut stack.actions).for_each(compact);
        }
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
            (Some(seal), true)
                if self.digest_key.is_none()
                    && run.key.seal(|to| self.unsealed(to)).is_some_and(|made| same_seal(&made, &seal)) =>
            {
                Ok(())
            }
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
        // What an earlier run left half-written must not lend its mode.
        let _ = std::fs::remove_file(&partial);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&partial).and_then(|file| {
            let mut file = std::io::BufWriter::new(file);
            // A line for each pin and each action.
            serde_json::to_writer_pretty(&mut file, self)?;
            file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
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
        file.compact();
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
    pub(crate) fn stale(&self, planned: &[Planned], loaded: &Loaded, run: &Run) -> Vec<Stale> {
        let digests = self.key(run);
        let mut all = Vec::new();
        for saved in &self.stacks {
            let Some(today) = planned.iter().find(|p| p.plan.stack == saved.stack) else {
                all.push(Stale { stack: saved.stack.clone(), moved: Vec::new(), actions_differ: true });
                continue;
            };
            let now = SavedStack::of(today, loaded, &digests, &run.ui.secrets);
            let moved = moved(&saved.pins, &now.pins);
            let actions_differ = saved.actions.len() != now.actions.len()
                || saved.actions.iter().zip(&now.actions).any(|(saved, now)| saved.get() != now.get());
            if actions_differ || !moved.is_empty() {
                all.push(Stale { stack: saved.stack.clone(), moved, actions_differ });
            }
        }
        all
    }
}

/// What moved; only what differs is read.
fn moved(seen: &Texts, now: &Texts) -> Vec<Moved> {
    let differing = |these: &Texts, those: &Texts| -> Pins {
        let differs = |name: &str, raw: &RawValue| those.get(name).is_none_or(|other| raw.get() != other.get());
        let read = |raw: &RawValue| serde_json::from_str::<Pin>(raw.get()).unwrap_or_else(|_| unreadable(raw));
        let found = these.iter().filter(|(name, raw)| differs(name, raw));
        found.map(|(name, raw)| (name.clone(), read(raw))).collect()
    };
    pin::moved(&differing(seen, now), &differing(now, seen))
}

/// A pin of a file that somebody edited: whatever it says, it is not what is there.
fn unreadable(raw: &RawValue) -> Pin {
    Some([("(unreadable)".to_owned(), Json::from(raw.get()))].into())
}

/// Why one stack's saved plan does not hold any more.
pub(crate) struct Stale {
    pub(crate) stack: String,
    pub(crate) moved: Vec<Moved>,
    pub(crate) actions_differ: bool,
}
