"""The object store: buckets by virtual host, XML, and a signature of its own. Every bucket with a proper name
exists. Objects are kept whole; nothing here knows what a function is."""

import base64
import hashlib
import hmac
import re
import time
import urllib.parse
import uuid
from xml.etree import ElementTree
from xml.sax.saxutils import escape

HOST = re.compile(r"([a-z0-9][a-z0-9-]*-[0-9]{5,})\.cos\.([a-z0-9-]+)\.myqcloud\.com(?::\d+)?")
MIN_PART, MOST_PARTS, MAX_KEY = 1 << 20, 10_000, 850   # limits page
LATEST_START = 300


class Error(Exception):
    """Becomes an XML refusal."""

    def __init__(self, status, code, message="told so"):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


def need(condition, status, code, message="refused"):
    if not condition:
        raise Error(status, code, message)


def place(headers):
    """`(bucket, region)` when a request is for a bucket."""
    match = HOST.fullmatch(headers.get("host", ""))
    return match and match.groups()


def quoted(text):
    return urllib.parse.quote(text, safe="-_.~")


def sha1(key, text):
    return hmac.new(key.encode(), text.encode(), hashlib.sha1).hexdigest()


def verify(method, path, query, headers, keys):
    """Checks the signature over what arrived; `path` and `query` are decoded."""
    claim = dict(part.partition("=")[::2] for part in headers.get("authorization", "").split("&"))
    names = ("q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature")
    need(all(n in claim for n in names) and claim["q-sign-algorithm"] == "sha1", 403, "AccessDenied", "not signed")
    need(claim["q-ak"] in keys, 403, "InvalidAccessKeyId")
    secret, token = keys[claim["q-ak"]]
    need((headers.get("x-cos-security-token") or None) == token, 403, "AccessDenied", "the token does not fit")
    for span in (claim["q-sign-time"], claim["q-key-time"]):
        need(re.fullmatch(r"\d+;\d+", span), 403, "AccessDenied", "times")
        start, end = (int(t) for t in span.split(";"))
        need(start <= time.time() + LATEST_START, 403, "RequestTimeTooSkewed")
        need(start < end and time.time() <= end, 403, "AccessDenied", "Request has expired")
    signed, asked = ([n for n in claim[k].split(";") if n] for k in ("q-header-list", "q-url-param-list"))
    need(signed == sorted(set(signed)) and asked == sorted(set(asked)), 403, "SignatureDoesNotMatch", "order of names")
    # Whoever could add these on the way would change what the request does.
    must = {n for n in headers if n == "host" or n.startswith("x-cos-")}
    need(must <= set(signed), 403, "SignatureDoesNotMatch", f"unsigned: {sorted(must - set(signed))}")
    given = {quoted(k).lower(): v for k, v in query}
    need(set(asked) == set(given), 403, "SignatureDoesNotMatch", "every parameter is signed")
    need(all(n in headers for n in signed), 403, "SignatureDoesNotMatch", "signed and not sent")
    value = {**headers, "host": headers["host"].partition(":")[0]}
    lines = [method.lower(), path, "&".join(f"{n}={quoted(given[n])}" for n in asked),
             "&".join(f"{n}={quoted(value[n].strip())}" for n in signed), ""]
    text = f"sha1\n{claim['q-sign-time']}\n{hashlib.sha1(chr(10).join(lines).encode()).hexdigest()}\n"
    fits = hmac.compare_digest(sha1(sha1(secret, claim["q-key-time"]), text), claim["q-signature"])
    need(fits, 403, "SignatureDoesNotMatch", "the signature does not fit")


def action(method, key, query):
    """What a request is called, or an empty text."""
    asks = {k for k, _ in query}
    if not key:
        return {"GET": "ListMultipartUploads" if "uploads" in asks else "", "HEAD": "HeadBucket", "PUT": "PutBucket"}.get(method, "")
    if "uploadId" in asks:
        return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "GET": "ListParts"}.get(method, "")
    if method == "POST":
        return "InitiateMultipartUpload" if "uploads" in asks else ""
    return {"HEAD": "HeadObject", "PUT": "PutObject", "GET": "GetObject", "DELETE": "DeleteObject"}.get(method, "")


def is_write(name):
    return not name.startswith(("Head", "Get", "List"))


