"""The real hub with real workers and the real vault: outages, kills, copies, motion, and what the disk must not show."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from household import CARDEA, LOGIN, PATIENCE, Household, clip, main, wait_for

SECRET = "hunter2secret"


def begin(folder, *cameras):
    home = Household(folder)
    home.start_vault()
    home.start_hub()
    home.init()
    for name in cameras:
        home.cardea("camera", "add", name, "file:" + clip(home.path(name + ".mp4")))
    if cameras:
        wait_for("the cameras to stream", lambda: home.streaming(len(cameras)), 60)
    return home


def with_home(*cameras):
    def wrap(test):
        def run(folder):
            home = begin(folder, *cameras)
            try:
                test(home)
            finally:
                home.stop()
        run.__name__ = test.__name__
        return run
    return wrap


def hub_log(home):
    with open(home.path("hub.log"), errors="replace") as f:
        return f.read()


def proved(home):
    """Everything that is in the vault opens with the household's keys; returns what there is."""
    seen = home.path("seen")
    if os.path.exists(seen):
        os.unlink(seen)
    watch = home.reader("watch", seen, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    watch.communicate(timeout=60 * PATIENCE)
    r = home.reader("prove", seen, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, errors = r.communicate(timeout=60 * PATIENCE)
    assert r.returncode == 0, errors
    return json.loads(out)


def drained(home, reels):
    wait_for("the spool to be uploaded", lambda: not set(home.spool()) & set(reels), 60)


@with_home("porch")
def test_vault_dies_in_the_middle_of_an_upload(home):
    wait_for("a reel to grow", lambda: any(os.path.getsize(p) > 300_000 for p in home.spool().values()), 30)
    before = home.spool()
    home.kill(home.vault)
    wait_for("the hub to say so", lambda: "recording goes on" in hub_log(home), 30)
    wait_for("the hub to note it", lambda: os.path.exists(home.path("hub/offline.json")), 10)
    told = subprocess.run([CARDEA, "status", "--login", LOGIN, "--data", home.path("hub"), "--vault", home.url], capture_output=True,
                          stdin=subprocess.DEVNULL, text=True, env={**os.environ, "CARDEA_PASSPHRASE_FILE": home.secret})
    assert told.returncode == 1 and re.search(r"has not reached it since \d{4}-\d\d-\d\d .* records on", told.stderr), told.stderr
    assert len(told.stderr.splitlines()) == 1, told.stderr
    wait_for("the reel to grow without a vault", lambda: any(os.path.getsize(p) > 900_000 for p in home.spool().values()), 60)
    home.start_vault()
    wait_for("the vault to answer again", lambda: "answers again" in hub_log(home), 60)
    wait_for("the note to go", lambda: not os.path.exists(home.path("hub/offline.json")), 10)
    assert home.kill(home.hub, signal.SIGTERM) == 0
    home.start_hub()
    drained(home, before)
    proof = proved(home)
    assert proof["complete"] >= 5 and proof["failures"] == 0
    assert proof["cut_short"] == 0, "neither death tore a segment: the hub lived, and ended in order"


@with_home("porch")
def test_hub_dies_in_the_middle_of_a_record(home):
    for _ in range(3):
        wait_for("a reel to grow", lambda: any(os.path.getsize(p) > 300_000 for p in home.spool().values()), 30)
        before = home.spool()
        workers = subprocess.run(["pgrep", "-P", str(home.hub.pid)], capture_output=True, text=True).stdout.split()
        assert workers
        home.kill(home.hub)
        wait_for("its workers to end with it", lambda: not any(alive(pid) for pid in workers), 10)
        home.start_hub()
        drained(home, before)
    proof = proved(home)
    assert proof["reels"] >= 3 and proof["failures"] == 0
    assert proof["complete"] >= 3


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


@with_home("porch")
def test_two_hubs_with_one_identity(home):
    shutil.copytree(home.path("hub"), home.path("copy"), ignore=shutil.ignore_patterns("spool", "lock"))
    with open(home.path("copy.log"), "wb") as log:
        copy = subprocess.Popen([*home.hub.args[:3], "--data", home.path("copy"), *home.hub.args[5:]], stdin=subprocess.DEVNULL,
                                stdout=log, stderr=log)
    try:
        def refused():
            with open(home.path("copy.log"), errors="replace") as f:
                return "another hub uses this identity" in f.read()
        wait_for("the copy to notice", refused, 40)
        assert home.status()["hub"]["state"] != "conflict", "the first one goes on"
    finally:
        copy.terminate()
        assert copy.wait(20 * PATIENCE) == 0
    same = subprocess.run(home.hub.args, capture_output=True, text=True, timeout=20 * PATIENCE)
    assert same.returncode == 1 and "running on" in same.stderr, "nor do two share one folder"


@with_home()
def test_refusals_and_secrets(home):
    url = f"rtsp://admin:{SECRET}@127.0.0.1:1/live"
    home.cardea("camera", "add", "porch", url)
    wait_for("the failure to be told", lambda: any(c["state"] == "failed" for c in (home.status() or {}).get("cameras", [])), 60)
    status = json.dumps(home.status())
    assert "refuses" in status and SECRET not in status
    again = home.cardea("camera", "add", "door", "rtsp://other@127.0.0.1:1/live", check=False)
    assert again.returncode == 1 and 'already, as "porch"' in again.stderr, again.stderr
    named = home.cardea("camera", "add", "porch", "rtsp://127.0.0.1:2/live", check=False)
    assert named.returncode == 1 and "porch" in named.stderr
    # The password is in one file, which its owner alone may read; no log, no process's arguments, nothing in the vault.
    holders = []
    for base, _, names in os.walk(home.folder):
        for name in names:
            with open(os.path.join(base, name), "rb") as f:
                if SECRET.encode() in f.read():
                    holders.append(os.path.join(base, name))
    assert holders == [home.path("hub/cameras.json")], holders
    for base, _, names in os.walk(home.path("hub")):
        for name in names:
            mode = os.stat(os.path.join(base, name)).st_mode & 0o777
            assert mode & 0o077 == 0, f"{name} has mode {mode:o}"
    home.cardea("camera", "remove", "porch", "--yes")
    assert SECRET not in open(home.path("hub/cameras.json")).read()
    # What listens on the hub's own machine is no camera, unless its address was typed in numbers.
    home.cardea("camera", "add", "loop", "rtsp://localhost:1/live")
    wait_for("a name that leads to the hub to be refused", lambda: "this machine itself" in json.dumps(home.status()), 60)


@with_home("porch")
def test_a_camera_that_crashes_harms_no_other(home):
    home.cardea("camera", "add", "door", "file:" + clip(home.path("door.mp4")))
    wait_for("both to stream", lambda: home.streaming(2), 60)
    pids = subprocess.run(["pgrep", "-P", str(home.hub.pid), "cardea-camera"], capture_output=True, text=True).stdout.split()
    assert len(pids) == 2
    os.kill(int(pids[0]), signal.SIGSEGV)
    wait_for("one to be started again", lambda: any(c["restarts"] == 1 for c in (home.status() or {}).get("cameras", [])), 30)
    wait_for("both to stream", lambda: home.streaming(2), 30)
    assert pids[1] in subprocess.run(["pgrep", "-P", str(home.hub.pid), "cardea-camera"], capture_output=True, text=True).stdout.split()


def view(home, name, path):
    return subprocess.Popen([CARDEA, "live", name, "-o", path, "--data", home.path("data"), "--vault", home.url],
                            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            env={**os.environ, "CARDEA_PASSPHRASE_FILE": home.secret})


@with_home("porch")
def test_live_on_demand_when_nothing_is_recorded(home):
    porch = home.camera_id("porch")
    home.ask("camera.set", camera=porch, record={"mode": "off"})
    wait_for("recording to end", lambda: not home.spool(), 30)
    before = proved(home)
    viewer = view(home, "porch", home.path("live.mp4"))
    try:
        wait_for("the live view", lambda: os.path.exists(home.path("live.mp4")) and os.path.getsize(home.path("live.mp4")) > 300_000, 40)
        assert not home.spool()
        held = [f for _, _, names in os.walk(home.path("hub/spool")) for f in names]
        assert len(held) < 25 and all(f.endswith(".held") for f in held), held
    finally:
        viewer.terminate()
        viewer.wait(10 * PATIENCE)
    frames = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries",
                             "stream=nb_read_frames", "-of", "csv=p=0", home.path("live.mp4")], capture_output=True, text=True)
    assert int(frames.stdout.strip().strip(",")) > 20, frames
    wait_for("what was for the viewer alone to go", lambda: not any(names for _, _, names in os.walk(home.path("hub/spool"))), 60)
    assert proved(home)["segments"] == before["segments"], "nothing of it was stored"


