//! The repository's pages: every link from one to another, or to a heading, leads somewhere.

#![expect(clippy::unwrap_used, reason = "the set-up of a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "planning reads no files; this test is about some")]

use std::path::{Path, PathBuf};

/// Every Markdown page of the repository that people read.
fn pages() -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![top.join("docs"), top.join("conformance"), top.join("examples")];
    let mut found: Vec<PathBuf> = Vec::new();
    let is_page = |path: &Path| path.extension().is_some_and(|e| e == "md");
    found.extend(std::fs::read_dir(&top).unwrap().map(|entry| entry.unwrap().path()).filter(|p| is_page(p)));
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if is_page(&path) {
                found.push(path);
            }
        }
    }
    found
}

/// The anchor that a heading gets on GitHub.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Where a page links to, outside of code.
fn links(page: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in page.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        // What stands in backticks is code, unless it is the text of a link.
        for (i, rest) in line.match_indices("](").map(|(i, _)| (i, &line[i + 2..])) {
            let code = line[..i].matches('`').count() % 2 == 1;
            if let (false, Some(end)) = (code, rest.find(')')) {
                found.push(rest[..end].to_owned());
            }
        }
    }
    found
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut broken = Vec::new();
    let mut followed = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links(&text).iter().filter(|l| !l.contains("://") && !l.starts_with("mailto:")) {
            followed += 1;
            let (file, fragment) = link.split_once('#').map_or((link.as_str(), None), |(f, a)| (f, Some(a)));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let reached = match fragment {
                Some(fragment) => std::fs::read_to_string(&target).is_ok_and(|t| {
                    t.lines().filter(|l| l.starts_with('#')).any(|l| anchor(l.trim_start_matches('#')) == fragment)
                }),
                None => target.exists(),
            };
            if !reached {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    assert!(followed > 50, "only {followed} links were found");
}
