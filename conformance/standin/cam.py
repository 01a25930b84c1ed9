"""CAM: roles, policies, attachments. Account-wide; regions play no part."""

import hashlib
import json
import re

from .refusal import Refusal, require
from .respell import Speller
from .tags import checked_tags

NAME = re.compile(r"[A-Za-z0-9+=,.@_\-]{1,128}")
SERVICE = re.compile(r"[a-z0-9.\-]+\.(qcloud\.com|cloud\.tencent\.com)")
ACTION = re.compile(r"\*|(name/)?[a-z0-9]+:[A-Za-z0-9*]+")
RESOURCE = re.compile(r"\*|qcs:[^:]*:[a-z0-9]*:[^:]*:[^:]*:.+")
READS = ("Get", "List", "Describe")


def parsed_document(text, trust):
    """The document as data, or the code of the document family that says what is wrong with it."""
    try:
        document = json.loads(text)
    except ValueError:
        raise Refusal("InvalidParameter.PolicyDocumentError", "the document is not JSON") from None
    require(isinstance(document, dict) and set(document) <= {"version", "statement"},
            "InvalidParameter.PolicyDocumentError", "a document has version and statement")
    require(document.get("version") == "2.0", "InvalidParameter.VersionError", "the version must be 2.0")
    statements = document.get("statement")
    require(isinstance(statements, list) and statements, "InvalidParameter.StatementError",
            "statement must be a list that is not empty")
    require(len(re.sub(r"\s", "", text)) <= 6144, "InvalidParameter.PolicyDocumentLengthOverLimit",
            "a document holds 6144 characters")
    for statement in statements:
        check_statement(statement, trust)
    return document


def texts(value):
    out = value if isinstance(value, list) else [value]
    return out if out and all(isinstance(v, str) and v for v in out) else None


def check_statement(s, trust):
    allowed = {"effect", "action", "condition", "principal" if trust else "resource"}
    require(isinstance(s, dict) and set(s) <= allowed, "InvalidParameter.StatementError",
            f"a statement here takes {sorted(allowed)}")
    require(s.get("effect") in ("allow", "deny"), "InvalidParameter.EffectError", "effect: allow or deny")
    require("action" in s, "InvalidParameter.ActionMiss", "action is missing")
    actions = texts(s["action"])
    require(actions and all(ACTION.fullmatch(a) for a in actions), "InvalidParameter.ActionError",
            "an action is `service:Action`")
    if trust:
        check_principal(s.get("principal"))
    else:
        resources = texts(s.get("resource"))
        require(resources and all(RESOURCE.fullmatch(r) for r in resources),
                "InvalidParameter.ResourceError", "a resource is `*` or has six segments")
    condition = s.get("condition", {})
    require(isinstance(condition, dict) and all(isinstance(v, dict) and v for v in condition.values()),
            "InvalidParameter.ConditionError", "a condition is {operator: {key: value}}")


def check_principal(principal):
    require(isinstance(principal, dict) and principal and set(principal) <= {"service", "qcs", "federated"},
            "InvalidParameter.PrincipalError", "a trust document names its principal")
    for kind, who in principal.items():
        require(texts(who), "InvalidParameter.PrincipalError", f"{kind} must be text")
        for one in texts(who):
            if kind == "service":
                require(SERVICE.fullmatch(one) and not one.startswith("service-"),
                        "InvalidParameter.PrincipalServiceNotExist", f"no service is called {one}")
            else:
                require(one.startswith("qcs::cam::"), "InvalidParameter.PrincipalQcsError", f"not a qcs name: {one}")


