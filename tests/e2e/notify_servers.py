"""notify_servers.py: the other sides of alert channels, each a real server on loopback that may be stopped and come again."""
import base64
import http.server
import json
import os
import queue
import select
import signal
import socket
import subprocess
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Driver:
    """The hub's alerts as a process of their own (notify_driver.c)."""

    def __init__(self, program, folder, ca=None):
        self.args, self.folder = [program, folder, *([ca] if ca else [])], folder
        self.start()

    def start(self):
        self.log = open(os.path.join(self.folder, "..", "driver.log"), "ab")
        self.process = subprocess.Popen(self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.answers, self.events = queue.Queue(), []
        threading.Thread(target=self.read, args=(self.process.stdout, self.answers), daemon=True).start()

    def read(self, stream, answers):
        for line in stream:
            o = json.loads(line)
            self.events.append(o) if "event" in o else answers.put(o)

    def ask(self, **line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return self.answers.get(timeout=40)

    def do(self, **line):
        answer = self.ask(**line)
        assert answer["ok"], f"{line}: {answer}"
        return answer["result"]

    def command(self, verb, **args):
        return self.do(do="command", verb=verb, args=args)

    def alert(self, id, **more):
        return self.do(do="alert", id=id, **more)

    def channels(self):
        return {c["name"]: c for c in self.do(do="channels")}

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        self.process.stdin.close()
        code = self.process.wait(20)
        assert code == 0, f"the driver ended with {code}"

    def restart(self):
        self.kill()
        self.start()


class Receiver(http.server.ThreadingHTTPServer):
    """Takes what is POSTed or PUT; `misbehave` decides how the next ones are answered."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port=0):
        self.taken, self.seen, self.misbehave = [], [], []
        super().__init__(("127.0.0.1", port), Handler)
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def take(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = {"method": self.command, "path": self.path, "headers": self.headers, "body": body, "at": time.time()}
        self.server.seen.append(request)
        if self.server.misbehave:
            return self.server.misbehave.pop(0)(self)
        self.server.taken.append(request)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_PUT = do_GET = take


def status(code, body=b"not now", **headers):
    def answer(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    return answer


def endless(code):
    def answer(handler):
        handler.send_response(code)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        except OSError:
            handler.close_connection = True
    return answer


def garbage(handler):
    handler.wfile.write(b"\x00\xff" * 5000)
    handler.close_connection = True


class PushService:
    def __init__(self):
        self.process = subprocess.Popen(["node", os.path.join(HERE, "push_service.mjs")], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[1]

    def call(self, path, data=None, method=None):
        body = json.dumps(data).encode() if data is not None else None
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data=body, method=method), timeout=10) as r:
            return json.load(r)

    def subscribe(self):
        return self.call("/subscribe", {})

    def messages(self):
        answer = self.call("/messages")
        assert answer["refused"] == [], answer["refused"]
        return answer["messages"]

    def control(self, **how):
        return self.call("/control", how)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def authority(folder):
    """A certificate authority and a certificate of it for localhost: (ca, cert, key)."""
    path = lambda name: os.path.join(folder, name)
    run = lambda *args: subprocess.run(["openssl", *args], check=True, capture_output=True)
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test authority",
        "-keyout", path("ca.key"), "-out", path("ca.pem"))
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout", path("server.key"),
        "-out", path("server.csr"))
    with open(path("server.ext"), "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    run("x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-days", "2", "-extfile",
        path("server.ext"), "-out", path("server.pem"))
    return path("ca.pem"), path("server.pem"), path("server.key")
