//! What the tests of the command line share: a local cloud, a project folder, and runs of `provision`.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use localcloud::{LocalCloud, Options};
use provision::world::World;
use serde_json::Value as Json;
use tempfile::TempDir;
use tencentcloud::{Action, Client, ClientConfig, Credentials, Keys, Url, cam, scf, tag};

/// Small, but of everything: an own role with an own policy, both preset roles, a namespace, a function with
/// variables and tags, a timer and an MPS binding.
pub(crate) const MANIFEST: &str = r##"
stack: hook
region: ap-beijing
tags: { team: media }
roles:
  SCF_QcsRole: { preset: scf }
  MPS_QcsRole: { preset: mps }
  worker: { trust: [scf.qcloud.com], policies: [invoke] }
policies:
  invoke: { document: { version: "2.0", statement: [{ effect: allow, action: "scf:Invoke", resource: "*" }] } }
namespaces:
  media: { description: media tools }
functions:
  hook:
    namespace: media
    description: MPS callbacks
    runtime: CustomRuntime
    handler: bootstrap.main
    code: { inline: { bootstrap: "#!/bin/sh\nexit 1\n" } }
    memory: 128
    role: worker
    environment: { LOG_LEVEL: info }
    tags: { app: hook }
    triggers:
      nightly: { type: timer, cron: "0 0 3 * * * *" }
      workflow: { type: mps, event: WorkflowTask }
"##;

/// A local cloud on a runtime of its own, so that tests stay plain functions.
pub(crate) struct Cloud {
    local: Option<LocalCloud>,
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Cloud {
    /// A cloud that settles at once.
    pub(crate) fn start() -> Self {
        Self::with(Options::default())
    }

    /// The same, with other options.
    pub(crate) fn with(options: Options) -> Self {
        Self::exactly(Options { settle: Duration::from_millis(1), ..options })
    }

    /// A cloud with exactly these options.
    pub(crate) fn exactly(options: Options) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let local = runtime.block_on(LocalCloud::start(options)).expect("the local cloud starts");
        let mut config = ClientConfig::new(Credentials::fixed(Keys::new("local", "local")));
        config.endpoint = Some(Url::parse(&format!("http://{}", local.address())).expect("an address is a URL"));
        Self { local: Some(local), runtime, client: Client::new(config) }
    }

    fn local(&self) -> &LocalCloud {
        self.local.as_ref().expect("it runs until it is dropped")
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.local().address())
    }

    /// Plays these faults from now on.
    pub(crate) fn set_faults(&self, faults: Option<localcloud::Faults>) {
        self.local().set_faults(faults);
    }

    /// Actions that arrived so far, with how they ended.
    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        self.local().calls().into_iter().map(|c| (c.action, c.outcome)).collect()
    }

    /// Actions that arrived so far, as policies name them: `scf:GetFunction`.
    pub(crate) fn actions(&self) -> Vec<String> {
        self.local().calls().into_iter().map(|c| format!("{}:{}", c.service, c.action)).collect()
    }

    /// Actions that arrived so far and would change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.calls().into_iter().map(|(action, _)| action).filter(|a| is_write(a)).collect()
    }

    /// Makes a call by hand, as somebody in a console would.
    pub(crate) fn call<A: Action>(&self, request: &A) -> A::Response {
        self.runtime.block_on(self.client.call(Some("ap-beijing"), request)).expect("the call by hand is allowed")
    }

    /// Names of the namespaces in the region.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        self.call(&scf::ListNamespaces::default()).namespaces.into_iter().map(|n| n.name).collect()
    }

    /// `namespace/name` of every function in the region.
    pub(crate) fn functions(&self) -> Vec<String> {
        let mut all = Vec::new();
        for namespace in self.namespaces() {
            let request = scf::ListFunctions { namespace: Some(namespace.clone()), ..Default::default() };
            let rows = self.call(&request).functions;
            all.extend(rows.into_iter().map(|f| format!("{namespace}/{}", f.function_name)));
        }
        all
    }

    /// Names of every role and custom policy.
    pub(crate) fn roles_and_policies(&self) -> (Vec<String>, Vec<String>) {
        let runtime = &self.runtime;
        let roles = runtime.block_on(self.client.list(None, &cam::DescribeRoleList::default())).expect("roles");
        let own = cam::ListPolicies { scope: Some("Local".to_owned()), ..Default::default() };
        let policies = runtime.block_on(self.client.list(None, &own)).expect("policies");
        (roles.into_iter().map(|r| r.role_name).collect(), policies.into_iter().map(|p| p.policy_name).collect())
    }

    /// What stands under the tag key of leases, without the endings of those who gave it back: one stays for each stack.
    pub(crate) fn lease_values(&self) -> Vec<String> {
        self.all_lease_values().into_iter().filter(|value| !value.contains("/ended/")).collect()
    }

    /// Everything that stands under it.
    pub(crate) fn all_lease_values(&self) -> Vec<String> {
        let request = tag::DescribeTags { tag_keys: Some(vec!["provision-lease".to_owned()]), ..Default::default() };
        let rows = self.runtime.block_on(self.client.list(None, &request)).expect("tags can be listed");
        rows.into_iter().map(|row| row.tag_value).collect()
    }

    /// Makes a value of the tag key of leases by hand.
    pub(crate) fn put_lease_value(&self, value: &str) {
        let (tag_key, tag_value) = ("provision-lease".to_owned(), value.to_owned());
        self.call(&tag::CreateTag { tag_key, tag_value });
    }

    /// Deletes one by hand.
    pub(crate) fn delete_lease_value(&self, value: &str) {
        let (tag_key, tag_value) = ("provision-lease".to_owned(), value.to_owned());
        self.call(&tag::DeleteTag { tag_key, tag_value });
    }

    /// Reads the function of [`MANIFEST`]; `None` when it is absent.
    pub(crate) fn hook(&self) -> Option<scf::GetFunctionAnswer> {
        let request = scf::GetFunction {
            function_name: Some("hook".to_owned()),
            namespace: Some("media".to_owned()),
            ..Default::default()
        };
        self.runtime.block_on(self.client.call(Some("ap-beijing"), &request)).ok()
    }

    /// Deletes the timer of [`MANIFEST`] by hand.
    pub(crate) fn delete_timer(&self) {
        self.call(&scf::DeleteTrigger {
            function_name: "hook".to_owned(),
            namespace: Some("media".to_owned()),
            trigger_name: "nightly".to_owned(),
            r#type: "timer".to_owned(),
            qualifier: Some("$DEFAULT".to_owned()),
            ..Default::default()
        });
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(local) = self.local.take() {
            self.runtime.block_on(local.shutdown());
        }
    }
}

