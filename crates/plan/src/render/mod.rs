//! Plans and findings as text for people, Markdown and annotations for reviewers, JSON for programs. Pure: everything
//! returns strings. Guarded values only ever appear as keyed digests.

pub mod diagnostics;
pub mod github;
pub mod gitlab;
pub mod guard;
pub mod json;
pub mod markdown;
pub mod report;
pub mod risk;
pub mod sarif;
pub mod style;
pub mod text;
mod value;

/// Every way in which these formats may spell a text, for whoever must find it again in their output. Shortened texts
/// are not among them.
#[must_use]
pub fn spellings(text: &str) -> Vec<String> {
    let shown = style::visible_line(text);
    let quoted = serde_json::Value::from(text).to_string();
    let quoted = style::visible(&quoted[1..quoted.len() - 1]);
    let mut all = vec![style::visible(text), quoted.clone()];
    for one in [shown, quoted] {
        all.push(one.replace('|', "\\u{7c}"));
        all.push(one.replace('%', "%25"));
        all.push(one.replace('%', "%25").replace(':', "%3A").replace(',', "%2C"));
        all.push(markdown::escape::html(&one));
        all.push(markdown::escape::mermaid(&one));
        all.push(one);
    }
    all.sort();
    all.dedup();
    all
}
