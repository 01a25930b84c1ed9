"""Triggers: what each type takes, how it is told back, what makes two of them the same. The MPS type is
bound by the MPS service (`Mps`), listed and deleted here like any other."""

import json
import re

from .refusal import Refusal, require
from .respell import Speller

PER_TYPE = 10  # quota page 583/11637
COS_EVENTS = {"cos:ObjectCreated:" + e for e in ("*", "Put", "Post", "Copy", "CompleteMultipartUpload",
                                                 "Origin", "Replication")} | {
    "cos:ObjectRemove:" + e for e in ("*", "Delete", "DeleteMarkerCreated")} | {
    "cos:ObjectRestore:" + e for e in ("Post", "Completed")}
TIMER_NAME = re.compile(r"[A-Za-z0-9_\-]{1,100}")
CRON_FIELD = re.compile(r"[\dA-Za-z*,/\-?#]+")
EVENT_TYPES = ("WorkflowTask", "EditMediaTask")
UPDATABLE = ("timer", "ckafka", "http")
SWITCHABLE = ("timer", "cos", "ckafka")


def bad_description(condition, text):
    require(condition, "InvalidParameterValue.TriggerDesc", text)


def as_json(text):
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    bad_description(isinstance(value, dict), "TriggerDesc must be a JSON object")
    return value


def timer_description(text):
    fields = text.split()
    bad_description(len(fields) in (5, 7) and all(CRON_FIELD.fullmatch(f) for f in fields),
                    "a timer takes a cron text of seven fields")
    return {"cron": " ".join(["0", *fields, "*"] if len(fields) == 5 else fields)}


def cos_description(text):
    value = as_json(text)
    given = value.get("filter", {})
    bad_description(set(value) <= {"event", "filter", "bucketUrl"} and value.get("event") in COS_EVENTS,
                    "a cos trigger takes event and filter")
    bad_description(isinstance(given, dict) and set(given) <= {"Prefix", "Suffix"}
                    and all(isinstance(v, str) for v in given.values()), "a filter takes Prefix and Suffix")
    suffix = given.get("Suffix", "")
    bad_description(not suffix or suffix.startswith("."), "a suffix begins with a full stop")
    return {"event": value["event"], "filter": {"Prefix": given.get("Prefix", ""), "Suffix": suffix}}


def ckafka_description(text):
    value = as_json(text)
    bad_description(set(value) <= {"maxMsgNum", "offset", "retry", "timeOut", "consumerGroupName", "easConfig"},
                    "a ckafka trigger has a member too many")

    def number(name, default, least, most):
        got = value.get(name, default)
        bad_description(str(got).isdigit() and least <= int(got) <= most, f"{name} is {least} to {most}")
        return int(got)
    offset = str(value.get("offset", "latest"))
    bad_description(offset in ("latest", "earliest") or offset.isdigit(), "offset: latest, earliest or milliseconds")
    return {"maxMsgNum": number("maxMsgNum", 1, 1, 10000), "offset": offset, "retry": number("retry", 10000, 0, 10000),
            "timeOut": number("timeOut", 60, 1, 60), "consumerGroupName": value.get("consumerGroupName", "")}


def http_description(text):
    value = as_json(text)
    bad_description(set(value) <= {"AuthType", "NetConfig", "CorsConfig", "ApiGwCompatible", "EnableSimpleMode"},
                    "a function URL has a member too many")
    bad_description(value.get("AuthType") in ("NONE", "CAM"), "AuthType: NONE or CAM")
    net = value.get("NetConfig", {})
    bad_description(isinstance(net, dict) and set(net) <= {"EnableIntranet", "EnableExtranet"}
                    and all(isinstance(v, bool) for v in net.values()), "NetConfig takes two booleans")
    cors = value.get("CorsConfig")
    known = {"Enable", "Origins", "Headers", "Methods", "ExposeHeaders", "MaxAge", "Credentials"}
    require(cors is None or (isinstance(cors, dict) and set(cors) <= known), "InvalidParameterValue.Cors",
            f"CorsConfig takes {sorted(known)}")
    return {"AuthType": value["AuthType"], "NetConfig": {
        "EnableIntranet": net.get("EnableIntranet", False), "EnableExtranet": net.get("EnableExtranet", False)},
        **({"CorsConfig": cors} if cors else {})}


