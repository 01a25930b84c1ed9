//! How to build for the platform's machine (x86-64, glibc 2.17) on this one: which ways there are, which of them works
//! here, and the cargo call of each.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::environment;

const GNU: &str = "x86_64-unknown-linux-gnu";
const MUSL: &str = "x86_64-unknown-linux-musl";
const MUSL_LINKER: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER";

/// A way to build for the platform's machine, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Builder {
    /// This machine's own C library, linked in. First, because it needs nothing but a compiler.
    StaticGlibc,
    /// Rust's musl target, static by nature.
    Musl,
    /// cargo-zigbuild, which links against the glibc version that it is told.
    Zigbuild,
}

impl fmt::Display for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StaticGlibc => "cargo, static glibc",
            Self::Musl => "cargo, static musl",
            Self::Zigbuild => "cargo-zigbuild, glibc 2.17",
        })
    }
}

/// Something that a builder needs, to be looked for on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    LinuxX86,
    Target(&'static str),
    StaticLibc,
    Zigbuild,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinuxX86 => f.write_str("this is no Linux x86-64 machine"),
            Self::Target(target) => write!(f, "the target {target} is not installed"),
            Self::StaticLibc => f.write_str("the C compiler finds no libc.a"),
            Self::Zigbuild => f.write_str("cargo-zigbuild is not installed"),
        }
    }
}

impl Builder {
    const ALL: [Self; 3] = [Self::StaticGlibc, Self::Musl, Self::Zigbuild];

    fn needs(self) -> &'static [Need] {
        match self {
            Self::StaticGlibc => &[Need::LinuxX86, Need::Target(GNU), Need::StaticLibc],
            Self::Musl => &[Need::Target(MUSL)],
            Self::Zigbuild => &[Need::Zigbuild, Need::Target(GNU)],
        }
    }

    /// The first builder whose needs are met; else what each of them lacks.
    pub(super) fn choose(mut is_met: impl FnMut(Need) -> bool) -> Result<Self, String> {
        let mut lacks = Vec::new();
        for builder in Self::ALL {
            match builder.needs().iter().find(|need| !is_met(**need)) {
                None => return Ok(builder),
                Some(need) => lacks.push(format!("{builder}: {need}")),
            }
        }
        Err(lacks.join("; "))
    }

    /// The cargo arguments before the ones that all builders share.
    pub(super) fn arguments(self) -> [&'static str; 3] {
        match self {
            Self::StaticGlibc => ["build", "--target", GNU],
            Self::Musl => ["build", "--target", MUSL],
            Self::Zigbuild => ["zigbuild", "--target", "x86_64-unknown-linux-gnu.2.17"],
        }
    }

    /// The folder below the target folder where release binaries appear.
    pub(super) fn output(self) -> PathBuf {
        let target = match self {
            Self::StaticGlibc | Self::Zigbuild => GNU,
            Self::Musl => MUSL,
        };
        Path::new(target).join("release")
    }

    /// The variable that the build needs, if any. Flags go to the target alone, so build scripts and macros are built
    /// as usual, and join those of the repository's own configuration.
    pub(super) fn variable(self, workspace: &Path) -> Option<(&'static str, &'static str)> {
        match self {
            Self::StaticGlibc => {
                Some(("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-C target-feature=+crt-static"))
            }
            // Elsewhere the system's linker does not make Linux executables; the one that comes with Rust does.
            Self::Musl if !is_linux_x86() && !chooses_linker(workspace) => Some((MUSL_LINKER, "rust-lld")),
            Self::Musl | Self::Zigbuild => None,
        }
    }
}

/// Whether the user already said something about the musl target, by variable or in a cargo configuration.
fn chooses_linker(workspace: &Path) -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let folders = workspace.ancestors().map(|folder| folder.join(".cargo")).chain(home);
    let mut files = folders.flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(name)));
    std::env::var_os(MUSL_LINKER).is_some()
        || files.any(|file| std::fs::read_to_string(file).is_ok_and(|text| text.contains(MUSL)))
}

fn is_linux_x86() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

/// Looks for a need on this machine, as seen from a workspace (whose rust-toolchain file decides on the compiler).
pub(super) fn is_met(need: Need, workspace: &Path) -> bool {
    match need {
        Need::LinuxX86 => is_linux_x86(),
        Need::Target(target) => {
            let folder = output_of(workspace, "rustc", &["--print", "target-libdir", "--target", target]);
            folder.is_some_and(|folder| holds_std(Path::new(folder.trim())))
        }
        Need::StaticLibc => {
            // A compiler answers with the bare name when it does not find the file.
            let path = output_of(workspace, "cc", &["-print-file-name=libc.a"]);
            path.is_some_and(|path| Path::new(path.trim()).is_absolute())
        }
        Need::Zigbuild => output_of(workspace, "cargo", &["zigbuild", "--help"]).is_some(),
    }
}

fn holds_std(folder: &Path) -> bool {
    let mut entries = folder.read_dir().into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn output_of(folder: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let output = command(program, folder).args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A build child: in the workspace, with the allow-listed environment and nothing to read.
pub(super) fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().envs(environment::of_children()).stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(met: &[Need], expected: Option<Builder>) {
        assert_eq!(Builder::choose(|need| met.contains(&need)).ok(), expected, "{met:?}");
    }

    #[test]
    fn builders_are_tried_in_order() {
        let linux = [Need::LinuxX86, Need::Target(GNU), Need::StaticLibc];
        check(&linux, Some(Builder::StaticGlibc));
        check(&[&linux[..], &[Need::Target(MUSL), Need::Zigbuild]].concat(), Some(Builder::StaticGlibc));
        check(&[Need::LinuxX86, Need::Target(GNU), Need::Target(MUSL)], Some(Builder::Musl));
        check(&[Need::Target(MUSL), Need::Target(GNU), Need::Zigbuild], Some(Builder::Musl));
        check(&[Need::Target(GNU), Need::Zigbuild], Some(Builder::Zigbuild));
        check(&[Need::Zigbuild], None);
    }

    #[test]
    fn without_a_builder_each_one_says_what_it_lacks() {
        let lacks = Builder::choose(|need| need == Need::LinuxX86).unwrap_err();
        assert_eq!(
            lacks,
            "cargo, static glibc: the target x86_64-unknown-linux-gnu is not installed; \
             cargo, static musl: the target x86_64-unknown-linux-musl is not installed; \
             cargo-zigbuild, glibc 2.17: cargo-zigbuild is not installed"
        );
    }
}
