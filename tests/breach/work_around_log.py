#!/usr/bin/env python3
"""work-around, the log: whoever runs the vault tries to hide that somebody looked.

A malicious vault is the real one whose folder was put back to an earlier state, or with a proxy in front that changes what it
says. Each lie by name: a dropped entry, one that is kept back, one that is swapped, a log that shrank, one that forked, one with
another key, one with altered hashes. Against the owner's command line, and against the hub that witnesses. Honest path: the same
household, the same commands, an untouched vault."""
import base64, http.client, http.server, json, os, shutil, subprocess, sys, threading, urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
from household import BUILD, CARDEA, Household, clip, tell_logs
from scripted import run, wait_for


class Proxy:
    """Between an owner's device and the vault; `lie(method, path, status, body)` gives the body that is passed on."""

    def __init__(self, url, lie=None):
        target = url.removeprefix("http://")
        proxy = self
        self.lie = lie
        self.changed = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else None
                connection = http.client.HTTPConnection(target, timeout=120)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "transfer-encoding")}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                data = answer.read()
                if proxy.lie:
                    told = proxy.lie(self.command, self.path, answer.status, data)
                    proxy.changed += told != data
                    data = told
                self.send_response(answer.status)
                for k, v in answer.getheaders():
                    if k.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                        self.send_header(k, v)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                connection.close()

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_one

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Watched(Household):
    """A household with a camera, some grants, and a hub that has witnessed them."""

    def begin(self):
        self.start_vault()
        self.start_hub()
        self.init()
        self.cardea("camera", "add", "porch", "file:" + clip(self.path("clip.mp4")))
        wait_for("the camera", lambda: self.streaming(1))
        wait_for("a first recorded reel", lambda: "porch" in self.cardea("timeline", "porch", "--json", check=False).stdout)
        self.share(3)
        self.witnessed(3)
        return self

    def share(self, count):
        for _ in range(count):
            self.cardea("share", "porch", "--live", "--expires", "1h", "--json")

    def entries(self):
        return json.loads(self.cardea("log", "verify", "--json").stdout)["entries"]

    def witness(self):
        return self.ask("log.witness")

    def witnessed(self, least):
        wait_for("the hub's witness", lambda: self.witness()["size"] >= least)

    def verify(self, url=None):
        """(proven, failure) as an owner's device says; through a proxy when there is one."""
        real = self.url
        self.url = url or real
        try:
            r = self.cardea("log", "verify", "--json", check=False)
        finally:
            self.url = real
        said = json.loads(r.stdout) if r.stdout.strip() else {"proven": None, "message": r.stderr}
        assert said["proven"] == (r.returncode == 0), (said, r.stderr)
        if not said["proven"]:
            assert said.get("failure"), f"it could not even be checked: {said}"
            assert "NOT WHOLE" in r.stderr, r.stderr
            assert os.path.exists(os.path.join(said["evidence"], "what.txt")), said
        return said

    def stop_hub(self):
        self.kill(self.hub, 15)
        self.hub = None

    def stop_vault(self):
        self.kill(self.vault, 15)
        self.vault = None

    def keep(self, name):
        """A copy of the stopped vault's log."""
        shutil.copytree(self.path("vault/log"), self.path(name))

    def put_back(self, name):
        shutil.rmtree(self.path("vault/log"))
        shutil.copytree(self.path(name), self.path("vault/log"))


def lying(home, lie, failure):
    """An owner's device that looked before is shown a lie: it must say which, and believe the truth again after."""
    proxy = Proxy(home.url, lie)
    try:
        said = home.verify(proxy.url)
        assert proxy.changed, "the lie was told, or this test proves nothing"
        assert not said["proven"] and said["failure"] == failure, said
    finally:
        proxy.stop()
    assert home.verify()["proven"], "the honest vault is believed again"
    return said


def mine(change):
    def lie(method, path, status, data):
        if not path.startswith("/v1/log/mine") or status != 200:
            return data
        said = json.loads(data)
        change(said)
        return json.dumps(said).encode()
    return lie


def forget(home):
    """As a device that has never looked."""
    if os.path.exists(home.path("data/log-seen")):
        os.unlink(home.path("data/log-seen"))


