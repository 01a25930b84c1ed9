//! Attributes back to normal forms. The file may be anybody's: what has the wrong type reads as if it were not there,
//! and what is not there has the platform's default.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::attributes::join;
use crate::resource::document::Document;
use crate::resource::function::{AsyncConfig, DeadLetter, FileSystem, Function, FunctionType, Layer, Log};
use crate::resource::tags::Tags;
use crate::resource::trigger::{Cors, Spec, Trigger};

/// An object's attributes by path.
pub(super) struct Read<'a>(pub(super) &'a BTreeMap<String, Json>);

impl Read<'_> {
    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.0.get(path).and_then(Json::as_str).map(str::to_owned)
    }

    fn text_or(&self, path: &str, default: &str) -> String {
        self.text(path).unwrap_or_else(|| default.to_owned())
    }

    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.0.get(path).and_then(Json::as_u64)
    }

    pub(super) fn switch(&self, path: &str) -> Option<bool> {
        self.0.get(path).and_then(Json::as_bool)
    }

    pub(super) fn texts(&self, path: &str) -> Vec<String> {
        let list = self.0.get(path).and_then(Json::as_array);
        list.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
    }

    pub(super) fn document(&self, path: &str) -> Document {
        Document::new(self.0.get(path).unwrap_or(&Json::Null))
    }

    fn has(&self, prefix: &str) -> bool {
        self.0.keys().any(|k| k.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['.', '['])))
    }

    /// The members below a prefix, as `join` spells them.
    pub(super) fn map(&self, prefix: &str) -> BTreeMap<String, String> {
        self.0
            .iter()
            .filter_map(|(path, value)| {
                let rest = path.strip_prefix(prefix)?;
                let key = match (rest.strip_prefix('.'), rest.strip_prefix('[')) {
                    (Some(key), _) => key.to_owned(),
                    (None, Some(quoted)) => serde_json::from_str(quoted.strip_suffix(']')?).ok()?,
                    (None, None) => return None,
                };
                (join(prefix, &key) == *path).then_some((key, value.as_str()?.to_owned()))
            })
            .collect()
    }

    /// How many items a list has: the numbers must run from 0.
    fn count(&self, prefix: &str) -> usize {
        (0..self.0.len()).take_while(|i| self.has(&format!("{prefix}[{i}]"))).count()
    }
}

pub(super) fn tags(read: &Read<'_>) -> Tags {
    read.map("tags").into_iter().collect()
}

/// A function's settings.
pub(super) fn function(read: &Read<'_>) -> Function {
    let default = Function::default();
    let pair = |a: &str, b: &str| Some((read.text_or(a, ""), read.text_or(b, "")));
    Function {
        description: read.text_or("description", ""),
        runtime: read.text_or("runtime", ""),
        kind: if read.text("type").as_deref() == Some("http") { FunctionType::Http } else { FunctionType::Event },
        handler: read.text_or("handler", ""),
        memory: read.number("memory").unwrap_or(default.memory),
        timeout: read.number("timeout").unwrap_or(default.timeout),
        init_timeout: read.number("init_timeout"),
        role: read.text_or("role", ""),
        environment: read.map("environment"),
        vpc: if read.has("vpc") { pair("vpc.id", "vpc.subnet").map(Box::new) } else { None },
        public_network: read.switch("public_network").unwrap_or(default.public_network),
        fixed_ip: read.switch("fixed_ip").unwrap_or_default(),
        fixed_intranet_ip: read.switch("fixed_intranet_ip").unwrap_or_default(),
        layers: (0..read.count("layers"))
            .map(|i| Layer {
                name: read.text_or(&format!("layers[{i}].name"), ""),
                version: read.number(&format!("layers[{i}].version")).unwrap_or_default(),
            })
            .collect(),
        log: read
            .has("log")
            .then(|| Box::new(Log { logset: read.text_or("log.logset", ""), topic: read.text_or("log.topic", "") })),
        dead_letter: read.has("dead_letter").then(|| {
            Box::new(DeadLetter {
                kind: read.text_or("dead_letter.type", ""),
                name: read.text_or("dead_letter.name", ""),
                filter: read.text("dead_letter.filter"),
            })
        }),
        asynchronous: read.has("async").then(|| AsyncConfig {
            retries: read.number("async.retries").unwrap_or_default(),
            max_age: read.number("async.max_age").unwrap_or_default(),
        }),
        reserved_concurrency: read.number("reserved_concurrency"),
        instance_concurrency: read.number("instance_concurrency.max"),
        file_systems: (0..read.count("file_systems"))
            .map(|i| {
                let part = |key: &str| read.text_or(&format!("file_systems[{i}].{key}"), "");
                FileSystem {
                    id: part("id"),
                    mount_target: part("mount_target"),
                    remote_dir: part("remote_dir"),
                    local_dir: part("local_dir"),
                    user: part("user"),
                    group: part("group"),
                }
            })
            .collect(),
        dns_cache: read.switch("dns_cache").unwrap_or_default(),
        install_dependencies: read.switch("install_dependencies").unwrap_or_default(),
        async_execution: read.switch("async_execution").unwrap_or_default(),
        tracing: read.switch("tracing"),
        websocket: read
            .switch("websocket")
            .unwrap_or_default()
            .then(|| read.number("websocket.idle_timeout").unwrap_or_default()),
        tags: tags(read),
        protect: false,
    }
}

/// A trigger; its type is one of ours, or it is a raw one.
pub(super) fn trigger(read: &Read<'_>) -> Trigger {
    let kind = read.text_or("type", "");
    let text = |path: &str| read.text_or(path, "");
    let number = |path: &str| read.number(path).unwrap_or_default();
    let spec = match kind.as_str() {
        "mps" => Spec::Mps { event: text("event") },
        "timer" => Spec::Timer { name: text("name"), cron: text("cron"), argument: text("argument") },
        "cos" if read.0.contains_key("bucket") => {
            Spec::Cos { domain: text("bucket"), events: text("events"), prefix: text("prefix"), suffix: text("suffix") }
        }
        "ckafka" if read.0.contains_key("instance") => Spec::Ckafka {
            instance: text("instance"),
            topic: text("topic"),
            batch: number("batch"),
            offset: text("offset"),
            retry: number("retry"),
            timeout: number("timeout"),
            group: read.text("group"),
        },
        "http" if !read.0.contains_key("name") => Spec::Http {
            cam: read.text("auth").as_deref() == Some("cam"),
            public: read.switch("public").unwrap_or(true),
            intranet: read.switch("intranet").unwrap_or_default(),
            cors: read.switch("cors.enabled").unwrap_or_default().then(|| Cors {
                origins: read.texts("cors.origins"),
                headers: read.texts("cors.headers"),
                methods: read.texts("cors.methods"),
                expose_headers: read.texts("cors.expose_headers"),
                max_age: number("cors.max_age"),
                credentials: read.switch("cors.credentials").unwrap_or_default(),
            }),
        },
        _ => Spec::Raw {
            kind,
            name: text("name"),
            description: read.0.get("raw_description").cloned().unwrap_or_else(|| Json::String(String::new())),
        },
    };
    Trigger {
        spec,
        enabled: read.switch("enabled").unwrap_or(true),
        qualifier: read.text_or("qualifier", "$DEFAULT"),
        description: read.text("description"),
    }
}

/// The names in a list that counts as a set.
pub(super) fn set(read: &Read<'_>, path: &str) -> BTreeSet<String> {
    read.texts(path).into_iter().collect()
}
