#!/usr/bin/env python3
"""Keeps one comment on a pull request (GitHub) or merge request (GitLab) up to date with the last plan.

    comment.py github|gitlab --report FILE [--key KEY] [--exit-code N]

The comment is known by its first line, the marker of a plan's report (with KEY in it, where one pull request has several
plans), and by its author; so a reader who copies the marker does not get an own comment overwritten. The token comes from GITHUB_TOKEN or PROVISION_NOTE_TOKEN and never shows.
Nothing here is read by a shell, and nothing of the pull request but its number and commit is used.

Ends with 0 when the comment stands, when there is nothing to comment on, and when commenting is not allowed (a fork):
the step summary holds the report then. Ends with 1 when the service failed, for an older plan may still stand there.
"""

import argparse
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request

# The first line of a plan's report in Markdown.
MARKER = "<!-- provision:plan -->"
# What the services take, in characters. GitHub refuses longer comments; GitLab cuts at a million.
LIMITS = {"github": 65_536, "gitlab": 1_000_000}
TRIES = 4
PAGES = 30


class Refused(Exception):
    """The service said no, and will say it again."""


class Failed(Exception):
    """The service did not answer, or not sensibly."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token goes to the address that was given and to no other."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirects)


class Api:
    """One service's API: JSON in, JSON out."""

    def __init__(self, base, headers):
        self.base = base.rstrip("/")
        self.headers = {"User-Agent": "provision", "Content-Type": "application/json", **headers}

    def call(self, method, path, body=None):
        """The answer, parsed."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, headers=self.headers, method=method)
        try:
            with OPENER.open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            limited = error.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in error.headers
            if error.code in (401, 403, 404) and not limited:
                raise Refused(f"HTTP {error.code}") from None
            raise Failed(f"HTTP {error.code}") from None
        except (OSError, ValueError) as error:
            raise Failed(type(error).__name__) from None

    def pages(self, path):
        """Every item of a listing."""
        for page in range(1, PAGES + 1):
            items = self.call("GET", f"{path}?per_page=100&page={page}")
            yield from items
            if len(items) < 100:
                return


class GitHub:
    """Comments of a pull request."""

    name = "github"

    def __init__(self, environment):
        self.environment = environment
        self.token = environment.get("GITHUB_TOKEN", "")
        self.number = None
        self.commit = environment.get("GITHUB_SHA", "")
        try:
            with open(environment.get("GITHUB_EVENT_PATH", ""), encoding="utf-8") as file:
                pull = json.load(file).get("pull_request") or {}
            if isinstance(pull.get("number"), int):
                self.number, self.commit = pull["number"], pull["head"]["sha"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        self.author = environment.get("PROVISION_COMMENT_AUTHOR") or "github-actions[bot]"
        repository = environment.get("GITHUB_REPOSITORY", "")
        self.run = f"{environment.get('GITHUB_SERVER_URL', '')}/{repository}/actions/runs/{environment.get('GITHUB_RUN_ID', '')}"
        self.api = Api(
            environment.get("GITHUB_API_URL", "https://api.github.com"),
            {"Authorization": f"Bearer {self.token}", "Accept": "application/vnd.github+json"},
        )
        self.issue = f"/repos/{repository}/issues"

    def ours(self, marker):
        """The id of our comment, or None."""
        for one in self.api.pages(f"{self.issue}/{self.number}/comments"):
            if (one.get("body") or "").startswith(marker) and (one.get("user") or {}).get("login") == self.author:
                return one["id"]
        return None

    def update(self, identity, body):
        """Replaces the text of a comment."""
        self.api.call("PATCH", f"{self.issue}/comments/{identity}", {"body": body})

    def create(self, body):
        """Adds a comment."""
        self.api.call("POST", f"{self.issue}/{self.number}/comments", {"body": body})


class GitLab:
    """Notes of a merge request."""

    name = "gitlab"

    def __init__(self, environment):
        self.token = environment.get("PROVISION_NOTE_TOKEN", "")
        self.number = environment.get("CI_MERGE_REQUEST_IID")
        self.commit = environment.get("CI_COMMIT_SHA", "")
        self.run = environment.get("CI_JOB_URL", "")
        self.api = Api(environment.get("CI_API_V4_URL", "https://gitlab.com/api/v4"), {"PRIVATE-TOKEN": self.token})
        project = environment.get("CI_MERGE_REQUEST_PROJECT_ID") or environment.get("CI_PROJECT_ID", "")
        self.notes = f"/projects/{project}/merge_requests/{self.number}/notes"

    def ours(self, marker):
        """The id of our note, or None."""
        me = self.api.call("GET", "/user")["id"]
        for one in self.api.pages(self.notes):
            if (one.get("body") or "").startswith(marker) and (one.get("author") or {}).get("id") == me:
                return one["id"]
        return None

    def update(self, identity, body):
        """Replaces the text of a note."""
        self.api.call("PUT", f"{self.notes}/{identity}", {"body": body})

    def create(self, body):
        """Adds a note."""
        self.api.call("POST", self.notes, {"body": body})


def body(service, key, report, exit_code):
    """The whole comment: marker, report, and which commit and run it is of."""
    marker = f"<!-- provision:plan {key} -->" if key else MARKER
    report = report.removeprefix(MARKER).strip()
    commit = service.commit[:12] if re.fullmatch("[0-9a-f]{40,64}", service.commit) else "this commit"
    log = f"[log]({service.run})" if re.fullmatch(r"https?://[\w.:/~%-]+", service.run) else "the job's log"
    if exit_code not in (0, 2) and not report:
        report = f"**provision plan failed** with exit code {exit_code}; {log} says why."
    last = f"\n\n<sub>provision plan of {commit} · {log}</sub>\n"
    whole = f"{marker}\n{report}{last}"
    if len(whole) > LIMITS[service.name]:
        whole = f"{marker}\n{report}"
    if len(whole) > LIMITS[service.name]:
        whole = f"{marker}\n**The plan's report has {len(report)} characters, more than a comment takes:** {log}, step summary.{last}"
    return marker, whole


def keep(service, marker, text, sleep=time.sleep):
    """Updates our comment or adds it. Each try looks again, so that a lost answer does not make a second one."""
    for attempt in range(1, TRIES + 1):
        try:
            identity = service.ours(marker)
            if identity is None:
                service.create(text)
                return "added the comment"
            service.update(identity, text)
            return "updated the comment"
        except Failed:
            if attempt == TRIES:
                raise
            sleep(float(os.environ.get("PROVISION_COMMENT_PAUSE", "2")) * attempt)
    raise AssertionError("the last try returns or raises")


def main():
    parser = argparse.ArgumentParser(description="keeps one comment with the last plan")
    parser.add_argument("service", choices=["github", "gitlab"])
    parser.add_argument("--report", required=True)
    parser.add_argument("--key", default="", help="one comment each: letters, digits, `_`, `.`, single `-`")
    parser.add_argument("--exit-code", type=int, default=0)
    given = parser.parse_args()
    if not re.fullmatch(r"(\w|[.]|(?<=\w)-(?=\w)){0,62}", given.key, re.ASCII):
        parser.error("--key takes up to 62 letters, digits, `_`, `.` and single `-`")
    service = (GitHub if given.service == "github" else GitLab)(os.environ)
    if not service.number:
        print("no pull request: no comment")
        return 0
    if not service.token:
        print("no token to comment with: the report stands in the job's summary and artefacts")
        return 0
    try:
        with open(given.report, encoding="utf-8", errors="replace") as file:
            report = file.read()
    except FileNotFoundError:
        report = ""
    if not report.strip() and given.exit_code in (0, 2):
        print("error: the report is empty", file=sys.stderr)
        return 1
    try:
        print(keep(service, *body(service, given.key, report, given.exit_code)))
    except Refused as error:
        print(f"not allowed to comment ({error}), as in a fork: the report stands in the job's summary")
    except Failed as error:
        print(f"error: cannot comment ({error}); an older plan may still stand there", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
