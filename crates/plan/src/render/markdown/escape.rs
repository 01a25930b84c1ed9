//! Text from outside made safe for Markdown. Whatever a manifest, a name or a service says, a reader sees it as
//! text: it adds no heading, link, mention, image, HTML or list, and ends no table cell, fence or comment.
//!
//! The one means is code: nothing is interpreted inside a code span or a fence, neither by the Markdown parser nor by
//! what GitHub and GitLab do afterwards (mentions, `#1` references, emoji). Only plain words stand outside of it.

use crate::render::style::visible;

/// Most characters of one value shown; the rest is counted.
pub(super) const LONGEST: usize = 400;
/// Most characters of one line within a fence.
const LONGEST_LINE: usize = 400;
/// Longer runs of backticks are written as escapes: parsers bound the length of delimiters.
const LONGEST_RUN: usize = 16;

/// Text as a code span on one line: control and direction characters and line ends as escapes, long text shortened.
#[must_use]
pub fn code(text: &str) -> String {
    span(&shortened(&one_line(text), LONGEST))
}

/// The same for a table cell, where even a code span ends at a pipe.
#[must_use]
pub fn cell(text: &str) -> String {
    span(&shortened(&one_line(text).replace('|', "\\u{7c}"), LONGEST))
}

/// A sentence that holds words of others: plain words stay, everything else becomes code spans. Spans that the
/// sentence marks with backticks itself are kept as spans. Never put this at the start of a line.
#[must_use]
pub fn prose(text: &str) -> String {
    prose_with(text, code)
}

/// The same for a table cell.
#[must_use]
pub fn prose_cell(text: &str) -> String {
    prose_with(text, cell)
}

/// Lines as a fenced block in a language; the fence is longer than any run of backticks in it.
#[must_use]
pub fn fence(language: &str, text: &str) -> String {
    let body: String = visible(text)
        .split('\n')
        .map(|line| shortened(&tame(line.trim_end_matches('\r')), LONGEST_LINE) + "\n")
        .collect();
    let body = body.strip_suffix("\n\n").map_or(body.clone(), |b| format!("{b}\n"));
    let ticks = "`".repeat((longest_run(&body) + 1).max(3));
    format!("{ticks}{language}\n{body}{ticks}\n")
}

/// Text for a label of a Mermaid graph, to stand between double quotes.
#[must_use]
pub fn mermaid(text: &str) -> String {
    shortened(&one_line(text), 60)
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '.' | '-' | '_' | '/' => c.to_string(),
            c if !c.is_ascii() && c.is_alphanumeric() => c.to_string(),
            c => format!("#{};", u32::from(c)),
        })
        .collect()
}

/// Text within raw HTML, where a Markdown parser looks for nothing else.
#[must_use]
pub fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The first characters of a text, and how many it has when that is not all.
#[must_use]
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}… ({} characters)", &text[..at], text.chars().count()),
    }
}

fn one_line(text: &str) -> String {
    visible(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// Wraps one line, whose delimiter is longer than any run of backticks in it.
fn span(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let text = tame(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    let edge = |c: Option<char>| c == Some('`');
    let spaced = text.starts_with(' ') && text.ends_with(' ');
    let pad = if edge(text.chars().next()) || edge(text.chars().last()) || spaced { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

fn tame(text: &str) -> String {
    if longest_run(text) > LONGEST_RUN { text.replace('`', "\\u{60}") } else { text.to_owned() }
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn prose_with(text: &str, code: fn(&str) -> String) -> String {
    let text = one_line(text);
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return words(&text, code);
    }
    let mut out = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        let piece =
            if i % 2 == 1 { if piece.is_empty() { String::new() } else { code(piece) } } else { words(piece, code) };
        // Two spans that touch would be read as one.
        if out.ends_with('`') && piece.starts_with('`') {
            out.push(' ');
        }
        out.push_str(&piece);
    }
    out
}

/// Plain words as they are; runs of others as one code span, without the punctuation around it.
fn words(text: &str, code: fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut foreign = String::new();
    for (i, word) in text.split(' ').enumerate() {
        if is_plain(word) {
            flush(&mut foreign, &mut out, code);
            if i > 0 {
                out.push(' ');
            }
            out.push_str(word);
            continue;
        }
        let bare = word.strip_prefix('(').filter(|w| !w.is_empty());
        let (open, bare) = bare.map_or(("", word), |w| ("(", w));
        let core = bare.trim_end_matches([',', ';', ':', '.', ')']);
        let (core, close) = if core.is_empty() { (bare, "") } else { bare.split_at(core.len()) };
        if foreign.is_empty() || !open.is_empty() {
            flush(&mut foreign, &mut out, code);
            if i > 0 {
                out.push(' ');
            }
            out.push_str(open);
        } else {
            foreign.push(' ');
        }
        foreign.push_str(core);
        if !close.is_empty() {
            flush(&mut foreign, &mut out, code);
            out.push_str(close);
        }
    }
    flush(&mut foreign, &mut out, code);
    out
}

fn flush(foreign: &mut String, out: &mut String, code: fn(&str) -> String) {
    if !foreign.is_empty() {
        out.push_str(&code(foreign));
        foreign.clear();
    }
}

/// An ordinary word or number with ordinary punctuation around it: nothing that Markdown, or a site that renders it,
/// gives a meaning to. Hexadecimal words are not: sites link them as commits.
fn is_plain(word: &str) -> bool {
    let bare = word.strip_prefix('(').unwrap_or(word);
    let bare = bare.strip_suffix([',', ';', ':', '.', ')']).unwrap_or(bare);
    let bare = bare.strip_suffix(')').unwrap_or(bare);
    let is_hex = bare.len() >= 7 && bare.chars().all(|c| c.is_ascii_hexdigit());
    let letters =
        bare.split('-').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphabetic() || c == '\''));
    let number = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit());
    word.is_empty() || matches!(word, "," | ";" | ":" | "." | ")" | "?") || (!is_hex && (letters || number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_survives_what_it_holds() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`a"), "`` `a ``");
        assert_eq!(code("a\nb\u{202e}"), "`a\\nb\\u{202e}`");
        assert_eq!(code(&"`".repeat(40)), format!("`{}`", "\\u{60}".repeat(40)));
        assert_eq!(cell("a|b"), "`a\\u{7c}b`");
        assert!(code(&"x".repeat(100_000)).ends_with("… (100000 characters)`"));
    }

    #[test]
    fn sentences_keep_their_words_and_guard_the_rest() {
        assert_eq!(prose("no role has this name"), "no role has this name");
        assert_eq!(prose("memory and timeout differ (3 more)"), "memory and timeout differ (3 more)");
        assert_eq!(prose("belongs to stack `x*y`"), "belongs to stack `x*y`");
        assert_eq!(prose("ping @all now"), "ping `@all` now");
        assert_eq!(prose("see #1 <b> deadbeef"), "see `#1 <b> deadbeef`");
        assert_eq!(
            prose("it takes: init_timeout, memory (request 5f3c)."),
            "it takes: `init_timeout`, memory (request `5f3c`)."
        );
        assert_eq!(prose("odd ` tick"), "odd `` ` `` tick");
    }

    #[test]
    fn labels_hold_no_syntax() {
        assert_eq!(mermaid("a\"]; click"), "a#34;#93;#59; click");
    }
}
