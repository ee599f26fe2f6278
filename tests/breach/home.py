"""home.py: real homes and vaults for tests that attack them: the built programs, on loopback, in a temporary folder.

Each test file is a script of functions named test_*, run by main(), which prints TAP. Processes are stopped by pid.
Nothing sleeps in place of a wait: wait_for() polls a condition and fails, saying what it waited for."""
import json, os, signal, subprocess, sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scripted import PATIENCE, run, tell_log, wait_for

SOURCE = os.environ.get("CARDEA_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CARDEA_BUILD") or os.path.join(SOURCE, "build")
CARDEA = os.path.join(BUILD, "src/cli/cardea")
VTEST = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
PASSPHRASE = "correct horse battery staple"


def clip(path, seconds=8, source="vtest"):
    """An H.264 clip whose bytes the tests look for."""
    if source == "vtest" and os.path.exists(VTEST):
        inputs = ["-i", VTEST]
    else:
        inputs = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25"]
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *inputs, "-t", str(seconds), "-vf",
                    "scale=640:360,fps=25", "-an", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "25",
                    "-keyint_min", "25", "-x264-params", "scenecut=0", "-pix_fmt", "yuv420p", path], check=True)
    return path


def media_needles(path, count=400):
    """Sixteen-byte pieces of the clip's coded pictures: what must not be found where only ciphertext may lie."""
    raw = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-c", "copy", "-bsf:v", "h264_mp4toannexb",
                          "-f", "h264", "-"], check=True, capture_output=True).stdout
    step = max(16, len(raw) // count)
    return {raw[i:i + 16] for i in range(64, len(raw) - 16, step)}


def find_needles(needles, data):
    """Which needles occur in data, at any offset: by their first four bytes, then in full."""
    heads = {}
    for n in needles:
        heads.setdefault(n[:4], []).append(n)
    found = set()
    for head, full in heads.items():
        at = data.find(head)
        while at >= 0:
            found.update(n for n in full if data.startswith(n, at))
            at = data.find(head, at + 1)
    return found


def files_under(folder):
    return sorted(os.path.join(base, f) for base, _, names in os.walk(folder) for f in names)


class Process:
    def __init__(self, args, env=None, ready=None, log=None):
        self.log = open(log, "ab") if log else subprocess.DEVNULL
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
                                        text=True, env={**os.environ, **(env or {})})
        self.lines = []
        if ready:
            for line in self.process.stdout:
                self.lines.append(line.rstrip("\n"))
                if ready in line:
                    return
            raise AssertionError(f"{os.path.basename(args[0])} ended before it said \"{ready}\"")

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(20 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


class Home:
    """A folder with a home's data; its own passphrase file; the programs when started."""

    def __init__(self, root, name="anna@example.org", vault=None):
        self.root, self.name, self.vault = root, name, vault
        self.data = os.path.join(root, "data")
        os.makedirs(self.data, exist_ok=True)
        os.chmod(self.data, 0o700)
        self.secret = os.path.join(root, "passphrase")
        with open(self.secret, "w") as f:
            f.write(PASSPHRASE + "\n")
        os.chmod(self.secret, 0o600)
        self.process = None

    def cardea(self, *args, check=True, timeout=60 * PATIENCE):
        command = [CARDEA, args[0], *args[1:], "--data", self.data]
        if self.vault:
            command += ["--vault", self.vault]
        r = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                           env={**os.environ, "CARDEA_PASSPHRASE_FILE": self.secret})
        if check and r.returncode:
            raise AssertionError(f"cardea {' '.join(args)} exited with {r.returncode}: {r.stderr.strip()}")
        return r

    def json(self, *args):
        return json.loads(self.cardea(*args, "--json").stdout)

    def start(self, listen="127.0.0.1:0", env=None):
        self.process = Process([CARDEA, "home", "--data", self.data, "--listen", listen], env=env, ready="http",
                               log=os.path.join(self.root, "home.log"))
        return self

    def start_hub(self):
        self.process = Process([CARDEA, "hub", "--vault", self.vault, "--data", self.data], ready="airing",
                               log=os.path.join(self.root, "hub.log"))
        return self

    def init(self):
        self.recovery = os.path.join(self.root, "recovery")
        self.cardea("init", "--name", self.name, "--recovery-file", self.recovery)
        return self

    def add_camera(self, name, url, *more):
        self.cardea("camera", "add", name, url, *more)

    def recorded_s(self, camera):
        r = self.cardea("timeline", camera, "--json", check=False)
        if r.returncode:
            return 0
        spans = json.loads(r.stdout)
        spans = spans.get("spans", spans) if isinstance(spans, dict) else spans
        return sum(span_s(s) for s in spans)

    def wait_recorded(self, camera, seconds, limit=90):
        wait_for(f"{seconds} s of {camera} to be recorded", lambda: self.recorded_s(camera) >= seconds, limit)

    def export(self, camera, path, start="-10m", end="now"):
        self.cardea("export", camera, "--from", start, "--to", end, "-o", path)
        return path

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.stop(how)
            self.process = None


def span_s(span):
    from datetime import datetime
    def at(v):
        return datetime.fromisoformat(v.replace("Z", "+00:00")).timestamp() if isinstance(v, str) else float(v)
    return at(span["to"]) - at(span["from"])


class Vault(Process):
    """A provider's vault, without a hub."""

    def __init__(self, root, *more):
        self.folder = os.path.join(root, "vault")
        os.makedirs(self.folder, exist_ok=True)
        super().__init__([CARDEA, "vault", "--listen", "127.0.0.1:0", "--index", f"sqlite:{self.folder}",
                          "--blobs", f"disk:{self.folder}/blobs", *more], ready="listening",
                         log=os.path.join(root, "vault.log"))
        self.url = next(l.split()[-1] for l in self.lines if "listening" in l)


def frames_of(path):
    out = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries",
                          "stream=nb_read_packets", "-of", "csv=p=0", path], check=True, capture_output=True, text=True).stdout
    return int(out.strip().strip(",").split("\n")[0])


def tell_logs(folder):
    for log in (f for f in files_under(folder) if f.endswith(".log")):
        tell_log(log, os.path.basename(log), 15)


def main(tests):
    run(tests, "cardea-breach-", tell_logs)
