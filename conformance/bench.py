"""One account, one project folder and the program under test: what the scenarios are written with."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import emit
import expect
from client import KEY, Client, Control
from generate import SECRET
from standin import cam
from standin.cloud import PRESET_POLICIES, Options
from standin.server import start

PATIENCE_SECONDS = 180
# Whose policy a command runs under; the others call nothing, or what no policy is printed for.
PURPOSES = {"plan": "plan", "drift": "plan", "snapshot": "plan", "apply": "apply", "destroy": "apply"}
NOWHERE = "http://127.0.0.1:1"  # for a command that calls nothing
POLICIES = {}  # by text of a manifest and whether the account is named, for that is all they follow from


class Failed(Exception):
    """A claim of a scenario does not hold; the text says what was seen."""


def claim(condition, text):
    if not condition:
        raise Failed(text() if callable(text) else text)


class Result:
    """One finished run of the program."""

    def __init__(self, arguments, code, stdout, stderr):
        self.arguments, self.code, self.stdout, self.stderr = arguments, code, stdout, stderr

    def __str__(self):
        return (f"`provision {' '.join(self.arguments)}` exited {self.code}; stdout {self.stdout[:1500]!r}; "
                f"stderr {self.stderr[-1500:]!r}")

    @property
    def json(self):
        try:
            return json.loads(self.stdout)
        except ValueError:
            raise Failed(f"stdout is not JSON: {self}") from None

    def changes(self):
        return [c for stack in self.json["stacks"] for c in stack["changes"]]


class Bench:
    def __init__(self, binary, seed, **options):
        self.binary, self.seed = binary, seed
        self.server = start(Options(**{"seed": seed, "strict_description": True, "namespaces_per_region": 8,
                                       "settle_ms": 20, **options}))
        self.control = Control(self.server.url)
        self.client = Client(self.server.url, KEY)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="provision-conformance-"))
        self.manifest, self.environment = None, {}
        self.key = KEY
        self.under_way = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- the project

    def write(self, manifest, files=None, form="yaml"):
        """Puts the manifest (and its files) in place of what was there."""
        self.manifest = manifest
        for old in self.folder.glob("stack.*"):
            old.unlink()
        text = emit.yaml(manifest) if form == "yaml" else emit.toml(manifest)
        (self.folder / f"stack.{form}").write_text(text, encoding="utf-8")
        for name, data in (files or {}).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def use(self, sample, form="yaml"):
        for service, action, region, params in sample.console:
            self.control.console(service, action, region, **params)
        self.write(sample.manifest, sample.files, form)

    # -- the program

    def command(self, *arguments):
        manifest = next(self.folder.glob("stack.*"))
        purpose = PURPOSES.get(arguments[0])
        policies = self.policies(manifest).get(purpose, []) if purpose else None
        others = [d for _, documents in self.under_way.values() for d in documents or []]
        self.server.world.policies = None if policies is None else policies + others
        process = self.start(manifest.name, *arguments)
        self.under_way[process] = self.mark(), policies
        return process

    def start(self, manifest, *arguments):
        line = [str(self.binary), arguments[0], "-f", manifest, "--format", "json", *arguments[1:]]
        if "--endpoint" not in line:
            line += ["--endpoint", self.server.url]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder / "home"), "NO_COLOR": "1",
                       "TENCENTCLOUD_SECRET_ID": self.key[0], "TENCENTCLOUD_SECRET_KEY": self.key[1],
                       "CONFORMANCE_SECRET": SECRET, "PROVISION_DIGEST_KEY": "conformance", **self.environment}
        if len(self.key) > 2:
            environment["TENCENTCLOUD_TOKEN"] = self.key[2]
        return subprocess.Popen(line, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, process, arguments):
        try:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failed(f"`provision {' '.join(arguments)}` did not end within {PATIENCE_SECONDS} s") from None
        result = Result(arguments, process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
        for secret in (SECRET, self.key[1]):
            claim(secret not in result.stdout + result.stderr, lambda: f"a secret is printed: {result}")
        claim("panicked at" not in result.stderr, lambda: f"a panic: {result}")
        self.was_allowed(result, self.under_way.pop(process)[0])
        return result

    # -- its permissions

    def was_allowed(self, result, since):
        """Nothing was refused by the policies that the program prints for its manifest. A function that is gone has
        no tags by which it could be read: that the program has to live with."""
        bad = [f"{e['action']} asks for {a['action']} on {a['resource']}, tags {a['tags']}"
               for e in self.server.world.log[since:] for a in e.get("denied", ())
               if (e["action"], a["tags"]) != ("GetFunction", None)]
        claim(not bad, lambda: f"not allowed by `provision permissions`: {'; '.join(sorted(set(bad))[:5])}: {result}")

    def policies(self, manifest):
        """`{purpose: documents}` as printed, for an account that is named or for the owner of the policies; nothing
        for a manifest that has errors."""
        text = manifest.read_text(encoding="utf-8")
        account = ("--account", self.server.world.cloud.account) if self.seed % 2 else ()
        if (text, account) not in POLICIES:
            arguments = ("permissions", *account, "--endpoint", NOWHERE)
            process = self.start(manifest.name, *arguments)
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
            result = Result(arguments, process.returncode, out.decode(), err.decode())
            printed = result.json["permissions"] if result.code == 0 else []
            for policy in (policy for one in printed for policy in one["policies"]):
                cam.parsed_document(json.dumps(policy["document"]), trust=False)
            POLICIES[text, account] = {one["for"]: [policy["document"] for policy in one["policies"]] for one in printed}
        return POLICIES[text, account]

    def run(self, *arguments, expect_code=None):
        result = self.finish(self.command(*arguments), arguments)
        if expect_code is not None:
            claim(result.code == expect_code, lambda: f"wanted exit {expect_code}: {result}")
            if result.code != 130:
                result.json  # stdout is JSON at every exit code
        return result

    def plan(self, *more, code=None):
        return self.run("plan", "--detailed-exitcode", *more, expect_code=code)

    def apply(self, *more, code=0):
        return self.run("apply", "--yes", *more, expect_code=code)

    def empty_plan(self):
        result = self.plan()
        claim(result.code == 0 and not result.changes(), lambda: f"the plan should be empty: {result}")

    def killed(self, after_writes, sig=signal.SIGKILL):
        """Runs apply and kills it once that many writes have been asked for; the result if it was faster."""
        start_at = len(self.server.world.log)
        arguments = ("apply", "--yes")
        process = self.command(*arguments)
        while process.poll() is None:
            if sum(e["write"] for e in self.server.world.log[start_at:]) >= after_writes:
                process.send_signal(sig)
                break
            time.sleep(0.001)
        return self.finish(process, arguments)

    # -- the cloud

    def mark(self):
        return len(self.server.world.log)

    def writes(self, since=0):
        return [e for e in self.server.world.log[since:] if e["write"]]

    def silent(self, result, since):
        claim(not self.writes(since), lambda: f"{[e['action'] for e in self.writes(since)]} were called by {result}")

    def as_declared(self):
        presets = {ident: name for name, ident in PRESET_POLICIES.items()}
        found = expect.differences(self.manifest, self.control.state(), SECRET, presets)
        claim(not found, lambda: "the cloud is not as the manifest says: " + "; ".join(found[:8]))

    def no_refused_parameters(self):
        """The program never sends what the definitions do not know."""
        bad = [e for e in self.server.world.log if e["code"] in ("UnknownParameter", "MissingParameter", "InvalidParameter",
                                                               "UnsupportedProtocol", "NoSuchVersion", "InvalidAction")
               and not e["fault"]]
        claim(not bad, lambda: f"refused as malformed: {[(e['action'], e['code'], e['params']) for e in bad[:3]]}")
