//! `code:` of a function.

use super::fields::{Fields, Findings};
use crate::desired::{CodeDeclaration, CosCode};
use crate::diagnostic::{Code, Diagnostic};
use crate::resource::function::Image;
use crate::syntax::{Node, Value};

/// The kinds of code.
pub const SOURCES: [&str; 7] = ["cargo", "dir", "zip", "inline", "cos", "image", "demo"];
/// The keys of `code`.
pub const KEYS: [&str; 9] = ["cargo", "dir", "zip", "inline", "cos", "image", "demo", "exclude", "inputs"];

pub(super) fn code(node: &Node, findings: &mut Findings) -> Option<CodeDeclaration> {
    let fields = Fields::open(node, "`code`", &KEYS, findings);
    let given: Vec<&str> = SOURCES.iter().copied().filter(|s| fields.node(s).is_some()).collect();
    let [source] = given.as_slice() else {
        let (code, message) = match given.as_slice() {
            [] => (Code::MissingKey, "`code` says where the code comes from".to_owned()),
            several => (
                Code::Conflict,
                format!("`code` takes one source, these are {}: {}", several.len(), several.join(", ")),
            ),
        };
        findings.push(
            Diagnostic::error(code, message).at(node.span).help(format!("exactly one of: {}", SOURCES.join(", "))),
        );
        return None;
    };
    for (extra, wanted) in [("exclude", "dir"), ("inputs", "cargo")] {
        if let (true, Some(span)) = (*source != wanted, fields.key_span(extra)) {
            findings.push(Diagnostic::error(Code::Conflict, format!("`{extra}` goes with `{wanted}`")).at(span));
        }
    }
    match *source {
        "cargo" => Some(CodeDeclaration::Cargo {
            package: fields.required_string("cargo", findings)?,
            inputs: fields.strings("inputs", findings).unwrap_or_default(),
        }),
        "dir" => Some(CodeDeclaration::Dir {
            path: path(&fields, "dir", findings)?,
            exclude: fields.strings("exclude", findings).unwrap_or_default(),
        }),
        "zip" => Some(CodeDeclaration::Zip { path: path(&fields, "zip", findings)? }),
        "inline" => inline(&fields, findings),
        "cos" => cos(fields.node("cos")?, findings),
        "image" => image(fields.node("image")?, findings),
        _ => Some(CodeDeclaration::Demo(fields.required_string("demo", findings)?)),
    }
}

/// A path that stays below the manifest's tree as far as its text can tell; links are checked when it is read.
fn path(fields: &Fields<'_>, key: &str, findings: &mut Findings) -> Option<String> {
    let text = fields.required_string(key, findings)?;
    let span = fields.node(key).map_or(fields.span, |n| n.span);
    if text.starts_with('/') || text.starts_with('~') || text.contains('\\') || text.as_bytes().get(1) == Some(&b':') {
        findings.push(
            Diagnostic::error(Code::BadPath, format!("`{key}` is an absolute path or no path of this tree"))
                .at(span)
                .help("write it relative to the manifest, with `/`"),
        );
        return None;
    }
    if text.contains('\0') {
        findings.push(Diagnostic::error(Code::BadPath, format!("`{key}` holds a NUL character")).at(span));
        return None;
    }
    Some(text)
}

fn inline(fields: &Fields<'_>, findings: &mut Findings) -> Option<CodeDeclaration> {
    let files = fields.string_map("inline", findings)?;
    if files.is_empty() {
        findings.push(
            Diagnostic::error(Code::MissingKey, "`inline` holds no file")
                .at(fields.span)
                .help("write `inline: { index.py: \"...\" }`"),
        );
        return None;
    }
    for (name, (_, node)) in &files {
        let bad = name.is_empty()
            || name.starts_with('/')
            || name.contains('\\')
            || name.split('/').any(|p| p.is_empty() || p == "." || p == "..");
        if bad {
            findings.push(
                Diagnostic::error(Code::BadPath, format!("`{name}` is no file name of an archive"))
                    .at(node.span)
                    .help("relative, with `/`, without `.` or `..`"),
            );
        }
    }
    Some(CodeDeclaration::Inline { files: files.into_iter().map(|(k, (v, _))| (k, v)).collect() })
}

fn cos(node: &Node, findings: &mut Findings) -> Option<CodeDeclaration> {
    let fields = Fields::open(node, "`code.cos`", &["bucket", "object", "region", "sha256"], findings);
    let bucket = fields.required_string("bucket", findings);
    let object = fields.required_string("object", findings);
    let sha256 = fields.string("sha256", findings);
    if let (Some(digest), Some(node)) = (&sha256, fields.node("sha256"))
        && !(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        findings.push(Diagnostic::error(Code::BadFormat, "`sha256` is 64 hex digits").at(node.span));
    }
    if let (Some(object), Some(node)) = (&object, fields.node("object"))
        && !(object.ends_with(".zip") || object.ends_with(".jar"))
    {
        findings.push(Diagnostic::error(Code::BadFormat, "`object` is a .zip or .jar").at(node.span));
    }
    Some(CodeDeclaration::Cos(Box::new(CosCode {
        bucket: bucket?,
        object: object?,
        region: fields.string("region", findings),
        sha256: sha256.map(|s| s.to_lowercase()),
    })))
}

fn image(node: &Node, findings: &mut Findings) -> Option<CodeDeclaration> {
    let fields = Fields::open(
        node,
        "`code.image`",
        &["uri", "registry", "registry_id", "command", "args", "port", "accelerate"],
        findings,
    );
    let uri = fields.required_string("uri", findings);
    let registry = fields.choice("registry", &["personal", "enterprise"], findings).unwrap_or("personal");
    let registry_id = fields.string("registry_id", findings);
    if registry == "enterprise" && registry_id.is_none() {
        findings
            .push(Diagnostic::error(Code::NeedsOther, "an enterprise registry needs `registry_id`").at(fields.span));
    }
    let port = match fields.node("port").map(|n| &n.value) {
        Some(Value::Scalar { text, quoted: false }) if text == "-1" => Some(-1),
        _ => fields.number("port", 1..=65_535, "", findings).and_then(|p| i64::try_from(p).ok()),
    };
    Some(CodeDeclaration::Image(Box::new(Image {
        registry: registry.to_owned(),
        uri: uri?,
        registry_id,
        command: fields.string("command", findings),
        args: fields.string("args", findings),
        port,
        accelerate: fields.boolean("accelerate", findings).unwrap_or(false),
    })))
}
