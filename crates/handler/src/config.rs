//! The environment, read once at init. A variable that is set but empty counts as unset. What cannot be meant is
//! refused here, in words, so that a bad deployment fails at once and not with the first event.

use std::fmt;

use tencentcloud::Url;

use crate::message::{Lang, Style};

/// Where robots listen, in front of their key (WeCom robot page 91770).
const ROBOT_URL: &str = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=";

/// Everything the handler can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The group's robots; at least one.
    pub robots: Vec<RobotUrl>,
    /// Language and mentions of messages.
    pub style: Style,
    /// Which events are worth a message.
    pub notify_on: NotifyOn,
    /// Functions that get the event too.
    pub fanout: Vec<Target>,
    /// Where fan-out calls go instead of the platform's endpoint.
    pub endpoint: Option<Url>,
    /// What was set and is of no use, one sentence each; for the log.
    pub warnings: Vec<String>,
}

/// A robot's whole address, which is its only credential. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct RobotUrl(String);

impl RobotUrl {
    /// The address. For sending only.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What must not be seen in any text: the address, and what identifies the robot in it.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let query = self.0.split_once('?').map(|(_, query)| query);
        let values = query.into_iter().flat_map(|it| it.split('&')).map(|it| it.split_once('=').map_or(it, |(_, v)| v));
        // A proxy may carry its secret in the path.
        let path = self.0.split(['?', '/']).filter(|segment| segment.len() >= 16);
        std::iter::once(self.0.as_str()).chain(values).chain(path)
    }
}

impl fmt::Debug for RobotUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RobotUrl(..)")
    }
}

/// Which events are worth a message. Unknown and unreadable events always are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NotifyOn {
    /// Ended tasks, however they ended (`NOTIFY_ON` unset).
    #[default]
    Ended,
    /// Every event, also of tasks still on their way (`all`).
    All,
    /// Failures, partial ones too, and moderation findings (`failure`).
    Failure,
}

/// A further function, `namespace/function@qualifier`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `default` unless given.
    pub namespace: String,
    /// The function's name.
    pub function: String,
    /// `$DEFAULT` unless given.
    pub qualifier: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.namespace, self.function, self.qualifier)
    }
}

/// Why a configuration is refused. Values of secret variables are never quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nowhere to send messages to.
    #[error("no usable WeCom robot: set WECOM_WEBHOOK_KEY or WECOM_WEBHOOK_URL{}", reasons(.0))]
    NoRobot(Vec<String>),
    /// A variable has a value that it cannot have.
    #[error("{variable} is `{value}`: expected {expected}")]
    Value {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The function is a target of its own fan-out.
    #[error("FANOUT names this function itself ({0}): every event would call it again without end")]
    Loop(Target),
}

fn reasons(reasons: &[String]) -> String {
    reasons.iter().map(|reason| format!("; {reason}")).collect()
}

impl Config {
    /// Reads the configuration through `variable`, which looks up environment variables.
    ///
    /// # Errors
    /// [`ConfigError`], for the first variable that cannot be used.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let read = |name: &str| variable(name).map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
        let list = |name: &str| -> Vec<String> {
            let items = read(name).unwrap_or_default();
            items.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
        };
        let mut warnings = Vec::new();
        let robots = robots(&list("WECOM_WEBHOOK_URL"), &list("WECOM_WEBHOOK_KEY"), &mut warnings);
        if robots.is_empty() {
            return Err(ConfigError::NoRobot(warnings));
        }
        let fanout = list("FANOUT").iter().map(|item| target(item)).collect::<Result<Vec<_>, _>>()?;
        let own_name = read("SCF_FUNCTIONNAME").unwrap_or_default();
        let own_namespace = read("SCF_NAMESPACE").unwrap_or_else(|| "default".into());
        if let Some(own) = fanout.iter().find(|it| it.function == own_name && it.namespace == own_namespace) {
            return Err(ConfigError::Loop(own.clone()));
        }
        Ok(Self {
            robots,
            style: Style {
                lang: choice("NOTIFY_LANG", read("NOTIFY_LANG"), &[("zh", Lang::Zh), ("en", Lang::En)], "zh or en")?,
                mention: list("MENTION").iter().map(|user| mention(user)).collect::<Result<_, _>>()?,
            },
            notify_on: choice(
                "NOTIFY_ON",
                read("NOTIFY_ON"),
                &[("all", NotifyOn::All), ("failure", NotifyOn::Failure)],
                "all or failure",
            )?,
            fanout: without_repeats(fanout),
            endpoint: read("PROVISION_ENDPOINT").map(endpoint).transpose()?,
            warnings,
        })
    }
}

/// Whole addresses come first: a test or a proxy that sets one must not see half of its messages go elsewhere.
fn robots(urls: &[String], keys: &[String], warnings: &mut Vec<String>) -> Vec<RobotUrl> {
    let mut robots = Vec::new();
    let mut take = |variable: &str, at: usize, address: Result<String, &str>| match address {
        Ok(address) if !robots.contains(&RobotUrl(address.clone())) => robots.push(RobotUrl(address)),
        Ok(_) => warnings.push(format!("item {} of {variable} repeats another one", at + 1)),
        Err(problem) => warnings.push(format!("item {} of {variable} {problem}", at + 1)),
    };
    for (at, url) in urls.iter().enumerate() {
        take("WECOM_WEBHOOK_URL", at, whole_address(url));
    }
    if urls.is_empty() {
        for (at, key) in keys.iter().enumerate() {
            let is_key = key.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'));
            let address = if key.contains("://") {
                whole_address(key)
            } else if is_key {
                Ok(format!("{ROBOT_URL}{key}"))
            } else {
                Err("is no robot key")
            };
            take("WECOM_WEBHOOK_KEY", at, address);
        }
    }
    robots
}

