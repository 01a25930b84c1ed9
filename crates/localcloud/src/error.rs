//! Why a local cloud could not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// Why [`crate::LocalCloud::start`] failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process holds the store.
    #[error("the store {} is held by {holder}", folder.display())]
    Held {
        /// The data folder.
        folder: PathBuf,
        /// Who holds it, in words: process id and, when it serves, its address.
        holder: String,
    },
    /// The store cannot be opened or read.
    #[error("cannot open the store in {}", folder.display())]
    Store {
        /// The data folder.
        folder: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The account is not a uin.
    #[error("account `{account}` is not a uin: decimal digits only")]
    Account {
        /// The account asked for.
        account: String,
    },
}

/// Why an event was not delivered.
#[derive(Debug, Error)]
#[error("the event was not delivered ({code}): {message}")]
#[non_exhaustive]
pub struct DeliveryError {
    /// The service's code.
    pub code: String,
    /// Its message.
    pub message: String,
}
