"""The official Python SDK, unmodified, against a local cloud whose address is the only argument."""

import base64
import hashlib
import io
import json
import os
import sys
import time
import zipfile

from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError
from tencentcloud.cam.v20190116 import cam_client, models as cam
from tencentcloud.common import credential
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.scf.v20180416 import models as scf, scf_client
from tencentcloud.sts.v20180813 import models as sts, sts_client
from tencentcloud.tag.v20180813 import models as tag, tag_client

ADDRESS = sys.argv[1]
REGION = "ap-beijing"
TRUST = json.dumps({"version": "2.0", "statement": [{
    "action": "name/sts:AssumeRole", "effect": "allow", "principal": {"service": ["scf.qcloud.com"]}}]})


def profile():
    return ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=ADDRESS))


def client(kind, key="local"):
    return kind(credential.Credential("local", key), REGION, profile())


def call(module, target, action, **members):
    """One call through the SDK's typed models; members are given as plain data."""
    request = getattr(module, action + "Request")()
    request.from_json_string(json.dumps(members))
    return json.loads(getattr(target, action)(request).to_json_string())


def code(act):
    try:
        act()
    except TencentCloudSDKException as refusal:
        assert refusal.get_request_id(), "a refusal carries a request id"
        return refusal.get_code()
    raise AssertionError("the call should have been refused")


def expect(actual, wanted, what):
    assert actual == wanted, f"{what}: wanted {wanted!r}, got {actual!r}"


def package(name="bootstrap", text="#!/bin/sh\n"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, text)
    return base64.b64encode(buffer.getvalue()).decode()


def settled(functions, name):
    while True:
        answer = call(scf, functions, "GetFunction", FunctionName=name)
        if answer["Status"] not in ("Creating", "Updating", "Publishing", "Deleting"):
            return answer
        time.sleep(0.01)


def a_stack_is_made_read_changed_and_removed():
    functions, roles, tags = client(scf_client.ScfClient), client(cam_client.CamClient), client(tag_client.TagClient)
    call(cam, roles, "CreateRole", RoleName="media-notify", PolicyDocument=TRUST, Description="多媒体 — notify")
    call(cam, roles, "AttachRolePolicy", PolicyName="QcloudSCFInvokeFunctionAccess", AttachRoleName="media-notify")
    attached = call(cam, roles, "ListAttachedRolePolicies", Page=1, Rp=20, RoleName="media-notify")
    expect(attached["List"][0]["PolicyName"], "QcloudSCFInvokeFunctionAccess", "attached policy")
    expect(call(cam, roles, "GetRole", RoleName="media-notify")["RoleInfo"]["Description"], "多媒体 — notify", "text")

    definition = dict(FunctionName="MPSWebHook", Runtime="CustomRuntime", Handler="main", Role="media-notify",
                      Code={"ZipFile": package()}, Tags=[{"Key": "app", "Value": "webhook"}],
                      Environment={"Variables": [{"Key": "LOG_LEVEL", "Value": "info"}]})
    call(scf, functions, "CreateFunction", **definition)
    expect(code(lambda: call(scf, functions, "UpdateFunctionConfiguration", FunctionName="MPSWebHook", Timeout=15)),
           "FailedOperation.UpdateFunctionConfiguration", "busy function")
    expect(code(lambda: call(scf, functions, "CreateFunction", **definition)), "ResourceInUse.Function", "duplicate name")
    answer = settled(functions, "MPSWebHook")
    expect(answer["Status"], "Active", "status")
    expect(answer["Tags"], [{"Key": "app", "Value": "webhook"}], "tags")

    call(scf, functions, "CreateTrigger", FunctionName="MPSWebHook", TriggerName="nightly", Type="timer",
         TriggerDesc="0 0 3 * * * *", Qualifier="$DEFAULT", Enable="OPEN")
    triggers = call(scf, functions, "ListTriggers", FunctionName="MPSWebHook")
    expect(json.loads(triggers["Triggers"][0]["TriggerDesc"]), {"cron": "0 0 3 * * * *"}, "timer")

    call(scf, functions, "UpdateFunctionConfiguration", FunctionName="MPSWebHook", Timeout=15, MemorySize=256)
    answer = settled(functions, "MPSWebHook")
    expect((answer["Timeout"], answer["MemorySize"]), (15, 256), "update")

    name = f"qcs::scf:{REGION}:uin/:namespace/default/function/MPSWebHook"
    expect(call(tag, tags, "TagResources", ResourceList=[name],
                Tags=[{"TagKey": "team", "TagValue": "media"}])["FailedResources"], [], "tagging")
    found = call(tag, tags, "GetResources", TagFilters=[{"TagKey": "team", "TagValue": ["media"]}])
    expect(len(found["ResourceTagMappingList"]), 1, "found by tag")

    call(scf, functions, "DeleteTrigger", FunctionName="MPSWebHook", TriggerName="nightly", Type="timer",
         Qualifier="$DEFAULT")
    call(scf, functions, "DeleteFunction", FunctionName="MPSWebHook")
    while True:
        try:
            call(scf, functions, "GetFunction", FunctionName="MPSWebHook")
            time.sleep(0.01)
        except TencentCloudSDKException as refusal:
            expect(refusal.get_code(), "ResourceNotFound.Function", "deleted function")
            break
    call(cam, roles, "DeleteRole", RoleName="media-notify")
    expect(code(lambda: call(cam, roles, "GetRole", RoleName="media-notify")), "InvalidParameter.RoleNotExist", "role")


