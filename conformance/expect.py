"""What the cloud must look like when a manifest is applied, worked out from the manifest alone, and
compared with the stand-in's state. An independent reading of the manifest: it shares no code with the
program under test."""

import re

MARK = re.compile(r"(^|\n)provision\.1\.[0-9a-f]{16}(\.[A-Za-z0-9]+){0,2}$")
PRESET_POLICIES = {"scf": ("SCF_QcsRole", "scf.qcloud.com", {"QcloudAccessForScfRole"}),
                   "mps": ("MPS_QcsRole", "mps.cloud.tencent.com",
                           {"QcloudAccessForMPSRole", "QcloudAccessForMPSRoleInDeliverToSCF"})}


def resolve(text, manifest, secret):
    values = {"var.secret_word": secret, "stack": manifest["stack"]}
    for name, variable in manifest.get("variables", {}).items():
        if "default" in variable:
            values[f"var.{name}"] = variable["default"]
    out = re.sub(r"(?<!\$)\$\{([^}]*)\}", lambda m: values[m[1]], text)
    return out.replace("$${", "${")


class Comparison:
    """Collects every difference; `differences` is empty when the cloud is as the manifest says."""

    def __init__(self, manifest, state, secret):
        self.m, self.state, self.secret = manifest, state, secret
        self.differences = []
        for ident, f in manifest.get("functions", {}).items():
            self.function(ident, f)
        for name, role in manifest.get("roles", {}).items():
            self.role(name, role)
        for name, policy in manifest.get("policies", {}).items():
            self.policy(name, policy)
        for name, space in manifest.get("namespaces", {}).items():
            self.namespace(name, space)

    def same(self, where, wanted, found):
        if wanted != found:
            self.differences.append(f"{where}: wanted {wanted!r}, found {found!r}")

    def text(self, where, wanted, found):
        """A description with the line that marks it as ours."""
        if not MARK.search(found):
            self.differences.append(f"{where}: no ownership line at the end of {found!r}")
        self.same(where, wanted, MARK.sub("", found))

    def tags(self, where, own, found):
        wanted = {**self.m.get("tags", {}), **own, "provision-stack": self.m["stack"]}
        self.same(where, wanted, found)

    def function(self, ident, f):
        region, space = f.get("region", self.m["region"]), f.get("namespace", "default")
        name = f.get("name", ident)
        found = self.state["regions"].get(region, {"functions": {}})["functions"].get(f"{space}/{name}")
        where = f"function {ident}"
        if found is None:
            self.differences.append(f"{where}: absent")
            return
        c = found["config"]
        self.text(f"{where} description", f.get("description", ""), c["Description"])
        self.tags(f"{where} tags", f.get("tags", {}), found["tags"])
        self.same(f"{where} status", "Active", found["status"])
        environment = {k: resolve(v, self.m, self.secret) for k, v in f.get("environment", {}).items()}
        vpc = f.get("vpc", {})
        wanted = {
            "Runtime": f["runtime"], "Type": "HTTP" if f.get("type") == "http" else "Event",
            "MemorySize": f.get("memory", 128), "Timeout": f.get("timeout", 3), "Environment": environment,
            "VpcConfig": {"VpcId": vpc.get("id", ""), "SubnetId": vpc.get("subnet", "")},
            "PublicNetConfig": {"public": "ENABLE" if f.get("public_network", True) else "DISABLE",
                                "eip": "ENABLE" if f.get("fixed_ip") else "DISABLE"},
            "IntranetConfig": "ENABLE" if f.get("fixed_intranet_ip") else "DISABLE",
            "Layers": [{"LayerName": x["name"], "LayerVersion": x["version"]} for x in f.get("layers", [])],
            "DnsCache": "TRUE" if f.get("dns_cache") else "FALSE",
            "InstallDependency": "TRUE" if f.get("install_dependencies") else "FALSE",
            "AsyncRunEnable": "TRUE" if f.get("async_execution") else "FALSE", "Role": self.role_name(f.get("role"))}
        if "handler" in f:
            wanted["Handler"] = f["handler"]
        if "init_timeout" in f:
            wanted["InitTimeout"] = f["init_timeout"]
        if "log" in f:
            wanted.update(ClsLogsetId=f["log"]["logset"], ClsTopicId=f["log"]["topic"])
        for key, value in wanted.items():
            self.same(f"{where} {key}", value, c[key])
        letter = f.get("dead_letter", {})
        self.same(f"{where} dead letter", (letter.get("type", ""), letter.get("name", "")),
                  (c["DeadLetterConfig"]["Type"], c["DeadLetterConfig"]["Name"]))
        self.same(f"{where} file systems", {(x["id"], x["remote_dir"], x["local_dir"]) for x in f.get("file_systems", [])},
                  {(x["CfsId"], x["RemoteMountDir"], x["LocalMountDir"]) for x in c["CfsConfig"]})
        most = (c["InstanceConcurrencyConfig"] or {}).get("MaxConcurrency")
        self.same(f"{where} instance concurrency", f.get("instance_concurrency", {}).get("max"), most)
        self.same(f"{where} reserved", f.get("reserved_concurrency"), found["reserved"])
        if "async" in f:
            self.same(f"{where} async", (f["async"]["retries"], f["async"]["max_age"]),
                      (found["async"]["RetryNum"], found["async"]["MsgTTL"]))
        self.code(where, f, found["code"])
        wanted = sorted(map(repr, (self.wanted_trigger(n, t, region) for n, t in f.get("triggers", {}).items())))
        self.same(f"{where} triggers", wanted, sorted(map(repr, map(found_trigger, found["triggers"]))))

    def code(self, where, f, found):
        way = next(k for k in f["code"] if k != "exclude")
        kind = {"inline": "zip", "dir": "zip"}.get(way, way)
        self.same(f"{where} kind of code", kind, found["kind"])
        if kind != found["kind"]:
            return
        if way == "inline":
            self.same(f"{where} files", sorted((n, "0755" if n.endswith("bootstrap") else "0644") for n in f["code"]["inline"]),
                      [tuple(e) for e in found["entries"] if not e[0].endswith("/")])
        if way == "dir":
            names = [e[0] for e in found["entries"] if not e[0].endswith("/")]
            self.same(f"{where} excluded files", [], [n for n in names if n.endswith(".log")])
            self.same(f"{where} order of files", sorted(names), names)
        if way == "demo":
            self.same(f"{where} demo", f["code"]["demo"], found["demo"])
        if way == "cos":
            self.same(f"{where} object", f["code"]["cos"]["object"].lstrip("/"), found["object"].lstrip("/"))
        if way == "image":
            self.same(f"{where} image", f["code"]["image"]["uri"], found["image"]["ImageUri"])

    def wanted_trigger(self, name, t, region):
        on = int(t.get("enabled", True))
        if t["type"] == "timer":
            fields = t["cron"].split()
            cron = " ".join(["0", *fields, "*"] if len(fields) == 5 else fields)
            return ("timer", t.get("name", name), cron, t.get("argument", ""), on)
        if t["type"] == "cos":
            domain = f"{t['bucket']}.cos.{region}.myqcloud.com"
            return ("cos", domain, t["events"], t.get("prefix", ""), t.get("suffix", ""), on)
        if t["type"] == "ckafka":
            return ("ckafka", f"{t['instance']}-{t['topic']}", t["batch"], t["offset"], t["retry"], t["timeout"], on)
        if t["type"] == "http":
            return ("http", t["auth"].upper(), t.get("intranet", False), t.get("public", True), on)
        if t["type"] == "mps":
            return ("mps", t["event"], "on")
        return (t["kind"], t["name"], repr(sorted(t["description"].items())), on)

    def role_name(self, logical):
        return self.m["roles"][logical].get("name", logical) if logical else ""

    def role(self, logical, role):
        name = role.get("name", logical)
        found = self.state["roles"].get(name)
        where = f"role {logical}"
        if found is None:
            self.differences.append(f"{where}: absent")
            return
        if "external" in role:
            self.same(f"{where} policies", [], found["policies"])
            self.same(f"{where} tags", {}, found["tags"])
            return
        attached = {self.policy_name(p["id"]) for p in found["policies"]}
        if "preset" in role:
            _, _, wanted = PRESET_POLICIES[role["preset"]]
            self.same(f"{where} lacks policies", set(), wanted - attached)
            self.same(f"{where} tags", {}, found["tags"])
            return
        self.same(f"{where} description", role.get("description", ""), found["description"])
        self.tags(f"{where} tags", {}, found["tags"])
        wanted = {self.m.get("policies", {}).get(p, {}).get("name", p) for p in role["policies"]}
        self.same(f"{where} policies", wanted, attached)
        if "trust" in role:
            principals = found["document"]["statement"][0]["principal"]["service"]
            self.same(f"{where} trust", set(role["trust"]), {principals} if isinstance(principals, str) else set(principals))
        if "session_duration" in role:
            self.same(f"{where} session", role["session_duration"], found["session_duration"])

    def policy_name(self, ident):
        own = self.state["policies"].get(str(ident))
        return own["name"] if own else self.preset_names[ident]

    preset_names = {}

    def policy(self, logical, policy):
        name = policy.get("name", logical)
        found = [p for p in self.state["policies"].values() if p["name"] == name]
        if not found:
            self.differences.append(f"policy {logical}: absent")
            return
        self.same(f"policy {logical} description", policy.get("description", ""), found[0]["description"])
        self.tags(f"policy {logical} tags", {}, found[0]["tags"])
        self.same(f"policy {logical} document", meaning(policy["document"]), meaning(found[0]["document"]))

    def namespace(self, logical, space):
        region = space.get("region", self.m["region"])
        found = self.state["regions"].get(region, {"namespaces": {}})["namespaces"].get(space.get("name", logical))
        if found is None:
            self.differences.append(f"namespace {logical}: absent")
        else:
            self.text(f"namespace {logical}", space.get("description", ""), found["description"])


