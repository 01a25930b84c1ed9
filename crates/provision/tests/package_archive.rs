//! Archives of `inline`, `dir` and `zip` as the rest of the program gets them: what is in them, that nothing but names
//! and contents decides their bytes, and that nothing outside the tree gets in.

#![expect(clippy::unwrap_used, reason = "the set-up of a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use proptest::prelude::*;
use provision::package::{self, Archive, PackageError, Tree};
use tempfile::TempDir;

/// A git checkout with the given files, and the tree of a manifest at `manifest`.
fn checkout(files: &[(&str, &str)], manifest: &str) -> (TempDir, Tree) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    let manifest = folder.path().join(manifest);
    fs::create_dir_all(manifest.parent().unwrap()).unwrap();
    let tree = Tree::locate(&manifest).unwrap();
    (folder, tree)
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Names, modes and contents, in the order of the archive.
fn entries(archive: &Archive) -> Vec<(String, u32, String)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(archive.bytes().unwrap())).unwrap();
    (0..zip.len())
        .map(|at| {
            let mut file = zip.by_index(at).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().to_string(), file.unix_mode().unwrap() & 0o777, text)
        })
        .collect()
}

fn names(archive: &Archive) -> Vec<String> {
    entries(archive).into_iter().map(|(name, ..)| name).collect()
}

