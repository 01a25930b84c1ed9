//! The actions about running functions: Invoke, InvokeFunction, GetRequestStatus, GetFunctionLogs.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::events::Address;
use super::records::{Record, megabytes};
use super::{Run, Status};
use crate::cloud::Cloud;
use crate::encoding::platform_time;
use crate::refusal::{Answer, members, refuse};
use crate::state::args::Args;
use crate::state::{Call, Context, uuid};

/// Largest synchronous event, in bytes (quota page 583/11637).
const MAX_EVENT: usize = 6 * 1024 * 1024;
/// Bytes of log that a call with LogType Tail brings back.
const TAIL: usize = 4096;

/// Whether an action is one of these.
pub(crate) fn is_about_runs(call: &Call) -> bool {
    call.service == "scf"
        && ["Invoke", "InvokeFunction", "GetRequestStatus", "GetFunctionLogs"].contains(&call.action.as_str())
}

impl Cloud {
    /// Carries out one of these actions.
    pub(crate) async fn about_runs(self: &Arc<Self>, call: &Call, context: &Context) -> Answer {
        let args = Args(&call.members);
        if call.region.is_empty() {
            return refuse("MissingParameter", "the request lacks the common parameter `Region`");
        }
        match call.action.as_str() {
            // The two differ in their default qualifier.
            "Invoke" => self.invoke(call, "ClientContext", "$LATEST").await,
            "InvokeFunction" => self.invoke(call, "Event", "$DEFAULT").await,
            "GetRequestStatus" => {
                let id = args.text_or("FunctionRequestId", "").to_owned();
                let rows = self.records(call, context, |record| record.request_id == id).await?;
                let rows: Vec<Value> = rows.iter().take(1).map(|record| status_row(call, record)).collect();
                Ok(members(json!({"TotalCount": rows.len(), "Data": rows})))
            }
            _ => self.logs(call, context).await,
        }
    }

    async fn invoke(self: &Arc<Self>, call: &Call, event: &str, qualifier: &str) -> Answer {
        let args = Args(&call.members);
        let address = Address {
            region: &call.region,
            namespace: args.text_or("Namespace", "default"),
            function: args.text_or("FunctionName", ""),
            qualifier: args.text_or("Qualifier", qualifier),
        };
        // Clients may leave the event out; functions then see an empty object.
        let event = match args.text_or(event, "") {
            "" => "{}",
            text => text,
        };
        if serde_json::from_str::<serde::de::IgnoredAny>(event).is_err() {
            return refuse("InvalidParameter.Payload", "the event is not JSON");
        }
        if event.len() > MAX_EVENT {
            return refuse("InvalidParameter.Payload", format!("a synchronous event holds {MAX_EVENT} bytes"));
        }
        let event = Bytes::from(event.to_owned());
        if args.text("InvocationType") == Some("Event") {
            let id = self.accept(&address, event).await?;
            return Ok(members(json!({"Result": {
                "FunctionRequestId": id, "RetMsg": "", "ErrMsg": "", "Log": "", "InvokeResult": 0,
                "Duration": 0, "BillDuration": 0, "MemUsage": 0,
            }})));
        }
        let target = self.target(&address).await?;
        let id = uuid();
        let Some((run, record)) = self.run_to_end(target, &id, event).await else {
            return refuse("InternalError", "the local cloud stopped during the invocation");
        };
        let log = match (args.text("LogType"), record) {
            (Some("Tail"), Some(record)) => tail(&record.log()),
            _ => String::new(),
        };
        Ok(members(json!({"Result": result(&id, &run, &log)})))
    }

    /// Records of the function that the call names, latest first.
    async fn records(
        &self,
        call: &Call,
        context: &Context,
        fits: impl Fn(&Record) -> bool,
    ) -> Result<Vec<Record>, crate::refusal::Refusal> {
        let args = Args(&call.members);
        let (namespace, name) = (args.text_or("Namespace", "default"), args.text_or("FunctionName", ""));
        let known = self.change(|state| state.function(&call.region, namespace, name, context).map(|_| ())).await;
        known.unwrap_or(Ok(()))?;
        let function = format!("{}/{namespace}/{name}", call.region);
        Ok(self.runner.records.find(|record| record.function == function && fits(record)))
    }

