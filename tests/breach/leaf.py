#!/usr/bin/env python3
"""leaf: alerts about leaves, shadows, rain and things beyond the zone, until nobody reads alerts any more.

A real home watches clips in which nothing noteworthy happens, with a rule that would tell of every person, vehicle and
animal. It must say nothing about them. Honest path, in the same home at the same time: somebody comes, and is told of once.

With the classifier that is built in, which is the weakest that looks and all that a machine without a network has, at whatever
pace the machine allows. Detectors are held to the same clips without a clock in tests/recognition: four cameras of the one that
Cardea recommends take more than the two cores that a test may have."""
import os, subprocess, sys
from home import SOURCE, Home, main, wait_for

sys.path.insert(0, os.path.join(SOURCE, "tests/recognition"))
import clips

RULE = [part for label in ("person", "vehicle", "pet", "bird", "animal") for part in ("--label", label)]
LEAVES = ("tree", "tree-shadow", "rain")
COMES = (4.0, 26.0)  # of one-by-one: one person comes at 6 s and is gone at 19.5, the next is there at 22.5


def prepared(folder, name):
    clip = next(c for c in clips.all_clips() if c.name == name)
    return clip, clips.prepare(clip, folder)


def alerts(home, camera):
    return [e for e in home.json("events", "--camera", camera, "--alerts") if e.get("label") != "motion"]


def looks(home):
    seeing = home.json("see")
    return seeing.get("vision", {}).get("state") == "working" and seeing["vision"].get("frames", 0)


def cut(source, out, begin, end):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-ss", str(begin), "-to", str(end), "-i", source, "-an", "-c:v", "libx264",
                    "-preset", "veryfast", "-bf", "0", "-g", "20", out], check=True)
    return out


def test_leaves_are_not_worth_an_alert(folder):
    nothing = os.path.join(folder, "no-weights")
    os.mkdir(nothing)
    home = Home(folder).start(env={"CARDEA_MODELS": nothing}).init()
    try:
        home.cardea("rule", "add", "everything", *RULE)
        leaves = [prepared(folder, name) for name in LEAVES]
        _, walk = prepared(folder, "one-by-one")
        for clip, path in leaves:
            home.add_camera(clip.name, "file:" + path)
        home.add_camera("arrival", "file:" + cut(walk, os.path.join(folder, "walk.mp4"), *COMES))
        wait_for("frames to be looked at", lambda: looks(home), 120)
        at_work = home.json("see")["model"]["name"]
        assert at_work == "motion-classifier", f"the built-in classifier was to look, not {at_work}"
        told = wait_for("the arrival to be told", lambda: alerts(home, "arrival"), 180)
        assert told[0]["label"] == "person", f"it was a person, not {told[0]['label']}"
        for clip, _ in leaves:  # all of it, once
            home.wait_recorded(clip.name, clip.seconds, 300)
            said = alerts(home, clip.name)
            assert not said, f"{clip.name}: an alert about {said[0]['label']} where there is nothing"
        ways = [e["begin"] for e in alerts(home, "arrival")]
        assert len(ways) == len(set(ways)), "an arrival is told of once"
    finally:
        home.stop()


if __name__ == "__main__":
    main([test_leaves_are_not_worth_an_alert])
