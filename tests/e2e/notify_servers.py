"""notify_servers.py: the other sides of alert channels, each a real server on loopback that may be stopped and come again."""
import ctypes
import http.server
import json
import logging
import os
import queue
import select
import signal
import socket
import subprocess
import threading
import time
import urllib.request

logging.getLogger("mail.log").setLevel(logging.CRITICAL)
logging.getLogger("asyncio").setLevel(logging.CRITICAL)
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


started = []


def spawn(args, **more):
    """A process that ends with the test that started it, however that ends."""
    process = subprocess.Popen(args, preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL), **more)
    started.append(process)
    return process


def end_all():
    while started:
        process = started.pop()
        if process.poll() is None:
            process.kill()
            process.wait(10)


class Driver:
    """The hub's alerts as a process of their own (notify_driver.c)."""

    def __init__(self, program, folder, ca=None):
        self.args, self.folder = [program, folder, *([ca] if ca else [])], folder
        self.start()

    def start(self):
        self.log = open(os.path.join(self.folder, "..", "driver.log"), "ab")
        self.process = spawn(self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
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
        self.process = spawn(["node", os.path.join(HERE, "push_service.mjs")], stdout=subprocess.PIPE, text=True)
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


class MailServer:
    """aiosmtpd: STARTTLS or TLS from the first byte, and AUTH; keeps what it is given."""

    def __init__(self, cert=None, key=None, implicit=False, password=None, refuse=()):
        import ssl
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import AuthResult, LoginPassword
        self.mails, self.logins, self.refuse = [], [], list(refuse)
        more = {}
        context = None
        if cert:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(cert, key)
        if password:
            def check(server, session, envelope, mechanism, data):
                good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"hub", password.encode())
                self.logins.append((good, session.ssl is not None))
                return AuthResult(success=good, handled=False)
            more = {"authenticator": check, "auth_required": True, "auth_require_tls": not implicit}
        if context and not implicit:
            more |= {"tls_context": context, "require_starttls": True}
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), ssl_context=context if implicit else None, **more)
        self.controller.start()
        self.port = self.controller.port

    async def handle_DATA(self, server, session, envelope):
        if self.refuse:
            return self.refuse.pop(0)
        self.mails.append({"from": envelope.mail_from, "to": envelope.rcpt_tos, "data": envelope.content, "tls": session.ssl is not None})
        return "250 kept as number %d" % len(self.mails)

    def stop(self):
        self.controller.stop()


class Broker:
    """mosquitto with a password and, where there is a certificate, TLS; what it retains does not survive it."""

    def __init__(self, folder, cert=None, key=None, user="hub", password="pa55word"):
        self.folder, self.port, self.user, self.password = folder, free_port(), user, password
        self.cert = cert
        passwords = os.path.join(folder, "mosquitto.passwords")
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, user, password], check=True, capture_output=True)
        subprocess.run(["mosquitto_passwd", "-b", passwords, "watcher", "watching"], check=True, capture_output=True)
        os.chmod(passwords, 0o644)
        self.config = os.path.join(folder, "mosquitto.conf")
        with open(self.config, "w") as f:
            f.write(f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n")
            if cert:
                f.write(f"certfile {cert}\nkeyfile {key}\n")
        self.start()

    def start(self):
        self.log = open(os.path.join(self.folder, "mosquitto.log"), "ab")
        self.process = spawn(["/usr/sbin/mosquitto", "-c", self.config], stdout=self.log, stderr=self.log)
        wait_for("mosquitto", self.listens, 10)

    def start_watched(self, ca=None):
        """Starts with somebody who sees everything: the hub is refused until the watcher has subscribed."""
        passwords = os.path.join(self.folder, "mosquitto.passwords")
        subprocess.run(["mosquitto_passwd", "-b", passwords, self.user, "not yet"], check=True, capture_output=True)
        self.start()
        watcher = Watcher(self, ca)

        def ready():
            self.publish("ready", "now", ca)
            return "ready" in watcher.last
        wait_for("the watcher", ready, 10)
        subprocess.run(["mosquitto_passwd", "-b", passwords, self.user, self.password], check=True, capture_output=True)
        self.process.send_signal(signal.SIGHUP)
        return watcher

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def arguments(self, ca=None):
        args = ["-h", "localhost" if ca else "127.0.0.1", "-p", str(self.port), "-u", "watcher", "-P", "watching"]
        return args + (["--cafile", ca] if ca else [])

    def publish(self, topic, payload, ca=None, retain=False):
        subprocess.run(["mosquitto_pub", *self.arguments(ca), "-q", "1", "-t", topic, "-m", payload, *(["-r"] if retain else [])], check=True,
                       timeout=10)


class Watcher:
    """mosquitto_sub on everything: `last` by topic, and `all` in order. Payloads are bytes."""

    def __init__(self, broker, ca=None):
        self.all, self.last = [], {}
        self.process = spawn(["mosquitto_sub", *broker.arguments(ca), "-q", "1", "-t", "#", "-F", "%r %t %x"], stdout=subprocess.PIPE,
                                        text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            retained, topic, payload = line.rstrip("\n").split(" ", 2)
            self.all.append((topic, bytes.fromhex(payload), retained == "1"))
            self.last[topic] = bytes.fromhex(payload)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
