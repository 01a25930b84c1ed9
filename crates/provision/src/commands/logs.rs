//! `provision logs FUNCTION`: what a function wrote. Where the platform has retired the call, says so plainly.

use std::collections::BTreeSet;
use std::time::Duration;

use plan::observed::FunctionKey;
use tencentcloud::scf;

use super::Run;
use super::invoke::named_function;
use crate::cli::LogsArgs;
use crate::error::{CommandError, exit};
use crate::observe::failed;
use crate::session::Session;

/// Runs it.
pub(crate) async fn run(run: &mut Run, arguments: &LogsArgs) -> u8 {
    let loaded = match run.load_valid() {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let function = match named_function(&loaded, &arguments.function) {
        Ok(function) => function,
        Err(error) => return run.fail(&error, None),
    };
    let (key, topic) = (&function.key, function.function.log.as_ref().map(|l| l.topic.clone()));
    let session = match run.open(&loaded).await {
        Ok(session) => session,
        Err(code) => return code,
    };
    if session.is_embedded() {
        run.ui.say("the embedded local cloud keeps logs as long as its process; `provision local` in another terminal keeps them between commands");
    }
    let result = follow(run, &session, key, topic.as_deref(), arguments).await;
    session.close().await;
    match result {
        Ok(()) => exit::DONE,
        Err(error) => run.fail(&error, None),
    }
}

async fn follow(
    run: &mut Run,
    session: &Session,
    key: &FunctionKey,
    topic: Option<&str>,
    arguments: &LogsArgs,
) -> Result<(), CommandError> {
    let mut seen = BTreeSet::new();
    loop {
        let rows = match read(session, key, None, arguments.limit).await {
            Ok(rows) => rows,
            Err(error)
                if error.is_action_unknown() || error.code().is_some_and(|c| c.starts_with("UnsupportedOperation")) =>
            {
                return Err(retired(topic, error));
            }
            Err(error) => return Err(failed(format!("read the logs of {key}"), Some(key))(error)),
        };
        for row in rows.iter().rev() {
            if seen.insert(row.request_id.clone()) {
                run.ui.data(&text(row));
            }
        }
        if !arguments.follow {
            if rows.is_empty() {
                run.ui.say("no runs are on record");
            }
            return Ok(());
        }
        // One look a second is far below the documented 20 a second and feels immediate.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn retired(topic: Option<&str>, error: tencentcloud::Error) -> CommandError {
    let help = match topic {
        Some(topic) => format!("the function's log topic is {topic}: read it in the log service (CLS)"),
        None => "declare `log: { logset, topic }` and read the topic in the log service (CLS)".to_owned(),
    };
    CommandError::Local {
        doing: "the platform has retired GetFunctionLogs".to_owned(),
        source: error.into(),
        help: Some(help),
    }
}

/// The latest runs, or one of them.
pub(super) async fn read(
    session: &Session,
    key: &FunctionKey,
    request: Option<&str>,
    limit: u64,
) -> Result<Vec<scf::FunctionLog>, tencentcloud::Error> {
    let request = scf::GetFunctionLogs {
        function_name: Some(key.name.clone()),
        namespace: Some(key.namespace.clone()),
        function_request_id: request.map(str::to_owned),
        limit: Some(limit),
        offset: Some(0),
        order: Some("desc".to_owned()),
        order_by: Some("start_time".to_owned()),
        ..Default::default()
    };
    Ok(session.client.call(Some(&key.region), &request).await?.data)
}

/// One run's log.
pub(super) fn text(row: &scf::FunctionLog) -> String {
    let log = row.log.as_deref().unwrap_or_default().trim_end();
    format!("{log}\n")
}
