//! One instance of a function: a child process in a group of its own, its runtime API, its output and its
//! memory. Takes one event at a time.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::process::{Child, Command};

use super::runtime_api::{MAX_ANSWER, RuntimeApi, Said, Server};
use super::{Run, Status, shim};
use crate::state::scf::Target;

/// How often output is taken and memory looked at while an event is under way.
const TICK: Duration = Duration::from_millis(20);
/// Lines and bytes of one request's log (log page).
const MAX_LINES: usize = 5000;
const MAX_LOG: usize = 1024 * 1024;
/// Files an instance may have open (quota page 583/11637).
const MAX_FILES: u64 = 1024;

/// A running instance. Dropping it kills its whole process group.
pub(super) struct Instance {
    child: Child,
    group: Option<rustix::process::Pid>,
    api: Arc<RuntimeApi>,
    _server: Server,
    output: Output,
    /// The instance's own folder: HOME, and `tmp` for TMPDIR.
    folder: PathBuf,
    peak: u64,
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // Fails only when nobody is left in the group.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = std::fs::remove_dir_all(&self.folder);
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

impl Instance {
    /// Starts the process and waits until it is ready for events.
    pub(super) async fn start(
        target: &Target,
        code: &Path,
        root: &Path,
        credentials: Option<(String, String, String)>,
        endpoint: &str,
    ) -> Result<Self, Run> {
        let broken =
            |error: std::io::Error| Run::failed(Status::System, format!("no instance can be started: {error}"));
        let folder = root.join("instances").join(crate::state::uuid());
        std::fs::create_dir_all(folder.join("tmp")).map_err(broken)?;
        let api = RuntimeApi::new();
        let server = api.serve().await.map_err(broken)?;
        let (program, arguments) =
            shim::command(target, code, root).map_err(|why| Run::failed(Status::CannotStart, why))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(code)
            .env_clear()
            .envs(environment(target, code, &folder, server.port, endpoint))
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
        if let Some(robots) = robots(&target.config.environment, endpoint) {
            command.env("WECOM_WEBHOOK_URL", robots);
        }
        let mut child = spawn(&mut command)
            .await
            .map_err(|error| Run::failed(Status::CannotStart, format!("the entry file cannot be started: {error}")))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = group {
            let limit = rustix::process::Rlimit { current: Some(MAX_FILES), maximum: Some(MAX_FILES) };
            // A process that is gone already is noticed below.
            let _ = rustix::process::prlimit(Some(pid), rustix::process::Resource::Nofile, limit);
        }
        let output = Output::of(&mut child).map_err(broken)?;
        let mut instance = Self { child, group, api, _server: server, output, folder, peak: 0 };
        instance.initialise(target).await?;
        Ok(instance)
    }

