//! A function and its code.

use serde_json::{Map, Value as Json, json};

use super::top::{LABEL, object_storage, region};
use super::words::{
    boolean, choice, default, filled, flag, label, mapping, named, number, open_choice, optional, or_nothing,
    reference, required, short, text, texts, told, when, whole, with,
};
use crate::limits;
use crate::manifest::CODE_SOURCES;

/// What is no function name: such a logical id needs `name` beside it. Longer than 60, shorter than 2, or ending in
/// what a name does not end in.
const NO_NAME: &str = "^.$|^.{61,}$|[_-]$";
/// Absolute, of another system, or no path at all; whether it stays in the tree is seen when it is read.
const NO_PATH: &str = r"^[/~]|\\|^.:|\u0000";
/// An empty part, `.` or `..`, or a character no archive takes; interpolations are for values.
const NO_FILE_NAME: &str = r"(^|/)\.{0,2}(/|$)|\\|\$\{";

pub(super) fn definitions() -> Map<String, Json> {
    let mut all = Map::new();
    all.insert(
        "functions".to_owned(),
        json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": LABEL },
            "patternProperties": { NO_NAME: { "allOf": [reference("function"), with("name")] } },
            "additionalProperties": reference("function"),
        }),
    );
    all.insert("function".to_owned(), function());
    all.insert("code".to_owned(), code());
    all
}

/// Memory as the platform takes it: 64 MB, or steps of 128 MB.
fn memory() -> Json {
    let sizes: Vec<u64> = std::iter::once(64).chain((128..=limits::MEMORY_MAX).step_by(128)).collect();
    let told_as = format!("MB: 64, or 128 to {} in steps of 128", limits::MEMORY_MAX);
    default(told(optional([json!({ "enum": sizes })]), &told_as), 128)
}

fn environment() -> Json {
    let (least, most) = (limits::ENVIRONMENT_NAME.start() - 1, limits::ENVIRONMENT_NAME.end() - 1);
    let reserved = format!("^({})", limits::ENVIRONMENT_RESERVED.join("|"));
    told(
        json!({
            "type": ["object", "null"],
            "propertyNames": {
                "pattern": format!("^[A-Za-z][A-Za-z0-9_]{{{least},{most}}}$"),
                "not": { "pattern": reserved },
            },
            "additionalProperties": reference("filledText"),
        }),
        &format!("Environment variables: {} bytes in all. What is not declared is removed.", limits::ENVIRONMENT),
    )
}

/// Understood and refused for now; the parser says so with `P016`.
fn not_yet() -> Json {
    json!({ "type": "null", "description": "not available yet" })
}

