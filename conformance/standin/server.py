"""HTTP: one POST per call for the services, `/_standin/...` for the tests that drive this program, and
`/_code/...` for the archives that GetFunctionAddress points at. Binds to loopback only."""

import argparse
import dataclasses
import hashlib
import http.server
import json
import os
import pathlib
import random
import re
import socket
import sys
import threading
import time
import traceback
import urllib.parse
import uuid

from . import access, cos, schema, signature
from .asks import asks, asks_cos
from .cam import Cam
from .cloud import Call, Cloud, Options
from .faults import Faults
from .mps import Mps
from .rates import Rates
from .refusal import Refusal, require
from .respell import Speller
from .scf import Scf
from .sts import Sts
from .tags import Tag

SERVICES = {"scf": Scf, "cam": Cam, "tag": Tag, "sts": Sts, "mps": Mps}
MAX_BODY = 10 * 1024 * 1024  # a TC3-signed POST holds 10 MB
READ = re.compile(r"(Get|List|Describe|Invoke|AssumeRole)[A-Za-z]*")


def is_write(action):
    return not READ.fullmatch(action)


class Gone(Exception):
    """The connection is to be cut without an answer."""


class World:
    """The cloud, its faults and its log, behind one lock."""

    def __init__(self, options, rules, log_path):
        self.definitions = schema.load_all()
        self.cloud, self.rates = Cloud(options), Rates()
        self.faults = Faults(rules, options.seed)
        self.lock = threading.RLock()
        self.log, self.log_file = [], open(log_path, "a", encoding="utf-8") if log_path else None
        self.stale, self.asked, self.origin = None, {}, ""
        self.policies = None  # documents that bound whoever signs; None: everything is allowed

    # -- a call

    def answer(self, method, query, headers, body):
        """One call: `(status, headers, bytes to send, bytes to claim)`; raises Gone to cut the connection."""
        entry = {"time": time.time(), "service": "", "action": headers.get("x-tc-action", ""),
                 "region": headers.get("x-tc-region", ""), "params": None, "asks": [], "code": "ok", "fault": None}
        rule, result = None, None
        try:
            try:
                service, key = signature.verify(method, query, headers, body, self.cloud.keys, entry["action"])
                entry["service"], entry["key"] = service, key
                params = self.checked(method, service, entry, headers, body)
                with self.lock:
                    self.cloud.settle()
                    entry["asks"] = asks(self.cloud, service, entry["action"], entry["region"], params)
                    self.admit(entry)
                    rule = self.faults.pick(service, entry["action"], entry["region"], is_write(entry["action"]))
                    if rule and rule["kind"] in ("drop_before", "http500", "refuse", "throttle"):
                        entry["fault"], entry["code"] = rule["kind"], "not performed"
                        result = self.refused(rule)
                    elif rule and rule["kind"] == "delay":
                        entry["fault"] = "delay"
                if rule and rule["kind"] == "delay":
                    time.sleep(rule.get("ms", 100) / 1000)
                if result is None:
                    with self.lock:
                        result = self.perform(service, entry, params, rule)
            except Refusal as refusal:
                result = {"Error": {"Code": refusal.code, "Message": refusal.message}}
                entry["code"] = refusal.code
            return self.framed(result, rule, entry)
        finally:
            self.record(entry)

    def answer_cos(self, where, method, path, query, headers, body):
        """One request to a bucket, as `answer`, with headers in place of a content type."""
        key, head = urllib.parse.unquote(path).lstrip("/"), method == "HEAD"
        query = urllib.parse.parse_qsl(query, keep_blank_values=True)
        name = cos.action(method, key, query)
        entry = {"time": time.time(), "service": "cos", "action": name, "region": where[1], "code": "ok", "fault": None,
                 "params": {"bucket": where[0], "key": key, **dict(query), "size": len(body)}, "asks": []}
        try:
            with self.lock:
                try:
                    cos.verify(method, urllib.parse.unquote(path), query, headers, self.cloud.keys)
                    entry["asks"] = asks_cos(name, *where, key)
                    self.admit(entry)
                    rule = self.faults.pick("cos", name, where[1], cos.is_write(name))
                    kind = entry["fault"] = rule and rule["kind"]
                    if kind in ("drop_before", "http500", "refuse", "throttle"):
                        entry["code"] = "not performed"
                    if kind == "drop_before":
                        raise Gone
                    if kind == "http500":
                        return rule.get("status", 502), {"Content-Type": "text/html"}, b"<html>bad gateway</html>", None
                    cos.need(kind != "throttle", 503, "SlowDown")
                    cos.need(kind != "refuse", 403, (rule or {}).get("code", "AccessDenied"))
                    status, more, data = self.cloud.store.perform(name, where, key, query, headers, body)
                except cos.Error as error:
                    entry["code"], rule, kind = error.code, None, None
                    status, more, data = cos.refusal(error, head)
            if kind == "delay":
                time.sleep(rule.get("ms", 100) / 1000)
            if kind == "drop_after" or kind == "truncate" and not data:
                raise Gone
            if kind == "http500_after":
                return rule.get("status", 502), {"Content-Type": "text/html"}, b"<html>bad gateway</html>", None
            if kind == "garbage":
                return 200, {"Content-Type": "text/html"}, b"<html>welcome to the hotel network</html>", None
            more = {"x-cos-request-id": uuid.uuid4().hex, "Server": "tencent-cos", **more}
            return status, more, data[:len(data) // 2] if kind == "truncate" else data, len(data)
        finally:
            self.record(entry)

    def checked(self, method, service, entry, headers, body):
        require(method == "POST", "InvalidRequest", "only POST is played")
        require(len(body) <= MAX_BODY, "RequestSizeLimitExceeded", "a request holds 10 MB")
        kind = headers.get("content-type", "").split(";")[0].strip()
        require(kind == "application/json", "UnsupportedProtocol", "Content-Type must be application/json")
        require(service in SERVICES, "NoSuchProduct", f"no product {service}")
        definition = self.definitions[service]
        require(headers.get("x-tc-version") == definition.version, "NoSuchVersion", "X-TC-Version")
        require(entry["action"] in definition.actions, "InvalidAction", f"no action {entry['action']}")
        try:
            params = json.loads(body.decode("utf-8"), object_pairs_hook=unique)
        except ValueError:
            raise Refusal("InvalidParameter", "the body is not JSON") from None
        entry["params"] = trimmed(params)
        definition.check_request(entry["action"], params)
        return params

    def admit(self, entry):
        """Refuses what the policies do not allow; the log keeps what that was."""
        if self.policies is None:
            return
        entry["denied"] = access.denied(self.policies, entry["asks"])
        if entry["denied"]:
            one = entry["denied"][0]
            text = f"not authorized to perform operation ({one['action']}) resource ({one['resource']}) has no permission"
            raise cos.Error(403, "AccessDenied", text) if entry["service"] == "cos" else Refusal("UnauthorizedOperation", text)

    def refused(self, rule):
        if rule["kind"] == "drop_before":
            raise Gone
        if rule["kind"] == "http500":
            return {}
        code = "RequestLimitExceeded" if rule["kind"] == "throttle" else rule.get("code", "InternalError")
        raise Refusal(code, rule.get("message", "told to fail"))

    def perform(self, service, entry, params, rule):
        action, kind = entry["action"], rule and rule["kind"]
        if self.cloud.options.rates and not self.rates.admit(service, action, entry["region"]):
            raise Refusal("RequestLimitExceeded", "too many calls a second")
        cloud = self.cloud
        cloud.settle()
        if kind == "stale" and self.stale is not None and not is_write(action):
            cloud, entry["fault"] = self.stale, "stale"
        elif is_write(action) and self.faults.uses("stale"):
            self.stale = self.cloud.snapshot()
        pending = rule.get("ms", 3_600_000) if kind == "stay_pending" else None
        answer = self.play(cloud, service, action, entry["region"], params, pending)
        speller = Speller(cloud.options.spelling, self.rng(service, action, params, "extra"))
        if kind in ("drop_after", "http500_after", "truncate", "wrong_content_type", "garbage", "stay_pending"):
            entry["fault"] = kind
        return speller.extra(answer) if cloud.options.spelling != "plain" else answer

    def play(self, cloud, service, action, region, params, pending=None):
        """Carries a call out on the state, after a check that our own answer has the defined shape."""
        call = Call(cloud, service, action, region, params, self.rng(service, action, params, "call"),
                    self.origin, pending)
        answer = SERVICES[service](call).run()
        wrong = self.definitions[service].violations(action, answer)
        if wrong:
            raise AssertionError(f"the answer to {action} breaks its definition at {wrong}")
        return answer

    def rng(self, service, action, params, purpose):
        """The same call asked again is spelled anew, and the same run spells alike."""
        key = f"{service}/{action}/{json.dumps(trimmed(params), sort_keys=True)}/{purpose}"
        self.asked[key] = self.asked.get(key, 0) + 1
        return random.Random(f"{self.cloud.options.seed}/{key}/{self.asked[key]}")

    def framed(self, result, rule, entry):
        kind = entry["fault"]
        if kind in ("http500", "http500_after"):
            entry["code"] = f"http {rule.get('status', 502)}"
            page = b"<html><body>bad gateway</body></html>"
            return rule.get("status", 502), "text/html", page, len(page)
        if kind == "drop_after":
            raise Gone
        request = str(uuid.uuid4())
        entry["request_id"] = request
        body = json.dumps({"Response": {**result, "RequestId": request}}, ensure_ascii=False).encode()
        if kind == "garbage":
            return 200, "text/html", b"<html>welcome to the hotel network</html>", None
        if kind == "truncate":
            return 200, "application/json", body[:len(body) // 2], len(body)
        if kind == "wrong_content_type":
            return 200, "text/html; charset=utf-8", body, None
        return 200, "application/json", body, None

    def record(self, entry):
        with self.lock:
            entry["seq"] = len(self.log)
            entry["write"] = cos.is_write(entry["action"]) if entry["service"] == "cos" else is_write(entry["action"])
            self.log.append(entry)
            if self.log_file:
                self.log_file.write(json.dumps(entry, ensure_ascii=False) + "\n")
                self.log_file.flush()

    # -- control

    def control(self, method, path, body):
        with self.lock:
            if method == "GET" and path == "/_standin/state":
                return self.cloud.dump()
            if method == "GET" and path == "/_standin/log":
                return self.log
            given = json.loads(body or b"null")
            if method == "POST" and path == "/_standin/faults":
                self.faults = Faults(given or [], self.cloud.options.seed)
                return {}
            if method == "POST" and path == "/_standin/mutate":
                return self.mutate(given)
        raise Refusal("InvalidAction", f"{method} {path} is not a control of the stand-in")

    def mutate(self, edit):
        """What happens behind the client's back. Operations:
        call {service, action, region, params}: any action, as if clicked in the console;
        set_function {region, namespace, name, config: {...}, status}: attributes as stored;
        delete_trigger {region, namespace, name, type, trigger?}; set_role {name, document?, ...};
        settle {}: all that is pending is done; options {...}: change options; reset {}: a new account."""
        op = edit.pop("op")
        if op == "call":
            definition = self.definitions[edit["service"]]
            definition.check_request(edit["action"], edit.get("params", {}))
            answer = self.play(self.cloud, edit["service"], edit["action"], edit.get("region", ""),
                               edit.get("params", {}))
            self.cloud.settle(everything=True)
            for role in self.cloud.roles.values():
                role["usable_at"] = 0
            return answer
        if op == "settle":
            self.cloud.settle(everything=True)
            return {}
        if op == "options":
            self.cloud.options = dataclasses.replace(self.cloud.options, **edit)
            return {}
        if op == "reset":
            self.cloud = Cloud(self.cloud.options)
            return {}
        if op == "set_role":
            self.cloud.roles[edit.pop("name")].update(edit)
            return {}
        function = self.cloud.region(edit["region"])["functions"][f"{edit.get('namespace', 'default')}/{edit['name']}"]
        if op == "set_function":
            function["config"].update(edit.get("config", {}))
            function["status"] = edit.get("status", function["status"])
            function["mod_time"] = self.cloud.stamp()
            return {}
        require(op == "delete_trigger", "InvalidParameter", f"no such operation: {op}")
        before = len(function["triggers"])
        function["triggers"] = [t for t in function["triggers"] if not (
            t["type"] == edit["type"] and edit.get("trigger", t["name"]) == t["name"])]
        return {"deleted": before - len(function["triggers"])}


def unique(pairs):
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a member comes twice")
    return table


def trimmed(value):
    """Parameters for the log: archives become their digest and size."""
    if isinstance(value, dict):
        return {k: {"sha256": hashlib.sha256(v.encode()).hexdigest(), "size": len(v)}
                if k == "ZipFile" and isinstance(v, str) else trimmed(v) for k, v in value.items()}
    return [trimmed(v) for v in value] if isinstance(value, list) else value


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        self.serve(b"")

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.serve(self.rfile.read(length))

    def do_PUT(self):
        self.do_POST()

    def do_HEAD(self):
        self.serve(b"")

    def do_DELETE(self):
        self.serve(b"")

    def serve(self, body):
        world, (path, _, query) = self.server.world, self.path.partition("?")
        headers = {k.lower(): v for k, v in self.headers.items()}
        try:
            where = cos.place(headers)
            if where:
                if world.cloud.options.latency_ms:
                    time.sleep(world.cloud.options.latency_ms / 1000)
                self.reply_cos(*world.answer_cos(where, self.command, path, query, headers, body))
            elif path.startswith("/_standin/"):
                self.reply(200, "application/json", json.dumps(self.controlled(world, path, body)).encode())
            elif path.startswith("/_code/"):
                data = world.cloud.blobs.get(path[len("/_code/"):].removesuffix(".zip"))
                self.reply(200 if data else 404, "application/zip", data or b"")
            else:
                if world.cloud.options.latency_ms:
                    time.sleep(world.cloud.options.latency_ms / 1000)
                self.reply(*world.answer(self.command, query, headers, body))
        except Gone:
            self.hang_up()
        except Exception:  # a bug of the stand-in: say so loudly, fail the call
            traceback.print_exc()
            self.reply(599, "text/plain", b"the stand-in itself failed; see its stderr")

    @staticmethod
    def controlled(world, path, body):
        try:
            return world.control("POST" if body else "GET", path, body)
        except Refusal as refusal:
            return {"error": {"code": refusal.code, "message": refusal.message}}

    def reply(self, status, kind, body, claimed=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if claimed is None else claimed))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if claimed is not None and claimed != len(body):
            self.hang_up()

    def reply_cos(self, status, headers, body, claimed):
        self.send_response_only(status)
        length = str(len(body) if claimed is None else claimed)
        for name, value in {"Content-Length": length, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")
        self.wfile.flush()
        if claimed is not None and claimed != len(body):
            self.hang_up()

    def hang_up(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def log_message(self, *_):
        """The log of calls is enough."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        """Clients that hang up are part of the game."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, BrokenPipeError)):
            super().handle_error(request, client_address)


def start(options=None, rules=(), log_path=None, port=0):
    """Starts serving on a thread; returns the server, whose `world` and `url` the caller may use."""
    server = Server(("127.0.0.1", port), Handler)
    server.world = World(options or Options(), list(rules), log_path)
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    server.world.origin = server.url
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def parse(arguments):
    parser = argparse.ArgumentParser(prog="standin.py", description="a strict stand-in for the cloud, on loopback")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", help="gets the URL once the port is open")
    parser.add_argument("--faults", help="JSON list of fault rules, see standin/faults.py")
    parser.add_argument("--log", help="one JSON line per call")
    for field in dataclasses.fields(Options):
        flag = "--" + field.name.replace("_", "-")
        if field.type is bool or field.type == "bool":
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=field.default)
        else:
            parser.add_argument(flag, type=type(field.default), default=field.default)
    return parser.parse_args(arguments)


def main(arguments=None):
    given = parse(arguments)
    options = Options(**{f.name: getattr(given, f.name) for f in dataclasses.fields(Options)})
    rules = json.loads(pathlib.Path(given.faults).read_text(encoding="utf-8")) if given.faults else []
    server = start(options, rules, given.log, given.port)
    if given.ready_file:
        part = given.ready_file + ".part"
        pathlib.Path(part).write_text(server.url + "\n", encoding="utf-8")
        os.replace(part, given.ready_file)
    print(server.url, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
