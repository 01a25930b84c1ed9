//! The page about the local cloud's behaviours is the one that the table makes.

use std::collections::BTreeSet;
use std::path::Path;

use localcloud::Faults;
use localcloud::behaviours::{BEHAVIOURS, page};

#[test]
fn the_page_about_behaviours_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/local-cloud.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the docs folder");
        std::fs::write(&path, page()).expect("the page is written");
    }
    let written = std::fs::read_to_string(&path).expect("docs/local-cloud.md; UPDATE=1 writes it");
    assert!(written == page(), "docs/local-cloud.md is not current; run with UPDATE=1");
}

#[test]
fn behaviours_have_unique_names_and_stand_by_area() {
    let mut areas = Vec::new();
    for behaviour in BEHAVIOURS {
        let area = behaviour.id.split('.').next().expect("an area");
        if areas.last() != Some(&area) {
            areas.push(area);
        }
        assert!(!behaviour.sentence.contains('|') && !behaviour.source.is_empty(), "{}", behaviour.id);
    }
    let ids: BTreeSet<&str> = BEHAVIOURS.iter().map(|behaviour| behaviour.id).collect();
    assert_eq!(ids.len(), BEHAVIOURS.len());
    assert_eq!(areas.iter().collect::<BTreeSet<_>>().len(), areas.len(), "an area's rows stand together");
}

fn faults_page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
    std::fs::read_to_string(path).expect("docs/faults.md")
}

/// What a text may say in a place, by serde's own words about one that says something else.
fn expected(file: &str) -> BTreeSet<String> {
    let error = toml::from_str::<Faults>(file).expect_err("it says something else").to_string();
    let (_, list) = error.split_once("expected one of ").expect("the choices");
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The names in the first column of the table below a heading.
fn rows(page: &str, heading: &str) -> BTreeSet<String> {
    let below = page.split_once(&format!("\n## {heading}\n")).expect("the heading").1;
    let table = below.lines().skip_while(|line| !line.starts_with("| ")).take_while(|line| line.starts_with("| "));
    table.filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn the_page_about_faults_names_every_key_and_effect_and_no_other() {
    let page = faults_page();
    let effects = expected("[[rule]]\neffect = 'explode'");
    assert_eq!(rows(&page, "Effects"), effects);
    let mut keys = expected("[[rule]]\nexplode = 1\neffect = 'throttle'");
    keys.extend(["seed".to_owned(), "[[rule]]".to_owned()]);
    assert_eq!(rows(&page, "The file"), keys);
}

#[test]
fn the_examples_of_the_page_about_faults_are_valid_and_show_every_effect() {
    let page = faults_page();
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("faults.toml");
    let examples = page.split("```toml\n").skip(1).chain(page.split("<<'END'\n").skip(1));
    let mut shown = String::new();
    for example in examples {
        let text = example.split("```").next().and_then(|text| text.split("END\n").next()).expect("an example");
        std::fs::write(&path, text).expect("written");
        Faults::load(&path).unwrap_or_else(|error| panic!("{error}: {:?}\n{text}", std::error::Error::source(&error)));
        shown.push_str(text);
    }
    for effect in expected("[[rule]]\neffect = 'explode'") {
        let (plain, table) = (format!("effect = \"{effect}\""), format!("effect = {{ {effect} = "));
        assert!(shown.contains(&plain) || shown.contains(&table), "{effect} has no example");
    }
}

#[test]
fn faults_that_can_never_be_met_are_refused() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("faults.toml");
    for (rule, why) in [
        ("action = 'CreateFunctions'", "`CreateFunctions`"),
        ("service = 'cam'\naction = 'CreateFunction'", "of cam"),
        ("action = 'Make*'", "`Make*`"),
        ("service = 's3'", "of s3"),
        ("nth = 0", "counts from 1"),
        ("times = 0", "picks no call"),
        ("nth = 3\ntimes = 2", "first 2"),
        ("probability = 0.0", "`probability`"),
        ("probability = 1.5", "`probability`"),
    ] {
        std::fs::write(&path, format!("[[rule]]\neffect = 'throttle'\n[[rule]]\n{rule}\neffect = 'throttle'\n"))
            .expect("written");
        let told = Faults::load(&path).expect_err(rule).to_string();
        assert!(told.starts_with("rule 2 of ") && told.contains(why), "{rule}: {told}");
    }
}
