//! The top of a manifest, variables, tags, roles, policies and namespaces.

use serde_json::{Map, Value as Json, json};

use super::words::{
    boolean, choice, default, filled, flag, form, label, mapping, named, number, open_choice, optional, or_nothing,
    reference, required, short, text, texts, told, when, with,
};
use crate::limits;
use crate::resource::role::Preset;

/// Logical ids: letters, digits, `_` and `-`, a letter first.
pub(super) const LABEL: &str = "^[A-Za-z][A-Za-z0-9_-]*$";
/// Stack names; `validate::names::is_stack`.
const STACK: &str = "^[a-z][a-z0-9-]{1,39}$";
/// Role and policy names, 1 to 128 (`limits::CAM_NAME`).
const CAM_NAME: &str = r"^[A-Za-z0-9+=,.@_-]{1,128}$";
/// What is no role or policy name: such a key needs `name` beside it.
const NO_CAM_NAME: &str = r"^$|[^A-Za-z0-9+=,.@_-]|^.{129,}$";
/// What is no namespace name (`limits::NAMESPACE_NAME`): such a key needs `name` beside it.
const NO_NAMESPACE_NAME: &str = "^default$|^.?$|[^A-Za-z0-9_-]|^[^A-Za-z]|[_-]$|^.{31,}$";
/// Characters of ASCII that no tag holds. Of the others, letters and digits are allowed, which `validate` checks.
const NO_TAG: &str = r##"[\u0000-\u001f!"#$%&'*,;<>?\\^`{|}~\u007f]"##;
/// What CAM's documents look like from outside (facts CAM 3.7); the rest is for the service to judge.
const DOCUMENT: &str = "document";

/// The whole manifest, without its definitions.
pub(super) fn manifest() -> Json {
    mapping(
        [
            (
                "stack",
                told(
                    named([json!({ "type": "string", "pattern": STACK })], false),
                    "The stack's name, unique in the account: 2 to 40 of a-z, 0-9 and `-`, a letter first. Every mark carries it.",
                ),
            ),
            ("region", region("Region of every function that names none, such as ap-beijing")),
            (
                "account",
                told(
                    named(
                        [
                            json!({ "type": "string", "pattern": "^[0-9]{5,}$" }),
                            json!({ "type": "integer", "minimum": 10_000 }),
                        ],
                        true,
                    ),
                    "Guard: the owner's uin. Credentials of another account are refused.",
                ),
            ),
            (
                "variables",
                section("variable", "^[A-Za-z][A-Za-z0-9_]*$", "What the values below may use as `${var.NAME}`"),
            ),
            ("tags", told(reference("tags"), "Tags of every function, own role and own policy of the stack")),
            (
                "ignore_tags",
                texts("Keys of tags that others put on our objects, as globs: neither compared nor removed"),
            ),
            ("package_bucket", package_bucket()),
            ("roles", roles()),
            (
                "policies",
                told(
                    json!({
                        "type": ["object", "null"],
                        "patternProperties": { NO_CAM_NAME: { "allOf": [reference("policy"), with("name")] } },
                        "additionalProperties": reference("policy"),
                    }),
                    "Policies of the stack, by name. Roles name them under `policies`.",
                ),
            ),
            ("namespaces", namespaces()),
            (
                "functions",
                told(
                    reference("functions"),
                    "The functions, by logical id: a label, and the function's name unless `name` says otherwise",
                ),
            ),
        ],
        &["stack"],
    )
}

pub(super) fn definitions() -> Map<String, Json> {
    let mut all = Map::new();
    let mut add = |name: &str, value: Json| all.insert(name.to_owned(), value);
    add("tags", tags());
    add("variable", variable());
    add("role", role());
    add("policy", policy());
    add("namespace", or_nothing(namespace()));
    add(DOCUMENT, document());
    add("adopt", adopt());
    all
}

fn package_bucket() -> Json {
    let name =
        || json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9-]*-[0-9]{5,}$", "maxLength": limits::BUCKET_NAME });
    let prefix = json!({
        "type": "string",
        "pattern": "^([A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/?)?$",
        "maxLength": limits::PACKAGE_PREFIX,
    });
    let keys = [
        ("bucket", told(required([name()]), "The bucket with its appid, such as deploy-1250000000")),
        ("region", region("The bucket's region, when it is not the function's")),
        ("prefix", told(optional([prefix]), "What keys begin with: `provision/` unless told otherwise")),
    ];
    told(
        optional([name(), mapping(keys, &["bucket"])]),
        "Where packages above 7 MB go: a bucket that exists. `provision` never makes one.",
    )
}

