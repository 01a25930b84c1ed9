#!/usr/bin/env python3
"""Tests of what runs in CI systems: the scripts as GitHub and GitLab start them, and `provision` with the variables that
these systems set, against the local cloud and stand-ins for the services (services.py). Loopback only.

    python3 scripts/ci/test.py target/debug/provision [TestClass.test_name]
"""

import base64
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parent
sys.path.append(str(SCRIPTS.parents[1] / "conformance"))

from client import Client
from services import Services, jwt

BINARY = ""
# What must never show in a log, a report, an output or an artefact.
SECRETS = {
    "WECOM_WEBHOOK_KEY": "c4naryw3-1111-2222-3333-444455556666",
    "PROVISION_DIGEST_KEY": "c4nary-digest-key-0123456789",
    "GITHUB_TOKEN": "ghs_c4narytoken0123456789abcdef",
    "PROVISION_NOTE_TOKEN": "glpat-c4narynote0123456789",
    "TENCENTCLOUD_SECRET_KEY": "c4nary-secret-key-of-the-test",
}
HOSTILE = [
    "$(touch hacked)",
    "`touch hacked`",
    "a; touch hacked #",
    '"; touch hacked; "',
    "--out=hacked",
    "::set-output name=x::y",
    "</details><script>alert(1)</script>\u202e",
]
MANIFEST = """\
stack: media
region: ap-beijing
variables:
  wecom_key: { sensitive: true, env: WECOM_WEBHOOK_KEY }
functions:
  hook:
    runtime: CustomRuntime
    handler: bootstrap.main
    code: { cargo: hook }
    memory: 128
    environment: { WECOM_WEBHOOK_KEY: "${var.wecom_key}", LEVEL: info }
"""
KEYLESS = """\
stack: ci
region: ap-beijing
roles:
  ci:
    trust_document:
      version: "2.0"
      statement:
        - action: "name/sts:AssumeRoleWithWebIdentity"
          effect: allow
          principal: { federated: ["qcs::cam::uin/100000000001:oidc-provider/ci"] }
          condition:
            string_equal:
              "oidc:sub": ["repo:acme/media:environment:plan", "project_path:acme/media:ref_type:branch:ref:main"]
              "oidc:aud": ["sts.tencentcloudapi.com"]
"""


def base_environment(folder):
    """What every machine has; nothing of the machine that the tests run on leaks in."""
    keep = ("PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR")
    found = {name: os.environ[name] for name in keep if name in os.environ}
    return {**found, "LANG": "C.UTF-8", "CI": "true", "RUNNER_TEMP": str(folder)}


def run(command, folder, environment, code=0):
    """Runs a command, checks its exit code and that no secret shows; its output, both streams."""
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    output = done.stdout + done.stderr
    wanted = code if isinstance(code, tuple) else (code,)
    assert done.returncode in wanted, f"{command} ended with {done.returncode} instead of {code}:\n{output}"
    for name, secret in SECRETS.items():
        assert secret not in output, f"{name} shows in the output of {command}"
    return output


class Cloud:
    """The local cloud as a server, for one test class."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [BINARY, "local", "--listen", "127.0.0.1:0", "--data", str(folder / "cloud"), "--quiet"]
            + ["--key", f"ci:{SECRETS['TENCENTCLOUD_SECRET_KEY']}"],
            cwd=folder,
            env=base_environment(folder),
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        self.address = re.search(r"http://\S+", line).group()

    def keys(self):
        """The variables that lead there with long-lived keys."""
        return {
            "TENCENTCLOUD_SECRET_ID": "ci",
            "TENCENTCLOUD_SECRET_KEY": SECRETS["TENCENTCLOUD_SECRET_KEY"],
            "PROVISION_ENDPOINT": self.address,
        }

    def stop(self):
        """Ends it."""
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()


class Scratch(unittest.TestCase):
    """A folder for each test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = base_environment(self.folder)