fn whole_address(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no URL")?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(text.to_owned()),
        _ => Err("is no http or https URL"),
    }
}

fn endpoint(text: String) -> Result<Url, ConfigError> {
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or(ConfigError::Value { variable: "PROVISION_ENDPOINT", value: text, expected: "an http or https URL" })
}

fn target(item: &str) -> Result<Target, ConfigError> {
    let (namespace, rest) = item.split_once('/').unwrap_or(("default", item));
    let (function, qualifier) = rest.split_once('@').unwrap_or((rest, "$DEFAULT"));
    let named =
        |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'));
    if !named(namespace) || !named(function) || !named(qualifier.strip_prefix('$').unwrap_or(qualifier)) {
        return Err(ConfigError::Value {
            variable: "FANOUT",
            value: item.to_owned(),
            expected: "a comma list of namespace/function@qualifier",
        });
    }
    Ok(Target { namespace: namespace.into(), function: function.into(), qualifier: qualifier.into() })
}

fn mention(user: &str) -> Result<String, ConfigError> {
    // `@all` and `all` both call everybody; user ids hold no other characters (WeCom contact pages).
    let id = user.trim_start_matches('@');
    let fits = !id.is_empty() && id.chars().all(|it| it.is_alphanumeric() || matches!(it, '.' | '-' | '_' | '@'));
    let value =
        || ConfigError::Value { variable: "MENTION", value: user.to_owned(), expected: "a comma list of user ids" };
    if fits { Ok(id.to_owned()) } else { Err(value()) }
}

fn choice<T: Copy + Default>(
    variable: &'static str,
    value: Option<String>,
    choices: &[(&str, T)],
    expected: &'static str,
) -> Result<T, ConfigError> {
    let Some(value) = value else { return Ok(T::default()) };
    let found = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(&value));
    found.map(|(_, choice)| *choice).ok_or(ConfigError::Value { variable, value, expected })
}

fn without_repeats(targets: Vec<Target>) -> Vec<Target> {
    let mut kept = Vec::new();
    for target in targets {
        if !kept.contains(&target) {
            kept.push(target);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let lookup = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::from_variables(lookup).map_err(|error| error.to_string())
    }

    const KEY: (&str, &str) = ("WECOM_WEBHOOK_KEY", "0000-canary");

    #[test]
    fn one_key_is_enough_and_everything_else_has_a_default() {
        let config = config(&[KEY, ("NOTIFY_LANG", ""), ("FANOUT", " "), ("MENTION", "")]).expect("usable");
        assert_eq!(config.robots.len(), 1);
        assert_eq!(config.robots[0].reveal(), "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0000-canary");
        assert_eq!((config.style.lang, config.notify_on), (Lang::Zh, NotifyOn::Ended));
        assert!(config.fanout.is_empty() && config.warnings.is_empty());
    }

    #[test]
    fn no_usable_robot_is_refused_without_quoting_it() {
        for pairs in [&[][..], &[("WECOM_WEBHOOK_KEY", " , ")][..], &[("WECOM_WEBHOOK_KEY", "not a key canary")][..]] {
            let words = config(pairs).expect_err("no robot");
            assert!(words.starts_with("no usable WeCom robot") && !words.contains("canary"), "{words}");
        }
        assert!(
            config(&[("WECOM_WEBHOOK_URL", "ftp://x/canary")])
                .expect_err("no robot")
                .contains("item 1 of WECOM_WEBHOOK_URL")
        );
    }

    #[test]
    fn one_bad_robot_among_good_ones_is_a_warning() {
        let config = config(&[("WECOM_WEBHOOK_KEY", "a-1, b 2 ,a-1,c-3")]).expect("usable");
        assert_eq!(config.robots.len(), 2);
        assert_eq!(config.warnings.len(), 2);
    }

    #[test]
    fn debug_shows_no_robot() {
        assert!(!format!("{:?}", config(&[KEY])).contains("canary"));
    }

    #[test]
    fn fanout_items_may_leave_out_namespace_and_qualifier() {
        let config = config(&[KEY, ("FANOUT", "a, media/b, c@live, media/d@$LATEST, a")]).expect("usable");
        let targets: Vec<_> = config.fanout.iter().map(ToString::to_string).collect();
        assert_eq!(targets, ["default/a@$DEFAULT", "media/b@$DEFAULT", "default/c@live", "media/d@$LATEST"]);
    }

    #[test]
    fn a_fanout_to_itself_is_refused() {
        let own = [KEY, ("FANOUT", "x,me"), ("SCF_FUNCTIONNAME", "me")];
        assert!(config(&own).expect_err("a loop").contains("default/me@$DEFAULT"));
        assert!(config(&[KEY, ("FANOUT", "me"), ("SCF_FUNCTIONNAME", "me"), ("SCF_NAMESPACE", "media")]).is_ok());
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused_by_name() {
        for (name, value) in [("NOTIFY_LANG", "fr"), ("NOTIFY_ON", "never"), ("FANOUT", "a/b/c"), ("MENTION", "a b>")] {
            let words = config(&[KEY, (name, value)]).expect_err("refused");
            assert!(words.contains(name) && words.contains(value), "{words}");
        }
    }
}
