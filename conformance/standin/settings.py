"""The settings of a function: one check for what CreateFunction and UpdateFunctionConfiguration send,
one answer for what GetFunction tells. Settings are kept under their names in the API."""

import re

from .refusal import require
from .respell import listed

RUNTIMES = set("""Python2.7 Python3.6 Python3.7 Python3.9 Python3.10 Nodejs6.10 Nodejs8.9 Nodejs10.15
    Nodejs12.16 Nodejs14.18 Nodejs16.13 Nodejs18.15 Nodejs20.19 Php5.6 Php7 Php7.4 Php8.0 Go1 Java8 Java11
    CustomRuntime CustomImage""".split())
TWO_PART = re.compile(r"[A-Za-z]([\w\-]{0,58}[A-Za-z])?\.[A-Za-z]([\w\-]{0,58}[A-Za-z])?")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,58}[A-Za-z0-9]")
VARIABLE = re.compile(r"[A-Za-z]\w{1,63}", re.ASCII)
RESERVED_VARIABLE = re.compile(r"(SCF_|QCLOUD_|TENCENTCLOUD_).*")
# The documented alphabet of Description: letters, digits, spaces, commas, line feeds, full stops, Chinese.
PLAIN_TEXT = re.compile(r"[A-Za-z0-9 ,.\n\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]*")
MEMORY = {64, *range(128, 3073, 128)}
EMPTY_DEAD_LETTER = {"Type": "", "Name": "", "FilterType": ""}
DEFAULTS = {
    "Description": "", "MemorySize": 128, "Timeout": 3, "Environment": {}, "Role": "",
    "VpcConfig": {"VpcId": "", "SubnetId": ""}, "PublicNetConfig": {"public": "ENABLE", "eip": "DISABLE"},
    "Layers": [], "DeadLetterConfig": EMPTY_DEAD_LETTER, "CfsConfig": [], "ClsLogsetId": "", "ClsTopicId": "",
    "InstallDependency": "FALSE", "DnsCache": "FALSE", "L5Enable": "FALSE", "AsyncRunEnable": "FALSE",
    "TraceEnable": "FALSE", "ProtocolType": "", "ProtocolParams": None, "InstanceConcurrencyConfig": None,
    "IntranetConfig": "DISABLE", "Type": "Event"}
SWITCHES = ("InstallDependency", "DnsCache", "L5Enable", "AsyncRunEnable", "TraceEnable")


def merged(cloud, region, before, params):
    """`before` with what `params` change; absent means unchanged. Refuses what the platform refuses."""
    now = dict(before)
    sticky = set(cloud.options.sticky.split(",")) - {""}
    for name in ("Description", "MemorySize", "Timeout", "InitTimeout", "Role", "ClsLogsetId", "ClsTopicId"):
        if name in params:
            now[name] = params[name]
    if "role" in sticky and before["Role"] and not now["Role"]:
        now["Role"] = before["Role"]
    if "description" in sticky and not now["Description"]:
        now["Description"] = before["Description"]
    for name in SWITCHES:
        if name in params:
            require(params[name] in ("TRUE", "FALSE"), f"InvalidParameterValue.{name}", f"{name}: TRUE or FALSE")
            now[name] = params[name]
    if "Environment" in params:
        now["Environment"] = environment(params["Environment"], before["Environment"])
    if "VpcConfig" in params:
        vpc = {"VpcId": params["VpcConfig"].get("VpcId", ""), "SubnetId": params["VpcConfig"].get("SubnetId", "")}
        require(bool(vpc["VpcId"]) == bool(vpc["SubnetId"]), "InvalidParameterValue.Vpc", "VPC and subnet go together")
        if vpc["VpcId"] or "vpc" not in sticky:
            now["VpcConfig"] = vpc
    if "PublicNetConfig" in params:
        net = params["PublicNetConfig"]
        public = net["PublicNetStatus"]
        eip = net.get("EipConfig", {}).get("EipStatus", before["PublicNetConfig"]["eip"])
        require(public in ("ENABLE", "DISABLE"), "InvalidParameterValue.PublicNetConfig", "PublicNetStatus")
        require(eip in ("ENABLE", "DISABLE"), "InvalidParameterValue.EipConfig", "EipStatus")
        now["PublicNetConfig"] = {"public": public, "eip": eip}
    if "IntranetConfig" in params:
        fixed = params["IntranetConfig"]["IpFixed"]
        require(fixed in ("ENABLE", "DISABLE"), "InvalidParameterValue", "IpFixed: ENABLE or DISABLE")
        now["IntranetConfig"] = fixed
    if "Layers" in params:
        now["Layers"] = layers(region, params["Layers"])
    if "DeadLetterConfig" in params:
        now["DeadLetterConfig"] = dead_letter(params["DeadLetterConfig"])
    if "CfsConfig" in params:
        now["CfsConfig"] = params["CfsConfig"]["CfsInsList"]
    if "ProtocolParams" in params:
        idle = params["ProtocolParams"].get("WSParams", {}).get("IdleTimeOut", 15)
        require(1 <= idle <= 1800, "InvalidParameterValue", "IdleTimeOut is 1 to 1800")
        now["ProtocolParams"] = {"WSParams": {"IdleTimeOut": idle}}
    if "InstanceConcurrencyConfig" in params:
        now["InstanceConcurrencyConfig"] = concurrency(params["InstanceConcurrencyConfig"])
    check(cloud, before, now, params)
    return now


