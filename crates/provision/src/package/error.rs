//! What can be wrong with declared code. One variant per thing a caller does differently: most become findings of the
//! manifest, the rest are failures of the machine. Paths are shown as given here; making them relative is the
//! caller's choice.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::elf::Unportable;

/// Why code could not be packed, identified or built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackageError {
    /// A declared path begins at the root of the file system.
    #[error("`{path}` is an absolute path")]
    AbsolutePath {
        /// As declared.
        path: String,
    },
    /// A path leads out of the folder that manifests may reach.
    #[error("`{}` leads out of {}", path.display(), top.display())]
    OutsideTree {
        /// The offending path.
        path: PathBuf,
        /// The folder that paths stay inside.
        top: PathBuf,
    },
    /// A symbolic link leads out of the folder that manifests may reach.
    #[error("the link {} leads out of {}", link.display(), top.display())]
    EscapingLink {
        /// The link.
        link: PathBuf,
        /// The folder that links stay inside.
        top: PathBuf,
    },
    /// A symbolic link leads back to a folder that contains it.
    #[error("the link {} leads back to a folder around it", link.display())]
    LinkLoop {
        /// The link.
        link: PathBuf,
    },
    /// Nothing is there, or a link leads nowhere.
    #[error("{} does not exist", path.display())]
    Missing {
        /// Where something should be.
        path: PathBuf,
    },
    /// A folder was declared, something else is there.
    #[error("{} is not a folder", path.display())]
    NotADirectory {
        /// What was declared.
        path: PathBuf,
    },
    /// A file was declared, something else is there.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// What was declared.
        path: PathBuf,
    },
    /// A device, pipe or socket.
    #[error("{} is a {kind}", path.display())]
    SpecialFile {
        /// The special file.
        path: PathBuf,
        /// What it is, in words.
        kind: &'static str,
    },
    /// A name that cannot stand in an archive.
    #[error("`{name}` cannot be a file name in an archive: {why}")]
    BadName {
        /// The name, made printable.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// More bytes than the platform unpacks.
    #[error("{} measures {bytes} bytes unpacked, more than the {limit} that the platform takes", path.display())]
    TooLarge {
        /// The code.
        path: PathBuf,
        /// What it measures unpacked.
        bytes: u64,
        /// The platform's limit.
        limit: u64,
    },
    /// Nothing to pack.
    #[error("{} holds no file to pack", path.display())]
    Empty {
        /// The folder or archive.
        path: PathBuf,
    },
    /// A glob that cannot be read.
    #[error("`{glob}` is not a glob")]
    BadGlob {
        /// As declared.
        glob: String,
        /// What the parser says.
        source: globset::Error,
    },
    /// A declared input that names no file.
    #[error("the input `{glob}` matches no file")]
    NoInput {
        /// As declared.
        glob: String,
    },
    /// Not a zip archive, or a damaged one.
    #[error("{} is not a readable zip archive", path.display())]
    NotAZip {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        source: ::zip::result::ZipError,
    },
    /// A Cargo file that cannot be understood.
    #[error("{} cannot be understood", path.display())]
    BadCargoFile {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: Box<toml::de::Error>,
    },
    /// No package of that name within reach.
    #[error("there is no cargo package `{package}` in {}", top.display())]
    NoSuchPackage {
        /// As declared.
        package: String,
        /// Names that do exist, for a suggestion.
        known: Vec<String>,
        /// Where was looked.
        top: PathBuf,
    },
    /// Several packages have that name.
    #[error("several cargo packages are called `{package}`")]
    AmbiguousPackage {
        /// As declared.
        package: String,
        /// Their manifests.
        manifests: Vec<PathBuf>,
    },
    /// A package without an executable.
    #[error("the cargo package `{package}` has no binary")]
    NoBinary {
        /// As declared.
        package: String,
    },
    /// A package with several executables, none called `bootstrap`.
    #[error("the cargo package `{package}` has several binaries and none is called `bootstrap`")]
    ManyBinaries {
        /// As declared.
        package: String,
        /// Their names.
        binaries: Vec<String>,
    },
    /// A workspace without lockfile has no fixed inputs.
    #[error("{} does not exist", path.display())]
    NoLockfile {
        /// Where it should be.
        path: PathBuf,
    },
    /// Cargo itself could not be started.
    #[error("cannot start `{program}`")]
    NoCargo {
        /// The program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing on this machine can build for the platform's machine.
    #[error("no way to build `{package}` for the platform's machine: {tried}")]
    NoBuilder {
        /// The package.
        package: String,
        /// Each builder and what it lacks.
        tried: String,
    },
    /// The build ran and failed.
    #[error("the build of `{package}` failed ({status})\n{}", last_lines.join("\n"))]
    BuildFailed {
        /// The package.
        package: String,
        /// How cargo ended.
        status: String,
        /// The end of what it said.
        last_lines: Vec<String>,
    },
    /// The build was stopped by the progress callback.
    #[error("the build of `{package}` was stopped")]
    Stopped {
        /// The package.
        package: String,
    },
    /// Files changed between identifying the package and the end of its build.
    #[error("the sources of `{package}` changed while it was built")]
    SourcesChanged {
        /// The package.
        package: String,
    },
    /// The binary would not start on the platform's machine.
    #[error("{} would not start on the platform's machine", binary.display())]
    NotPortable {
        /// The binary.
        binary: PathBuf,
        /// Why not.
        source: Unportable,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// What was written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl PackageError {
    /// What to do about it, where there is more to say than the message.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::AbsolutePath { .. } => "write the path relative to the manifest".into(),
            Self::OutsideTree { top, .. } | Self::EscapingLink { top, .. } => format!(
                "code stays inside the git top level (without git: the manifest's folder), here {}",
                top.display()
            ),
            Self::LinkLoop { .. } => "remove the link, or leave it out with `exclude`".into(),
            Self::SpecialFile { .. } => "only files, folders and links can be packed; use `exclude`".into(),
            Self::TooLarge { .. } => "leave out what the function does not need with `exclude`".into(),
            Self::Empty { .. } => "add a file, or look over `exclude`".into(),
            Self::BadName { .. } => "use relative names with `/` between folders, such as `lib/index.js`".into(),
            Self::NotADirectory { .. } => "`dir` takes a folder; a finished archive is declared with `zip`".into(),
            Self::NotAFile { .. } => "`zip` takes an archive; a folder is declared with `dir`".into(),
            Self::NoInput { .. } => "globs of `inputs` are relative to the manifest".into(),
            Self::NoSuchPackage { known, .. } if known.is_empty() => {
                "no Cargo.toml with a `[package]` was found; is the manifest inside the git repository?".into()
            }
            Self::NoSuchPackage { known, .. } => format!("packages found: {}", known.join(", ")),
            Self::AmbiguousPackage { manifests, .. } => {
                let list: Vec<_> = manifests.iter().map(|path| path.display().to_string()).collect();
                format!("rename one of {}", list.join(", "))
            }
            Self::NoBinary { .. } => "add src/main.rs or a `[[bin]]` table".into(),
            Self::ManyBinaries { binaries, .. } => {
                format!("call one of them `bootstrap`, or name one as `default-run`: {}", binaries.join(", "))
            }
            Self::NoLockfile { .. } => "run `cargo generate-lockfile` and commit Cargo.lock".into(),
            Self::NoCargo { .. } => "install Rust from https://rustup.rs".into(),
            Self::NoBuilder { .. } => "run `rustup target add x86_64-unknown-linux-musl`, \
                 or `cargo install cargo-zigbuild` with zig on the PATH and `rustup target add x86_64-unknown-linux-gnu`"
                .into(),
            Self::SourcesChanged { .. } => "run the command again".into(),
            Self::NotPortable { .. } => {
                "link statically (`rustup target add x86_64-unknown-linux-musl`) or against glibc 2.17 (cargo-zigbuild)"
                    .into()
            }
            Self::Missing { .. }
            | Self::BadGlob { .. }
            | Self::NotAZip { .. }
            | Self::BadCargoFile { .. }
            | Self::BuildFailed { .. }
            | Self::Stopped { .. }
            | Self::Read { .. }
            | Self::Write { .. } => return None,
        })
    }

    /// Turns a failed read of `path` into an error; a path that is not there is [`Self::Missing`].
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path: path.to_path_buf() },
            _ => Self::Read { path: path.to_path_buf(), source },
        }
    }

    /// Turns a failed write of `path` into an error.
    pub(super) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_path_buf(), source }
    }
}
