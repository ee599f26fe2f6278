#!/usr/bin/env python3
"""disk_test: a home whose disk fills up while it records, on a small file system of its own.

The owner is told, what was recorded stays whole, and when there is room again, recording goes on by itself. The test mounts
for itself alone; where it may not mount it is left out."""
import json, os, re, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "breach"))
if "CARDEA_OWN_MOUNTS" not in os.environ:  # whatever is mounted below is gone with this process
    alone = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode == 0:
        os.execvpe(alone[0], [*alone, sys.executable, os.path.abspath(__file__)], {**os.environ, "CARDEA_OWN_MOUNTS": "1"})

from home import Home, clip, main, wait_for

DISK_MB = 360  # of which the vault keeps 256 for its index


def mounted(folder):
    os.makedirs(folder)
    return "CARDEA_OWN_MOUNTS" in os.environ and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "cardea-test", folder], capture_output=True).returncode == 0


def fill(path):
    """Takes what is left."""
    with open(path, "ab", buffering=0) as f:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    f.write(bytes(size))
            except OSError:
                pass


def hub(home):
    return home.json("status")["hubs"][0]["hub"]


def spans(home, name):
    return home.json("timeline", name)["spans"]


def test_a_disk_that_fills_up(folder):
    disk = os.path.join(folder, "disk")
    if not mounted(disk):
        print("# skipped: this system does not let the test mount a disk")
        return
    video = clip(os.path.join(folder, "clip.mp4"))
    filler = os.path.join(disk, "filler")
    home = Home(disk).start().init()
    try:
        home.add_camera("porch", "file:" + video)
        home.wait_recorded("porch", 10)
        home.stop()  # in order: what was recorded is in the vault then
        home.start()
        before = spans(home, "porch")
        home.wait_recorded("porch", sum_of(before) + 3)

        fill(filler)
        def told():
            fill(filler)  # whatever the hub let go of
            return re.search("full|No space left", hub(home)["message"])
        wait_for("the owner to be told", told, 60)
        text = home.cardea("status").stdout  # signing in needs no room either
        assert "all is well" not in text and re.search("full|No space left", text), text
        doctor = home.cardea("doctor", check=False)
        assert doctor.returncode == 1 and "disk" in doctor.stdout, doctor.stdout

        os.unlink(filler)
        wait_for("recording to go on by itself", lambda: home.recorded_s("porch") > sum_of(before) + 20, 120)
        wait_for("all to be well again", lambda: hub(home)["message"] == "", 120)  # it is told for a minute
        clip_path = home.export("porch", os.path.join(folder, "out.mp4"))
        report = json.loads(home.cardea("verify", clip_path, "--json").stdout)
        assert report["verdict"] == "untouched", report
        assert spans(home, "porch")[0]["from"] <= before[0]["from"], "what the vault had is there still"
    finally:
        home.stop()
    home.cardea("fsck")


def sum_of(list_of_spans):
    from home import span_s
    return sum(span_s(s) for s in list_of_spans)


if __name__ == "__main__":
    main([test_a_disk_that_fills_up])
