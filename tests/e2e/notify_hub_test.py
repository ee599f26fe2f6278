"""Alerts and doorbells of a whole home: the command line, the vault, the hub, a camera's clip, real channels."""
import json
import os
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from household import CARDEA, Household, clip, main, wait_for
from notify_servers import Broker, Receiver, Watcher, end_all


BOUNCE_S = 2.5  # within this time a second press is the same one


def begin(folder):
    home = Household(folder)
    home.start_vault()
    home.start_hub()
    home.init()
    home.cardea("camera", "add", "porch", "file:" + clip(home.path("porch.mp4")))
    wait_for("the camera to stream", lambda: home.streaming(1), 60)
    return home


def press(url, method="POST"):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20) as r:
            return r.status
    except urllib.error.HTTPError as e:
        return e.code


def channel(home, name):
    return next(c for c in json.loads(home.cardea("notify", "list", "--json").stdout) if c["name"] == name)


def secret_file(home, text):
    path = home.path("secret")
    with open(path, "w") as f:
        f.write(text + "\n")
    os.chmod(path, 0o600)
    return path


def test_channels_from_the_command_line(folder):
    home, receiver = begin(folder), Receiver()
    try:
        home.cardea("see", "mute", "1h")  # an alert of the camera's would take what the receiver is told to answer
        added = home.cardea("notify", "add", "webhook", "house", "--url", receiver.url + "/x")
        secret = added.stdout.strip().splitlines()[-1]
        assert len(secret) == 64
        home.cardea("notify", "add", "ntfy", "phone", "--url", receiver.url + "/topic", "--token-file", secret_file(home, "tk_hunter2"))
        tested = home.cardea("notify", "test", "phone")
        assert "200" in tested.stdout and receiver.taken[0]["headers"]["Authorization"] == "Bearer tk_hunter2"
        home.cardea("notify", "set", "house", "--name", "home")
        home.cardea("notify", "off", "home")
        off = home.cardea("notify", "test", "home", check=False)
        assert off.returncode == 1 and "switched off" in off.stderr
        home.cardea("notify", "on", "home")
        receiver.misbehave.append(lambda handler: handler.send_error(401))
        refused = home.cardea("notify", "test", "phone", check=False)
        assert refused.returncode == 1 and "401" in refused.stderr and "set a new token" in refused.stderr, refused.stderr
        assert "failing" in home.cardea("notify", "list").stdout
        for wrong, words in ((("notify", "add", "webhook", "b", "--url", "http://example.com"), "https://"),
                             (("notify", "add", "webpush", "b"), "browser"), (("notify", "remove", "nobody", "--yes"), "no channel")):
            r = home.cardea(*wrong, check=False)
            assert r.returncode == 1 and words in r.stderr, r.stderr
        for wrong in (("set", "home"), ("add", "pager", "b"), ("add", "ntfy", "b"), ("add", "mqtt", "b")):
            r = home.cardea("notify", *wrong, check=False)
            assert r.returncode == 2 and "usage:" in r.stderr, r
        home.cardea("notify", "remove", "home", "--yes")
        assert [c["name"] for c in json.loads(home.cardea("notify", "list", "--json").stdout)] == ["phone"]
        holders = []
        for base, _, names in os.walk(home.folder):
            holders += [n for n in names if n != "secret" and b"hunter2" in open(os.path.join(base, n), "rb").read()]
        assert holders == ["notify.json"], holders
    finally:
        home.stop()
        receiver.stop()


def test_doorbell(folder):
    home, receiver = begin(folder), Receiver()
    broker = Broker(folder)
    watcher = Watcher(broker)
    try:
        camera = home.camera_id("porch")
        home.cardea("notify", "add", "webhook", "house", "--url", receiver.url)
        home.cardea("notify", "add", "mqtt", "ha", "--host", "127.0.0.1", "--port", str(broker.port), "--no-tls", "--user", "hub",
                    "--password-file", secret_file(home, "pa55word"))
        home.ask("rule.add", name="doorbell", on=True, labels=["ring"], cameras=[], zones=[], schedule=[], presence="any", who="anyone",
                 dwell_s=0, cooldown_s=0, channels=[])
        wait_for("discovery", lambda: f"homeassistant/event/cardea_{camera}/ring/config" in watcher.last)
        wait_for("the broker", lambda: channel(home, "ha")["state"] == "ok")
        url = home.cardea("doorbell", "add", "porch").stdout.strip().splitlines()[-1]
        token = url.rsplit("/", 1)[1]
        assert url.startswith(home.url + "/v1/ring/") and len(token) == 43
        assert "porch" in home.cardea("doorbell", "list").stdout
        wait_for("the vault to be told", lambda: press(url) == 204, 10)
        ringing = lambda: [r for r in receiver.taken if json.loads(r["body"])["label"] == "ring"]
        wait_for("the alert", lambda: len(ringing()) == 1)
        assert json.loads(ringing()[0]["body"])["camera"] == camera
        wait_for("the ring at the broker", lambda: f"cardea/{camera}/ring" in watcher.last)
        assert press(url[:-1] + ("a" if url[-1] != "a" else "b")) == 404
        # Neither side of the wire keeps the token, and the vault does not learn whose it is.
        for base, _, names in os.walk(home.folder):
            for name in names:
                data = open(os.path.join(base, name), "rb").read()
                assert token.encode() not in data, name
        # A button that bounces rings once; by MQTT it rings, too.
        time.sleep(BOUNCE_S)
        assert press(url, "GET") == 204 and press(url, "GET") == 204
        wait_for("the second alert", lambda: len(ringing()) == 2)
        time.sleep(BOUNCE_S)
        broker.publish(f"cardea/{camera}/ring/set", "press")
        wait_for("the third alert", lambda: len(ringing()) == 3)
        # The vault is away: alerts go on, by what needs no vault.
        home.kill(home.vault)
        wait_for("the hub to notice", lambda: "recording goes on" in open(home.path("hub.log"), errors="replace").read())
        time.sleep(BOUNCE_S)
        broker.publish(f"cardea/{camera}/ring/set", "press")
        wait_for("the alert without a vault", lambda: len(ringing()) == 4)
        home.start_vault()
        wait_for("the hub to be back", lambda: "answers again" in open(home.path("hub.log"), errors="replace").read(), 60)
        wait_for("the hub to listen", lambda: home.status(), 30)
        time.sleep(BOUNCE_S)
        assert press(url) == 204
        wait_for("the fifth alert", lambda: len(ringing()) == 5)
        assert len({r["headers"]["Idempotency-Key"] for r in ringing()}) == 5
        home.cardea("doorbell", "remove", "porch")
        wait_for("the address to be dead", lambda: press(url) == 404, 20)
    finally:
        watcher.stop()
        broker.stop()
        home.stop()
        receiver.stop()


try:
    main([test_channels_from_the_command_line, test_doorbell])
finally:
    end_all()
