#!/usr/bin/env python3
"""latency: from the camera's packet (the frame that made an object certain) to the alert in the channel's hands, on a real
home: vault, hub, camera worker, cardea-vision and a webhook, all on loopback.

  latency.py [SECONDS] [--check]     default: 139, the length of the clip; with --check it fails above the goals

An alert's `at` is the wall time of the frame in which the rule was met; that of a frame is when its last byte came in."""
import json
import os
import sys
import tempfile
import time

import clips

sys.path.insert(0, os.path.join(clips.SOURCE, "tests/e2e"))
from household import Household
from notify_servers import Receiver, wait_for

GOAL_MEDIAN_S, GOAL_95_S = 1.0, 2.0


def alerts_of(folder, seconds):
    cache = os.path.join(clips.BUILD, "recognition")
    os.makedirs(cache, exist_ok=True)
    walk = clips.prepare(next(c for c in clips.all_clips() if c.name == "one-by-one"), cache)
    receiver, home = Receiver(), Household(folder)
    try:
        home.start_vault()
        home.start_hub()
        home.init()
        home.ask("notify.add", kind="webhook", name="clock", url=receiver.url, secret="0123456789abcdef")
        rule = home.ask("see.get")["rules"][0]
        home.ask("rule.set", id=rule["id"], cooldown_s=0)
        wait_for("somebody to look", lambda: home.ask("see.get")["vision"]["state"] == "working", 60)
        home.cardea("camera", "add", "hall", "file:" + walk)
        begun = time.monotonic()
        wait_for("the clip to be over", lambda: time.monotonic() - begun > seconds, seconds + 10)
        return [r["at"] - json.loads(r["body"])["at"] / 1e6 for r in receiver.taken]
    finally:
        home.stop()
        receiver.stop()


def main():
    numbers = [a for a in sys.argv[1:] if a.isdigit()]
    os.environ.setdefault("CARDEA_MODELS", clips.MODELS)
    with tempfile.TemporaryDirectory(prefix="cardea-latency-") as folder:
        took = sorted(alerts_of(folder, int(numbers[0]) if numbers else 139))
    if not took:
        print("no alert came")
        return 1
    median, late = took[len(took) // 2], took[min(len(took) - 1, int(0.95 * len(took)))]
    print(f"{len(took)} alerts: median {median:.2f} s, 95 % {late:.2f} s, all: " + " ".join(f"{t:.2f}" for t in took))
    return 1 if "--check" in sys.argv and (median > GOAL_MEDIAN_S or late > GOAL_95_S) else 0


if __name__ == "__main__":
    sys.exit(main())
