"""desk.py: a provider's vault with a support desk, its staff, and a household that records, from the command line alone."""
import json, os, signal, subprocess, sys, time
from datetime import datetime, timezone

from home import CARDEA, PASSPHRASE, PATIENCE, Home, Process, clip, wait_for


def iso(slot):
    return datetime.fromtimestamp(slot, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Member(Home):
    """Somebody of the staff, on a machine of their own."""

    def __init__(self, desk, name, roles):
        super().__init__(os.path.join(desk.root, "staff-" + name), name, desk.vault.url)
        self.desk, self.login = desk, name + "@desk.example"
        self.totp = os.path.join(self.root, "totp")
        self.code = desk.provider.cardea("staff", "add", name, *sum((["--role", r] for r in roles), [])).stdout.strip()
        self.joined = self.cardea("support", "join", self.code, "--login", self.login, "--secret-file", self.totp,
                                  "--recovery-file", os.path.join(self.root, "recovery")).stdout

    def staff(self, *args, **more):
        return self.cardea(*args, "--login", self.login, "--totp-file", self.totp, **more)

    def staff_json(self, *args):
        return json.loads(self.staff(*args, "--json").stdout)

    def watch(self, what, *more, output):
        """A process that watches; it ends when what it may see ends. It writes no file: behind its pipe stands a program that
        keeps what it is handed, as no key can prevent."""
        return Watching(self, ["support", "watch", what, *more], output)


class Watching:
    def __init__(self, member, command, output):
        with open(output + ".err", "wb") as errors, open(output, "wb") as kept:
            self.process = subprocess.Popen([CARDEA, *command, "--data", member.data, "--vault", member.vault, "--login", member.login,
                                             "--totp-file", member.totp], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                                            env={**os.environ, "CARDEA_PASSPHRASE_FILE": member.secret})
            self.player = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=kept)
        self.process.stdout.close()
        self.terminate, self.kill = self.process.terminate, self.process.kill
        member.desk.watching.append(self)

    def poll(self):
        return None if self.process.poll() is None or self.player.poll() is None else self.process.returncode

    def wait(self, timeout=None):
        self.process.wait(timeout)
        self.player.wait(timeout)
        return self.process.returncode


class Desk:
    """A vault with open sign-up, and the provider that has its staff key."""

    def __init__(self, root, *more):
        self.root, self.watching = root, []
        self.public = os.path.join(root, "provider.pub")
        folder = os.path.join(root, "vault")
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.args = [CARDEA, "vault", "--index", f"sqlite:{folder}", "--blobs", f"disk:{folder}/blobs", "--signup", "open",
                     "--staff-key", self.public, *more]
        self.vault = None
        self.url = "127.0.0.1:0"
        self.start()
        self.provider = Home(os.path.join(root, "provider-home"), "provider", self.vault.url)
        self.file = os.path.join(root, "provider")
        self._cardea = self.provider.cardea
        self.provider.cardea = lambda *a, **k: self._cardea(*a, *(["--provider-file", self.file] if a[0] == "staff" else []), **k)
        self.made = self.provider.cardea("staff", "init", "--name", "Example Support").stdout
        wait_for("the vault to take the staff key", lambda: "staff" in self.described(), 10)

    def start(self):
        self.vault = Process(self.args[:2] + ["--listen", self.url] + self.args[2:], ready="listening",
                             log=os.path.join(self.root, "vault.log"))
        self.vault.url = next(l.split()[-1] for l in self.vault.lines if "listening" in l)
        self.url = self.vault.url.removeprefix("http://")

    def described(self):
        import urllib.request
        with urllib.request.urlopen(self.vault.url + "/v1/vault", timeout=30) as r:
            return json.load(r)

    def member(self, name, *roles):
        return Member(self, name, roles or ("agent",))

    def certify(self, member, *more):
        self.provider.cardea("staff", "certify", member.name, "--yes", *more)
        return member

    def agent(self, name="ann", *roles):
        return self.certify(self.member(name, *roles))

    def household(self, name="anna", camera="porch", seconds=8):
        home = Home(os.path.join(self.root, name), name, self.vault.url)
        home.start_hub()
        home.init()
        if camera:
            home.add_camera(camera, "file:" + clip(os.path.join(home.root, "clip.mp4"), seconds))
            wait_for(f"{camera} to record", lambda: home.recorded_s(camera) >= 1, 60)
        return home

    def stop(self):
        for process in self.watching:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.vault.stop()

    def log_report(self):
        return self.provider.cardea("staff", "report", "--json").stdout


def ticket_of(home, subject="The porch freezes", *more):
    return home.json("support", "open", "--subject", subject, *more)["ticket"]


def ask_live(agent, ticket, minutes=5, *cameras):
    return agent.staff("support", "ask", ticket, *sum((["--camera", c] for c in cameras or ("porch",)), []),
                       "--minutes", str(minutes), "--reason", "It freezes").stdout.strip()


def ask_past(agent, ticket, begin, end, camera="porch"):
    return agent.staff("support", "ask", ticket, "--camera", camera, "--from", iso(begin), "--to", iso(end), "--reason",
                       "It froze").stdout.strip()


def approve(home, ticket, *more):
    return home.json("support", "approve", ticket, *more)["grant"]


def slots_of(path):
    """The slots that `support watch` said it wrote, as (first, last)."""
    import re
    with open(path + ".err") as f:
        found = re.search(r"slots (\d+) to (\d+)", f.read())
    return (int(found[1]), int(found[2])) if found else None