class Install(Scratch):
    """install.sh: which binary a job runs."""

    def setUp(self):
        super().setUp()
        self.script = SCRIPTS / "install.sh"
        self.tool = b"#!/bin/sh\necho provision 9.9.9\n"
        self.digest = hashlib.sha256(self.tool).hexdigest()
        self.environment["PROVISION_TOOL_FOLDER"] = str(self.folder / "tool")
        self.environment["GITHUB_OUTPUT"] = str(self.folder / "output")

    def test_a_given_binary_is_taken_when_its_digest_fits(self):
        path = self.folder / "mine"
        path.write_bytes(self.tool)
        path.chmod(0o755)
        given = {**self.environment, "PROVISION_BINARY": str(path), "PROVISION_BINARY_SHA256": self.digest}
        self.assertIn(str(path), run([self.script], self.folder, given))
        self.assertEqual((self.folder / "output").read_text(), f"binary={path.resolve()}\n")
        given["PROVISION_BINARY_SHA256"] = "0" * 64
        self.assertIn("wanted is 0000", run([self.script], self.folder, given, code=1))

    def test_a_download_is_run_only_with_the_right_digest(self):
        with Services() as services:
            services.files["/provision"] = self.tool
            given = {**self.environment, "PROVISION_BINARY_URL": f"{services.address}/provision"}
            self.assertIn("needs its digest", run([self.script], self.folder, given, code=1))
            self.assertEqual(services.requests, [], "nothing is fetched that cannot be verified")
            for wrong in ("0" * 64, "abc", self.digest.upper()):
                run([self.script], self.folder, {**given, "PROVISION_BINARY_SHA256": wrong}, code=1)
                self.assertEqual([p.name for p in (self.folder / "tool").iterdir()], [], "nothing is left of it")
            output = run([self.script], self.folder, {**given, "PROVISION_BINARY_SHA256": self.digest})
            self.assertIn("provision 9.9.9", output)

    def test_the_cache_goes_by_sources_and_compiler_and_only_when_something_is_built(self):
        first = run([self.script, "key"], self.folder, self.environment)
        self.assertRegex(first, r"^provision-Linux-\S+-[0-9a-f]{64}\n$|^provision-Darwin-\S+-[0-9a-f]{64}\n$")
        self.assertEqual(first, run([self.script, "key"], self.folder, self.environment))
        self.assertIn("build=true", (self.folder / "output").read_text())
        given = {**self.environment, "PROVISION_BINARY_URL": "https://example.invalid/"}
        self.assertEqual(run([self.script, "key"], self.folder, given), "")


