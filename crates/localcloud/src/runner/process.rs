//! A function's process, contained: a group of its own, limits on files, memory and threads, output as log
//! lines, and an end that leaves nobody behind. What it serves is its owner's business.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::process::{Child, Command};

use super::group::{self, Groups, Listener, MARK};
use super::output::Output;
use super::{Run, Status};
use crate::state::scf::Target;

/// How often output is taken and the process looked at while an event is under way.
pub(super) const TICK: Duration = Duration::from_millis(20);
/// How often the whole group is counted; between that, only its first process.
const COUNT: Duration = Duration::from_millis(100);
/// Files an instance may have open, and processes and threads together (quota page 583/11637).
const MAX_FILES: u64 = 1024;
const MAX_THREADS: u64 = 1024;

/// Where instances are started, and what they share.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    /// The unpacked package.
    pub(super) code: &'a Path,
    /// Folder of all instances.
    pub(super) root: &'a Path,
    /// Where the local cloud listens.
    pub(super) endpoint: &'a str,
    pub(super) groups: &'a Arc<Groups>,
}

/// The role's temporary key: id, key, token.
pub(super) type Credentials = Option<(String, String, String)>;

/// A running process. Dropping it ends its whole group.
pub(super) struct Process {
    child: Child,
    group: Pid,
    groups: Arc<Groups>,
    output: Output,
    /// The instance's own folder: HOME, and `tmp` for TMPDIR.
    folder: PathBuf,
    counted: Option<Instant>,
    peak: u64,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.groups.end(self.group, &self.folder);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Process {
    /// Starts a program for a function. `extra` joins the platform's variables; the function's own win.
    pub(super) async fn start(
        target: &Target,
        site: Site<'_>,
        (program, arguments): (PathBuf, Vec<OsString>),
        credentials: Credentials,
        extra: Vec<(&'static str, String)>,
    ) -> Result<Self, Run> {
        let broken =
            |error: std::io::Error| Run::failed(Status::System, format!("no instance can be started: {error}"));
        let folder = site.root.join("instances").join(crate::state::uuid());
        std::fs::create_dir_all(folder.join("tmp")).map_err(broken)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(site.code)
            .env_clear()
            .envs(environment(target, site, &folder))
            .envs(extra)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some((id, key, token)) = credentials {
            command.env("TENCENTCLOUD_SECRETID", id).env("TENCENTCLOUD_SECRETKEY", key);
            command.env("TENCENTCLOUD_SESSIONTOKEN", token);
        }
        command.envs(&target.config.environment);
        if let Some(robots) = robots(&target.config.environment, site.endpoint) {
            command.env("WECOM_WEBHOOK_URL", robots);
        }
        command.env(MARK, &folder);
        let mut child = spawn(&mut command)
            .await
            .map_err(|error| Run::failed(Status::CannotStart, format!("the entry file cannot be started: {error}")))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let Some(group) = group else {
            return Err(Run::failed(Status::System, "a process without an id"));
        };
        let output = Output::of(&mut child).map_err(broken)?;
        let process = Self { child, group, groups: site.groups.clone(), output, folder, counted: None, peak: 0 };
        if !site.groups.join(group) {
            return Err(Run::failed(Status::System, "the local cloud is stopping"));
        }
        let limit = Rlimit { current: Some(MAX_FILES), maximum: Some(MAX_FILES) };
        // A process that is gone already is noticed by whoever waits for it.
        let _ = prlimit(Some(group), Resource::Nofile, limit);
        Ok(process)
    }

    /// Waits for the process's end and says how it ended.
    pub(super) async fn wait(&mut self) -> String {
        ended(self.child.wait().await)
    }

    /// How the process ended, if it has.
    pub(super) fn end(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(ended(Ok(status))),
            Err(error) => Some(ended(Err(error))),
        }
    }

    /// Takes output, counts what the group uses, and answers the limit that it breaks.
    pub(super) fn look(&mut self, target: &Target) -> Option<(Status, String)> {
        self.output.take();
        let (mut now, peak) = group::resident(self.group.as_raw_nonzero().get());
        self.peak = self.peak.max(peak);
        if self.counted.is_none_or(|at| at.elapsed() >= COUNT) {
            self.counted = Some(Instant::now());
            let (members, threads) = group::members(self.group);
            if threads > MAX_THREADS {
                let message = format!("the function runs more than {MAX_THREADS} processes and threads");
                return Some((Status::Exited, message));
            }
            if members.len() > 1 {
                now = now.max(group::resident_together(&members));
                self.peak = self.peak.max(now);
            }
        }
        let mb = target.config.memory_mb;
        let most = u64::try_from(mb).unwrap_or_default() * 1024 * 1024;
        (now > most).then(|| (Status::MemoryExceeded, format!("the function used more than {mb} MB of memory")))
    }

    /// What came of an event: the lines and the peak so far go with it.
    pub(super) fn run(&mut self, status: Status, message: String, duration: Duration) -> Run {
        self.peak = self.peak.max(group::resident(self.group.as_raw_nonzero().get()).1);
        // Whatever the process wrote before its answer is in the pipes by now.
        self.output.take();
        Run { status, message, duration, memory: self.peak, lines: self.output.lines() }
    }

    /// Who listens on a port.
    pub(super) fn listener(&self, port: u16) -> Listener {
        group::listener(port, self.group, &self.folder)
    }

    /// Ends the whole group now.
    pub(super) fn kill(&mut self) {
        self.groups.end(self.group, &self.folder);
    }
}

/// Starts the process. An entry file that was written a moment ago is "busy" as long as any process that was
/// forked meanwhile has not yet started its own program; that passes within milliseconds.
async fn spawn(command: &mut Command) -> std::io::Result<Child> {
    let mut attempts = 0;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && attempts < 50 => {
                attempts += 1;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            other => return other,
        }
    }
}