@with_home()
def test_motion_with_pre_roll(home):
    """Five seconds of stillness, three of movement, again and again: only the movement and what is around it is kept."""
    moving = home.path("yard.mp4")
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "color=gray:size=640x360:rate=15:duration=25",
                    "-f", "lavfi", "-i", "color=white:size=120x160:rate=15:duration=25", "-filter_complex",
                    "[0][1]overlay=x='if(between(t,16,19),80+120*(t-16),-200)':y=100", "-c:v", "libx264", "-preset", "veryfast",
                    "-bf", "0", "-g", "15", "-pix_fmt", "yuv420p", moving], check=True)
    home.cardea("camera", "add", "yard", "file:" + moving)
    yard = home.camera_id("yard")
    home.ask("camera.set", camera=yard, record={"mode": "motion", "pre_s": 3, "post_s": 2})
    wait_for("the camera to stream", lambda: home.streaming(1), 60)

    def events():
        r = home.cardea("events", "--camera", "yard", "--json", check=False)
        found = json.loads(r.stdout) if r.returncode == 0 and r.stdout.strip() else []
        return found.get("events", []) if isinstance(found, dict) else found
    wait_for("two events", lambda: len(events()) >= 2, 90)
    wait_for("their recordings to be in the vault", lambda: not home.spool(), 40)
    for e in events()[:1]:
        assert e["label"] == "motion", e
    proof = proved(home)
    held = proof["fragments"] / 15
    assert 6 <= held, f"{held:.0f} s are kept, which is less than two times the movement"
    timeline = json.loads(home.cardea("timeline", "yard", "--json").stdout)
    spans = timeline["spans"] if isinstance(timeline, dict) else timeline
    assert len(spans) >= 2, f"the stillness between is not kept: {spans}"