fn function() -> Json {
    let name = json!({ "type": "string", "pattern": label(&limits::FUNCTION_NAME) });
    let layer = mapping(
        [
            ("name", filled("The layer's name")),
            ("version", told(required([whole(&(1..=1_000_000_u64))]), "The layer's version, from 1")),
        ],
        &["name", "version"],
    );
    let file_system = mapping(
        [
            ("id", filled("CFS file system, such as cfs-1a2b3c4d")),
            ("mount_target", filled("Its mount target")),
            ("remote_dir", filled("Folder in the file system")),
            ("local_dir", filled("Where the function sees it, such as /mnt/data")),
            ("user", default(text("User id"), "10000")),
            ("group", default(text("Group id"), "10000")),
        ],
        &["id", "mount_target", "remote_dir", "local_dir"],
    );
    let mut schema = mapping(
        [
            (
                "name",
                told(
                    named([name], true),
                    "The function's name, when it is not the key. Another name is another function.",
                ),
            ),
            ("description", short(limits::DESCRIPTION, "For people")),
            ("region", region("Region, when it is not the stack's")),
            ("namespace", default(text("Namespace; anything but `default` is declared under `namespaces`"), "default")),
            (
                "runtime",
                told(
                    optional(open_choice(&limits::RUNTIMES, json!({ "type": ["string", "number", "boolean"] }))),
                    "The platform's exact spelling; cannot change in place. Image functions need none.",
                ),
            ),
            (
                "type",
                default(choice(&["event", "http"], "What calls it: events, or a URL; cannot change in place"), "event"),
            ),
            (
                "handler",
                text(
                    "Entry point: file.method for scripts, package.Class::method for Java [default: index.main_handler; main for Go1]",
                ),
            ),
            ("code", reference("code")),
            ("memory", memory()),
            (
                "timeout",
                default(
                    told(
                        optional([whole(&limits::ASYNC_EXECUTION_TIMEOUT)]),
                        &format!(
                            "Seconds a run may take: {} to {}, with `async_execution` to {}",
                            limits::TIMEOUT.start(),
                            limits::TIMEOUT.end(),
                            limits::ASYNC_EXECUTION_TIMEOUT.end()
                        ),
                    ),
                    3,
                ),
            ),
            ("init_timeout", number(&limits::INIT_TIMEOUT, "seconds", "Time an instance may take to start")),
            ("role", text("A key or name of `roles`")),
            ("environment", environment()),
            (
                "vpc",
                told(
                    or_nothing(mapping(
                        [
                            ("id", filled("VPC, such as vpc-0a1b2c3d")),
                            ("subnet", filled("Subnet, such as subnet-4e5f6a7b")),
                        ],
                        &["id", "subnet"],
                    )),
                    "Private network the function stands in",
                ),
            ),
            ("public_network", flag(true, "Whether it reaches the internet; false may need `vpc`")),
            ("fixed_ip", flag(false, "A fixed public address; needs `public_network`")),
            ("fixed_intranet_ip", flag(false, "A fixed address in the VPC")),
            (
                "layers",
                told(
                    json!({ "type": ["array", "null"], "maxItems": limits::LAYERS, "items": layer }),
                    &format!("Up to {} layers; later ones overlay earlier ones", limits::LAYERS),
                ),
            ),
            (
                "log",
                told(
                    or_nothing(mapping(
                        [("logset", filled("Logset id")), ("topic", filled("Topic id"))],
                        &["logset", "topic"],
                    )),
                    "Where its log goes; needs `role`",
                ),
            ),
            (
                "dead_letter",
                told(
                    or_nothing(mapping(
                        [
                            ("type", told(required([json!({ "enum": ["CMQ-QUEUE", "CMQ-TOPIC"] })]), "Queue or topic")),
                            ("name", filled("Its name")),
                            ("filter", text("Tag filter of a topic")),
                        ],
                        &["type", "name"],
                    )),
                    "Where events go that failed for good",
                ),
            ),
            (
                "async",
                told(
                    or_nothing(mapping(
                        [
                            ("retries", default(number(&limits::ASYNC_RETRIES, "", "Retries of a failed run"), 2)),
                            (
                                "max_age",
                                default(number(&limits::ASYNC_MAX_AGE, "seconds", "How long an event is kept"), 21_600),
                            ),
                        ],
                        &[],
                    )),
                    "Asynchronous runs",
                ),
            ),
            (
                "reserved_concurrency",
                number(&(0..=10_000_000), "MB", "Memory reserved for this function alone; 0 lets nothing new run"),
            ),
            (
                "instance_concurrency",
                told(
                    or_nothing(mapping(
                        [(
                            "max",
                            told(
                                required([whole(&limits::INSTANCE_CONCURRENCY)]),
                                "Requests one instance serves at once",
                            ),
                        )],
                        &["max"],
                    )),
                    "For functions of type http",
                ),
            ),
            (
                "file_systems",
                told(json!({ "type": ["array", "null"], "items": file_system }), "CFS mounts; need `vpc`"),
            ),
            ("dns_cache", flag(false, "Caches name look-ups; event functions")),
            ("install_dependencies", flag(false, "Lets the platform run npm install; Node.js runtimes")),
            ("async_execution", flag(false, "Runs of up to 24 hours; event functions, cannot change in place")),
            ("tracing", boolean("Keeps the course of each run; event functions, cannot change in place")),
            (
                "websocket",
                default(
                    told(
                        json!({ "anyOf": [
                { "type": "boolean" },
                mapping([("idle_timeout", default(number(&limits::WEBSOCKET_IDLE, "seconds", "Closes after this long without traffic"), limits::WEBSOCKET_IDLE_DEFAULT))], &[]),
                reference("interpolated"),
                { "type": "null" },
            ] }),
                        "WebSocket instead of HTTP; functions of type http, cannot change in place",
                    ),
                    false,
                ),
            ),
            ("tags", told(reference("tags"), "Tags besides the stack's; the function's own win")),
            ("protect", flag(false, "Never deleted nor replaced")),
            ("adopt", reference("adopt")),
            ("triggers", reference("triggers")),
            ("provisioned_concurrency", not_yet()),
            ("versions", not_yet()),
            ("aliases", not_yet()),
        ],
        &["code"],
    );
    schema["allOf"] = Json::Array(combinations());
    schema
}

