"""household.py: a real vault and a real hub on loopback, each a process of its own that a test may kill and start again."""
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scripted import PATIENCE, run, tell_log, wait_for

SOURCE = os.environ.get("CARDEA_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CARDEA_BUILD") or os.path.join(SOURCE, "build")
CARDEA, HUB, VAULT, CAMERA, READER = (os.path.join(BUILD, p) for p in (
    "src/cli/cardea", "src/hub/cardea-hub", "src/vault/cardea-vault", "src/camera/cardea-camera", "tests/e2e/owner_reader"))
LOGIN, PASSPHRASE = "anna@example.org", "correct horse battery staple"


def clip(path, size="640x360", seconds=7, rate=15, kbit=1000):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
                    f"testsrc2=size={size}:rate={rate}:duration={seconds}", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0",
                    "-b:v", f"{kbit}k", "-g", str(rate), "-pix_fmt", "yuv420p", path], check=True)
    return path


class Household:
    def __init__(self, folder):
        self.folder, self.url, self.vault, self.hub = folder, None, None, None
        for name in ("vault", "hub", "data"):
            os.makedirs(os.path.join(folder, name), mode=0o700, exist_ok=True)
        self.secret = os.path.join(folder, "passphrase")
        with open(self.secret, "w") as f:
            f.write(PASSPHRASE + "\n")
        os.chmod(self.secret, 0o600)

    def path(self, name):
        return os.path.join(self.folder, name)

    def vault_store(self):
        return ["--index", "sqlite:" + self.path("vault"), "--blobs", "disk:" + self.path("vault/blobs")]

    def start_vault(self):
        read, write = os.pipe()
        listen = self.url.removeprefix("http://") if self.url else "127.0.0.1:0"
        with open(self.path("vault.log"), "ab") as log:
            self.vault = subprocess.Popen([VAULT, "--listen", listen, *self.vault_store(), "--signup", "open", "--ready-fd",
                                           str(write)], pass_fds=[write], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(write)
        with os.fdopen(read) as f:
            line = f.readline()
        assert line.startswith("ready http"), f"the vault did not start: {line!r}"
        self.url = line.split()[1]

    def start_hub(self, *more):
        with open(self.path("hub.log"), "ab") as log:
            self.hub = subprocess.Popen([HUB, "--vault", self.url, "--data", self.path("hub"), "--camera-program", CAMERA, *more],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self, process, how=signal.SIGKILL):
        process.send_signal(how)
        return process.wait(30 * PATIENCE)

    def stop(self):
        for process in (self.hub, self.vault):
            if process and process.poll() is None:
                process.terminate()
                try:
                    process.wait(20 * PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        for name in ("hub.log", "vault.log"):  # of builds with sanitizers
            with open(self.path(name), errors="replace") as f:
                found = re.search("Sanitizer|runtime error:", f.read())
            assert not found, f"{name}: {found[0]}"

    def cardea(self, *args, check=True, timeout=60 * PATIENCE):
        r = subprocess.run([CARDEA, *args, "--data", self.path("data"), "--vault", self.url], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=timeout,
                           env={**os.environ, "CARDEA_PASSPHRASE_FILE": self.secret})
        if check and r.returncode:
            raise AssertionError(f"cardea {' '.join(args)} exited with {r.returncode}: {r.stderr.strip()}")
        return r

    def init(self):
        code = self.path("hub/setup-code")
        wait_for("the hub's pairing code", lambda: os.path.exists(code), 20)
        self.cardea("init", "--name", LOGIN, "--recovery-file", self.path("recovery"), "--pairing-code-file", code)

    def status(self):
        """What the hub says of itself and its cameras; None while it does not answer."""
        r = self.cardea("status", "--json", check=False)
        try:
            return json.loads(r.stdout)["hubs"][0]
        except (ValueError, KeyError, IndexError):
            return None

    def streaming(self, count):
        status = self.status()
        return status and sum(c["state"] == "streaming" for c in status.get("cameras", [])) >= count

    def spool(self):
        """Reels in the hub's spool: {reel: kind}."""
        found = {}
        for base, _, names in os.walk(self.path("hub/spool")):
            for name in names:
                match = re.fullmatch(r"([0-9a-f]{32})\.(part|reel|event)", name)
                if match:
                    found[match[1]] = os.path.join(base, name)
        return found

    def reader(self, mode, path, **more):
        return subprocess.Popen([READER, self.url, LOGIN, self.secret, mode, path], text=True, **more)

    def ask(self, verb, **args):
        """Sends a command to the hub; returns its answer, or raises with its refusal."""
        r = self.reader("ask", json.dumps({"verb": verb, "args": args}), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, errors = r.communicate(timeout=60 * PATIENCE)
        if r.returncode:
            raise RuntimeError(errors.strip())
        return json.loads(out)

    def camera_id(self, name):
        return next(c["camera"] for c in self.ask("status")["cameras"] if c["name"] == name)

    def fsck(self):
        return subprocess.run([VAULT, "fsck", *self.vault_store()], capture_output=True, text=True, timeout=60 * PATIENCE)


def tell_logs(folder):
    for name in ("hub.log", "vault.log"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            tell_log(path, name, 25)


def main(tests):
    missing = [p for p in (CARDEA, HUB, VAULT, CAMERA, READER) if not os.path.exists(p)]
    if missing:
        print(f"1..0 # SKIP not built: {', '.join(missing)}")
        return
    run(tests, "cardea-e2e-", tell_logs)
