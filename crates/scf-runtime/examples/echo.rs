//! Answers every event with itself. Build it, name it `bootstrap`, zip it, done.

use std::process::ExitCode;

use scf_runtime::{Bytes, Context, Failure, log};

fn main() -> ExitCode {
    scf_runtime::start(async || {
        Ok(scf_runtime::raw(|event: Bytes, context: Context| async move {
            if event.is_empty() {
                return Err(Failure::new("EmptyEvent", "there is nothing to echo"));
            }
            let left = context.remaining().unwrap_or_default().as_millis();
            log::info("echo", [("bytes", event.len().into()), ("milliseconds_left", (left as u64).into())]);
            Ok(event)
        }))
    })
}
