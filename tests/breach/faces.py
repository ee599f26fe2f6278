#!/usr/bin/env python3
"""faces: "employees could see who came to the door".

Familiar faces are off until the owner turns them on and names somebody who has agreed. What a face is recognised by lies on the hub
alone, sealed; no file of the home, the vault included, holds a byte of it in the clear, at any moment. Who is forgotten is forgotten: no
file holds the template, and no copy of the file from before opens with any key that is left."""
import os, re, shutil, struct, subprocess, sys
from home import BUILD, SOURCE, Home, files_under, main, wait_for

FOOTAGE = next((f for f in (os.environ.get("CARDEA_FOOTAGE"), os.path.join(SOURCE, "../shared/footage")) if f and os.path.isdir(f)), "")
MODELS = next((f for f in (os.environ.get("CARDEA_MODELS"), os.path.join(SOURCE, "../shared/models")) if f and os.path.isdir(f)), "")
FACES = os.path.join(FOOTAGE, "restricted-test-only/faces")
READER = os.path.join(BUILD, "tests/breach/face_reader")
RUN = 8  # bytes in a row: two floats


def small(name, folder, width=400):
    """As large as a picture may be."""
    path = os.path.join(folder, name)
    for quality in range(6, 31):
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", os.path.join(FACES, name), "-vf", f"scale={width}:-2", "-q:v",
                        str(quality), path], check=True)
        if os.path.getsize(path) <= 24 << 10:
            return path
    raise AssertionError(f"{name} is {os.path.getsize(path)} bytes")


def hub_folder(home):
    return os.path.join(home.data, "hub")


def templates(folder):
    r = subprocess.run([READER, folder], capture_output=True, text=True)
    return [bytes.fromhex(line) for line in r.stdout.split()] if r.returncode == 0 else []


def needles(template):
    floats = struct.unpack("<256f", template)
    other = struct.pack(">256f", *floats)
    return {raw[i:i + RUN] for raw in (template, other) for i in range(0, len(raw) - RUN, 4)}


def assert_nowhere(home, wanted, when):
    pattern = re.compile(b"|".join(re.escape(n) for n in sorted(wanted)))
    total = 0
    for path in files_under(home.root):
        try:
            with open(path, "rb") as f:
                data = f.read()
        except FileNotFoundError:
            continue
        total += len(data)
        assert not pattern.search(data), f"a face's template in the clear in {path}, {when}"
    assert total > 100_000, "something was looked at"


def test_faces_are_off_and_asked_for_and_forgotten(folder):
    home = Home(folder).start().init()
    try:
        hub = hub_folder(home)
        pictures = [small("obama.jpg", folder), small("obama2.jpg", folder)]
        wait_for("vision to work", lambda: home.json("see")["vision"]["state"] == "working", 120)

        # Off: nobody can be named, nothing is kept.
        assert home.json("face", "list")["on"] is False
        r = home.cardea("face", "add", "Barack", pictures[0], "--consent", "himself", check=False)
        assert r.returncode == 1 and "off" in r.stderr, r.stderr
        assert not os.path.exists(os.path.join(hub, "faces"))

        # Asked for; without consent noted nobody is named.
        home.cardea("face", "on")
        assert home.cardea("face", "add", "Barack", pictures[0], check=False).returncode == 2
        crowd = small("obama_and_biden.jpg", folder, 640)
        r = home.cardea("face", "add", "Both", crowd, "--consent", "themselves", check=False)
        assert r.returncode == 1 and "more than one face" in r.stderr, r.stderr
        home.cardea("face", "add", "Barack", *pictures, "--consent", "himself")
        home.cardea("face", "add", "Joe", small("biden.jpg", folder), "--consent", "himself")
        people = home.json("face", "list")["people"]
        assert [(p["name"], p["templates"], p["consent"]["by"]) for p in people] == [("Barack", 2, "himself"), ("Joe", 1, "himself")], people

        # The honest path: who has all of the hub's folder finds them; and no other file holds them.
        kept = templates(hub)
        assert len(kept) == 3, len(kept)
        gone, stays = set().union(*map(needles, kept[:2])), needles(kept[2])
        assert_nowhere(home, gone | stays, "while they are kept")
        before = os.path.join(folder, "a thief's copy")
        os.makedirs(before)
        shutil.copy(os.path.join(hub, "faces"), before)

        # Forgotten.
        home.cardea("face", "remove", "Barack")
        assert [p["name"] for p in home.json("face", "list")["people"]] == ["Joe"]
        assert templates(hub) == kept[2:], "what stays is what was there"
        assert_nowhere(home, gone | stays, "after one was forgotten")
        shutil.copy(os.path.join(hub, "faces.key"), before)
        assert templates(before) == [], "a copy from before the deletion opens with the key of today"
        home.cardea("face", "remove", "Joe")
        assert not os.path.exists(os.path.join(hub, "faces"))
        with open(os.path.join(hub, "faces.key"), "rb") as f:
            assert not f.read().strip(b"\0"), "no key is left"
    finally:
        home.stop()
    assert_nowhere(home, gone | stays, "after the home has stopped")


if not os.path.isdir(FACES) or not MODELS:
    print("1..0 # SKIP no pictures of faces (CARDEA_FOOTAGE) or no models (CARDEA_MODELS)")
    sys.exit(0)
os.environ["CARDEA_MODELS"] = os.path.abspath(MODELS)
main([test_faces_are_off_and_asked_for_and_forgotten])
