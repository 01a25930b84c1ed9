"""Builds a manifest's packages and checks that the platform's machine can start each: check_package.py PROVISION MANIFEST

A second opinion on what `provision package` promises, on the finished archive: one file `bootstrap`, executable, for
x86-64, linked statically or against no newer C library than the machine's, small enough for a quick cold start.
"""

import hashlib
import json
import pathlib
import re
import struct
import subprocess
import sys
import zipfile

# The platform's machine is CentOS 7.
MACHINE_GLIBC = (2, 17)
# Our own mark (docs: the handler's package), not the platform's limit.
LARGEST_PACKAGE = 3_000_000
EM_X86_64 = 62
PT_INTERP = 3


def faults_of_elf(binary):
    """Why the machine would not start these bytes."""
    if binary[:6] != b"\x7fELF\x02\x01":
        return ["bootstrap is not a 64-bit little-endian ELF file"]
    (machine,) = struct.unpack_from("<H", binary, 18)
    if machine != EM_X86_64:
        return [f"bootstrap is for ELF machine {machine}, not x86-64"]
    (headers,) = struct.unpack_from("<Q", binary, 32)
    size, count = struct.unpack_from("<HH", binary, 54)
    kinds = [struct.unpack_from("<I", binary, headers + size * i)[0] for i in range(count)]
    if PT_INTERP not in kinds:
        return []  # static
    # Versions of a dynamic executable's symbols stand in it as text.
    needed = {(int(a), int(b)) for a, b in re.findall(rb"GLIBC_(\d+)\.(\d+)", binary)}
    newer = sorted(version for version in needed if version > MACHINE_GLIBC)
    return [f"bootstrap needs glibc {a}.{b}" for a, b in newer[-1:]]


def faults_of_archive(path):
    """Why this archive is no good package."""
    faults = []
    if path.stat().st_size > LARGEST_PACKAGE:
        faults.append(f"it has {path.stat().st_size} bytes, more than {LARGEST_PACKAGE}")
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if [entry.filename for entry in entries] != ["bootstrap"]:
            return [*faults, f"it holds {[entry.filename for entry in entries]}, not one `bootstrap`"]
        mode = entries[0].external_attr >> 16 & 0o777
        if mode != 0o755:
            faults.append(f"bootstrap has mode {mode:o}, not 755")
        return faults + faults_of_elf(archive.read("bootstrap"))


def main(provision, manifest):
    done = subprocess.run([provision, "package", "--file", manifest, "--format", "json"], stdout=subprocess.PIPE)
    if done.returncode != 0:
        return f"provision package ended with {done.returncode}"
    built = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in pathlib.Path(".provision/packages").glob("*.zip")}
    packages = json.loads(done.stdout)["packages"]
    if not packages:
        return f"{manifest} declares no code to package"
    for package in packages:
        path = built.get(package["sha256"])
        faults = faults_of_archive(path) if path else ["no file in .provision/packages has its digest"]
        if faults:
            return f"the package of {package['address']} is no good: {'; '.join(faults)}"
        print(f"ok {package['address']}: {package['bytes']} bytes, starts on x86-64 with glibc {MACHINE_GLIBC[0]}.{MACHINE_GLIBC[1]}")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
