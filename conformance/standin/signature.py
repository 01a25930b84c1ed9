"""Verifies TC3-HMAC-SHA256 over the bytes as received. Where the documents leave room (case of header
values, the port in the host), either reading is accepted; everything else is refused."""

import hashlib
import hmac
import re
import time

from .refusal import Refusal, require

HEADER = re.compile(r"TC3-HMAC-SHA256 Credential=([^/,\s]+)/(\d{4}-\d\d-\d\d)/([a-z]+)/tc3_request, ?"
                    r"SignedHeaders=([a-z0-9;\-]+), ?Signature=([0-9a-f]{64})")
MAX_SKEW_SECONDS = 300  # a difference of more than five minutes is refused (common parameters page)
UNSIGNED_ACTIONS = {("sts", "AssumeRoleWithWebIdentity")}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sign(secret, date, service, timestamp, canonical):
    def mac(key, text):
        return hmac.new(key, text.encode(), hashlib.sha256).digest()
    text = f"TC3-HMAC-SHA256\n{timestamp}\n{date}/{service}/tc3_request\n{sha256(canonical.encode())}"
    return mac(mac(mac(mac(b"TC3" + secret.encode(), date), service), "tc3_request"), text).hex()


def canonical_requests(method, query, headers, signed, body):
    """Every reading of the request that the documents allow."""
    payload = ("UNSIGNED-PAYLOAD" if headers.get("x-tc-content-sha256") == "UNSIGNED-PAYLOAD" else None)
    digest = sha256(payload.encode() if payload else body)
    hosts = [headers["host"], headers["host"].rsplit(":", 1)[0]]
    for host in dict.fromkeys(hosts):
        for lower in (False, True):
            lines = ""
            for name in signed:
                value = (host if name == "host" else headers[name]).strip()
                lines += f"{name}:{value.lower() if lower else value}\n"
            yield f"{method}\n/\n{query}\n{lines}\n{';'.join(signed)}\n{digest}"


def verify(method, query, headers, body, keys, action, now=None):
    """`headers` have lower-case names; `keys` maps a secret id to `(secret, token or None)`.
    Returns `(service, secret id)`, the latter None for the calls that need no signature."""
    authorization = headers.get("authorization", "")
    if authorization == "SKIP":
        for service, name in UNSIGNED_ACTIONS:
            if name == action:
                return service, None
        raise Refusal("AuthFailure.InvalidAuthorization", "this action needs a signature")
    match = HEADER.fullmatch(authorization)
    require(match, "AuthFailure.InvalidAuthorization", "the Authorization header is malformed")
    secret_id, date, service, names, given = match.groups()
    signed = names.split(";")
    require("content-type" in signed and "host" in signed, "AuthFailure.InvalidAuthorization",
            "content-type and host must be signed")
    require(signed == sorted(set(signed)) and all(n in headers for n in signed),
            "AuthFailure.InvalidAuthorization", "SignedHeaders must be sorted and name headers that were sent")
    require(secret_id in keys, "AuthFailure.SecretIdNotFound", "the secret id is not known")
    secret, token = keys[secret_id]
    stamp = headers.get("x-tc-timestamp", "")
    require(stamp.isascii() and stamp.isdigit(), "MissingParameter", "X-TC-Timestamp must be Unix seconds")
    moment = time.time() if now is None else now
    require(abs(moment - int(stamp)) <= MAX_SKEW_SECONDS, "AuthFailure.SignatureExpire",
            "the signature is older or newer than five minutes")
    day = time.strftime("%Y-%m-%d", time.gmtime(int(stamp)))
    fits = day == date and any(
        hmac.compare_digest(sign(secret, date, service, stamp, c), given)
        for c in canonical_requests(method, query, headers, signed, body))
    require(fits, "AuthFailure.SignatureFailure", "the signature does not fit the request")
    require((headers.get("x-tc-token") or None) == token, "AuthFailure.TokenFailure",
            "the token does not belong to this secret id")
    return service, secret_id
