//! What changed in git since a revision, and which stacks that touches (`--changed-since`). Asks git, reads files;
//! decides nothing about a plan but whether a stack is planned at all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use plan::desired::CodeDeclaration;
use plan::syntax::Value;

use crate::cli::Global;
use crate::error::CommandError;
use crate::load::LoadedStack;
use crate::package;
use crate::world::World;

/// Files that differ between a revision and the working tree.
pub(crate) struct Changed {
    /// Real paths, those of deleted files included.
    paths: BTreeSet<PathBuf>,
    /// The top of the working tree.
    top: PathBuf,
    /// The commit that was compared with.
    base: String,
    /// As it was given.
    rev: String,
}

impl Changed {
    /// Compares the working tree, untracked files included, with the point where it left `rev`.
    ///
    /// # Errors
    /// No git, no repository, an unknown revision, and a history too shallow to find the point.
    pub(crate) fn since(rev: &str, world: &World) -> Result<Self, CommandError> {
        let git = Git { world };
        if rev.is_empty() || rev.starts_with('-') {
            return Err(usage(format!("`{rev}` is no revision"), "such as --changed-since origin/main"));
        }
        let top = git.run(&["rev-parse", "--show-toplevel"])?.map_err(|said| {
            let help = "run it inside a clone of the repository, or leave out --changed-since";
            usage(format!("--changed-since needs a git repository: {said}"), help)
        })?;
        let top = PathBuf::from(top.trim_end_matches('\n'));
        let top = top.canonicalize().unwrap_or(top);
        let base = base(&git, rev)?;
        let mut paths = BTreeSet::new();
        for arguments in [
            &[
                "diff",
                "--name-only",
                "-z",
                "--no-renames",
                "--no-relative",
                "--no-ext-diff",
                "--end-of-options",
                &base,
                "--",
            ][..],
            &["ls-files", "-z", "--others", "--exclude-standard", "--full-name", "--", ":/"],
        ] {
            let listed = git.run(arguments)?.map_err(|said| failed("git cannot list what changed", said))?;
            paths.extend(listed.split('\0').filter(|name| !name.is_empty()).map(|name| top.join(name)));
        }
        Ok(Self { paths, top, base, rev: rev.to_owned() })
    }

    /// Whether the manifest, a variable file or the code of a stack changed. Code that cannot be looked at counts as
    /// changed: planning says what is wrong with it.
    pub(crate) fn touches(&self, loaded: &LoadedStack, global: &Global, world: &World) -> bool {
        let real = |path: &Path| {
            let full = world.folder.join(path);
            full.canonicalize().unwrap_or(full)
        };
        let of_manifest = Path::new(&loaded.stack.file);
        if self.paths.contains(&real(of_manifest)) || self.paths.contains(&world.folder.join(of_manifest)) {
            return true;
        }
        if global.var_file.iter().any(|file| self.paths.contains(&real(file))) {
            return true;
        }
        loaded.stack.functions.iter().any(|function| {
            let tree = &loaded.tree;
            match &function.code {
                CodeDeclaration::Cargo { package, inputs } => {
                    package::cargo_touched(tree, package, inputs, &self.paths)
                }
                CodeDeclaration::Dir { path, exclude } => package::dir_touched(tree, path, exclude, &self.paths)
                    .map(|touched| touched || ignored(&tree.manifest_dir.join(path), world)),
                CodeDeclaration::Zip { path } => package::zip_touched(tree, path, &self.paths)
                    .map(|touched| touched || ignored(&tree.manifest_dir.join(path), world)),
                // These stand in the manifest.
                CodeDeclaration::Inline { .. }
                | CodeDeclaration::Cos(_)
                | CodeDeclaration::Image(_)
                | CodeDeclaration::Demo(_) => Ok(false),
            }
            .unwrap_or(true)
        })
    }

    /// Why a stack is not planned.
    pub(crate) fn untouched(&self, stack: &str) -> String {
        format!("stack `{stack}`: neither its manifest nor its code changed since `{}`", self.rev)
    }

