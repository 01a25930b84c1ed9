//! Plans and findings as text for people, Markdown and annotations for reviewers, JSON for programs. Pure: everything
//! returns strings. Guarded values only ever appear as keyed digests.

pub mod diagnostics;
pub mod github;
pub mod gitlab;
pub mod guard;
pub mod json;
pub mod markdown;
pub mod report;
pub mod risk;
pub mod sarif;
pub mod style;
pub mod text;
mod value;
