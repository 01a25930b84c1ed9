#!/usr/bin/env python3
"""Plays the scenarios against the `provision` binary, through its command line and over real HTTP.

    python3 conformance/run.py --binary target/release/provision [--seeds 20] [--first 1] [--only NAME] [--jobs 2]
"""

import argparse
import concurrent.futures
import pathlib
import sys
import traceback

from bench import Failed
from scenarios import SCENARIOS


def play(name, function, binary, seed, label):
    """`ok NAME`, or `FAIL NAME: why (how to reproduce: ...)`."""
    again = f"--only {name} --first {seed} --seeds 1"
    try:
        function(binary, seed)
    except Failed as failed:
        return False, f"FAIL {label}: {' '.join(str(failed).split())} (how to reproduce: {again})"
    except Exception as error:  # the program answered in a shape the scenario did not foresee
        where = traceback.extract_tb(error.__traceback__)[-1]
        return False, f"FAIL {label}: {type(error).__name__}: {error} at {pathlib.Path(where.filename).name}:{where.lineno} (how to reproduce: {again})"
    return True, f"ok {label}"


def main():
    parser = argparse.ArgumentParser(description="plays the conformance scenarios")
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=20, help="how many generated manifests per seeded scenario")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    binary = given.binary.resolve()
    if not binary.is_file():
        parser.error(f"no such file: {binary}")
    todo = []
    for name, function, seeded in SCENARIOS:
        if given.only in name:
            seeds = range(given.first, given.first + given.seeds) if seeded else [given.first]
            todo += [(name, function, binary, s, f"{name}[{s}]" if seeded else name) for s in seeds]
    if not todo:
        parser.error(f"no scenario is called {given.only}")
    passed = 0
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for ok, line in pool.map(lambda row: play(*row), todo):
            passed += ok
            print(line, flush=True)
    print(f"{passed} passed, {len(todo) - passed} failed")
    return 0 if passed == len(todo) else 1


if __name__ == "__main__":
    sys.exit(main())