    async fn initialise(&mut self, target: &Target) -> Result<(), Run> {
        let started = Instant::now();
        let limit = Duration::from_secs(u64::try_from(target.config.init_timeout_s).unwrap_or_default());
        let api = self.api.clone();
        let ready = api.wait_ready();
        tokio::pin!(ready);
        let mut tick = tokio::time::interval(TICK);
        let failure = loop {
            tokio::select! {
                () = &mut ready => return Ok(()),
                status = self.child.wait() => {
                    break Run::failed(Status::Exited, format!("the process ended before init/ready: {}", ended(status)));
                }
                _ = tick.tick() => {
                    self.output.take();
                    if started.elapsed() >= limit {
                        let seconds = target.config.init_timeout_s;
                        break Run::failed(Status::InitTimeout, format!("initialization timed out after {seconds} seconds"));
                    }
                }
            }
        };
        self.output.take();
        Err(Run { lines: self.output.lines(), duration: started.elapsed(), ..failure })
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Runs one event. The flag says whether the instance may take another.
    pub(super) async fn run(&mut self, target: &Target, request_id: &str, event: Bytes) -> (Run, bool) {
        let started = Instant::now();
        let limit = Duration::from_secs(u64::try_from(target.config.timeout_s).unwrap_or_default());
        let timeout_ms = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        let most = u64::try_from(target.config.memory_mb).unwrap_or_default() * 1024 * 1024;
        let mut said = self.api.offer(event, request_id, target.config.memory_mb, timeout_ms);
        let deadline = tokio::time::sleep(limit);
        tokio::pin!(deadline);
        let mut tick = tokio::time::interval(TICK);
        let (status, message) = loop {
            tokio::select! {
                // An answer that is there counts, even when the process has ended since.
                biased;
                said = &mut said => break match said {
                    Ok(Said::Response(body)) => (Status::Ok, String::from_utf8_lossy(&body).into_owned()),
                    Ok(Said::Error(body)) => (Status::UserError, String::from_utf8_lossy(&body).into_owned()),
                    Ok(Said::TooLarge) => (Status::UserError, format!("the answer is larger than {MAX_ANSWER} bytes")),
                    Err(_) => (Status::System, "the runtime API went away".to_owned()),
                },
                status = self.child.wait() => {
                    break (Status::Exited, format!("the process ended during the invocation: {}", ended(status)));
                }
                () = &mut deadline => {
                    let seconds = target.config.timeout_s;
                    break (Status::Timeout, format!("invoking the function timed out after {seconds} seconds"));
                }
                _ = tick.tick() => {
                    self.output.take();
                    let (now, peak) = self.memory();
                    self.peak = self.peak.max(peak);
                    if now > most {
                        let mb = target.config.memory_mb;
                        break (Status::MemoryExceeded, format!("the function used more than {mb} MB of memory"));
                    }
                }
            }
        };
        let duration = started.elapsed();
        self.peak = self.peak.max(self.memory().1);
        // Whatever the process wrote before its answer is in the pipes by now.
        self.output.take();
        let run = Run { status, message, duration, memory: self.peak, lines: self.output.lines() };
        let usable = matches!(status, Status::Ok | Status::UserError);
        (run, usable)
    }

    /// Resident memory now and at its peak, in bytes; zero for a process that is gone.
    fn memory(&self) -> (u64, u64) {
        let Some(id) = self.child.id() else { return (0, 0) };
        let text = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
        };
        let bytes = |name: &str| field(name).unwrap_or_default() * 1024;
        (bytes("VmRSS:"), bytes("VmHWM:"))
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

/// The platform's variables (environment page), with folders of this machine.
fn environment(target: &Target, code: &Path, folder: &Path, port: u16, endpoint: &str) -> Vec<(&'static str, String)> {
    let text = |path: &Path| path.display().to_string();
    vec![
        ("SCF_RUNTIME_API", "127.0.0.1".to_owned()),
        ("SCF_RUNTIME_API_PORT", port.to_string()),
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
        ("USER_CODE_ROOT", format!("{}/", text(code))),
        ("_SCF_SERVER_PORT", "28902".to_owned()),
        ("TZ", "UTC".to_owned()),
        ("HOME", text(folder)),
        ("PWD", text(code)),
        ("TMPDIR", text(&folder.join("tmp"))),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        // Calls that a function makes stay in the local cloud.
        ("PROVISION_ENDPOINT", endpoint.to_owned()),
    ]
}

/// A process's two output pipes, read without waiting.
struct Output {
    pipes: [std::fs::File; 2],
    partial: [Vec<u8>; 2],
    lines: Vec<String>,
    bytes: usize,
}

impl Output {
    fn of(child: &mut Child) -> std::io::Result<Self> {
        let none = || std::io::Error::other("a pipe is missing");
        let stdout = child.stdout.take().ok_or_else(none)?.into_owned_fd()?;
        let stderr = child.stderr.take().ok_or_else(none)?.into_owned_fd()?;
        Ok(Self {
            pipes: [unblocked(stdout)?, unblocked(stderr)?],
            partial: Default::default(),
            lines: Vec::new(),
            bytes: 0,
        })
    }

    /// Takes what is there.
    fn take(&mut self) {
        let mut chunk = [0; 16 * 1024];
        for (pipe, partial) in self.pipes.iter_mut().zip(&mut self.partial) {
            while let Ok(count @ 1..) = pipe.read(&mut chunk) {
                partial.extend_from_slice(&chunk[..count]);
                while let Some(end) = partial.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = partial.drain(..=end).collect();
                    if self.lines.len() < MAX_LINES && self.bytes + line.len() <= MAX_LOG {
                        self.bytes += line.len();
                        self.lines.push(String::from_utf8_lossy(&line[..end]).into_owned());
                    }
                }
            }
        }
    }

    /// The lines so far; what follows belongs to the next event.
    fn lines(&mut self) -> Vec<String> {
        for partial in &mut self.partial {
            if !partial.is_empty() {
                self.lines.push(String::from_utf8_lossy(&std::mem::take(partial)).into_owned());
            }
        }
        self.bytes = 0;
        std::mem::take(&mut self.lines)
    }
}

fn unblocked(pipe: OwnedFd) -> std::io::Result<std::fs::File> {
    let flags = rustix::fs::fcntl_getfl(&pipe)?;
    rustix::fs::fcntl_setfl(&pipe, flags | rustix::fs::OFlags::NONBLOCK)?;
    Ok(pipe.into())
}
