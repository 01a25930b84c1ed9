//! Faults on demand: rules that pick calls, and what goes wrong with those. Deciding only: `cloud` carries the
//! effects on calls out, `delivery` those on answers. Users read about both in `docs/faults.md`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::{cos, definition};

/// A list of rules, as `--faults FILE` holds it (TOML or JSON):
///
/// ```toml
/// seed = 7                          # of the probabilities; the same seed plays the same faults
///
/// [[rule]]
/// service = "scf"                   # omitted: any
/// action = "Create*"                # exact, or a prefix and `*`; omitted: any
/// region = "ap-beijing"             # omitted: any
/// name = "MPSWebHook"               # FunctionName or RoleName of the call; omitted: any
/// nth = 2                           # only the second call that the rule picks
/// effect = "lose_answer"
///
/// [[rule]]
/// action = "GetFunction"
/// times = 3                         # the first three calls that the rule picks
/// probability = 0.5
/// effect = { refuse = { code = "InternalError", message = "try again" } }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Seed of the probabilities.
    #[serde(default)]
    pub seed: u64,
    /// Rules, looked at in order. Every rule that applies has its effect.
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
}

/// Picks calls and says what happens to them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Service such as `scf`; `None` is any.
    #[serde(default)]
    pub service: Option<String>,
    /// Action, or its start followed by `*`; `None` is any.
    #[serde(default)]
    pub action: Option<String>,
    /// Region; `None` is any.
    #[serde(default)]
    pub region: Option<String>,
    /// `FunctionName` or `RoleName` of the call; `None` is any.
    #[serde(default)]
    pub name: Option<String>,
    /// Applies to the n-th call that it picks only, counted from 1.
    #[serde(default)]
    pub nth: Option<u64>,
    /// Applies to the first calls that it picks, so many of them.
    #[serde(default)]
    pub times: Option<u64>,
    /// Applies with this probability, 0 to 1.
    #[serde(default)]
    pub probability: Option<f64>,
    /// What happens.
    pub effect: Effect,
}

impl Rule {
    /// A rule that picks every call of an action. Narrow it by setting fields.
    #[must_use]
    pub fn on(action: &str, effect: Effect) -> Self {
        Self {
            service: None,
            action: Some(action.to_owned()),
            region: None,
            name: None,
            nth: None,
            times: None,
            probability: None,
            effect,
        }
    }

    /// The same rule for the n-th picked call only, counted from 1.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// The same rule for the first so many picked calls only.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

impl Rule {
    /// Why the rule can never apply, if it cannot.
    fn never(&self) -> Option<String> {
        let action = self.action.as_deref().unwrap_or("*");
        let picks = |known: &str| action.strip_suffix('*').map_or(known == action, |start| known.starts_with(start));
        let objects = self.service.as_deref().is_none_or(|service| service == "cos");
        let objects = cos::ACTIONS.into_iter().filter(|_| objects);
        if !definition::actions(self.service.as_deref()).chain(objects).any(picks) {
            let service = self.service.as_deref().unwrap_or("any service");
            return Some(format!("no action of {service} that is served here is called `{action}`"));
        }
        let probability = self.probability.unwrap_or(1.0);
        match (self.nth, self.times) {
            (Some(0), _) => Some("`nth` counts from 1".to_owned()),
            (_, Some(0)) => Some("`times = 0` picks no call".to_owned()),
            (Some(nth), Some(times)) if nth > times => Some(format!("call {nth} is not among the first {times}")),
            _ if probability > 0.0 && probability <= 1.0 => None,
            _ => Some("`probability` lies above 0 and goes up to 1".to_owned()),
        }
    }
}

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Effect {
    /// The service refuses; nothing is applied.
    Refuse {
        /// Code of the refusal.
        code: String,
        /// Its message.
        #[serde(default)]
        message: String,
    },
    /// Applied, and refused all the same: a service that failed behind the change.
    RefuseAfter {
        /// Code of the refusal.
        code: String,
        /// Its message.
        #[serde(default)]
        message: String,
    },
    /// Refused with `RequestLimitExceeded`; nothing is applied.
    Throttle,
    /// Answered with this HTTP status and a page that is no JSON; nothing is applied.
    HttpStatus(u16),
    /// Answered with a page by a gateway in front of the service.
    Gateway {
        /// HTTP status.
        status: u16,
        /// Whether the service did its work before.
        #[serde(default)]
        applied: bool,
        /// Seconds for a `Retry-After` header; `None` sends none.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Applied, then the connection closes without an answer.
    LoseAnswer,
    /// The connection closes; nothing is applied.
    DropBefore,
    /// No byte of an answer comes for so long; then the connection closes.
    Hang {
        /// Milliseconds.
        ms: u64,
        /// Whether the service did its work before.
        #[serde(default)]
        applied: bool,
    },
    /// Applied; the answer ends in the middle and the connection closes.
    Truncate,
    /// Applied; the answer comes in small pieces.
    Trickle {
        /// Milliseconds from the first piece to the last.
        ms: u64,
    },
    /// Applied; the answer claims this content type.
    ContentType(String),
    /// Applied; the answer's text is this one, with status 200: a page, nothing at all, half a sentence.
    Body(String),
    /// Applied; the answer's text comes twice in one body.
    Double,
    /// Applied; members of the answer say something else, or are missing. Members below others are named with
    /// dots, elements of lists by number: `Functions.0.Status`.
    Rewrite {
        /// New values.
        #[serde(default)]
        set: BTreeMap<String, Value>,
        /// Names of members that are left out.
        #[serde(default)]
        remove: Vec<String>,
    },
    /// Applied twice, as by a gateway that repeats; the second answer comes back.
    Twice,
    /// The call takes so many milliseconds more.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// A read answers from the state before the latest write.
    Stale,
    /// The status change that the call starts lasts longer.
    StayPending {
        /// So many reads are still answered with the busy status.
        #[serde(default)]
        reads: u32,
        /// So many milliseconds more.
        #[serde(default)]
        ms: i64,
    },
    /// The service overlooks these members of the call, as it is said to do with CreateFunction's Tags.
    Ignore {
        /// Names of top-level members.
        members: Vec<String>,
    },
}

/// Why a file of faults could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FaultsError {
    /// The file cannot be read.
    #[error("cannot read the faults in {path}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a list of rules.
    #[error("the faults in {path} are not valid")]
    Parse {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A rule can never apply.
    #[error("rule {number} of {path} never applies: {why}")]
    Never {
        /// The file.
        path: String,
        /// Which rule, counted from 1.
        number: usize,
        /// Why it never applies.
        why: String,
    },
}

impl Faults {
    /// A list of rules with seed 0.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { seed: 0, rules }
    }

    /// Reads a file: TOML, or JSON when its name ends in `.json`.
    ///
    /// # Errors
    /// When the file cannot be read, holds something else than rules, or a rule that can never apply: a rehearsal
    /// in which nothing goes wrong by mistake would prove the wrong thing.
    pub fn load(path: &Path) -> Result<Self, FaultsError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| FaultsError::Read { path: name.clone(), source })?;
        let parsed: Result<Self, Box<dyn std::error::Error + Send + Sync>> =
            if path.extension().is_some_and(|extension| extension == "json") {
                serde_json::from_str(&text).map_err(Into::into)
            } else {
                toml::from_str(&text).map_err(Into::into)
            };
        let faults = parsed.map_err(|source| FaultsError::Parse { path: name.clone(), source })?;
        match faults.rules.iter().zip(1..).find_map(|(rule, number)| Some((number, rule.never()?))) {
            Some((number, why)) => Err(FaultsError::Never { path: name, number, why }),
            None => Ok(faults),
        }
    }
}

