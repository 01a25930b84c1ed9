"""The handler's package beside a plain Node.js handler of the same job: bench_handler.py PACKAGE_ZIP

Plays the platform and the WeCom service on loopback: starts the handler as an instance would be started, waits until
it is ready, hands over events one after the other and checks each message that arrives. The stand-ins answer at
once, so what is measured is the handler's work plus theirs, which both columns carry alike. Ends with 1 when our
handler misses a mark. `-` for the package reads the report of `provision package --format json` from stdin.
"""

import argparse
import copy
import hashlib
import io
import json
import os
import pathlib
import platform
import shutil
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

SCRIPTS = pathlib.Path(__file__).resolve().parent
EVENT = SCRIPTS.parent / "crates/handler/tests/fixtures/workflow_documented_shape.json"
NODE_HANDLER = SCRIPTS / "bench_handler.js"

# What the design promises of our handler.
START_MARK = 0.010
MEMORY_MARK = 20_000_000
PACKAGE_MARK = 3_000_000

# A robot takes this many messages a minute, and our handler sends no more to it (page 91770 of WeCom's documents).
ROBOT_BUDGET = 20

# As manifests/mps-webhook.yaml declares.
MEMORY_MB = 128
TIMEOUT_MS = 15_000

# Longest wait for one start with all of its events.
PATIENCE = 120


class Run:
    """One start of a handler: what it is to do, and what was seen of it."""

    def __init__(self, events):
        self.events = events
        self.handed = 0
        self.handed_at = None
        self.ready_at = None
        # Seconds from handing an event over to its answer: what the platform charges for.
        self.durations = []
        self.messages = []
        self.problems = []
        self.done = threading.Event()

    def answer_runtime(self, path, body):
        """The runtime API: status, headers and body, or nothing when there is no event left to wait for."""
        now = time.perf_counter()
        if path == "/runtime/init/ready":
            self.ready_at = self.ready_at or now
        elif path == "/runtime/invocation/next":
            if self.handed == len(self.events):
                self.done.set()
                return None
            event = self.events[self.handed]
            self.handed += 1
            headers = f"request_id: request-{self.handed}\r\nmemory_limit_in_mb: {MEMORY_MB}\r\ntime_limit_in_ms: {TIMEOUT_MS}\r\n"
            self.handed_at = time.perf_counter()
            return headers, event
        else:
            self.durations.append(now - self.handed_at)
            if path != "/runtime/invocation/response":
                self.problems.append(f"{path}: {body.decode('utf-8', 'replace')}")
        return "", b""

    def answer_robot(self, _path, body):
        """The robots, which take everything."""
        self.messages.append(body)
        return "Content-Type: application/json\r\n", b'{"errcode":0,"errmsg":"ok"}'