/// Keys that need or exclude each other. A value that is interpolated decides only once it is known.
fn combinations() -> Vec<Json> {
    let off = json!({ "anyOf": [{ "enum": [false, "false", null] }, reference("interpolated")] });
    let only_off = |keys: &[&str]| {
        let keys: Map<String, Json> = keys.iter().map(|k| ((*k).to_owned(), off.clone())).collect();
        json!({ "properties": keys })
    };
    let interpolated = |key: &str| json!({ "properties": { key: reference("interpolated") }, "required": [key] });
    let image = json!({ "properties": { "code": with("image") }, "required": ["code"] });
    let on_image = json!({ "anyOf": [{ "enum": ["CustomImage", null] }, reference("interpolated")] });
    let is_true = json!({ "const": true });
    vec![
        json!({
            "if": image,
            "then": { "properties": { "runtime": on_image } },
            "else": { "properties": { "runtime": { "not": { "const": "CustomImage" } } }, "allOf": [with("runtime")] },
        }),
        json!({
            "if": { "properties": { "type": { "const": "http" } }, "required": ["type"] },
            "then": only_off(&["dns_cache", "async_execution", "tracing"]),
            "else": { "if": interpolated("type"), "then": {}, "else": only_off(&["instance_concurrency", "websocket"]) },
        }),
        json!({
            "if": { "anyOf": [interpolated("async_execution"), { "properties": { "async_execution": is_true }, "required": ["async_execution"] }] },
            "then": {},
            "else": { "properties": { "timeout": { "anyOf": [whole(&limits::TIMEOUT), { "type": ["string", "null"] }] } } },
        }),
        when("fixed_ip", &is_true, &json!({ "properties": { "public_network": { "not": { "const": false } } } })),
        when(
            "log",
            &json!({ "type": "object" }),
            &json!({ "properties": { "role": { "not": { "enum": [null, ""] } } }, "required": ["role"] }),
        ),
        when("file_systems", &json!({ "type": "array", "minItems": 1 }), &with("vpc")),
        when(
            "install_dependencies",
            &is_true,
            &json!({ "properties": { "runtime": { "anyOf": [{ "type": "string", "pattern": "^Nodejs" }, reference("interpolated")] } } }),
        ),
    ]
}

fn code() -> Json {
    let path = |description: &str| {
        told(
            optional([
                json!({ "type": ["string", "number", "boolean"], "minLength": 1, "not": { "type": "string", "pattern": NO_PATH } }),
            ]),
            description,
        )
    };
    let some_text = |description: &str| {
        told(optional([json!({ "type": ["string", "number", "boolean"], "minLength": 1 })]), description)
    };
    let mut schema = mapping(
        [
            (
                "cargo",
                some_text("A Rust package, built for the platform's machine and zipped as executable `bootstrap`"),
            ),
            ("dir", path("A folder, zipped; relative to the manifest")),
            ("zip", path("An archive, sent byte for byte; relative to the manifest")),
            (
                "inline",
                told(
                    json!({
                        "type": ["object", "null"],
                        "minProperties": 1,
                        "propertyNames": { "not": { "pattern": NO_FILE_NAME } },
                        "additionalProperties": reference("text"),
                    }),
                    "Files by name, zipped",
                ),
            ),
            ("cos", told(or_nothing(object_storage()), "An object in COS, compared by these texts and never fetched")),
            ("image", told(or_nothing(image()), "A container image")),
            ("demo", some_text("Id of a console template")),
            ("exclude", texts("Globs of files that `dir` leaves out; without `/` they match at any depth")),
            ("inputs", texts("Globs of further files that a `cargo` build depends on")),
        ],
        &[],
    );
    let one: Vec<Json> = CODE_SOURCES.iter().map(|source| with(source)).collect();
    schema["oneOf"] = Json::Array(one);
    // An option counts even without a value, as the parser has it.
    let goes_with = |option: &str, source: &str| json!({ "if": { "required": [option] }, "then": with(source) });
    schema["allOf"] = json!([goes_with("exclude", "dir"), goes_with("inputs", "cargo")]);
    schema["description"] =
        json!("Where the code comes from: exactly one of cargo, dir, zip, inline, cos, image, demo");
    schema
}

fn image() -> Json {
    let mut schema = mapping(
        [
            ("uri", filled("Address with its tag, such as ccr.ccs.tencentyun.com/media/preview:7")),
            (
                "registry",
                default(
                    choice(&["personal", "enterprise"], "Which registry; `enterprise` needs `registry_id`"),
                    "personal",
                ),
            ),
            ("registry_id", text("Id of the enterprise registry")),
            ("command", text("Start command, instead of the image's")),
            ("args", text("Arguments of the start command")),
            (
                "port",
                told(
                    optional([json!({ "const": -1 }), whole(&(1..=65_535_u64))]),
                    "Port the image listens on, or -1 for none",
                ),
            ),
            ("accelerate", flag(false, "Loads the image on demand for a faster start")),
        ],
        &["uri"],
    );
    schema["allOf"] = json!([when("registry", &json!({ "const": "enterprise" }), &with("registry_id"))]);
    schema
}