def refusals_carry_the_documented_codes():
    functions = client(scf_client.ScfClient)
    wrong = client(scf_client.ScfClient, key="not-the-secret")
    expect(code(lambda: call(scf, wrong, "GetAccount")), "AuthFailure.SignatureFailure", "wrong signature")
    now, time.time = time.time, lambda: now() - 400
    try:
        expect(code(lambda: call(scf, functions, "GetAccount")), "AuthFailure.SignatureExpire", "old timestamp")
    finally:
        time.time = now
    common = CommonClient("scf", "2018-04-16", credential.Credential("local", "local"), REGION, profile())
    for action, members, wanted in [
        ("GetFunction", {"FunctionNam": "x"}, "UnknownParameter"),
        ("DeleteFunction", {}, "MissingParameter"),
        ("ListFunctions", {"Limit": "many"}, "InvalidParameter"),
        ("GetFunction", {"FunctionName": "nobody"}, "ResourceNotFound.Function"),
        ("NoSuchAction", {}, "InvalidAction"),
        ("UpdateFunctionConfiguration", {"FunctionName": "nobody", "Timeout": 15}, "ResourceNotFound.Function"),
    ]:
        expect(code(lambda: common.call_json(action, members)), wanted, action)


def limits_and_paging_hold():
    functions = client(scf_client.ScfClient)
    for index in range(50):
        call(scf, functions, "CreateFunction", FunctionName=f"f{index:02}", Runtime="CustomRuntime",
             Code={"ZipFile": package()})
    expect(code(lambda: call(scf, functions, "CreateFunction", FunctionName="one-more", Runtime="CustomRuntime",
                             Code={"ZipFile": package()})), "LimitExceeded.Function", "51st function")
    seen, offset = [], 0
    while True:
        answer = call(scf, functions, "ListFunctions", Offset=offset, Limit=20)
        seen += [row["FunctionName"] for row in answer["Functions"]]
        offset += 20
        if offset >= answer["TotalCount"]:
            break
    expect(sorted(seen), [f"f{index:02}" for index in range(50)], "pages")


def an_mps_event_type_is_bound_through_the_common_client():
    functions = client(scf_client.ScfClient)
    settled(functions, "f00")
    mps = CommonClient("mps", "2019-06-12", credential.Credential("local", "local"), REGION, profile())
    members = {"ScfRegion": REGION, "EventType": "WorkflowTask", "Qualifier": "$DEFAULT", "FunctionName": "f00",
               "Namespace": "default"}
    bound = mps.call_json("BindTrigger", members)["Response"]["ResourceId"]
    assert bound.endswith("TriggerType/WorkflowTaskEvent"), bound
    listed = call(scf, functions, "ListTriggers", FunctionName="f00")["Triggers"]
    expect([(row["Type"], row["BindStatus"]) for row in listed], [("mps", "on")], "listed binding")
    expect(code(lambda: mps.call_json("BindTrigger", dict(members, FunctionName="f01"))), "ResourceInUse.Trigger",
           "held event type")


def functions_run_when_they_are_invoked():
    functions = client(scf_client.ScfClient)
    call(scf, functions, "CreateNamespace", Namespace="runs")
    text = """
def main_handler(event, context):
    print("seen", event.get("n"))
    if event.get("n") == 2:
        raise ValueError("not two")
    return {"doubled": event["n"] * 2}
"""
    call(scf, functions, "CreateFunction", FunctionName="doubler", Namespace="runs", Runtime="Python3.10",
         Handler="index.main_handler", Timeout=10, Code={"ZipFile": package("index.py", text)})
    while call(scf, functions, "GetFunction", FunctionName="doubler", Namespace="runs")["Status"] != "Active":
        time.sleep(0.01)

    target = {"FunctionName": "doubler", "Namespace": "runs"}
    result = call(scf, functions, "InvokeFunction", Event=json.dumps({"n": 4}), LogType="Tail", **target)["Result"]
    expect((json.loads(result["RetMsg"]), result["ErrMsg"]), ({"doubled": 8}, ""), "answer")
    assert "seen 4" in result["Log"] and result["Duration"] > 0 and result["MemUsage"] > 0, result

    result = call(scf, functions, "Invoke", ClientContext=json.dumps({"n": 2}), **target)["Result"]
    assert "not two" in result["ErrMsg"], "an error of the function stands inside the result"

    accepted = call(scf, functions, "Invoke", InvocationType="Event", ClientContext=json.dumps({"n": 5}), **target)
    request = accepted["Result"]["FunctionRequestId"]
    while True:
        rows = call(scf, functions, "GetRequestStatus", FunctionRequestId=request, **target)["Data"]
        if rows and rows[0]["RetCode"] != 1:
            break
        time.sleep(0.01)
    expect((rows[0]["RetCode"], json.loads(rows[0]["RetMsg"])), (0, {"doubled": 10}), "asynchronous run")
    expect(code(lambda: call(scf, functions, "Invoke", FunctionName="nobody")), "ResourceNotFound.Function",
           "unknown function")