class Comment(Scratch):
    """comment.py: one comment, kept up to date."""

    def setUp(self):
        super().setUp()
        self.services = Services()
        self.services.__enter__()
        self.addCleanup(self.services.__exit__)
        self.report = self.folder / "report.md"
        self.report.write_text("<!-- provision:plan -->\n## Plan: 1 to update\n")
        event = {"pull_request": {"number": 12, "title": HOSTILE[0], "head": {"sha": "a" * 40, "ref": HOSTILE[1]}}}
        (self.folder / "event.json").write_text(json.dumps(event))
        self.environment |= {
            "GITHUB_TOKEN": SECRETS["GITHUB_TOKEN"],
            "GITHUB_API_URL": self.services.address,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "acme/media",
            "GITHUB_RUN_ID": "99",
            "GITHUB_SHA": "b" * 40,
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "PROVISION_NOTE_TOKEN": SECRETS["PROVISION_NOTE_TOKEN"],
            "CI_API_V4_URL": self.services.address,
            "CI_MERGE_REQUEST_IID": "12",
            "CI_MERGE_REQUEST_PROJECT_ID": "3",
            "CI_PROJECT_ID": "3",
            "CI_COMMIT_SHA": "c" * 40,
            "CI_JOB_URL": "https://gitlab.example/acme/media/-/jobs/5",
            "PROVISION_COMMENT_PAUSE": "0",
        }

    def comment(self, service="github", *arguments, code=0):
        """Runs the script."""
        command = [sys.executable, SCRIPTS / "comment.py", service, "--report", self.report, *arguments]
        return run(command, self.folder, self.environment, code)

    def bodies(self):
        """What stands there."""
        return [comment["body"] for comment in self.services.comments]

    def test_the_comment_is_added_once_and_then_updated_in_place(self):
        for service, commit in (("github", "aaaaaaaaaaaa"), ("gitlab", "cccccccccccc")):
            with self.subTest(service):
                self.services.comments.clear()
                self.services.add("hello", 1)
                self.assertIn("added", self.comment(service))
                self.report.write_text("<!-- provision:plan -->\n## Plan: 2 to update\n")
                self.assertIn("updated", self.comment(service))
                other, ours = self.bodies()
                self.assertEqual(other, "hello")
                self.assertTrue(ours.startswith("<!-- provision:plan -->\n## Plan: 2 to update\n"), ours)
                self.assertIn(f"plan of {commit} · [log](https://", ours)

    def test_somebody_elses_comment_with_the_marker_is_left_alone(self):
        for service in ("github", "gitlab"):
            self.services.comments.clear()
            self.services.add("<!-- provision:plan -->\nfake", 1)
            self.assertIn("added", self.comment(service))
            self.assertEqual(self.bodies()[0], "<!-- provision:plan -->\nfake")

    def test_ours_is_found_among_hundreds(self):
        for identity in range(250):
            self.services.add("chat", identity)
        self.services.add("<!-- provision:plan -->\nold", 5000, "github-actions[bot]")
        self.assertIn("updated", self.comment())
        self.assertEqual(len(self.services.comments), 251)

    def test_two_plans_of_one_pull_request_keep_two_comments(self):
        for _ in range(2):
            self.comment("github", "--key", "prod")
            self.comment("github", "--key", "test")
        self.assertEqual([body.splitlines()[0] for body in self.bodies()], ["<!-- provision:plan prod -->", "<!-- provision:plan test -->"])
        self.comment("github", "--key", "a --> b", code=2)

    def test_a_fork_without_permission_is_no_failure(self):
        for status in (401, 403, 404):
            self.services.faults = [None, status]
            self.assertIn("not allowed to comment", self.comment())
        self.environment["GITHUB_TOKEN"] = ""
        self.assertIn("no token", self.comment())
        self.assertEqual(self.bodies(), [])

    def test_a_lost_answer_makes_no_second_comment(self):
        self.services.faults = [None, ("after", 502)]
        self.assertIn("updated", self.comment())
        self.assertEqual(len(self.bodies()), 1)

    def test_a_service_that_fails_is_told_because_an_old_plan_may_stand_there(self):
        self.services.faults = [503] * 8
        self.assertIn("an older plan may still stand there", self.comment(code=1))

    def test_the_token_follows_no_redirect(self):
        with Services() as elsewhere:
            self.services.faults = [("redirect", f"{elsewhere.address}/user")] * 8
            self.comment(code=1)
            self.assertEqual(elsewhere.requests, [])

    def test_a_failed_plan_replaces_the_plan_that_stands_there(self):
        self.comment()
        self.report.write_text("")
        self.comment("github", "--exit-code", "1")
        self.assertIn("**provision plan failed** with exit code 1", self.bodies()[0])
        self.assertIn("empty", self.comment(code=1), "a plan that succeeded has a report")

    def test_a_report_that_is_too_long_is_pointed_at_and_not_cut(self):
        self.report.write_text("<!-- provision:plan -->\n" + "x" * 70_000)
        self.comment()
        self.assertLess(len(self.bodies()[0]), 1000)
        self.assertIn("step summary", self.bodies()[0])

    def test_without_a_pull_request_there_is_nothing_to_do(self):
        (self.folder / "event.json").write_text('{"ref": "refs/heads/main"}')
        self.assertIn("no pull request", self.comment())
        self.assertEqual(self.services.requests, [])


