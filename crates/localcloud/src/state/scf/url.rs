//! Function URLs: the `http` triggers as their callers see them.

use serde_json::Value;

use super::super::State;

/// The function URL of one trigger.
#[derive(Debug, Clone)]
pub(crate) struct FunctionUrl {
    pub(crate) region: String,
    pub(crate) namespace: String,
    pub(crate) function: String,
    pub(crate) qualifier: String,
    pub(crate) enabled: bool,
    /// TriggerDesc as it comes back.
    pub(crate) desc: Value,
}

impl FunctionUrl {
    /// Whether callers must sign.
    pub(crate) fn is_signed(&self) -> bool {
        self.desc["AuthType"] == "CAM"
    }

    /// Whether it answers on that side.
    pub(crate) fn is_open(&self, intranet: bool) -> bool {
        self.desc["NetConfig"][if intranet { "EnableIntranet" } else { "EnableExtranet" }] == true
    }

    /// Whether events have the API gateway's further members.
    pub(crate) fn is_gateway_like(&self) -> bool {
        self.desc["ApiGwCompatible"] == true || self.desc["NetConfig"]["ApiGwCompatible"] == true
    }
}

impl State {
    /// The function URL of a trigger, by the trigger's name.
    pub(crate) fn function_url(&self, trigger: &str) -> Option<FunctionUrl> {
        self.functions.iter().find_map(|(_, function)| {
            let there = function.triggers.iter().find(|there| there.kind == "http" && there.name == trigger)?;
            Some(FunctionUrl {
                region: function.region.clone(),
                namespace: function.namespace.clone(),
                function: function.name.clone(),
                qualifier: there.qualifier.clone(),
                enabled: there.enabled,
                desc: serde_json::from_str(&there.desc).unwrap_or_default(),
            })
        })
    }

    /// The trigger that a host names, and whether by its intranet form:
    /// `APPID-TRIGGER.REGION.tencentscf.com`, `APPID-TRIGGER.in.REGION.tencentscf.com`.
    pub(crate) fn url_host(&self, host: &str) -> Option<(String, bool)> {
        let name = host.split(':').next()?.to_ascii_lowercase();
        let (first, region) = name.strip_suffix(".tencentscf.com")?.split_once('.')?;
        let (region, intranet) = region.strip_prefix("in.").map_or((region, false), |region| (region, true));
        let trigger = first.strip_prefix(&format!("{}-", self.app_id()))?;
        let url = self.function_url(trigger)?;
        (url.region == region).then(|| (trigger.to_owned(), intranet))
    }
}
