"""Applies a generated manifest to an empty stand-in in the plainest way: create everything once, in order.
Nothing of a provisioner is in here; it proves that generator, stand-in and expectations agree."""

import base64
import json

import generate
from client import Refused
from expect import PRESET_POLICIES, resolve

LINE = "provision.1.0123456789abcdef"


def retry(call, *arguments):
    """A new role is not usable at once."""
    for _ in range(2000):
        try:
            return call(*arguments)
        except Refused as refused:
            last = refused
            if refused.code not in ("ResourceNotFound.Role", "InvalidParameter.RoleNotExist", "FailedOperation.CreateTrigger",
                                    "FailedOperation.QcsRoleNotFound", "UnauthorizedOperation.Role", "FailedOperation",
                                    "FailedOperation.InvalidMpsUser"):
                raise
    raise last


def apply(client, sample):
    m, call = sample.manifest, client.call
    tags = {**m.get("tags", {}), "provision-stack": m["stack"]}
    rows = [{"Key": k, "Value": v} for k, v in tags.items()]
    ids = {}
    for name, p in m.get("policies", {}).items():
        ids[name] = call("cam", "CreatePolicy", {"PolicyName": name, "PolicyDocument": json.dumps(p["document"]),
                                                 "Description": p.get("description", ""), "Tags": rows})["PolicyId"]
    for name, role in m.get("roles", {}).items():
        make_role(call, name, role, rows, ids)
    for name, space in m.get("namespaces", {}).items():
        text = "\n".join(filter(None, [space.get("description", ""), LINE]))
        call("scf", "CreateNamespace", {"Namespace": name, "Description": text}, space["region"])
    for ident, f in m["functions"].items():
        make_function(client, sample, ident, f, tags)


def make_role(call, name, role, rows, ids):
    if "external" in role:
        return
    trust = role.get("trust_document")
    if trust is None:
        services = role["trust"] if "trust" in role else [PRESET_POLICIES[role["preset"]][1]]
        trust = {**generate.TRUST, "statement": [{**generate.TRUST["statement"][0], "principal": {"service": services}}]}
    params = {"RoleName": role.get("name", name), "PolicyDocument": json.dumps(trust), "Description": role.get("description", "")}
    if "session_duration" in role:
        params["SessionDuration"] = role["session_duration"]
    call("cam", "CreateRole", params if "preset" in role else {**params, "Tags": rows})
    for policy in role["policies"] if "policies" in role else PRESET_POLICIES[role["preset"]][2]:
        which = {"PolicyId": ids[policy]} if policy in ids else {"PolicyName": policy}
        retry(call, "cam", "AttachRolePolicy", {"AttachRoleName": params["RoleName"], **which})


def packed(sample, code):
    if "inline" in code:
        return generate.archive(dict(sorted(code["inline"].items())))
    if "zip" in code:
        return sample.files[code["zip"]]
    prefix = code["dir"] + "/"
    return generate.archive({n[len(prefix):]: d for n, d in sorted(sample.files.items())
                             if n.startswith(prefix) and not n.endswith(".log")})


def code_of(sample, code):
    if "cos" in code:
        return {"CosBucketName": code["cos"]["bucket"], "CosObjectName": code["cos"]["object"]}
    if "demo" in code:
        return {"DemoId": code["demo"]}
    if "image" in code:
        i = code["image"]
        pairs = {"ImageType": i["registry"], "ImageUri": i["uri"], "RegistryId": i.get("registry_id"), "Command": i.get("command"),
                 "Args": i.get("args"), "ContainerImageAccelerate": i.get("accelerate"), "ImagePort": i.get("port")}
        return {"ImageConfig": {k: v for k, v in pairs.items() if v is not None}}
    return {"ZipFile": base64.b64encode(packed(sample, code)).decode()}


