//! TOML in order: keys of tables and inline tables with their comments, then the tables themselves. Dotted keys move as
//! one; lists of tables stay as they are, and so do inline tables with comments in them.

use std::collections::HashMap;

use toml_edit::{Decor, DocumentMut, InlineTable, Item, RawString, Table, Value};

use super::Rule;
use crate::syntax::Node;

/// The text in order.
pub(super) fn ordered(text: &str, _: &Node) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else { return text.to_owned() };
    let root = document.as_table_mut();
    keys(root, Rule::Top, true);
    // Without a key above the first table, nothing tells a comment about the file from one about that table.
    if !root.get_values().is_empty() {
        tables(root);
    }
    document.to_string()
}

/// Orders the keys of a table and of all below it.
fn keys(table: &mut Table, rule: Rule, is_root: bool) {
    if rule == Rule::Kept {
        return;
    }
    for (key, item) in table.iter_mut() {
        let below = rule.below(key.get());
        match item {
            Item::Table(inner) => keys(inner, below, false),
            Item::Value(Value::InlineTable(inner)) => inline(inner, below),
            Item::None | Item::Value(_) | Item::ArrayOfTables(_) => {}
        }
    }
    let written: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    let kind = table.get("type").and_then(Item::as_str).map(str::to_owned);
    let mut order = written.clone();
    order.sort_by_key(|key| rule.rank(key, kind.as_deref()));
    if order == written || table.is_dotted() {
        return;
    }
    let Some(old_first) = first_line(table) else { return };
    for key in &order {
        if let Some((key, item)) = table.remove_entry(key) {
            table.insert_formatted(&key, item);
        }
    }
    let Some(first) = first_line(table).filter(|first| *first != old_first) else { return };
    let (above_old, above) = (lead(table, &old_first), lead(table, &first));
    let own = above.trim_start_matches('\n');
    let gap = if own.len() < above.len() && !above_old.starts_with('\n') { "\n" } else { "" };
    if is_root {
        // What stands above the first key is about the file and stays there.
        set_lead(table, &first, &(above_old + own));
        set_lead(table, &old_first, gap);
    } else {
        set_lead(table, &first, own);
        set_lead(table, &old_first, &(gap.to_owned() + &above_old));
    }
}

/// The first key that stands on a line of its own, and not in a table's head.
fn first_line(table: &Table) -> Option<String> {
    let is_line = |item: &Item| item.is_value() || item.as_table().is_some_and(Table::is_dotted);
    table.iter().find(|(_, item)| is_line(item)).map(|(key, _)| key.to_owned())
}

fn raw(text: Option<&RawString>) -> String {
    text.and_then(RawString::as_str).unwrap_or_default().to_owned()
}

/// What stands between the line before and a key. Of a dotted key its first part has it.
fn lead(table: &Table, key: &str) -> String {
    match table.get(key) {
        Some(Item::Table(inner)) => first_line(inner).map_or_else(String::new, |next| lead(inner, &next)),
        _ => raw(table.key(key).and_then(|key| key.leaf_decor().prefix())),
    }
}

fn set_lead(table: &mut Table, key: &str, text: &str) {
    if let Some(Item::Table(inner)) = table.get_mut(key) {
        if let Some(next) = first_line(inner) {
            set_lead(inner, &next, text);
        }
    } else if let Some(mut key) = table.key_mut(key) {
        key.leaf_decor_mut().set_prefix(text);
    }
}

