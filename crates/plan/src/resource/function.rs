//! SCF functions: every setting in normal form, and what their code is.
//! Sources of defaults and limits: CreateFunction of API 2018-04-16 and the SCF quota page (583/11637).

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::tags::{self, Tags};
use crate::attributes::{Attributes, Comparison, join};

/// How functions compare: whatever is not declared in these collections is removed.
pub const COMPARISON: Comparison = Comparison {
    authoritative: &["environment", "tags", "layers", "file_systems", "dead_letter", "vpc"],
    guarded: &["environment"],
};

/// Attributes whose documented defaults disagree or that the platform assigns: left alone when omitted.
pub const LEFT_ALONE: [&str; 4] = ["init_timeout", "log", "async", "tracing"];

/// Attributes that no call can change (facts SCF 2.3).
pub const IMMUTABLE: [&str; 5] = ["runtime", "type", "async_execution", "tracing", "websocket"];

/// Settings that an answer may leave open, with `null` or with a word that nobody knows. What is not given is not compared:
/// it takes the value that is wanted, makes no change by itself, and never a replacement.
///
/// Which answers say "none" and which say nothing is decided where they are read (facts SCF 2.6).
#[expect(missing_docs, reason = "each is called as the setting is")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Runtime,
    Type,
    Memory,
    Timeout,
    InitTimeout,
    PublicNetwork,
    FixedIp,
    FixedIntranetIp,
    InstanceConcurrency,
    DnsCache,
    InstallDependencies,
    AsyncExecution,
    Tracing,
    /// Whether the function speaks WebSocket at all; how long connections may idle may be given nevertheless.
    Websocket,
    WebsocketIdleTimeout,
}

impl Setting {
    /// The attributes that it stands for.
    #[must_use]
    pub fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Runtime => &["runtime"],
            Self::Type => &["type"],
            Self::Memory => &["memory"],
            Self::Timeout => &["timeout"],
            Self::InitTimeout => &["init_timeout"],
            Self::PublicNetwork => &["public_network"],
            Self::FixedIp => &["fixed_ip"],
            Self::FixedIntranetIp => &["fixed_intranet_ip"],
            Self::InstanceConcurrency => &["instance_concurrency.max"],
            Self::DnsCache => &["dns_cache"],
            Self::InstallDependencies => &["install_dependencies"],
            Self::AsyncExecution => &["async_execution"],
            Self::Tracing => &["tracing"],
            Self::Websocket => &["websocket", "websocket.idle_timeout"],
            Self::WebsocketIdleTimeout => &["websocket.idle_timeout"],
        }
    }
}

/// Event functions take events, HTTP functions serve requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FunctionType {
    /// `Event`.
    #[default]
    Event,
    /// `HTTP`.
    Http,
}

impl FunctionType {
    /// The manifest's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Http => "http",
        }
    }
}

/// A layer at a version; later ones overlay earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Name.
    pub name: String,
    /// Version, from 1.
    pub version: u64,
}

/// Where logs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// CLS logset id.
    pub logset: String,
    /// CLS topic id.
    pub topic: String,
}

/// Where events go that failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// `CMQ-QUEUE` or `CMQ-TOPIC`.
    pub kind: String,
    /// Queue or topic.
    pub name: String,
    /// Tag filter of a topic.
    pub filter: Option<String>,
}

/// Asynchronous invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsyncConfig {
    /// Retries of failed runs, 0 to 2.
    pub retries: u64,
    /// Seconds an event is kept, 60 to 21600.
    pub max_age: u64,
}

/// A CFS mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// File system id.
    pub id: String,
    /// Mount target id.
    pub mount_target: String,
    /// Folder on the file system.
    pub remote_dir: String,
    /// Folder in the function.
    pub local_dir: String,
    /// User id.
    pub user: String,
    /// Group id.
    pub group: String,
}

/// Mounts have no order (only that of layers is documented): in normal form they stand by the folder they appear in.
/// Returns where each of them stood.
pub fn order_file_systems(mounts: &mut Vec<FileSystem>) -> Vec<usize> {
    let mut numbered: Vec<(usize, FileSystem)> = std::mem::take(mounts).into_iter().enumerate().collect();
    numbered.sort_by(|(_, a), (_, b)| (&a.local_dir, &a.id, &a.remote_dir).cmp(&(&b.local_dir, &b.id, &b.remote_dir)));
    let (stood, ordered) = numbered.into_iter().unzip();
    *mounts = ordered;
    stood
}