def found_trigger(t):
    d, on = t["description"], t["enable"]
    if t["type"] == "timer":
        return ("timer", t["name"], d["cron"], t["argument"], on)
    if t["type"] == "cos":
        return ("cos", t["name"], d["event"], d["filter"]["Prefix"], d["filter"]["Suffix"], on)
    if t["type"] == "ckafka":
        return ("ckafka", t["name"], d["maxMsgNum"], d["offset"], d["retry"], d["timeOut"], on)
    if t["type"] == "http":
        return ("http", d["AuthType"], d["NetConfig"]["EnableIntranet"], d["NetConfig"]["EnableExtranet"], on)
    if t["type"] == "mps":
        return ("mps", d["eventType"], t["bind"])
    return (t["type"], t["name"], repr(sorted(d.items())), on)


def meaning(document):
    """A permission document without its spelling."""
    def listed(value):
        return sorted(value) if isinstance(value, list) else [value]
    return sorted(repr((s["effect"], [a.removeprefix("name/") for a in listed(s["action"])], listed(s["resource"]),
                        sorted((op, k, listed(v)) for op, tests in s.get("condition", {}).items() for k, v in tests.items())))
                  for s in document["statement"])


def differences(manifest, state, secret, presets):
    Comparison.preset_names = presets
    return Comparison(manifest, state, secret).differences


def leftovers(manifest, state):
    """What a destroy forgot, and what it should not have touched."""
    out = []
    for name, region in state["regions"].items():
        out += [f"function {f} in {name} is left" for f in region["functions"]]
        out += [f"namespace {n} in {name} is left" for n in region["namespaces"] if n != "default"]
    out += [f"policy {p['name']} is left" for p in state["policies"].values()]
    for logical, role in manifest.get("roles", {}).items():
        stays = "preset" in role or "external" in role
        if stays != (role.get("name", logical) in state["roles"]):
            out.append(f"role {logical} {'is gone' if stays else 'is left'}")
    return out
