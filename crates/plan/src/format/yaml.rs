//! YAML in order: entries of block mappings move as whole lines, with the comments above them; entries of flow mappings
//! trade places. What has anchors, or comments between braces, stays.

use super::Rule;
use crate::syntax::{Key, Node, Value};

/// Flow mappings in order. Each place keeps what stands around it: blanks, line breaks, commas.
pub(super) fn flows(text: &str, root: &Node) -> String {
    let mut edits = Vec::new();
    collect(text, root, Rule::Top, &mut edits);
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for (start, end, new) in edits {
        out.push_str(&text[from..start]);
        out.push_str(&new);
        from = end;
    }
    out + &text[from..]
}

/// The outermost flow mappings, first to last, each with its text in order.
fn collect(text: &str, node: &Node, rule: Rule, edits: &mut Vec<(usize, usize, String)>) {
    let Value::Map(entries) = &node.value else { return };
    // An alias stands for a mapping elsewhere.
    let is_here = |key: &Key| (node.span.start..node.span.end).contains(&key.span.start);
    if rule == Rule::Kept || !entries.iter().all(|(key, _)| is_here(key)) {
        return;
    }
    if text[node.span.start..].starts_with('{') {
        if !is_bound(&text[node.span.start..node.span.end])
            && let Some(new) = flow(text, node, rule)
        {
            edits.push((node.span.start, node.span.end, new));
        }
        return;
    }
    for (key, value) in entries {
        collect(text, value, rule.below(&key.text), edits);
    }
}

/// Whether a part of this text cannot move by itself: it holds comments, anchors or aliases, or what looks like them.
fn is_bound(text: &str) -> bool {
    let before = |at: usize| text[..at].chars().next_back().is_some_and(|c| c.is_whitespace() || "{[,:".contains(c));
    let after = |at: usize| text[at + 1..].starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
    text.match_indices(['#', '&', '*']).any(|(at, sign)| before(at) && (sign == "#" || after(at)))
}

/// The text of a flow mapping in order; `None` when its entries cannot be told apart.
fn flow(text: &str, node: &Node, rule: Rule) -> Option<String> {
    let Value::Map(entries) = &node.value else { return None };
    let mut places: Vec<(usize, usize)> = Vec::with_capacity(entries.len());
    let mut ranked: Vec<(usize, String)> = Vec::with_capacity(entries.len());
    let kind = kind(entries);
    for (key, value) in entries {
        let own = text.get(value.span.start..value.span.end)?.trim_end();
        let starts_after = places.last().map_or(node.span.start, |(_, end)| *end);
        if own.is_empty() || key.span.start < starts_after || value.span.start <= key.span.start {
            return None;
        }
        places.push((key.span.start, value.span.start + own.len()));
        let below = rule.below(&key.text);
        let inner = Some(value).filter(|_| own.starts_with('{') && below != Rule::Kept);
        let new = inner.and_then(|value| flow(text, value, below)).unwrap_or_else(|| own.to_owned());
        ranked.push((rule.rank(&key.text, kind), text[key.span.start..value.span.start].to_owned() + &new));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut out = text.get(node.span.start..places.first()?.0)?.to_owned();
    for (i, (_, new)) in ranked.iter().enumerate() {
        out.push_str(new);
        let next = places.get(i + 1).map_or(node.span.end, |(start, _)| *start);
        out.push_str(text.get(places[i].1..next)?);
    }
    Some(out)
}

/// What stands as `type` among the entries.
fn kind(entries: &[(Key, Node)]) -> Option<&str> {
    entries.iter().find(|(key, _)| key.text == "type").and_then(|(_, value)| match &value.value {
        Value::Scalar { text, .. } => Some(text.as_str()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    })
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

/// Block mappings in order, line by line.
pub(super) fn blocks(text: &str, root: &Node) -> String {
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
    let kind = kind(entries);
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
        all.push(Entry { rank: rule.rank(&key.text, kind), blanks: blanks.min(1), lines: own });
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
