//! The kinds of resources: attributes, defaults and normal form, one kind a file. Desired and observed state
//! are the same types. Reading manifests is `manifest`'s business, deciding is `decide`'s.

pub mod bucket;
pub mod document;
pub mod function;
pub mod namespace;
mod origin;
pub mod policy;
pub mod role;
pub mod tags;
pub mod trigger;

pub(crate) use origin::{Noted, inherit_tags, rename, reorder};
pub use origin::{Origin, Shown};
