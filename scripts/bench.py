"""How close `provision` comes to the network: bench.py PROVISION [--functions 10,200] [--latency 50]

Serves the local cloud with a fixed latency for every call, then plans, applies, plans again and destroys stacks of
growing size through the command line. A step's floor is the latency times the calls that must wait for each other
whatever the program does; the ratio says how much of the time is ours. Rates are not enforced: this measures latency.
Client and cloud share the machine, so the cloud's own work counts too.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

# Plans change nothing and are repeated; the median counts.
REPEATS = 3

# step, arguments, exit code, calls that wait for each other. Apply and destroy include their plan.
STEPS = [
    # Account, namespaces, functions, roles, policies and tags, all at once.
    ("plan, empty cloud", ["plan", "--detailed-exitcode"], 2, 1),
    # The plan; create the function, read that it is active, create its trigger.
    ("apply", ["apply", "--yes"], 0, 1 + 3),
    # Lists, then each function found.
    ("plan, no change", ["plan", "--detailed-exitcode"], 0, 2),
    # The plan; read and delete the trigger, read and delete the function, read that it is gone.
    ("destroy", ["destroy", "--yes"], 0, 2 + 5),
]

# Seconds for 200 functions at 50 ms that the design promises.
MARKS = {("plan, empty cloud", 200): 1.0, ("plan, no change", 200): 1.0, ("apply", 200): 8.0}


def manifest(functions):
    """A stack of functions with inline code, one timer and one tag each."""
    lines = ["stack: bench", "region: ap-beijing", "functions:"]
    for number in range(functions):
        lines += [
            f"  worker-{number:04}:",
            "    runtime: Python3.10",
            "    handler: index.main_handler",
            f'    code: {{ inline: {{ index.py: "def main_handler(event, context):\\n    return {number}\\n" }} }}',
            f'    tags: {{ number: "{number}" }}',
            '    triggers: { nightly: { type: timer, cron: "0 0 3 * * * *" } }',
        ]
    return "\n".join(lines) + "\n"


class Cloud:
    """A local cloud that serves from an empty folder while the block runs."""

    def __init__(self, provision, folder, latency):
        self.line = [provision, "local", "--quiet", "--listen", "127.0.0.1:0", "--data", str(folder / "cloud"),
                     "--latency", str(latency), "--no-quotas"]
        self.folder = folder

    def __enter__(self):
        self.process = subprocess.Popen(self.line, cwd=self.folder, env=environment(), stdout=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        _, found, address = first.partition("http://")
        if not found:
            self.__exit__()
            sys.exit(f"the local cloud did not say where it serves, but {first!r}")
        return "http://" + address.strip()

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def environment():
    """Nothing of the user's account or settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "NO_COLOR": "1", "TENCENTCLOUD_SECRET_ID": "local", "TENCENTCLOUD_SECRET_KEY": "local"}


def measure(line, folder, wanted):
    """Seconds, and peak memory in MB, of a run that must end with this exit code."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(line, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != wanted:
            output.seek(0)
            sys.stderr.write(output.read().decode("utf-8", "replace")[-4000:])
            sys.exit(f"`{' '.join(line[1:])}` ended with {process.returncode} instead of {wanted}")
    # Kilobytes on Linux, bytes on macOS.
    return seconds, usage.ru_maxrss / (1_000_000 if sys.platform == "darwin" else 1_000)


def row(*cells):
    print("{:>9}  {:<18} {:>8} {:>8} {:>6} {:>8} {:>8}".format(*cells), flush=True)


def bench(provision, functions, latency):
    with tempfile.TemporaryDirectory(prefix="provision-bench-") as name:
        folder = pathlib.Path(name)
        (folder / "bench.yaml").write_text(manifest(functions), encoding="utf-8")
        with Cloud(provision, folder, latency) as url:
            for step, arguments, wanted, calls in STEPS:
                line = [provision, *arguments, "--quiet", "--file", "bench.yaml", "--endpoint", url]
                runs = [measure(line, folder, wanted) for _ in range(REPEATS if arguments[0] == "plan" else 1)]
                seconds = statistics.median(seconds for seconds, _ in runs)
                floor = calls * latency / 1000
                mark = MARKS.get((step, functions)) if latency == 50 else None
                row(functions, step, f"{floor:.2f} s", f"{seconds:.2f} s", f"{seconds / floor:.1f}" if floor else "-",
                    f"{max(memory for _, memory in runs):.0f} MB", f"< {mark:g} s" if mark else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("provision", type=os.path.abspath)
    parser.add_argument("--functions", default="10,200", help="sizes, as a comma list")
    parser.add_argument("--latency", type=int, default=50, help="milliseconds per call")
    options = parser.parse_args()

    row("functions", "step", "floor", "ours", "ratio", "memory", "mark")
    with tempfile.TemporaryDirectory() as name:
        runs = [measure([options.provision, "--version"], name, 0) for _ in range(20)]
    # Also shows what a process is charged before it does anything.
    row("-", "start (--version)", "-", f"{statistics.median(s for s, _ in runs):.3f} s", "-", f"{max(m for _, m in runs):.0f} MB", "")
    for functions in options.functions.split(","):
        bench(options.provision, int(functions), options.latency)


if __name__ == "__main__":
    main()
