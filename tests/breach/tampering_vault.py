"""tampering_vault.py: a malicious vault: a proxy in front of a real one, which changes what it answers.

    proxy = TamperingVault(home_url)
    proxy.rule("POST", r"/v1/grants/[0-9a-f]{32}/open", lambda request, response: ...)

A rule is given the request (method, path, headers, body) and the real vault's response (status, headers, body), and returns
what is answered: the response, changed, or another. A rule made with `ask=` is given the request before the vault sees it,
and may change it or answer itself. Live views pass through in pieces; a rule on one is given each piece. What was answered
is kept in `seen`, so that it may be answered again: a replay. For any test that plays a vault that lies."""
import http.client, json, re, sys, threading, traceback, urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 65536


class Message:
    """A request or a response."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def json(self):
        return json.loads(self.body)

    def set_json(self, value):
        self.body = json.dumps(value).encode()
        return self


class Rule:
    def __init__(self, method, path, answer, ask, piece):
        self.method, self.path, self.answer, self.ask, self.piece = method, re.compile(path), answer, ask, piece
        self.used = 0

    def fits(self, method, path):
        return self.method == method and self.path.fullmatch(path.split("?")[0])


class TamperingVault:
    def __init__(self, url):
        self.real = urllib.parse.urlsplit(url)
        self.rules, self.seen, self.lock = [], [], threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def handle_any(self):
                proxy.serve(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = self.on_error
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def rule(self, method, path, answer=None, ask=None, piece=None):
        """Rules are asked newest first; the first that fits is used. Returns it: `used` counts."""
        made = Rule(method, path, answer, ask, piece)
        with self.lock:
            self.rules.insert(0, made)
        return made

    def honest(self):
        with self.lock:
            self.rules.clear()

    def answers(self, method, path):
        """What was answered there, oldest first."""
        wanted = re.compile(path)
        with self.lock:
            return [(q, r) for q, r in self.seen if q.method == method and wanted.fullmatch(q.path.split("?")[0])]

    @staticmethod
    def on_error(request, address):
        """A program that was killed hangs up: no failure of this one's."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            traceback.print_exc()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    # ---- serving ----

    def find(self, method, path):
        with self.lock:
            return next((r for r in self.rules if r.fits(method, path)), None)

    def serve(self, handler):
        body = read_body(handler)
        headers = {k: v for k, v in handler.headers.items() if k.lower() not in ("host", "connection", "transfer-encoding", "content-length")}
        request = Message(method=handler.command, path=handler.path, headers=headers, body=body)
        rule = self.find(request.method, request.path)
        if rule:
            rule.used += 1
        response = rule.ask(request) if rule and rule.ask else None
        if response is None:
            self.forward(handler, request, rule)
        else:
            send(handler, response)

    def forward(self, handler, request, rule):
        kind = http.client.HTTPSConnection if self.real.scheme == "https" else http.client.HTTPConnection
        upstream = kind(self.real.hostname, self.real.port, timeout=60)
        try:
            upstream.request(request.method, request.path, request.body or None, {**request.headers, "Host": self.real.netloc})
            raw = upstream.getresponse()
            headers = {k: v for k, v in raw.getheaders() if k.lower() not in ("connection", "transfer-encoding", "content-length")}
            if raw.getheader("Content-Length") is None and raw.status not in (204, 304) and request.method != "HEAD":
                return stream(handler, raw, headers, rule)
            response = Message(status=raw.status, headers=headers, body=raw.read())
            with self.lock:
                self.seen.append((request, Message(status=response.status, headers=dict(headers), body=response.body)))
            if rule and rule.answer:
                response = rule.answer(request, response) or response
            send(handler, response, raw.getheader("Content-Length") if request.method == "HEAD" else None)
        except (ConnectionError, http.client.HTTPException, OSError):
            handler.close_connection = True
        finally:
            upstream.close()


def read_body(handler):
    if "chunked" in handler.headers.get("Transfer-Encoding", ""):
        out = b""
        while size := int(handler.rfile.readline().split(b";")[0], 16):
            out += handler.rfile.read(size)
            handler.rfile.readline()
        handler.rfile.readline()
        return out
    return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))


def send(handler, response, length=None):
    handler.send_response(response.status)
    for name, value in response.headers.items():
        handler.send_header(name, value)
    if response.status not in (204, 304):
        handler.send_header("Content-Length", length or str(len(response.body)))
    handler.end_headers()
    handler.wfile.write(response.body)


def stream(handler, raw, headers, rule):
    """A response that does not end, or whose end is not known."""
    handler.send_response(raw.status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while piece := raw.read1(PIECE):
        if rule and rule.piece:
            piece = rule.piece(piece)
        if piece:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.flush()
    handler.wfile.write(b"0\r\n\r\n")


def refusal(status, word, message):
    return Message(status=status, headers={"Content-Type": "application/json"}, body=json.dumps({"error": word, "message": message}).encode())