def test_lies_about_the_entries(folder):
    home = Watched(folder)
    try:
        home.begin()
        honest = home.verify()
        assert honest["proven"] and honest["entries"] >= 3 and honest["hubs_agreed"] == 1, honest
        assert honest["witnessed"] > 0, honest

        def drop_middle(said):
            said["entries"] = [row for row in said["entries"] if row[0] != 1]

        def drop_and_renumber(said):
            drop_middle(said)
            for row in said["entries"]:
                row[0] -= row[0] > 1
            said["next"] -= 1

        last = honest["entries"] - 1

        def drop_last(said):
            said["entries"] = [row for row in said["entries"] if row[0] < last]
            said["next"] = last

        def swap_bytes(said):
            raw = bytearray(base64.urlsafe_b64decode(said["entries"][0][2] + "=="))
            raw[-1] ^= 1
            said["entries"][0][2] = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()

        def point_elsewhere(said):
            said["entries"][0][1] -= 1

        for name, change, failure in (("dropped entry", drop_middle, "missing"), ("dropped and renumbered", drop_and_renumber, "missing"),
                                      ("withheld at the end", drop_last, "grant_missing"), ("altered entry", swap_bytes, "not_included"),
                                      ("another place", point_elsewhere, "not_included")):
            forget(home)
            try:
                lying(home, mine(change), failure)
            except AssertionError as e:
                raise AssertionError(f"{name}: {e}") from None

        def hide_grant_too(method, path, status, data):
            """The last grant is hidden with its entry: only the log itself tells."""
            if path == "/v1/grants" and method == "GET" and status == 200:
                said = json.loads(data)
                last = max(said["grants"], key=lambda g: g["entry"])
                said["grants"].remove(last)
                return json.dumps(said).encode()
            return mine(drop_last)(method, path, status, data)
        forget(home)
        lying(home, hide_grant_too, "withheld")

        def alter_hashes(method, path, status, data):
            if "/log/tile/0/" in path and status == 200:
                return bytes([data[0] ^ 1]) + data[1:]
            return data
        forget(home)
        lying(home, alter_hashes, "tiles")

        def another_key(method, path, status, data):
            if path == "/log/checkpoint":
                lines = data.split(b"\n")
                lines[2] = base64.b64encode(bytes(32))
                return b"\n".join(lines)
            return data
        lying(home, another_key, "signature")
    finally:
        home.stop()


def went_back(home, looks):
    """A vault whose log is put back to before so many looks, which a device and the hub have seen. The log's size and the hub's
    word from before; the hub is away."""
    home.begin()
    home.stop_hub()
    home.stop_vault()
    home.keep("earlier")
    home.start_vault()
    home.start_hub()
    wait_for("the hub", home.status)
    home.share(looks)
    size = home.verify()["size"]
    home.witnessed(size)
    witness = home.witness()
    home.stop_hub()
    home.stop_vault()
    home.put_back("earlier")
    home.start_vault()
    return size, witness


def hub_notices(home):
    home.start_hub()
    evidence = home.path("hub/evidence")
    wait_for("the hub's evidence", lambda: os.path.isdir(evidence) and len(os.listdir(evidence)) >= 2)
    wait_for("the hub", home.status)


def test_a_log_that_shrank(folder):
    """The vault's log is put back to before the last looks: nobody was ever there."""
    home = Watched(folder)
    try:
        size, _ = went_back(home, 2)
        said = home.verify()
        assert not said["proven"] and said["failure"] == "shrank", said
        shown, known = (open(os.path.join(said["evidence"], f)).read() for f in ("shown", "known"))
        assert int(shown.split("\n")[1]) < int(known.split("\n")[1]) == size, "both checkpoints are kept"
        hub_notices(home)
        assert home.witness()["size"] == size and home.witness()["evidence"] >= 1
        with open(home.path("hub.log")) as f:
            assert "has shrunk" in f.read(), "the owner is told"
        forget(home)  # a device that never looked before hears it from the hub
        said = home.verify()
        assert not said["proven"] and said["failure"] == "witness", said
    finally:
        home.stop()


def test_a_log_that_forked(folder):
    """The same, and then as many other entries: the size alone would not tell."""
    home = Watched(folder)
    try:
        _, before = went_back(home, 1)
        home.share(3)
        said = home.verify()
        assert not said["proven"] and said["failure"] == "forked", said
        hub_notices(home)
        after = home.witness()
        assert after["size"] == before["size"] and after["root"] == before["root"], "nothing was cosigned"
        forget(home)
        said = home.verify()
        assert not said["proven"] and said["failure"] == "witness", said
    finally:
        home.stop()