/// Orders the keys of an inline table and of all below it. Blanks belong to the places, not to the keys.
fn inline(table: &mut InlineTable, rule: Rule) {
    if rule == Rule::Kept {
        return;
    }
    for (key, value) in table.iter_mut() {
        if let Value::InlineTable(inner) = value {
            inline(inner, rule.below(key.get()));
        }
    }
    let written: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    let kind = table.get("type").and_then(Value::as_str).map(str::to_owned);
    let mut order = written.clone();
    order.sort_by_key(|key| rule.rank(key, kind.as_deref()));
    let has_dotted = table.iter().any(|(_, value)| value.as_inline_table().is_some_and(InlineTable::is_dotted));
    if order == written || table.is_dotted() || has_dotted || raw(Some(table.trailing())).contains('#') {
        return;
    }
    let around: Vec<[String; 2]> = written
        .iter()
        .map(|key| {
            let before = raw(table.key(key).and_then(|key| key.leaf_decor().prefix()));
            [before, raw(table.get(key).and_then(|value| value.decor().suffix()))]
        })
        .collect();
    let inside = |key: &String| table.get(key).is_some_and(|value| has_comment(value.decor()));
    if around.iter().flatten().any(|blanks| blanks.contains('#')) || written.iter().any(inside) {
        return;
    }
    for (name, [before, after]) in order.iter().zip(around) {
        if let Some((mut key, mut value)) = table.remove_entry(name) {
            key.leaf_decor_mut().set_prefix(before);
            value.decor_mut().set_suffix(after);
            table.insert_formatted(&key, value);
        }
    }
}

fn has_comment(decor: &Decor) -> bool {
    raw(decor.prefix()).contains('#') || raw(decor.suffix()).contains('#')
}

/// Orders the tables that have heads of their own.
fn tables(root: &mut Table) {
    let mut all = Vec::new();
    heads(root, Rule::Top, &mut Vec::new(), &mut all);
    let mut places: Vec<isize> = all.iter().map(|(_, at)| *at).collect();
    places.sort_unstable();
    all.sort();
    let moved: HashMap<isize, isize> = all.iter().map(|(_, at)| *at).zip(places.iter().copied()).collect();
    let (Some(old_first), Some((_, first))) = (places.first(), all.first()) else { return };
    let mut had_gap = false;
    if old_first != first {
        each(root, &mut |table| {
            if table.position() == Some(*first) {
                had_gap = raw(table.decor().prefix()).starts_with('\n');
            }
        });
    }
    each(root, &mut |table| {
        let Some(at) = table.position() else { return };
        let above = raw(table.decor().prefix());
        if at == *old_first && had_gap && !above.starts_with('\n') {
            table.decor_mut().set_prefix(format!("\n{above}"));
        }
        table.set_position(moved.get(&at).copied().or(Some(at)));
    });
}

/// Every table that has a head, with what it is ordered by: its rank in each table around it.
fn heads(table: &Table, rule: Rule, around: &mut Vec<usize>, all: &mut Vec<(Vec<usize>, isize)>) {
    for (at, (key, item)) in table.iter().enumerate() {
        let rank = match rule {
            // Whatever is below such a table belongs to it in written order.
            Rule::Kept => None,
            Rule::Each(_) => Some(at),
            Rule::Top | Rule::Keys(_) | Rule::Function | Rule::Trigger => Some(rule.rank(key, None)),
        };
        around.extend(rank);
        let below = rule.below(key);
        match item {
            Item::Table(inner) => {
                if let Some(place) = inner.position().filter(|_| !inner.is_dotted()) {
                    all.push((around.clone(), place));
                }
                heads(inner, below, around, all);
            }
            Item::ArrayOfTables(inner) => {
                for inner in inner {
                    all.extend(inner.position().map(|place| (around.clone(), place)));
                    heads(inner, Rule::Kept, around, all);
                }
            }
            Item::None | Item::Value(_) => {}
        }
        if rank.is_some() {
            around.pop();
        }
    }
}

/// Calls a function with every table below this one.
fn each(table: &mut Table, call: &mut impl FnMut(&mut Table)) {
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(inner) => {
                if !inner.is_dotted() {
                    call(inner);
                }
                each(inner, call);
            }
            Item::ArrayOfTables(inner) => {
                for inner in inner.iter_mut() {
                    call(inner);
                    each(inner, call);
                }
            }
            Item::None | Item::Value(_) => {}
        }
    }
}
