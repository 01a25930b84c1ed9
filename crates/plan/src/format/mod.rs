//! A manifest's text in canonical order, with every comment, anchor and spelling kept. Works on whole lines: entries of
//! block mappings move together with the comments above them; flow mappings and values stay as they are. Whatever the
//! text looks like, its meaning cannot change: a result that does not parse to the same tree is not used.

use crate::diagnostic::Diagnostic;
use crate::manifest::{FUNCTION_KEYS, POLICY_KEYS, ROLE_KEYS, STACK_KEYS, TRIGGER_TYPES, trigger_keys};
use crate::source::FileId;
use crate::syntax::{self, Key, Node, Value};

const VARIABLE_KEYS: [&str; 4] = ["description", "sensitive", "env", "default"];
const NAMESPACE_KEYS: [&str; 4] = ["name", "description", "region", "adopt"];

/// The canonical text.
///
/// # Errors
/// What keeps the text from being read; such a text is left alone.
pub fn format(name: &str, text: &str) -> Result<String, Vec<Diagnostic>> {
    let wanted = syntax::parse(name, text, FileId(0))?;
    let keeps =
        |candidate: &String| syntax::parse(name, candidate, FileId(0)).is_ok_and(|parsed| same(&parsed, &wanted));
    let tidy = Some(tidied(text)).filter(keeps).unwrap_or_else(|| text.to_owned());
    let ordered = if name.ends_with(".toml") {
        ordered_toml(&tidy)
    } else {
        match syntax::parse(name, &tidy, FileId(0)) {
            Ok(root) => ordered_yaml(&tidy, &root),
            Err(_) => tidy.clone(),
        }
    };
    Ok(Some(ordered).filter(keeps).unwrap_or(tidy))
}

/// Without blanks at the ends of lines, without blank lines at both ends, with one line feed last.
fn tidied(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let first = lines.iter().position(|l| !l.is_empty()).unwrap_or(0);
    let last = lines.iter().rposition(|l| !l.is_empty()).map_or(0, |at| at + 1);
    let mut out = lines[first..last.max(first)].join("\n");
    out.push('\n');
    out
}

/// Equal but for the order of keys and the places.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.iter().any(|(k, v)| k.text == key.text && same(value, v)))
        }
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (a, b) => a == b,
    }
}

/// What the keys of a mapping are ordered by.
#[derive(Clone, Copy)]
enum Rule {
    Top,
    /// Names that people chose; their values follow the inner rule.
    Each(&'static Rule),
    Keys(&'static [&'static str]),
    Function,
    Trigger,
    /// As it is.
    Kept,
}

impl Rule {
    /// Where a key belongs; unknown ones go last, in written order.
    fn rank(self, key: &str, entries: &[(Key, Node)]) -> usize {
        let among = |keys: &[&str]| keys.iter().position(|k| *k == key).unwrap_or(keys.len());
        match self {
            Self::Top => among(&STACK_KEYS),
            Self::Keys(keys) => among(keys),
            Self::Function => among(&FUNCTION_KEYS),
            Self::Trigger => {
                let kind = entries.iter().find(|(k, _)| k.text == "type").map(|(_, v)| &v.value);
                let kind = match kind {
                    Some(Value::Scalar { text, .. }) if TRIGGER_TYPES.contains(&text.as_str()) => text.as_str(),
                    _ => return 0,
                };
                let keys: Vec<&str> = std::iter::once("type")
                    .chain(trigger_keys(kind).iter().copied())
                    .chain(["enabled", "qualifier"])
                    .collect();
                among(&keys)
            }
            Self::Each(_) | Self::Kept => 0,
        }
    }

    /// The rule for the value of a key.
    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Top, "variables") => Self::Each(&Self::Keys(&VARIABLE_KEYS)),
            (Self::Top, "roles") => Self::Each(&Self::Keys(&ROLE_KEYS)),
            (Self::Top, "policies") => Self::Each(&Self::Keys(&POLICY_KEYS)),
            (Self::Top, "namespaces") => Self::Each(&Self::Keys(&NAMESPACE_KEYS)),
            (Self::Top, "functions") => Self::Each(&Self::Function),
            (Self::Function, "triggers") => Self::Each(&Self::Trigger),
            (Self::Each(inner), _) => *inner,
            (Self::Top | Self::Keys(_) | Self::Function | Self::Trigger | Self::Kept, _) => Self::Kept,
        }
    }
}

