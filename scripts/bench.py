"""How close `provision` comes to what the network allows: bench.py PROVISION [--functions 10,200,1000]

Serves the local cloud with a fixed latency for every call, then plans, applies, plans again and destroys stacks of
growing size through the command line. A step's floor is what it takes whatever the program does: the latency times the
calls that must wait for each other or, with documented rates enforced, the calls of its busiest action by that
action's rate. The ratio says how near we are. Client and cloud share the machine, so the cloud's own work counts too.

Where Terraform and its Tencent Cloud provider are installed, the same work runs through them (scripts/bench_terraform.py).
"""

import argparse
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import bench_terraform

# Plans change nothing and are repeated; the median counts.
REPEATS = 3

# step, arguments, exit code, calls that wait for each other, calls of the busiest action for each function. Apply and
# destroy include their plan.
STEPS = [
    # Account, namespaces, functions, roles, policies and tags, all at once.
    ("plan, empty cloud", ["plan", "--detailed-exitcode"], 2, 1, 0),
    # The plan; create the function, read that it is active, create its trigger. Once 100 a second each, side by side.
    ("apply", ["apply", "--yes"], 0, 1 + 3, 1),
    # Lists, then each function found.
    ("plan, no change", ["plan", "--detailed-exitcode"], 0, 2, 1),
    # The plan; read and delete the trigger, read and delete the function, read that it is gone: four reads.
    ("destroy", ["destroy", "--yes"], 0, 2 + 5, 4),
]

# Calls a second that the platform documents for CreateFunction, CreateTrigger, DeleteFunction and GetFunction.
RATE = 100

# What the design promises at 50 ms: seconds by step and size.
MARKS = {
    ("plan, no change", 10): 0.25,
    ("plan, empty cloud", 200): 1.0,
    ("plan, no change", 200): 1.0,
    ("apply", 200): 8.0,
    ("plan, empty cloud", 1000): 3.0,
    ("plan, no change", 1000): 3.0,
}
# The most that a step may take as a multiple of its floor while rates are enforced.
RATED_MARK = 1.2
START_MARK = 0.030
# The most memory that a plan of so many functions may take, in millions of bytes.
MEMORY_MARK = (10_000, 64)


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

    def __init__(self, provision, folder, latency, rates=False):
        self.line = [provision, "local", "--quiet", "--listen", "127.0.0.1:0", "--data", str(folder / "cloud"),
                     "--latency", str(latency), "--no-quotas", *(["--rates"] if rates else [])]
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
    # Units of 1,024 bytes on Linux, bytes on macOS.
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1_024) / 1_000_000


def first_request(provision):
    """Seconds from starting `plan` to the first byte that it sends."""
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as server:
        (pathlib.Path(name) / "bench.yaml").write_text(manifest(10), encoding="utf-8")
        server.settimeout(10)
        line = [provision, "plan", "--quiet", "--file", "bench.yaml", "--endpoint", f"http://127.0.0.1:{server.getsockname()[1]}"]
        start = time.perf_counter()
        process = subprocess.Popen(line, cwd=name, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                connection.recv(1)
                return time.perf_counter() - start
        finally:
            process.kill()
            process.wait()


def row(*cells):
    print("{:>9}  {:<18} {:>9} {:>9} {:>6} {:>8} {:>10}".format(*cells), flush=True)


def bench(provision, functions, latency, rates=False):
    with tempfile.TemporaryDirectory(prefix="provision-bench-") as name:
        folder = pathlib.Path(name)
        (folder / "bench.yaml").write_text(manifest(functions), encoding="utf-8")
        with Cloud(provision, folder, latency, rates) as url:
            for step, arguments, wanted, chain, busiest in STEPS:
                line = [provision, *arguments, "--quiet", "--file", "bench.yaml", "--endpoint", url]
                repeats = REPEATS if arguments[0] == "plan" and not rates else 1
                runs = [measure(line, folder, wanted) for _ in range(repeats)]
                seconds = statistics.median(seconds for seconds, _ in runs)
                floor = chain * latency / 1000
                mark = MARKS.get((step, functions)) if latency == 50 else None
                mark = f"< {mark:g} s" if mark else ""
                if arguments[0] == "plan" and functions == MEMORY_MARK[0]:
                    mark = f"< {MEMORY_MARK[1]} MB"
                if rates:
                    floor = max(floor, functions * busiest / RATE)
                    mark = f"< {RATED_MARK:g} x" if busiest == 1 else ""
                row(functions, step, f"{floor:.2f} s", f"{seconds:.2f} s", f"{seconds / floor:.1f}" if floor else "-",
                    f"{max(memory for _, memory in runs):.0f} MB", mark)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("provision", type=os.path.abspath)
    parser.add_argument("--functions", default="10,200,1000", help="sizes, as a comma list")
    parser.add_argument("--latency", type=int, default=50, help="milliseconds per call")
    parser.add_argument("--rated", type=int, default=0, help="also this many functions with documented rates enforced")
    parser.add_argument("--memory", type=int, default=0, help="also this many functions with a cloud that answers at once")
    options = parser.parse_args()

    row("functions", "step", "floor", "ours", "ratio", "memory", "mark")
    with tempfile.TemporaryDirectory() as name:
        runs = [measure([options.provision, "--version"], name, 0) for _ in range(20)]
    # Also shows what a process is charged before it does anything.
    row("-", "start (--version)", "-", f"{statistics.median(s for s, _ in runs):.3f} s", "-", f"{max(m for _, m in runs):.0f} MB", "")
    start = statistics.median(first_request(options.provision) for _ in range(20))
    row("10", "first request", "-", f"{start:.3f} s", "-", "-", f"< {START_MARK * 1000:.0f} ms")
    for functions in options.functions.split(","):
        bench(options.provision, int(functions), options.latency)
    if options.rated:
        print(f"\nwith the documented rates enforced ({RATE} calls a second for each of the busiest actions)")
        bench(options.provision, options.rated, options.latency, rates=True)
    if options.memory:
        print("\nmemory, with a cloud that answers at once")
        bench(options.provision, options.memory, latency=0)
    print(flush=True)
    for functions in options.functions.split(","):
        with tempfile.TemporaryDirectory(prefix="provision-bench-") as name:
            if not bench_terraform.run(int(functions), lambda folder: Cloud(options.provision, folder, options.latency), name):
                break


if __name__ == "__main__":
    main()
