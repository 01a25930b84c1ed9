//! The JSON Schema of a manifest, for editors and other tools: draft 7, the one that YAML and TOML editors support
//! best. Limits come from `limits`, lists of words from where the parser has them; a test asks the parser which keys
//! each mapping takes and compares. What needs the whole manifest or a value's meaning (references, cron fields,
//! sizes in bytes) is for `validate` alone; `docs/manifest.md` lists it.

mod function;
mod top;
mod trigger;
mod words;

use serde_json::{Value as Json, json};

/// The schema.
#[must_use]
pub fn schema() -> Json {
    let mut definitions = words::definitions();
    definitions.extend(top::definitions());
    definitions.extend(function::definitions());
    definitions.extend(trigger::definitions());
    let mut schema = top::manifest();
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("manifest of provision");
    schema["definitions"] = Json::Object(definitions);
    schema
}

/// The schema as published: readable, one line feed at the end.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", schema())
}