class Identity(Scratch):
    """Keys without secrets: what GitHub and GitLab vouch for becomes temporary keys of a role."""

    def setUp(self):
        super().setUp()
        self.cloud = Cloud(self.folder)
        self.addCleanup(self.cloud.stop)
        (self.folder / "manifests").mkdir()
        (self.folder / "manifests/ci.yaml").write_text(KEYLESS)
        run([BINARY, "apply", "--yes", "--quiet"], self.folder, {**self.environment, **self.cloud.keys()})
        self.environment |= {
            "PROVISION_ENDPOINT": self.cloud.address,
            "TENCENTCLOUD_ROLE_ARN": "qcs::cam::uin/100000000001:roleName/ci",
            "TENCENTCLOUD_PROVIDER_ID": "ci",
        }

    def plan(self, extra, code=0):
        """Plans with these variables and no stored key."""
        return run([BINARY, "plan", "--detailed-exitcode", "-v"], self.folder, {**self.environment, **extra}, code)

    def test_github_asks_for_a_token_for_the_job_and_takes_the_role(self):
        with Services() as services:
            github = {
                "GITHUB_ACTIONS": "true",
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{services.address}/token?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token-0123456789",
            }
            output = self.plan(github)
            self.assertIn("AssumeRoleWithWebIdentity", output)
            self.assertIn("audience=sts.tencentcloudapi.com", services.requests[0][1])
            # Another environment, branch or repository is not what the role trusts.
            services.subject = "repo:acme/media:pull_request"
            output += self.plan(github, code=1)
            self.assertIn("oidc:sub", output)
            output += self.plan({**github, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token-of-another"}, code=1)
            self.assertIn("HTTP status 401", output)
            for secret in (*services.tokens, "request-token-0123456789", "request-token-of-another"):
                self.assertNotIn(secret, output)

    def test_gitlab_hands_its_token_over_in_a_variable_or_a_file(self):
        subject = "project_path:acme/media:ref_type:branch:ref:main"
        token = jwt(sub=subject, aud="sts.tencentcloudapi.com")
        output = self.plan({"GITLAB_CI": "true", "TENCENTCLOUD_WEB_IDENTITY_TOKEN": token})
        (self.folder / "token").write_text(token + "\n")
        output += self.plan({"TENCENTCLOUD_WEB_IDENTITY_TOKEN_FILE": str(self.folder / "token")})
        other = jwt(sub=subject, aud="https://vault.example")
        output += self.plan({"TENCENTCLOUD_WEB_IDENTITY_TOKEN": other}, code=1)
        self.assertIn("oidc:aud", output)
        self.assertNotIn(token, output)
        self.assertNotIn(other, output)

    def test_a_job_without_the_permission_is_told_which_one_it_needs(self):
        self.assertIn("id-token: write", self.plan({"AWS_EC2_METADATA_DISABLED": "true"}, code=1))


class PullRequest(Scratch):
    """The jobs of a pull request, as the example workflows put them together, each in a checkout of its own."""

    def setUp(self):
        super().setUp()
        self.cloud = Cloud(self.folder)
        self.addCleanup(self.cloud.stop)
        self.jobs = 0
        self.origin = self.folder / "origin"
        for path, text in {
            "manifests/media.yaml": MANIFEST,
            "hook/Cargo.toml": '[package]\nname = "hook"\nversion = "0.1.0"\nedition = "2021"\n[profile.release]\nopt-level = 0\n[workspace]\n',
            "hook/Cargo.lock": 'version = 3\n\n[[package]]\nname = "hook"\nversion = "0.1.0"\n',
            "hook/src/main.rs": 'fn main() { println!("hello"); }\n',
            ".gitignore": ".provision/\ntarget/\n",
        }.items():
            (self.origin / path).parent.mkdir(parents=True, exist_ok=True)
            (self.origin / path).write_text(text)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()

    def git(self, *arguments, folder=None):
        """Runs git."""
        identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
        return run(["git", *arguments], folder or self.origin, {**self.environment, **identity, "GIT_CONFIG_NOSYSTEM": "1"})

    def commit(self):
        """Commits everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")

    def edit(self, old, new):
        """Edits the manifest."""
        path = self.origin / "manifests/media.yaml"
        self.assertIn(old, path.read_text())
        path.write_text(path.read_text().replace(old, new))
        self.commit()

    def job(self, command, artefacts=(), secrets=True, cloud=True, code=0, **inputs):
        """One job: a fresh checkout, the artefacts of other jobs, one step. Its folder, log, outputs and summary."""
        self.jobs += 1
        folder = self.folder / f"job-{self.jobs}"
        self.git("clone", "--quiet", str(self.origin), str(folder))
        for source, name in artefacts:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-R", str(source), str(target)], check=True)
        files = {name: self.folder / f"{name.lower()}-{self.jobs}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "ACTION_REPORT")}
        for path in files.values():
            path.touch()
        environment = {
            **self.environment,
            **{name: str(path) for name, path in files.items()},
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(folder),
            "GITHUB_REPOSITORY": "acme/media",
            "GITHUB_HEAD_REF": HOSTILE[self.jobs % len(HOSTILE)],
            "GITHUB_REF_NAME": HOSTILE[(self.jobs + 1) % len(HOSTILE)],
            "ACTION_BINARY": BINARY,
            "ACTION_COMMAND": command,
            **{f"ACTION_{name.upper()}": value for name, value in inputs.items()},
        }
        if secrets:
            environment |= {name: SECRETS[name] for name in ("WECOM_WEBHOOK_KEY", "PROVISION_DIGEST_KEY")}
        if cloud:
            environment |= self.cloud.keys()
        log = run([SCRIPTS / "run.sh"], folder, environment, code)
        kept = {name: path.read_text() for name, path in files.items()}
        for text in kept.values():
            self.assert_no_secret(text)
        self.assertEqual(list(self.folder.rglob("hacked*")), [], "an input was read as code")
        # Values of several lines stand between delimiters: NAME<<DELIMITER, lines, DELIMITER.
        outputs = dict(re.findall(r"^([\w-]+)=(.*)$", kept["GITHUB_OUTPUT"], re.M))
        outputs |= {n: v for n, _, v in re.findall(r"^([\w-]+)<<(\S+)\n(.*?)\n\2$", kept["GITHUB_OUTPUT"], re.M | re.S)}
        return Job(folder, log, outputs, kept["GITHUB_STEP_SUMMARY"], files["ACTION_REPORT"])

    def assert_no_secret(self, text):
        """No secret, in no spelling that a reader could undo."""
        for name, secret in SECRETS.items():
            for spelling in (secret, secret[::-1], base64.b64encode(secret.encode()).decode().rstrip("="), secret.encode().hex()):
                self.assertNotIn(spelling, text, name)

    def packages(self):
        """The artefact of the job `package`, which has neither keys nor values."""
        job = self.job("package", secrets=False, cloud=False, arguments="--var=wecom_key=not-needed-to-build")
        return (job.folder / ".provision/packages", ".provision/packages")

    def bring_up(self):
        """The default branch, applied."""
        packages = self.packages()
        plan = self.job("plan", plan_file="provision.plan")
        self.job("apply", [packages, (plan.folder / "provision.plan", "provision.plan")], plan_file="provision.plan")

    def test_a_merged_edit_is_applied_from_the_saved_plan_with_the_packages_of_another_job(self):
        packages = self.packages()
        plan = self.job("plan", plan_file="provision.plan")
        self.assertEqual((plan.outputs["changes"], plan.outputs["create"], plan.outputs["delete"]), ("1", "1", "0"))
        self.assertTrue(plan.outputs["plan"].endswith("provision.plan"), plan.outputs)
        saved = (plan.folder / "provision.plan", "provision.plan")
        self.assert_no_secret(saved[0].read_text())
        self.assertNotIn("no package", self.job("apply", [saved], code=1, plan_file="provision.plan").summary)
        self.job("apply", [packages, saved], plan_file="provision.plan")
        again = self.job("plan")
        self.assertEqual(again.outputs["changes"], "0")

        self.edit("memory: 128", "memory: 256")
        plan = self.job("plan", plan_file="provision.plan")
        self.assertEqual((plan.outputs["update"], plan.outputs["exit-code"]), ("1", "0"))
        self.assertRegex(plan.log, r"::(notice|warning) file=manifests/media\.yaml,line=10,")
        self.assertTrue(plan.summary.startswith("<!-- provision:plan -->"), plan.summary)
        self.assertEqual(plan.summary, plan.report.read_text())
        # No code changed, so nothing is needed of the packages.
        self.job("apply", [(plan.folder / "provision.plan", "provision.plan")], plan_file="provision.plan")
        self.assertEqual(self.job("plan").outputs["changes"], "0")

    def test_what_moved_after_the_plan_ends_the_apply_with_3_and_nothing_is_written(self):
        self.bring_up()
        self.edit("memory: 128", "memory: 256")
        plan = self.job("plan", plan_file="provision.plan")
        saved = [(plan.folder / "provision.plan", "provision.plan")]
        # Somebody else applies something first.
        self.edit("memory: 256", "memory: 512")
        self.job("apply")
        self.edit("memory: 512", "memory: 256")
        refused = self.job("apply", saved, code=3, plan_file="provision.plan")
        self.assertEqual(refused.outputs["exit-code"], "3")
        self.assertIn("the saved plan does not hold any more", refused.log)
        self.edit("memory: 256", "memory: 512")
        self.assertEqual(self.job("plan").outputs["changes"], "0")

    def test_the_comment_follows_the_plan(self):
        with Services() as services:
            environment = {
                **self.environment,
                "GITHUB_TOKEN": SECRETS["GITHUB_TOKEN"],
                "GITHUB_API_URL": services.address,
                "GITHUB_REPOSITORY": "acme/media",
                "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            }
            (self.folder / "event.json").write_text(json.dumps({"pull_request": {"number": 12, "head": {"sha": "a" * 40}}}))
            for memory, verb in ((256, "added"), (512, "updated")):
                self.edit("memory: 128" if memory == 256 else "memory: 256", f"memory: {memory}")
                plan = self.job("plan")
                command = [sys.executable, SCRIPTS / "comment.py", "github", "--report", plan.report]
                self.assertIn(verb, run(command, self.folder, environment))
                self.assertIn(str(memory), services.comments[0]["body"])
            self.assertEqual(len(services.comments), 1)
            self.assert_no_secret(services.comments[0]["body"])
            # A manifest that is wrong: the old plan must not stay.
            self.edit("memory: 512", "memory: lots")
            failed = self.job("plan", code=1)
            run([*command[:3], "--report", failed.report, "--exit-code", "1"], self.folder, environment)
            self.assertIn("failed", services.comments[0]["body"])
            self.assertNotIn("512", services.comments[0]["body"])

    def test_a_fork_plans_against_the_snapshot_without_keys_or_secrets(self):
        self.bring_up()
        snapshot = self.job("snapshot", secrets=False, snapshot="provision-snapshot.json").folder / "provision-snapshot.json"
        self.assert_no_secret(snapshot.read_text())
        self.edit("memory: 128", "memory: 256")
        fork = {"secrets": False, "cloud": False, "snapshot": "provision-snapshot.json"}
        plan = self.job("plan", [(snapshot, "provision-snapshot.json")], **fork)
        self.assertEqual((plan.outputs["changes"], plan.outputs["update"]), ("1", "1"))
        self.assertIn("Not compared (1 resource)", plan.summary)

    def test_drift_fails_the_scheduled_job(self):
        self.bring_up()
        self.assertEqual(self.job("drift").outputs["exit-code"], "0")
        # By hand, with a client that knows nothing of provision.
        console = Client(self.cloud.address, key=("ci", SECRETS["TENCENTCLOUD_SECRET_KEY"]))
        console.call("scf", "UpdateFunctionConfiguration", {"FunctionName": "hook", "MemorySize": 512})
        drifted = self.job("drift", code=2)
        self.assertIn("512", drifted.summary)
        self.assertEqual(drifted.outputs["exit-code"], "2")

    def test_inputs_are_arguments_and_never_code(self):
        for hostile in HOSTILE:
            inputs = {"arguments": f"{hostile}\n--stack={hostile}", "manifests": f"manifests\n{hostile}"}
            self.job("validate", code=(0, 1), **inputs)
        self.assertIn("is no command", self.job("destroy; touch hacked", code=1).log)


class Job:
    """What a job left."""

    def __init__(self, folder, log, outputs, summary, report):
        self.folder, self.log, self.outputs, self.summary, self.report = folder, log, outputs, summary, report


def main():
    global BINARY
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit("usage: test.py PROVISION_BINARY [TEST...]")
    BINARY = os.path.abspath(sys.argv.pop(1))
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])


if __name__ == "__main__":
    main()
