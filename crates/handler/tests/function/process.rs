//! The binary as the platform runs it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::world::{End, RuntimeApi};

/// A running function. Everything it prints is kept; the process ends with the value.
pub(crate) struct Function {
    pub(crate) runtime: RuntimeApi,
    child: Child,
    printed: Option<[std::thread::JoinHandle<String>; 2]>,
    /// `/tmp` of this instance.
    tmp: tempfile::TempDir,
    variables: Vec<(String, String)>,
    invocations: usize,
}

impl Function {
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        Self::with_limit(Duration::from_secs(15), variables)
    }

    pub(crate) fn with_limit(time_limit: Duration, variables: &[(&str, &str)]) -> Self {
        let runtime = RuntimeApi::start(time_limit);
        let tmp = tempfile::tempdir().expect("a folder");
        let mut all: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.push(("SCF_RUNTIME_API".into(), runtime.address.ip().to_string()));
        all.push(("SCF_RUNTIME_API_PORT".into(), runtime.address.port().to_string()));
        all.push(("TMPDIR".into(), tmp.path().display().to_string()));
        let (child, printed) = spawn(&all);
        assert_eq!(runtime.ready(), b" ", "the body of ready is one space");
        Self { runtime, child, printed: Some(printed), tmp, variables: all, invocations: 0 }
    }

    /// One event with a request id of its own.
    pub(crate) fn invoke(&mut self, event: &[u8]) -> End {
        self.invocations += 1;
        self.runtime.invoke(&format!("request-{}", self.invocations), event)
    }

    /// Kills the process and starts it anew in the same instance.
    pub(crate) fn restart(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        let (child, printed) = spawn(&self.variables);
        self.child = child;
        self.printed = Some(printed);
        self.runtime.ready();
    }

    /// Peak memory of the process so far, in KB.
    pub(crate) fn peak_memory_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a high-water mark");
        line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).expect("a number")
    }

    /// Ends the process; what it printed, and what it left in `/tmp`.
    pub(crate) fn end(mut self) -> String {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        let mut all = String::new();
        for reader in self.printed.take().expect("once") {
            all.push_str(&reader.join().expect("read"));
        }
        for entry in std::fs::read_dir(self.tmp.path()).expect("a folder") {
            all.push_str(&std::fs::read_to_string(entry.expect("an entry").path()).expect("text"));
        }
        all
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(variables: &[(String, String)]) -> (Child, [std::thread::JoinHandle<String>; 2]) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let stdout = drain(child.stdout.take().expect("piped"));
    let stderr = drain(child.stderr.take().expect("piped"));
    (child, [stdout, stderr])
}

fn drain(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = from.read_to_string(&mut text);
        text
    })
}