/// A region we know, or anything that looks like one: their lists differ by page.
pub(super) fn region(description: &str) -> Json {
    let known = open_choice(&limits::REGIONS, json!({ "type": "string", "pattern": "^[a-z0-9-]*-[a-z0-9-]*$" }));
    told(named(known, true), description)
}

fn section(item: &str, keys: &str, description: &str) -> Json {
    told(
        json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": keys },
            "additionalProperties": reference(item),
        }),
        description,
    )
}

fn variable() -> Json {
    let mut schema = or_nothing(mapping(
        [
            (
                "default",
                told(
                    json!({ "type": ["string", "number", "boolean", "null"], "not": { "type": "string", "pattern": r"\$\{" } }),
                    "The value when nothing else gives one; takes no interpolation. Not together with `sensitive: true`.",
                ),
            ),
            (
                "sensitive",
                default(told(json!({ "type": ["boolean", "null"] }), "Whether the value must never be printed"), false),
            ),
            ("env", text("Environment variable that gives the value")),
            ("description", text("For people")),
        ],
        &[],
    ));
    schema["allOf"] = json!([when(
        "sensitive",
        &json!({ "const": true }),
        &json!({ "properties": { "default": { "type": "null", "description": "a secret does not stand in a manifest: use `env`" } } }),
    )]);
    schema
}

fn tags() -> Json {
    json!({
        "type": ["object", "null"],
        "description": format!("Tags, up to {}: letters, digits, blanks and `+-=._:/@()[]`", limits::TAGS - 2),
        "maxProperties": limits::TAGS - 2,
        "propertyNames": {
            "minLength": limits::TAG_KEY.start(),
            "maxLength": limits::TAG_KEY.end(),
            "not": { "anyOf": [
                { "pattern": NO_TAG },
                { "pattern": "^(provision-|qcs:|project:)" },
                { "enum": ["qcloud", "tencent", "project"] },
            ] },
        },
        "additionalProperties": required([json!({
            "type": ["string", "number", "boolean"],
            "minLength": limits::TAG_VALUE.start(),
            "maxLength": limits::TAG_VALUE.end(),
            "not": { "type": "string", "pattern": NO_TAG },
        })]),
    })
}

/// `adopt:` of anything. Words that other languages read as booleans are no stacks here.
fn adopt() -> Json {
    default(
        told(
            optional([
                json!({ "type": "boolean" }),
                json!({ "type": "string", "pattern": STACK, "not": { "enum": ["no", "yes", "on", "off"] } }),
            ]),
            "true takes an object that exists and carries no mark; a stack's name takes it from that stack",
        ),
        false,
    )
}

fn cam_name(description: &str) -> Json {
    told(named([json!({ "type": "string", "pattern": CAM_NAME })], true), description)
}

fn roles() -> Json {
    let service = |preset: &str, name: &str| {
        json!({
            "allOf": [reference("role"), {
                "if": with("preset"),
                "then": { "properties": { "preset": required([json!({ "const": preset })]) } },
                "else": { "if": with("external"), "then": {}, "else": with("name") },
            }],
            "description": format!("The service role that the console's \"authorise\" click makes: `{name}: {{ preset: {preset} }}`"),
        })
    };
    let other = json!({ "allOf": [reference("role"), {
        "properties": { "preset": {
            "anyOf": [reference("interpolated"), { "type": "null" }],
            "description": "the platform looks for its service roles by name: SCF_QcsRole, MPS_QcsRole",
        } },
    }] });
    let presets: Map<String, Json> = [Preset::Scf, Preset::Mps]
        .iter()
        .zip(Preset::WORDS)
        .map(|(p, word)| (p.role_name().to_owned(), service(word, p.role_name())))
        .collect();
    told(
        json!({
            "type": ["object", "null"],
            "properties": presets,
            "patternProperties": { NO_CAM_NAME: { "allOf": [other, with("name")] } },
            "additionalProperties": other,
        }),
        "Roles, by name: the stack's own, the account's service roles, and external ones",
    )
}

