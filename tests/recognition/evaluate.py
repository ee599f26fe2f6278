#!/usr/bin/env python3
"""evaluate: alerts on the leaf set, arrivals found, for one or more models; tables as in docs/recognition.md.

  evaluate.py [--clips FOLDER] [--only NAME,…] [--every MS,…] [--busy SEED,…] [--peers] MODEL…

FOLDER keeps the prepared clips (default: build/recognition). --every and --busy are machines that are too slow: one that looks only
so often, and one that stands still at times drawn from SEED (see_clip's -m and -b). --peers adds Debian's motion and OpenCV's MOG2 with HOG."""
import argparse
import json
import os
import subprocess
import sys

from clips import BUILD, all_clips, group, model, prepare
from score import Score, score
import peers


def see(clip, path, name, options=()):
    args = [os.path.join(BUILD, "tests/recognition/see_clip"), *options]
    if clip.zones:
        args += ["-z", json.dumps(clip.zones)]
    out = subprocess.run([*args, str(clip.seconds), path, *model(name)], check=True, capture_output=True, text=True).stdout
    lines = [json.loads(line) for line in out.splitlines()]
    counts = next(line["counts"] for line in lines if "counts" in line)
    return [(group(line["alert"]["label"]), line["alert"]["seen"]) for line in lines if "alert" in line], counts["cpu_s"]


def evaluate(title, clips, folder, run):
    leaf, arrival, leaf_seconds, cpu, seconds = Score(), Score(), 0, 0, 0
    print(f"\n{title}\n{'clip':20} {'arrivals':>8} {'found':>6} {'twice':>6} {'false':>6} {'CPU s':>7}  alerts", flush=True)
    for clip in clips:
        alerts, used = run(clip, prepare(clip, folder))
        s = score(clip.arrivals, alerts)
        (leaf if clip.leaf else arrival).add(s)
        cpu, seconds = cpu + used, seconds + clip.seconds
        leaf_seconds += clip.seconds if clip.leaf else 0
        print(f"{clip.name:20} {s.arrivals:8} {s.found:6} {s.twice:6} {s.false:6} {used:7.1f}  "
              + " ".join(f"{a[0] or 'alert'}@{a[1]:.1f}" for a in alerts), flush=True)
    print(f"leaf set, {leaf_seconds:.0f} s: {leaf.false} alerts; arrivals: {arrival.found} of {arrival.arrivals} found, "
          f"{arrival.twice} twice, {arrival.false} false, precision {100 * arrival.precision():.1f} %, "
          f"recall {100 * arrival.recall():.1f} %; CPU {100 * cpu / seconds:.1f} % of a core", flush=True)
    return leaf, arrival


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--clips", default=os.path.join(BUILD, "recognition"))
    p.add_argument("--only")
    p.add_argument("--every", default="")
    p.add_argument("--busy", default="")
    p.add_argument("--peers", action="store_true")
    p.add_argument("models", nargs="*")
    args = p.parse_args()
    os.makedirs(args.clips, exist_ok=True)
    clips = [c for c in all_clips() if not args.only or c.name in args.only.split(",")]
    slow = [(f", a look every {ms} ms", ("-m", ms)) for ms in args.every.split(",") if ms]
    slow += [(f", busy {seed}", ("-b", seed)) for seed in args.busy.split(",") if seed]
    for name in args.models:
        for title, options in slow or [("", ())]:
            evaluate(name + title, clips, args.clips, lambda clip, path: see(clip, path, name, options))
    if args.peers:
        evaluate("Debian's motion", clips, args.clips, peers.motion)
        evaluate("OpenCV, MOG2 and HOG", clips, args.clips, peers.mog2_hog)
    return 0


if __name__ == "__main__":
    sys.exit(main())
