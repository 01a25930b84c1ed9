//! The custom runtime of Tencent Cloud SCF for functions written in Rust: what `lambda_runtime` is for AWS Lambda.
//!
//! A custom runtime is an executable named `bootstrap`. It prepares itself, says that it is ready, then asks for one
//! event after the other and answers each. This crate does the talking; the function is an async closure.
//!
//! ```no_run
//! use scf_runtime::{Context, Failure};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Order { id: String }
//!
//! #[derive(Serialize)]
//! struct Receipt { order: String, request: String }
//!
//! fn main() -> std::process::ExitCode {
//!     scf_runtime::start(async || {
//!         // Init: runs once per instance, before the platform hears `ready`. An error here ends the process with a
//!         // sentence on stderr, and the platform reports a failed start instead of a failed event.
//!         let shop = std::env::var("SHOP")?;
//!
//!         Ok(scf_runtime::json(move |order: Order, context: Context| {
//!             let shop = shop.clone();
//!             async move {
//!                 if order.id.is_empty() {
//!                     return Err(Failure::new("EmptyOrder", "the order has no id"));
//!                 }
//!                 Ok(Receipt { order: format!("{shop}/{}", order.id), request: context.request_id })
//!             }
//!         }))
//!     })
//! }
//! ```
//!
//! - [`start`] is the whole of `main`; [`run`] is the loop alone, for programs that bring their own tokio, and [`Runtime`]
//!   the same with its settings.
//! - [`json`] makes a handler of typed events, [`raw`] one of bytes.
//! - A panic or an `Err` fails one event; the loop goes on. Keep `panic = "unwind"` in the release profile.
//! - [`log`] writes one line per record, as JSON, with the request id.
//!
//! Left to others: HTTP functions (they are plain servers on port 9000), and enforcing the time limit: the platform
//! kills what overruns it, so a handler that waits for others should look at [`Context::remaining`].

mod api;
mod backoff;
mod context;
mod error;
mod failure;
mod handler;
pub mod log;
mod runtime;

pub use bytes::Bytes;
pub use context::{Context, Credentials, Function};
pub use error::Error;
pub use failure::Failure;
pub use handler::{Handler, json, raw};
pub use runtime::{Runtime, run, start};

/// Largest answer the platform takes: 6 MB (SCF quota page 583/11637; status 407 beyond it).
pub const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;

/// Largest event read. The platform's own limit is 6 MB for synchronous calls (SCF quota page 583/11637); twice
/// that leaves room for a raised limit while one runaway event cannot fill a 64 MB function.
pub const MAX_EVENT_BYTES: usize = 12 * 1024 * 1024;
