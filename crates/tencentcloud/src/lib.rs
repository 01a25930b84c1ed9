//! The only way to the cloud: signing, credentials, typed calls, retries, rate budgets, and errors that say how far a
//! call got. Does not know what a manifest is.
//!
//! ```no_run
//! # async fn example() -> Result<(), tencentcloud::Error> {
//! use tencentcloud::{Client, ClientConfig, Credentials, Keys, scf};
//!
//! let credentials = Credentials::fixed(Keys::new("AKID...", "..."));
//! let client = Client::new(ClientConfig::new(credentials));
//! let request = scf::GetFunction { function_name: Some("MPSWebHook".to_owned()), ..Default::default() };
//! match client.call(Some("ap-beijing"), &request).await {
//!     Ok(function) => println!("{}", function.status),
//!     Err(error) if scf::is_function_absent(&error) => println!("there is none"),
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```

pub mod api;
mod client;
pub mod cos;
pub mod credentials;
mod environment;
mod error;
mod network;
mod paging;
mod rate;
mod request;
mod retry;
pub mod sign;
mod transport;

pub use api::{Action, Effect, Service, cam, mps, scf, sts, tag};
pub use client::{CallRecord, Client, ClientConfig, OnCall, Outcome};
pub use credentials::{Credentials, CredentialsError, Keys, ResolveOptions};
pub use environment::Environment;
pub use error::{CallName, Error, ErrorKind, NotSent, Refusal, Unknown};
pub use network::Network;
pub use paging::Paged;
pub use rate::{RateMode, documented_rate};
pub use request::MAX_REQUEST_BYTES;
pub use reqwest::Url;
pub use retry::RetryPolicy;