def forge(home, kind, seconds, tag="-", actor="-"):
    """Whoever runs the vault writes an entry by hand, well signed. Returns where it stands."""
    home.stop_vault()
    r = subprocess.run([os.path.join(BUILD, "tests/breach/log_forger"), home.path("vault"), kind, str(seconds), tag, actor],
                       capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    home.start_vault()
    return int(r.stdout.split()[0])


def back_to_honest(home):
    """The vault as it was, all of it; this device too forgets what it was shown since."""
    home.stop_vault()
    shutil.rmtree(home.path("vault"))
    shutil.copytree(home.path("honest"), home.path("vault"))
    home.start_vault()
    forget(home)
    assert home.verify()["proven"], "the honest log, on a device that is new"


def begun_without_hub(folder):
    """The hub is not asked: here the log alone has to tell."""
    home = Watched(folder)
    home.begin()
    home.stop_hub()
    assert home.verify()["proven"]
    home.stop_vault()
    shutil.copytree(home.path("vault"), home.path("honest"))
    home.start_vault()
    return home


def test_entries_under_numbers_that_nobody_looks_at(folder):
    """Before the household's last own entry, under a number that another has, or under none: a device that is new finds them."""
    home = begun_without_hub(folder)
    try:
        whole = home.verify()
        assert whole["proven"] and whole["from"] == 0 and whole["read"] < whole["size"], "the whole of it was read the first time"
        listed = json.loads(home.cardea("log", "show", "--all", "--json").stdout)["list"]
        actor = next(e["actor"] for e in listed if e["kind"] == "grant.create")
        said = json.loads(home.cardea("log", "verify", "--all", "--json").stdout)
        assert said["read"] == said["size"], said
        for name, tag in (("under no number", "-"), ("under a number of the past", tag_of(home, 0))):
            at = forge(home, "live.begin", 0, tag, actor)
            home.share(1)  # so that an own entry stands behind it
            for new in (False, True):
                if new:
                    forget(home)
                said = home.verify()
                assert not said["proven"] and said["failure"] == "withheld" and f" {at}" in said["message"], (name, new, said)
            back_to_honest(home)
    finally:
        home.stop()


def tag_of(home, n):
    """Of the household's entry n, from the log itself."""
    at = [e["index"] for e in json.loads(home.cardea("log", "show", "--all", "--json").stdout)["list"]][n]
    size = json.loads(home.cardea("log", "verify", "--json").stdout)["size"]
    with urllib.request.urlopen(f"{home.url}/log/tile/entries/000.p/{size}") as r:
        raw = r.read()
    for _ in range(at):
        raw = raw[2 + int.from_bytes(raw[:2], "big"):]
    entry = raw[2:2 + int.from_bytes(raw[:2], "big")]
    head = entry.index(b"\x58\x20")
    return entry[head + 2:head + 34].hex()


def test_a_log_whose_time_goes_back(folder):
    """Somebody looked today, and stands there as of last year; or tomorrow. Anybody's audit says so, and the owner's software refuses."""
    home = begun_without_hub(folder)
    audit = lambda *more: json.loads(subprocess.run([CARDEA, "log", "audit", home.url, "--data", home.path("stranger"), "--json", *more],
                                                    stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout)
    state = ("--state", home.path("audit-state"))
    try:
        assert home.verify()["proven"] and audit(*state)["times"] == {"back": 0, "ahead": 0}
        for seconds, fault in ((-290, None), (-320, "back"), (-366 * 86400, "back"), (290, None), (320, "ahead"), (86400, "ahead")):
            for new in (False, True):
                at = forge(home, "live.begin", seconds)
                if new:
                    forget(home)
                said = home.verify()
                times = audit()["times"]
                if fault:
                    assert not said["proven"] and said["failure"] == "time" and f"entry {at} " in said["message"], (seconds, new, said)
                    assert times[fault] == 1 and times["first"] == at, (seconds, times)
                else:
                    assert said["proven"] and times == {"back": 0, "ahead": 0}, (seconds, said, times)
                if seconds == -366 * 86400 and new:  # the owner knows why
                    os.unlink(home.path("audit-state"))  # of a log that was longer
                    assert audit(*state)["times"]["back"] == 1 and audit(*state)["times"]["back"] == 0, "what was audited is not reported twice"
                    assert json.loads(home.cardea("log", "verify", "--accept-times", "--json").stdout)["proven"]
                    home.share(1)
                    assert home.verify()["proven"]
                    assert json.loads(home.cardea("log", "verify", "--all", "--json").stdout)["proven"]
                back_to_honest(home)
    finally:
        home.stop()


if __name__ == "__main__":
    run([test_lies_about_the_entries, test_a_log_that_shrank, test_a_log_that_forked, test_entries_under_numbers_that_nobody_looks_at,
         test_a_log_whose_time_goes_back], "cardea-breach-", tell_logs)
