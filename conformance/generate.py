"""Random manifests over the whole schema (save versions, aliases and provisioned concurrency), with the
files they name, what must exist before them, and single edits whose effect on a plan is known.

    python3 conformance/generate.py SEED      prints one
"""

import copy
import dataclasses
import io
import random
import sys
import zipfile

import emit

REGIONS = ("ap-beijing", "ap-guangzhou", "ap-shanghai")
WORDS = "media notify archive upload report nightly ticket thumbnail index relay probe sample".split()
PRESETS = ("QcloudSCFInvokeFunctionAccess", "QcloudCLSFullAccess", "QcloudCOSDataReadOnly", "QcloudCKafkaFullAccess")
SECRET = "sesame-9f31c07d55"  # given to the sensitive variable; must never be printed
TRUST = {"version": "2.0", "statement": [{"action": "name/sts:AssumeRole", "effect": "allow",
                                          "principal": {"service": ["scf.qcloud.com"]}}]}
KINDS = ("custom", "custom", "node", "python", "http", "image")


@dataclasses.dataclass
class Edit:
    """One change of a manifest and the one attribute a plan may then show."""
    name: str
    address: str
    path: str           # the attribute or the root of it
    loose: bool = False  # the change may be a delete and a create instead of an update
    manifest: dict = dataclasses.field(default_factory=dict)
    files: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Sample:
    seed: int
    manifest: dict
    files: dict                 # path -> bytes, beside the manifest
    console: list               # (service, action, region, params) that must have happened before
    rng: random.Random

    def edits(self):
        return list(edits(self))


