//! `provision schema`: the JSON Schema of a manifest, for editors.

use super::Run;
use crate::error::exit;

/// Runs it.
pub(crate) fn run(run: &mut Run) -> u8 {
    run.ui.data(&::plan::schema::text());
    exit::DONE
}
