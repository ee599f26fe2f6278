#!/usr/bin/env python3
"""log_test.py: who looked, from the looking to the words on the terminal, and what anybody can read of it without an account."""
import json, os, re, subprocess, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from household import CARDEA, Household, clip, tell_logs
from scripted import run, wait_for


def begin(folder):
    home = Household(folder)
    home.start_vault()
    home.start_hub()
    home.init()
    home.cardea("camera", "add", "porch", "file:" + clip(home.path("clip.mp4")))
    wait_for("the camera", lambda: home.streaming(1))
    wait_for("a first recorded reel", lambda: json.loads(home.cardea("timeline", "porch", "--json").stdout))
    return home


def public(home, *args, check=True):
    """As somebody with no account at all: an empty folder, no passphrase."""
    r = subprocess.run([CARDEA, "log", *args, "--data", home.path("stranger")], stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, env={k: v for k, v in os.environ.items() if not k.startswith("CARDEA_")})
    assert not check or r.returncode == 0, r.stderr
    return r


def test_who_looked(folder):
    home = begin(folder)
    try:
        said = home.cardea("log").stdout
        assert "nobody but the owners has looked" in said and "proven: 0 entries" in said, said
        link = json.loads(home.cardea("share", "porch", "--from", "-1m", "--to", "now", "--name", "Grandma", "--json").stdout)["link"]
        subprocess.run([CARDEA, "share", "open", link, "--output", home.path("seen.mp4"), "--data", home.path("guest")],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True)  # the honest look; what it writes is others' to test
        shown = home.cardea("log", "show").stdout
        assert re.search(r"whoever has the link for Grandma opened: porch", shown), shown
        assert "was given access" not in shown and "was given access" in home.cardea("log", "show", "--all").stdout
        unknown = home.cardea("log", "show", "--camera", "garden", check=False)  # not: nobody has looked
        assert unknown.returncode == 1 and "there is no camera 'garden'" in unknown.stderr, unknown
        listed = json.loads(home.cardea("log", "show", "--json").stdout)
        assert listed["proven"] and [e["kind"] for e in listed["list"]] == ["grant.use"] and listed["list"][0]["cameras"] == ["porch"], listed
        size = json.loads(home.cardea("log", "verify", "--json").stdout)["size"]
        wait_for("the hub's cosignature", lambda: home.ask("log.witness")["size"] >= size)
        proof = json.loads(home.cardea("log", "verify", "--json").stdout)
        assert proof["hubs_agreed"] == 1 and proof["entries"] == 2 and proof["new"] == 0, proof
        assert "your hub has witnessed" in home.cardea("log", "verify").stdout
        home.kill(home.hub, 15)
        home.hub = None
        away = home.cardea("log", "verify").stdout  # it is no failure that a hub is away
        assert "no hub of yours could say" in away and away.startswith("whole: "), away
    finally:
        home.stop()


def test_anybody_reads_the_log(folder):
    home = begin(folder)
    try:
        state = home.path("audit-state")
        first = json.loads(public(home, "audit", home.url, "--state", state, "--json").stdout)
        assert first["whole"] and first["size"] == first["new"] >= 1, first
        home.cardea("share", "porch", "--from", "-1m", "--to", "now", "--json")
        second = json.loads(public(home, "audit", home.url, "--state", state, "--json").stdout)
        assert second["size"] > first["size"] and second["new"] == second["size"] - first["size"], second
        assert public(home, "audit", home.url, "--key", first["key"]).stdout.startswith("whole: ")
        wrong = public(home, "audit", home.url, "--key", "A" * 43, check=False)
        assert wrong.returncode == 1 and "not signed by the log's key" in wrong.stderr, wrong.stderr
        assert public(home, "audit", home.url, "--key", "x", check=False).returncode == 1
        report = public(home, "report", home.url).stdout
        assert re.search(r"^\d{4}-\d\d-\d\d  admin\.act +1", report, re.M) and "grant.create" in report, report
        assert not re.search(r"porch|anna", report), "counts alone"
        assert "nothing in that time" in public(home, "report", home.url, "--to", "2001-01-01").stdout
        nobody = public(home, "audit", "http://127.0.0.1:1", check=False)
        assert nobody.returncode == 1 and "no vault answers" in nobody.stderr, nobody.stderr
        assert not os.path.exists(home.path("stranger/log-seen"))
    finally:
        home.stop()


if __name__ == "__main__":
    run([test_who_looked, test_anybody_reads_the_log], "cardea-log-", tell_logs)
