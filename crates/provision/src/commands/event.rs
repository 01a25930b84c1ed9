//! `provision event SAMPLE`: prints a realistic event; `--send` delivers it through the bound trigger of the local
//! cloud and shows what became of it: the run, its log, and what the group reads.

use std::time::{Duration, Instant};

use plan::desired::FunctionResource;
use plan::resource::trigger::Spec;
use serde_json::{Value as Json, json};
use tencentcloud::scf;

use super::{Run, logs};
use crate::cli::EventArgs;
use crate::error::{CommandError, exit};
use crate::load::Loaded;
use crate::local_http;
use crate::observe::failed;
use crate::samples::{self, Sample};
use crate::session::Session;

/// How long a delivered event may take: the longest time limit of a function, and a start.
const LIMIT: Duration = Duration::from_secs(960);

/// Runs it.
pub(crate) async fn run(run: &mut Run, arguments: &EventArgs) -> u8 {
    let (sample, event) = match event(arguments) {
        Ok(found) => found,
        Err(error) => return run.fail(&error, None),
    };
    let Some(sample) = sample else {
        if run.is_json() {
            let samples: Vec<_> =
                samples::ALL.iter().map(|s| json!({ "name": s.name, "trigger": s.trigger })).collect();
            run.ui.json(&json!({ "format_version": "1", "samples": samples }));
            return exit::DONE;
        }
        for sample in samples::ALL {
            run.ui.data(&format!("{:24} {}\n", sample.name, sample.trigger));
        }
        return exit::DONE;
    };
    if !arguments.send {
        run.ui.json(&event);
        return exit::DONE;
    }
    let loaded = match run.load_valid() {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    match send(run, &loaded, sample, &event).await {
        Ok(code) => code,
        Err(error) => run.fail(&error, None),
    }
}

/// The sample named, changed as asked; `None` lists them.
fn event(arguments: &EventArgs) -> Result<(Option<&'static Sample>, Json), CommandError> {
    let Some(name) = &arguments.sample else { return Ok((None, Json::Null)) };
    let Some(sample) = samples::ALL.iter().find(|s| s.name == name) else {
        let close = plan::diagnostic::did_you_mean(name, samples::ALL.iter().map(|s| s.name));
        return Err(CommandError::Usage {
            message: format!("no sample is called `{name}`"),
            help: Some(
                close.map_or_else(|| "`provision event` lists them".to_owned(), |c| format!("did you mean `{c}`?")),
            ),
        });
    };
    let mut event = sample.event();
    for pair in &arguments.set {
        let Some((path, value)) = pair.split_once('=') else {
            return Err(CommandError::Usage {
                message: "--set takes PATH=VALUE".to_owned(),
                help: Some("such as --set WorkflowTaskEvent.Status=PROCESSING".to_owned()),
            });
        };
        samples::set(&mut event, path, value).map_err(|message| CommandError::Usage { message, help: None })?;
    }
    Ok((Some(sample), event))
}

/// The function whose trigger takes this event.
fn receiver<'l>(loaded: &'l Loaded, sample: &Sample, event: &Json) -> Option<&'l FunctionResource> {
    let kind = event["EventType"].as_str().unwrap_or_default();
    loaded.stacks.iter().flat_map(|s| s.stack.functions.iter()).find(|f| {
        f.triggers.iter().any(|t| match &t.trigger.spec {
            Spec::Mps { event } => sample.trigger == "mps" && event == kind,
            _ => t.trigger.kind() == sample.trigger,
        })
    })
}

async fn send(run: &mut Run, loaded: &Loaded, sample: &Sample, event: &Json) -> Result<u8, CommandError> {
    let account = loaded.stacks.iter().find_map(|s| s.stack.account.clone());
    let session = Session::open(&run.global, &run.world, &run.ui.secrets, account.as_deref()).await?;
    let result = deliver(run, &session, loaded, sample, event).await;
    session.close().await;
    result
}

async fn deliver(
    run: &mut Run,
    session: &Session,
    loaded: &Loaded,
    sample: &Sample,
    event: &Json,
) -> Result<u8, CommandError> {
    let Some(address) = session.local_address() else {
        return Err(CommandError::Usage {
            message: "--send delivers on the local cloud only".to_owned(),
            help: Some("add --local; on the real cloud, run a task or use `provision invoke`".to_owned()),
        });
    };
    let Some(function) = receiver(loaded, sample, event) else {
        return Err(CommandError::Usage {
            message: "no function of the manifests has a trigger for this event".to_owned(),
            help: Some("declare one, or use `provision invoke FUNCTION --event FILE`".to_owned()),
        });
    };
    let key = &function.key;
    let before = messages(address).await?.len();
    let started = Instant::now();
    let id = if sample.trigger == "mps" {
        through_binding(address, event).await?
    } else {
        straight(session, function, event).await?
    };
    let accepted = started.elapsed();
    let status = wait(session, function, &id).await?;
    let took = started.elapsed();
    let log =
        logs::read(session, key, Some(&id), 1).await.map_err(failed(format!("read the log of {key}"), Some(key)))?;
    let told: Vec<Json> = messages(address).await?.into_iter().skip(before).collect();
    Ok(show(run, function, &id, &status, &log, &told, (accepted, took)))
}

