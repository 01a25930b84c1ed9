//! Between normal forms and the API's spelling: what a step sends, and what an answer means. Everything about
//! member names and strange spellings stays here; nothing here sends or decides.

mod answers;
mod requests;

pub(crate) use answers::{Extras, function, namespace, policy, role, tags_by_tag_service};
pub(crate) use requests::*;
