//! The form of names, tags and descriptions, each with the platform's rule.

use crate::diagnostic::{Code, Diagnostic};
use crate::limits;
use crate::source::Span;

fn bad(findings: &mut Vec<Diagnostic>, span: Span, message: String, help: &str) {
    findings.push(Diagnostic::error(Code::BadFormat, message).at(span).help(help));
}

/// Letters, digits and `_`, a letter first: variable names.
#[must_use]
pub fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Letters, digits, `_` and `-`, a letter first: logical ids.
#[must_use]
pub fn is_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// 2 to 40 of a-z, 0-9 and `-`, a letter first: stack names.
#[must_use]
pub fn is_stack(name: &str) -> bool {
    (2..=40).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

pub(crate) fn stack(name: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    if !is_stack(name) {
        bad(findings, span, format!("`{name}` is no stack name"), "2 to 40 of a-z, 0-9 and `-`, a letter first");
    }
}

pub(crate) fn region(name: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    if limits::REGIONS.contains(&name) {
        return;
    }
    findings.push(match crate::diagnostic::did_you_mean(name, limits::REGIONS) {
        Some(close) if name.len() < 4 || !name.contains('-') || strsim::levenshtein(name, close) <= 2 => {
            Diagnostic::error(Code::BadFormat, format!("no region is called `{name}`"))
                .at(span)
                .help(format!("did you mean `{close}`?"))
        }
        _ if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') || !name.contains('-') => {
            Diagnostic::error(Code::BadFormat, format!("`{name}` is no region")).at(span).help("such as ap-beijing")
        }
        _ => Diagnostic::warning(Code::BadFormat, format!("`{name}` is no region that we know"))
            .at(span)
            .help("it is used as it is"),
    });
}

pub(crate) fn function(name: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    let good = limits::FUNCTION_NAME.contains(&name.len()) && is_label(name) && !name.ends_with(['-', '_']);
    if !good {
        bad(
            findings,
            span,
            format!("`{name}` is no function name"),
            "2 to 60 of letters, digits, `_` and `-`; a letter first, a letter or digit last",
        );
    }
}

/// The form of an entry point: `file.method` for Python, Node.js and PHP, `package.Class::method` for Java. Custom
/// runtimes take any text (the platform hands it over as it is). The definition of CreateFunction wants both parts of
/// `file.method` to end with a letter; no refusal of a digit is known, so that is a warning.
pub(crate) fn handler(text: &str, runtime: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    let part = |p: &str| (2..=60).contains(&p.len()) && is_label(p) && !p.ends_with(['-', '_']);
    let scripted = ["Python", "Nodejs", "Php"].iter().any(|r| runtime.starts_with(r));
    if scripted && !text.split_once('.').is_some_and(|(file, method)| part(file) && part(method)) {
        bad(findings, span, format!("`{text}` is no handler for {runtime}"), "file.method, such as index.main_handler");
    } else if scripted && text.split('.').any(|part| part.ends_with(|c: char| c.is_ascii_digit())) {
        findings.push(
            Diagnostic::warning(Code::BadFormat, format!("the platform may refuse the handler `{text}`"))
                .at(span)
                .help("its documentation wants file and method to end with a letter"),
        );
    } else if runtime.starts_with("Java")
        && !text.split_once("::").is_some_and(|(class, method)| class.contains('.') && !method.is_empty())
    {
        bad(findings, span, format!("`{text}` is no handler for {runtime}"), "package.Class::method");
    }
}

pub(crate) fn namespace(name: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    let good = limits::NAMESPACE_NAME.contains(&name.len()) && is_label(name) && !name.ends_with(['-', '_']);
    if name == "default" {
        bad(findings, span, "`default` needs no declaration".to_owned(), "every region has it; remove this entry");
    } else if !good {
        bad(
            findings,
            span,
            format!("`{name}` is no namespace name"),
            "2 to 30 of letters, digits, `_` and `-`; a letter first, a letter or digit last",
        );
    }
}

pub(crate) fn cam(name: &str, what: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    let good = limits::CAM_NAME.contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@-_".contains(c));
    if !good {
        bad(findings, span, format!("`{name}` is no {what} name"), "1 to 128 of letters, digits and `+=,.@-_`");
    }
}

pub(crate) fn timer(name: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    if !(limits::TIMER_NAME.contains(&name.len()) && is_label(name)) {
        bad(
            findings,
            span,
            format!("`{name}` is no timer name"),
            "up to 60 of letters, digits, `_` and `-`, a letter first",
        );
    }
}

pub(crate) fn bucket(name: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    let good = name
        .rsplit_once('-')
        .is_some_and(|(head, appid)| !head.is_empty() && appid.len() >= 5 && appid.bytes().all(|b| b.is_ascii_digit()))
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !good {
        bad(findings, span, format!("`{name}` is no bucket"), "name and appid, such as `uploads-1250000000`");
    }
}

pub(crate) fn environment(name: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    if let Some(prefix) = limits::ENVIRONMENT_RESERVED.iter().find(|p| name.starts_with(**p)) {
        bad(
            findings,
            span,
            format!("`{name}`: the platform keeps variables that start with {prefix}"),
            "choose another name",
        );
    } else if !(is_word(name) && limits::ENVIRONMENT_NAME.contains(&name.len())) {
        bad(
            findings,
            span,
            format!("`{name}` is no name of an environment variable"),
            "2 to 64 of letters, digits and `_`, a letter first",
        );
    }
}

pub(crate) fn description(text: &str, limit: usize, span: Span, findings: &mut Vec<Diagnostic>) {
    let length = text.chars().count();
    if length > limit {
        findings.push(
            Diagnostic::error(Code::TooMany, format!("the description has {length} characters, {limit} are allowed"))
                .at(span),
        );
    }
    if crate::mark::split(text).1.is_some() {
        bad(
            findings,
            span,
            "the description ends in an ownership line".to_owned(),
            "remove the last line; it is written by us",
        );
    }
}

pub(crate) fn tag(key: &str, value: &str, span: Span, findings: &mut Vec<Diagnostic>) {
    let allowed = |text: &str| text.chars().all(|c| c.is_alphanumeric() || " +-=._:/@()[]（）【】".contains(c));
    if key.starts_with("provision-") {
        bad(
            findings,
            span,
            format!("the tag `{key}` is one of ours"),
            "tags that start with `provision-` mark ownership",
        );
    } else if ["qcs:", "project:"].iter().any(|p| key.starts_with(p)) || ["qcloud", "tencent", "project"].contains(&key)
    {
        bad(findings, span, format!("the platform keeps the tag `{key}`"), "choose another key");
    } else if !limits::TAG_KEY.contains(&key.chars().count()) || !allowed(key) {
        bad(findings, span, format!("`{key}` is no tag key"), "1 to 127 letters, digits, blanks and `+-=._:/@()[]`");
    }
    if !limits::TAG_VALUE.contains(&value.chars().count()) || !allowed(value) {
        bad(
            findings,
            span,
            format!("the tag `{key}` has a value that is not allowed"),
            "1 to 255 letters, digits, blanks and `+-=._:/@()[]`",
        );
    }
}