PARSERS = {"timer": timer_description, "cos": cos_description, "ckafka": ckafka_description,
           "http": http_description, "cmq": as_json}


def told_description(trigger, region, appid, spell):
    """TriggerDesc as read back: enriched, reordered, always text."""
    kind, value = trigger["type"], trigger["description"]
    if kind == "timer":
        return json.dumps(value) if spell.chance(0.3) else spell.text(value)
    if kind == "cos":
        return spell.text({"bucketUrl": trigger["name"], **spell.keys({**value, "filter": spell.keys(value["filter"])})})
    if kind == "ckafka":
        instance, _, topic = trigger["name"].rpartition("-")
        extras = {"VIPList": ["10.0.0.7:6000"], "instanceId": instance, "isInSequence": False, "kafkaStatus": "on",
                  "maxSingleMsgSize": 5242880, "maxTotalMsgSize": 6291456, "partitionNum": 3,
                  "topicId": "topic-1a2b3c4d", "topicName": topic, "topicStatus": "on"}
        group = value["consumerGroupName"] or f"scf_{trigger['id']}"
        numbers = {k: spell.number(value[k]) for k in ("maxMsgNum", "retry", "timeOut")}
        return spell.text(spell.keys({**value, **numbers, "consumerGroupName": group, **extras}))
    if kind == "http":
        return spell.text(spell.keys(http_answer(trigger, region, appid, spell)))
    return spell.text(spell.keys(value)) if isinstance(value, dict) else value


def http_answer(trigger, region, appid, spell):
    value = trigger["description"]
    net = dict(value["NetConfig"])
    host = f"{appid}-{trigger['name']}"
    for side, domain, on in (("Intranet", f"{host}.in.{region}.tencentscf.com", net["EnableIntranet"]),
                             ("Extranet", f"{host}.{region}.tencentscf.com", net["EnableExtranet"])):
        net[f"{side}Url"] = f"https://{domain}" if on else ""
        net[f"{side}HTTPUrl"] = f"http://{domain}" if on else ""
        net[f"Wss{side}Url"] = f"wss://{domain}" if on else ""
        net[f"Ws{side}Url"] = f"ws://{domain}" if on else ""
    cors = value.get("CorsConfig")
    if cors and "MaxAge" in cors:
        cors = {**cors, "MaxAge": spell.number(cors["MaxAge"])}
    if cors is None and spell.wild():
        cors = {"Enable": False, "Origins": [], "Methods": [], "Headers": [], "ExposeHeaders": [],
                "MaxAge": 0, "Credentials": False}
    elif cors is None and spell.wild():
        return {"AuthType": value["AuthType"], "NetConfig": spell.keys(net), "CorsConfig": None}
    return {"AuthType": value["AuthType"], "NetConfig": spell.keys(net), **({"CorsConfig": cors} if cors else {})}


def told(trigger, function, cloud, spell, info):
    """One trigger as told. `info`: the richer form of ListTriggers, where texts may be null."""
    empty = spell.empty_text if info else (lambda: "")
    # Whether an event type is bound is told by BindStatus; what Enable means for this type is not described.
    enable = spell.rng.choice([0, 1]) if trigger["type"] == "mps" and spell.wild() else trigger["enable"]
    return {"ModTime": trigger["mod_time"], "AddTime": trigger["add_time"], "Type": trigger["type"],
            "TriggerDesc": told_description(trigger, function["region"], cloud.appid, spell),
            "TriggerName": trigger["name"], "Enable": enable,
            "CustomArgument": trigger["argument"] or empty(), "AvailableStatus": "Available",
            "ResourceId": trigger["resource"], "BindStatus": trigger["bind"], "TriggerAttribute": "single",
            "Qualifier": trigger["qualifier"], "Description": trigger["note"] or empty()}


