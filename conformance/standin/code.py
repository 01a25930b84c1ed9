"""Function code: what may be sent, what is kept of it. Archives are kept whole (the download link of
GetFunctionAddress serves them); everything else is known by its reference."""

import base64
import binascii
import hashlib
import io
import re
import zipfile

from .refusal import require

INLINE_LIMIT = 50 * 1024 * 1024      # CreateFunction, Code.ZipFile
UNPACKED_LIMIT = 500 * 1024 * 1024   # quota page 583/11637
FIELDS = ("CosBucketName", "CosObjectName", "CosBucketRegion", "ZipFile", "DemoId", "ImageConfig")


def entries(data):
    """`[[name, octal mode], ...]` of an archive, or None when it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.testzip() is not None:
                return None
            require(sum(i.file_size for i in archive.infolist()) <= UNPACKED_LIMIT,
                    "InvalidParameterValue.ZipFile", "the code unpacks to more than 500 MB")
            return [[i.filename, f"{(i.external_attr >> 16) & 0o7777:04o}"] for i in archive.infolist()]
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError):
        return None


def accept(cloud, code, source, sources, image_runtime, region=""):
    """Checks one `Code` object and returns what to remember of it."""
    given = [kind for kind, keys in (("cos", ("CosBucketName", "CosObjectName")), ("zip", ("ZipFile",)),
                                     ("demo", ("DemoId",)), ("image", ("ImageConfig",)))
             if any(code.get(k) for k in keys)]
    require(len(given) == 1 and set(code) <= set(FIELDS), "InvalidParameterValue.Code",
            "exactly one source of code is needed")
    kind = given[0]
    require(image_runtime is None or (kind == "image") == image_runtime, "InvalidParameterValue.Code",
            "code and runtime do not fit")
    expected = {"zip": ("ZipFile", "Inline"), "cos": ("Cos",), "demo": ("Demo",), "image": ()}[kind]
    require(source is None or (source in sources and source in expected), "InvalidParameterValue.CodeSource",
            "CodeSource does not fit the code")
    if kind == "cos":
        return take_cos(cloud, code, region)
    return {"zip": take_zip, "demo": take_demo, "image": take_image}[kind](cloud, code)


def take_zip(cloud, code):
    text = code["ZipFile"]
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        require(False, "InvalidParameterValue.ZipFileBase64BinasciiError", "ZipFile is not base64")
    listing = entries(data)
    require(listing and len(data) <= INLINE_LIMIT, "InvalidParameterValue.ZipFile", "ZipFile is not a zip archive")
    sha = hashlib.sha256(data).hexdigest()
    cloud.blobs[sha] = data
    return {"kind": "zip", "sha256": sha, "size": len(data), "entries": listing}


def take_cos(cloud, code, region):
    """An object that was put here is read; others are taken to exist, save below the prefix that uploads use."""
    bucket, name = code.get("CosBucketName", ""), code.get("CosObjectName", "")
    require(re.fullmatch(r"[a-z0-9][a-z0-9\-]*", bucket) and not re.search(r"-\d{10}$", bucket),
            "InvalidParameterValue.CosBucketName", "a bucket name without the appid is needed")
    require(name.startswith("/"), "InvalidParameterValue.CosObjectName", "the object begins with a slash")
    data = cloud.store.code(code.get("CosBucketRegion") or region, bucket, name)
    require(data is not None or not ("missing" in name or name.startswith("/provision/")),
            "ResourceNotFound.CosObject", "no such object")
    kept = {"kind": "cos", "bucket": bucket, "object": name, "region": code.get("CosBucketRegion", "")}
    if data is None:
        return {**kept, "sha256": hashlib.sha256(f"{bucket}{name}".encode()).hexdigest(), "size": 45686}
    listing = entries(data)
    require(listing, "InvalidParameterValue.CosObjectName", "the object is not a zip archive")
    return {**kept, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "entries": listing}


def take_demo(_, code):
    require("missing" not in code["DemoId"], "ResourceNotFound.Demo", "no such template")
    return {"kind": "demo", "demo": code["DemoId"], "size": 1234,
            "sha256": hashlib.sha256(code["DemoId"].encode()).hexdigest()}


def take_image(_, code):
    image = code["ImageConfig"]
    require(image["ImageType"] in ("personal", "enterprise"), "InvalidParameterValue.Code", "ImageType")
    require(image["ImageType"] == "personal" or image.get("RegistryId"), "InvalidParameterValue.Code",
            "an enterprise image needs its RegistryId")
    require(re.fullmatch(r"[a-z0-9.\-]+(/[a-z0-9._\-]+)+:[\w.\-]+(@sha256:[0-9a-f]{64})?", image["ImageUri"]),
            "ResourceNotFound.ImageConfig", "the image address is domain/namespace/name:tag")
    digest = hashlib.sha256(image["ImageUri"].encode()).hexdigest()
    return {"kind": "image", "image": dict(image), "digest": digest, "size": 0, "sha256": digest}


def image_answer(code, spell):
    """The image as read back: with its digest, with defaults, with nulls for what was not given."""
    image = code["image"]
    uri = image["ImageUri"]
    return {"ImageType": image["ImageType"],
            "ImageUri": uri if "@sha256:" in uri else f"{uri}@sha256:{code['digest']}",
            "RegistryId": image.get("RegistryId") or spell.empty_text(),
            "EntryPoint": image.get("EntryPoint") or None,
            "Command": image.get("Command") or spell.empty_text(),
            "Args": image.get("Args") or spell.empty_text(),
            "ContainerImageAccelerate": image.get("ContainerImageAccelerate", None if spell.wild() else False),
            "ImagePort": image.get("ImagePort", None if spell.wild() else 9000)}
