"""Turns the official API definitions (the `api.json` files that tccli ships) into the compact ones
in `definitions/`: names, types, what is required, what may be null. Prose is left out.

Run it again only when the definitions change:

    python3 conformance/extract.py scf=SCF.json cam=CAM.json sts=STS.json tag=TAG.json
"""

import json
import pathlib
import sys

# None: every action. Otherwise what a provisioner of functions, triggers and roles can have use for.
WANTED = {
    "scf": None,
    "cam": """GetRole CreateRole DeleteRole UpdateAssumeRolePolicy UpdateRoleDescription
        UpdateRoleConsoleLogin UpdateRoleSessionDuration TagRole UntagRole DescribeRoleList
        AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies ListPolicies GetPolicy CreatePolicy
        UpdatePolicy DeletePolicy CreatePolicyVersion ListPolicyVersions GetPolicyVersion
        SetDefaultPolicyVersion DeletePolicyVersion ListEntitiesForPolicy GetUserAppId""".split(),
    "sts": ["GetCallerIdentity", "AssumeRole", "AssumeRoleWithWebIdentity"],
    "tag": """TagResources UnTagResources GetResources DescribeResourceTags
        DescribeResourceTagsByResourceIds DescribeResourcesByTags ModifyResourceTags CreateTag
        DeleteTag DescribeTags""".split(),
}


def member(entry):
    """One member: `{"type": ..., "of": object or element type, "required", "nullable"}`."""
    out = {"type": entry["type"]}
    if entry["type"] in ("object", "list"):
        out["of"] = entry["member"]
    elif entry["type"] == "int":
        out["type"] = entry["member"]  # int64 or uint64
    if entry.get("required"):
        out["required"] = True
    if entry.get("value_allowed_null"):
        out["nullable"] = True
    return out


def compact(service, source):
    wanted = WANTED[service] or sorted(source["actions"])
    actions, objects = {}, {}

    def take(name):
        if name in objects or name not in source["objects"]:
            return
        members = source["objects"][name]["members"]
        objects[name] = {m["name"]: member(m) for m in members}
        for m in members:
            if m["type"] in ("object", "list"):
                take(m["member"])

    for action in wanted:
        entry = source["actions"][action]
        actions[action] = {"request": entry["input"], "response": entry["output"]}
        take(entry["input"])
        take(entry["output"])
    return {"service": service, "version": source["metadata"]["apiVersion"],
            "actions": actions, "objects": objects}


def dump(definition):
    """One object a line, so that a change of the API is a readable diff."""
    def table(rows):
        return ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(rows.items()))
    return ('{"service": %s, "version": %s,\n"actions": {\n%s\n},\n"objects": {\n%s\n}}\n' % (
        json.dumps(definition["service"]), json.dumps(definition["version"]),
        table(definition["actions"]), table(definition["objects"])))


if __name__ == "__main__":
    folder = pathlib.Path(__file__).parent / "definitions"
    for argument in sys.argv[1:]:
        name, path = argument.split("=", 1)
        with open(path, encoding="utf-8") as file:
            (folder / f"{name}.json").write_text(dump(compact(name, json.load(file))), encoding="utf-8")
