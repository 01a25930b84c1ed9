//! `provision permissions`: the least CAM policies for these manifests, and who may use them. Reads manifests only.

use std::collections::BTreeSet;

use plan::permissions::document::Resources;
use plan::permissions::show::{self, Shown};
use plan::permissions::trust::{Provider, System, TrustError, Wanted};
use plan::permissions::{Purpose, needs};

use super::Run;
use crate::cli::{self, PermissionsArgs, TrustSystem};
use crate::error::{CommandError, exit};
use crate::load::{Loaded, Values};

/// Runs it.
pub(crate) fn run(run: &mut Run, arguments: &PermissionsArgs) -> u8 {
    let loaded = match run.load_valid_with(Values::MayBeMissing) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let (account, all, trust) = match gather(run, arguments, &loaded) {
        Ok(gathered) => gathered,
        Err(error) => return run.fail(&error, Some(&loaded)),
    };
    let account = account.as_deref();
    if run.is_json() {
        run.ui.json(&show::json(&all, account, trust.as_ref().map(|(_, provider)| provider)));
    } else {
        let provider = trust.as_ref().map(|(system, provider)| (*system, provider));
        let text = show::text(&all, account, provider, run.ui.out_style);
        run.ui.data(&text);
    }
    exit::DONE
}

type Gathered = (Option<String>, Vec<Shown>, Option<(System, Provider)>);

fn gather(run: &Run, arguments: &PermissionsArgs, loaded: &Loaded) -> Result<Gathered, CommandError> {
    let account = account(run, arguments, loaded)?;
    let purposes = match arguments.purpose {
        Some(cli::Purpose::Plan) => vec![Purpose::Plan],
        Some(cli::Purpose::Apply) => vec![Purpose::Apply],
        None => vec![Purpose::Plan, Purpose::Apply],
    };
    let resources = match arguments.resources {
        cli::Resources::Named => Resources::Named,
        cli::Resources::Any => Resources::Any,
    };
    let stacks = || loaded.stacks.iter().map(|s| &s.stack);
    let name = |purpose: Purpose| match loaded.stacks.as_slice() {
        [one] => format!("provision-{}-{}", one.stack.name, purpose.word()),
        _ => format!("provision-{}", purpose.word()),
    };
    let mut all: Vec<Shown> = purposes
        .into_iter()
        .map(|purpose| Shown::new(purpose, name(purpose), needs(stacks(), purpose), account.as_deref(), resources))
        .collect();
    let Some((system, repository)) = arguments.trust.zip(arguments.repository.as_ref()) else {
        return Ok((account, all, None));
    };
    let Some(uin) = account.clone() else {
        return Err(CommandError::Usage {
            message: "a trust document names the account".to_owned(),
            help: Some("give --account UIN, or `account:` in the manifest".to_owned()),
        });
    };
    let wanted = Wanted {
        system: match system {
            TrustSystem::Github => System::Github,
            TrustSystem::Gitlab => System::Gitlab,
        },
        repository: repository.clone(),
        branch: arguments.branch.clone(),
        environment: arguments.environment.clone(),
        account: uin,
        provider: arguments.provider.clone(),
        issuer: arguments.issuer.clone(),
        audience: arguments.audience.clone(),
    };
    let refused = |e: TrustError| CommandError::Usage { message: e.to_string(), help: Some(e.help().to_owned()) };
    for one in &mut all {
        one.trust = Some(wanted.document(one.purpose).map_err(refused)?);
    }
    let provider = wanted.provider().map_err(refused)?;
    Ok((account, all, Some((wanted.system, provider))))
}

/// The one account that is meant.
fn account(run: &Run, arguments: &PermissionsArgs, loaded: &Loaded) -> Result<Option<String>, CommandError> {
    let usage = |message: String, help: &str| CommandError::Usage { message, help: Some(help.to_owned()) };
    if let Some(given) = &arguments.account {
        if given.is_empty() || !given.bytes().all(|b| b.is_ascii_digit()) {
            return Err(usage(format!("`{given}` is no owner uin"), "such as --account 100000000001"));
        }
        return Ok(Some(given.clone()));
    }
    let named: BTreeSet<&str> = loaded
        .stacks
        .iter()
        .filter_map(|s| s.stack.account.as_deref())
        .chain(run.world.variable("PROVISION_ACCOUNT"))
        .collect();
    if named.len() > 1 {
        let message = format!("the manifests are for several accounts: {}", Vec::from_iter(named).join(", "));
        return Err(usage(message, "choose stacks with --stack, or give --account UIN"));
    }
    Ok(named.first().map(|uin| (*uin).to_owned()))
}
