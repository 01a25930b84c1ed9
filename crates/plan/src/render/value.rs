//! Values as people read them, the same in every format: guarded ones as digests, long ones shortened, several lines
//! as a unified diff.

use serde_json::Value as Json;
use similar::TextDiff;

use super::guard::DigestKey;
use super::style::visible;
use crate::attributes::{AttributeChange, Side};
use crate::change::Change;

/// Longest value shown on one line; longer ones are cut with their length said.
const VALUE: usize = 200;

/// One side of a difference on one line.
pub(super) fn shown(change: &Change, attribute: &AttributeChange, side: &Side, key: &DigestKey) -> String {
    if side.guarded {
        return key
            .digest(&change.address, &attribute.path, side)
            .map_or_else(|| "(none)".to_owned(), |d| format!("(hidden, digest {d})"));
    }
    let text = match &side.value {
        Json::Null => return "(none)".to_owned(),
        other => visible(&other.to_string()),
    };
    let count = text.chars().count();
    if count <= VALUE {
        text
    } else {
        format!("{}… ({count} characters)", text.chars().take(VALUE).collect::<String>())
    }
}

/// Documents and texts of several lines as the lines of a unified diff; nothing for what fits a line.
pub(super) fn unified(attribute: &AttributeChange) -> Option<Vec<String>> {
    if attribute.sensitive() {
        return None;
    }
    // A new document reads well enough on one line; what changed in one does not.
    if attribute.before.value.is_null() && attribute.after.value.is_object() {
        return None;
    }
    let text = |side: &Side| match &side.value {
        Json::Null => Some(String::new()),
        Json::String(s) => Some(s.clone()),
        Json::Object(_) => serde_json::to_string_pretty(&side.value).ok(),
        _ => None,
    };
    let (before, after) = (text(&attribute.before)?, text(&attribute.after)?);
    if !before.contains('\n') && !after.contains('\n') {
        return None;
    }
    let ended = |s: String| if s.is_empty() || s.ends_with('\n') { s } else { s + "\n" };
    let diff = TextDiff::from_lines(ended(before), ended(after)).unified_diff().context_radius(3).to_string();
    Some(
        visible(&diff)
            .lines()
            // Where all is new there is no place to name.
            .filter(|l| !(attribute.before.value.is_null() && l.starts_with("@@")))
            .map(str::to_owned)
            .collect(),
    )
}
