//! Plans and findings as text for people and JSON for programs. Pure: everything returns strings.
//! Guarded values only ever appear as keyed digests.

pub mod diagnostics;
pub mod guard;
pub mod json;
pub mod style;
pub mod text;
