"""SCF: functions, namespaces, versions, aliases, concurrency. Changes of functions are asynchronous and
refuse each other while one is under way, with the code of the refused action."""

import hashlib
import re

from . import code as codes
from . import settings
from .refusal import Refusal, require
from .respell import Speller
from .tags import checked_tags
from .triggers import Triggers, told

NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,28}[A-Za-z0-9]")
ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_\-]{0,63}")
BUSY = ("Creating", "Updating", "Publishing", "Deleting")
IMMUTABLE_IN_UPDATE = ("Runtime",)


def page(rows, offset, limit):
    return rows[offset:offset + limit]


class Scf:
    def __init__(self, call):
        self.call, self.cloud = call, call.cloud
        self.spell = Speller(call.cloud.options.spelling, call.rng)
        require(call.region, "MissingParameter", "X-TC-Region is needed")
        require(re.fullmatch(r"[a-z]{2,}-[a-z]+(-[a-z0-9]+)?", call.region), "UnsupportedRegion", "no such region")
        self.region = self.cloud.region(call.region)

    def run(self):
        action = getattr(self, self.call.action, None)
        require(action, "UnsupportedOperation", "the stand-in does not play this action")
        return action()

    # -- finding

    def namespace(self):
        name = self.call.get("Namespace", "default")
        require(name in self.region["namespaces"], "ResourceNotFound.Namespace", f"no namespace {name}")
        return name

    def function(self, name_key="FunctionName"):
        key = f"{self.namespace()}/{self.call.get(name_key)}"
        function = self.region["functions"].get(key)
        if function is None:
            # Both codes are documented for an absent function; which one comes is not.
            flip = hashlib.sha256(f"{self.cloud.options.seed}{key}".encode()).digest()[0] % 2
            raise Refusal("ResourceNotFound.Function" if flip else "ResourceNotFound.FunctionName",
                          f"no function {key}")
        return function

    def settled(self, code, also=()):
        """The function, when its status allows a change."""
        function = self.function()
        require(function["status"] == "Active" or function["status"] in also, code,
                f"the function is in status {function['status']}, try again later")
        return function

    def qualified(self, function, default="$LATEST"):
        qualifier = self.call.get("Qualifier", default)
        known = qualifier in ("$LATEST", "$DEFAULT") or qualifier in function["aliases"] or (
            qualifier in function["versions"])
        require(known, "ResourceNotFound.FunctionVersion", f"no version or alias {qualifier}")
        return qualifier

    def jumbled(self, rows, name):
        """An order that is stable between pages and means nothing."""
        seed = self.cloud.options.seed
        return sorted(rows, key=lambda r: hashlib.sha256(f"{seed}/{r[name]}".encode()).digest())

    def ordered(self, rows, fields):
        """In the order that is asked for; without one in some order."""
        by, order = self.call.get("Orderby"), self.call.get("Order", "DESC")
        require(by is None or by in fields, "InvalidParameterValue.OrderBy", f"Orderby is one of {sorted(fields)}")
        require(order in ("ASC", "DESC"), "InvalidParameterValue.Order", "Order: ASC or DESC")
        rows = self.jumbled(rows, "name")
        return rows if by is None else sorted(rows, key=lambda r: r[fields[by]], reverse=order == "DESC")

    # -- functions

    def CreateFunction(self):
        p, name, namespace = self.call.params, self.call.get("FunctionName"), self.namespace()
        require(settings.NAME.fullmatch(name) and len(namespace + name) <= 118,
                "InvalidParameterValue.FunctionName", "not a function name")
        key = f"{namespace}/{name}"
        if key in self.region["functions"]:
            raise Refusal(self.call.rng.choice(["ResourceInUse.Function", "ResourceInUse.FunctionName", "ResourceInUse"]),
                          "the function exists")
        here = [f for f in self.region["functions"].values() if f["namespace"] == namespace]
        require(len(here) < self.cloud.options.functions_per_namespace, "LimitExceeded.Function", "namespace is full")
        image = "ImageConfig" in p["Code"]
        runtime = p.get("Runtime", "CustomImage" if image else None)
        require(runtime, "MissingParameter.Runtime", "Runtime is needed")
        require(runtime in settings.RUNTIMES, "InvalidParameterValue.Runtime", f"no runtime {runtime}")
        kind = p.get("Type", "Event")
        require(kind in ("Event", "HTTP"), "InvalidParameterValue.Type", "Type: Event or HTTP")
        code = codes.accept(self.cloud, p["Code"], p.get("CodeSource"), ("ZipFile", "Cos", "Demo"),
                            runtime == "CustomImage", self.call.region)
        if code["kind"] == "cos":
            self.need_service_role()
        before = {**settings.DEFAULTS, "Type": kind, "Runtime": runtime, "InitTimeout": 90 if image else 65,
                  "Handler": self.handler(p.get("Handler"), runtime, kind), "ProtocolType": p.get("ProtocolType", "")}
        config = settings.merged(self.cloud, self.region, before, p)
        require(config["ProtocolType"] in ("", "WS"), "InvalidParameterValue", "ProtocolType: WS")
        tags = checked_tags(self.cloud, p.get("Tags", []), "Key", "Value", None)
        if not config["ClsTopicId"] and self.cloud.options.auto_cls:
            config.update(ClsLogsetId=self.cloud.ident("logset-"), ClsTopicId=self.cloud.ident("logtopic-"))
        stamp = self.cloud.stamp()
        function = {"id": self.cloud.ident("lam-"), "name": name, "namespace": namespace, "region": self.call.region,
                    "config": config, "code": code, "triggers": [], "versions": {}, "aliases": {},
                    "tags": {} if self.cloud.options.ignore_create_tags else tags, "reserved": None,
                    "provisioned": {}, "async": {"RetryNum": 2, "MsgTTL": 21600}, "add_time": stamp,
                    "mod_time": stamp, "reserved_ready_at": 0}
        self.cloud.note_tags(function["tags"])
        self.region["functions"][key] = function
        self.cloud.begin(function, "Creating", stay_pending_ms=self.call.stay_pending_ms)
        return {}

    def need_service_role(self):
        require(self.cloud.usable_role("SCF_QcsRole"), "UnauthorizedOperation.Role", "SCF cannot read your bucket")

    def handler(self, given, runtime, kind):
        if runtime == "CustomImage":
            return ""
        if given is None:
            return "" if kind == "HTTP" else "index.main_handler"
        plain = runtime in ("CustomRuntime", "Go1") or runtime.startswith("Java") or kind == "HTTP"
        require(plain or settings.TWO_PART.fullmatch(given), "InvalidParameterValue.Handler", "a handler is file.method")
        require(0 < len(given) <= 128, "InvalidParameterValue.Handler", "not a handler")
        return given

    def UpdateFunctionCode(self):
        p = self.call.params
        function = self.settled("FailedOperation.UpdateFunctionCode")
        flat = {k: p[k] for k in ("CosBucketName", "CosObjectName", "CosBucketRegion", "ZipFile") if k in p}
        require(not (flat and "Code" in p), "InvalidParameterValue.Code", "Code and its flat form exclude each other")
        config = function["config"]
        require("Code" in p or flat, "MissingParameter.Code", "code is needed")
        code = codes.accept(self.cloud, p.get("Code", flat), p.get("CodeSource"), ("ZipFile", "Cos", "Inline"),
                            config["Runtime"] == "CustomImage", self.call.region)
        if code["kind"] == "cos":
            self.need_service_role()
        function["code"] = code
        if "Handler" in p:
            config["Handler"] = self.handler(p["Handler"], config["Runtime"], config["Type"])
        if "InstallDependency" in p:
            config["InstallDependency"] = p["InstallDependency"]
        return self.updating(function)

    def updating(self, function):
        function["mod_time"] = self.cloud.stamp()
        self.cloud.begin(function, "Updating", stay_pending_ms=self.call.stay_pending_ms)
        if self.call.get("Publish") == "TRUE":
            self.publish(function, "")
        return {}

    def UpdateFunctionConfiguration(self):
        p = self.call.params
        function = self.settled("FailedOperation.UpdateFunctionConfiguration")
        for name in IMMUTABLE_IN_UPDATE:
            require(p.get(name, function["config"][name]) == function["config"][name],
                    f"InvalidParameterValue.{name}", f"{name} cannot be changed")
        function["config"] = settings.merged(self.cloud, self.region, function["config"], p)
        return self.updating(function)

    def DeleteFunction(self):
        function = self.settled("FailedOperation.DeleteFunction", also=("CreateFailed", "UpdateFailed", "PublishFailed"))
        if "Qualifier" in self.call.params:
            return self.delete_version(function)
        # Undocumented what becomes of live triggers; refused here, so that their order is kept.
        require(not function["triggers"], "FailedOperation.DeleteFunction", "the function still has triggers")
        self.cloud.begin(function, "Deleting", None, self.call.stay_pending_ms)
        return {}

    def GetFunction(self):
        require(self.call.get("FunctionName"), "InvalidParameter.FunctionNameOrResourceIdRequired", "FunctionName is needed")
        require(self.call.get("ShowCode", "FALSE") in ("TRUE", "FALSE"), "InvalidParameterValue", "ShowCode")
        function = self.function()
        qualifier = self.qualified(function)
        if function["status"] == "Deleting" and self.spell.chance(0.3):
            raise Refusal("ResourceNotFound.Version", "the version is being deleted")
        code = function["code"]
        out = {
            **settings.answer(function, self.spell, None), "FunctionName": function["name"],
            "Namespace": function["namespace"], "FunctionId": function["id"], "Qualifier": qualifier,
            "FunctionVersion": "$LATEST", "Status": function["status"], "StatusDesc": "", "StatusReasons": [],
            "AvailableStatus": "Available", "AddTime": function["add_time"], "ModTime": function["mod_time"],
            "CodeSize": code["size"], "CodeInfo": "", "CodeResult": "success", "CodeError": "", "ErrNo": 0,
            "UseGpu": "FALSE", "OnsEnable": "FALSE", "AccessInfo": {"Host": "", "Vip": ""},
            "Tags": self.tags(function), "ImageConfig": None,
            "Triggers": self.spell.shuffled(told(t, function, self.cloud, self.spell, False)
                                            for t in function["triggers"])}
        if code["kind"] == "image":
            out["ImageConfig"] = codes.image_answer(code, self.spell)
            # "Cannot be got", says the definition.
            out["Runtime"] = None if self.spell.wild() else out["Runtime"]
        return out

    def tags(self, function):
        return self.spell.shuffled({"Key": k, "Value": v} for k, v in function["tags"].items())

    def ListFunctions(self):
        namespace, p = self.namespace(), self.call.params
        limit, offset = p.get("Limit", 20), p.get("Offset", 0)
        require(0 < limit <= 100 and offset >= 0, "InvalidParameterValue.Limit", "Limit is 1 to 100")
        rows = [f for f in self.region["functions"].values() if f["namespace"] == namespace
                and p.get("SearchKey", "") in f["name"] and p.get("Description", "") in f["config"]["Description"]]
        require(len(p.get("Filters", [])) <= 10, "InvalidParameterValue.Filters", "10 filters at most")
        for f in p.get("Filters", []):
            rows = [r for r in rows if self.passes(r, f["Name"], f["Values"])]
        rows = self.ordered(rows, {"FunctionName": "name", "AddTime": "add_time", "ModTime": "mod_time"})
        return {"TotalCount": len(rows), "Functions": [self.summary(f) for f in page(rows, offset, limit)]}

    @staticmethod
    def passes(function, name, values):
        if name.startswith("tag-"):
            return function["tags"].get(name[4:]) in values
        config = function["config"]
        facts = {"Status": function["status"], "Runtime": config["Runtime"], "Type": config["Type"],
                 "Role": config["Role"], "VpcId": config["VpcConfig"]["VpcId"],
                 "SubnetId": config["VpcConfig"]["SubnetId"], "ClsTopicId": config["ClsTopicId"],
                 "ClsLogsetId": config["ClsLogsetId"], "AsyncRunEnable": config["AsyncRunEnable"],
                 "TraceEnable": config["TraceEnable"], "PublicNetStatus": config["PublicNetConfig"]["public"]}
        require(name in facts, "InvalidParameterValue.Filters", f"no filter {name}")
        return facts[name] in values

    def summary(self, f):
        return {"FunctionName": f["name"], "Namespace": f["namespace"], "FunctionId": f["id"],
                "Runtime": f["config"]["Runtime"], "Type": f["config"]["Type"], "Status": f["status"],
                "StatusDesc": "", "StatusReasons": [], "Description": f["config"]["Description"],
                "Tags": self.tags(f), "AddTime": f["add_time"], "ModTime": f["mod_time"],
                "TotalProvisionedConcurrencyMem": sum(f["provisioned"].values()) * f["config"]["MemorySize"],
                "ReservedConcurrencyMem": f["reserved"], "AsyncRunEnable": f["config"]["AsyncRunEnable"],
                "TraceEnable": f["config"]["TraceEnable"]}

    def GetFunctionAddress(self):
        function = self.function()
        self.qualified(function)
        require(function["status"] not in ("Creating", "Updating"), "FailedOperation.FunctionStatusError", "deploying")
        code = function["code"]
        if code["kind"] != "zip":
            return {"Url": "", "CodeSha256": code["sha256"]}
        return {"Url": f"{self.call.origin}/_code/{code['sha256']}.zip?sign=standin", "CodeSha256": code["sha256"]}

    # -- namespaces

    def CreateNamespace(self):
        name = self.call.get("Namespace")
        require(NAMESPACE.fullmatch(name), "InvalidParameterValue.Namespace", "not a namespace name")
        require(name not in self.region["namespaces"], "ResourceInUse.Namespace", "the namespace exists")
        require(len(self.region["namespaces"]) < self.cloud.options.namespaces_per_region, "LimitExceeded.Namespace",
                "no more namespaces in this region")
        stamp = self.cloud.stamp()
        self.region["namespaces"][name] = {"name": name, "description": self.text(), "add_time": stamp, "mod_time": stamp}
        return {}

    def text(self):
        text = self.call.get("Description", "")
        require(len(text) <= 1000, "InvalidParameterValue.Description", "1000 characters at most")
        require(not self.cloud.options.strict_description or settings.PLAIN_TEXT.fullmatch(text),
                "InvalidParameterValue.Description", "a character outside the documented alphabet")
        return text

    def UpdateNamespace(self):
        self.region["namespaces"][self.namespace()].update(description=self.text(), mod_time=self.cloud.stamp())
        return {}

    def DeleteNamespace(self):
        name = self.namespace()
        inside = [f for f in self.region["functions"].values() if f["namespace"] == name]
        require(name != "default" and not inside, "FailedOperation.DeleteNamespace", "default or not empty")
        del self.region["namespaces"][name]
        return {}

    def ListNamespaces(self):
        limit, offset = self.call.get("Limit", 20), self.call.get("Offset", 0)
        require(0 < limit <= 100, "InvalidParameterValue.Limit", "Limit is 1 to 100")
        rows = self.ordered(self.region["namespaces"].values(), {"Name": "name", "Updatetime": "mod_time"})
        return {"TotalCount": len(rows), "Namespaces": [
            {"Name": n["name"], "Description": n["description"], "AddTime": n["add_time"], "ModTime": n["mod_time"],
             "Type": "default"} for n in page(rows, offset, limit)]}

    # -- triggers

    def CreateTrigger(self):
        function = self.settled("FailedOperation.CreateTrigger")
        return {"TriggerInfo": Triggers(self.call, function).create()}

    def DeleteTrigger(self):
        Triggers(self.call, self.settled("FailedOperation.DeleteTrigger")).delete()
        return {}

    def UpdateTrigger(self):
        Triggers(self.call, self.settled("FailedOperation.UpdateTrigger")).update()
        return {}

    def UpdateTriggerStatus(self):
        Triggers(self.call, self.settled("FailedOperation.UpdateTriggerStatus")).switch()
        return {}

    def ListTriggers(self):
        function, p = self.function(), self.call.params
        limit = p.get("Limit", 20)
        require(0 < limit <= 100, "InvalidParameterValue.Limit", "Limit is 1 to 100")
        rows = list(function["triggers"])
        for f in p.get("Filters", []):
            field = {"Qualifier": "qualifier", "TriggerName": "name", "Description": "note", "Type": "type"}.get(f["Name"])
            require(field, "InvalidParameterValue.Filters", f"no filter {f['Name']}")
            rows = [r for r in rows if r[field] in f["Values"]]
        rows = self.jumbled(rows, "id")
        tell = Triggers(self.call, function)
        return {"TotalCount": len(rows), "Triggers": [tell.tell(t, True) for t in page(rows, p.get("Offset", 0), limit)]}

    # -- concurrency and asynchronous calls

    def PutReservedConcurrencyConfig(self):
        function, memory = self.function(), self.call.get("ReservedConcurrencyMem")
        require(self.cloud.now() >= function["reserved_ready_at"], "FailedOperation.ReservedInProgress", "under way")
        require(memory <= 128000 - 12800, "LimitExceeded.FunctionReservedConcurrencyMemory", "too much")
        return self.reserve(function, memory)

    def reserve(self, function, memory):
        function["reserved"] = memory
        function["reserved_ready_at"] = self.cloud.now() + self.cloud.options.settle_ms
        return {}

    def GetReservedConcurrencyConfig(self):
        return {"ReservedMem": self.function()["reserved"]}

    def DeleteReservedConcurrencyConfig(self):
        function = self.function()
        require(self.cloud.now() >= function["reserved_ready_at"], "FailedOperation.ReservedInProgress", "under way")
        return self.reserve(function, None)

    def UpdateFunctionEventInvokeConfig(self):
        function, config = self.function(), self.call.get("AsyncTriggerConfig")
        require(len(config["RetryConfig"]) == 1, "InvalidParameterValue", "one RetryConfig")
        retries, age = config["RetryConfig"][0]["RetryNum"], config["MsgTTL"]
        require(0 <= retries <= 2, "LimitExceeded.RetryNum", "RetryNum is 0 to 2")
        require(60 <= age <= 21600, "LimitExceeded.MsgTTL", "MsgTTL is 60 to 21600")
        function["async"] = {"RetryNum": retries, "MsgTTL": age}
        return {}

    def GetFunctionEventInvokeConfig(self):
        config = self.function()["async"]
        rows = [{"RetryNum": config["RetryNum"]}] + ([{"RetryNum": -1}] if self.spell.chance() else [])
        return {"AsyncTriggerConfig": {"MsgTTL": config["MsgTTL"], "RetryConfig": rows}}

    def PutProvisionedConcurrencyConfig(self):
        function, version = self.function(), self.call.get("Qualifier")
        require(version in function["versions"], "ResourceNotFound.FunctionVersion", "no such version")
        function["provisioned"][version] = self.call.get("VersionProvisionedConcurrencyNum")
        return {}

    def DeleteProvisionedConcurrencyConfig(self):
        self.function()["provisioned"].pop(self.call.get("Qualifier"), None)
        return {}

    def GetProvisionedConcurrencyConfig(self):
        function = self.function()
        return {"UnallocatedConcurrencyNum": 0, "Allocated": [
            {"AllocatedProvisionedConcurrencyNum": n, "AvailableProvisionedConcurrencyNum": n, "Status": "Done",
             "StatusReason": "", "Qualifier": v, "TriggerActions": []} for v, n in function["provisioned"].items()
            if self.call.get("Qualifier", v) == v]}

    # -- versions and aliases

    def publish(self, function, description):
        number = str(function.setdefault("last_version", 0) + 1)
        function["last_version"] = int(number)
        function["versions"][number] = {"description": description, "add_time": self.cloud.stamp()}
        return number

    def PublishVersion(self):
        function = self.settled("FailedOperation.PublishVersion")
        text, config = self.call.get("Description", ""), function["config"]
        number = self.publish(function, text)
        self.cloud.begin(function, "Publishing")
        return {"FunctionVersion": number, "CodeSize": function["code"]["size"], "MemorySize": config["MemorySize"],
                "Description": text, "Handler": config["Handler"], "Timeout": config["Timeout"],
                "Runtime": config["Runtime"], "Namespace": function["namespace"]}

    def delete_version(self, function):
        version = self.call.get("Qualifier")
        require(version in function["versions"], "ResourceNotFound.FunctionVersion", "no such version")
        used = [a for a in function["aliases"].values() if a["version"] == version]
        require(not used, "UnsupportedOperation.AliasBind", "an alias points at the version")
        del function["versions"][version]
        return {}

    def DeleteFunctionVersion(self):
        return self.delete_version(self.settled("FailedOperation.DeleteFunction"))

    def ListVersionByFunction(self):
        function = self.function()
        rows = [{"Version": v, "Description": i["description"], "AddTime": i["add_time"], "ModTime": i["add_time"],
                 "Status": "Active"} for v, i in function["versions"].items()]
        rows = self.jumbled(rows + [{"Version": "$LATEST", "Description": self.spell.empty_text(), "Status": function["status"],
                                     "AddTime": function["add_time"], "ModTime": function["mod_time"]}], "Version")
        rows = page(rows, self.call.get("Offset", 0), self.call.get("Limit", 20))
        return {"Versions": rows, "FunctionVersion": [r["Version"] for r in rows],
                "TotalCount": len(function["versions"]) + 1}

    def alias_answer(self, name, alias):
        routing = {"AdditionalVersionWeights": [], "AddtionVersionMatchs": [], **alias["routing"]}
        return {"Name": name, "FunctionVersion": alias["version"], "RoutingConfig": routing,
                "Description": alias["description"], "AddTime": alias["time"], "ModTime": alias["time"]}

    def alias(self, function):
        name = self.call.get("Name")
        if name == "$DEFAULT" and name not in function["aliases"]:
            return {"version": "$LATEST", "routing": {}, "description": "", "time": function["add_time"]}
        require(name in function["aliases"], "ResourceNotFound.Alias", f"no alias {name}")
        return function["aliases"][name]

    def put_alias(self, function):
        version = self.call.get("FunctionVersion")
        require(version == "$LATEST" or version in function["versions"], "ResourceNotFound.FunctionVersion", "no such version")
        function["aliases"][self.call.get("Name")] = {
            "version": version, "routing": self.call.get("RoutingConfig", {}), "time": self.cloud.stamp(),
            "description": self.call.get("Description", "")}
        return {}

    def CreateAlias(self):
        function, name = self.function(), self.call.get("Name")
        require(ALIAS.fullmatch(name), "InvalidParameterValue.Alias", "not an alias name")
        require(name not in function["aliases"], "ResourceInUse.Alias", "the alias exists")
        return self.put_alias(function)

    def UpdateAlias(self):
        function = self.function()
        self.alias(function)
        return self.put_alias(function)

    def GetAlias(self):
        return self.alias_answer(self.call.get("Name"), self.alias(self.function()))

    def ListAliases(self):
        function = self.function()
        rows = dict(function["aliases"])
        rows.setdefault("$DEFAULT", {"version": "$LATEST", "routing": {}, "description": "", "time": function["add_time"]})
        rows = self.jumbled([self.alias_answer(n, a) for n, a in rows.items()], "Name")
        return {"TotalCount": len(rows), "Aliases": page(rows, int(self.call.get("Offset", "0")), int(self.call.get("Limit", "20")))}

    def DeleteAlias(self):
        function = self.function()
        require(self.call.get("Name") != "$DEFAULT", "InvalidParameterValue.Alias", "$DEFAULT stays")
        self.alias(function)
        del function["aliases"][self.call.get("Name")]
        return {}

    # -- the rest

    def Invoke(self):
        function = self.settled("FailedOperation.FunctionStatusError")
        return {"Result": {"Log": "", "RetMsg": f"\"{function['name']}\"", "ErrMsg": "", "MemUsage": 1048576,
                           "Duration": 1.5, "BillDuration": 2, "FunctionRequestId": self.cloud.ident("", 32),
                           "InvokeResult": 0}}

    InvokeFunction = Invoke

    def GetLayerVersion(self):
        name, number = self.call.get("LayerName"), self.call.get("LayerVersion")
        require(1 <= number <= self.region["layers"].get(name, 0), "ResourceNotFound.LayerVersion", "no such layer")
        return {"LayerName": name, "LayerVersion": number, "Status": "Active"}