/// Through the MPS binding, as the media service does it.
async fn through_binding(address: &str, event: &Json) -> Result<String, CommandError> {
    let (status, body) =
        local_http::request(address, "POST", "/_local/mps-events", event.to_string().as_bytes()).await?;
    let answer: Json = serde_json::from_slice(&body).unwrap_or(Json::Null);
    let response = &answer["Response"];
    if let Some(message) = response["Error"]["Message"].as_str() {
        return Err(CommandError::Refused {
            message: message.to_owned(),
            help: Some("`provision apply --local` binds the triggers of the manifest".to_owned()),
        });
    }
    response["FunctionRequestId"].as_str().map(str::to_owned).ok_or_else(|| CommandError::Local {
        doing: "the local cloud did not take the event".to_owned(),
        source: format!("it answered with status {status}").into(),
        help: None,
    })
}

/// Other triggers end in an asynchronous run of the function; so does this.
async fn straight(session: &Session, function: &FunctionResource, event: &Json) -> Result<String, CommandError> {
    let key = &function.key;
    let request = scf::Invoke {
        function_name: key.name.clone(),
        namespace: Some(key.namespace.clone()),
        qualifier: Some("$DEFAULT".to_owned()),
        client_context: Some(event.to_string()),
        invocation_type: Some("Event".to_owned()),
        ..Default::default()
    };
    let answer = session
        .client
        .call(Some(&key.region), &request)
        .await
        .map_err(failed(format!("send an event to function {key}"), Some(&key)))?;
    Ok(answer.result.function_request_id.unwrap_or_default())
}

/// Waits until the run has ended. Retries of a failed run are not waited for: the first end is told.
async fn wait(session: &Session, function: &FunctionResource, id: &str) -> Result<scf::RequestStatus, CommandError> {
    let key = &function.key;
    let request = scf::GetRequestStatus {
        function_name: key.name.clone(),
        namespace: Some(key.namespace.clone()),
        function_request_id: id.to_owned(),
        ..Default::default()
    };
    let until = Instant::now() + LIMIT;
    let mut pause = Duration::from_millis(10);
    loop {
        let answer = session
            .client
            .call(Some(&key.region), &request)
            .await
            .map_err(failed(format!("read the run {id}"), Some(&key)))?;
        // 1 is "still running" (facts SCF 2.7).
        match answer.data.into_iter().next() {
            Some(status) if status.ret_code != Some(1) => return Ok(status),
            _ if Instant::now() > until => {
                return Err(CommandError::Local {
                    doing: format!("the run {id} did not end"),
                    source: format!("{} seconds are over", LIMIT.as_secs()).into(),
                    help: None,
                });
            }
            _ => tokio::time::sleep(pause).await,
        }
        pause = (pause * 3 / 2).min(Duration::from_millis(250));
    }
}

async fn messages(address: &str) -> Result<Vec<Json>, CommandError> {
    let (_, body) = local_http::request(address, "GET", "/_local/wecom-messages", b"").await?;
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

fn show(
    run: &mut Run,
    function: &FunctionResource,
    id: &str,
    status: &scf::RequestStatus,
    log: &[scf::FunctionLog],
    told: &[Json],
    (accepted, took): (Duration, Duration),
) -> u8 {
    let done = status.ret_code == Some(0);
    let duration = status.duration.unwrap_or_default();
    if run.is_json() {
        let log: Vec<_> = log.iter().map(logs::text).collect();
        run.ui.json(&json!({
            "format_version": "1", "function": function.address, "request_id": id, "succeeded": done, "duration_ms": duration, "result": status.ret_msg, "log": log.concat(), "messages": told,
        }));
        return if done { exit::DONE } else { exit::FAILED };
    }
    let style = run.ui.out_style;
    run.ui.data(&format!("{}\n", style.bold(&format!("{} took the event (request {id})", function.address))));
    for row in log {
        let text = logs::text(row).lines().map(|l| format!("  {}\n", style.dim(l))).collect::<String>();
        run.ui.data(&text);
    }
    for message in told {
        run.ui.data(&format!("\n{}\n", style.bold("the group reads")));
        let text = message["content"]
            .as_str()
            .unwrap_or_default()
            .lines()
            .map(|l| format!("  {} {l}\n", style.dim("│")))
            .collect::<String>();
        run.ui.data(&text);
    }
    let ms = |d: Duration| format!("{:.0} ms", d.as_secs_f64() * 1000.0);
    run.ui.data(&format!(
        "\n{}: accepted in {}, run took {duration:.0} ms, all in {}\n",
        if done { style.green("delivered") } else { style.red("failed") },
        ms(accepted),
        ms(took)
    ));
    if done { exit::DONE } else { exit::FAILED }
}
