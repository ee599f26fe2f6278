"""A link of a whole home: who opens it is told at once, seen while looking, and shown out when it is revoked."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from household import CARDEA, PATIENCE, Household, clip, main, wait_for
from notify_servers import Receiver, end_all


def begin(folder):
    home = Household(folder)
    home.start_vault()
    home.start_hub()
    home.init()
    home.cardea("camera", "add", "porch", "file:" + clip(home.path("porch.mp4")))
    wait_for("the camera to stream", lambda: home.streaming(1), 60)
    home.cardea("see", "off")  # what the pictures show is not what is told here
    return home


def stranger(home, *args, **more):
    """Somebody else's machine: another folder, no account, no passphrase."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("CARDEA_") or k == "CARDEA_BUILD"}
    return subprocess.Popen([CARDEA, *args, "--data", home.path("stranger")], stdin=subprocess.DEVNULL, env=env, text=True, **more)


def open_link(home, link):
    p = stranger(home, "share", "open", link, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, errors = p.communicate(timeout=60 * PATIENCE)
    return p.returncode, out + errors


def grant(home, which):
    grants = json.loads(home.cardea("grants", "--json").stdout)
    grants = grants.get("grants", grants) if isinstance(grants, dict) else grants
    return next(g for g in grants if g["id"] == which)


def titles(receiver):
    return [json.loads(r["body"])["title"] for r in receiver.taken]


def test_a_link_is_opened(folder):
    home, receiver = begin(folder), Receiver()
    watching = None
    try:
        home.cardea("notify", "add", "webhook", "house", "--url", receiver.url + "/x")
        link = json.loads(home.cardea("share", "porch", "--live", "--export", "--json").stdout)
        assert not receiver.taken

        # Opening it tells the owner, in the hub's own words.
        status, said = open_link(home, link["link"])
        assert status == 0 and "porch" in said, said
        wait_for("the alert", lambda: titles(receiver) == ["A link was opened"], 10)
        told = json.loads(receiver.taken[0]["body"])
        assert told["label"] == "system" and "Who looked?" in told["text"]
        assert grant(home, link["id"])["uses"] == 1

        # Again within the same minutes is no second alert, and is counted and logged all the same.
        status, said = open_link(home, link["link"])
        assert status == 0, said
        assert grant(home, link["id"])["uses"] == 2

        # While it is watched live the owner sees that; a revocation ends it at once.
        out = home.path("live.mp4")
        watching = stranger(home, "share", "open", link["link"], "--live", "-o", out, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)
        wait_for("the live view", lambda: os.path.exists(out) and os.path.getsize(out) > 50000, 30)
        home.cardea("grants", "revoke", link["id"])
        watching.wait(20 * PATIENCE)
        status, said = open_link(home, link["link"])
        assert status != 0 and "revoked" in said, said
        assert len(titles(receiver)) <= 2  # two spans of ten minutes, should their border lie within this test
    finally:
        if watching and watching.poll() is None:
            watching.kill()
        if watching:
            watching.communicate()
        home.stop()
        receiver.stop()


def test_no_hub(folder):
    """A link opens while the hub is away: what was recorded is the vault's to hand out."""
    home = begin(folder)
    try:
        link = json.loads(home.cardea("share", "porch", "--from", "-1m", "--to", "now", "--json").stdout)
        home.kill(home.hub)
        status, said = open_link(home, link["link"])
        assert status == 0, said
    finally:
        home.stop()


try:
    main([test_a_link_is_opened, test_no_hub])
finally:
    end_all()