class Triggers:
    """The trigger actions of SCF on one function."""

    def __init__(self, call, function):
        self.call, self.cloud, self.function = call, call.cloud, function
        self.spell = Speller(call.cloud.options.spelling, call.rng)

    def tell(self, trigger, info=False):
        return told(trigger, self.function, self.cloud, self.spell, info)

    def enable(self):
        value = self.call.get("Enable")
        require(value in (None, "OPEN", "CLOSE"), "InvalidParameterValue.Enable", "Enable: OPEN or CLOSE")
        return None if value is None else int(value == "OPEN")

    def argument(self, kind):
        text = self.call.get("CustomArgument")
        require(text is None or kind == "timer", "InvalidParameterValue.CustomArgument", "for timers only")
        require(len((text or "").encode()) <= 4096, "InvalidParameterValue.CustomArgument", "4 KB at most")
        return text

    def qualifier(self):
        qualifier = self.call.get("Qualifier", "$LATEST")
        known = {"$LATEST", "$DEFAULT", *self.function["aliases"], *self.function["versions"]}
        require(qualifier in known, "ResourceNotFound.Qualifier", f"no version or alias {qualifier}")
        return qualifier

    def find(self):
        """The trigger that name, type, qualifier and, where it counts, description point at."""
        kind, name = self.call.get("Type"), self.call.get("TriggerName")
        qualifier, text = self.call.get("Qualifier", "$LATEST"), self.call.get("TriggerDesc")
        if kind == "cos":
            bad_description(text, "a cos trigger is known by its description too")
        for trigger in self.function["triggers"]:
            if (trigger["type"], trigger["name"], trigger["qualifier"]) != (kind, name, qualifier):
                continue
            if kind == "cos" and cos_description(text) != trigger["description"]:
                continue
            if kind == "mps" and text and as_json(text) != trigger["description"]:
                continue
            return trigger
        raise Refusal("ResourceNotFound.Trigger", "no such trigger")

    def create(self):
        kind, name = self.call.get("Type"), self.call.get("TriggerName")
        if kind == "mps" and self.cloud.options.mps_via_scf:
            return self.tell(self.create_mps())
        require(kind in PARSERS, "UnsupportedOperation.Trigger", f"triggers of type {kind} are not made here")
        same = [t for t in self.function["triggers"] if t["type"] == kind]
        require(len(same) < PER_TYPE, "LimitExceeded.Trigger", f"{PER_TYPE} triggers of one type at most")
        description = PARSERS[kind](self.call.get("TriggerDesc", ""))
        qualifier, argument = self.qualifier(), self.argument(kind) or ""
        ident = self.cloud.ident("", 10)
        resource = f"qcs::scf:{self.function['region']}:uin/{self.cloud.account}:function/{self.function['name']}/{ident}"
        if kind == "timer":
            require(TIMER_NAME.fullmatch(name), "InvalidParameterValue.TriggerName", "not a timer name")
        elif kind == "cos":
            self.check_cos(name, description)
        elif kind == "ckafka":
            require(re.fullmatch(r"ckafka-[a-z0-9]+-.+", name), "InvalidParameterValue.TriggerName", "INSTANCE-TOPIC")
            self.need_service_role()
        elif kind == "http":
            require(not [t for t in same if t["qualifier"] == qualifier], self.in_use("ResourceInUse.Trigger"),
                    "a version has one function URL")
            name = ident
        if kind not in ("http", "cos"):
            require(name not in [t["name"] for t in same], self.in_use("ResourceInUse.TriggerName"), "the trigger name is in use")
        stamp, enable = self.cloud.stamp(), self.enable()
        trigger = {"id": ident, "type": kind, "name": name, "description": description, "qualifier": qualifier,
                   "enable": 1 if enable is None else enable, "argument": argument,
                   "note": self.call.get("Description", ""), "add_time": stamp, "mod_time": stamp,
                   "resource": resource, "bind": "on"}
        self.function["triggers"].append(trigger)
        return self.tell(trigger)

    def need_service_role(self):
        require(self.cloud.usable_role("SCF_QcsRole"), "FailedOperation.QcsRoleNotFound",
                "the service role SCF_QcsRole does not exist")

    def check_cos(self, name, description):
        pattern = rf"[a-z0-9\-]+-\d{{10}}\.cos\.{re.escape(self.function['region'])}\.myqcloud\.com"
        require(re.fullmatch(pattern, name), "InvalidParameterValue.TriggerName",
                "a cos trigger is named after its bucket's domain, in the function's region")
        self.need_service_role()
        for other in self.cloud.functions():
            for t in other["triggers"]:
                require(not (t["type"] == "cos" and t["name"] == name and t["description"] == description),
                        self.in_use("InvalidParameterValue.CosNotifyRuleConflict", "ResourceInUse.Cos"),
                        "the event and filter are taken")

    def in_use(self, *codes):
        """The codes have a general form, and which one comes is not said."""
        return self.spell.rng.choice([*codes, "ResourceInUse"]) if self.spell.wild() else codes[0]

    def create_mps(self):
        event = as_json(self.call.get("TriggerDesc", "")).get("eventType")
        enable = self.enable()
        return bind(self.cloud, self.function, event, self.qualifier(), on=enable is None or enable == 1)

    def delete(self):
        self.function["triggers"].remove(self.find())

    def update(self):
        kind = self.call.get("Type")
        require(kind in UPDATABLE, "UnsupportedOperation.Trigger", f"{kind} triggers cannot be updated")
        trigger = self.find()
        argument, enable, text = self.argument(kind), self.enable(), self.call.get("TriggerDesc")
        if text is not None:
            description = PARSERS[kind](text)
            if kind == "ckafka":
                sent = as_json(text)
                for fixed in ("offset", "consumerGroupName"):
                    bad_description(fixed not in sent or description[fixed] == trigger["description"][fixed],
                                    f"{fixed} cannot be changed")
                description = {**trigger["description"], **{k: description[k] for k in sent if k in description}}
            trigger["description"] = description
        if argument is not None:
            trigger["argument"] = argument
        if enable is not None:
            trigger["enable"] = enable
        trigger["note"] = self.call.get("Description", trigger["note"])
        trigger["mod_time"] = self.cloud.stamp()

    def switch(self):
        require(self.call.get("Type") in SWITCHABLE, "UnsupportedOperation.Trigger", "cannot be switched")
        trigger, enable = self.find(), self.enable()
        require(trigger["enable"] != enable, "FailedOperation.UpdateTriggerStatus", "the status is the same as before")
        trigger["enable"] = enable
        trigger["mod_time"] = self.cloud.stamp()


def bind(cloud, function, event, qualifier, on=True):
    """Binds an MPS event type: one function of the account per type (or one in all, by option)."""
    require(event in EVENT_TYPES, "InvalidParameterValue", f"EventType: one of {EVENT_TYPES}")
    mine = None
    for other in cloud.functions():
        for t in other["triggers"]:
            if t["type"] != "mps":
                continue
            same = t["description"]["eventType"] == event
            if other is function and same and t["qualifier"] == qualifier:
                mine = t
            elif on and t["bind"] == "on" and (same or cloud.options.mps_one_in_all):
                raise Refusal("ResourceInUse", f"the event type is bound to function {other['name']}")
    stamp = cloud.stamp()
    if mine is None:
        ident = cloud.ident("mps-", 8)
        mine = {"id": ident, "type": "mps", "name": "" if cloud.options.seed % 2 else ident,
                "description": {"eventType": event}, "qualifier": qualifier, "argument": "", "note": "",
                "add_time": stamp, "resource": f"qcs::mps:{function['region']}:uin/{cloud.account}:TriggerType/{event}Event"}
        function["triggers"].append(mine)
    mine.update(enable=int(on), bind="on" if on else "off", mod_time=stamp)
    return mine
