//! Builds an identified package into `.provision/packages/DIGEST.zip`: one cargo call, then checks, then an archive.
//!
//! Cargo works in `.provision/target`, not in the user's own target folder: a build in an editor would hold that
//! folder's lock, and other flags would make either build throw away what the other made. The price is one full build
//! per checkout. Builds of several packages take turns, since binaries called `bootstrap` replace each other there.

use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::builder::{self, Builder};
use super::{CargoIdentity, identify};
use crate::package::{PackageError, archive, elf, store};

/// How often a waiting build reports, so that the callback can draw and can stop it.
const TICK: Duration = Duration::from_millis(50);
/// How many of cargo's last lines an error carries: enough for the last few compiler errors.
const LAST_LINES: usize = 40;

/// Whether a package that is already built may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// A readable `DIGEST.zip` is the answer.
    Allowed,
    /// Build again (`--rebuild`).
    Never,
}

/// What a build tells while it runs. The callback stops the build, and every process of it, by answering
/// [`ControlFlow::Break`]. It must do so when the program is interrupted: cargo does not see a terminal's Ctrl-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The build begins, this way.
    Started(Builder),
    /// A line of cargo's own output, without its line end.
    Line(&'a str),
    /// Nothing new for 50 ms.
    Waiting,
}

type Callback<'a> = dyn FnMut(Progress<'_>) -> ControlFlow<()> + 'a;

/// The package with this identity, if it has been built (`--no-build`). A damaged one does not count.
pub fn prebuilt(identity: &CargoIdentity, out: &Path) -> Option<PathBuf> {
    store::find(out, &identity.digest)
}

/// Builds a package into the folder `out` (`.provision/packages`) and returns the archive's path. Blocks until cargo
/// has ended; see [`Progress`] for how to follow and stop it.
///
/// # Errors
/// [`PackageError::NoCargo`], [`PackageError::NoBuilder`], [`PackageError::BuildFailed`] with cargo's last lines,
/// [`PackageError::Stopped`], [`PackageError::SourcesChanged`], [`PackageError::NotPortable`], and failures to write.
pub fn build(
    identity: &CargoIdentity,
    out: &Path,
    reuse: Reuse,
    progress: &mut Callback<'_>,
) -> Result<PathBuf, PackageError> {
    if let Some(path) = usable(identity, out, reuse) {
        return Ok(path);
    }
    let out = std::path::absolute(out).map_err(PackageError::writing(out))?;
    let target = out.parent().unwrap_or(&out).join("target");
    let _turn = take_turn(identity, &target, progress)?;
    // Another process may have built it meanwhile.
    if let Some(path) = usable(identity, &out, reuse) {
        return Ok(path);
    }
    let builder = choose(identity)?;
    tell(identity, progress, Progress::Started(builder))?;
    run_cargo(identity, builder, &target, progress)?;

    let binary = target.join(builder.output()).join(&identity.binary);
    let bytes = std::fs::read(&binary).map_err(PackageError::reading(&binary))?;
    elf::check(&bytes).map_err(|source| PackageError::NotPortable { binary: binary.clone(), source })?;
    // The name promises what the archive was built from.
    if identify(&identity.tree, &identity.package, &identity.inputs)?.digest != identity.digest {
        return Err(PackageError::SourcesChanged { package: identity.package.clone() });
    }
    let archive = archive::pack_bootstrap(&binary)?;
    let bytes = archive.bytes().map_err(PackageError::reading(&binary))?;
    store::put(&out, &identity.digest, &bytes)
}

fn usable(identity: &CargoIdentity, out: &Path, reuse: Reuse) -> Option<PathBuf> {
    match reuse {
        Reuse::Allowed => prebuilt(identity, out),
        Reuse::Never => None,
    }
}

fn choose(identity: &CargoIdentity) -> Result<Builder, PackageError> {
    let workspace = &identity.workspace_root;
    let mut version = builder::command("cargo", workspace);
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    version.status().map_err(|source| PackageError::NoCargo { program: "cargo".into(), source })?;
    Builder::choose(|need| builder::is_met(need, workspace))
        .map_err(|tried| PackageError::NoBuilder { package: identity.package.clone(), tried })
}

/// Waits for other builds in the same target folder. The lock goes with the returned file, also when we are killed.
fn take_turn(identity: &CargoIdentity, target: &Path, progress: &mut Callback<'_>) -> Result<File, PackageError> {
    std::fs::create_dir_all(target).map_err(PackageError::writing(target))?;
    let path = target.join(".provision-lock");
    let file = File::create(&path).map_err(PackageError::writing(&path))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                tell(identity, progress, Progress::Waiting)?;
                std::thread::sleep(TICK);
            }
            Err(TryLockError::Error(source)) => return Err(PackageError::Write { path, source }),
        }
    }
}

fn run_cargo(
    identity: &CargoIdentity,
    builder: Builder,
    target: &Path,
    progress: &mut Callback<'_>,
) -> Result<(), PackageError> {
    let mut command = builder::command("cargo", &identity.workspace_root);
    command
        .args(builder.arguments())
        .args(["--locked", "--release", "--package", &identity.package, "--bin", &identity.binary])
        .arg("--manifest-path")
        .arg(identity.manifest_dir.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .envs(builder.variable(&identity.workspace_root))
        .env("CARGO_TERM_COLOR", "never")
        .env("CARGO_TERM_PROGRESS_WHEN", "never")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    // A group of its own can be stopped as a whole. A terminal's Ctrl-C no longer reaches it: the callback must.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|source| PackageError::NoCargo { program: "cargo".into(), source })?;
    let mut last_lines = VecDeque::new();
    let ended = follow(identity, &mut child, &mut last_lines, progress);
    if ended.is_err() {
        stop(&mut child);
    }
    let status = ended?;
    if status.success() {
        return Ok(());
    }
    let package = identity.package.clone();
    Err(PackageError::BuildFailed { package, status: status.to_string(), last_lines: last_lines.into() })
}

/// Ends cargo and all that it started: compilers and build scripts do not end with their parent.
fn stop(child: &mut Child) {
    #[cfg(unix)]
    {
        let _ =
            rustix::process::kill_process_group(rustix::process::Pid::from_child(child), rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Hands on cargo's lines until it has ended.
fn follow(
    identity: &CargoIdentity,
    child: &mut Child,
    last_lines: &mut VecDeque<String>,
    progress: &mut Callback<'_>,
) -> Result<ExitStatus, PackageError> {
    let failed = |source| PackageError::NoCargo { program: "cargo".into(), source };
    let stderr = child.stderr.take().expect("stderr was asked for as a pipe");
    let (sender, lines) = mpsc::channel();
    // Not joined: whatever a build script left running may hold the pipe for ever.
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let mut ended = None;
    loop {
        match lines.recv_timeout(TICK) {
            Ok(line) => {
                tell(identity, progress, Progress::Line(&line))?;
                if last_lines.len() == LAST_LINES {
                    last_lines.pop_front();
                }
                last_lines.push_back(line);
            }
            Err(RecvTimeoutError::Disconnected) => return child.wait().map_err(failed),
            // A whole tick of silence after cargo's end: there is nothing more to come.
            Err(RecvTimeoutError::Timeout) => match ended {
                Some(status) => return Ok(status),
                None => {
                    tell(identity, progress, Progress::Waiting)?;
                    ended = child.try_wait().map_err(failed)?;
                }
            },
        }
    }
}

fn tell(identity: &CargoIdentity, progress: &mut Callback<'_>, what: Progress<'_>) -> Result<(), PackageError> {
    match progress(what) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(PackageError::Stopped { package: identity.package.clone() }),
    }
}
