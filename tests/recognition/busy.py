#!/usr/bin/env python3
"""busy: what looking costs when much goes on: a real home with four cameras on a square where people walk all the time.

  busy.py [SECONDS] [MODEL]     default: 60, auto. `auto` may step down to a faster model; which one looks is printed

Prints the processor's share of cardea-vision (of one core), how many frames a second it looked at and how many were overtaken, by
itself and for each camera. The goal is at most one core for four cameras."""
import os
import shutil
import sys
import tempfile
import time

import clips

sys.path.insert(0, os.path.join(clips.SOURCE, "tests/e2e"))
from household import Household
from scripted import wait_for

CAMERAS, SETTLE_S = 4, 190  # auto judges a model's speed once a minute, and there are three to step down from


def cpu_of(name, parent):
    """Seconds of processor of the process with that program, among the descendants of `parent`."""
    parents, used = {}, {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rpartition(")")[2].split()
            parents[pid] = int(fields[1])
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == name:
                used[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    for pid, seconds in used.items():
        at = pid
        while at > 1 and at != parent:
            at = parents.get(at, 0)
        if at == parent:
            return seconds
    raise SystemExit(f"{name} does not run")


def measure(folder, seconds, model):
    cache = os.path.join(clips.BUILD, "recognition")
    os.makedirs(cache, exist_ok=True)
    square = clips.prepare(clips.Clip("busy-square", 79, "vtest.avi"), cache)
    home = Household(folder)
    try:
        home.start_vault()
        home.start_hub()
        home.init()
        see = lambda: home.ask("see.get")
        wait_for("somebody to look", lambda: see()["vision"]["state"] == "working", 60)
        if model != "auto":
            home.ask("model.use", name=model)
            wait_for(f"{model} to look", lambda: see()["model"]["name"] == model, 60)
        for i in range(CAMERAS):  # a file is a camera: each needs its own
            own = os.path.join(folder, f"square-{i}.mp4")
            shutil.copy(square, own)
            home.cardea("camera", "add", f"square {i}", "file:" + own)
        began = time.monotonic()
        wait_for("it to settle", lambda: time.monotonic() - began > SETTLE_S, SETTLE_S + 30)
        first, cpu, began = see(), cpu_of("cardea-vision", home.hub.pid), time.monotonic()
        wait_for("the measurement", lambda: time.monotonic() - began >= seconds, seconds + 30)
        last, spent, took = see(), cpu_of("cardea-vision", home.hub.pid) - cpu, time.monotonic() - began
        if first["model"]["name"] != last["model"]["name"]:
            raise SystemExit("another model took over meanwhile: measure for longer")
        looked, skipped = (last["vision"][k] - first["vision"][k] for k in ("frames", "skipped"))
        note = f" ({last['model']['message']})" if last["model"]["message"] else ""
        print(f"{last['model']['name']}{note}: {100 * spent / took:.0f} % of a core, {looked / took:.1f} looks a second "
              f"({looked / took / CAMERAS:.1f} a camera), {skipped / took:.1f} overtaken, "
              f"{last['vision']['detect_ms']:.0f} ms each", flush=True)
    finally:
        home.stop()


def main():
    os.environ.setdefault("CARDEA_MODELS", clips.MODELS)
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory(prefix="cardea-busy-") as folder:
        measure(folder, seconds, sys.argv[2] if len(sys.argv) > 2 else "auto")
    return 0


if __name__ == "__main__":
    sys.exit(main())