def objects_are_put_in_one_piece_and_in_parts_and_become_code():
    host, port = ADDRESS.split(":")
    config = CosConfig(Region=REGION, SecretId="local", SecretKey="local", Scheme="http", IP=host, Port=int(port))
    objects, where = CosS3Client(config), dict(Bucket="deploy-1250000000", Key="a b/中+&.zip")
    put = objects.put_object(Body=b"whole", Metadata={"x-cos-meta-note": "n"}, EnableMD5=True, **where)
    # The SDK hands header names on as they were spelled, which HTTP leaves open.
    expect(put["etag"], '"%s"' % hashlib.md5(b"whole").hexdigest(), "ETag")
    expect(objects.head_object(**where)["x-cos-meta-note"], "n", "metadata")
    expect(objects.get_object(**where)["Body"].get_raw_stream().read(), b"whole", "content")

    where["Key"] = "code/parts.zip"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("index.py", "def main_handler(event, context):\n    return 'from parts'\n")
        out.writestr("noise", os.urandom(3 << 20))
    data, size = archive.getvalue(), 1 << 20
    upload = objects.create_multipart_upload(**where)["UploadId"]
    found = objects.list_multipart_uploads(Bucket=where["Bucket"], Prefix="code/")["Upload"]
    expect([row["UploadId"] for row in found], [upload], "unfinished uploads")
    parts = []
    for number, at in enumerate(range(0, len(data), size), 1):
        sent = objects.upload_part(Body=data[at:at + size], PartNumber=number, UploadId=upload, **where)
        parts.append({"PartNumber": number, "ETag": sent["etag"]})
    listed = objects.list_parts(UploadId=upload, **where)["Part"]
    expect([row["ETag"] for row in listed], [part["ETag"] for part in parts], "parts")
    objects.complete_multipart_upload(UploadId=upload, MultipartUpload={"Part": parts}, **where)
    expect(objects.get_object(**where)["Body"].get_raw_stream().read(), data, "content of parts")
    for wrong, act in [("NoSuchUpload", lambda: objects.abort_multipart_upload(UploadId=upload, **where)),
                       ("NoSuchKey", lambda: objects.get_object(Bucket=where["Bucket"], Key="other")),
                       ("SignatureDoesNotMatch", lambda: CosS3Client(CosConfig(
                           Region=REGION, SecretId="local", SecretKey="wrong", Scheme="http", IP=host,
                           Port=int(port))).get_object(**where))]:
        try:
            act()
        except CosServiceError as refusal:
            expect(refusal.get_error_code(), wrong, "refusal")
        else:
            raise AssertionError(f"wanted {wrong}")

    functions = client(scf_client.ScfClient)
    call(scf, functions, "CreateNamespace", Namespace="objects")
    target = {"FunctionName": "from-parts", "Namespace": "objects"}
    made = dict(target, Runtime="Python3.10", Handler="index.main_handler")
    source = {"CosBucketName": "deploy", "CosObjectName": "/code/parts.zip"}
    expect(code(lambda: call(scf, functions, "CreateFunction", Code=dict(source, CosObjectName="/no.zip"), **made)),
           "ResourceNotFound.CosObject", "missing object")
    call(scf, functions, "CreateFunction", Code=source, **made)
    while call(scf, functions, "GetFunction", **target)["Status"] != "Active":
        time.sleep(0.01)
    result = call(scf, functions, "Invoke", **target)["Result"]
    expect(json.loads(result["RetMsg"]), "from parts", "answer")


def the_caller_is_known():
    identity = call(sts, client(sts_client.StsClient), "GetCallerIdentity")
    expect(identity["AccountId"], "100000000001", "account")


for claim in [a_stack_is_made_read_changed_and_removed, refusals_carry_the_documented_codes, limits_and_paging_hold,
              an_mps_event_type_is_bound_through_the_common_client, functions_run_when_they_are_invoked,
              objects_are_put_in_one_piece_and_in_parts_and_become_code, the_caller_is_known]:
    claim()
    print("ok", claim.__name__)