/// A function's settings in normal form. Code is apart (see [`Code`]). What few functions have is boxed: a large stack
/// holds each of them twice.
#[derive(Clone, PartialEq, Eq)]
pub struct Function {
    /// Text without the mark.
    pub description: String,
    /// The platform's exact string.
    pub runtime: String,
    /// Event or HTTP.
    pub kind: FunctionType,
    /// Entry point; empty where the platform uses none (images, HTTP functions).
    pub handler: String,
    /// MB.
    pub memory: u64,
    /// Seconds.
    pub timeout: u64,
    /// Seconds; `None` leaves it alone.
    pub init_timeout: Option<u64>,
    /// Execution role by name; empty is none.
    pub role: String,
    /// Variables.
    pub environment: BTreeMap<String, String>,
    /// VPC and subnet.
    pub vpc: Option<Box<(String, String)>>,
    /// Whether it reaches the internet.
    pub public_network: bool,
    /// Fixed public egress address (EIP).
    pub fixed_ip: bool,
    /// Fixed intranet address.
    pub fixed_intranet_ip: bool,
    /// Layers in order.
    pub layers: Vec<Layer>,
    /// `None` leaves it alone.
    pub log: Option<Box<Log>>,
    /// Dead letters.
    pub dead_letter: Option<Box<DeadLetter>>,
    /// `None` leaves it alone.
    pub asynchronous: Option<AsyncConfig>,
    /// MB kept for this function; `None` is no reservation.
    pub reserved_concurrency: Option<u64>,
    /// Requests one instance serves at once (HTTP functions); `None` is off.
    pub instance_concurrency: Option<u64>,
    /// CFS mounts, as [`order_file_systems`] orders them.
    pub file_systems: Vec<FileSystem>,
    /// DNS cache.
    pub dns_cache: bool,
    /// npm install on the platform (Node.js).
    pub install_dependencies: bool,
    /// Long-running asynchronous execution.
    pub async_execution: bool,
    /// Event tracing; `None` leaves it alone.
    pub tracing: Option<bool>,
    /// Idle timeout of WebSocket connections in seconds, when the function speaks WebSocket.
    pub websocket: Option<u64>,
    /// Tags without the mark's.
    pub tags: Tags,
    /// Whether the object carries the protection tag.
    pub protect: bool,
}

// The environment holds secrets: Debug shows names only.
impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function")
            .field("runtime", &self.runtime)
            .field("environment", &self.environment.keys())
            .finish_non_exhaustive()
    }
}

impl Default for Function {
    fn default() -> Self {
        Self {
            description: String::new(),
            runtime: String::new(),
            kind: FunctionType::Event,
            handler: String::new(),
            memory: 128,
            timeout: 3,
            init_timeout: None,
            role: String::new(),
            environment: BTreeMap::new(),
            vpc: None,
            public_network: true,
            fixed_ip: false,
            fixed_intranet_ip: false,
            layers: Vec::new(),
            log: None,
            dead_letter: None,
            asynchronous: None,
            reserved_concurrency: None,
            instance_concurrency: None,
            file_systems: Vec::new(),
            dns_cache: false,
            install_dependencies: false,
            async_execution: false,
            tracing: None,
            websocket: None,
            tags: Tags::new(),
            protect: false,
        }
    }
}

impl Function {
    /// Takes these settings over from another one.
    pub fn take(&mut self, settings: &[Setting], from: &Function) {
        for setting in settings {
            match setting {
                Setting::Runtime => self.runtime.clone_from(&from.runtime),
                Setting::Type => self.kind = from.kind,
                Setting::Memory => self.memory = from.memory,
                Setting::Timeout => self.timeout = from.timeout,
                Setting::InitTimeout => self.init_timeout = from.init_timeout,
                Setting::PublicNetwork => self.public_network = from.public_network,
                Setting::FixedIp => self.fixed_ip = from.fixed_ip,
                Setting::FixedIntranetIp => self.fixed_intranet_ip = from.fixed_intranet_ip,
                Setting::InstanceConcurrency => self.instance_concurrency = from.instance_concurrency,
                Setting::DnsCache => self.dns_cache = from.dns_cache,
                Setting::InstallDependencies => self.install_dependencies = from.install_dependencies,
                Setting::AsyncExecution => self.async_execution = from.async_execution,
                Setting::Tracing => self.tracing = from.tracing,
                Setting::Websocket => self.websocket = from.websocket.map(|idle| self.websocket.unwrap_or(idle)),
                Setting::WebsocketIdleTimeout => {
                    self.websocket = self.websocket.map(|idle| from.websocket.unwrap_or(idle));
                }
            }
        }
    }