/// Whether an action changes anything.
pub(crate) fn is_write(action: &str) -> bool {
    !["Get", "List", "Describe", "Head"].iter().any(|prefix| action.starts_with(prefix))
}

/// Whether an action belongs to the lease of a stack rather than to its resources.
pub(crate) fn is_lease(action: &str) -> bool {
    ["CreateTag", "DeleteTag", "DescribeTags"].contains(&action)
}

/// How a run of `provision` ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Stdout as JSON.
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("stdout is no JSON ({e}): {self:?}"))
    }

    /// The same, after checking the exit code.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// `ACTION ADDRESS` of each change of a plan in JSON.
    pub(crate) fn changes(&self) -> Vec<String> {
        let json = self.json();
        let changes = json["stacks"][0]["changes"].as_array().cloned().unwrap_or_default();
        changes.iter().map(|c| format!("{} {}", text(&c["action"]), text(&c["address"]))).collect()
    }
}

/// A JSON string's text.
pub(crate) fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

/// A folder with a manifest, and the environment of runs in it.
pub(crate) struct Project {
    pub(crate) folder: TempDir,
    pub(crate) environment: BTreeMap<String, String>,
}

impl Project {
    /// With the keys of the local cloud, and no endpoint.
    pub(crate) fn new(manifest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let home = folder.path().join("home");
        std::fs::create_dir_all(&home).expect("a home");
        let pairs = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", home.display().to_string()),
            ("TENCENTCLOUD_SECRET_ID", "local".to_owned()),
            ("TENCENTCLOUD_SECRET_KEY", "local".to_owned()),
        ];
        let environment = pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let project = Self { folder, environment };
        project.write("manifests/hook.yaml", manifest);
        project
    }

    /// The same, calling this cloud.
    pub(crate) fn on(cloud: &Cloud, manifest: &str) -> Self {
        Self::new(manifest).with("PROVISION_ENDPOINT", &cloud.endpoint())
    }

    /// The same, with one more variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("folders can be made");
        std::fs::write(path, content).expect("files can be written");
    }

    /// Replaces one text of the manifest.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let manifest = std::fs::read_to_string(self.path("manifests/hook.yaml")).expect("the manifest");
        assert!(manifest.contains(from), "the manifest holds {from:?}");
        self.write("manifests/hook.yaml", &manifest.replace(from, to));
    }

    /// The real binary, about to run in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(binary());
        command.args(arguments).current_dir(self.folder.path()).env_clear().envs(&self.environment);
        command
    }

    /// Runs the real binary with pipes for everything.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = assert_cmd::Command::from_std(self.command(arguments));
        let output = command.timeout(Duration::from_secs(120)).output().expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Ran {
            code: output.status.code().expect("it ends by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs a command line in this process, which is faster, on terminals if wanted.
    pub(crate) fn run_here(&self, arguments: &[&str], terminal: bool) -> Ran {
        let (out, err) = (Captured::default(), Captured::default());
        let world = World {
            environment: self.environment.clone(),
            folder: self.folder.path().to_owned(),
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            stdin_is_terminal: false,
            stdout_is_terminal: terminal,
            stderr_is_terminal: terminal,
        };
        let mut line: Vec<std::ffi::OsString> = vec!["provision".into()];
        line.extend(arguments.iter().map(Into::into));
        if let Some(endpoint) = self.environment.get("PROVISION_ENDPOINT") {
            // The variable is read from the process's own environment, which all tests share.
            line.extend(["--endpoint".into(), endpoint.into()]);
        }
        let code = provision::run(line, world);
        Ran { code: i32::from(code), stdout: out.text(), stderr: err.text() }
    }
}

/// So many bytes that do not compress.
pub(crate) fn noise(seed: u32, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// The binary under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_provision"))
}

/// A writer that keeps what it is given.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
