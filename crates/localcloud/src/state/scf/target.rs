//! What a run needs to know of a function, taken out of the state in one go.

use std::sync::Arc;

use super::super::{Context, State};
use super::{Config, Status};
use crate::refusal::{Refusal, refuse};

/// One version of a function, ready to run.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) region: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// A number or `$LATEST`.
    pub(crate) version: String,
    /// Changes whenever what runs changes; instances of other revisions are retired.
    pub(crate) revision: u64,
    pub(crate) runtime: String,
    pub(crate) kind: String,
    pub(crate) handler: String,
    pub(crate) config: Config,
    /// Digest and bytes of the package; `None` when the code is not here.
    pub(crate) package: Option<(String, Arc<[u8]>)>,
    pub(crate) asynchronous: bool,
    pub(crate) retries: i64,
    pub(crate) max_age_s: i64,
    pub(crate) reserved_mb: Option<i64>,
    pub(crate) uin: String,
    pub(crate) app_id: u64,
}

impl Target {
    /// Names the function, whatever the version.
    pub(crate) fn function(&self) -> String {
        super::key(&self.region, &self.namespace, &self.name)
    }

    /// Names what its instances have in common.
    pub(crate) fn pool(&self) -> String {
        format!("{}@{}#{}", self.function(), self.version, self.revision)
    }
}

/// A timer trigger that is switched on.
pub(crate) struct Timer {
    pub(crate) region: String,
    pub(crate) namespace: String,
    pub(crate) function: String,
    pub(crate) qualifier: String,
    pub(crate) name: String,
    pub(crate) cron: super::cron::Cron,
    pub(crate) argument: String,
}

impl State {
    /// What a qualifier of a function runs. An alias with a further version picks by weight.
    pub(crate) fn target(
        &mut self,
        region: &str,
        namespace: &str,
        name: &str,
        qualifier: &str,
        cx: &Context,
    ) -> Result<Target, Refusal> {
        let (uin, app_id) = (self.uin().to_owned(), self.app_id());
        let function = self.function(region, namespace, name, cx)?;
        if let Status::Creating | Status::CreateFailed | Status::Deleting = function.status {
            return refuse(
                "FailedOperation.FunctionStatusError",
                format!("function {name} is in status {} and cannot be invoked", function.status.text()),
            );
        }
        let further = function.aliases.get(qualifier).and_then(|alias| alias.drawn(fastrand::f64()));
        let version =
            function.version_of(further.as_deref().unwrap_or(qualifier), "ResourceNotFound.FunctionVersion")?;
        let published = version.map(|number| &function.versions[&number]);
        let code = published.map_or(&function.code, |version| &version.code);
        let digest = code.digest().map(str::to_owned);
        let mut target = Target {
            region: region.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: version.map_or_else(|| "$LATEST".to_owned(), |number| number.to_string()),
            revision: version.map_or(function.revision, |_| 0),
            runtime: function.runtime.clone(),
            kind: function.kind.clone(),
            handler: published.map_or(&function.handler, |version| &version.handler).clone(),
            config: published.map_or(&function.config, |version| &version.config).clone(),
            package: None,
            asynchronous: function.asynchronous,
            retries: function.retries,
            max_age_s: function.max_age_s,
            reserved_mb: function.reserved_mb,
            uin,
            app_id,
        };
        target.package = digest.and_then(|digest| self.packages.get(&digest).map(|bytes| (digest, bytes)));
        Ok(target)
    }

    /// Credentials of an execution role, as (id, key, token).
    pub(crate) fn role_credentials(&mut self, role: &str, cx: &Context) -> Option<(String, String, String)> {
        let id = self.role(role)?.id.clone();
        let session = self.new_session(&id, "scf", 6 * 3600, cx);
        let text = |member: &str| session["Credentials"][member].as_str().unwrap_or_default().to_owned();
        Some((text("TmpSecretId"), text("TmpSecretKey"), text("Token")))
    }

    /// Timers that are switched on, of every region.
    pub(crate) fn timers(&self) -> Vec<Timer> {
        let mut timers = Vec::new();
        for (_, function) in self.functions.iter() {
            for trigger in function.triggers.iter().filter(|trigger| trigger.kind == "timer" && trigger.enabled) {
                let cron = super::trigger_desc::cron_of(&trigger.desc).and_then(|text| super::cron::Cron::parse(&text));
                let Some(cron) = cron else { continue };
                timers.push(Timer {
                    region: function.region.clone(),
                    namespace: function.namespace.clone(),
                    function: function.name.clone(),
                    qualifier: trigger.qualifier.clone(),
                    name: trigger.name.clone(),
                    cron,
                    argument: trigger.argument.clone(),
                });
            }
        }
        timers
    }
}