fn files(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_known_folder_has_its_golden_digest() {
    // A change of this digest makes every deployed function look changed: say so in the changelog.
    let sources = [
        ("code/bootstrap", "#!/bin/sh\nexec node index.js\n"),
        ("code/index.js", "exports.main = async (event) => event;\n"),
        ("code/lib/deep/a.txt", &"the same line again and again\n".repeat(500)),
        ("code/empty", ""),
    ];
    let (_folder, tree) = checkout(&sources, "m.yaml");
    let archive = package::dir(&tree, "code", &[]).unwrap();
    assert_eq!(archive.digest, "c6f719f5d07da0624250d5a3e61cb952e84f57e97a72be1e11193ad35a4b1c4f");
    let same: Vec<_> = sources.iter().map(|(name, text)| (name.trim_start_matches("code/"), *text)).collect();
    assert_eq!(package::inline(&files(&same)).unwrap(), archive, "inline and dir pack alike");
}

#[test]
fn an_archive_holds_sorted_files_with_modes_by_content() {
    let (_folder, tree) = checkout(
        &[("c/z.txt", "z"), ("c/bootstrap", "x"), ("c/lib/run.sh", "#!/bin/sh"), ("c/lib-a", "a"), ("c/.env", "e")],
        "m.yaml",
    );
    let expected = [
        (".env", 0o644, "e"),
        ("bootstrap", 0o755, "x"),
        ("lib-a", 0o644, "a"),
        ("lib/run.sh", 0o755, "#!/bin/sh"),
        ("z.txt", 0o644, "z"),
    ];
    let archive = package::dir(&tree, "./c", &[]).unwrap();
    assert_eq!(entries(&archive), expected.map(|(name, mode, text)| (name.to_owned(), mode, text.to_owned())));
}

#[test]
fn git_and_provision_folders_and_excludes_are_left_out() {
    let (_folder, tree) = checkout(
        &[
            ("a.js", "1"),
            ("docs/b.md", "1"),
            ("README.md", "1"),
            ("node_modules/x/y.js", "1"),
            (".provision/packages/p.zip", "1"),
            ("sub/.git", "gitdir: elsewhere"),
            ("sub/c.js", "1"),
            ("m.yaml", "1"),
        ],
        "m.yaml",
    );
    let exclude = ["*.md", "node_modules", "/m.yaml"].map(str::to_owned);
    assert_eq!(names(&package::dir(&tree, ".", &exclude).unwrap()), ["a.js", "sub/c.js"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn only_names_and_contents_decide_the_bytes(
        list in prop::collection::btree_map("[a-z]{1,3}(/[a-z]{1,3}){0,2}\\.[a-z]", "[ -~]{0,200}", 1..20),
        seed in any::<u64>(),
    ) {
        let first: Vec<_> = list.iter().collect();
        // Another order of creation, other modes, other times, another place.
        let mut second = first.clone();
        second.sort_by_key(|(name, _)| name.bytes().fold(seed, |sum, byte| sum.rotate_left(5) ^ u64::from(byte)));
        let archives = [&first, &second].map(|order| {
            let (folder, tree) = checkout(&[], "deep/m.yaml");
            for (at, (name, text)) in order.iter().enumerate() {
                write(folder.path(), &format!("deep/code/{name}"), text);
                if std::ptr::eq(order, &second) {
                    let file = fs::File::open(folder.path().join("deep/code").join(name)).unwrap();
                    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seed % 4_000_000_000);
                    file.set_modified(time + std::time::Duration::from_secs(at as u64)).unwrap();
                    #[cfg(unix)]
                    {
                        use std::os::unix::fs::PermissionsExt;
                        file.set_permissions(fs::Permissions::from_mode(if seed % 2 == 0 { 0o400 } else { 0o711 })).unwrap();
                    }
                }
            }
            package::dir(&tree, "code", &[]).unwrap()
        });
        prop_assert_eq!(&archives[0], &archives[1]);
        prop_assert_eq!(package::inline(&list).unwrap().digest, archives[0].digest.clone());
        let unpacked: BTreeMap<_, _> = entries(&archives[0]).into_iter().map(|(name, _, text)| (name, text)).collect();
        prop_assert_eq!(unpacked, list);
    }

    #[test]
    fn another_content_is_another_digest(name in "[a-z]{1,8}", a in "[ -~]{0,40}", b in "[ -~]{0,40}") {
        let digest = |text: &String| package::inline(&BTreeMap::from([(name.clone(), text.clone())])).unwrap().digest;
        prop_assert_eq!(digest(&a) == digest(&b), a == b);
    }
}

#[test]
fn entries_carry_no_extra_fields_and_the_format_s_first_day() {
    let archive = package::inline(&files(&[("a", "x")])).unwrap();
    let mut zip = zip::ZipArchive::new(Cursor::new(archive.bytes().unwrap())).unwrap();
    let file = zip.by_index(0).unwrap();
    assert_eq!(file.extra_data().as_deref().map(<[u8]>::len).unwrap_or_default(), 0);
    assert_eq!(file.last_modified().unwrap(), zip::DateTime::DEFAULT);
}

#[test]
fn inline_names_stay_inside_the_archive() {
    for name in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "a\nb", "dir/"] {
        let result = package::inline(&files(&[(name, "x")]));
        assert!(matches!(result, Err(PackageError::BadName { .. })), "{name:?}: {result:?}");
    }
    let nested = package::inline(&files(&[("a", "x"), ("a/b", "y")]));
    assert!(matches!(nested, Err(PackageError::BadName { name, .. }) if name == "a/b"));
    assert!(matches!(package::inline(&files(&[])), Err(PackageError::Empty { .. })));
}

#[test]
fn declared_paths_stay_inside_the_git_top_level() {
    let (_folder, tree) = checkout(&[("src/a", "1"), ("manifests/m.yaml", "")], "manifests/m.yaml");
    package::check_dir(&tree, "../src", &[]).unwrap();
    let absolute = tree.top.join("src").display().to_string();
    assert!(matches!(package::check_dir(&tree, &absolute, &[]), Err(PackageError::AbsolutePath { .. })));
    assert!(matches!(package::check_dir(&tree, "../..", &[]), Err(PackageError::OutsideTree { .. })));
    assert!(matches!(package::check_dir(&tree, "../../no/such", &[]), Err(PackageError::OutsideTree { .. })));
    assert!(matches!(package::check_dir(&tree, "../gone", &[]), Err(PackageError::Missing { .. })));
    assert!(matches!(package::check_dir(&tree, "m.yaml", &[]), Err(PackageError::NotADirectory { .. })));
    assert!(matches!(package::check_zip(&tree, "../src"), Err(PackageError::NotAFile { .. })));
}

#[test]
fn without_git_the_manifest_s_folder_is_the_top() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "in/m.yaml", "");
    write(folder.path(), "src/a", "1");
    let tree = Tree::locate(&folder.path().join("in/m.yaml")).unwrap();
    assert_eq!(tree.top, tree.manifest_dir);
    assert!(matches!(package::dir(&tree, "../src", &[]), Err(PackageError::OutsideTree { .. })));
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn links_are_followed_to_their_content() {
        let (folder, tree) = checkout(&[("shared/lib/a.js", "A"), ("code/own.js", "B"), ("one.txt", "1")], "m.yaml");
        symlink("../shared/lib", folder.path().join("code/lib")).unwrap();
        symlink("../one.txt", folder.path().join("code/one.txt")).unwrap();
        let linked = package::dir(&tree, "code", &[]).unwrap();
        assert_eq!(linked, package::inline(&files(&[("lib/a.js", "A"), ("own.js", "B"), ("one.txt", "1")])).unwrap());
    }

    #[test]
    fn links_out_of_the_tree_are_refused_wherever_they_stand() {
        let outside = tempfile::tempdir().unwrap();
        write(outside.path(), "secret", "s");
        let check = |link: &str, target: &Path, path: &str| {
            let (folder, tree) = checkout(&[("code/a", "1")], "m.yaml");
            symlink(target, folder.path().join(link)).unwrap();
            let result = package::check_dir(&tree, path, &[]);
            assert!(matches!(result, Err(PackageError::EscapingLink { .. })), "{link}: {result:?}");
        };
        check("code/file", &outside.path().join("secret"), "code");
        check("code/folder", outside.path(), "code");
        check("whole", outside.path(), "whole");
    }

    #[test]
    fn links_in_circles_or_to_nowhere_are_errors_until_excluded() {
        let (folder, tree) = checkout(&[("code/sub/a", "1")], "m.yaml");
        symlink("..", folder.path().join("code/sub/up")).unwrap();
        assert!(matches!(package::check_dir(&tree, "code", &[]), Err(PackageError::LinkLoop { .. })));
        package::check_dir(&tree, "code", &["up".into()]).unwrap();

        let (folder, tree) = checkout(&[("code/a", "1")], "m.yaml");
        symlink("nowhere", folder.path().join("code/b")).unwrap();
        assert!(matches!(package::check_dir(&tree, "code", &[]), Err(PackageError::Missing { .. })));
    }

    #[test]
    fn the_same_folder_may_be_linked_twice() {
        let (folder, tree) = checkout(&[("shared/a", "1"), ("code/x", "1")], "m.yaml");
        symlink("../shared", folder.path().join("code/one")).unwrap();
        symlink("../shared", folder.path().join("code/two")).unwrap();
        assert_eq!(names(&package::dir(&tree, "code", &[]).unwrap()), ["one/a", "two/a", "x"]);
    }

    #[test]
    fn a_socket_is_refused_unread() {
        let (folder, tree) = checkout(&[("code/a", "1")], "m.yaml");
        let _socket = UnixListener::bind(folder.path().join("code/s")).unwrap();
        let result = package::dir(&tree, "code", &[]);
        assert!(matches!(result, Err(PackageError::SpecialFile { kind: "socket", .. })), "{result:?}");
    }
}

