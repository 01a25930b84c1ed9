#!/usr/bin/env python3
"""Checks the stand-in itself, with a client of its own: signatures, shapes, statuses, respelling, faults.

    python3 conformance/selftest.py
"""

import base64
import hashlib
import http.client
import io
import json
import pathlib
import time
import tomllib
import unittest
import unittest.mock
import urllib.parse
import zipfile

import emit
import expect
import generate
import handmade
from client import KEY, TEMPORARY_KEY, Client, Control, Refused
from standin import access, cos, signature
from standin.cloud import PRESET_POLICIES, Options
from standin.refusal import Refusal
from standin.server import start

TRUST = json.dumps({"version": "2.0", "statement": [{"action": "name/sts:AssumeRole", "effect": "allow",
                                                     "principal": {"service": ["scf.qcloud.com"]}}]})


def archive(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, text in files.items():
            out.writestr(name, text)
    return base64.b64encode(buffer.getvalue()).decode()


ZIP = archive(bootstrap="#!/bin/sh\n")


class Case(unittest.TestCase):
    options = {"settle_ms": 0}

    def setUp(self):
        self.begin()

    def begin(self, **options):
        self.server = start(Options(**{**self.options, **options}))
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.client, self.control = Client(self.server.url), Control(self.server.url)
        self.scf = lambda action, **params: self.client.call("scf", action, params)
        self.cam = lambda action, **params: self.client.call("cam", action, params)

    def refuses(self, code, call, *args, **params):
        with self.assertRaises(Refused) as caught:
            call(*args, **params)
        self.assertEqual(caught.exception.code, code)

    def function(self, name="hook", **params):
        self.scf("CreateFunction", **{"FunctionName": name, "Runtime": "CustomRuntime", "Handler": "main",
                                      "Code": {"ZipFile": ZIP}, **params})

    def service_roles(self):
        for name in ("SCF_QcsRole", "MPS_QcsRole"):
            self.cam("CreateRole", RoleName=name, PolicyDocument=TRUST)


class Signatures(Case):
    def verify(self, vector, **changes):
        headers = {k.lower(): v for k, v in {**vector["headers"], **changes}.items()}
        token = vector["headers"].get("X-TC-Token")
        keys = {vector["secret_id"]: (vector["secret_key"], token)}
        return signature.verify(vector["method"], vector["query"], headers, bytes.fromhex(vector["payload_hex"]), keys,
                                headers["x-tc-action"], now=vector["timestamp"])

    def test_every_published_vector_verifies(self):
        vectors = json.loads((pathlib.Path(__file__).parent / "vectors" / "tc3.json").read_text())
        self.assertGreater(len(vectors), 10)
        for vector in vectors:
            with self.subTest(vector["id"]):
                self.assertEqual(self.verify(vector)[0], vector["service"])
                broken = vector["headers"]["Authorization"][:-1] + (
                    "0" if vector["headers"]["Authorization"][-1] != "0" else "1")
                with self.assertRaises(Refusal):
                    self.verify(vector, Authorization=broken)

    def test_a_wrong_secret_a_stale_clock_and_an_unknown_id_have_their_codes(self):
        for key, skew, code in ((KEY, 301, "SignatureExpire"), (KEY, -302, "SignatureExpire"),
                                ((KEY[0], "wrong"), 0, "SignatureFailure"), (("AKIDnobody", "x"), 0, "SecretIdNotFound"),
                                ((*TEMPORARY_KEY[:2], "other"), 0, "TokenFailure"), ((*KEY, "extra"), 0, "TokenFailure")):
            status, kind, body = Client(self.server.url, key).raw("sts", "GetCallerIdentity", b"{}", skew=skew)
            self.assertEqual((status, kind), (200, "application/json"))
            self.assertEqual(json.loads(body)["Response"]["Error"]["Code"], f"AuthFailure.{code}")

    def test_temporary_keys_work_with_their_token(self):
        self.assertEqual(Client(self.server.url, TEMPORARY_KEY).call("sts", "GetCallerIdentity")["AccountId"], "100000000001")

    def test_an_assumed_role_can_call(self):
        self.service_roles()
        keys = self.client.call("sts", "AssumeRole", {
            "RoleArn": "qcs::cam::uin/100000000001:roleName/SCF_QcsRole", "RoleSessionName": "test"})["Credentials"]
        key = (keys["TmpSecretId"], keys["TmpSecretKey"], keys["Token"])
        Client(self.server.url, key).call("scf", "ListNamespaces")


class Shapes(Case):
    def test_unknown_missing_and_mistyped_parameters_are_refused(self):
        self.refuses("UnknownParameter", self.scf, "ListFunctions", Nonsense=1)
        self.refuses("UnknownParameter", self.function, Environment={"Variables": [{"Key": "A1", "Value": "b", "X": 1}]})
        self.refuses("MissingParameter", self.scf, "CreateFunction", FunctionName="hook")
        self.refuses("InvalidParameter", self.function, MemorySize="128")
        self.refuses("InvalidParameter", self.function, Environment=None)
        self.refuses("InvalidParameter", self.cam, "DescribeRoleList", Page=-1, Rp=10)
        self.refuses("InvalidAction", self.scf, "DeleteEverything")
        self.refuses("NoSuchVersion", self.client.call, "scf", "ListFunctions", X_TC_Version="2017-01-01")
        self.refuses("MissingParameter", self.client.call, "scf", "ListFunctions", {}, "")

    def test_a_member_that_comes_twice_is_refused(self):
        body = self.client.raw("scf", "GetFunction", b'{"FunctionName":"a1","FunctionName":"a2"}')[2]
        self.assertEqual(json.loads(body)["Response"]["Error"]["Code"], "InvalidParameter")

    def test_only_loopback_is_served(self):
        self.assertEqual(self.server.server_address[0], "127.0.0.1")

    def test_the_log_holds_digests_instead_of_archives(self):
        self.function()
        entry = next(e for e in self.control.log() if e["action"] == "CreateFunction")
        self.assertEqual(set(entry["params"]["Code"]["ZipFile"]), {"sha256", "size"})
        self.assertTrue(entry["write"] and entry["code"] == "ok")


class Functions(Case):
    def test_a_function_is_busy_until_it_settles(self):
        self.begin(settle_ms=60_000)
        self.function()
        self.assertEqual(self.scf("GetFunction", FunctionName="hook")["Status"], "Creating")
        self.refuses("FailedOperation.UpdateFunctionConfiguration", self.scf, "UpdateFunctionConfiguration",
                     FunctionName="hook", Timeout=9)
        self.refuses("FailedOperation.CreateTrigger", self.scf, "CreateTrigger", FunctionName="hook", TriggerName="t",
                     Type="timer", TriggerDesc="0 0 3 * * * *")
        self.control.mutate("settle")
        self.assertEqual(self.scf("GetFunction", FunctionName="hook")["Status"], "Active")
        self.scf("UpdateFunctionConfiguration", FunctionName="hook", Timeout=9)
        self.assertEqual(self.scf("GetFunction", FunctionName="hook")["Status"], "Updating")
        self.control.mutate("settle")
        self.scf("DeleteFunction", FunctionName="hook")
        with self.assertRaises(Refused) as again:
            self.function()
        self.assertIn(again.exception.code, ("ResourceInUse.Function", "ResourceInUse.FunctionName", "ResourceInUse"))
        self.control.mutate("settle")
        self.assertEqual(self.scf("ListFunctions")["TotalCount"], 0)

    def test_it_settles_by_itself(self):
        self.begin(settle_ms=40)
        self.function()
        deadline = time.monotonic() + 5
        while self.scf("GetFunction", FunctionName="hook")["Status"] != "Active":
            self.assertLess(time.monotonic(), deadline)

    def test_limits_have_their_codes(self):
        for code, params in (
                ("InvalidParameterValue.MemorySize", {"MemorySize": 100}), ("LimitExceeded.Timeout", {"Timeout": 901}),
                ("InvalidParameterValue.Runtime", {"Runtime": "Cobol"}),
                ("InvalidParameterValue.FunctionName", {"FunctionName": "1x"}),
                ("InvalidParameterValue.ZipFile", {"Code": {"ZipFile": base64.b64encode(b"no").decode()}}),
                ("InvalidParameterValue.ZipFileBase64BinasciiError", {"Code": {"ZipFile": "!"}}),
                ("InvalidParameterValue.Code", {"Code": {"ZipFile": ZIP, "DemoId": "d"}}),
                ("InvalidParameterValue.CosBucketName", {"Code": {"CosBucketName": "b-1250000000", "CosObjectName": "/a.zip"}}),
                ("InvalidParameterValue.EnvironmentSystemProtect", {"Environment": {"Variables": [{"Key": "SCF_A", "Value": "b"}]}}),
                ("InvalidParameterValue.Environment", {"Environment": {"Variables": [{"Key": "AA", "Value": ""}]}}),
                ("ResourceNotFound.Role", {"Role": "nobody"}), ("ResourceNotFound.Namespace", {"Namespace": "nowhere"}),
                ("InvalidParameterValue.Vpc", {"VpcConfig": {"VpcId": "vpc-1"}}),
                ("InvalidParameterValue.ClsRole", {"ClsLogsetId": "a", "ClsTopicId": "b"}),
                ("InvalidParameter.ReservedTagKey", {"Tags": [{"Key": "qcs:a", "Value": "b"}]})):
            with self.subTest(code):
                self.refuses(code, self.function, **params)

    def test_the_environment_is_replaced_whole_and_cleared_by_one_empty_pair(self):
        self.function(Environment={"Variables": [{"Key": "A1", "Value": "1"}, {"Key": "B1", "Value": "2"}]})

        def update(*variables):
            self.scf("UpdateFunctionConfiguration", FunctionName="hook", Environment={"Variables": list(variables)})
            return {v["Key"]: v["Value"] for v in self.scf("GetFunction", FunctionName="hook")["Environment"]["Variables"]}
        self.assertEqual(update({"Key": "C1", "Value": "3"}), {"C1": "3"})
        self.assertEqual(update(), {"C1": "3"})
        self.assertEqual(update({"Key": "", "Value": ""}), {})

    def test_server_made_log_topics_can_be_switched_off(self):
        self.function()
        self.assertTrue(self.scf("GetFunction", FunctionName="hook")["ClsTopicId"])
        self.begin(auto_cls=False)
        self.function()
        self.assertEqual(self.scf("GetFunction", FunctionName="hook")["ClsTopicId"], "")

    def test_create_tags_can_be_ignored(self):
        tags = [{"Key": "team", "Value": "media"}]
        self.function(Tags=tags)
        self.assertEqual(self.scf("GetFunction", FunctionName="hook")["Tags"], tags)
        self.begin(ignore_create_tags=True)
        self.function(Tags=tags)
        self.assertEqual(self.scf("GetFunction", FunctionName="hook")["Tags"], [])

    def test_an_image_comes_back_with_its_digest(self):
        image = {"ImageType": "personal", "ImageUri": "ccr.ccs.tencentyun.com/a/b:v1"}
        self.scf("CreateFunction", FunctionName="img", Runtime="CustomImage", Code={"ImageConfig": image})
        got = self.scf("GetFunction", FunctionName="img")["ImageConfig"]["ImageUri"]
        self.assertRegex(got, r"^ccr\.ccs\.tencentyun\.com/a/b:v1@sha256:[0-9a-f]{64}$")

    def test_wild_spelling_leaves_open_what_the_definition_lets_be_null(self):
        self.begin(spelling="wild", settle_ms=0)
        image = {"ImageType": "personal", "ImageUri": "ccr.ccs.tencentyun.com/a/b:v1"}
        self.scf("CreateFunction", FunctionName="img", Runtime="CustomImage", Code={"ImageConfig": image})
        told = [self.scf("GetFunction", FunctionName="img") for _ in range(30)]
        self.assertEqual({t["Runtime"] for t in told}, {None, "CustomImage"})
        self.assertEqual({t["ImageConfig"]["ImagePort"] for t in told}, {None, 9000})

    def test_the_code_can_be_downloaded(self):
        self.function()
        url = self.scf("GetFunctionAddress", FunctionName="hook")["Url"]
        connection = http.client.HTTPConnection(self.client.host)
        connection.request("GET", url.removeprefix(self.server.url))
        self.assertEqual(connection.getresponse().read(), base64.b64decode(ZIP))
        connection.close()

    def test_pages_together_hold_every_function_once(self):
        for n in range(25):
            self.function(f"f-{n}")
        names = [f["FunctionName"] for o in (0, 20) for f in self.scf("ListFunctions", Offset=o)["Functions"]]
        self.assertEqual(sorted(names), sorted(f"f-{n}" for n in range(25)))
        self.assertNotEqual(names, [f"f-{n}" for n in range(25)])
        ordered = [f["FunctionName"] for o in (0, 20) for f in self.scf("ListFunctions", Offset=o, Orderby="FunctionName", Order="ASC")["Functions"]]
        self.assertEqual(ordered, sorted(ordered))
        self.refuses("InvalidParameterValue.OrderBy", self.scf, "ListFunctions", Orderby="Size")
        self.refuses("InvalidParameterValue.Order", self.scf, "ListNamespaces", Orderby="Name", Order="up")

    def test_versions_and_aliases(self):
        self.function()
        version = self.scf("PublishVersion", FunctionName="hook")["FunctionVersion"]
        self.scf("CreateAlias", FunctionName="hook", Name="live", FunctionVersion=version)
        self.assertEqual({a["Name"] for a in self.scf("ListAliases", FunctionName="hook")["Aliases"]}, {"live", "$DEFAULT"})
        self.refuses("UnsupportedOperation.AliasBind", self.scf, "DeleteFunction", FunctionName="hook", Qualifier="1")

    def test_concurrency_and_async_settings_read_back(self):
        self.function()
        self.scf("PutReservedConcurrencyConfig", FunctionName="hook", ReservedConcurrencyMem=1280)
        self.assertEqual(self.scf("ListFunctions")["Functions"][0]["ReservedConcurrencyMem"], 1280)
        self.scf("DeleteReservedConcurrencyConfig", FunctionName="hook")
        self.assertIsNone(self.scf("GetReservedConcurrencyConfig", FunctionName="hook")["ReservedMem"])
        self.scf("UpdateFunctionEventInvokeConfig", FunctionName="hook",
                 AsyncTriggerConfig={"RetryConfig": [{"RetryNum": 0}], "MsgTTL": 60})
        got = self.scf("GetFunctionEventInvokeConfig", FunctionName="hook")["AsyncTriggerConfig"]
        self.assertEqual((got["MsgTTL"], got["RetryConfig"][0]["RetryNum"]), (60, 0))


class TriggersTest(Case):
    def setUp(self):
        super().setUp()
        self.function()
        self.service_roles()

    def create(self, kind, name, text="", **params):
        return self.scf("CreateTrigger", FunctionName="hook", Type=kind, TriggerName=name, TriggerDesc=text,
                        Qualifier="$DEFAULT", Enable="OPEN", **params)["TriggerInfo"]

    def test_a_timer_comes_back_wrapped(self):
        self.create("timer", "nightly", "0 3 * * *", CustomArgument="report")
        row = self.scf("GetFunction", FunctionName="hook")["Triggers"][0]
        self.assertEqual(json.loads(row["TriggerDesc"]), {"cron": "0 0 3 * * * *"})
        self.assertEqual((row["Enable"], row["CustomArgument"]), (1, "report"))
        self.scf("UpdateTrigger", FunctionName="hook", Type="timer", TriggerName="nightly", Qualifier="$DEFAULT",
                 TriggerDesc="0 0 4 * * * *", Enable="CLOSE", CustomArgument="")
        row = self.scf("ListTriggers", FunctionName="hook")["Triggers"][0]
        self.assertEqual((json.loads(row["TriggerDesc"])["cron"], row["Enable"], row["CustomArgument"] or ""), ("0 0 4 * * * *", 0, ""))
        self.refuses("InvalidParameterValue.TriggerDesc", self.create, "timer", "x", '{"cron":"0 0 3 * * * *"}')
        self.refuses("ResourceInUse.TriggerName", self.create, "timer", "nightly", "0 0 3 * * * *")

    def test_deleting_needs_the_qualifier_the_trigger_has(self):
        self.create("timer", "nightly", "0 0 3 * * * *")
        self.refuses("ResourceNotFound.Trigger", self.scf, "DeleteTrigger", FunctionName="hook", Type="timer", TriggerName="nightly")
        self.scf("DeleteTrigger", FunctionName="hook", Type="timer", TriggerName="nightly", Qualifier="$DEFAULT")

    def test_cos_triggers_of_one_bucket_are_told_apart_by_description(self):
        name = "in-1250000000.cos.ap-beijing.myqcloud.com"
        texts = [json.dumps({"event": f"cos:ObjectCreated:{e}", "filter": {"Prefix": "raw/", "Suffix": ".mp4"}}) for e in ("Put", "Post")]
        for text in texts:
            self.create("cos", name, text)
        self.refuses("InvalidParameterValue.CosNotifyRuleConflict", self.create, "cos", name, texts[0])
        told = [json.loads(t["TriggerDesc"]) for t in self.scf("GetFunction", FunctionName="hook")["Triggers"]]
        self.assertTrue(all(t["bucketUrl"] == name for t in told))
        self.refuses("InvalidParameterValue.TriggerDesc", self.scf, "DeleteTrigger", FunctionName="hook", Type="cos", TriggerName=name,
                     Qualifier="$DEFAULT")
        self.scf("DeleteTrigger", FunctionName="hook", Type="cos", TriggerName=name, TriggerDesc=texts[0], Qualifier="$DEFAULT")
        left = [json.loads(t["TriggerDesc"])["event"] for t in self.scf("ListTriggers", FunctionName="hook")["Triggers"]]
        self.assertEqual(left, ["cos:ObjectCreated:Post"])

    def test_a_ckafka_trigger_gains_members_and_keeps_its_offset(self):
        self.create("ckafka", "ckafka-abc-t1", json.dumps({"maxMsgNum": 10, "offset": "latest", "retry": 5, "timeOut": 9}))
        told = json.loads(self.scf("ListTriggers", FunctionName="hook")["Triggers"][0]["TriggerDesc"])
        self.assertTrue(told["consumerGroupName"].startswith("scf_") and told["topicName"] == "t1")
        where = {"FunctionName": "hook", "Type": "ckafka", "TriggerName": "ckafka-abc-t1", "Qualifier": "$DEFAULT"}
        self.scf("UpdateTrigger", **where, TriggerDesc=json.dumps({"maxMsgNum": 20, "retry": 5, "timeOut": 9}))
        self.refuses("InvalidParameterValue.TriggerDesc", self.scf, "UpdateTrigger", **where, TriggerDesc=json.dumps({"offset": "earliest"}))

    def test_wild_spelling_tells_numbers_in_any_type_and_nothing_by_enable(self):
        self.server.world.cloud.options.spelling = "wild"
        self.create("ckafka", "ckafka-abc-t1", json.dumps({"maxMsgNum": 10, "offset": "latest", "retry": 5, "timeOut": 9}))
        self.bind("WorkflowTask")
        seen, enable = set(), set()
        for _ in range(40):
            for row in self.scf("GetFunction", FunctionName="hook")["Triggers"]:
                if row["Type"] == "mps":
                    enable.add((row["Enable"], row["BindStatus"]))
                else:
                    seen.add(type(json.loads(row["TriggerDesc"])["maxMsgNum"]))
        self.assertEqual((seen, enable), ({int, float, str}, {(0, "on"), (1, "on")}))

    def test_a_function_url_is_renamed_and_gains_addresses(self):
        text = json.dumps({"AuthType": "NONE", "NetConfig": {"EnableIntranet": False, "EnableExtranet": True}})
        row = self.create("http", "url", text)
        self.assertNotEqual(row["TriggerName"], "url")
        net = json.loads(row["TriggerDesc"])["NetConfig"]
        self.assertTrue(net["ExtranetUrl"].startswith("https://1250000000-") and net["IntranetUrl"] == "")
        self.refuses("ResourceInUse.Trigger", self.create, "http", "other", text)

    def test_the_same_status_again_is_refused(self):
        self.create("timer", "nightly", "0 0 3 * * * *")
        where = {"FunctionName": "hook", "Type": "timer", "TriggerName": "nightly", "Qualifier": "$DEFAULT"}
        self.refuses("FailedOperation.UpdateTriggerStatus", self.scf, "UpdateTriggerStatus", **where, Enable="OPEN")
        self.scf("UpdateTriggerStatus", **where, Enable="CLOSE")

    def test_a_function_with_triggers_is_not_deleted(self):
        self.create("timer", "nightly", "0 0 3 * * * *")
        self.refuses("FailedOperation.DeleteFunction", self.scf, "DeleteFunction", FunctionName="hook")

    def bind(self, event, name="hook"):
        return self.client.call("mps", "BindTrigger", {"ScfRegion": "ap-beijing", "EventType": event, "FunctionName": name,
                                                       "Namespace": "default", "Qualifier": "$DEFAULT"})["ResourceId"]

    def test_an_mps_event_type_has_one_function_of_the_account(self):
        self.function("second")
        resource = self.bind("WorkflowTask")
        self.assertTrue(resource.endswith("TriggerType/WorkflowTaskEvent"))
        self.refuses("ResourceInUse", self.bind, "WorkflowTask", "second")
        self.bind("EditMediaTask", "second")
        self.client.call("mps", "UnbindTrigger", {"Type": "mps", "Qualifier": "$DEFAULT", "FunctionName": "hook",
                                                  "Namespace": "default", "ResourceId": resource})
        row = self.scf("ListTriggers", FunctionName="hook")["Triggers"][0]
        self.assertEqual((row["Type"], row["BindStatus"]), ("mps", "off"))
        self.bind("WorkflowTask", "second")
        self.scf("DeleteTrigger", FunctionName="hook", Type="mps", TriggerName=row["TriggerName"],
                 TriggerDesc=row["TriggerDesc"], Qualifier=row["Qualifier"])

    def test_the_stricter_reading_of_the_mps_limit_is_an_option(self):
        self.control.mutate("options", mps_one_in_all=True)
        self.function("second")
        self.bind("WorkflowTask")
        self.refuses("ResourceInUse", self.bind, "EditMediaTask", "second")

    def test_mps_needs_both_service_roles(self):
        self.cam("DeleteRole", RoleName="MPS_QcsRole")
        self.refuses("FailedOperation.InvalidMpsUser", self.bind, "WorkflowTask")


class Access(Case):
    def test_documents_come_back_in_other_spellings_and_mean_the_same(self):
        sent = {"version": "2.0", "statement": [{"action": ["name/sts:AssumeRole"], "effect": "allow", "principal": {
            "qcs": ["qcs::cam::uin/100000000001:root"], "service": ["scf.qcloud.com"]}}]}
        self.cam("CreateRole", RoleName="r", PolicyDocument=json.dumps(sent))
        seen = set()
        for _ in range(40):
            text = self.cam("GetRole", RoleName="r")["RoleInfo"]["PolicyDocument"]
            seen.add(text)
            statement = json.loads(text)["statement"][0]
            listed = {k: v if isinstance(v, list) else [v] for k, v in {**statement["principal"], "a": statement["action"]}.items()}
            self.assertEqual(listed["service"], ["scf.qcloud.com"])
            self.assertIn(listed["a"][0], ("name/sts:AssumeRole", "sts:AssumeRole"))
            self.assertIn(listed["qcs"][0].rpartition("100000000001:")[2], ("root", "uin/100000000001"))
        self.assertTrue(any("\\/" in t for t in seen) and any("\\/" not in t for t in seen))
        self.assertTrue(len(seen) > 10)

    def test_wild_spelling_encodes_documents_and_leaves_tags_out_of_lists(self):
        self.begin(spelling="wild")
        tags = [{"Key": "team", "Value": "media"}]
        self.cam("CreateRole", RoleName="r", PolicyDocument=TRUST, Tags=tags)
        ident = self.cam("CreatePolicy", PolicyName="p", PolicyDocument=json.dumps(policy("scf:Invoke", "*")), Tags=tags)["PolicyId"]
        told = [self.cam("GetRole", RoleName="r")["RoleInfo"]["PolicyDocument"] for _ in range(60)]
        encoded = [t for t in told if t.startswith("%7B")]
        self.assertTrue(any("+" in t for t in encoded) and any("%20" in t for t in encoded) and len(encoded) < 60)
        for text in encoded:
            self.assertIn("statement", urllib.parse.unquote_plus(text))
        rows = [self.cam("DescribeRoleList", Page=1, Rp=10, Tags=tags)["List"][0]["Tags"] for _ in range(30)]
        self.assertTrue(None in rows and tags in rows)
        rows = [self.cam("ListPolicies", Scope="Local")["List"][0].get("Tags") for _ in range(30)]
        self.assertTrue(None in rows and tags in rows)
        self.assertIn(tags, [self.cam("GetPolicy", PolicyId=ident).get("Tags") for _ in range(30)])

    def test_plain_spelling_hands_back_what_was_sent(self):
        self.begin(spelling="plain")
        self.cam("CreateRole", RoleName="r", PolicyDocument=TRUST)
        self.assertEqual(json.loads(self.cam("GetRole", RoleName="r")["RoleInfo"]["PolicyDocument"]), json.loads(TRUST))

    def test_two_runs_of_one_seed_spell_alike(self):
        def run():
            self.begin(seed=7)
            self.cam("CreateRole", RoleName="r", PolicyDocument=TRUST)
            return [self.cam("GetRole", RoleName="r")["RoleInfo"]["PolicyDocument"] for _ in range(5)]
        self.assertEqual(run(), run())

    def test_bad_documents_are_refused(self):
        for code, statement in (("EffectError", {"effect": "Allow", "action": "sts:AssumeRole", "principal": {"service": "scf.qcloud.com"}}),
                                ("PrincipalError", {"effect": "allow", "action": "sts:AssumeRole"}),
                                ("PrincipalServiceNotExist", {"effect": "allow", "action": "sts:AssumeRole", "principal": {"service": "scf.example.com"}}),
                                ("ActionMiss", {"effect": "allow", "principal": {"service": "scf.qcloud.com"}})):
            self.refuses(f"InvalidParameter.{code}", self.cam, "CreateRole", RoleName="r",
                         PolicyDocument=json.dumps({"version": "2.0", "statement": [statement]}))
        self.refuses("InvalidParameter.PolicyDocumentError", self.cam, "CreateRole", RoleName="r", PolicyDocument="%7B%7D")

    def test_preset_policies_attach_by_name_and_lists_are_paged(self):
        self.cam("CreateRole", RoleName="r", PolicyDocument=TRUST)
        self.refuses("InvalidParameter.RoleNameInUse", self.cam, "CreateRole", RoleName="r", PolicyDocument=TRUST)
        self.cam("AttachRolePolicy", AttachRoleName="r", PolicyName="QcloudAccessForScfRole")
        rows = self.cam("ListAttachedRolePolicies", RoleName="r", Page=1, Rp=200)["List"]
        self.assertEqual([r["PolicyName"] for r in rows], ["QcloudAccessForScfRole"])
        own = self.cam("CreatePolicy", PolicyName="own", PolicyDocument=json.dumps(policy("scf:Invoke", "*")))["PolicyId"]
        self.refuses("InvalidParameter.PolicyIdNotExist", self.cam, "AttachRolePolicy", AttachRoleName="r", PolicyName="own")
        self.cam("AttachRolePolicy", AttachRoleName="r", PolicyId=own)
        self.refuses("InvalidParameter.PolicyIdNotExist", self.cam, "DetachRolePolicy", DetachRoleName="r", PolicyName="own")
        self.cam("DetachRolePolicy", DetachRoleName="r", PolicyId=own)
        pages = [self.cam("ListPolicies", Scope="QCS", Rp=200, Page=p) for p in (1, 2)]
        self.assertEqual(sum(len(p["List"]) for p in pages), pages[0]["TotalNum"])
        self.assertGreater(pages[0]["TotalNum"], 200)

    def test_a_new_role_is_not_usable_at_once(self):
        self.begin(role_lag_ms=60_000)
        self.cam("CreateRole", RoleName="r", PolicyDocument=TRUST)
        self.refuses("InvalidParameter.RoleNotExist", self.cam, "AttachRolePolicy", AttachRoleName="r", PolicyName="QcloudSCFFullAccess")
        self.refuses("ResourceNotFound.Role", self.function, Role="r")


def policy(action, resource, effect="allow", **condition):
    one = {"effect": effect, "action": action, "resource": resource}
    return {"version": "2.0", "statement": [{**one, "condition": condition} if condition else one]}


class Permissions(Case):
    hook = "qcs::scf:ap-beijing:uin/100000000001:namespace/default/function/hook"

    def test_a_statement_names_a_resource_segment_by_segment(self):
        asked = {"action": "scf:GetFunction", "resource": self.hook, "tags": {"team": "media"}}
        owners = self.hook.replace("uin/100000000001", "")
        for resource, fits in [("*", True), (self.hook, True), (owners, True), (self.hook[:-4] + "*", True),
                               (self.hook[:-4] + "hoo?", True), (self.hook.replace("beijing", "*"), True),
                               (self.hook + "s", False), (self.hook[:-1], False), ("qcs::scf:*", False),
                               (self.hook.replace("0001", "0002"), False), (self.hook.replace("beijing", "shanghai"), False)]:
            self.assertEqual(access.allowed([policy("scf:GetFunction", [resource])], asked), fits, resource)
        for action, fits in [("scf:*", True), ("name/scf:GetFunction", True), ("*", True), ("scf:Get", False), ("cam:GetFunction", False)]:
            self.assertEqual(access.allowed([policy([action], self.hook)], asked), fits, action)

    def test_only_a_star_names_what_an_operation_is_checked_on(self):
        asked = {"action": "scf:CreateTrigger", "resource": "*", "tags": None}
        self.assertTrue(access.allowed([policy("scf:CreateTrigger", "*")], asked))
        self.assertFalse(access.allowed([policy("scf:CreateTrigger", [self.hook])], asked))

    def test_a_deny_wins_and_nothing_is_not_enough(self):
        asked = {"action": "scf:GetFunction", "resource": self.hook, "tags": None}
        allow, deny = policy("scf:*", "*"), policy("scf:GetFunction", [self.hook], "deny")
        self.assertEqual([access.allowed(d, asked) for d in ([allow], [allow, deny], [deny], [])], [True, False, False, False])

    def test_a_condition_looks_at_the_tags_and_an_unknown_one_does_not_hold(self):
        def allowed(tags, operator="for_any_value:string_equal", key="qcs:resource_tag", value=("team&media",)):
            asked = {"action": "scf:GetFunction", "resource": self.hook, "tags": tags}
            return access.allowed([policy("scf:GetFunction", "*", **{operator: {key: list(value)}})], asked)
        self.assertTrue(allowed({"a": "b", "team": "media"}))
        for tags in ({"team": "other"}, {}, None):
            self.assertFalse(allowed(tags))
        self.assertFalse(allowed({"team": "media"}, operator="date_less_than"))
        self.assertFalse(allowed({"team": "media"}, key="qcs:request_tag"))

    def test_a_call_is_refused_by_what_it_asks_for_and_the_log_says_so(self):
        named = self.hook.replace("/hook", "/worker")
        self.server.world.policies = [policy("scf:*", [named])]
        self.refuses("UnauthorizedOperation", self.function, "worker", Role="runner")
        self.assertEqual([a["resource"] for a in self.control.log()[-1]["denied"]], ["qcs::cam::uin/100000000001:roleName/runner"])
        self.function("worker")
        self.refuses("UnauthorizedOperation", self.function, "hook")
        self.refuses("UnauthorizedOperation", self.scf, "ListFunctions")


class Tags(Case):
    def test_a_failed_resource_is_told_inside_a_successful_answer(self):
        self.function()
        name = "qcs::scf:ap-beijing:uin/:namespace/default/function/"
        tags = [{"TagKey": "team", "TagValue": "media"}]
        answer = self.client.call("tag", "TagResources", {"ResourceList": [name + "hook", name + "absent"], "Tags": tags})
        self.assertEqual([f["Resource"] for f in answer["FailedResources"]], [name + "absent"])
        rows = self.client.call("tag", "GetResources", {"TagFilters": [{"TagKey": "team", "TagValue": ["media"]}]})["ResourceTagMappingList"]
        self.assertEqual([r["Resource"] for r in rows], ["qcs::scf:ap-beijing:uin/100000000001:namespace/default/function/hook"])

    def test_a_key_that_is_not_there_may_be_told(self):
        self.function(Tags=[{"Key": "team", "Value": "media"}])
        name = "qcs::scf:ap-beijing:uin/:namespace/default/function/hook"
        answers = [self.client.call("tag", "UnTagResources", {"ResourceList": [name], "TagKeys": ["other"]}) for _ in range(30)]
        codes = {f["Code"] for a in answers for f in a["FailedResources"]}
        self.assertEqual(codes, {"ResourceNotFound.AttachedTagKeyNotFound"})
        self.assertIn([], [a["FailedResources"] for a in answers])

    def test_wild_spelling_shortens_regions(self):
        self.begin(spelling="wild")
        self.function(Tags=[{"Key": "team", "Value": "media"}])
        asked = {"TagFilters": [{"TagKey": "team", "TagValue": ["media"]}]}
        rows = [self.client.call("tag", "GetResources", asked)["ResourceTagMappingList"][0]["Resource"] for _ in range(30)]
        self.assertEqual({r.split(":")[3] for r in rows}, {"bj", "ap-beijing"})

    def test_a_key_holds_a_thousand_values(self):
        self.server.world.cloud.tag_values["full"] = {str(n) for n in range(1000)}
        self.refuses("LimitExceeded.TagValue", self.function, Tags=[{"Key": "full", "Value": "one more"}])
        self.function(Tags=[{"Key": "full", "Value": "999"}])


    def test_a_pair_is_made_once_and_deleted_once(self):
        pair = {"TagKey": "lock", "TagValue": "stack/1"}
        self.client.call("tag", "CreateTag", pair)
        self.refuses("ResourceInUse.TagDuplicate", self.client.call, "tag", "CreateTag", pair)
        answer = self.client.call("tag", "DescribeTags", {"TagKeys": ["lock"], "Limit": 1000})
        self.assertEqual([(t["TagValue"], t["CanDelete"]) for t in answer["Tags"]], [("stack/1", 1)])
        self.client.call("tag", "DeleteTag", pair)
        self.refuses("ResourceNotFound.TagNonExist", self.client.call, "tag", "DeleteTag", pair)
        self.function(Tags=[{"Key": "lock", "Value": "held"}])
        self.refuses("FailedOperation.TagAttachedResource", self.client.call, "tag", "DeleteTag", {**pair, "TagValue": "held"})
        self.refuses("FailedOperation", self.client.call, "tag", "DescribeTags", {"Offset": 5, "Limit": 10})


class FaultsTest(Case):
    def test_a_rule_strikes_the_call_it_names(self):
        self.control.faults({"service": "scf", "action": "ListFunctions", "nth": 2, "kind": "refuse", "code": "InternalError"})
        self.scf("ListFunctions")
        self.refuses("InternalError", self.scf, "ListFunctions")
        self.scf("ListFunctions")

    def test_a_lost_answer_took_effect_and_a_lost_call_did_not(self):
        for kind, count in (("drop_before", 0), ("drop_after", 1), ("truncate", 2), ("http500", 2), ("http500_after", 3)):
            self.control.faults({"action": "CreateFunction", "kind": kind})
            with self.assertRaises((ConnectionError, http.client.HTTPException)):
                self.function(f"f-{kind.replace('_', '-')}")
            self.control.faults()
            self.assertEqual(self.scf("ListFunctions")["TotalCount"], count)

    def test_garbage_throttling_and_odd_content_types(self):
        self.control.faults({"kind": "throttle"})
        self.refuses("RequestLimitExceeded", self.scf, "ListFunctions")
        self.control.faults({"kind": "garbage"})
        self.assertTrue(self.client.raw("scf", "ListFunctions", b"{}")[2].startswith(b"<html>"))
        self.control.faults({"kind": "wrong_content_type"})
        self.assertIn("text/html", self.client.raw("scf", "ListFunctions", b"{}")[1])

    def test_a_stale_answer_is_as_of_before_the_last_write(self):
        self.control.faults({"action": "ListFunctions", "kind": "stale", "times": 1})
        self.function()
        self.assertEqual(self.scf("ListFunctions")["TotalCount"], 0)
        self.assertEqual(self.scf("ListFunctions")["TotalCount"], 1)

    def test_a_change_can_stay_pending(self):
        self.control.faults({"action": "CreateFunction", "kind": "stay_pending"})
        self.function()
        self.assertEqual(self.scf("GetFunction", FunctionName="hook")["Status"], "Creating")

    def test_documented_rates_are_enforced_on_request(self):
        self.begin(rates=True)
        codes = []
        for n in range(4):
            try:
                self.cam("CreateRole", RoleName=f"r{n}", PolicyDocument=TRUST)
                codes.append("ok")
            except Refused as refused:
                codes.append(refused.code)
        self.assertIn("RequestLimitExceeded", codes)

    def test_the_console_can_edit_behind_the_clients_back(self):
        self.function()
        self.control.console("scf", "CreateTrigger", "ap-beijing", FunctionName="hook", TriggerName="t", Type="timer",
                             TriggerDesc="0 0 3 * * * *", Qualifier="$DEFAULT", Enable="OPEN")
        self.control.mutate("set_function", region="ap-beijing", name="hook", config={"MemorySize": 512})
        got = self.scf("GetFunction", FunctionName="hook")
        self.assertEqual((got["MemorySize"], len(got["Triggers"])), (512, 1))
        self.assertEqual(self.control.mutate("delete_trigger", region="ap-beijing", name="hook", type="timer")["deleted"], 1)
        self.assertFalse([e for e in self.control.log() if e["action"] == "CreateTrigger"])


class Spelling(Case):
    def test_answers_differ_in_order_and_carry_members_nobody_defined(self):
        self.function(Environment={"Variables": [{"Key": f"K{n}", "Value": "v"} for n in range(6)]})
        orders, extra = set(), 0
        for _ in range(12):
            got = self.scf("GetFunction", FunctionName="hook")
            orders.add(tuple(v["Key"] for v in got["Environment"]["Variables"]))
            extra += "StandinNote" in got
        self.assertTrue(len(orders) > 3 and 0 < extra < 12)


class Generated(Case):
    """Generator, stand-in and expectations agree, before any provisioner comes into play."""
    options = {"settle_ms": 2, "strict_description": True, "namespaces_per_region": 8}

    def test_a_manifest_applied_by_hand_is_as_expected_and_its_edits_are_not(self):
        presets = {ident: name for name, ident in PRESET_POLICIES.items()}
        for seed in range(1, 41):
            with self.subTest(seed):
                self.begin(seed=seed)
                made = generate.sample(seed)
                for service, action, region, params in made.console:
                    self.control.console(service, action, region, **params)
                handmade.apply(self.client, made)
                self.control.mutate("settle")
                state = self.control.state()
                self.assertEqual(expect.differences(made.manifest, state, generate.SECRET, presets), [])
                for edit in made.edits():
                    if edit.path != "code":  # what an archive holds is not compared byte by byte
                        self.assertNotEqual(expect.differences(edit.manifest, state, generate.SECRET, presets), [], edit.name)

    def test_toml_and_yaml_say_what_was_generated(self):
        for seed in range(50):
            made = generate.sample(seed)
            self.assertEqual(tomllib.loads(emit.toml(made.manifest)), made.manifest)
            self.assertTrue(emit.yaml(made.manifest).startswith(f"stack: conf-{seed}\n"))


class Objects(Case):
    """COS: the signature by the vector of the official SDK, and the rules of uploads."""

    HOST = "deploy-1250000000.cos.ap-beijing.myqcloud.com"

    def ask(self, method, path, query=(), body=b"", key=KEY, **headers):
        span = f"{int(time.time()) - 60};{int(time.time()) + 600}"
        sent = {"host": self.HOST, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if len(key) > 2:
            sent["x-cos-security-token"] = key[2]
        pairs = sorted((cos.quoted(k).lower(), cos.quoted(v)) for k, v in query)
        lines = [method.lower(), path, "&".join(f"{k}={v}" for k, v in pairs),
                 "&".join(f"{k}={cos.quoted(v)}" for k, v in sorted(sent.items())), ""]
        text = f"sha1\n{span}\n{hashlib.sha1(chr(10).join(lines).encode()).hexdigest()}\n"
        sent["Authorization"] = "&".join(f"{k}={v}" for k, v in {
            "q-sign-algorithm": "sha1", "q-ak": key[0], "q-sign-time": span, "q-key-time": span,
            "q-header-list": ";".join(sorted(sent)), "q-url-param-list": ";".join(k for k, _ in pairs),
            "q-signature": cos.sha1(cos.sha1(key[1], span), text)}.items())
        connection = http.client.HTTPConnection(self.server.url.removeprefix("http://"), timeout=20)
        self.addCleanup(connection.close)
        tail = "&".join(f"{k}={v}" if v else k for k, v in query)
        connection.request(method, path + ("?" + tail if tail else ""), body, sent)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def test_the_vector_of_the_official_sdk(self):
        span = "1557989151;1557996411"
        headers = {"host": "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com:80", "content-type": "application/json",
                   "content-length": "2", "x-cos-forbid-overwrite": "true",
                   "authorization": f"q-sign-algorithm=sha1&q-ak=AKID&q-sign-time={span}&q-key-time={span}&q-url-param-list="
                   "&q-header-list=content-length;content-type;host;x-cos-forbid-overwrite"
                   "&q-signature=304034e3bd1974b3a5306c141c5cb751a1b067de"}
        keys = {"AKID": ("Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", None)}
        with unittest.mock.patch("standin.cos.time.time", lambda: 1557990000):
            cos.verify("PUT", "/locks/state.lock", [], headers, keys)
            with self.assertRaises(cos.Error):
                cos.verify("PUT", "/locks/other.lock", [], headers, keys)

    def test_objects_and_keys(self):
        for key in (KEY, TEMPORARY_KEY):
            self.assertEqual(self.ask("PUT", "/a.zip", body=b"x", key=key, x_cos_meta_sha256="d")[0], 200)
        status, headers, _ = self.ask("HEAD", "/a.zip")
        self.assertEqual((status, headers["Content-Length"], headers["x-cos-meta-sha256"]), (200, "1", "d"))
        self.assertEqual(self.ask("HEAD", "/b.zip")[::2], (404, ""))
        for code, answer in [("SignatureDoesNotMatch", self.ask("GET", "/a.zip", key=(KEY[0], "wrong"))),
                             ("AccessDenied", self.ask("GET", "/a.zip", key=TEMPORARY_KEY[:2])),
                             ("NoSuchKey", self.ask("GET", "/b.zip")), ("BadDigest", self.ask("PUT", "/a", content_md5="x"))]:
            self.assertIn(f"<Code>{code}</Code>", answer[2])

    def test_parts_have_their_limits(self):
        text = self.ask("POST", "/a.zip", [("uploads", "")])[2]
        ident = text.split("<UploadId>")[1].split("<")[0]
        tags = [self.ask("PUT", "/a.zip", [("partNumber", str(n)), ("uploadId", ident)], body)[1]["ETag"]
                for n, body in ((1, b"small"), (2, b"b" * (1 << 20)), (3, b"c"))]

        def complete(*numbers):
            body = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tags[n - 1]}</ETag></Part>" for n in numbers)
            return self.ask("POST", "/a.zip", [("uploadId", ident)], f"<C>{body}</C>".encode())
        self.assertIn("EntityTooSmall", complete(1, 2)[2])
        self.assertIn("InvalidPartOrder", complete(3, 2)[2])
        self.assertEqual(complete(2, 3)[0], 200)
        self.assertIn("NoSuchUpload", complete(2, 3)[2])
        self.assertEqual(self.control.state()["cos"]["objects"][0]["size"], (1 << 20) + 1)


if __name__ == "__main__":
    unittest.main()
