//! Every fixture's message in both languages, as reviewed files. `UPDATE_GOLDEN=1 cargo test -p handler --test golden`
//! writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use handler::event::Event;
use handler::message::{LIMIT, Lang, Style, render};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Fixtures, and odd events that are too short for files of their own.
fn events() -> Vec<(String, Vec<u8>)> {
    let mut events: Vec<_> = fs::read_dir(folder("fixtures"))
        .expect("fixtures")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            (path.file_stem().expect("a name").to_string_lossy().into_owned(), fs::read(&path).expect("a file"))
        })
        .collect();
    events.push(("odd_empty".into(), b"{}".to_vec()));
    events.push(("odd_unreadable".into(), b"{\"EventType\":".to_vec()));
    events.sort();
    events
}

#[test]
fn messages_are_as_reviewed() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (lang, code) in [(Lang::Zh, "zh"), (Lang::En, "en")] {
        let style = Style { lang, mention: vec!["oncall".into()] };
        let mut expected: Vec<_> = fs::read_dir(folder("golden").join(code))
            .expect("golden files")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        for (name, event) in events() {
            let text = render(&Event::parse(&event, "r-1").incoming, &style);
            assert!(text.len() <= LIMIT, "{name} takes {} bytes", text.len());
            let path = folder("golden").join(code).join(format!("{name}.md"));
            expected.retain(|it| *it != path);
            let text = format!("{text}\n");
            if update {
                fs::write(&path, &text).expect("written");
            } else if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
                wrong.push(format!("{code}/{name}:\n{text}"));
            }
        }
        assert!(expected.is_empty(), "golden files without an event: {expected:?}");
    }
    assert!(wrong.is_empty(), "not as reviewed:\n{}", wrong.join("\n"));
}

#[test]
fn no_secret_of_a_fixture_is_shown() {
    for (name, event) in events() {
        for lang in [Lang::Zh, Lang::En] {
            let text = render(&Event::parse(&event, "r-1").incoming, &Style { lang, ..Style::default() });
            for secret in ["AKIDEXAMPLE", "do-not-print", "abc123", "c375ee8f", "review-pics", "orderId"] {
                assert!(!text.contains(secret), "{name} shows {secret}");
            }
        }
    }
}
