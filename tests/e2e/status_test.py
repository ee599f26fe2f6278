#!/usr/bin/env python3
"""status_test: what `cardea status` says of a vault that takes connections and does not answer, and how soon."""
import http.server, json, os, subprocess, sys, threading, time, urllib.request, urllib.error

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "breach"))
from home import PATIENCE, CARDEA, Home, main

SECONDS = 6  # STATUS_PATIENCE_MS


class Between(http.server.ThreadingHTTPServer):
    """Hands each request on to a vault but those of `mute`, to which nobody answers."""
    daemon_threads = True

    def __init__(self, url):
        self.vault, self.mute, self.over = url, "", threading.Event()
        super().__init__(("127.0.0.1", 0), Handed)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.over.set()
        self.shutdown()
        self.server_close()


class Handed(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        if self.server.mute and self.path.startswith(self.server.mute):
            self.server.over.wait()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        kept = {k: v for k, v in self.headers.items() if k in ("Authorization", "Content-Type", "If-Match")}
        try:
            answer = urllib.request.urlopen(urllib.request.Request(self.server.vault + self.path, body, kept, method=self.command))
        except urllib.error.HTTPError as e:
            answer = e
        data = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = handle_one

    def log_message(self, *words):
        pass


def status(home, url, *more):
    began = time.monotonic()
    told = subprocess.run([CARDEA, "status", "--data", home.data, "--vault", url, *more], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60 * PATIENCE, env={**os.environ, "CARDEA_PASSPHRASE_FILE": home.secret})
    return told, time.monotonic() - began


def test_a_vault_that_hangs(folder):
    home = Home(folder)
    home.start()
    between = None
    try:
        home.init()
        with open(os.path.join(home.data, "home.json")) as f:
            between = Between(json.load(f)["url"])
        told, took = status(home, between.url)
        assert told.returncode == 0 and "vault: version" in told.stdout, told.stdout + told.stderr

        # From the first request on: what this machine knows itself, and why there is no more.
        between.mute = "/"
        told, took = status(home, between.url)
        assert told.returncode == 1 and took < SECONDS + 4 * PATIENCE, (took, told.stderr)
        assert "it hangs, or is overloaded: nothing came for 6 s" in told.stderr and between.url in told.stderr, told.stderr
        assert len(told.stderr.splitlines()) == 1, told.stderr
        assert f"signs in as {home.name}" in told.stdout, told.stdout
        told, took = status(home, between.url, "--json")
        known = json.loads(told.stdout)
        assert told.returncode == 1 and known["vault"]["online"] is False and "hangs" in known["vault"]["message"], told.stdout
        assert known["household"]["login"] == home.name and known["hubs"] == [], known

        # After the sign-in: what it said until then.
        between.mute = "/v1/usage"
        told, took = status(home, between.url)
        assert told.returncode == 1 and took < SECONDS + 10 * PATIENCE, (took, told.stdout)
        assert "household: " in told.stdout and "vault: " in told.stdout and "it hangs" in told.stdout, told.stdout
        assert "something is not well" in told.stdout, told.stdout
    finally:
        if between:
            between.stop()
        home.stop()


if __name__ == "__main__":
    main([test_a_vault_that_hangs])
