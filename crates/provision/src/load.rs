//! Manifests from disk to desired state: finds the files, reads them all, identifies the code they name.
//! Collects findings; stops at nothing but a path that cannot be listed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use plan::address::ResourceAddress;
use plan::desired::{CodeDeclaration, FunctionResource, Stack};
use plan::diagnostic::{Code, Diagnostic, Severity};
use plan::manifest;
use plan::resource::bucket::PackageBucket;
use plan::source::{FileId, Sources, Span};
use plan::validate;
use plan::variables::Given;

use crate::changed::Changed;
use crate::cli::Global;
use crate::error::{CommandError, chain};
use crate::package::{self, PackageError, Tree};
use crate::ui::Secrets;
use crate::world::World;

/// Every manifest of a run.
pub(crate) struct Loaded {
    /// The files.
    pub(crate) sources: Sources,
    /// The stacks that could be read.
    pub(crate) stacks: Vec<LoadedStack>,
    /// Names of the variables that any manifest declares.
    variables: BTreeSet<String>,
    /// Every finding of every file.
    pub(crate) findings: Vec<Diagnostic>,
    /// Stacks that `--changed-since` left out, and why; a sentence each.
    pub(crate) left_out: Vec<String>,
}

/// One stack and where its files are.
pub(crate) struct LoadedStack {
    /// What it wants.
    pub(crate) stack: Stack,
    /// The manifest, among the sources.
    pub(crate) file: FileId,
    /// Where its paths start.
    pub(crate) tree: Tree,
    /// Bytes of packages that are too large for a request, by function, where they are known without building.
    pub(crate) sizes: BTreeMap<ResourceAddress, u64>,
}

impl Loaded {
    /// How many findings forbid going on.
    #[must_use]
    pub(crate) fn errors(&self) -> usize {
        self.findings.iter().filter(|f| f.severity == Severity::Error).count()
    }
}

/// Whether every value of a variable must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// A missing one is a finding.
    Needed,
    /// Texts that nothing else depends on may be missing (`plan::variables::OPTIONAL`).
    MayBeMissing,
}

/// Reads what the options name. Secrets become known to the filter before anything is printed.
///
/// # Errors
/// Wrong options, and folders that cannot be listed.
pub(crate) fn load(global: &Global, world: &World, secrets: &Secrets, values: Values) -> Result<Loaded, CommandError> {
    let given = Given { may_be_missing: values == Values::MayBeMissing, ..variables(global, world)? };
    let bucket = global.package_bucket.as_deref().filter(|name| !name.is_empty());
    let bucket = bucket.map(PackageBucket::named).transpose().map_err(|why| CommandError::Usage {
        message: format!("--package-bucket: {why}"),
        help: Some("write the bucket as its host has it: deploy-1250000000".to_owned()),
    })?;
    let changed = global.changed_since.as_deref().map(|rev| Changed::since(rev, world)).transpose()?;
    let mut loaded = Loaded {
        sources: Sources::default(),
        stacks: Vec::new(),
        variables: BTreeSet::new(),
        findings: Vec::new(),
        left_out: Vec::new(),
    };
    for path in manifest_files(global, &world.folder)? {
        read(&path, world, &given, &mut loaded, secrets);
    }
    for name in given.flags.keys().filter(|name| !loaded.variables.contains(*name)) {
        let message = format!("--var {name} names a variable that no manifest declares");
        loaded.findings.push(Diagnostic::warning(Code::UndeclaredVariable, message));
    }
    let stacks: Vec<&Stack> = loaded.stacks.iter().map(|s| &s.stack).collect();
    loaded.findings.extend(validate::across(&stacks));
    let declared: BTreeSet<String> = stacks.iter().map(|s| s.name.clone()).collect();
    if !global.stack.is_empty() {
        for name in &global.stack {
            if !loaded.stacks.iter().any(|s| &s.stack.name == name) && loaded.errors() == 0 {
                let known: Vec<&str> = loaded.stacks.iter().map(|s| s.stack.name.as_str()).collect();
                return Err(CommandError::Undeclared {
                    message: format!("no manifest declares the stack `{name}`"),
                    help: format!("declared are: {}", known.join(", ")),
                });
            }
        }
        loaded.stacks.retain(|s| global.stack.contains(&s.stack.name));
    }
    if let Some(changed) = &changed {
        let (touched, same) = loaded.stacks.into_iter().partition(|s: &LoadedStack| changed.touches(s, global, world));
        loaded.stacks = touched;
        loaded.left_out = same.iter().map(|s| changed.untouched(&s.stack.name)).collect();
        loaded.left_out.extend(changed.deleted_manifests(&named(global), &declared, world));
    }
    let (mut known, mut findings) = (Known::default(), Vec::new());
    for stack in &mut loaded.stacks {
        stack.stack.package_bucket = stack.stack.package_bucket.take().or_else(|| bucket.clone());
        identify(stack, &mut known, &mut findings);
    }
    loaded.findings.extend(findings);
    Ok(loaded)
}

