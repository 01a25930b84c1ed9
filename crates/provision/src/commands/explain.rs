//! `provision explain CODE`: what a code of ours or of the platform means, and the way out.

use serde_json::{Value as Json, json};

use super::Run;
use crate::cli::{ExplainArgs, Language};
use crate::error::{CommandError, exit};
use crate::explanations::{self, Explanation, Found};

/// Runs it.
pub(crate) fn run(run: &mut Run, arguments: &ExplainArgs) -> u8 {
    let language = arguments.lang.unwrap_or_else(|| of_environment(run));
    let Some(wanted) = &arguments.code else {
        return show(run, language, &explanations::all().iter().collect::<Vec<_>>(), &[], None);
    };
    match explanations::look_up(wanted) {
        Found::Exact(code, below) => show(run, language, &[code], &below, None),
        Found::Several(codes) => match codes.as_slice() {
            [one] => show(run, language, &[one], &[], None),
            several => show(run, language, several, &[], None),
        },
        Found::Family(family) => show(run, language, &[family], &[], Some(wanted)),
        Found::Nothing(close) => {
            let help = match close.as_slice() {
                [] => "`provision explain` lists every code".to_owned(),
                close => format!("did you mean {}?", close.join(" or ")),
            };
            let message = format!("no finding or error has the code `{wanted}`");
            run.fail(&CommandError::Usage { message, help: Some(help) }, None)
        }
    }
}

/// The language of messages that the environment asks for; the first variable that is set decides.
fn of_environment(run: &Run) -> Language {
    let first = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| run.world.variable(name));
    match first {
        Some(locale) if locale.to_lowercase().starts_with("zh") => Language::Zh,
        Some(_) | None => Language::En,
    }
}

fn text(language: Language, of: &Explanation) -> &[String; 2] {
    match language {
        Language::En => &of.en,
        Language::Zh => &of.zh,
    }
}

/// One code in full, several as a list. `asked` is the code that only its family explains.
fn show(run: &mut Run, language: Language, codes: &[&Explanation], below: &[&Explanation], asked: Option<&str>) -> u8 {
    if run.is_json() {
        let json = |e: &&Explanation| -> Json {
            let [cause, help] = text(language, e);
            let kind = if e.is_finding { "finding" } else { "platform" };
            json!({ "code": e.code, "kind": kind, "cause": cause, "help": help })
        };
        let all: Vec<Json> = codes.iter().chain(below).map(json).collect();
        run.ui.json(&json!({ "format_version": plan::render::json::FORMAT_VERSION, "language": language.word(), "exact": asked.is_none(), "codes": all }));
        return exit::DONE;
    }
    let style = run.ui.out_style;
    let out = match codes {
        [one] => {
            let [cause, help] = text(language, one);
            let mut out = format!("{}: {cause}\n\n{help}\n", style.bold(&one.code));
            if let Some(asked) = asked {
                out.push_str(&match language {
                    Language::En => format!("\nNothing more is known of `{asked}`; this is its family.\n"),
                    Language::Zh => format!("\n`{asked}` 没有单独的说明，以上是它所属的类别。\n"),
                });
            }
            if !below.is_empty() {
                out.push('\n');
                out.push_str(&list(language, below));
            }
            out
        }
        several => list(language, several),
    };
    run.ui.data(&out);
    exit::DONE
}

fn list(language: Language, codes: &[&Explanation]) -> String {
    let width = codes.iter().map(|e| e.code.len()).max().unwrap_or_default();
    codes.iter().map(|e| format!("{:width$}  {}\n", e.code, text(language, e)[0])).collect()
}
