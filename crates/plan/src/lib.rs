//! Plan: what a manifest wants, what the cloud holds, and what has to change.
//!
//! The whole pipeline, all of it pure:
//!
//! ```text
//! text --syntax--> nodes --manifest--> desired::Stack ---+
//!              (variables, validate: findings)           |
//!                                                        +--plan--> Plan --render--> text, JSON
//! the cloud's answers, as observed::Observed ------------+     |
//!                                                              +--progress--> which change may start
//! ```
//!
//! `resource` holds each kind's attributes and normal form, `decide` what is to be done about one resource,
//! `order` what comes first, `lease` who may write to a stack. No IO, no clock, no async: the crate's `clippy.toml` forbids them.

pub mod address;
pub mod attributes;
pub mod change;
pub mod decide;
pub mod desired;
pub mod diagnostic;
pub mod format;
pub mod lease;
pub mod limits;
pub mod manifest;
pub mod mark;
pub mod observed;
mod order;
pub mod package;
pub mod permissions;
pub mod pin;
pub mod plan;
pub mod progress;
pub mod render;
pub mod resource;
pub mod schema;
pub mod snapshot;
pub mod source;
pub mod step;
pub mod syntax;
pub mod validate;
pub mod variables;

pub use plan::plan;