/// A process's end in words: left by itself, or killed by a signal.
fn ended(status: std::io::Result<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("it exited with code {code}"),
            (None, Some(signal)) => format!("it crashed with signal {signal}"),
            (None, None) => "it ended".to_owned(),
        },
        Err(error) => error.to_string(),
    }
}

/// Robots of the function's group, moved to the stand-in: nothing that runs here posts to a real group.
fn robots(environment: &BTreeMap<String, String>, endpoint: &str) -> Option<String> {
    let real = "https://qyapi.weixin.qq.com/";
    let given = |name: &str| environment.get(name).map(String::as_str).filter(|value| !value.trim().is_empty());
    match (given("WECOM_WEBHOOK_URL"), given("WECOM_WEBHOOK_KEY")) {
        (Some(urls), _) => urls.contains(real).then(|| urls.replace(real, &format!("{endpoint}/"))),
        (None, Some(keys)) => {
            let url = |key: &str| format!("{endpoint}/cgi-bin/webhook/send?key={}", key.trim());
            Some(keys.split(',').filter(|key| !key.trim().is_empty()).map(url).collect::<Vec<_>>().join(","))
        }
        (None, None) => None,
    }
}

/// The platform's variables (environment page), with folders of this machine.
fn environment(target: &Target, site: Site<'_>, folder: &Path) -> Vec<(&'static str, String)> {
    let text = |path: &Path| path.display().to_string();
    vec![
        ("_HANDLER", target.handler.clone()),
        ("TENCENTCLOUD_RUNENV", "SCF".to_owned()),
        ("TENCENTCLOUD_REGION", target.region.clone()),
        ("TENCENTCLOUD_APPID", target.app_id.to_string()),
        ("TENCENTCLOUD_UIN", target.uin.clone()),
        ("TENCENTCLOUD_TZ", "UTC".to_owned()),
        ("SCF_RUNTIME", target.runtime.clone()),
        ("SCF_FUNCTIONNAME", target.name.clone()),
        ("SCF_FUNCTIONVERSION", target.version.clone()),
        ("SCF_NAMESPACE", target.namespace.clone()),
        ("USER_CODE_ROOT", format!("{}/", text(site.code))),
        ("TZ", "UTC".to_owned()),
        ("HOME", text(folder)),
        ("PWD", text(site.code)),
        ("TMPDIR", text(&folder.join("tmp"))),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        // Calls that a function makes stay in the local cloud.
        ("PROVISION_ENDPOINT", site.endpoint.to_owned()),
    ]
}
