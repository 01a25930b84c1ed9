//! What is remembered of runs: for GetRequestStatus, GetFunctionLogs and the tail of a synchronous call.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::{Run, Status};
use crate::cloud::lock;

/// Runs remembered at most; older ones are forgotten first.
const KEPT: usize = 10_000;

/// One attempt at one event.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// `region/namespace/name`.
    pub(crate) function: String,
    pub(crate) request_id: String,
    pub(crate) started_ms: i64,
    /// Number of the attempt, from 0.
    pub(crate) attempt: i64,
    pub(crate) memory_mb: i64,
    /// `None` while it runs.
    pub(crate) run: Option<Run>,
}

impl Record {
    /// The log as the platform words it (log structure page).
    pub(crate) fn log(&self) -> String {
        let id = &self.request_id;
        let mut text = format!("START RequestId:{id}\n");
        let Some(run) = &self.run else { return text };
        for line in &run.lines {
            text.push_str(line);
            text.push('\n');
        }
        if run.status == Status::Ok {
            text.push_str(&format!("Response RequestId:{id} RetMsg:{:?}\n", run.message));
        } else {
            text.push_str(&format!("ERROR RequestId:{id} Result:{}\n", run.message));
        }
        text.push_str(&format!(
            "END RequestId:{id}\nReport RequestId:{id} Duration:{}ms Memory:{}MB MemUsage:{:.6}MB\n",
            run.duration.as_millis(),
            self.memory_mb,
            megabytes(run.memory)
        ));
        text
    }
}

pub(crate) fn megabytes(bytes: u64) -> f64 {
    // Exact up to 2^53 bytes, which no process has.
    #[expect(clippy::cast_precision_loss, reason = "memory of one process")]
    let bytes = bytes as f64;
    bytes / 1024.0 / 1024.0
}

/// Records in the order of their start.
#[derive(Default)]
pub(crate) struct Records(Mutex<VecDeque<Record>>);

impl Records {
    /// Notes a run that begins.
    pub(crate) fn begin(&self, record: Record) {
        let mut records = lock(&self.0);
        if records.len() == KEPT {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// Completes a run and answers its record.
    pub(crate) fn end(&self, request_id: &str, attempt: i64, run: Run) -> Option<Record> {
        let mut records = lock(&self.0);
        let record =
            records.iter_mut().rev().find(|record| record.request_id == request_id && record.attempt == attempt)?;
        record.run = Some(run);
        Some(record.clone())
    }

    /// Records that fit, latest first.
    pub(crate) fn find(&self, fits: impl Fn(&Record) -> bool) -> Vec<Record> {
        lock(&self.0).iter().rev().filter(|record| fits(record)).cloned().collect()
    }
}
