//! A plan for a terminal: grouped by function and by kind, aligned, multi-line values as unified diffs,
//! counts at the end.

use super::guard::DigestKey;
use super::style::{Style, visible_line};
use super::value;
use crate::address::Kind;
use crate::attributes::{AttributeChange, Side};
use crate::change::{Action, Cause, Change};
use crate::plan::{Plan, Summary};
use crate::snapshot::NotCompared;

/// The plan of one stack.
#[must_use]
pub fn plan(plan: &Plan, key: &DigestKey, style: Style) -> String {
    parts(plan, key, style).collect()
}

/// The same in parts that end with their lines, each made when it is asked for: a large plan's text is large.
pub fn parts<'p>(plan: &'p Plan, key: &'p DigestKey, style: Style) -> impl Iterator<Item = String> + 'p {
    let is_empty = plan.changes.is_empty() && plan.as_of.is_none();
    let changes = grouped(plan).into_iter().map(move |change| one(change, plan, key, style));
    let end = (!is_empty).then(|| end(plan, style));
    std::iter::once(head(plan, style)).chain(changes).chain(end)
}

fn head(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    out.push_str(&format!(
        "{} {}{}\n",
        style.bold("stack"),
        style.bold(&visible_line(&plan.stack)),
        if plan.region.is_empty() { String::new() } else { format!(" ({})", visible_line(&plan.region)) }
    ));
    if let Some(as_of) = &plan.as_of {
        let account = if as_of.account.is_empty() { String::new() } else { format!(", account {}", as_of.account) };
        let line = format!("  as of {} (snapshot{account}); for reading, nothing is applied from it", as_of.time);
        out.push_str(&format!("{}\n", style.yellow(&visible_line(&line))));
    }
    if plan.changes.is_empty() && plan.as_of.is_none() {
        let nothing = if plan.errors().next().is_some() {
            "nothing was decided: see the findings above"
        } else if plan.unchanged == 0 {
            "nothing to do: the cloud holds nothing of this stack"
        } else {
            "no changes: the cloud holds what the manifest says"
        };
        out.push_str(&format!("  {nothing} ({} resource{})\n", plan.unchanged, plural(plan.unchanged)));
    }
    out
}

fn end(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    if !plan.not_compared.is_empty() {
        out.push('\n');
    }
    for one in &plan.not_compared {
        not_compared(one, style, &mut out);
    }
    out.push_str(&format!("\n{}\n", summary(plan, style)));
    if !plan.complete && plan.as_of.is_none() {
        out.push_str(&style.yellow("This plan is not complete: see the warnings.\n"));
    }
    out
}

/// `Plan: 2 to create, 1 to update; 3 unchanged.`
#[must_use]
pub fn summary(plan: &Plan, style: Style) -> String {
    format!("{} {}", style.bold("Plan:"), counted(&plan.summary(), style))
}

fn counted(s: &Summary, style: Style) -> String {
    let parts: Vec<String> = [
        (s.create, style.green(&format!("{} to create", s.create))),
        (s.update, style.yellow(&format!("{} to update", s.update))),
        (s.replace, style.red(&format!("{} to replace", s.replace))),
        (s.delete, style.red(&format!("{} to delete", s.delete))),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(_, text)| text)
    .collect();
    let parts = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") };
    let rest = match s.not_compared {
        0 => String::new(),
        n => format!(", {n} not compared"),
    };
    format!("{parts}; {} unchanged{rest}.", s.unchanged)
}

/// What several stacks come to: `3 stacks: 2 to create, 1 to update; 30 unchanged.`
#[must_use]
pub fn total<'a>(plans: impl IntoIterator<Item = &'a Plan>, style: Style) -> String {
    let (mut all, mut stacks) = (Summary::default(), 0);
    for plan in plans {
        stacks += 1;
        all = all.and(plan.summary());
    }
    format!("\n{} {}\n", style.bold(&format!("{stacks} stacks:")), counted(&all, style))
}

/// What a snapshot could not tell of a resource.
fn not_compared(one: &NotCompared, style: Style, out: &mut String) {
    let address = style.bold(&visible_line(one.address.as_str()));
    let what = if one.paths.is_empty() { "not compared".to_owned() } else { one.paths.join(", ") };
    let how = if one.paths.is_empty() { one.reason.to_owned() } else { format!("not compared: {}", one.reason) };
    out.push_str(&format!("{} {address} {}  {}\n", style.yellow("?"), visible_line(&what), style.dim(&how)));
}