class Cam:
    def __init__(self, call):
        self.call, self.cloud = call, call.cloud
        self.spell = Speller(call.cloud.options.spelling, call.rng)

    def run(self):
        return getattr(self, self.call.action)()

    # -- finding

    def role(self, name_key="RoleName", id_key="RoleId"):
        name, ident = self.call.get(name_key), self.call.get(id_key)
        require(name or ident, "InvalidParameter.ParamError", f"{name_key} or {id_key} is needed")
        for role in self.cloud.roles.values():
            if (name is None or role["name"] == name) and (ident is None or role["id"] == str(ident)):
                return role
        raise Refusal("InvalidParameter.RoleNotExist", "the role does not exist")

    def policy(self, missing="InvalidParameter.PolicyIdNotExist"):
        """By id, or a preset one by name: whose policy another name would mean is not said."""
        ident, name = self.call.get("PolicyId"), self.call.get("PolicyName")
        require(ident is not None or name, "InvalidParameter.ParamError", "PolicyId or PolicyName is needed")
        for policy in self.cloud.policies.values():
            if (policy["id"] == ident) if ident is not None else (policy["name"] == name and policy["preset"]):
                return policy
        raise Refusal(missing, "the policy does not exist")

    def own_policy(self):
        policy = self.policy("ResourceNotFound.PolicyIdNotFound")
        require(not policy["preset"], "InvalidParameter.PolicyIdError", "a preset policy cannot be changed")
        return policy

    def page(self, items, key=None, rp=None, page=None):
        """Stable between pages, in no order a client may rely on."""
        rp = self.call.get("Rp", 20) if rp is None else rp
        page = self.call.get("Page", 1) if page is None else page
        require(1 <= rp <= 200 and page >= 1, "InvalidParameter.ParamError", "Rp is 1 to 200, Page from 1")
        items = sorted(items, key=lambda i: self.jumble(i["name"]))
        return items[(page - 1) * rp:page * rp], len(items)

    def jumble(self, name):
        return hashlib.sha256(f"{self.cloud.options.seed}/{name}".encode()).digest()

    def tags(self, tags):
        rows = [{"Key": k, "Value": v} for k, v in tags.items()]
        return self.spell.shuffled(rows) if rows else self.spell.empty_list()

    # -- roles

    def role_info(self, role, listed=False):
        tags = None if listed and self.spell.wild(0.3) else self.tags(role["tags"])
        return {
            "RoleId": role["id"], "RoleName": role["name"],
            "PolicyDocument": self.spell.document(role["document"], self.cloud.account),
            "Description": role["description"], "AddTime": role["add_time"],
            "UpdateTime": role["update_time"], "ConsoleLogin": role["console_login"],
            "RoleType": self.spell.rng.choice(["user", "system", None]) if self.spell.wild() else "user",
            "SessionDuration": role["session_duration"], "DeletionTaskId": self.spell.empty_text(),
            "Tags": tags,
            "RoleArn": f"qcs::cam::uin/{self.cloud.account}:roleName/{role['name']}"}

    def description(self, code="InvalidParameter.DescriptionLengthOverlimit"):
        text = self.call.get("Description", "")
        require(len(text.encode()) <= 300, code, "a description holds 300 bytes")
        return text

    def session(self):
        seconds = self.call.get("SessionDuration", 7200)
        require(seconds <= 43200, "InvalidParameter.ParamError", "SessionDuration is 0 to 43200")
        return seconds

    def login(self):
        value = self.call.get("ConsoleLogin", 0)
        require(value in (0, 1), "InvalidParameter.ParamError", "ConsoleLogin is 0 or 1")
        return value

    def CreateRole(self):
        name = self.call.get("RoleName")
        require(NAME.fullmatch(name), "InvalidParameter.RoleNameError", "not a role name")
        require(name.lower() not in (n.lower() for n in self.cloud.roles), "InvalidParameter.RoleNameInUse",
                "the role name is in use")
        document = parsed_document(self.call.get("PolicyDocument"), trust=True)
        tags = checked_tags(self.cloud, self.call.get("Tags", []), "Key", "Value",
                            "InvalidParameter.TagParamError")
        stamp = self.cloud.stamp()
        role = {"id": str(4611686018427388000 + self.cloud.next()), "name": name, "document": document,
                "description": self.description(), "console_login": self.login(),
                "session_duration": self.session(), "tags": tags, "policies": [], "add_time": stamp,
                "update_time": stamp, "usable_at": self.cloud.now() + self.cloud.role_lag()}
        self.cloud.roles[name] = role
        self.cloud.note_tags(tags)
        return {"RoleId": role["id"]}

    def GetRole(self):
        return {"RoleInfo": self.role_info(self.role())}

    def DescribeRoleList(self):
        wanted = {t["Key"]: t["Value"] for t in self.call.get("Tags", [])}
        roles = [r for r in self.cloud.roles.values() if wanted.items() <= r["tags"].items()]
        rows, total = self.page(roles)
        return {"List": [self.role_info(r, listed=True) for r in rows], "TotalNum": total}

    def DeleteRole(self):
        del self.cloud.roles[self.role()["name"]]
        return {}

    def change(self, **values):
        role = self.role()
        role.update(values, update_time=self.cloud.stamp())
        return {}

    def UpdateAssumeRolePolicy(self):
        return self.change(document=parsed_document(self.call.get("PolicyDocument"), trust=True))

    def UpdateRoleDescription(self):
        return self.change(description=self.description())

    def UpdateRoleConsoleLogin(self):
        return self.change(console_login=self.login())

    def UpdateRoleSessionDuration(self):
        return self.change(session_duration=self.session())

    def TagRole(self):
        role = self.role()
        tags = checked_tags(self.cloud, self.call.get("Tags"), "Key", "Value", "InvalidParameter.TagParamError")
        require(len({**role["tags"], **tags}) <= 50, "InvalidParameter.TagLimitExceeded", "50 tags at most")
        role["tags"].update(tags)
        self.cloud.note_tags(tags)
        return {}

    def UntagRole(self):
        role = self.role()
        for key in self.call.get("TagKeys"):
            role["tags"].pop(key, None)
        return {}

    # -- attachments

    def AttachRolePolicy(self):
        role, policy = self.role("AttachRoleName", "AttachRoleId"), self.policy()
        require(self.cloud.usable_role(role["name"]), "InvalidParameter.RoleNotExist",
                "the role does not exist")
        if policy["id"] not in [p["id"] for p in role["policies"]]:
            require(len(role["policies"]) < 200, "InvalidParameter.AttachmentFull", "200 policies at most")
            role["policies"].append({"id": policy["id"], "add_time": self.cloud.stamp()})
        return {}

    def DetachRolePolicy(self):
        role, policy = self.role("DetachRoleName", "DetachRoleId"), self.policy()
        role["policies"] = [p for p in role["policies"] if p["id"] != policy["id"]]
        return {}

    def ListAttachedRolePolicies(self):
        try:
            role = self.role()
        except Refusal as refusal:  # this action's list of codes has no RoleNotExist
            raise Refusal("InvalidParameter.ParamError", refusal.message) from None
        kind, keyword = self.call.get("PolicyType"), self.call.get("Keyword", "")
        require(kind in (None, "User", "QCS"), "InvalidParameter.ParamError", "PolicyType: User or QCS")
        rows = []
        for attached in role["policies"]:
            policy = self.cloud.policies[attached["id"]]
            if keyword.lower() in policy["name"].lower() and (
                    kind is None or (kind == "QCS") == policy["preset"]):
                rows.append({**policy, "add_time": attached["add_time"]})
        rows, total = self.page(rows)
        return {"TotalNum": total, "List": [
            {"PolicyId": p["id"], "PolicyName": p["name"], "AddTime": p["add_time"],
             "PolicyType": "QCS" if p["preset"] else "User", "CreateMode": 2, "Deactived": 0,
             "DeactivedDetail": [], "Description": p["description"]} for p in rows]}

    # -- policies

    def attached_to(self, policy):
        return [r for r in self.cloud.roles.values() if policy["id"] in [p["id"] for p in r["policies"]]]

    def CreatePolicy(self):
        name = self.call.get("PolicyName")
        require(NAME.fullmatch(name), "InvalidParameter.PolicyNameError", "not a policy name")
        require(name not in (p["name"] for p in self.cloud.policies.values()),
                "FailedOperation.PolicyNameInUse", "the policy name is in use")
        document = parsed_document(self.call.get("PolicyDocument"), trust=False)
        tags = checked_tags(self.cloud, self.call.get("Tags", []), "Key", "Value", "InvalidParameter.ParamError")
        stamp, ident = self.cloud.stamp(), 240000000 + self.cloud.next()
        self.cloud.policies[ident] = {
            "id": ident, "name": name, "preset": False, "description": self.description(), "alias": "",
            "tags": tags, "document": document, "versions": {1: document}, "default": 1,
            "add_time": stamp, "update_time": stamp}
        self.cloud.note_tags(tags)
        return {"PolicyId": ident}

    def UpdatePolicy(self):
        policy = self.own_policy()
        if "PolicyDocument" in self.call.params:
            policy["document"] = parsed_document(self.call.get("PolicyDocument"), trust=False)
            policy["versions"][policy["default"]] = policy["document"]
        if "Description" in self.call.params:
            policy["description"] = self.description()
        policy["update_time"] = self.cloud.stamp()
        return {"PolicyId": policy["id"]}

    def DeletePolicy(self):
        for ident in self.call.get("PolicyId"):
            policy = self.cloud.policies.get(ident)
            require(policy, "ResourceNotFound.PolicyIdNotFound", "the policy does not exist")
            require(not policy["preset"], "InvalidParameter.PolicyIdError", "a preset policy stays")
        for ident in self.call.get("PolicyId"):
            for role in self.attached_to(self.cloud.policies[ident]):
                role["policies"] = [p for p in role["policies"] if p["id"] != ident]
            del self.cloud.policies[ident]
        return {}

    def GetPolicy(self):
        policy = self.policy("ResourceNotFound.PolicyIdNotFound")
        return {"PolicyName": policy["name"], "Description": policy["description"],
                "Type": 2 if policy["preset"] else 1, "AddTime": policy["add_time"],
                "UpdateTime": policy["update_time"], "PresetAlias": "", "IsServiceLinkedRolePolicy": 0,
                "PolicyDocument": self.spell.document(policy["document"], self.cloud.account),
                **self.told_tags(policy, self.spell.wild(0.3))}

    def told_tags(self, policy, left_out):
        """The definition lets the tags of a policy be missing, and the sample of the list has none."""
        return {} if left_out else {"Tags": self.tags(policy["tags"]) or []}

    def ListPolicies(self):
        scope, keyword = self.call.get("Scope", "All"), self.call.get("Keyword", "").lower()
        require(scope in ("All", "QCS", "Local"), "InvalidParameter.ScopeError", "Scope: All, QCS or Local")
        require(self.call.get("Page", 1) <= 200, "InvalidParameter.ParamError", "Page is 1 to 200")
        fits = [p for p in self.cloud.policies.values() if keyword in p["name"].lower()
                and (scope == "All" or (scope == "QCS") == p["preset"])]
        rows, total = self.page(fits)
        return {"TotalNum": total, "ServiceTypeList": [], "List": [self.strategy(p) for p in rows]}

    def strategy(self, policy):
        count = len(self.attached_to(policy))
        return {"PolicyId": policy["id"], "PolicyName": policy["name"], "AddTime": policy["add_time"],
                "Type": 2 if policy["preset"] else 1, "Description": policy["description"], "CreateMode": 2,
                "Attachments": count, "ServiceType": "", "IsAttached": int(count > 0), "Deactived": 0,
                "DeactivedDetail": [], "IsServiceLinkedPolicy": 0, "AttachEntityCount": count,
                "AttachEntityBoundaryCount": 0, "UpdateTime": policy["update_time"],
                **self.told_tags(policy, self.spell.chance())}

    def CreatePolicyVersion(self):
        policy = self.own_policy()
        document = parsed_document(self.call.get("PolicyDocument"), trust=False)
        require(len(policy["versions"]) < 5, "FailedOperation.PolicyVersionFull", "5 versions at most")
        version = policy.setdefault("last_version", max(policy["versions"])) + 1
        policy["last_version"] = version
        policy["versions"][version] = document
        if self.call.get("SetAsDefault"):
            policy["default"], policy["document"] = version, document
        return {"VersionId": version}

    def version(self, ident):
        policy = self.policy("ResourceNotFound.PolicyIdNotFound")
        require(ident in policy["versions"], "InvalidParameter.PolicyVersionNotExists", "no such version")
        return policy

    def ListPolicyVersions(self):
        policy = self.policy("ResourceNotFound.PolicyIdNotFound")
        return {"Versions": [{"VersionId": v, "CreateDate": policy["add_time"],
                              "IsDefaultVersion": int(v == policy["default"])} for v in policy["versions"]]}

    def GetPolicyVersion(self):
        ident = self.call.get("VersionId")
        policy = self.version(ident)
        document = policy["versions"][ident] or policy["document"]
        return {"PolicyVersion": {"VersionId": ident, "CreateDate": policy["add_time"],
                                  "IsDefaultVersion": int(ident == policy["default"]),
                                  "Document": self.spell.document(document, self.cloud.account)}}

    def SetDefaultPolicyVersion(self):
        ident = self.call.get("VersionId")
        policy = self.version(ident)
        policy["default"], policy["document"] = ident, policy["versions"][ident]
        return {}

    def DeletePolicyVersion(self):
        for ident in self.call.get("VersionId"):
            policy = self.version(ident)
            require(ident != policy["default"], "FailedOperation.PolicyVersionAlreadyDefault",
                    "the default version stays")
            del policy["versions"][ident]
        return {}

    def ListEntitiesForPolicy(self):
        roles, total = self.page(self.attached_to(self.policy("InvalidParameter.PolicyIdError")))
        if self.call.get("EntityFilter", "All") not in ("All", "Role"):
            roles, total = [], 0
        return {"TotalNum": total, "List": [
            {"Id": r["id"], "Name": r["name"], "Uin": 0, "RelatedType": 3, "AttachmentTime": r["add_time"]}
            for r in roles]}

    def GetUserAppId(self):
        return {"Uin": self.cloud.user, "OwnerUin": self.cloud.account, "AppId": self.cloud.appid}