fn role() -> Json {
    let reserved: Vec<&str> = [Preset::Scf, Preset::Mps].iter().map(|p| p.role_name()).collect();
    let mut schema = mapping(
        [
            (
                "name",
                told(
                    named([json!({ "type": "string", "pattern": CAM_NAME, "not": { "enum": reserved } })], true),
                    "The role's name, when it is not the key",
                ),
            ),
            ("description", short(limits::CAM_DESCRIPTION, "For people")),
            (
                "trust",
                told(
                    json!({ "anyOf": [
                { "type": "array", "minItems": 1, "items": reference("text") }, reference("text"), { "type": "null" },
            ] }),
                    "Services that may assume the role, such as scf.qcloud.com",
                ),
            ),
            (
                "trust_document",
                told(
                    json!({ "anyOf": [reference(DOCUMENT), { "type": "null" }] }),
                    "The whole trust document, when `trust` says too little",
                ),
            ),
            (
                "policies",
                told(
                    json!({ "anyOf": [
                    { "type": "array", "maxItems": limits::POLICIES_PER_ROLE, "items": reference("text") }, reference("text"), { "type": "null" },
                ] }),
                    "Keys of `policies`, else exact names of preset policies. What is attached and not named is detached.",
                ),
            ),
            ("session_duration", number(&limits::SESSION_DURATION, "seconds", "Longest session")),
            ("console_login", boolean("Whether people may switch to the role in the console")),
            ("tags", reference("tags")),
            (
                "preset",
                choice(&Preset::WORDS, "Makes the service role of SCF or MPS if it is absent; takes no other key"),
            ),
            ("external", boolean("true: the role must exist and is never changed; takes no other key")),
            ("adopt", reference("adopt")),
            ("protect", flag(false, "Never deleted")),
        ],
        &[],
    );
    let alone = |key: &str| json!({ "propertyNames": { "enum": [key] } });
    let own = json!({ "oneOf": [with("trust"), with("trust_document")] });
    // An interpolated `external` or `preset` decides only once it is known.
    schema["allOf"] = json!([{
        "if": { "properties": { "external": { "const": true } }, "required": ["external"] },
        "then": alone("external"),
        "else": {
            "if": with("preset"),
            "then": alone("preset"),
            "else": { "if": { "properties": { "external": { "type": "string" } }, "required": ["external"] }, "then": {}, "else": own },
        },
    }]);
    schema
}

fn policy() -> Json {
    mapping(
        [
            ("name", cam_name("The policy's name, when it is not the key")),
            ("description", short(limits::CAM_DESCRIPTION, "For people")),
            ("document", told(reference(DOCUMENT), "What it allows, as a CAM document")),
            ("tags", reference("tags")),
            ("adopt", reference("adopt")),
            ("protect", flag(false, "Never deleted")),
        ],
        &["document"],
    )
}

fn document() -> Json {
    json!({
        "type": "object",
        "required": ["version", "statement"],
        "properties": {
            "version": told(required([json!({ "enum": ["2.0", 2] })]), "Always \"2.0\""),
            "statement": {
                "type": "array",
                "minItems": 1,
                "description": "What is allowed or denied",
                "items": {
                    "type": "object",
                    "required": ["effect", "action"],
                    "properties": {
                        "effect": told(required([json!({ "enum": ["allow", "deny"] })]), "allow or deny"),
                        "action": { "description": "What may be done, such as scf:Invoke; a text or a list" },
                        "resource": { "description": "On what: `*`, or six-part names such as qcs::scf:ap-beijing::namespace/*" },
                        "condition": { "description": "Only when" },
                        "principal": { "description": "Who, in trust documents" },
                    },
                },
            },
        },
    })
}

fn namespaces() -> Json {
    let renamed = json!({ "type": "object", "allOf": [reference("namespace"), with("name")] });
    told(
        json!({
            "type": ["object", "null"],
            "patternProperties": { NO_NAMESPACE_NAME: renamed },
            "additionalProperties": reference("namespace"),
        }),
        "Namespaces besides `default`, by name: 2 to 30 of letters, digits, `_` and `-`",
    )
}

fn namespace() -> Json {
    mapping(
        [
            (
                "name",
                told(
                    named(
                        [
                            json!({ "type": "string", "pattern": label(&limits::NAMESPACE_NAME), "not": { "const": "default" } }),
                        ],
                        true,
                    ),
                    "The namespace's name, when it is not the key",
                ),
            ),
            ("description", short(limits::DESCRIPTION, "For people")),
            ("region", region("Where it is; omitted: every region where a function of the stack uses it")),
            ("adopt", reference("adopt")),
        ],
        &[],
    )
}

/// `code.cos` of a function.
pub(super) fn object_storage() -> Json {
    mapping(
        [
            ("bucket", filled("Bucket with its appid, such as packages-1250000000")),
            (
                "object",
                told(
                    required([json!({ "type": "string", "pattern": r"\.(zip|jar)$" })]),
                    "Key of a .zip or .jar in the bucket",
                ),
            ),
            ("region", text("The bucket's region, when it is not the function's")),
            (
                "sha256",
                form("^[0-9A-Fa-f]{64}$", "Digest of the object, so that new content under the same key is a change"),
            ),
        ],
        &["bucket", "object"],
    )
}
