//! What a report made from a snapshot says beside its changes: from when the picture is, and what was not compared.

use super::escape::code;
use super::{Report, accounts};
use crate::render::text::plural;
use crate::snapshot::NotCompared;

/// Most resources, and most attributes of one, that are named; the rest is counted. Bounds the section to some 10 kB.
const RESOURCES: usize = 30;
const ATTRIBUTES: usize = 3;

/// The section; empty when the cloud itself was read.
pub(super) fn section(report: &Report<'_>) -> String {
    let Some(as_of) = report.stacks.iter().find_map(|s| s.plan.as_of.as_ref()) else { return String::new() };
    let mut out = format!(
        "**Planned from a snapshot** as of {}{}, without looking at the cloud; nothing is applied from it.\n\n",
        code(&as_of.time),
        accounts(report)
    );
    let all: Vec<&NotCompared> = report.stacks.iter().flat_map(|s| &s.plan.not_compared).collect();
    if all.is_empty() {
        return out;
    }
    out.push_str(&format!("Not compared ({} resource{}):\n\n", all.len(), plural(all.len())));
    for one in all.iter().take(RESOURCES) {
        out.push_str(&format!("- {}{}: {}\n", code(one.address.as_str()), attributes(&one.paths), one.reason));
    }
    if all.len() > RESOURCES {
        out.push_str(&format!("- and {} more\n", all.len() - RESOURCES));
    }
    out.push('\n');
    out
}

fn attributes(paths: &[String]) -> String {
    let named: Vec<String> = paths.iter().take(ATTRIBUTES).map(|p| code(p)).collect();
    let more = if paths.len() > ATTRIBUTES { format!(" and {} more", paths.len() - ATTRIBUTES) } else { String::new() };
    if named.is_empty() { String::new() } else { format!(" {}{more}", named.join(", ")) }
}
