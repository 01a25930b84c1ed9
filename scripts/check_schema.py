"""The JSON Schema against `provision validate`: a validator that others wrote must come to the same verdict.

    check_schema.py PROVISION [FOLDER OF MANIFESTS ...]

Manifests of the folders have to pass. Then a manifest that uses every key is broken in every place, in every way a
schema can tell: each value replaced by others of wrong type, range and form, each key removed, doubled by a slip, and
each value replaced by an interpolation. All of them go through the binary in one run and through the schema one by one.
Findings that need more than the shape of one value are set aside (`BEYOND`); everything else must agree.
"""

import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

import jsonschema_rs
from ruamel.yaml import YAML

# What a schema does not see: other places of the manifest, the values of variables, the disk, sums of bytes.
BEYOND = {
    "P020", "P021", "P022", "P023", "P030", "P031", "P032", "P034", "P035", "P037", "P060",
}
# Shapes that only the parser judges, each by the words of its finding.
ONLY_PARSER = [
    r"no region for this function",
    r"the (second|minute|hour|day|month|weekday|year) ",
    r"a cron expression has seven fields",
    r"is no handler for",
    r"no runtime is called",
    r"no region is called",
    r"a function of type http takes no",
    r"Java functions need `handler`",
    r"the environment has \d+ bytes",
    r"namespace and name together",
    r"leads out of",
]

# Words that the parser reads as text, which nobody wants and a schema had better not offer.
KNOWN = {"stack = true", "stack = false"}

FULL = {
    "stack": "full",
    "region": "ap-beijing",
    "account": "100000000001",
    "variables": {
        "x": {"default": "info", "description": "a level"},
        "key": {"sensitive": True, "env": "SOME_KEY"},
    },
    "tags": {"team": "media"},
    "ignore_tags": ["cost-*"],
    "roles": {
        "SCF_QcsRole": {"preset": "scf"},
        "MPS_QcsRole": {"preset": "mps"},
        "others": {"external": True},
        "worker": {
            "name": "worker-role",
            "description": "what it does",
            "trust": ["scf.qcloud.com"],
            "policies": ["invoke"],
            "session_duration": 7200,
            "console_login": False,
            "tags": {"app": "x"},
            "adopt": False,
            "protect": False,
        },
        "documented": {
            "trust_document": {
                "version": "2.0",
                "statement": [
                    {"effect": "allow", "action": "name/sts:AssumeRole", "principal": {"service": ["scf.qcloud.com"]}}
                ],
            }
        },
    },
    "policies": {
        "invoke": {
            "name": "invoke-policy",
            "description": "lets it call",
            "document": {"version": "2.0", "statement": [{"effect": "allow", "action": ["scf:Invoke"], "resource": "*"}]},
            "tags": {"app": "x"},
            "adopt": "other-stack",
            "protect": True,
        }
    },
    "namespaces": {"media": {"name": "media-tools", "description": "tools", "region": "ap-beijing", "adopt": True}, "bare": None},
    "functions": {
        "report": {
            "name": "nightly-report",
            "description": "counts",
            "region": "ap-guangzhou",
            "namespace": "default",
            "runtime": "Nodejs18.15",
            "type": "event",
            "handler": "index.main_handler",
            "code": {"inline": {"index.js": "exports.main_handler = async () => 1"}},
            "memory": 256,
            "timeout": 60,
            "init_timeout": 65,
            "role": "worker",
            "environment": {"LOG_LEVEL": "info"},
            "vpc": {"id": "vpc-0a1b2c3d", "subnet": "subnet-4e5f6a7b"},
            "public_network": True,
            "fixed_ip": True,
            "fixed_intranet_ip": False,
            "layers": [{"name": "ffmpeg", "version": 3}],
            "log": {"logset": "a", "topic": "b"},
            "dead_letter": {"type": "CMQ-QUEUE", "name": "failed", "filter": "x"},
            "async": {"retries": 1, "max_age": 3600},
            "reserved_concurrency": 1280,
            "file_systems": [
                {"id": "cfs-1", "mount_target": "cfs-1", "remote_dir": "/", "local_dir": "/mnt", "user": "1", "group": "1"}
            ],
            "dns_cache": True,
            "install_dependencies": True,
            "async_execution": False,
            "tracing": False,
            "tags": {"app": "x"},
            "protect": False,
            "adopt": False,
            "triggers": {
                "nightly": {"type": "timer", "cron": "0 0 3 * * * *", "argument": "a", "name": "n1", "description": "d", "enabled": True, "qualifier": "$DEFAULT"},
                "workflow": {"type": "mps", "event": "WorkflowTask", "takeover": False, "bind": "manual"},
                "uploads": {"type": "cos", "bucket": "in-1250000000", "events": "cos:ObjectCreated:*", "prefix": "raw/", "suffix": ".mp4"},
                "queue": {"type": "ckafka", "instance": "ckafka-8j4rodrr", "topic": "t", "batch": 10, "offset": "latest", "retry": 1, "timeout": 5, "group": "g", "description": "d"},
                "other": {"type": "raw", "kind": "cmq", "name": "q", "description": {"a": [1]}},
            },
        },
        "page": {
            "runtime": "CustomRuntime",
            "type": "http",
            "code": {"dir": "pages", "exclude": ["*.md"]},
            "timeout": 30,
            "instance_concurrency": {"max": 10},
            "websocket": {"idle_timeout": 60},
            "triggers": {
                "url": {
                    "type": "http",
                    "auth": "cam",
                    "public": True,
                    "intranet": False,
                    "cors": {"origins": ["https://a.example"], "headers": ["x"], "methods": "GET", "expose_headers": ["y"], "max_age": 60, "credentials": False},
                    "description": "d",
                }
            },
        },
        "picture": {
            "type": "http",
            "code": {"image": {"uri": "ccr.example/x:1", "registry": "enterprise", "registry_id": "r", "command": "c", "args": "a", "port": 9000, "accelerate": True}},
            "websocket": True,
        },
        "stored": {"runtime": "Python3.10", "code": {"cos": {"bucket": "b-1250000000", "object": "/a.zip", "region": "ap-beijing", "sha256": "0" * 64}}},
        "zipped": {"runtime": "Python3.10", "code": {"zip": "a.zip"}, "async_execution": True, "timeout": 4000},
        "shown": {"runtime": "Go1", "code": {"demo": "demo-1"}, "memory": 64},
        "built": {"runtime": "CustomRuntime", "code": {"cargo": "handler", "inputs": ["data/*"]}},
    },
}