struct Lines<'t> {
    all: Vec<&'t str>,
    /// Byte offset of each line.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { all: text.lines().collect(), starts }
    }

    /// Line and column of an offset.
    fn at(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|s| *s <= offset) - 1;
        (line, offset - self.starts[line])
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// One entry with what stands above it.
struct Entry<'t> {
    rank: usize,
    blanks: usize,
    lines: Vec<&'t str>,
}

fn ordered_yaml(text: &str, root: &Node) -> String {
    let lines = Lines::new(text);
    let Value::Map(entries) = &root.value else { return text.to_owned() };
    let Some((first, _)) = entries.first() else { return text.to_owned() };
    // What stands above the first key is about the file and stays there.
    let (start, _) = lines.at(first.span.start);
    let Some(body) = block(&lines, entries, start, lines.all.len(), Rule::Top) else { return text.to_owned() };
    let mut out: Vec<&str> = lines.all[..start].to_vec();
    out.extend(body);
    out.join("\n") + "\n"
}

/// The lines of a block mapping in order; `None` when it is no block mapping, or keys share lines.
fn block<'t>(lines: &Lines<'t>, entries: &[(Key, Node)], start: usize, end: usize, rule: Rule) -> Option<Vec<&'t str>> {
    let places: Vec<(usize, usize)> = entries.iter().map(|(key, _)| lines.at(key.span.start)).collect();
    let column = places.first()?.1;
    let in_order = places.windows(2).all(|w| w[0].0 < w[1].0);
    let alone = places.iter().all(|(line, at)| *at == column && indent(lines.all[*line]) == column);
    if !in_order || !alone || places[0].0 < start {
        return None;
    }
    // Comments directly above a key, at its column, belong to it; so do the blank lines above them.
    let lead = |line: usize, floor: usize| {
        let is_lead = |l: &str| l.trim().is_empty() || (l.trim_start().starts_with('#') && indent(l) == column);
        (floor..line).rev().take_while(|at| is_lead(lines.all[*at])).last().unwrap_or(line)
    };
    let mut leads: Vec<usize> = Vec::with_capacity(places.len());
    for (i, (line, _)) in places.iter().enumerate() {
        leads.push(if i == 0 { start } else { lead(*line, places[i - 1].0 + 1) });
    }
    let mut all: Vec<Entry<'t>> = Vec::with_capacity(places.len());
    for (i, (key, value)) in entries.iter().enumerate() {
        let (from, key_line) = (leads[i], places[i].0);
        let until = leads.get(i + 1).copied().unwrap_or(end);
        let blanks = lines.all[from..key_line].iter().take_while(|l| l.trim().is_empty()).count();
        let mut own: Vec<&str> = lines.all[from + blanks..=key_line].to_vec();
        let inner = match &value.value {
            Value::Map(inner) if !inner.is_empty() && lines.at(inner[0].0.span.start).0 > key_line => {
                block(lines, inner, key_line + 1, until, rule.below(&key.text))
            }
            Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Map(_) => None,
        };
        own.extend(inner.unwrap_or_else(|| lines.all[key_line + 1..until].to_vec()));
        all.push(Entry { rank: rule.rank(&key.text, entries), blanks: blanks.min(1), lines: own });
    }
    Some(joined(all))
}

/// Entries by rank. The first has no blank line above it; the one that was first takes the blank line over.
fn joined(mut all: Vec<Entry<'_>>) -> Vec<&str> {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|at| all[*at].rank);
    if order.first() != Some(&0)
        && let Some(first) = order.first().copied()
    {
        all[0].blanks = all[0].blanks.max(all[first].blanks);
    }
    if let Some(first) = order.first().copied() {
        all[first].blanks = 0;
    }
    order
        .into_iter()
        .flat_map(|at| std::iter::repeat_n("", all[at].blanks).chain(all[at].lines.clone()).collect::<Vec<_>>())
        .collect()
}

