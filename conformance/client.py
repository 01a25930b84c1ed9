"""A minimal TC3 client and the control calls of the stand-in: what the self-test and the driver share.
Signing is written here again on purpose, so that the two sides of the check do not share a mistake."""

import hashlib
import hmac
import http.client
import json
import time
import urllib.request

VERSIONS = {"scf": "2018-04-16", "cam": "2019-01-16", "sts": "2018-08-13", "tag": "2018-08-13", "mps": "2019-06-12"}
KEY = ("AKIDstandinEXAMPLE", "standinSecretEXAMPLE")
TEMPORARY_KEY = ("ASIAstandinTEMPORARY", "standinTemporarySecret", "standin-token-EXAMPLE")


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


def authorization(secret_id, secret, service, host, body, stamp):
    day = time.strftime("%Y-%m-%d", time.gmtime(stamp))
    request = "\n".join(["POST", "/", "", "content-type:application/json", f"host:{host}", "", "content-type;host",
                         hashlib.sha256(body).hexdigest()])
    text = "\n".join(["TC3-HMAC-SHA256", str(stamp), f"{day}/{service}/tc3_request",
                      hashlib.sha256(request.encode()).hexdigest()])
    key = ("TC3" + secret).encode()
    for part in (day, service, "tc3_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return (f"TC3-HMAC-SHA256 Credential={secret_id}/{day}/{service}/tc3_request, "
            f"SignedHeaders=content-type;host, Signature={key.hex()}")


class Client:
    def __init__(self, url, key=KEY, region="ap-beijing"):
        self.url, self.key, self.region = url, key, region
        self.host = url.removeprefix("http://")

    def raw(self, service, action, body, region=None, skew=0, **headers):
        """`(status, content type, body)` of one signed call; header names with `_` for `-`."""
        stamp = int(time.time()) + skew
        sent = {"Content-Type": "application/json", "X-TC-Action": action, "X-TC-Version": VERSIONS[service],
                "X-TC-Timestamp": str(stamp), "X-TC-Region": self.region if region is None else region,
                "Authorization": authorization(*self.key[:2], service, self.host, body, stamp)}
        if len(self.key) > 2:
            sent["X-TC-Token"] = self.key[2]
        sent.update({k.replace("_", "-"): v for k, v in headers.items()})
        connection = http.client.HTTPConnection(self.host, timeout=20)
        try:
            connection.request("POST", "/", body, sent)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type"), answer.read()
        finally:
            connection.close()

    def call(self, service, action, params=None, region=None, **headers):
        status, _, body = self.raw(service, action, json.dumps(params or {}).encode(), region, **headers)
        if status != 200:
            raise ConnectionError(f"status {status}: {body[:200]!r}")
        response = json.loads(body)["Response"]
        if "Error" in response:
            raise Refused(response["Error"]["Code"], response["Error"]["Message"])
        return response


class Control:
    """The `/_standin/` calls."""

    def __init__(self, url):
        self.url = url

    def ask(self, path, value=None):
        data = None if value is None else json.dumps(value).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=20) as answer:
            out = json.load(answer)
        if isinstance(out, dict) and "error" in out:
            raise Refused(out["error"]["code"], out["error"]["message"])
        return out

    def state(self):
        return self.ask("/_standin/state")

    def log(self, since=0):
        return self.ask("/_standin/log")[since:]

    def faults(self, *rules):
        return self.ask("/_standin/faults", list(rules))

    def mutate(self, op, **edit):
        return self.ask("/_standin/mutate", {"op": op, **edit})

    def console(self, service, action, region="", **params):
        """An action as if clicked in the console: unsigned, settled at once, not in the log."""
        return self.mutate("call", service=service, action=action, region=region, params=params)