def environment(sent, before):
    """The whole set. One empty pair clears; an empty list changes nothing."""
    pairs = [(v.get("Key", ""), v.get("Value", "")) for v in sent.get("Variables", [])]
    if pairs == [("", "")]:
        return {}
    if not pairs:
        return before
    table = {}
    for key, value in pairs:
        require(key and value and key not in table, "InvalidParameterValue.Environment",
                "a variable has a key of its own and a value")
        require(not RESERVED_VARIABLE.fullmatch(key), "InvalidParameterValue.EnvironmentSystemProtect",
                f"{key} belongs to the platform")
        require(VARIABLE.fullmatch(key), "InvalidParameterValue.Environment", f"not a variable name: {key}")
        table[key] = value
    require(sum(len(k.encode()) + len(v.encode()) for k, v in table.items()) <= 4096,
            "InvalidParameterValue.EnvironmentExceededLimit", "the environment holds 4 KB")
    return table


def layers(region, sent):
    rows = [{"LayerName": r["LayerName"], "LayerVersion": r["LayerVersion"]} for r in sent]
    if rows == [{"LayerName": "", "LayerVersion": 0}] or not rows:
        return []
    require(len(rows) <= 5, "InvalidParameterValue.Layers", "5 layers at most")
    require(len({r["LayerName"] for r in rows}) == len(rows), "InvalidParameterValue.Layers", "a layer comes twice")
    for row in rows:
        require(1 <= row["LayerVersion"] <= region["layers"].get(row["LayerName"], 0),
                "ResourceNotFound.LayerVersion", f"no layer {row['LayerName']} {row['LayerVersion']}")
    return rows


def dead_letter(sent):
    out = {**EMPTY_DEAD_LETTER, **sent}
    if out == EMPTY_DEAD_LETTER:
        return out
    require(out["Type"] in ("CMQ-QUEUE", "CMQ-TOPIC") and out["Name"], "InvalidParameterValue.DeadLetterConfig",
            "type CMQ-QUEUE or CMQ-TOPIC, and a name")
    return out


def concurrency(sent):
    if sent.get("DynamicEnabled") == "" and "MaxConcurrency" not in sent:
        return None
    require(sent.get("DynamicEnabled", "FALSE") in ("FALSE", "TRUE"), "InvalidParameterValue.InstanceConcurrencyConfig",
            "DynamicEnabled")
    most = sent.get("MaxConcurrency", 2)
    require(1 <= most <= 100, "InvalidParameterValue.InstanceConcurrencyConfig", "MaxConcurrency is 1 to 100")
    return {"DynamicEnabled": sent.get("DynamicEnabled", "FALSE"), "MaxConcurrency": most}