/// Account-wide resources first, then each function with its triggers, in apply order within each group.
fn grouped(plan: &Plan) -> Vec<&Change> {
    let group = |change: &Change| {
        let text = change.address.as_str();
        match change.address.kind() {
            Kind::Policy => (0, String::new()),
            Kind::Role => (1, String::new()),
            Kind::Namespace => (2, String::new()),
            Kind::Function => (3, text.strip_prefix("function").unwrap_or(text).to_owned()),
            Kind::Trigger => {
                let function = change.address.owner().unwrap_or_default();
                (3, function.strip_prefix("function").unwrap_or(&function).to_owned())
            }
        }
    };
    let mut changes: Vec<(usize, &Change)> = plan.changes.iter().enumerate().collect();
    changes.sort_by_cached_key(|(i, c)| {
        let (section, name) = group(c);
        (section, name, c.address.kind() == Kind::Trigger, *i)
    });
    changes.into_iter().map(|(_, c)| c).collect()
}

fn symbol(action: Action, style: Style) -> String {
    match action {
        Action::Create => style.green("+"),
        Action::Update => style.yellow("~"),
        Action::Replace => style.red("±"),
        Action::Delete => style.red("-"),
    }
}

fn one(change: &Change, plan: &Plan, key: &DigestKey, style: Style) -> String {
    let mut out = "\n".to_owned();
    let word = match change.action {
        Action::Create => style.green("create"),
        Action::Update => style.yellow("update"),
        Action::Replace => style.red("replace"),
        Action::Delete => style.red("delete"),
    };
    let region = if change.home.region().is_empty() || change.home.region() == plan.region {
        String::new()
    } else {
        format!(" in {}", visible_line(change.home.region()))
    };
    let cause = match change.cause {
        Cause::Cloud => style.yellow(" [changed in the cloud]"),
        Cause::Both => style.yellow(" [changed in the manifest and in the cloud]"),
        Cause::Manifest | Cause::Unknown => String::new(),
    };
    out.push_str(&format!(
        "{} {} {word}{region}{cause}  {}\n",
        symbol(change.action, style),
        style.bold(&visible_line(change.address.as_str())),
        style.dim(&visible_line(&change.reason))
    ));
    let attributes = change.attributes();
    let width = attributes.iter().map(|a| a.path.chars().count()).max().unwrap_or(0).min(40);
    for attribute in attributes.iter() {
        line(change, attribute, width, key, style, &mut out);
    }
    if change.events_may_be_missed {
        out.push_str(&format!("    {}\n", style.yellow("! events that arrive meanwhile can be missed")));
    }
    out
}

fn line(change: &Change, attribute: &AttributeChange, width: usize, key: &DigestKey, style: Style, out: &mut String) {
    let path = format!("{:width$}", visible_line(&attribute.path));
    let forces = if change.requires_replace.iter().any(|path| *path == attribute.path) {
        style.red("  forces replacement")
    } else {
        String::new()
    };
    let shown = |side: &Side| value::shown(change, attribute, side, key);
    if let Some(diff) = multi_line(attribute, style) {
        out.push_str(&format!("    {}{forces}\n{diff}", path.trim_end()));
    } else if change.action == Action::Create || attribute.before.value.is_null() {
        out.push_str(&format!("    {path}  {}{forces}\n", style.green(&shown(&attribute.after))));
    } else if attribute.after.value.is_null() {
        out.push_str(&format!(
            "    {path}  {} {} {}{forces}\n",
            style.red(&shown(&attribute.before)),
            style.dim("->"),
            style.dim("(removed)")
        ));
    } else {
        out.push_str(&format!(
            "    {path}  {} {} {}{forces}\n",
            style.red(&shown(&attribute.before)),
            style.dim("->"),
            style.green(&shown(&attribute.after))
        ));
    }
}

/// Documents and texts of several lines as a unified diff.
fn multi_line(attribute: &AttributeChange, style: Style) -> Option<String> {
    let painted = |l: &String| match l.chars().next() {
        Some('+') => style.green(l),
        Some('-') => style.red(l),
        Some('@') => style.dim(l),
        _ => l.clone(),
    };
    Some(value::unified(attribute)?.iter().map(|l| format!("      {}\n", painted(l))).collect())
}

pub(crate) fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}