    /// Its attributes, code excluded.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        let mut all = Attributes::default();
        all.put("runtime", self.runtime.as_str());
        all.put("type", self.kind.word());
        if !self.handler.is_empty() {
            all.put("handler", self.handler.as_str());
        }
        all.put("description", self.description.as_str());
        all.put("memory", self.memory);
        all.put("timeout", self.timeout);
        all.put_some("init_timeout", self.init_timeout);
        all.put("role", text_or_null(&self.role));
        for (key, value) in &self.environment {
            all.put(join("environment", key), value.as_str());
        }
        if let Some((vpc, subnet)) = self.vpc.as_deref() {
            all.put("vpc.id", vpc.as_str());
            all.put("vpc.subnet", subnet.as_str());
        }
        all.put("public_network", self.public_network);
        all.put("fixed_ip", self.fixed_ip);
        all.put("fixed_intranet_ip", self.fixed_intranet_ip);
        for (i, layer) in self.layers.iter().enumerate() {
            all.put(format!("layers[{i}].name"), layer.name.as_str());
            all.put(format!("layers[{i}].version"), layer.version);
        }
        if let Some(log) = &self.log {
            all.put("log.logset", log.logset.as_str());
            all.put("log.topic", log.topic.as_str());
        }
        if let Some(dead_letter) = &self.dead_letter {
            all.put("dead_letter.type", dead_letter.kind.as_str());
            all.put("dead_letter.name", dead_letter.name.as_str());
            all.put_some("dead_letter.filter", dead_letter.filter.as_deref());
        }
        if let Some(asynchronous) = &self.asynchronous {
            all.put("async.retries", asynchronous.retries);
            all.put("async.max_age", asynchronous.max_age);
        }
        all.put("reserved_concurrency", self.reserved_concurrency.map_or(Json::Null, Json::from));
        all.put("instance_concurrency.max", self.instance_concurrency.map_or(Json::Null, Json::from));
        for (i, mount) in self.file_systems.iter().enumerate() {
            for (key, value) in [
                ("id", &mount.id),
                ("mount_target", &mount.mount_target),
                ("remote_dir", &mount.remote_dir),
                ("local_dir", &mount.local_dir),
                ("user", &mount.user),
                ("group", &mount.group),
            ] {
                all.put(format!("file_systems[{i}].{key}"), value.as_str());
            }
        }
        all.put("dns_cache", self.dns_cache);
        all.put("install_dependencies", self.install_dependencies);
        all.put("async_execution", self.async_execution);
        all.put_some("tracing", self.tracing);
        all.put("websocket", self.websocket.is_some());
        all.put_some("websocket.idle_timeout", self.websocket);
        tags::put(&mut all, &self.tags);
        all.put("protect", self.protect);
        all
    }
}

fn text_or_null(text: &str) -> Json {
    if text.is_empty() { Json::Null } else { Json::String(text.to_owned()) }
}

/// What a function runs: identified by a digest, sent by a source.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// 16 hex digits that change whenever what would be sent changes.
    pub digest: String,
    /// Where it comes from.
    pub source: CodeSource,
}

/// Where code comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum CodeSource {
    /// A package that apply has ready under the function's address.
    Package,
    /// An object that stands in COS.
    Cos(Box<CosObject>),
    /// A container image.
    Image(Box<Image>),
    /// A console template.
    Demo(String),
}

/// An object that stands in COS.
#[derive(Clone, PartialEq, Eq)]
pub struct CosObject {
    /// Bucket without its appid suffix, as the API wants it.
    pub bucket: String,
    /// Object path, with a leading slash.
    pub object: String,
    /// The bucket's region, when declared.
    pub region: Option<String>,
}

