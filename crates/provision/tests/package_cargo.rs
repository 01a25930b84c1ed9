//! Cargo packages as code: what changes their digest and what does not, and that a build is a static `bootstrap` in a
//! zip. The builds need no network: their packages have no dependencies.

#![expect(clippy::unwrap_used, reason = "the set-up of a test fails by panicking")]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use provision::package::cargo::{self, CargoIdentity, Progress, Reuse};
use provision::package::{self, PackageError, Tree};
use tempfile::TempDir;

/// A checkout of a workspace with two packages: `hello`, which depends on `lib` by path, and the unrelated `other`.
const WORKSPACE: &[(&str, &str)] = &[
    (".gitignore", "/target/\n*.log\n/generated/\n"),
    (
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n[workspace.dependencies]\nlib = { path = \"crates/lib\" }\n",
    ),
    (
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"hello\"\nversion = \"0.1.0\"\ndependencies = [\n \"lib\",\n]\n\n\
         [[package]]\nname = \"lib\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"other\"\nversion = \"0.1.0\"\n",
    ),
    (
        "crates/hello/Cargo.toml",
        "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nlib.workspace = true\n",
    ),
    ("crates/hello/src/main.rs", "fn main() { println!(\"{}\", lib::GREETING); }\n"),
    ("crates/lib/Cargo.toml", "[package]\nname = \"lib\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    ("crates/lib/src/lib.rs", "pub const GREETING: &str = \"hello from the lib\";\n"),
    ("crates/other/Cargo.toml", "[package]\nname = \"other\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    ("crates/other/src/main.rs", "fn main() {}\n"),
    ("manifests/m.yaml", "stack: x\n"),
    ("schema/v1.sql", "create table a;\n"),
];

struct Checkout {
    folder: TempDir,
    tree: Tree,
}

impl Checkout {
    fn new() -> Self {
        Self::of(WORKSPACE, "manifests/m.yaml")
    }

    fn of(files: &[(&str, &str)], manifest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        for (name, text) in files {
            write(folder.path(), name, text);
        }
        let tree = Tree::locate(&folder.path().join(manifest)).unwrap();
        Self { folder, tree }
    }

    fn write(&self, name: &str, text: &str) {
        write(self.folder.path(), name, text);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn identify(&self) -> CargoIdentity {
        cargo::identify(&self.tree, "hello", &[]).unwrap()
    }

    fn digest(&self) -> String {
        self.identify().digest
    }

    fn packages(&self) -> PathBuf {
        self.path(".provision/packages")
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Writes a file into the workspace and says whether that changes the digest of `hello`.
fn changes(name: &str, text: &str) -> bool {
    let checkout = Checkout::new();
    let before = checkout.digest();
    checkout.write(name, text);
    checkout.digest() != before
}

#[test]
fn two_checkouts_have_one_digest_whatever_the_order_of_creation() {
    let mut backwards = WORKSPACE.to_vec();
    backwards.reverse();
    let digest = Checkout::new().digest();
    assert_eq!(Checkout::of(&backwards, "manifests/m.yaml").digest(), digest);
    assert!(digest.len() == 64 && digest.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{digest}");
}

#[test]
fn whatever_a_build_reads_changes_the_digest() {
    for name in [
        "crates/hello/src/main.rs",
        "crates/hello/src/new.rs",
        "crates/hello/assets/.hidden",
        "crates/hello/src/target/mod.rs",
        "crates/hello/build.rs",
        "crates/lib/src/lib.rs",
        "Cargo.lock",
        "rust-toolchain.toml",
        ".cargo/config.toml",
        ".cargo/config",
    ] {
        assert!(changes(name, "# changed = 1\n"), "{name}");
    }
    assert!(changes("Cargo.toml", &format!("{}\n[profile.release]\nopt-level = \"z\"\n", WORKSPACE[1].1)));
}

#[test]
fn what_a_build_does_not_read_leaves_the_digest() {
    for name in [
        "crates/other/src/main.rs",
        "README.md",
        "manifests/m.yaml",
        "schema/v1.sql",
        "crates/hello/debug.log",
        "target/release/hello",
        "crates/hello/target/release/hello",
        ".provision/packages/x.zip",
        "crates/hello/.provision/x",
    ] {
        assert!(!changes(name, "# changed = 1\n"), "{name}");
    }
}

#[test]
fn moving_bytes_between_files_changes_the_digest() {
    let digest = |a: &str, b: &str| {
        let checkout = Checkout::new();
        checkout.write("crates/hello/a", a);
        checkout.write("crates/hello/b", b);
        checkout.digest()
    };
    assert_ne!(digest("xy", "z"), digest("x", "yz"));
}

#[test]
fn declared_inputs_count_even_where_git_ignores_them() {
    let checkout = Checkout::new();
    checkout.write("generated/deep/api.rs", "1");
    let digest = |inputs: &[&str]| {
        let inputs: Vec<_> = inputs.iter().map(|glob| (*glob).to_owned()).collect();
        cargo::identify(&checkout.tree, "hello", &inputs).unwrap().digest
    };
    let globs = ["../schema/*.sql", "../generated/**", "../schema"];
    let before = globs.map(|glob| digest(&[glob]));
    checkout.write("schema/v1.sql", "create table b;\n");
    checkout.write("generated/deep/api.rs", "2");
    for (glob, before) in globs.iter().zip(before) {
        assert_ne!(digest(&[glob]), before, "{glob}");
    }
    let typo = cargo::identify(&checkout.tree, "hello", &["../schma/*.sql".into()]);
    assert!(matches!(typo, Err(PackageError::NoInput { .. })), "{typo:?}");
    let outside = cargo::identify(&checkout.tree, "hello", &["../../**".into()]);
    assert!(matches!(outside, Err(PackageError::OutsideTree { .. })), "{outside:?}");
}

#[test]
fn path_dependencies_are_followed_through_every_kind_of_table() {
    for table in [
        "[dependencies]\nextra = { path = \"../../extra\" }",
        "[build-dependencies]\nextra = { path = \"../../extra\", optional = true }",
        "[dependencies.renamed]\npackage = \"extra\"\npath = \"../../extra\"",
        "[target.'cfg(unix)'.dependencies]\nextra = { path = \"../../extra\" }",
        "[target.x86_64-unknown-linux-gnu.build-dependencies]\nextra = { path = \"../../extra\" }",
    ] {
        let checkout = Checkout::new();
        checkout.write("extra/Cargo.toml", "[package]\nname = \"extra\"\nversion = \"0.1.0\"\n");
        checkout.write("extra/src/lib.rs", "");
        checkout.write("crates/lib/Cargo.toml", &format!("[package]\nname = \"lib\"\nversion = \"0.1.0\"\n{table}\n"));
        let before = checkout.digest();
        checkout.write("extra/src/lib.rs", "// changed");
        assert_ne!(checkout.digest(), before, "{table}");
    }
}

#[test]
fn patched_packages_are_followed_and_test_dependencies_are_not() {
    let checkout = Checkout::new();
    for name in ["patched", "configured", "testing"] {
        checkout.write(&format!("{name}/Cargo.toml"), &format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n"));
        checkout.write(&format!("{name}/src/lib.rs"), "");
    }
    checkout.write("Cargo.toml", &format!("{}\n[patch.crates-io]\nserde = {{ path = \"patched\" }}\n", WORKSPACE[1].1));
    checkout.write(".cargo/config.toml", "paths = [\"configured\"]\n");
    let lib =
        "[package]\nname = \"lib\"\nversion = \"0.1.0\"\n[dev-dependencies]\ntesting = { path = \"../../testing\" }\n";
    checkout.write("crates/lib/Cargo.toml", lib);
    let before = checkout.digest();
    checkout.write("testing/src/lib.rs", "// changed");
    assert_eq!(checkout.digest(), before);
    for name in ["patched", "configured"] {
        let before = checkout.digest();
        checkout.write(&format!("{name}/src/lib.rs"), "// changed");
        assert_ne!(checkout.digest(), before, "{name}");
    }
}

#[test]
fn a_dependency_that_git_ignores_still_counts() {
    let checkout = Checkout::new();
    let lib =
        "[package]\nname = \"lib\"\nversion = \"0.1.0\"\n[dependencies]\napi = { path = \"../../generated/api\" }\n";
    checkout.write("crates/lib/Cargo.toml", lib);
    checkout.write("generated/api/Cargo.toml", "[package]\nname = \"api\"\nversion = \"0.1.0\"\n[workspace]\n");
    checkout.write("generated/api/src/lib.rs", "");
    let before = checkout.digest();
    checkout.write("generated/api/src/lib.rs", "// changed");
    assert_ne!(checkout.digest(), before);
}

#[test]
fn a_dependency_outside_the_tree_is_refused() {
    let checkout = Checkout::new();
    let lib = "[package]\nname = \"lib\"\nversion = \"0.1.0\"\n[dependencies]\nfar = { path = \"../../../far\" }\n";
    checkout.write("crates/lib/Cargo.toml", lib);
    let result = package::check_cargo_package(&checkout.tree, "hello", &[]);
    assert!(matches!(result, Err(PackageError::OutsideTree { .. })), "{result:?}");
}

#[test]
fn a_package_beside_the_manifest_s_workspace_is_found_by_name() {
    let files = [
        ("services/hello/Cargo.toml", "[package]\nname = \"hello\"\nversion = \"0.1.0\"\n"),
        ("services/hello/Cargo.lock", "version = 4\n"),
        ("services/hello/src/main.rs", "fn main() {}"),
        ("infra/m.yaml", ""),
    ];
    let checkout = Checkout::of(&files, "infra/m.yaml");
    let identity = checkout.identify();
    assert_eq!(identity.manifest_dir, checkout.tree.top.join("services/hello"));
    assert_eq!(identity.workspace_root, identity.manifest_dir);

    checkout.write("old/hello/Cargo.toml", "[package]\nname = \"hello\"\n");
    let result = cargo::identify(&checkout.tree, "hello", &[]);
    assert!(
        matches!(&result, Err(PackageError::AmbiguousPackage { manifests, .. }) if manifests.len() == 2),
        "{result:?}"
    );
}

#[test]
fn an_unknown_package_is_answered_with_the_known_ones() {
    let error = package::check_cargo_package(&Checkout::new().tree, "helo", &[]).unwrap_err();
    assert!(
        matches!(&error, PackageError::NoSuchPackage { known, .. } if known == &["hello", "lib", "other"]),
        "{error}"
    );
    assert_eq!(error.help().as_deref(), Some("packages found: hello, lib, other"));
}

#[test]
fn the_binary_is_bootstrap_else_the_default_else_the_only_one() {
    let binary = |package_table: &str, files: &[&str]| {
        let checkout = Checkout::of(&[("Cargo.lock", "version = 4\n"), ("m.yaml", "")], "m.yaml");
        checkout.write("Cargo.toml", &format!("[package]\nname = \"hello\"\nversion = \"0.1.0\"\n{package_table}\n"));
        for file in files {
            checkout.write(file, "fn main() {}");
        }
        cargo::identify(&checkout.tree, "hello", &[]).map(|identity| identity.binary)
    };
    let is = |result: Result<String, PackageError>, name: &str| assert_eq!(result.unwrap(), name);
    is(binary("", &["src/main.rs"]), "hello");
    is(binary("", &["src/lib.rs", "src/bin/one.rs"]), "one");
    is(binary("", &["src/main.rs", "src/bin/bootstrap/main.rs"]), "bootstrap");
    is(binary("[[bin]]\nname = \"bootstrap\"\npath = \"src/main.rs\"", &["src/main.rs"]), "bootstrap");
    is(binary("[[bin]]\nname = \"run\"\npath = \"src/main.rs\"", &["src/main.rs"]), "run");
    is(binary("default-run = \"b\"", &["src/bin/a.rs", "src/bin/b.rs"]), "b");
    is(binary("autobins = false\n[[bin]]\nname = \"x\"\npath = \"x.rs\"", &["src/main.rs", "x.rs"]), "x");
    let many = binary("", &["src/bin/a.rs", "src/bin/b.rs"]);
    assert!(matches!(&many, Err(PackageError::ManyBinaries { binaries, .. }) if binaries == &["a", "b"]), "{many:?}");
    assert!(matches!(binary("", &["src/lib.rs"]), Err(PackageError::NoBinary { .. })));
}

#[test]
fn a_workspace_without_lockfile_or_with_a_broken_manifest_is_refused() {
    let checkout = Checkout::new();
    fs::remove_file(checkout.path("Cargo.lock")).unwrap();
    let result = package::check_cargo_package(&checkout.tree, "hello", &[]);
    assert!(matches!(result, Err(PackageError::NoLockfile { .. })), "{result:?}");
    checkout.write("crates/hello/Cargo.toml", "[package\n");
    let result = package::check_cargo_package(&checkout.tree, "hello", &[]);
    assert!(matches!(result, Err(PackageError::BadCargoFile { .. })), "{result:?}");
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn linked_sources_count_and_links_out_of_the_tree_are_refused() {
        let checkout = Checkout::new();
        checkout.write("common/deep/a.rs", "1");
        symlink("../../common", checkout.path("crates/hello/common")).unwrap();
        // Editors leave links to nowhere beside open files.
        symlink("user@host.123", checkout.path("crates/hello/.#main.rs")).unwrap();
        let before = checkout.digest();
        checkout.write("common/deep/a.rs", "2");
        assert_ne!(checkout.digest(), before);

        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), checkout.path("crates/hello/outside")).unwrap();
        let result = cargo::identify(&checkout.tree, "hello", &[]);
        assert!(matches!(result, Err(PackageError::EscapingLink { .. })), "{result:?}");
    }
}

/// Real builds, on machines that can link statically without installing anything.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod builds {
    use std::io::{Cursor, Read};
    use std::process::Command;

    use super::*;

    fn build(checkout: &Checkout, reuse: Reuse) -> (Result<PathBuf, PackageError>, Vec<String>) {
        let mut lines = Vec::new();
        let result = cargo::build(&checkout.identify(), &checkout.packages(), reuse, &mut |progress| {
            if let Progress::Line(line) = progress {
                lines.push(line.to_owned());
            }
            ControlFlow::Continue(())
        });
        (result, lines)
    }

    #[test]
    fn a_build_is_one_static_bootstrap_that_runs_and_is_used_again() {
        let checkout = Checkout::new();
        let identity = checkout.identify();
        assert_eq!(cargo::prebuilt(&identity, &checkout.packages()), None);
        let (built, lines) = build(&checkout, Reuse::Allowed);
        let path = built.unwrap();
        assert_eq!(path, checkout.packages().join(format!("{}.zip", identity.digest)));
        assert!(lines.iter().any(|line| line.contains("Compiling hello")), "{lines:?}");

        let archive = package::load(&path).unwrap();
        let mut zip = zip::ZipArchive::new(Cursor::new(archive.bytes().unwrap())).unwrap();
        assert_eq!(zip.len(), 1);
        let mut entry = zip.by_name("bootstrap").unwrap();
        assert_eq!(entry.unix_mode().unwrap() & 0o777, 0o755);
        let mut binary = Vec::new();
        entry.read_to_end(&mut binary).unwrap();
        fs::write(checkout.path("unpacked"), binary).unwrap();
        // Copied by a process of its own: a file that this one wrote may still be open in a child just forked by
        // another test, and is then refused as busy.
        let script = "cp unpacked run-me && chmod 755 run-me && exec ./run-me";
        let output = Command::new("sh").args(["-c", script]).current_dir(checkout.folder.path()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "hello from the lib\n");

        assert_eq!(cargo::prebuilt(&identity, &checkout.packages()), Some(path.clone()));
        let (again, lines) = build(&checkout, Reuse::Allowed);
        assert_eq!((again.unwrap(), lines), (path.clone(), vec![]));

        // A damaged package is no package.
        fs::write(&path, "half").unwrap();
        assert_eq!(cargo::prebuilt(&identity, &checkout.packages()), None);
        assert_eq!(build(&checkout, Reuse::Allowed).0.unwrap(), path);
        assert_eq!(package::load(&path).unwrap(), archive);
        assert!(!build(&checkout, Reuse::Never).1.is_empty(), "a forced build runs cargo");
        let left: Vec<_> = fs::read_dir(checkout.packages()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_failed_build_carries_cargo_s_last_lines_and_leaves_no_package() {
        let checkout = Checkout::new();
        checkout.write("crates/hello/src/main.rs", "fn main() { no_such_function() }");
        let error = build(&checkout, Reuse::Allowed).0.unwrap_err();
        assert!(matches!(&error, PackageError::BuildFailed { package, .. } if package == "hello"), "{error}");
        assert!(error.to_string().contains("no_such_function"), "{error}");
        assert!(!checkout.packages().exists());
    }

    #[test]
    fn an_outdated_lockfile_fails_the_build_and_is_not_rewritten() {
        let checkout = Checkout::new();
        let outdated = "version = 4\n";
        checkout.write("Cargo.lock", outdated);
        let error = build(&checkout, Reuse::Allowed).0.unwrap_err();
        assert!(error.to_string().contains("--locked"), "{error}");
        assert_eq!(fs::read_to_string(checkout.path("Cargo.lock")).unwrap(), outdated);
    }

    #[test]
    fn sources_that_change_during_a_build_are_noticed() {
        let checkout = Checkout::new();
        let identity = checkout.identify();
        let result = cargo::build(&identity, &checkout.packages(), Reuse::Allowed, &mut |progress| {
            if matches!(progress, Progress::Started(_)) {
                checkout.write("crates/hello/src/late.rs", "");
            }
            ControlFlow::Continue(())
        });
        assert!(matches!(result, Err(PackageError::SourcesChanged { .. })), "{result:?}");
        assert_eq!(cargo::prebuilt(&identity, &checkout.packages()), None);
    }

    #[test]
    fn a_callback_that_says_stop_ends_every_process_of_the_build() {
        let checkout = Checkout::new();
        let note = checkout.path("crates/hello/pid.log");
        checkout.write(
            "crates/hello/build.rs",
            "fn main() { std::fs::write(\"pid.log\", std::process::id().to_string() + \"\\n\").unwrap();\n\
             std::thread::sleep(std::time::Duration::from_secs(3600)); }",
        );
        let script = || fs::read_to_string(&note).ok().filter(|text| text.ends_with('\n'));
        let result = cargo::build(&checkout.identify(), &checkout.packages(), Reuse::Allowed, &mut |_| {
            if script().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(result, Err(PackageError::Stopped { .. })), "{result:?}");
        // Gone, or dead and not yet collected by whoever inherits it.
        let status = PathBuf::from("/proc").join(script().unwrap().trim()).join("status");
        while fs::read_to_string(&status).is_ok_and(|text| !text.contains("State:\tZ")) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn build_scripts_see_the_tools_but_no_credentials() {
        // A process cannot safely change its own environment, so this test runs itself with a secret in it.
        if std::env::var_os("TENCENTCLOUD_SECRET_KEY").is_none() {
            let name = "builds::build_scripts_see_the_tools_but_no_credentials";
            let own = std::env::current_exe().unwrap();
            let output =
                Command::new(own).args([name, "--exact"]).env("TENCENTCLOUD_SECRET_KEY", "hush").output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains("1 passed"), "{text}");
            return;
        }
        let checkout = Checkout::new();
        checkout.write(
            "crates/hello/build.rs",
            "fn main() { let has = |name| std::env::var_os(name).is_some();\n\
             assert!(has(\"PATH\") && !has(\"TENCENTCLOUD_SECRET_KEY\")); }",
        );
        build(&checkout, Reuse::Allowed).0.unwrap();
    }
}
