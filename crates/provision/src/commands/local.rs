//! `provision local`: the local cloud as a server, until it is told to stop.

use std::time::Duration;

use localcloud::{Faults, LocalCloud, Options, StartError};

use plan::render::style::visible;

use super::Run;
use crate::cli::LocalArgs;
use crate::error::{CommandError, exit};
use crate::session::LOCAL_FOLDER;

/// How often the stand-in for group robots is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Runs it.
pub(crate) async fn run(run: &mut Run, arguments: &LocalArgs) -> u8 {
    let options = match options(run, arguments) {
        Ok(options) => options,
        Err(error) => return run.fail(&error, None),
    };
    let cloud = match LocalCloud::start(options).await {
        Ok(cloud) => cloud,
        Err(source) => {
            let help = match &source {
                StartError::Listen { .. } => "choose another --listen, or stop what holds this one",
                StartError::Held { .. } => "choose another --data, or stop what holds this one",
                StartError::Store { .. } => "choose another folder with --data",
                StartError::Account { .. } => "such as --account 100000000001",
                _ => "choose another --listen or --data",
            };
            let error = CommandError::Local {
                doing: "cannot start the local cloud".to_owned(),
                source: source.into(),
                help: Some(help.to_owned()),
            };
            return run.fail(&error, None);
        }
    };
    run.ui.data(&format!("local cloud on http://{}\n", cloud.address()));
    run.ui.say(&format!(
        "key id `local`, secret `local`. `provision plan --local` finds it; other tools take it as their endpoint, such as\n  TENCENTCLOUD_SECRET_ID=local TENCENTCLOUD_SECRET_KEY=local provision plan --endpoint http://{}\nCtrl-C stops it; its state stays.",
        cloud.address()
    ));
    let stopped = crate::signals::stopped();
    tokio::pin!(stopped);
    let mut told = 0;
    loop {
        tokio::select! {
            () = &mut stopped => break,
            () = tokio::time::sleep(LOOK) => told = tell(run, &cloud, told),
        }
    }
    cloud.shutdown().await;
    exit::DONE
}

/// Prints what groups read since the last look; returns how many messages there are.
fn tell(run: &mut Run, cloud: &LocalCloud, told: usize) -> usize {
    let messages = cloud.wecom_messages();
    // The oldest are dropped when very many are kept; then everything that is there is new.
    for message in messages.get(told..).unwrap_or(&messages) {
        let key: String = message.key.chars().take(4).collect();
        let text = message.content.lines().map(|l| format!("  │ {}\n", visible(l))).collect::<String>();
        run.ui.data(&format!("the group of robot {key}… reads ({})\n{text}", visible(&message.msgtype)));
    }
    messages.len()
}

fn options(run: &Run, arguments: &LocalArgs) -> Result<Options, CommandError> {
    let keys = arguments
        .key
        .iter()
        .map(|pair| pair.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned())))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| CommandError::Usage {
            message: "--key takes ID:SECRET".to_owned(),
            help: Some("such as --key AKIDEXAMPLE:any-text".to_owned()),
        })?;
    let faults = match &arguments.faults {
        Some(path) => Some(Faults::load(&run.world.folder.join(path)).map_err(|e| CommandError::Local {
            doing: "cannot start the local cloud".to_owned(),
            source: e.into(),
            help: Some("docs/faults.md shows what a file of faults may hold".to_owned()),
        })?),
        None => None,
    };
    let data = arguments.data.clone().unwrap_or_else(|| LOCAL_FOLDER.into());
    Ok(Options {
        listen: arguments.listen,
        data: Some(run.world.folder.join(data)),
        wait: Duration::from_secs(10),
        announce: true,
        account: arguments.account.clone(),
        keys,
        faults,
        latency: Duration::from_millis(arguments.latency),
        rates: arguments.rates,
        quotas: !arguments.no_quotas,
        ..Options::default()
    })
}