class Store:
    """All objects and unfinished uploads of the account."""

    def __init__(self):
        self.objects, self.uploads = {}, {}

    def code(self, region, bucket, name):
        """The object that SCF means by a bucket without its appid."""
        for (where, full, key), found in self.objects.items():
            if where == region and full.rpartition("-")[0] == bucket and key == name.lstrip("/"):
                return found["data"]
        return None

    def perform(self, name, where, key, query, headers, body):
        """`(status, headers, body)`"""
        need(name, 405, "MethodNotAllowed")
        need(not key or len(key.encode()) <= MAX_KEY, 400, "KeyTooLong")
        query, at = dict(query), (where[1], where[0], key)
        md5 = hashlib.md5(body)
        sent = headers.get("content-md5")
        need(sent is None or sent == base64.b64encode(md5.digest()).decode(), 400, "BadDigest")
        return getattr(self, name)(at, query, headers, body, md5.hexdigest())

    def described(self, headers):
        return {k: v for k, v in headers.items() if k.startswith("x-cos-meta-")}

    def upload(self, at, query):
        upload = self.uploads.get(query.get("uploadId"))
        need(upload and upload["at"] == at, 404, "NoSuchUpload")
        return upload

    def PutBucket(self, *_):
        return 200, {}, b""

    HeadBucket = PutBucket

    def HeadObject(self, at, *_):
        found = self.objects.get(at)
        need(found, 404, "NoSuchKey")
        return 200, {"ETag": f'"{found["etag"]}"', "Content-Length": str(len(found["data"])), **found["meta"]}, b""

    def GetObject(self, at, *_):
        _, headers, _ = self.HeadObject(at)
        return 200, headers, self.objects[at]["data"]

    def DeleteObject(self, at, *_):
        self.objects.pop(at, None)
        return 204, {}, b""

    def PutObject(self, at, _, headers, body, md5):
        self.objects[at] = {"data": body, "etag": md5, "meta": self.described(headers)}
        return 200, {"ETag": f'"{md5}"'}, b""

    def InitiateMultipartUpload(self, at, _, headers, *__):
        ident = uuid.uuid4().hex
        self.uploads[ident] = {"at": at, "meta": self.described(headers), "parts": {}}
        return xml(f"<InitiateMultipartUploadResult><Bucket>{at[1]}</Bucket><Key>{escape(at[2])}</Key>"
                   f"<UploadId>{ident}</UploadId></InitiateMultipartUploadResult>")

    def UploadPart(self, at, query, _, body, md5):
        number = query.get("partNumber", "")
        need(number.isdigit() and 1 <= int(number) <= MOST_PARTS, 400, "InvalidArgument", "partNumber")
        self.upload(at, query)["parts"][int(number)] = (body, md5)
        return 200, {"ETag": f'"{md5}"'}, b""

    def ListParts(self, at, query, *_):
        rows = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>&quot;{md5}&quot;</ETag><Size>{len(data)}</Size></Part>"
                       for n, (data, md5) in sorted(self.upload(at, query)["parts"].items())
                       if n > int(query.get("part-number-marker") or 0))
        return xml(f"<ListPartsResult><IsTruncated>false</IsTruncated>{rows}</ListPartsResult>")

    def ListMultipartUploads(self, at, query, *_):
        rows = "".join(f"<Upload><Key>{escape(u['at'][2])}</Key><UploadId>{i}</UploadId></Upload>"
                       for i, u in self.uploads.items()
                       if u["at"][:2] == at[:2] and u["at"][2].startswith(query.get("prefix", "")))
        return xml(f"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{rows}</ListMultipartUploadsResult>")

    def CompleteMultipartUpload(self, at, query, _, body, __):
        upload = self.upload(at, query)
        try:
            listed = [(int(p.findtext("PartNumber")), p.findtext("ETag").strip('" ')) for p in ElementTree.fromstring(body)]
        except (ElementTree.ParseError, TypeError, ValueError, AttributeError):
            raise Error(400, "MalformedXML") from None
        need(listed, 400, "MalformedXML")
        need(listed == sorted(set(listed)), 400, "InvalidPartOrder")
        need(all(upload["parts"].get(n, (b"", ""))[1] == tag for n, tag in listed), 400, "InvalidPart")
        parts = [upload["parts"][n][0] for n, _ in listed]
        need(all(len(p) >= MIN_PART for p in parts[:-1]), 400, "EntityTooSmall")
        etag = hashlib.md5(b"".join(bytes.fromhex(tag) for _, tag in listed)).hexdigest() + f"-{len(listed)}"
        self.objects[at] = {"data": b"".join(parts), "etag": etag, "meta": upload["meta"]}
        del self.uploads[query["uploadId"]]
        return xml(f"<CompleteMultipartUploadResult><Key>{escape(at[2])}</Key><ETag>&quot;{etag}&quot;</ETag>"
                   "</CompleteMultipartUploadResult>")

    def AbortMultipartUpload(self, at, query, *_):
        self.upload(at, query)
        del self.uploads[query["uploadId"]]
        return 204, {}, b""

    def dump(self):
        return {"objects": [{"bucket": b, "region": r, "key": k, "size": len(o["data"]),
                             "sha256": hashlib.sha256(o["data"]).hexdigest(), "meta": o["meta"]}
                            for (r, b, k), o in self.objects.items()],
                "uploads": [{"key": u["at"][2], "parts": sorted(u["parts"])} for u in self.uploads.values()]}


def xml(text):
    return 200, {"Content-Type": "application/xml"}, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def refusal(error, head):
    """A refusal as COS sends it; one of HEAD has no text."""
    text = (f"<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n\t<Code>{error.code}</Code>\n\t<Message>"
            f"{escape(error.message)}</Message>\n\t<RequestId>{uuid.uuid4().hex}</RequestId>\n</Error>\n")
    return error.status, {"Content-Type": "application/xml"}, b"" if head else text.encode()