@with_home("porch")
def test_settings_and_epochs(home):
    porch = home.camera_id("porch")
    for args, word in (({"camera": porch, "record": {"mode": "sometimes"}}, "mode"), ({"camera": porch, "speed": 1}, "speed"),
                       ({"camera": "00" * 16, "name": "x"}, "no such camera"), ({"name": "x"}, "camera")):
        try:
            home.ask("camera.set", **args)
        except RuntimeError as refused:
            assert word in str(refused), refused
        else:
            raise AssertionError(f"{args} was accepted")
    home.ask("camera.set", camera=porch, name="front porch", retention_days=7)
    wait_for("the profile to follow", lambda: "front porch" in home.cardea("camera", "list").stdout, 30)
    before = home.spool()
    home.ask("epoch", camera=porch)
    drained(home, before)
    wait_for("a reel of the new epoch", lambda: home.spool(), 30)
    after = home.spool()
    assert home.kill(home.hub, signal.SIGTERM) == 0
    home.start_hub()
    drained(home, after)
    assert proved(home)["failures"] == 0


main([test_vault_dies_in_the_middle_of_an_upload, test_hub_dies_in_the_middle_of_a_record, test_two_hubs_with_one_identity,
      test_refusals_and_secrets, test_a_camera_that_crashes_harms_no_other, test_live_on_demand_when_nothing_is_recorded,
      test_motion_with_pre_roll, test_settings_and_epochs])
