//! `bootstrap`: the environment becomes a configuration, the configuration a webhook, and the runtime feeds it.

use std::process::ExitCode;

use handler::config::Config;
use handler::webhook::Webhook;

fn main() -> ExitCode {
    scf_runtime::start(async || {
        let variable = |name: &str| std::env::var(name).ok();
        Ok(Webhook::of_instance(Config::from_variables(variable)?, variable))
    })
}
