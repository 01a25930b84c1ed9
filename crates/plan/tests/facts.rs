//! `docs/facts.md` against the code: a comment that cites a fact or a page of the platform can be followed.

#![expect(clippy::unwrap_used, reason = "the set-up of a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The parts of the page.
const PARTS: [&str; 3] = ["SCF", "CAM", "MPS"];
/// Product numbers of the platform's pages that may be cited.
const PRODUCTS: [&str; 8] = ["583", "598", "651", "862", "1041", "1150", "1278", "1312"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[expect(clippy::disallowed_methods, reason = "planning reads no files; this test is about them")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn page() -> String {
    read(&root().join("docs/facts.md"))
}

/// Every Rust file under `crates/*/src`, by its path in the repository.
fn sources() -> BTreeMap<String, String> {
    let mut folders: Vec<PathBuf> =
        root().join("crates").read_dir().unwrap().map(|entry| entry.unwrap().path().join("src")).collect();
    let mut found = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        // A crate that is being begun may have no sources yet.
        let Ok(entries) = folder.read_dir() else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.insert(name, read(&path));
            }
        }
    }
    found
}

/// `SCF 2.4` at the beginning of a text, and what follows it.
fn section(text: &str) -> Option<(String, &str)> {
    let (part, rest) = PARTS.iter().find_map(|p| Some((p, text.strip_prefix(p)?.strip_prefix(' ')?)))?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let number = rest.get(..end)?.trim_end_matches('.');
    number.starts_with(|c: char| c.is_ascii_digit()).then(|| (format!("{part} {number}"), &rest[number.len()..]))
}

/// The sections that a text cites: `facts SCF 2.4`, `facts SCF 5.2, SCF 5.3`. An error is a number that does not say
/// which part it is of.
fn citations(text: &str) -> Vec<Result<String, String>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("facts ") {
        let mut rest = &text[at + "facts ".len()..];
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            found.push(Err(rest.chars().take_while(|c| !c.is_whitespace()).collect()));
        }
        while let Some((cited, after)) = section(rest) {
            found.push(Ok(cited));
            let Some(next) = after.strip_prefix(", ") else { break };
            rest = next;
        }
    }
    found
}

/// The platform's pages that a text cites: `583/11637`.
fn cited_pages(text: &str) -> BTreeSet<String> {
    let token = |c: char| c.is_ascii_digit() || c == '/';
    text.split(|c| !token(c))
        .filter(|t| {
            t.split_once('/').is_some_and(|(product, id)| {
                PRODUCTS.contains(&product) && id.len() >= 5 && id.bytes().all(|b| b.is_ascii_digit())
            })
        })
        .map(str::to_owned)
        .collect()
}

fn headings(page: &str) -> BTreeSet<String> {
    page.lines()
        .filter_map(|l| l.strip_prefix("### ").or_else(|| l.strip_prefix("## ")))
        .filter_map(|l| Some(section(l)?.0))
        .collect()
}

#[test]
fn every_cited_fact_has_its_section() {
    let headings = headings(&page());
    let mut count = 0;
    for (file, text) in sources() {
        for cited in citations(&text) {
            match cited {
                Ok(cited) => {
                    assert!(headings.contains(&cited), "{file} cites {cited}: docs/facts.md has no such section");
                }
                Err(number) => panic!("{file} cites facts {number}: say of which part, such as `facts SCF {number}`"),
            }
            count += 1;
        }
    }
    assert!(count >= 20, "only {count} citations found: has their form changed?");
}

#[test]
fn every_cited_page_is_listed() {
    let page = page();
    let (_, list) = page.split_once("\n## Pages\n").unwrap();
    // Ranges are written with both ends.
    let listed = cited_pages(list);
    let cited: BTreeMap<String, String> =
        sources().into_iter().flat_map(|(f, t)| cited_pages(&t).into_iter().map(move |p| (p, f.clone()))).collect();
    assert!(cited.contains_key("583/11637"), "the quota page is not found: has the form of citations changed?");
    for (page, file) in cited {
        assert!(listed.contains(&page), "{file} cites page {page}: the list at the end of docs/facts.md lacks it");
    }
}

#[test]
fn every_fact_says_how_sure_we_are_and_whence_it_comes() {
    let page = page();
    let mut facts = 0;
    let mut inside = false;
    for line in page.lines() {
        if line == "| what we rely on | sure | source |" {
            inside = true;
        } else if !line.starts_with('|') {
            inside = false;
        } else if inside && !line.starts_with("| --- ") {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [_, sure, source] = cells.as_slice() else { panic!("not three cells: {line}") };
            assert!(["documented", "observed", "assumed"].contains(sure), "not a word for how sure we are: {line}");
            assert!(!source.is_empty(), "no source: {line}");
            facts += 1;
        }
    }
    assert!(facts >= 100, "only {facts} facts found: has the form of the tables changed?");
}

#[test]
fn no_section_stands_twice() {
    let page = page();
    let all: Vec<String> = page.lines().filter(|l| l.starts_with('#')).map(str::to_owned).collect();
    let distinct: BTreeSet<&String> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(
        headings(&page).len(),
        all.iter().filter(|l| section(l.trim_start_matches(['#', ' '])).is_some()).count()
    );
}

#[test]
fn every_file_that_the_page_names_is_there() {
    let page = page();
    let named: BTreeSet<&str> = page.split('`').filter(|t| t.starts_with("crates/")).collect();
    assert!(named.len() >= 10, "only {} files are named", named.len());
    for path in named {
        assert!(root().join(path).exists(), "docs/facts.md names {path}, which is not there");
    }
}

#[test]
fn citations_are_read_as_they_are_written() {
    let ok = |s: &str| Ok::<String, String>(s.to_owned());
    assert_eq!(citations("(facts SCF 5.2, SCF 5.3). Then"), [ok("SCF 5.2"), ok("SCF 5.3")]);
    assert_eq!(citations("as in facts CAM 3.8."), [ok("CAM 3.8")]);
    assert_eq!(citations("(facts SCF 7): again"), [ok("SCF 7")]);
    assert_eq!(citations("(facts 2.4)."), [Err("2.4).".to_owned())]);
    assert_eq!(citations("a line of facts is told"), []);
    assert_eq!(
        cited_pages("page 583/11637; 598/33556-33562, a/b, 1/2"),
        ["583/11637", "598/33556"].map(str::to_owned).into()
    );
}
