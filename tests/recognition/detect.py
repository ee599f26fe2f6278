#!/usr/bin/env python3
"""detect: average precision of each published model on the labelled images, through cardea-vision's detector code.

With --check it fails when a figure fell more than two points below what stands in GOALS."""
import json
import os
import subprocess
import sys

from clips import BUILD, FOOTAGE, model

COCO = os.path.join(FOOTAGE, "restricted-test-only/coco")
# AP50 in points of person, vehicle and animal on the 64 images of `shared`, when the decoders were written.
GOALS = {"picodet-s-416": [73.8, 76.5, 90.5]}


def main():
    failed = False
    print(f"{'model':22} {'ms':>6} " + " ".join(f"{g + ' AP50':>13}" for g in ("person", "vehicle", "animal")))
    for name in GOALS if "--check" in sys.argv else ("picodet-s-416", "picodet-s-320", "yolox-nano", "yolo-fastest-1.1-xl"):
        kind, *rest = model(name)
        if not all(os.path.exists(p) for p in rest[3:]):
            print(f"{name:22} is not here")
            continue
        out = subprocess.run([os.path.join(BUILD, "tests/recognition/detect_ap"), os.path.join(COCO, "images"),
                              os.path.join(COCO, "labels"), kind, *rest], check=True, capture_output=True, text=True).stdout
        r = json.loads(out)
        points = [100 * r[g]["ap50"] for g in ("person", "vehicle", "animal")]
        print(f"{name:22} {r['ms']:6.1f} " + " ".join(f"{p:13.1f}" for p in points), flush=True)
        low = [p < g - 2 for p, g in zip(points, GOALS.get(name, [0, 0, 0]))]
        if "--check" in sys.argv and any(low):
            failed = True
            print(f"  fell below {GOALS[name]} by more than two points")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