#[test]
fn more_than_500_mb_is_refused_before_anything_is_read() {
    let (folder, tree) = checkout(&[("code/a", "1")], "m.yaml");
    // Sparse: it measures that much and takes no room.
    fs::File::create(folder.path().join("code/big")).unwrap().set_len(package::UNPACKED_LIMIT).unwrap();
    for result in [package::check_dir(&tree, "code", &[]), package::dir(&tree, "code", &[]).map(drop)] {
        assert!(matches!(result, Err(PackageError::TooLarge { bytes, .. }) if bytes == package::UNPACKED_LIMIT + 1));
    }
    package::check_dir(&tree, "code", &["big".into()]).unwrap();
}

#[test]
fn a_folder_without_files_is_nothing_to_pack() {
    let (_folder, tree) = checkout(&[("code/a.md", "1")], "m.yaml");
    assert!(matches!(package::check_dir(&tree, "code", &["*.md".into()]), Err(PackageError::Empty { .. })));
}

#[test]
fn a_zip_is_taken_byte_for_byte() {
    let (folder, tree) = checkout(&[("m.yaml", "")], "m.yaml");
    let packed = package::inline(&files(&[("index.js", "1")])).unwrap();
    fs::write(folder.path().join("code.zip"), packed.bytes().unwrap()).unwrap();
    package::check_zip(&tree, "code.zip").unwrap();
    assert_eq!(package::zip(&tree, "code.zip").unwrap(), packed);
}

#[test]
fn what_is_no_zip_is_refused() {
    let (folder, tree) = checkout(&[("text.zip", "not a zip"), ("empty.zip", "")], "m.yaml");
    let whole = package::inline(&files(&[("index.js", "1")])).unwrap().bytes().unwrap();
    fs::write(folder.path().join("cut.zip"), &whole[..whole.len() - 10]).unwrap();
    fs::write(
        folder.path().join("nothing.zip"),
        zip::ZipWriter::new(Cursor::new(Vec::new())).finish().unwrap().into_inner(),
    )
    .unwrap();
    for path in ["text.zip", "empty.zip", "cut.zip"] {
        for result in [package::check_zip(&tree, path), package::zip(&tree, path).map(drop)] {
            assert!(matches!(result, Err(PackageError::NotAZip { .. })), "{path}: {result:?}");
        }
    }
    assert!(matches!(package::check_zip(&tree, "nothing.zip"), Err(PackageError::Empty { .. })));
}

#[test]
fn an_archive_s_debug_form_does_not_show_code() {
    let archive = package::inline(&files(&[("a", "hunter2-hunter2")])).unwrap();
    let shown = format!("{archive:?}");
    assert!(shown.contains(&archive.digest) && shown.len() < 200, "{shown}");
}