class Generator:
    def __init__(self, seed):
        self.rng = random.Random(f"manifest/{seed}")
        self.seed, self.files, self.console = seed, {}, []
        self.mps_events = ["WorkflowTask", "EditMediaTask"]
        self.needs_service_role = self.needs_mps_role = False

    def chance(self, p=0.5):
        return self.rng.random() < p

    def words(self, n=4):
        return " ".join(self.rng.choice(WORDS) for _ in range(n))

    def description(self):
        text = self.words(self.rng.randint(1, 8)) + self.rng.choice(["", ".", ", 转码通知", "\nsecond line."])
        return text

    def sample(self):
        r = self.rng
        m = {"stack": f"conf-{self.seed}", "region": r.choice(REGIONS)}
        if self.chance(0.4):
            m["account"] = "100000000001"
        m["variables"] = {"log_level": {"default": r.choice(["info", "debug"])},
                          "secret_word": {"sensitive": True, "env": "CONFORMANCE_SECRET"}}
        if self.chance(0.6):
            m["tags"] = self.tags(r.randint(1, 3))
        m["policies"] = {f"policy-{n}": self.policy() for n in range(r.randint(0, 2))}
        m["roles"] = {f"role-{n}": self.role(m["policies"]) for n in range(r.randint(0, 2))}
        if self.chance(0.4):
            name = f"team-role-{self.seed}"
            m["roles"][name] = {"external": True}
            self.console.append(("cam", "CreateRole", "", {"RoleName": name, "PolicyDocument": emit.json.dumps(TRUST)}))
        m["namespaces"] = {f"space-{n}": self.namespace(n) for n in range(r.randint(0, 2))}
        m["functions"] = {f"fn-{n}": self.function(m, n) for n in range(r.randint(1, 5))}
        if self.needs_mps_role or self.chance(0.3):
            m["roles"]["MPS_QcsRole"] = {"preset": "mps"}
        if self.needs_service_role or self.needs_mps_role or self.chance(0.3):
            m["roles"]["SCF_QcsRole"] = {"preset": "scf"}
        m = {k: v for k, v in m.items() if v != {}}
        return Sample(self.seed, m, self.files, self.console, self.rng)

    def tags(self, n):
        return {self.rng.choice(["team", "app", "cost", "owner", "a.b", "阶段"]): self.rng.choice(WORDS) for _ in range(n)}

    def policy(self):
        r = self.rng
        statements = [{"effect": "allow", "action": r.choice(["scf:InvokeFunction", ["cos:GetObject", "name/cos:HeadObject"]]),
                       "resource": r.choice(["*", ["qcs::cos:ap-beijing:uid/1250000000:in-1250000000/*"], ["*"]])}
                      for _ in range(r.randint(1, 2))]
        if self.chance(0.4):
            statements[0]["condition"] = {"ip_equal": {"qcs:ip": ["10.0.0.0/8", "192.168.0.0/16"]}}
        out = {"document": {"version": "2.0", "statement": statements}}
        if self.chance():
            out["description"] = self.words(3)
        return out

    def role(self, policies):
        r = self.rng
        if self.chance(0.7):
            out = {"trust": r.choice([["scf.qcloud.com"], ["scf.qcloud.com", "mps.cloud.tencent.com"]])}
        else:
            out = {"trust_document": {"version": "2.0", "statement": [
                {"effect": "allow", "action": ["sts:AssumeRole"], "principal": {
                    "service": "scf.qcloud.com", "qcs": ["qcs::cam::uin/100000000001:root"]}}]}}
        attached = r.sample(PRESETS, r.randint(0, 2)) + [p for p in policies if self.chance()]
        out["policies"] = attached
        if self.chance():
            out["description"] = r.choice(["lets the webhook call other functions", "转码通知的执行角色"])
        if self.chance(0.4):
            out["session_duration"] = r.choice([3600, 7200, 43200])
        if self.chance(0.2):
            out["name"] = f"renamed-role-{self.seed}-{r.randint(100, 999)}"
        return out

    def namespace(self, n):
        out = {"region": self.rng.choice(REGIONS)}
        if self.chance():
            out["description"] = self.words(3)
        return out

    def function(self, m, n):
        r, kind = self.rng, self.rng.choice(KINDS)
        f = {}
        spaces = m["namespaces"]
        if spaces and self.chance(0.6):
            f["namespace"] = r.choice(list(spaces))
            f["region"] = spaces[f["namespace"]]["region"]
        elif self.chance(0.3):
            f["region"] = r.choice(REGIONS)
        if self.chance(0.3):
            f["name"] = f"Hook_{n}-x"
        if self.chance(0.7):
            f["description"] = self.description()
        f["runtime"] = {"custom": "CustomRuntime", "http": "CustomRuntime", "image": "CustomImage",
                        "node": r.choice(["Nodejs16.13", "Nodejs18.15"]), "python": "Python3.10"}[kind]
        if kind == "http":
            f["type"] = "http"
        elif kind != "image":
            f["handler"] = "main" if kind == "custom" else "index.main_handler"
        f["code"] = self.code(kind, f"fn-{n}")
        if self.chance(0.7):
            f["memory"] = r.choice([64, 128, 256, 512, 3072])
        if self.chance(0.7):
            f["timeout"] = r.randint(1, 900)
        if self.chance(0.3):
            f["init_timeout"] = r.randint(3, 300)
        if self.chance(0.7):
            f["environment"] = self.environment()
        inside = self.chance(0.4)
        if inside:
            f["vpc"] = {"id": "vpc-1a2b3c4d", "subnet": "subnet-5e6f7a8b"}
            if self.chance(0.5):
                f["public_network"] = False
            if self.chance(0.4):
                f["fixed_intranet_ip"] = True
            if self.chance(0.4):
                f["file_systems"] = [{"id": "cfs-12345678", "mount_target": "cfs-12345678", "remote_dir": "/data",
                                      "local_dir": f"/mnt/{name}", "user": "10000", "group": "10000"}
                                     for name in ("data", "cache")[:1 + (r.randint(1, 6) > 3)]]
        if f.get("public_network", True) and self.chance(0.2):
            f["fixed_ip"] = True
        if kind != "image" and self.chance(0.4):
            f["layers"] = [{"name": "ffmpeg", "version": r.randint(1, 6)}] + (
                [{"name": "fonts", "version": r.randint(1, 4)}] if self.chance(0.4) else [])
        self.access(m, f)
        if self.chance(0.3):
            f["dead_letter"] = {"type": r.choice(["CMQ-QUEUE", "CMQ-TOPIC"]), "name": "dlq"}
        if kind != "http":
            if self.chance(0.4):
                f["async"] = {"retries": r.randint(0, 2), "max_age": r.randint(60, 21600)}
            if self.chance(0.3):
                f["dns_cache"] = True
            if self.chance(0.2):
                f["async_execution"] = True
            if kind == "node" and self.chance(0.4):
                f["install_dependencies"] = True
        elif self.chance(0.6):
            f["instance_concurrency"] = {"max": r.randint(2, 100)}
        if self.chance(0.3):
            f["reserved_concurrency"] = 128 * r.randint(1, 20)
        if self.chance(0.4):
            f["tags"] = self.tags(2)
        f["triggers"] = self.triggers(kind)
        return {k: v for k, v in f.items() if v != {}}

    def access(self, m, f):
        usable = list(m["roles"])
        if usable and self.chance(0.6):
            f["role"] = self.rng.choice(usable)
            if self.chance(0.4):
                f["log"] = {"logset": "logset-11aa22bb", "topic": "topic-33cc44dd"}

    def environment(self):
        table = {"LOG_LEVEL": "${var.log_level}", "STACK": "${stack}", "LITERAL": "costs $${5}",
                 "SECRET_WORD": "${var.secret_word}", "PLAIN": self.rng.choice(WORDS), "LONG": "x" * 200,
                 "UNICODE": "转码 ✓", "QUOTES": "a \"b\" 'c' \\ d", "SPACED": "  keep  "}
        names = self.rng.sample(sorted(table), self.rng.randint(1, 6))
        return {n: table[n] for n in names}

    def code(self, kind, ident):
        r = self.rng
        if kind == "image":
            code = {"uri": f"ccr.ccs.tencentyun.com/media/{ident}:v{r.randint(1, 9)}", "registry": "personal"}
            if self.chance(0.3):
                code = {"uri": f"media.tencentcloudcr.com/media/{ident}:v1" + ("@sha256:" + "ab" * 32 if self.chance() else ""),
                        "registry": "enterprise", "registry_id": "tcr-1a2b3c4d"}
            if self.chance(0.4):
                code.update(command="python", args="-u app.py")
            if self.chance(0.3):
                code["accelerate"] = True
            if self.chance(0.3):
                code["port"] = -1
            return {"image": code}
        main = {"custom": "bootstrap", "http": "scf_bootstrap", "node": "index.js", "python": "index.py"}[kind]
        text = "#!/bin/sh\nexec /var/user/app\n" if "bootstrap" in main else "# main_handler\n"
        way = r.choice(["inline", "dir", "zip", "cos", "demo"])
        if way == "inline":
            return {"inline": {main: text, "data/config.json": "{}\n"}}
        if way == "dir":
            self.files[f"{ident}/{main}"] = text.encode()
            self.files[f"{ident}/lib/deep/data.bin"] = bytes(range(256))
            self.files[f"{ident}/notes.log"] = b"not part of it\n"
            return {"dir": ident, "exclude": ["*.log"]}
        if way == "zip":
            self.files[f"{ident}.zip"] = archive({main: text, "note": str(r.random())})
            return {"zip": f"{ident}.zip"}
        if way == "cos":
            self.needs_service_role = True
            return {"cos": {"bucket": "code-store", "object": f"/builds/{ident}-{r.randint(1, 99)}.zip"}}
        return {"demo": f"demo-{r.randint(1000, 9999)}"}

    def triggers(self, kind):
        r, out = self.rng, {}
        if kind != "http":
            for n in range(r.randint(0, 2)):
                t = {"type": "timer", "cron": r.choice(["0 0 3 * * * *", "0 */5 * * * * *", "0 30 8 * * MON-FRI *", "15 3 * * *"])}
                if self.chance():
                    t["argument"] = r.choice(["report", '{"full":true}'])
                if self.chance(0.3):
                    t["enabled"] = False
                out[f"timer-{n}"] = t
            if self.chance(0.4):
                self.needs_service_role = True
                for n in range(r.randint(1, 2)):
                    t = {"type": "cos", "bucket": f"in-{self.seed}-1250000000",
                         "events": f"cos:ObjectCreated:{r.choice(['*', 'Put', 'Post'])}", "prefix": f"raw-{r.randint(0, 10**9)}/"}
                    if self.chance():
                        t["suffix"] = ".mp4"
                    if self.chance(0.2):
                        t["enabled"] = False
                    out[f"upload-{n}"] = t
            if self.chance(0.3):
                self.needs_service_role = True
                out["queue"] = {"type": "ckafka", "instance": "ckafka-ab12cd34", "topic": f"topic-{r.randint(0, 10**6)}",
                                "batch": r.randint(1, 100), "offset": r.choice(["latest", "earliest"]),
                                "retry": r.randint(1, 10000), "timeout": r.randint(1, 60)}
            if self.mps_events and self.chance(0.4):
                self.needs_mps_role = True
                event = self.mps_events.pop()
                out[event.lower()] = {"type": "mps", "event": event}
            if self.chance(0.15):
                out["other"] = {"type": "raw", "kind": "cmq", "name": f"queue-{r.randint(1, 99)}",
                                "description": {"filterType": 1, "filterKey": ["a", "b"]}}
        if self.chance(0.8 if kind == "http" else 0.3):
            out["url"] = {"type": "http", "auth": r.choice(["none", "cam"])}
            if self.chance():
                out["url"].update(public=True, intranet=self.chance())
        return out