/// Tables in the order of their sections; what stands within a table, and above the first one, stays.
fn ordered_toml(text: &str) -> String {
    let lines = Lines::new(text);
    let heads: Vec<usize> = (0..lines.all.len()).filter(|at| table_name(lines.all[*at]).is_some()).collect();
    if heads.is_empty() {
        return text.to_owned();
    }
    let lead = |head: usize, floor: usize| {
        let is_lead = |l: &str| l.trim().is_empty() || l.starts_with('#');
        (floor..head).rev().take_while(|at| is_lead(lines.all[*at])).last().unwrap_or(head)
    };
    let starts: Vec<usize> =
        heads.iter().enumerate().map(|(i, head)| lead(*head, if i == 0 { 0 } else { heads[i - 1] + 1 })).collect();
    // Without a key above the first table, nothing tells a comment about the file from one about that table.
    let top = starts[0];
    if top == 0 {
        return text.to_owned();
    }
    let entries = heads.iter().enumerate().map(|(i, head)| {
        let from = starts[i];
        let until = starts.get(i + 1).copied().unwrap_or(lines.all.len());
        let name = table_name(lines.all[*head]).unwrap_or_default();
        let blanks = lines.all[from..*head].iter().take_while(|l| l.trim().is_empty()).count();
        let rank = STACK_KEYS.iter().position(|k| *k == name).unwrap_or(STACK_KEYS.len());
        Entry { rank, blanks: blanks.min(1), lines: lines.all[from + blanks..until].to_vec() }
    });
    let mut out: Vec<&str> = lines.all[..top].to_vec();
    if top > 0 && !lines.all[top - 1].trim().is_empty() {
        out.push("");
    }
    out.extend(joined(entries.collect()));
    out.join("\n") + "\n"
}

/// The section that a table's head names: `functions` in `[functions.hook]`.
fn table_name(line: &str) -> Option<&str> {
    let inner = line.strip_prefix("[[").or_else(|| line.strip_prefix('['))?;
    let (path, _) = inner.split_once(']')?;
    let name = path.split('.').next()?.trim();
    (!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::format;

    fn check(name: &str, text: &str, expected: &str) {
        let once = format(name, text).expect("the text parses");
        assert_eq!(once, expected);
        assert_eq!(format(name, &once).expect("it still parses"), once, "a second time changes nothing");
    }

    #[test]
    fn keys_move_with_their_comments_and_chosen_names_stay() {
        check(
            "m.yaml",
            "# about the file\nfunctions:\n  # the second by name, the first by choice\n  zeta:\n    memory: 128   \n    # what it runs on\n    runtime: Go1 # exact\n    code: { demo: x }\n  alpha:\n    code:\n      demo: y\n    runtime: Go1\n\nstack: s1\nregion: ap-beijing\n",
            "# about the file\nstack: s1\nregion: ap-beijing\n\nfunctions:\n  # the second by name, the first by choice\n  zeta:\n    # what it runs on\n    runtime: Go1 # exact\n    code: { demo: x }\n    memory: 128\n  alpha:\n    runtime: Go1\n    code:\n      demo: y\n",
        );
    }

    #[test]
    fn what_cannot_move_stays() {
        // The alias needs its anchor above it.
        let anchored = "stack: s1\ntags: *t\n";
        assert!(format("m.yaml", anchored).is_err());
        let anchors = "roles: { r: { trust: &t [scf.qcloud.com] } }\nignore_tags: *t\nstack: s1\n";
        check("m.yaml", anchors, anchors);
        let flow = "{ functions: {}, stack: s1 }\n";
        check("m.yaml", flow, flow);
        // Blanks at the ends of lines are part of a block scalar.
        let scalar = "stack: s1\nfunctions:\n  f1:\n    runtime: Go1\n    code:\n      inline:\n        a: |\n          x  \n          # no comment\n";
        check("m.yaml", scalar, scalar);
    }

    #[test]
    fn tables_are_ordered_by_section() {
        check(
            "m.toml",
            "# the file\nstack = \"s1\"\n\n[functions.f1]\nruntime = \"Go1\"\ncode.demo = \"x\"\n\n# who may\n[roles.r]\nexternal = true\n",
            "# the file\nstack = \"s1\"\n\n# who may\n[roles.r]\nexternal = true\n\n[functions.f1]\nruntime = \"Go1\"\ncode.demo = \"x\"\n",
        );
    }
}