# Manifests of one run.
BATCH = 2000

# What each value is replaced by.
OTHERS = [
    None, True, False, 0, 1, -1, 5, 63, 100, 128, 899, 901, 10**9, 1.5, "", " ", "text", "Text-1", "a", "true", "15", "no", "default",
    "with blank", "x" * 61, "y" * 129, "z" * 301, "w" * 1000, "/abs", "~/x", "a\\b", "../x", "c:/x", "ap-beijing", "ap-nowhere", "nowhere", "12345", "1234",
    "http", "event", "CustomImage", "CustomRuntime", "Python3.10", "enterprise", "personal", "external", "timer", "cls", "apigw", "raw", "scf", "mps",
    "2.0", 2, "deny", "Allow", "x.zip", "SCF_QcsRole", "$${literal}", "${var.x}", "${env.SOME_KEY}", "${stack}", "${nonsense}",
    [], ["a"], [None], [1], [{}], [["a"]], {}, {"a": "b"}, {"SCF_X": "v"}, {"A": "v"}, {"AB": ""}, {"AB": None}, {"provision-x": "v"}, {"t&g": "v"}, {"tag": "v;v"},
    {"1a": {}}, {"../x": "text"}, {"type": "mps"}, {"type": "cls", "topic": "t"}, {"max": 1}, {"idle_timeout": 0},
    {"preset": "scf"}, {"external": True}, {"trust": []}, {"trust": "a", "trust_document": {}},
    {"cargo": "a", "dir": "b"}, {"cargo": "a", "dir": None}, {"demo": "a", "exclude": []}, {"image": {"uri": "a"}},
]


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, path + (key,))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def broken():
    """Every manifest made of FULL by one change, with what was changed."""
    yield "nothing", copy.deepcopy(FULL)
    for path in places(FULL):
        if not path:
            continue
        where = ".".join(map(str, path))
        parent, key = path[:-1], path[-1]
        for other in OTHERS:
            if json.dumps(other) == json.dumps(at(FULL, path)):
                continue
            made = copy.deepcopy(FULL)
            at(made, parent)[key] = other
            yield f"{where} = {json.dumps(other)[:60]}", part(made, path)
        made = copy.deepcopy(FULL)
        del at(made, parent)[key]
        removed = path[:-1] if len(path) > 1 else path
        yield f"{where} removed", part(made, removed)
        if isinstance(key, str):
            for slip in [key + "x", key.upper(), "", "${var.x}", "-", "a" * 70, key + "_", "default", "é" + key]:
                if slip in at(FULL, parent):
                    continue
                made = copy.deepcopy(FULL)
                at(made, parent)[slip] = at(made, parent).pop(key)
                yield f"{where} renamed to {slip!r}", part(made, path if len(path) in (2, 4) else path[:-1] or path)
            # Beside what stands there: most mappings take no other key.
            made = copy.deepcopy(FULL)
            at(made, parent)["protect"] = None
            if made != FULL:
                yield f"protect beside {where}", part(made, path)