fn variables(global: &Global, world: &World) -> Result<Given, CommandError> {
    let mut given = Given { environment: world.environment.clone(), region: global.region.clone(), ..Given::default() };
    for pair in &global.var {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(CommandError::Usage {
                message: "--var takes NAME=VALUE".to_owned(),
                help: Some("such as --var log_level=debug".to_owned()),
            });
        };
        given.flags.insert(name.to_owned(), value.to_owned());
    }
    for file in &global.var_file {
        let path = world.folder.join(file);
        let text = std::fs::read_to_string(&path).map_err(|e| CommandError::Local {
            doing: format!("cannot read the variable file {}", file.display()),
            source: e.into(),
            help: None,
        })?;
        let mut sources = Sources::default();
        let id = sources.add(file.display().to_string(), text);
        let node =
            plan::syntax::parse(sources.name(id), sources.text(id), id).map_err(|found| CommandError::Usage {
                message: format!(
                    "the variable file {} cannot be read: {}",
                    file.display(),
                    found.first().map_or("", |f| f.message.as_str())
                ),
                help: Some("write NAME: VALUE lines (YAML) or NAME = \"VALUE\" (TOML)".to_owned()),
            })?;
        let plan::syntax::Value::Map(entries) = node.value else { continue };
        for (key, value) in entries {
            let plan::syntax::Value::Scalar { text, .. } = value.value else {
                return Err(CommandError::Usage {
                    message: format!(
                        "the variable file {} is not flat: `{}` is {}",
                        file.display(),
                        key.text,
                        value.kind()
                    ),
                    help: None,
                });
            };
            given.files.insert(key.text, text);
        }
    }
    Ok(given)
}

/// The files and folders that the options name.
fn named(global: &Global) -> Vec<PathBuf> {
    if global.file.is_empty() { vec![PathBuf::from("manifests")] } else { global.file.clone() }
}

/// The manifests that the options name, by default those of `manifests/`.
///
/// # Errors
/// Folders that cannot be listed or hold no manifest.
pub(crate) fn manifest_files(global: &Global, folder: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let mut files = Vec::new();
    for path in &named(global) {
        let full = folder.join(path);
        if !full.is_dir() {
            if global.file.is_empty() {
                return Err(CommandError::Usage {
                    message: "there is no folder `manifests` here".to_owned(),
                    help: Some("name a manifest with -f FILE".to_owned()),
                });
            }
            files.push(path.clone());
            continue;
        }
        let unlistable = |e: std::io::Error| CommandError::Local {
            doing: format!("cannot list {}", path.display()),
            source: e.into(),
            help: None,
        };
        let mut found: Vec<PathBuf> = std::fs::read_dir(&full)
            .map_err(unlistable)?
            .filter_map(Result::ok)
            .map(|e| path.join(e.file_name()))
            .filter(|p| p.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "toml"))
            .collect();
        if found.is_empty() {
            return Err(CommandError::Usage {
                message: format!("no manifest in {}", path.display()),
                help: Some("manifests end in .yaml, .yml or .toml".to_owned()),
            });
        }
        found.sort();
        files.append(&mut found);
    }
    files.dedup();
    Ok(files)
}

fn read(path: &Path, world: &World, given: &Given, loaded: &mut Loaded, secrets: &Secrets) {
    let name = path.display().to_string();
    let full = world.folder.join(path);
    let unreadable = |loaded: &mut Loaded, code, message: String, text: String, at: usize| {
        let file = loaded.sources.add(name.clone(), text);
        loaded.findings.push(Diagnostic::error(code, message).at(Span { file, start: at, end: at }));
    };
    let bytes = match std::fs::metadata(&full) {
        Ok(meta) if meta.len() > plan::syntax::MAX_BYTES as u64 => {
            let message = format!("{} bytes in one manifest, {} are read", meta.len(), plan::syntax::MAX_BYTES);
            return unreadable(loaded, Code::TooLarge, message, String::new(), 0);
        }
        Ok(meta) if !meta.is_file() => {
            return unreadable(loaded, Code::Unreadable, "this is no regular file".to_owned(), String::new(), 0);
        }
        _ => match std::fs::read(&full) {
            Ok(bytes) => bytes,
            Err(error) => {
                return unreadable(
                    loaded,
                    Code::Unreadable,
                    format!("cannot read this file: {error}"),
                    String::new(),
                    0,
                );
            }
        },
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            return unreadable(loaded, Code::NotUtf8, format!("byte {} is not UTF-8", at + 1), text, at);
        }
    };
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    let file = loaded.sources.add(name, text);
    let manifest = manifest::read(&loaded.sources, file, given);
    loaded.variables.extend(manifest.variables);
    secrets.add(manifest.secrets.iter().map(String::as_str));
    loaded.findings.extend(manifest.findings);
    if let Some(stack) = manifest.stack {
        match Tree::locate(&full) {
            Ok(tree) => loaded.stacks.push(LoadedStack { stack, file, tree, sizes: BTreeMap::new() }),
            Err(error) => {
                let mut finding = Diagnostic::error(Code::BadCode, chain(&error));
                finding.help = error.help();
                loaded.findings.push(finding.at(Span { file, start: 0, end: 0 }));
            }
        }
    }
}