def archive(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in files.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = (0o755 if "bootstrap" in name else 0o644) << 16
            out.writestr(info, text)
    return buffer.getvalue()


def sample(seed):
    return Generator(seed).sample()


# -- edits

def edits(s):
    """Every single edit that fits this sample."""
    for ident, f in s.manifest["functions"].items():
        address = f"function.{ident}"

        def of(name, path, change, files=None, address=address, ident=ident):
            manifest = copy.deepcopy(s.manifest)
            change(manifest["functions"][ident])
            return Edit(f"{ident}: {name}", address, path, manifest=manifest, files={**s.files, **(files or {})})
        yield of("memory", "memory", lambda f: f.update(memory=1024))
        yield of("timeout", "timeout", lambda f: f.update(timeout=f.get("timeout", 3) % 900 + 1))
        yield of("description", "description", lambda f: f.update(description="another text"))
        yield of("an environment variable is added", "environment.ADDED", lambda f: f.setdefault("environment", {}).update(ADDED="1"))
        yield of("a tag is added", "tags.added", lambda f: f.setdefault("tags", {}).update(added="yes"))
        if "environment" in f:
            key = sorted(f["environment"])[0]
            yield of("an environment variable is changed", f"environment.{key}", lambda f: f["environment"].update({key: "changed"}))
            yield of("an environment variable is removed", f"environment.{key}", lambda f: f["environment"].pop(key))
            if len(f["environment"]) == 1:
                yield of("the environment is removed", f"environment.{key}", lambda f: f.pop("environment"))
        if "layers" in f:
            yield of("a layer version", "layers[0].version", lambda f: f["layers"][0].update(version=f["layers"][0]["version"] % 6 + 1))
            yield of("all layers are removed", "layers", lambda f: f.pop("layers"))
        if "async" in f:
            yield of("async retries", "async.retries", lambda f: f["async"].update(retries=(f["async"]["retries"] + 1) % 3))
        if "reserved_concurrency" in f:
            yield of("reserved concurrency", "reserved_concurrency", lambda f: f.update(reserved_concurrency=3200))
            yield of("reserved concurrency is removed", "reserved_concurrency", lambda f: f.pop("reserved_concurrency"))
        if "dead_letter" in f:
            yield of("dead letter", "dead_letter", lambda f: f["dead_letter"].update(name="dlq-two"))
        if "log" in f:
            yield of("log topic", "log", lambda f: f["log"].update(topic="topic-ffffffff"))
        if "instance_concurrency" in f:
            yield of("instance concurrency", "instance_concurrency", lambda f: f["instance_concurrency"].update(max=f["instance_concurrency"]["max"] % 100 + 1))
        if "vpc" in f:
            yield of("subnet", "vpc", lambda f: f["vpc"].update(subnet="subnet-99999999"))
        if "file_systems" in f:
            yield of("file system", "file_systems", lambda f: f["file_systems"][0].update(remote_dir="/other"))
        if f.get("type") != "http" and f["runtime"] != "CustomImage":
            yield of("dns cache", "dns_cache", lambda f: f.update(dns_cache=not f.get("dns_cache", False)))
            other = "index.other_handler" if "." in f["handler"] else "other"
            yield of("handler", "handler", lambda f: f.update(handler=other))
        yield from code_edit(of, f)
        for name, t in f.get("triggers", {}).items():
            yield from trigger_edits(s, ident, name, t)
    for kind, table in (("role", s.manifest.get("roles", {})), ("policy", s.manifest.get("policies", {})),
                        ("namespace", s.manifest.get("namespaces", {}))):
        for name, thing in table.items():
            if "preset" in thing or "external" in thing:
                continue
            plural = {"role": "roles", "policy": "policies", "namespace": "namespaces"}[kind]

            def on(label, path, change, kind=kind, plural=plural, name=name):
                manifest = copy.deepcopy(s.manifest)
                change(manifest[plural][name])
                return Edit(f"{kind} {name}: {label}", f"{kind}.{name}", path, manifest=manifest, files=s.files)
            yield on("description", "description", lambda t: t.update(description="said otherwise"))
            if kind == "role":
                yield on("a policy is attached", "policies", lambda t: t["policies"].append("QcloudMPSFullAccess"))
                if thing["policies"]:
                    yield on("a policy is detached", "policies", lambda t: t["policies"].pop(0))
            if kind == "policy":
                yield on("document", "document", lambda t: t["document"]["statement"].append(
                    {"effect": "deny", "action": ["scf:DeleteFunction"], "resource": ["*"]}))


def code_edit(of, f):
    (way, value), = [(k, v) for k, v in f["code"].items() if k != "exclude"]
    if way == "inline":
        yield of("code", "code", lambda f: f["code"]["inline"].update({"data/config.json": "{\"a\":1}\n"}))
    elif way == "dir":
        yield of("code", "code", lambda f: None, {f"{value}/lib/deep/data.bin": b"other bytes"})
    elif way == "zip":
        yield of("code", "code", lambda f: None, {value: archive({"bootstrap": "#!/bin/sh\n", "index.js": "", "index.py": "", "scf_bootstrap": "#!/bin/sh\n", "n": "2"})})
    elif way == "cos":
        yield of("code", "code", lambda f: f["code"]["cos"].update(object="/builds/newer.zip"))
    elif way == "image":
        yield of("image", "code", lambda f: f["code"]["image"].update(uri=f["code"]["image"]["uri"].split(":")[0] + ":v77"))


def trigger_edits(s, ident, name, t):
    def of(label, path, change, loose=False):
        manifest = copy.deepcopy(s.manifest)
        change(manifest["functions"][ident]["triggers"][name])
        return Edit(f"{ident}.{name}: {label}", f"trigger.{ident}.{name}", path, loose, manifest, s.files)
    if t["type"] == "timer":
        yield of("cron", "cron", lambda t: t.update(cron="0 59 23 * * * *"))
        yield of("argument", "argument", lambda t: t.update(argument="another"))
    if t["type"] in ("timer", "ckafka", "cos"):
        yield of("enabled", "enabled", lambda t: t.update(enabled=not t.get("enabled", True)))
    if t["type"] == "cos":
        yield of("prefix", "prefix", lambda t: t.update(prefix="moved/"), loose=True)
    if t["type"] == "ckafka":
        yield of("batch", "batch", lambda t: t.update(batch=t["batch"] % 100 + 1))
    if t["type"] == "http":
        yield of("auth", "auth", lambda t: t.update(auth="cam" if t["auth"] == "none" else "none"))


if __name__ == "__main__":
    made = sample(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    print(emit.yaml(made.manifest))
    for path, data in made.files.items():
        print(f"# file {path}: {len(data)} bytes")
    for edit in made.edits():
        print(f"# edit {edit.name} -> {edit.address} {edit.path}")
