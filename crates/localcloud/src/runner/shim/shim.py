# Runs a Python handler under the custom runtime API of the local cloud.
import http.client
import importlib
import json
import os
import sys
import traceback

sys.path.insert(0, os.environ["USER_CODE_ROOT"])
sys.stdout.reconfigure(line_buffering=True)
api = http.client.HTTPConnection(os.environ["SCF_RUNTIME_API"], int(os.environ["SCF_RUNTIME_API_PORT"]))


def call(method, path, body=None):
    api.request(method, "/runtime/" + path, body)
    answer = api.getresponse()
    return answer, answer.read()


module, _, method = os.environ["_HANDLER"].partition(".")
handler = getattr(importlib.import_module(module), method)
call("POST", "init/ready", " ")
while True:
    answer, event = call("GET", "invocation/next")
    context = {
        "request_id": answer.getheader("request_id"),
        "memory_limit_in_mb": int(answer.getheader("memory_limit_in_mb")),
        "time_limit_in_ms": int(answer.getheader("time_limit_in_ms")),
        "function_name": os.environ["SCF_FUNCTIONNAME"],
        "function_version": os.environ["SCF_FUNCTIONVERSION"],
        "namespace": os.environ["SCF_NAMESPACE"],
        "environment": json.dumps(dict(os.environ)),
    }
    try:
        result = json.dumps(handler(json.loads(event), context), ensure_ascii=False)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        call("POST", "invocation/error", traceback.format_exc().encode())
    else:
        sys.stdout.flush()
        call("POST", "invocation/response", result.encode())
