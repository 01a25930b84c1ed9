#!/usr/bin/env python3
"""Runs what proves the rules of docs/reliability.md, and prints how much of it ran.

    scripts/reliability.py                      a few minutes
    scripts/reliability.py --seconds 1800       a soak: as long for each suite of random runs
    scripts/reliability.py --write              puts the counts into the page
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- counts: begin -->", "<!-- counts: end -->"


def run(command, **variables):
    """The output of a command that must succeed; shown when it does not."""
    print("$", " ".join(command), *(f"{k}={v}" for k, v in variables.items()), file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, env=os.environ | variables, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        log = ROOT / "target/reliability.log"
        log.write_text(done.stdout, encoding="utf-8")
        print(*(line[:2000] for line in done.stdout.splitlines() if "SEED=" in line or "FAIL" in line), sep="\n")
        sys.exit(f"error: `{' '.join(command)}` failed; all it said is in {log}")
    return done.stdout


def counted(text):
    """What tests say of themselves: (suite, counts)."""
    return [tuple(row) for row in re.findall(r"counted: (.+?): (.+)", text)]


def laws(cases):
    text = run(["cargo", "test", "--locked", "-p", "plan", "--test", "laws"], PROPTEST_CASES=str(3 * cases))
    passed = int(re.search(r"ok\. (\d+) passed", text)[1])
    return [("laws", f"{passed} laws, {cases} generated cases each")]


def tests(name, *more, **variables):
    command = ["cargo", "test", "--locked", "-p", "provision", "--test", name, "--", "--nocapture", *more]
    return counted(run(command, **variables))


def conformance(seeds):
    run(["cargo", "build", "--locked", "-p", "provision"])
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    text = run([sys.executable, "conformance/run.py", "--binary", f"{target}/debug/provision", "--seeds", str(seeds),
                "--jobs", "2"])
    return [("conformance", f"{text.strip().splitlines()[-1]}, {seeds} seeds")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each suite of random runs (default 60)")
    parser.add_argument("--seeds", type=int, default=5, help="of the conformance scenarios (default 5)")
    parser.add_argument("--cases", type=int, default=300, help="of each law (default 300)")
    parser.add_argument("--write", action="store_true", help="put the counts into docs/reliability.md")
    given = parser.parse_args()
    seconds = str(given.seconds)
    rows = [
        *laws(given.cases),
        *tests("faults"),
        *tests("kills", "--include-ignored", "--test-threads", "1", KILL_SECONDS=seconds),
        *tests("fuzz", "--test-threads", "1", FUZZ_SECONDS=seconds),
        *conformance(given.seeds),
    ]
    table = "\n".join(["| suite | what ran |", "| --- | --- |", *(f"| {suite} | {what} |" for suite, what in rows)])
    print(table)
    if given.write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        _, after = rest.split(END)
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