/// What looking at code gave, by the folder that its path starts in and its declaration. Shared by all stacks: many
/// manifests of one folder may name the same code, and a folder or a cargo workspace is as large as all of them together.
type Known = HashMap<(PathBuf, String), Result<Identified, Rc<PackageError>>>;

/// Gives every function the digest of its code. Reads files, starts nothing.
fn identify(loaded: &mut LoadedStack, known: &mut Known, findings: &mut Vec<Diagnostic>) {
    let tree = &loaded.tree;
    // What failed is said once in each manifest.
    let mut told: BTreeSet<String> = BTreeSet::new();
    for function in &mut loaded.stack.functions {
        if function.code_digest.is_some() {
            continue;
        }
        let look = || identify_one(tree, &function.code).map_err(Rc::new);
        // What stands in the manifest is quickly identified again; what stands in folders may be large.
        let (found, is_new) = if matches!(function.code, CodeDeclaration::Inline { .. }) {
            (look(), true)
        } else {
            let key = declaration_key(&function.code);
            let found = known.entry((tree.manifest_dir.clone(), key.clone())).or_insert_with(look).clone();
            let is_new = found.is_ok() || told.insert(key);
            (found, is_new)
        };
        match found {
            Ok(found) => {
                function.set_code_digest(&found.digest);
                let large = found.size.filter(|size| *size > plan::limits::PACKAGE_IN_REQUEST);
                loaded.sizes.extend(large.map(|size| (function.address.clone(), size)));
            }
            Err(error) if is_new => findings.push(finding(function, &error, tree)),
            Err(_) => {}
        }
    }
}

/// Functions that declare the same code share its digest and its package.
pub(crate) fn declaration_key(code: &CodeDeclaration) -> String {
    match code {
        CodeDeclaration::Cargo { package, inputs } => format!("cargo\0{package}\0{}", inputs.join("\0")),
        CodeDeclaration::Dir { path, exclude } => format!("dir\0{path}\0{}", exclude.join("\0")),
        CodeDeclaration::Zip { path } => format!("zip\0{path}"),
        CodeDeclaration::Inline { files } => format!(
            "inline\0{}",
            files.iter().map(|(k, v)| format!("{}:{k}{}:{v}", k.len(), v.len())).collect::<String>()
        ),
        CodeDeclaration::Cos(_) | CodeDeclaration::Image(_) | CodeDeclaration::Demo(_) => {
            code.reference_digest().unwrap_or_default()
        }
    }
}

/// What is known of code before it is built.
#[derive(Clone)]
struct Identified {
    digest: String,
    /// Bytes of its package.
    size: Option<u64>,
}

fn identify_one(tree: &Tree, code: &CodeDeclaration) -> Result<Identified, PackageError> {
    let packed = |archive: package::Archive| Identified { digest: archive.digest, size: Some(archive.size) };
    match code {
        CodeDeclaration::Cargo { package, inputs } => {
            package::cargo::identify(tree, package, inputs).map(|i| Identified { digest: i.digest, size: None })
        }
        CodeDeclaration::Dir { path, exclude } => package::dir(tree, path, exclude).map(packed),
        CodeDeclaration::Zip { path } => package::zip(tree, path).map(packed),
        CodeDeclaration::Inline { files } => package::inline(&files.iter().cloned().collect()).map(packed),
        CodeDeclaration::Cos(_) | CodeDeclaration::Image(_) | CodeDeclaration::Demo(_) => {
            Ok(Identified { digest: code.reference_digest().unwrap_or_default(), size: None })
        }
    }
}

fn finding(function: &FunctionResource, error: &PackageError, tree: &Tree) -> Diagnostic {
    let code = match error {
        PackageError::AbsolutePath { .. } | PackageError::OutsideTree { .. } | PackageError::EscapingLink { .. } => {
            Code::BadPath
        }
        _ => Code::BadCode,
    };
    let top = format!("{}/", tree.top.display());
    let mut finding = Diagnostic::error(code, chain(error).replace(&top, "")).on(&function.address);
    finding.span = function.origin.span_of(&format!("code.{}", function.code.word()));
    finding.help = error.help().map(|h| h.replace(&top, ""));
    finding
}