def check(cloud, before, now, params):
    """Rules between settings."""
    text = now["Description"]
    require(len(text) <= 1000, "InvalidParameterValue.Description", "a description holds 1000 characters")
    require(not cloud.options.strict_description or PLAIN_TEXT.fullmatch(text), "InvalidParameterValue.Description",
            "a description holds letters, digits, spaces, commas, line feeds, full stops and Chinese")
    require(now["MemorySize"] in MEMORY, "InvalidParameterValue.MemorySize", "64, or 128 to 3072 in steps of 128")
    most = 86400 if now["AsyncRunEnable"] == "TRUE" else 900
    require(1 <= now["Timeout"] <= most, "LimitExceeded.Timeout", f"Timeout is 1 to {most}")
    require(3 <= now["InitTimeout"] <= 300, "LimitExceeded.InitTimeout", "InitTimeout is 3 to 300")
    http = now["Type"] == "HTTP"
    require(not http or "TRUE" not in (now["AsyncRunEnable"], now["TraceEnable"], now["DnsCache"]),
            "InvalidParameterValue.AsyncRunEnable", "event functions only")
    require(http or not (now["ProtocolType"] or now["ProtocolParams"] or now["InstanceConcurrencyConfig"]),
            "InvalidParameterValue.Type", "HTTP functions only")
    require(now["InstallDependency"] == "FALSE" or now["Runtime"].startswith("Nodejs"),
            "InvalidParameterValue", "InstallDependency is for Node.js only")
    inside = bool(now["VpcConfig"]["VpcId"])
    require(inside or now["PublicNetConfig"]["public"] == "ENABLE", "InvalidParameterValue.PublicNetConfig",
            "the public network can be switched off inside a VPC only")
    require(now["PublicNetConfig"]["public"] == "ENABLE" or now["PublicNetConfig"]["eip"] == "DISABLE",
            "InvalidParameterValue.EipConfig", "a fixed address needs the public network")
    require(inside or not now["CfsConfig"], "InvalidParameterValue.Vpc", "a file system needs a VPC")
    require(bool(now["ClsLogsetId"]) == bool(now["ClsTopicId"]), "InvalidParameterValue.Cls", "logset and topic go together")
    moved = any(before[k] != now[k] for k in ("ClsLogsetId", "ClsTopicId"))
    if moved:
        require("Role" in params and (params["Role"] or not now["ClsTopicId"]), "InvalidParameterValue.ClsRole",
                "a change of the log topic carries the role")
    if now["Role"] and now["Role"] != before["Role"]:
        require(cloud.usable_role(now["Role"]), "ResourceNotFound.Role", f"no role {now['Role']}")


def answer(function, spell, ident):
    """The settings as GetFunction tells them."""
    c = function["config"]
    pairs = [{"Key": k, "Value": v} for k, v in c["Environment"].items()]
    eip, ip = c["PublicNetConfig"]["eip"], c["IntranetConfig"]
    number = sum(map(ord, function["id"])) % 250
    return {
        **{k: c[k] for k in ("Description", "MemorySize", "Timeout", "InitTimeout", "Role", "ClsLogsetId",
                             "ClsTopicId", "ProtocolType", "Type", "Handler", "Runtime", *SWITCHES)},
        "Environment": {"Variables": spell.shuffled(pairs)},
        "VpcConfig": spell.keys(c["VpcConfig"]),
        "PublicNetConfig": {"PublicNetStatus": c["PublicNetConfig"]["public"], "EipConfig": {
            "EipStatus": eip, "EipAddress": [f"203.0.113.{number}"] if eip == "ENABLE" else []}},
        "EipConfig": {"EipFixed": "TRUE" if eip == "ENABLE" else "FALSE", "Eips": []},
        "IntranetConfig": {"IpFixed": ip, **({"IpAddress": [f"10.0.0.{number}"]} if ip == "ENABLE"
                                             else {"IpAddress": []} if spell.chance() else {})},
        "Layers": [{**row, "CompatibleRuntimes": [c["Runtime"]], "AddTime": function["add_time"],
                    "Description": "", "LicenseInfo": spell.empty_text(), "Status": "Active", "Stamp": "Default",
                    "Tags": spell.empty_list()} for row in c["Layers"]],
        "DeadLetterConfig": dict(c["DeadLetterConfig"]),
        "CfsConfig": {"CfsInsList": spell.shuffled(
            {"IpAddress": "10.0.0.9", "MountVpcId": c["VpcConfig"]["VpcId"],
             "MountSubnetId": c["VpcConfig"]["SubnetId"], **row} for row in listed(c["CfsConfig"]))},
        "ProtocolParams": c["ProtocolParams"],
        "InstanceConcurrencyConfig": c["InstanceConcurrencyConfig"],
        "ProtocolType": c["ProtocolType"] or spell.empty_text(),
    }