    /// What to know about manifests that are gone: nobody plans the removal of their stacks. `kept` are the stacks
    /// that some manifest still declares.
    pub(crate) fn deleted_manifests(&self, folders: &[PathBuf], kept: &BTreeSet<String>, world: &World) -> Vec<String> {
        let git = Git { world };
        let real: Vec<PathBuf> = folders
            .iter()
            .map(|folder| world.folder.join(folder))
            .map(|folder| folder.canonicalize().unwrap_or(folder))
            .collect();
        let mut notes = Vec::new();
        for path in self.paths.iter().filter(|p| !p.exists()) {
            let inside = path.parent().is_some_and(|parent| real.iter().any(|folder| folder == parent));
            if !inside || !path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "toml") {
                continue;
            }
            let Some(name) = path.strip_prefix(&self.top).ok().and_then(|p| p.to_str()) else { continue };
            let Ok(Ok(text)) = git.run(&["show", "--end-of-options", &format!("{}:{name}", self.base)]) else {
                continue;
            };
            let Some(stack) = stack_of(name, &text).filter(|stack| !kept.contains(stack)) else { continue };
            notes.push(format!(
                "stack `{stack}`: its manifest `{name}` is deleted, and what it owns stays; to remove that, restore the file and run `provision destroy --stack {stack}`"
            ));
        }
        notes
    }
}

/// Whether git ignores a file here: of such files, results of builds mostly, it knows no changes.
fn ignored(path: &Path, world: &World) -> bool {
    let path = path.display().to_string();
    let arguments = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", &path];
    !matches!(Git { world }.run(&arguments), Ok(Ok(listed)) if listed.is_empty())
}

/// The stack that a manifest's text names.
fn stack_of(name: &str, text: &str) -> Option<String> {
    let mut sources = plan::source::Sources::default();
    let file = sources.add(name, text);
    let node = plan::syntax::parse(name, text, file).ok()?;
    let Value::Map(entries) = node.value else { return None };
    entries.into_iter().find(|(key, _)| key.text == "stack").and_then(|(_, value)| match value.value {
        Value::Scalar { text, .. } => Some(text),
        _ => None,
    })
}

/// The commit where the working tree's history left a revision.
fn base(git: &Git<'_>, rev: &str) -> Result<String, CommandError> {
    let shallow = git.run(&["rev-parse", "--is-shallow-repository"])?.is_ok_and(|said| said.trim() == "true");
    let deeper = "fetch the whole history first (`git fetch --unshallow`; in GitHub's checkout, `fetch-depth: 0`)";
    let commit = format!("{rev}^{{commit}}");
    let known = git.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
    let Ok(known) = known else {
        let help =
            if shallow { deeper } else { "name a branch, tag or commit that this clone has; `git fetch` gets it" };
        return Err(usage(format!("git knows no revision `{rev}` here"), help));
    };
    match git.run(&["merge-base", known.trim(), "HEAD"])? {
        Ok(base) => Ok(base.trim().to_owned()),
        Err(_) if shallow => Err(usage(format!("this clone is too shallow to compare with `{rev}`"), deeper)),
        Err(_) => Err(usage(
            format!("`{rev}` and the commit checked out share no history"),
            "name a revision that this branch came from",
        )),
    }
}

struct Git<'a> {
    world: &'a World,
}

impl Git<'_> {
    /// What git printed, or what it complained about.
    fn run(&self, arguments: &[&str]) -> Result<Result<String, String>, CommandError> {
        let output = Command::new("git")
            // Nothing that a repository configures is run, and nothing is written.
            .args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false"])
            .args(arguments)
            .current_dir(&self.world.folder)
            .env_clear()
            .envs(self.world.environment.iter().filter(|(name, _)| !name.starts_with("TENCENTCLOUD_")))
            .output()
            .map_err(|e| CommandError::Local {
                doing: "cannot run git, which --changed-since asks what changed".to_owned(),
                source: e.into(),
                help: Some("install git, or leave out --changed-since".to_owned()),
            })?;
        if output.status.success() {
            return Ok(Ok(String::from_utf8_lossy(&output.stdout).into_owned()));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().find(|l| !l.is_empty()).unwrap_or("it does not say why");
        Ok(Err(line.trim_start_matches("fatal: ").to_owned()))
    }
}

fn usage(message: String, help: &str) -> CommandError {
    CommandError::Usage { message, help: Some(help.to_owned()) }
}

fn failed(doing: &str, said: String) -> CommandError {
    CommandError::Local { doing: doing.to_owned(), source: said.into(), help: None }
}
