//! MPS events to a WeCom group: the function that the first manifest deploys.
//!
//! An event runs through five plain steps: [`event`] reads it, [`verdict`] judges it, [`message`] writes it, [`notify`]
//! delivers it, and [`fanout`] hands it on to further functions. The first three are pure. [`webhook`] strings
//! them together, [`config`] is the environment, [`memory`] what this instance has already done.
//!
//! What must hold: success told to the platform means that the group has the message; a failure told to the platform
//! repeats only what was not done; no secret of an event, a robot or the execution role is printed anywhere.

pub mod config;
pub mod event;
pub mod fanout;
mod json;
pub mod memory;
pub mod message;
pub mod notify;
mod redact;
pub mod verdict;
pub mod webhook;