/// Rules with what they have counted so far.
pub(crate) struct FaultPlayer {
    faults: Faults,
    progress: Mutex<(fastrand::Rng, Vec<u64>)>,
}

/// What of a call rules look at.
pub(crate) struct Picked<'a> {
    pub(crate) service: &'a str,
    pub(crate) action: &'a str,
    pub(crate) region: &'a str,
    pub(crate) name: &'a str,
}

impl FaultPlayer {
    pub(crate) fn new(faults: Faults) -> Self {
        let counts = vec![0; faults.rules.len()];
        Self { progress: Mutex::new((fastrand::Rng::with_seed(faults.seed), counts)), faults }
    }

    /// Whether a stale answer may be asked for, so that the state before a write must be kept.
    pub(crate) fn plays_stale(&self) -> bool {
        self.faults.rules.iter().any(|rule| rule.effect == Effect::Stale)
    }

    /// Effects on a call, in the order of the rules.
    pub(crate) fn effects(&self, call: &Picked<'_>) -> Vec<Effect> {
        let mut progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (random, counts) = &mut *progress;
        let mut effects = Vec::new();
        for (rule, count) in self.faults.rules.iter().zip(counts) {
            let is = |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
            let action = rule.action.as_deref().is_none_or(|wanted| match wanted.strip_suffix('*') {
                Some(start) => call.action.starts_with(start),
                None => wanted == call.action,
            });
            if !(action
                && is(&rule.service, call.service)
                && is(&rule.region, call.region)
                && is(&rule.name, call.name))
            {
                continue;
            }
            *count += 1;
            if rule.nth.is_none_or(|nth| nth == *count)
                && rule.times.is_none_or(|times| *count <= times)
                && rule.probability.is_none_or(|probability| random.f64() < probability)
            {
                effects.push(rule.effect.clone());
            }
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_read_from_toml_pick_calls_by_action_count_and_name() {
        let text = r#"
            seed = 7
            [[rule]]
            service = "scf"
            action = "Create*"
            name = "f"
            nth = 2
            effect = "lose_answer"
            [[rule]]
            action = "GetFunction"
            times = 1
            effect = { refuse = { code = "InternalError" } }
            [[rule]]
            action = "PutTotal"
            probability = 0.0
            effect = { stay_pending = { reads = 3 } }
        "#;
        let player = FaultPlayer::new(toml::from_str(text).expect("valid rules"));
        let effects =
            |action: &str, name: &str| player.effects(&Picked { service: "scf", action, region: "ap-beijing", name });
        assert_eq!(effects("CreateFunction", "f"), []);
        assert_eq!(effects("CreateFunction", "other"), []);
        assert_eq!(effects("CreateTrigger", "f"), [Effect::LoseAnswer]);
        assert_eq!(effects("CreateTrigger", "f"), []);
        let refusal = Effect::Refuse { code: "InternalError".to_owned(), message: String::new() };
        assert_eq!(effects("GetFunction", "f"), [refusal]);
        assert_eq!(effects("GetFunction", "f"), []);
        assert_eq!(effects("PutTotal", "f"), []);
        assert!(toml::from_str::<Faults>("[[rule]]\neffect = 'explode'").is_err());
    }
}