def make_function(client, sample, ident, f, tags):
    m, region = sample.manifest, f.get("region", sample.manifest["region"])
    where = {"FunctionName": f.get("name", ident), "Namespace": f.get("namespace", "default")}
    scf = lambda action, params: retry(client.call, "scf", action, {**where, **params}, region)
    flag = lambda on: "TRUE" if on else "FALSE"
    able = lambda on: "ENABLE" if on else "DISABLE"
    p = {"Runtime": f["runtime"], "Code": code_of(sample, f["code"]), "MemorySize": f.get("memory"), "Timeout": f.get("timeout"),
         "InitTimeout": f.get("init_timeout"), "Type": "HTTP" if f.get("type") == "http" else "Event", "Handler": f.get("handler"),
         "Description": "\n".join(filter(None, [f.get("description", ""), LINE])),
         "Tags": [{"Key": k, "Value": v} for k, v in {**tags, **f.get("tags", {})}.items()],
         "PublicNetConfig": {"PublicNetStatus": able(f.get("public_network", True)), "EipConfig": {"EipStatus": able(f.get("fixed_ip"))}},
         "IntranetConfig": {"IpFixed": able(f.get("fixed_intranet_ip"))}, "DnsCache": flag(f.get("dns_cache")),
         "InstallDependency": flag(f.get("install_dependencies")), "AsyncRunEnable": flag(f.get("async_execution"))}
    if "environment" in f:
        p["Environment"] = {"Variables": [{"Key": k, "Value": resolve(v, m, generate.SECRET)} for k, v in f["environment"].items()]}
    if "vpc" in f:
        p["VpcConfig"] = {"VpcId": f["vpc"]["id"], "SubnetId": f["vpc"]["subnet"]}
    if "role" in f:
        p["Role"] = m["roles"][f["role"]].get("name", f["role"])
    if "log" in f:
        p.update(ClsLogsetId=f["log"]["logset"], ClsTopicId=f["log"]["topic"])
    if "layers" in f:
        p["Layers"] = [{"LayerName": x["name"], "LayerVersion": x["version"]} for x in f["layers"]]
    if "dead_letter" in f:
        p["DeadLetterConfig"] = {"Type": f["dead_letter"]["type"], "Name": f["dead_letter"]["name"]}
    if "instance_concurrency" in f:
        p["InstanceConcurrencyConfig"] = {"DynamicEnabled": "FALSE", "MaxConcurrency": f["instance_concurrency"]["max"]}
    if "file_systems" in f:
        p["CfsConfig"] = {"CfsInsList": [{"UserId": x["user"], "UserGroupId": x["group"], "CfsId": x["id"], "MountInsId": x["mount_target"],
                                          "LocalMountDir": x["local_dir"], "RemoteMountDir": x["remote_dir"]} for x in f["file_systems"]]}
    scf("CreateFunction", {k: v for k, v in p.items() if v is not None})
    if "reserved_concurrency" in f:
        scf("PutReservedConcurrencyConfig", {"ReservedConcurrencyMem": f["reserved_concurrency"]})
    if "async" in f:
        scf("UpdateFunctionEventInvokeConfig", {"AsyncTriggerConfig": {
            "RetryConfig": [{"RetryNum": f["async"]["retries"]}], "MsgTTL": f["async"]["max_age"]}})
    for name, t in f.get("triggers", {}).items():
        if t["type"] == "mps":
            retry(client.call, "mps", "BindTrigger", {**where, "ScfRegion": region, "EventType": t["event"], "Qualifier": "$DEFAULT"})
        else:
            scf("CreateTrigger", trigger_params(name, t, region))


def trigger_params(name, t, region):
    kind, text = t["type"], None
    if kind == "timer":
        text = t["cron"]
    elif kind == "cos":
        name = f"{t['bucket']}.cos.{region}.myqcloud.com"
        text = {"event": t["events"], "filter": {"Prefix": t.get("prefix", ""), "Suffix": t.get("suffix", "")}}
    elif kind == "ckafka":
        name = f"{t['instance']}-{t['topic']}"
        text = {"maxMsgNum": t["batch"], "offset": t["offset"], "retry": t["retry"], "timeOut": t["timeout"]}
    elif kind == "http":
        text = {"AuthType": t["auth"].upper(), "NetConfig": {"EnableIntranet": t.get("intranet", False), "EnableExtranet": t.get("public", True)}}
    else:
        kind, name, text = t["kind"], t["name"], t["description"]
    out = {"TriggerName": name, "Type": kind, "TriggerDesc": text if isinstance(text, str) else json.dumps(text),
           "Qualifier": "$DEFAULT", "Enable": "OPEN" if t.get("enabled", True) else "CLOSE"}
    return {**out, "CustomArgument": t["argument"]} if "argument" in t else out
