//! `provision invoke FUNCTION`: runs a function once and shows its answer, its log and its figures.

use plan::desired::FunctionResource;
use plan::observed::FunctionKey;
use serde_json::{Value as Json, json};
use tencentcloud::scf;

use super::Run;
use crate::cli::InvokeArgs;
use crate::error::{CommandError, exit};
use crate::load::Loaded;
use crate::observe::failed;
use crate::session::Session;

/// Runs it.
pub(crate) async fn run(run: &mut Run, arguments: &InvokeArgs) -> u8 {
    let loaded = match run.load_valid() {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    match invoke(run, arguments, &loaded).await {
        Ok(code) => code,
        Err(error) => run.fail(&error, None),
    }
}

async fn invoke(run: &mut Run, arguments: &InvokeArgs, loaded: &Loaded) -> Result<u8, CommandError> {
    let function = named_function(loaded, &arguments.function)?;
    let key = &function.key;
    let event = event_text(run, arguments)?;
    let account = loaded.stacks.iter().find_map(|s| s.stack.account.clone());
    let session = Session::open(&run.global, &run.world, &run.ui.secrets, account.as_deref()).await?;
    let result = if arguments.asynchronous {
        send(&session, key, &event, &arguments.qualifier).await
    } else {
        call(&session, key, &event, &arguments.qualifier).await
    };
    session.close().await;
    let result = result?;
    Ok(show(run, &function.address.to_string(), &result, arguments.asynchronous))
}

/// A function of the manifests by id or address.
pub(super) fn named_function<'l>(loaded: &'l Loaded, wanted: &str) -> Result<&'l FunctionResource, CommandError> {
    let id = wanted.strip_prefix("function.").unwrap_or(wanted);
    let all = || loaded.stacks.iter().flat_map(|s| s.stack.functions.iter());
    let found: Vec<&FunctionResource> = all().filter(|f| f.id == id || f.key.name == id).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let close = plan::diagnostic::did_you_mean(id, all().map(|f| f.id.as_str()));
            Err(CommandError::Usage {
                message: format!("no manifest declares a function `{id}`"),
                help: close.map(|c| format!("did you mean `{c}`?")).or_else(|| declared(all())),
            })
        }
        _ => Err(CommandError::Usage {
            message: format!("several stacks declare a function `{id}`"),
            help: Some("choose one with --stack".to_owned()),
        }),
    }
}

/// The functions there are, as far as they fit on a line.
fn declared<'l>(functions: impl Iterator<Item = &'l FunctionResource>) -> Option<String> {
    let ids: Vec<&str> = functions.map(|f| f.id.as_str()).collect();
    match ids.as_slice() {
        [] => None,
        few if few.len() <= 8 => Some(format!("declared are: {}", few.join(", "))),
        [first @ .., _] => Some(format!("declared are {}, such as {}", ids.len(), first[..3].join(", "))),
    }
}

fn event_text(run: &Run, arguments: &InvokeArgs) -> Result<String, CommandError> {
    let Some(path) = &arguments.event else { return Ok("{}".to_owned()) };
    let text = std::fs::read_to_string(run.world.folder.join(path)).map_err(|e| CommandError::Local {
        doing: format!("cannot read the event {}", path.display()),
        source: e.into(),
        help: None,
    })?;
    serde_json::from_str::<Json>(&text).map_err(|e| CommandError::Local {
        doing: format!("the event {} is not JSON", path.display()),
        source: e.into(),
        help: Some("`provision event SAMPLE` prints one".to_owned()),
    })?;
    Ok(text)
}

async fn call(
    session: &Session,
    key: &FunctionKey,
    event: &str,
    qualifier: &str,
) -> Result<scf::InvocationResult, CommandError> {
    let request = scf::InvokeFunction {
        function_name: key.name.clone(),
        namespace: Some(key.namespace.clone()),
        qualifier: Some(qualifier.to_owned()),
        event: Some(event.to_owned()),
        log_type: Some("Tail".to_owned()),
        ..Default::default()
    };
    // The server waits up to 300 s for the function (facts SCF 2.7).
    let limit = std::time::Duration::from_secs(310);
    let answer = session
        .client
        .call_within(limit, Some(&key.region), &request)
        .await
        .map_err(failed(format!("invoke function {key}"), Some(key)))?;
    Ok(answer.result)
}

async fn send(
    session: &Session,
    key: &FunctionKey,
    event: &str,
    qualifier: &str,
) -> Result<scf::InvocationResult, CommandError> {
    let request = scf::Invoke {
        function_name: key.name.clone(),
        namespace: Some(key.namespace.clone()),
        qualifier: Some(qualifier.to_owned()),
        client_context: Some(event.to_owned()),
        invocation_type: Some("Event".to_owned()),
        ..Default::default()
    };
    let answer = session
        .client
        .call(Some(&key.region), &request)
        .await
        .map_err(failed(format!("send an event to function {key}"), Some(key)))?;
    Ok(answer.result)
}

fn show(run: &mut Run, address: &str, result: &scf::InvocationResult, asynchronous: bool) -> u8 {
    let message = result.err_msg.clone().unwrap_or_default();
    let failed = !message.is_empty();
    if run.is_json() {
        run.ui.json(&json!({
            "format_version": "1", "function": address, "request_id": result.function_request_id, "failed": failed, "result": result.ret_msg, "error": message,
            "log": result.log, "duration_ms": result.duration, "billed_ms": result.bill_duration, "memory_bytes": result.mem_usage,
        }));
        return if failed { exit::FAILED } else { exit::DONE };
    }
    let id = result.function_request_id.clone().unwrap_or_default();
    if asynchronous {
        run.ui.data(&format!("sent to {address} (request {id})\n"));
        return exit::DONE;
    }
    if let Some(log) = result.log.as_deref().filter(|l| !l.is_empty()) {
        let log = run.ui.err_style.dim(log.trim_end());
        run.ui.say(&log);
    }
    let figures = format!(
        "{:.1} ms, {:.1} MB",
        result.duration.unwrap_or_default(),
        f64_of(result.mem_usage.unwrap_or_default()) / 1_048_576.0
    );
    run.ui.say(&format!("{address}: {} in {figures} (request {id})", if failed { "failed" } else { "answered" }));
    if failed {
        let message = run.ui.out_style.red(&message);
        run.ui.data(&format!("{message}\n"));
        return exit::FAILED;
    }
    run.ui.data(&format!("{}\n", result.ret_msg.as_deref().unwrap_or_default()));
    exit::DONE
}

/// Bytes as a float for display.
#[expect(clippy::cast_precision_loss, reason = "a figure for people; memory stays far below 2^52")]
fn f64_of(bytes: u64) -> f64 {
    bytes as f64
}
