"""Kills the hub and the vault at random moments for a minute under load, and then proves that nothing is missing.

Two promises are proved. Nothing that the vault acknowledged is missing: an owner polls the timeline all the time, and in the end
each reel that was ever in it is fetched, and every record of it opened. Nothing that the hub had sealed is lost by the loss
of one process: each reel that was ever seen in the spool with a whole picture in it is in the vault in the end."""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from household import PATIENCE, Household, clip, main, wait_for

CAMERAS = 4
SECONDS = int(os.environ.get("CARDEA_CRASH_S", "60"))
RATE = 15  # pictures in a second, each a fragment of its own
LEAST_BYTES = 16384  # a spool file that was this large held a picture


class SpoolWatch(threading.Thread):
    """Notes each reel that is seen in the spool, and its largest size."""

    def __init__(self, home):
        super().__init__(daemon=True)
        self.home, self.seen, self.ending = home, {}, threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(0.05):
            for reel, path in self.home.spool().items():
                try:
                    self.seen[reel] = max(self.seen.get(reel, 0), os.path.getsize(path))
                except FileNotFoundError:
                    pass  # uploaded meanwhile


def break_things(home, rng, until):
    counts = {"hub": 0, "vault": 0}
    while time.monotonic() < until:
        time.sleep(rng.uniform(0.5, 5))  # the moment is the random variable of this test
        for name in rng.choice((("hub",), ("vault",), ("hub",), ("vault",), ("hub", "vault"))):
            home.kill(getattr(home, name))
            counts[name] += 1
        time.sleep(rng.uniform(0, 1.5))
        for name in ("vault", "hub"):
            if getattr(home, name).poll() is not None:
                getattr(home, "start_" + name)()
    return counts


def test_nothing_is_lost(folder):
    seed = int(os.environ.get("CARDEA_CRASH_SEED", random.SystemRandom().randrange(1 << 30)))
    print(f"# seed {seed}", flush=True)
    rng = random.Random(seed)
    home = Household(folder)
    acknowledged = home.path("acknowledged")
    try:
        home.start_vault()
        home.start_hub()
        home.init()
        for i in range(CAMERAS):
            home.cardea("camera", "add", f"camera {i}", "file:" + clip(home.path(f"{i}.mp4"), rate=RATE))
        wait_for("all cameras to stream", lambda: home.streaming(CAMERAS), 60)
        watch, spool = home.reader("watch", acknowledged, stdin=subprocess.PIPE, stdout=subprocess.PIPE), SpoolWatch(home)
        wait_for("the reader to be signed in", lambda: os.path.exists(acknowledged), 30)  # it signs in once, before anything breaks
        began = time.monotonic()
        counts = break_things(home, rng, began + SECONDS)
        wait_for("all cameras to stream again", lambda: home.streaming(CAMERAS), 90)
        elapsed = time.monotonic() - began
        spool.ending.set()
        spool.join()
        assert home.kill(home.hub, signal.SIGTERM) == 0, "the hub ends in order"
        home.start_hub()
        wait_for("what waited to be uploaded", lambda: not set(home.spool()) & set(spool.seen), 90)
        out, _ = watch.communicate(timeout=60 * PATIENCE)  # when its input ends, it looks a last time
        print(f"# {counts['hub']} deaths of the hub, {counts['vault']} of the vault in {elapsed:.0f} s; watched: {out.strip()}")
        assert watch.returncode == 0 and counts["hub"] and counts["vault"]

        r = home.reader("prove", acknowledged, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, errors = r.communicate(timeout=60 * PATIENCE)
        print(f"# proved: {out.strip()}")
        assert r.returncode == 0, errors
        proof = json.loads(out)
        assert proof["reels"] > 0 and proof["complete"] > SECONDS / 4, "the load was real"
        with open(acknowledged) as f:
            in_vault = {line.split()[1] for line in f}
        lost = [reel for reel, size in spool.seen.items() if reel not in in_vault and size >= LEAST_BYTES]
        assert not lost, f"{len(lost)} of {len(spool.seen)} reels that were in the spool are nowhere: {lost[:4]}"
        # What was not recorded is what the deaths of the hub explain: start, keys' boundary, a segment's rest.
        recorded, least = proof["fragments"] / RATE, CAMERAS * (elapsed - 15 * counts["hub"])
        assert recorded >= least, f"{recorded:.0f} camera-seconds of recordings, at least {least:.0f} expected"

        home.kill(home.hub, signal.SIGTERM)
        home.kill(home.vault, signal.SIGTERM)
        fsck = home.fsck()
        assert fsck.returncode == 0, f"fsck: {fsck.stdout}{fsck.stderr}"
    finally:
        home.stop()


main([test_nothing_is_lost])
