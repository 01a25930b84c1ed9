"""Stand-ins for the services that CI jobs speak to: comments of GitHub and GitLab, GitHub's id-token service, files to
download. Each notes what it was asked; the tests look at that."""

import base64
import http.server
import json
import threading
import time
import urllib.parse


def jwt(**claims):
    """An identity token. Unsigned: the local cloud checks claims and age, and knows no provider's keys."""
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return f"{part({'alg': 'none'})}.{part({'exp': int(time.time()) + 600, **claims})}.c2lnbmF0dXJl"


class Services:
    """One server on the loopback for all of them; use as a context."""

    def __init__(self):
        self.comments = []  # {"id", "body", "user": {"login"}, "author": {"id"}}
        self.requests = []  # (method, path, headers)
        self.faults = []  # of the next calls: a status, ("after", status) once it is done, ("redirect", address), None
        self.files = {}  # path -> bytes
        self.subject = "repo:acme/media:environment:plan"
        self.tokens = []  # identity tokens that were handed out

    def __enter__(self):
        services = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_one(self):
                size = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(size)
                services.requests.append((self.command, self.path, dict(self.headers)))
                fault = services.faults.pop(0) if services.faults else None
                status, answer, headers = 200, b"{}", {}
                if isinstance(fault, int):
                    status = fault
                elif isinstance(fault, tuple) and fault[0] == "redirect":
                    status, headers = 302, {"Location": fault[1]}
                else:
                    status, answer = services.answer(self.command, self.path, self.headers, body)
                    if fault:
                        status, answer = fault[1], b"{}"
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PATCH = do_PUT = handle_one

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method, path, headers, body):
        """Status and body of a call."""
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path in self.files:
            return 200, self.files[url.path]
        if url.path == "/token":
            if headers.get("authorization") != "Bearer request-token-0123456789":
                return 401, b"{}"
            token = jwt(sub=self.subject, aud=query.get("audience"))
            self.tokens.append(token)
            return 200, json.dumps({"value": token}).encode()
        if url.path == "/user":
            return 200, b'{"id": 7}'
        listing = url.path in ("/repos/acme/media/issues/12/comments", "/projects/3/merge_requests/12/notes")
        if listing and method == "GET":
            size, page = int(query["per_page"]), int(query["page"])
            return 200, json.dumps(self.comments[(page - 1) * size : page * size]).encode()
        if listing and method == "POST":
            identity = 1000 + len(self.comments)
            self.add(json.loads(body)["body"], identity, "github-actions[bot]", 7)
            return 201, json.dumps({"id": identity}).encode()
        if method in ("PATCH", "PUT"):
            found = [c for c in self.comments if url.path.endswith(f"/{c['id']}")]
            if found:
                found[0]["body"] = json.loads(body)["body"]
                return 200, b"{}"
        return 404, b"{}"

    def add(self, body, identity, login="somebody", author=1):
        """A comment that stands there."""
        self.comments.append({"id": identity, "body": body, "user": {"login": login}, "author": {"id": author}})