def part(made, path):
    """Only what the change is about: manifests stay small, and one run judges them all."""
    section, name = path[0], path[1] if len(path) > 1 else None
    if section not in ("roles", "policies", "namespaces", "functions") or name is None:
        for other in ("roles", "policies", "namespaces", "functions"):
            if other != section:
                made.pop(other, None)
        return made
    # What was renamed stands last.
    keep = name if name in made[section] else list(made[section])[-1] if made[section] else None
    made[section] = {keep: made[section][keep]} if keep is not None else {}
    if section == "functions" and len(path) > 3 and path[2] == "triggers" and isinstance(made[section][keep].get("triggers"), dict):
        triggers = made[section][keep]["triggers"]
        keep = path[3] if path[3] in triggers else list(triggers)[-1] if triggers else None
        made[section][name]["triggers"] = {keep: triggers[keep]} if keep is not None else {}
    small = {k: made[k] for k in ("stack", "region", "variables") if k in made}
    small[section] = made[section]
    return small


def judge(binary, start, cases):
    """What `provision validate` finds in these; JSON is YAML."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "m/pages").mkdir(parents=True)
        (folder / "m/pages/bootstrap").write_text("#!/bin/sh\n")
        for number, (_, made) in enumerate(cases, start):
            (folder / f"m/{number:06}.yaml").write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
        run = subprocess.run(
            [binary, "validate", "--format", "json", "--file", "m"],
            cwd=folder, capture_output=True, text=True, env={"SOME_KEY": "sesame-open", "PATH": "/usr/bin:/bin"},
        )
    return json.loads(run.stdout)["diagnostics"]


def is_set_aside(finding):
    return finding["code"] in BEYOND or any(re.search(p, finding["message"]) for p in ONLY_PARSER)


def main():
    binary, folders = str(pathlib.Path(sys.argv[1]).resolve()), sys.argv[2:]
    schema = json.loads(subprocess.run([binary, "schema"], check=True, capture_output=True).stdout)
    jsonschema_rs.meta.validate(schema)
    validator = jsonschema_rs.Draft7Validator(schema)
    wrong = []

    real = [p for f in folders for p in sorted(pathlib.Path(f).iterdir()) if p.suffix in (".yaml", ".yml", ".toml")]
    for path in real:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text) if path.suffix == ".toml" else YAML(typ="safe", pure=True).load(text)
        wrong += [f"{path}: {error.message} at {error.instance_path}" for error in validator.iter_errors(data)]

    cases = list(broken())
    findings = {}
    for start in range(0, len(cases), BATCH):
        for finding in judge(binary, start, cases[start : start + BATCH]):
            source = finding.get("source")
            if finding["severity"] == "error" and source:
                findings.setdefault(int(pathlib.Path(source["file"]).stem), []).append(finding)

    agreed = accepted = aside = 0
    for number, (where, made) in enumerate(cases):
        found = findings.get(number, [])
        shape = [f for f in found if not is_set_aside(f)]
        valid = validator.is_valid(made)
        if valid == (not shape) or where in KNOWN:
            agreed += 1
            accepted += valid
        elif not shape and found:
            # Only what is set aside is wrong: the schema may say so too.
            aside += 1
        elif "${" in where:
            # The variable's value is of the wrong type or form, which shows only once it is known.
            aside += 1
        else:
            verdict = "; ".join(f"{f['code']} {f['message']}" for f in shape) or "valid"
            wrong.append(f"{where}: validate says {verdict}, the schema says {'valid' if valid else 'invalid'}")
    for line in wrong[:60]:
        print(line, file=sys.stderr)
    print(
        f"{len(real)} manifests pass; of {len(cases)} changed ones {agreed} get the same verdict ({accepted} of them valid),"
        f" {aside} are beyond a schema, {len(wrong)} disagree"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
