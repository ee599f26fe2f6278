#!/usr/bin/env python3
"""weak-hash (ours): a malicious vault asks for a cheap hash of the passphrase, to guess from it.

The owner's software derives nothing at a lower cost than every keyring has: the vault gets no authentication secret at all. Honest
path: at the right cost, the same lying vault does get its (useless) sign-in request."""
import base64, json, os, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from home import Home, main


def lying_vault(memory_kib, passes):
    """The server and the paths that it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(self.path)
            if self.path == "/v1/sessions/params":
                status, body = 200, {"salt": base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("="),
                                     "memory_kib": memory_kib, "passes": passes}
            else:
                status, body = 403, {"error": "denied", "message": "wrong name or passphrase"}
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, asked


def sign_in(folder, memory_kib, passes):
    server, asked = lying_vault(memory_kib, passes)
    try:
        home = Home(os.path.join(folder, f"{memory_kib}-{passes}"), vault=f"http://127.0.0.1:{server.server_port}")
        return home.cardea("camera", "list", "--login", "anna@example.org", check=False), asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_cheap_hash_is_refused(folder):
    for memory_kib, passes in ((8192, 3), (65536, 1), (65535, 3), (8192, 1)):
        result, asked = sign_in(folder, memory_kib, passes)
        assert result.returncode == 1 and "weaker" in result.stderr, f"{memory_kib} KiB, {passes}: {result.stderr}"
        assert "/v1/sessions" not in asked, "the secret was sent all the same"


def test_the_right_cost_is_not(folder):
    result, asked = sign_in(folder, 65536, 3)
    assert result.returncode == 1 and "/v1/sessions" in asked, result.stderr


main([test_a_cheap_hash_is_refused, test_the_right_cost_is_not])