class Connection(socketserver.StreamRequestHandler):
    """Reads requests by hand: a general parser would take longer than the handler that is measured."""

    disable_nagle_algorithm = True

    def handle(self):
        try:
            while self.exchange():
                pass
        except ConnectionError:
            pass  # The process was ended while it waited for an event.

    def exchange(self):
        request = self.rfile.readline().split()
        if not request:
            return False
        length = 0
        while (line := self.rfile.readline().rstrip()):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        answer = self.server.answer(request[1].decode(), self.rfile.read(length))
        if answer is None:
            self.rfile.read(1)  # Until the process ends.
            return False
        headers, body = answer
        self.wfile.write(f"HTTP/1.1 200 OK\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return True


class Standin(socketserver.ThreadingTCPServer):
    """Serves on a free port of its own until the program ends."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Connection)
        self.answer = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


class Bench:
    """The stand-ins, and the figures of every start of one handler after another."""

    def __init__(self, further):
        self.further = further
        self.runtime = Standin()
        self.wecom = Standin()
        self.event = json.loads(EVENT.read_text(encoding="utf-8"))

    def play(self, line, folder):
        """Starts a handler once; how long it took and how much memory."""
        run = Run([self.event_of_its_own(number) for number in range(1 + self.further)])
        self.runtime.answer = run.answer_runtime
        self.wecom.answer = run.answer_robot
        with tempfile.TemporaryDirectory(prefix="instance-") as tmp, tempfile.TemporaryFile() as output:
            environment = self.environment(folder, tmp)
            started = time.perf_counter()
            process = subprocess.Popen(line, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            try:
                problem = wait(run, process)
                memory = peak_memory(process.pid) if not problem else None
            finally:
                process.kill()
                process.wait()
            problem = problem or self.problem_of(run)
            if problem:
                output.seek(0)
                sys.stderr.writelines(output.read().decode("utf-8", "replace").splitlines(keepends=True)[-5:])
                sys.exit(f"`{line[-1]}` {problem}")
        return {"start": run.ready_at - started, "first": run.durations[0], "further": run.durations[1:], "memory": memory}

    def event_of_its_own(self, number):
        """An event like no other, so that none is taken for a duplicate."""
        event = copy.deepcopy(self.event)
        event["WorkflowTaskEvent"]["TaskId"] = task_id(number)
        return json.dumps(event, ensure_ascii=False).encode()

    def environment(self, folder, tmp):
        """What the platform sets, and the function's own variables."""
        robots = 1 + (1 + self.further) // ROBOT_BUDGET
        urls = [f"http://127.0.0.1:{self.wecom.port}/cgi-bin/webhook/send?key=robot-{number}" for number in range(robots)]
        return {
            "SCF_RUNTIME_API": "127.0.0.1",
            "SCF_RUNTIME_API_PORT": str(self.runtime.port),
            "_HANDLER": "bootstrap.main",
            "SCF_RUNTIME": "CustomRuntime",
            "SCF_FUNCTIONNAME": "MPSWebHook",
            "SCF_FUNCTIONVERSION": "$LATEST",
            "SCF_NAMESPACE": "default",
            "TENCENTCLOUD_RUNENV": "SCF",
            "TENCENTCLOUD_REGION": "ap-beijing",
            "USER_CODE_ROOT": f"{folder}/",
            "HOME": tmp,
            "PATH": os.defpath,
            "TMPDIR": tmp,
            "WECOM_WEBHOOK_URL": ",".join(urls),
        }

    def problem_of(self, run):
        """What keeps this run from counting: an event that failed, or whose message does not tell what happened."""
        if run.problems:
            return f"failed {len(run.problems)} of {len(run.events)} events: {run.problems[0]}"
        if len(run.messages) != len(run.events):
            return f"posted {len(run.messages)} messages for {len(run.events)} events"
        for number, message in enumerate(run.messages):
            text = json.loads(message)["markdown"]["content"]
            missing = [word for word in (task_id(number), *words(self.event)) if word not in text]
            if missing:
                return f"does not say `{missing[0]}` in {text}"
        return None


def task_id(number):
    return f"1300998877-WorkflowTask-{number:032x}"


def words(event):
    """What every message must say, however it is laid out: the source, each output, each failure's code."""
    task = event["WorkflowTaskEvent"]
    yield task["InputInfo"]["CosInputInfo"]["Object"]
    for result in task["MediaProcessResultSet"]:
        (done,) = (value for name, value in result.items() if name != "Type" and value)
        output = done["Output"]
        if not output:
            yield str(done["ErrCode"])
            continue
        pictures = [picture["Path"] for picture in output.get("PicInfoSet", [])]
        for path in [output["Path"]] if "Path" in output else output.get("ImagePathSet", pictures):
            yield path.rpartition("/")[2]


def wait(run, process):
    """Until every event is answered, or why that will not be."""
    deadline = time.monotonic() + PATIENCE
    while not run.done.wait(0.2):
        if process.poll() is not None:
            return f"ended with {process.returncode} after {len(run.durations)} events"
        if time.monotonic() > deadline:
            return f"answered {len(run.durations)} of {len(run.events)} events in {PATIENCE} s"
    return None


def peak_memory(pid):
    """Bytes of resident memory at its highest."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    sys.exit(f"the kernel does not say how much memory process {pid} used")


def unpack(package, folder):
    """The package as the platform lays it out; its size."""
    with zipfile.ZipFile(package) as archive:
        for entry in archive.infolist():
            path = pathlib.Path(archive.extract(entry, folder))
            path.chmod(entry.external_attr >> 16 & 0o777)
    return package.stat().st_size


def zipped_size(path):
    """Bytes of an archive of this file alone."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.write(path, path.name)
    return len(archive.getvalue())


def package_of_report(report):
    """The file in .provision/packages that a report of `provision package` is about."""
    packages = json.loads(report)["packages"]
    if len(packages) != 1:
        sys.exit(f"the report is about {len(packages)} packages, not one")
    for path in pathlib.Path(".provision/packages").glob("*.zip"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == packages[0]["sha256"]:
            return path
    sys.exit("no file in .provision/packages has the digest of the report")


def figures(starts):
    """Every row's value over all starts of one handler."""
    further = sorted(seconds for start in starts for seconds in start["further"])
    return {
        "start to ready, median": statistics.median(start["start"] for start in starts),
        "start to ready, slowest": max(start["start"] for start in starts),
        "first event, median": statistics.median(start["first"] for start in starts),
        "further event, median": statistics.median(further),
        "further event, 99 %": further[len(further) * 99 // 100],
        "peak memory, largest": max(start["memory"] for start in starts),
    }


def shown(name, value):
    if name == "package":
        return f"{value / 1e6:.2f} MB" if value >= 1e6 else f"{value / 1e3:.1f} kB"
    return f"{value / 1e6:.1f} MB" if "memory" in name else f"{value * 1000:.2f} ms"


def report(ours, node):
    """Prints the table; the names of the marks that ours misses."""
    marks = {"start to ready, median": START_MARK, "peak memory, largest": MEMORY_MARK, "package": PACKAGE_MARK}
    row = "{:<24} {:>10} {:>10} {:>10}  {:<12}"
    print(row.format("", "ours", "node", "ours/node", "mark").rstrip())
    missed = []
    for name, value in ours.items():
        mark = marks.get(name)
        if mark and value >= mark:
            missed.append(name)
        # Node.js itself comes with the platform, so the packages' sizes do not compare.
        compares = node and name != "package"
        said = f"< {shown(name, mark)}{' MISSED' if name in missed else ''}" if mark else ""
        print(row.format(name, shown(name, value), shown(name, node[name]) if node else "no node",
                         f"{value / node[name]:.2f}" if compares else "-", said).rstrip())
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", help="the zip, or - for a report of `provision package --format json` on stdin")
    parser.add_argument("--starts", type=int, default=20, help="starts of each handler")
    parser.add_argument("--events", type=int, default=200, help="events of each start, after its first")
    options = parser.parse_args()
    if min(options.starts, options.events) < 1:
        parser.error("at least one start and one further event are needed")
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        sys.exit("the package is for Linux on x86-64, and so is this measurement")

    package = package_of_report(sys.stdin.read()) if options.package == "-" else pathlib.Path(options.package)
    bench = Bench(options.events)
    with tempfile.TemporaryDirectory(prefix="provision-bench-handler-") as name:
        folder = pathlib.Path(name)
        size = unpack(package, folder)
        lines = {"ours": [str(folder / "bootstrap")]}
        if node := shutil.which("node"):
            lines["node"] = [node, str(NODE_HANDLER)]
        starts = {who: [] for who in lines}
        # In turns, so that whatever else the machine does falls on both.
        for _ in range(options.starts):
            for who, line in lines.items():
                starts[who].append(bench.play(line, folder))

    version = subprocess.run([node, "--version"], stdout=subprocess.PIPE, text=True).stdout.strip() if node else "absent"
    print(f"{options.starts} starts, {options.events} further events each; node {version}; {os.cpu_count()} cores\n")
    ours = {**figures(starts["ours"]), "package": size}
    theirs = {**figures(starts["node"]), "package": zipped_size(NODE_HANDLER)} if node else None
    missed = report(ours, theirs)
    if missed:
        sys.exit(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
