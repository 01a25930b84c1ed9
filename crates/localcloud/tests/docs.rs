//! The page about the local cloud's behaviours is the one that the table makes.

use std::collections::BTreeSet;
use std::path::Path;

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