/// A container image.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// `personal` or `enterprise`.
    pub registry: String,
    /// Repository and tag.
    pub uri: String,
    /// Registry id (enterprise).
    pub registry_id: Option<String>,
    /// Start command.
    pub command: Option<String>,
    /// Its arguments.
    pub args: Option<String>,
    /// Listening port; -1 is none.
    pub port: Option<i64>,
    /// Accelerated pulls.
    pub accelerate: bool,
}

// Its command may hold sensitive variables: Debug shows the kind only.
impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Image(..)")
    }
}

/// An image as the service gives it. Where nothing is set the service writes an empty text; `None` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct ServedImage {
    /// Repository, tag, and a digest that the service may have put behind it.
    pub uri: String,
    /// Start command.
    pub command: Option<String>,
    /// Its arguments.
    pub args: Option<String>,
    /// Listening port; -1 is none.
    pub port: Option<i64>,
    /// Accelerated pulls.
    pub accelerate: Option<bool>,
}

// Its command may hold sensitive variables: Debug shows the kind only.
impl std::fmt::Debug for ServedImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServedImage(..)")
    }
}

impl Image {
    /// Whether the service's image is this one: a digest that it appended by itself does not count, nor does what it
    /// does not give.
    #[must_use]
    pub fn is_served_by(&self, served: &ServedImage) -> bool {
        let uri = if self.uri.contains('@') { served.uri.as_str() } else { served.uri.split('@').next().unwrap_or("") };
        let same = |given: &Option<String>, wanted: &Option<String>| {
            given.as_ref().is_none_or(|given| given == wanted.as_deref().unwrap_or_default())
        };
        uri == self.uri
            && same(&served.command, &self.command)
            && same(&served.args, &self.args)
            && (self.port.is_none() || served.port.is_none() || served.port == self.port)
            && served.accelerate.is_none_or(|accelerate| accelerate == self.accelerate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(uri: &str) -> Image {
        Image {
            registry: "personal".into(),
            uri: uri.into(),
            registry_id: None,
            command: None,
            args: None,
            port: None,
            accelerate: false,
        }
    }

    fn served(uri: &str) -> ServedImage {
        ServedImage { uri: uri.into(), command: None, args: None, port: None, accelerate: None }
    }

    #[test]
    fn an_image_tag_is_served_by_its_digest_form() {
        assert!(image("ccr/x:1").is_served_by(&served("ccr/x:1@sha256:aa")));
        assert!(!image("ccr/x:2").is_served_by(&served("ccr/x:1@sha256:aa")));
        assert!(!image("ccr/x:1@sha256:bb").is_served_by(&served("ccr/x:1@sha256:aa")));
    }

    #[test]
    fn what_is_not_given_of_an_image_is_no_difference_and_what_is_given_counts() {
        let command = Some("node".to_owned());
        let wanted = Image { command, args: Some("a.js".into()), port: Some(-1), accelerate: true, ..image("x:1") };
        assert!(wanted.is_served_by(&served("x:1")));
        let others = [
            ServedImage { command: Some(String::new()), ..served("x:1") },
            ServedImage { args: Some("b.js".into()), ..served("x:1") },
            ServedImage { port: Some(9000), ..served("x:1") },
            ServedImage { accelerate: Some(false), ..served("x:1") },
        ];
        assert!(others.iter().all(|other| !wanted.is_served_by(other)));
        assert!(others[..3].iter().all(|other| other.command.is_none() || image("x:1").is_served_by(other)));
        assert!(!image("x:1").is_served_by(&ServedImage { command: Some("sh".into()), ..served("x:1") }));
    }

    #[test]
    fn mounts_stand_by_their_folders() {
        let mount = |local_dir: &str, id: &str| FileSystem {
            id: id.into(),
            mount_target: String::new(),
            remote_dir: "/".into(),
            local_dir: local_dir.into(),
            user: "10000".into(),
            group: "10000".into(),
        };
        let mut one = vec![mount("/mnt/b", "1"), mount("/mnt/c", "2"), mount("/mnt/a", "3")];
        let mut other = vec![one[2].clone(), one[1].clone(), one[0].clone()];
        assert_eq!(order_file_systems(&mut one), [2, 0, 1]);
        order_file_systems(&mut other);
        assert_eq!(one, other);
    }

    #[test]
    fn debug_shows_no_environment_value() {
        let function =
            Function { environment: [("KEY".to_owned(), "sesame".to_owned())].into(), ..Function::default() };
        assert!(!format!("{function:?}").contains("sesame"));
    }
}
