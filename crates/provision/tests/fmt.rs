//! `provision fmt` from outside: files, standard input, `--check`, and files it cannot read.

#![expect(clippy::unwrap_used, reason = "the set-up of a test fails by panicking")]

use std::path::Path;

use assert_cmd::Command;

const MIXED: &str =
    "functions:\n  f1:\n    memory: 128\n    # exact\n    runtime: Go1\n    code: { demo: x }\nstack: s1\n";
const ORDERED: &str =
    "stack: s1\nfunctions:\n  f1:\n    # exact\n    runtime: Go1\n    code: { demo: x }\n    memory: 128\n";

fn fmt(folder: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_provision"));
    let output = command.arg("fmt").args(arguments).current_dir(folder).write_stdin(input).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join("manifests").join(name), text).unwrap();
    }
    folder
}

#[test]
fn files_are_rewritten_once_and_named() {
    let folder = folder(&[("a.yaml", MIXED), ("b.yaml", ORDERED)]);
    let (code, out, err) = fmt(folder.path(), &[], "");
    assert_eq!((code, out.as_str()), (0, "manifests/a.yaml\n"), "{err}");
    assert_eq!(std::fs::read_to_string(folder.path().join("manifests/a.yaml")).unwrap(), ORDERED);
    assert_eq!(std::fs::read_dir(folder.path().join("manifests")).unwrap().count(), 2, "nothing is left beside them");
    assert_eq!(fmt(folder.path(), &[], "").1, "");
}

#[test]
fn check_shows_the_difference_and_writes_nothing() {
    let folder = folder(&[("a.yaml", MIXED)]);
    let (code, out, err) = fmt(folder.path(), &["--check"], "");
    assert!(code == 1 && out.contains("+stack: s1") && err.contains("manifests/a.yaml"), "{out}{err}");
    assert_eq!(std::fs::read_to_string(folder.path().join("manifests/a.yaml")).unwrap(), MIXED);
    fmt(folder.path(), &["manifests/a.yaml"], "");
    assert_eq!(fmt(folder.path(), &["--check"], "").0, 0);
}

#[test]
fn standard_input_may_be_yaml_or_toml() {
    let folder = folder(&[]);
    assert_eq!(fmt(folder.path(), &["-"], MIXED).1, ORDERED);
    let toml = "stack = \"s1\"\n";
    assert_eq!(fmt(folder.path(), &["-"], &format!("{toml}\n\n")).1, toml);
    assert_eq!(fmt(folder.path(), &["-", "--check"], MIXED).0, 1);
}

#[test]
fn what_does_not_parse_is_left_alone_with_its_finding() {
    let broken = "functions: [\nstack: s1\n";
    let folder = folder(&[("a.yaml", broken), ("b.yaml", MIXED)]);
    let (code, out, err) = fmt(folder.path(), &[], "");
    assert!(code == 1 && err.contains("P003") && err.contains("a.yaml"), "{err}");
    assert_eq!(out, "manifests/b.yaml\n", "the others are formatted all the same");
    assert_eq!(std::fs::read_to_string(folder.path().join("manifests/a.yaml")).unwrap(), broken);
}