    async fn logs(&self, call: &Call, context: &Context) -> Answer {
        let args = Args(&call.members);
        let id = args.text_or("FunctionRequestId", "").to_owned();
        let from = args.text_or("StartTime", "").to_owned();
        let to = args.text_or("EndTime", "").to_owned();
        let wanted = args.object("Filter").and_then(|filter| filter.text("RetCode")).unwrap_or_default().to_owned();
        let mut rows = self
            .records(call, context, |record| {
                let at = platform_time(record.started_ms);
                let failed = record.run.as_ref().is_some_and(|run| run.status != Status::Ok);
                (id.is_empty() || record.request_id == id)
                    && (from.is_empty() || at >= from)
                    && (to.is_empty() || at <= to)
                    && match wanted.as_str() {
                        "is0" => !failed,
                        "not0" => failed,
                        _ => true,
                    }
            })
            .await?;
        if args.text("Order") == Some("asc") {
            rows.reverse();
        }
        let total = rows.len();
        let offset = usize::try_from(args.int("Offset").unwrap_or(0)).unwrap_or_default();
        let limit = usize::try_from(args.int("Limit").unwrap_or(20)).unwrap_or_default();
        let rows: Vec<Value> = rows
            .iter()
            .skip(offset)
            .take(limit)
            .map(|record| {
                let mut row = status_row(call, record);
                let run = record.run.as_ref();
                row["Log"] = record.log().into();
                row["InvokeFinished"] = i32::from(run.is_some()).into();
                row["BillDuration"] = run.map_or(0, bill).into();
                row["MemUsage"] = run.map_or(0, |run| run.memory).into();
                row["Level"] = "".into();
                row["Source"] = "".into();
                row
            })
            .collect();
        let search = json!({"Offset": "", "Limit": 0, "Keyword": "", "Type": ""});
        Ok(members(json!({"TotalCount": total, "Data": rows, "SearchContext": search})))
    }
}

/// RetCode: 0 done, 1 running, -1 failed.
fn status_row(call: &Call, record: &Record) -> Value {
    let run = record.run.as_ref();
    let code = run.map_or(1, |run| if run.status == Status::Ok { 0 } else { -1 });
    json!({
        "FunctionName": Args(&call.members).text_or("FunctionName", ""),
        "RequestId": record.request_id,
        "StartTime": platform_time(record.started_ms),
        "RetCode": code,
        "RetMsg": run.map_or("", |run| run.message.as_str()),
        "Duration": run.map_or(0.0, |run| run.duration.as_secs_f64() * 1000.0),
        "MemUsage": run.map_or(0.0, |run| megabytes(run.memory)),
        "RetryNum": record.attempt,
    })
}

/// `Result` of a synchronous call. A failure of the function stands in ErrMsg and, as a JSON text, in RetMsg
/// (assumed; how the platform fills them is not published).
fn result(id: &str, run: &Run, log: &str) -> Value {
    let failed = run.status != Status::Ok;
    let told = if failed {
        json!({"errorCode": 1, "errorMessage": run.message, "requestId": id, "statusCode": run.status as u16})
            .to_string()
    } else {
        run.message.clone()
    };
    json!({
        "FunctionRequestId": id,
        "RetMsg": told,
        "ErrMsg": if failed { run.message.as_str() } else { "" },
        "InvokeResult": i32::from(failed),
        "Duration": run.duration.as_secs_f64() * 1000.0,
        "BillDuration": bill(run),
        "MemUsage": run.memory,
        "Log": log,
    })
}

/// Billed by the millisecond begun.
fn bill(run: &Run) -> u64 {
    u64::try_from(run.duration.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

/// The end of a log, cut at a character.
fn tail(log: &str) -> String {
    let mut start = log.len().saturating_sub(TAIL);
    while !log.is_char_boundary(start) {
        start += 1;
    }
    log[start..].to_owned()
}
