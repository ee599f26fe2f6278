"""The real cardea-vision against this script in the hub's place: what footage shows, and what breaks in on it. Needs the
weights of CARDEA_MODELS and the clips of CARDEA_FOOTAGE; without them only what needs none is tested."""
import base64
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vision_process import (EMBED, FACES, FRAME, FORGET, LOOK_FOR_FACES, PICTURE, REFUSED, SAFETY, SIGHTINGS, Vision,
                            frames, moving, picodet)

SOURCE = os.environ.get("CARDEA_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CARDEA_BUILD") or os.path.join(SOURCE, "build")
PROGRAM = os.path.join(BUILD, "src/vision/cardea-vision")
MODELS, FOOTAGE = (os.environ.get(name, "") for name in ("CARDEA_MODELS", "CARDEA_FOOTAGE"))
BEGIN = 1700000000 * 1000000
VEHICLES = {"car", "truck", "bus"}


def read(name):
    with open(os.path.join(MODELS, name), "rb") as f:
        return f.read()


def start(side=416, faces=False, **more):
    detector, files = picodet(MODELS, side)
    models = [read("face/yunet_n_320_320.onnx"), read("face/face-reid-0095.onnx")] if faces else None
    vision = Vision(PROGRAM, detector, [read(f) for f in files], faces=models, **more)
    ready = vision.ready(60)
    assert ready, (vision.of(REFUSED), vision.close(), vision.words)
    assert {"seccomp"} <= set(ready["sandbox"]), ready
    return vision


def watch(vision, name, width, height, fps, seconds=1e9, begin=0.0):
    """The whole clip, as a camera worker sends it: while something moves and 2 s after, and a look every 2 s else.
    Returns [(second, sightings)]."""
    before, moved, sent, told = None, -10.0, -10.0, []
    for at, picture in frames(os.path.join(FOOTAGE, "clips", name), width, height, fps):
        if at < begin:
            continue
        if at > begin + seconds:
            break
        regions = moving(before, picture, width, height) if before else []
        before = picture
        flags = 0
        if regions:
            moved = at
        elif at - moved > 2:
            flags = SAFETY
            if at - sent < 2:
                continue
        sent = at
        seen = vision.look(0, BEGIN + int(at * 1e6), width, height, picture, regions, flags, seconds=60)
        assert seen is not None, (vision.of(REFUSED), vision.ended)
        told.append((at, seen))
    return told


def news(told):
    return [(at, t) for at, s in told for t in s["tracks"] if t["state"] == "new"]


def grey(width, height, level=128):
    return bytes([level]) * (width * height) + b"\x80" * (width * height // 2)


# --- What footage shows ---

def test_six_people():
    """Each of the six people is told once, while there, and nobody else is."""
    with open(os.path.join(FOOTAGE, "clips/events.json")) as f:
        intervals = json.load(f)["one-by-one-person-detection.mp4"]["person"]
    vision = start()
    told = watch(vision, "one-by-one-person-detection.mp4", 640, 360, 4)
    people = [at for at, t in news(told) if t["label"] == "person"]
    others = [(at, t["label"]) for at, t in news(told) if t["label"] != "person"]
    assert not others, others
    for begin, end in intervals:
        inside = [at for at in people if begin - 1 <= at <= end + 1]
        assert len(inside) == 1, (begin, end, people)
        assert inside[0] - begin <= 1.5, f"told {inside[0] - begin:.1f} s late"
    assert len(people) == len(intervals), people
    ends = {}
    for at, s in told:
        for t in s["tracks"]:
            if t["state"] == "lost":
                assert t["id"] not in ends
                ends[t["id"]] = at
    assert len(ends) == len(intervals), ends
    pictures = vision.of(PICTURE)
    assert {p["track"] for p in pictures} == set(ends)
    assert all(p["jpeg"][:2] == b"\xff\xd8" and len(p["jpeg"]) <= 24 << 10 for p in pictures)
    assert all(p["small"][:2] == b"\xff\xd8" and len(p["small"]) <= 2400 for p in pictures), "a small one for Web Push"
    assert vision.close() == 0, vision.words


def test_parked_cars():
    """Two vehicles stand in the picture: each is one still track, the same all the time, while people walk by."""
    vision = start()
    told = watch(vision, "vtest.avi", 768, 576, 3, seconds=24)
    still = {}
    for at, s in told:
        for t in s["tracks"]:
            if t["label"] in VEHICLES and t["still"] and t["state"] != "lost":
                still.setdefault(t["id"], []).append(at)
    last = {t["id"] for t in told[-1][1]["tracks"] if t["label"] in VEHICLES and t["still"]}
    assert len(still) == 2 and set(still) == last, (still, last)
    walking = {t["id"] for _, t in news(told) if t["label"] == "person"}
    assert len(walking) >= 5, walking
    assert vision.close() == 0, vision.words


def test_size_changes_and_late_frames():
    """A camera that changes its size keeps its tracks; a late frame changes nothing."""
    clip = "one-by-one-person-detection.mp4"
    vision = start()
    told = watch(vision, clip, 640, 360, 4, seconds=5, begin=8)
    [track] = told[-1][1]["tracks"]
    late = vision.look(0, BEGIN + 10 * 1000000, 640, 360, grey(640, 360), [(0, 0, 255, 255)])
    assert [(t["id"], t["state"]) for t in late["tracks"]] == [(track["id"], "seen")], late
    assert late["tracks"][0]["box"] == track["box"]
    told = watch(vision, clip, 960, 540, 4, seconds=2, begin=13.1)
    assert [t["id"] for t in told[-1][1]["tracks"]] == [track["id"]], told[-1]
    assert not news(told)
    # Another camera knows nothing of it, and what is forgotten is gone.
    other = vision.look(1, BEGIN, 640, 360, grey(640, 360), [(0, 0, 255, 255)])
    assert not other["tracks"]
    vision.send(FORGET, b"\x00")
    assert not vision.look(0, BEGIN + 20 * 1000000, 640, 360, grey(640, 360))["tracks"]
    assert vision.close() == 0, vision.words


# --- Faces ---

def face_pictures():
    return os.path.join(FOOTAGE, "restricted-test-only/faces")


def embed(vision, request, jpeg):
    vision.send(EMBED, struct.pack(">I", request) + jpeg)
    assert vision.run(60, lambda v: any(f["request"] == request for f in v.of(FACES)))
    return [f for f in vision.of(FACES) if f["request"] == request][0]


def scaled(name, *filters):
    with tempfile.NamedTemporaryFile(suffix=".jpg") as out:
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", os.path.join(face_pictures(), name), "-vf",
                        ",".join(filters), "-q:v", "4", out.name], check=True)
        return out.read()


def numbers(face):
    text = face["embedding"]
    return struct.unpack("<256f", base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def alike(a, b):
    return sum(x * y for x, y in zip(numbers(a), numbers(b)))


def test_faces():
    """The same person is above the threshold, another far below it; what is of no use says why."""
    vision = start(320, faces=True)
    [one] = embed(vision, 1, scaled("obama.jpg", "scale=600:-2"))["faces"]
    [again] = embed(vision, 2, scaled("obama2.jpg", "scale=600:-2"))["faces"]
    [other] = embed(vision, 3, scaled("biden.jpg", "scale=600:-2"))["faces"]
    assert alike(one, again) >= 0.5 and alike(one, other) < 0.35, (alike(one, again), alike(one, other))
    assert 0.99 < alike(one, one) < 1.01
    both = [f for f in embed(vision, 4, scaled("obama_and_biden.jpg", "scale=800:-2"))["faces"] if "embedding" in f]
    assert len(both) == 2 and max(alike(one, f) for f in both) >= 0.5 and min(alike(one, f) for f in both) < 0.35
    [blurred] = embed(vision, 5, scaled("obama.jpg", "scale=600:-2", "gblur=sigma=6"))["faces"]
    assert "embedding" not in blurred and "blurred" in blurred["reason"], blurred
    [small] = embed(vision, 6, scaled("obama.jpg", "scale=80:-2"))["faces"]
    assert "embedding" not in small and "too small" in small["reason"], small
    nothing = embed(vision, 7, scaled("obama.jpg", "scale=320:-2", "crop=60:60:0:0"))
    assert nothing["faces"] == [] and "no face" in nothing["message"], nothing
    broken = embed(vision, 8, b"\xff\xd8\xff\xd9")
    assert broken["faces"] == [] and broken["message"], broken
    assert vision.close() == 0, vision.words


# --- What breaks in on it ---

def refused(vision, word):
    assert vision.run(60, lambda v: v.of(REFUSED)), (vision.ended, vision.events)
    assert word in vision.of(REFUSED)[0]["message"], vision.of(REFUSED)
    assert vision.close() == 1


def test_models_of_another_shape():
    detector, files = picodet(MODELS)
    data = [read(f) for f in files]
    for changes, word in [({"labels": ["person"]}, "no outputs of"), ({"width": 320}, "did not run"),
                          ({"labels": ["kite", "sink"]}, "none of the model's labels"),
                          ({"kind": "yolox"}, "no output of"), ({"kind": "darknet"}, "consists of 2 files")]:
        refused(Vision(PROGRAM, {**detector, **changes}, data), word)
    for junk in (b"\x00" * 5000, data[0][:len(data[0]) // 2], b"\x08\x07" * 40000):
        refused(Vision(PROGRAM, detector, [junk]), "picodet-s-416")


def test_models_that_could_change():
    """A file without seals, of another size, or none at all."""
    detector, files = picodet(MODELS)
    data = read(files[0])
    refused(Vision(PROGRAM, detector, [data], seals=0), "without seals")
    vision = Vision(PROGRAM, detector, [data], start=False)
    config = {"threads": 1, "detector": {**detector, "files": 1}, "faces": None}
    vision.send(1, json.dumps(config).encode())
    vision.send_file(data, size=len(data) + 1)
    refused(vision, "bytes that were said")
    vision = Vision(PROGRAM, detector, [data], start=False)
    vision.send(1, json.dumps(config).encode())
    vision.send(2, json.dumps({"bytes": 10, "sha256": "00" * 32}).encode())
    refused(vision, "no file")


def test_bad_face_models():
    """Without faces the rest is of use, and it says so."""
    detector, files = picodet(MODELS, 320)
    vision = Vision(PROGRAM, detector, [read(f) for f in files], faces=[b"x" * 100, b"y" * 100])
    assert "faces" in vision.ready(60)["message"]
    answer = embed(vision, 1, b"\xff\xd8\xff\xd9")
    assert "no models" in answer["message"]
    assert vision.close() == 0


def test_garbage():
    frame = struct.pack(">BBQHHHHB", 0, 0, BEGIN, 64, 64, 64, 64, 0) + grey(64, 64)
    for kind, payload in [(FRAME, frame[:-1]), (FRAME, frame + b"x"), (FRAME, b""), (FORGET, b"\xff"), (EMBED, b"abc"),
                          (SIGHTINGS, b"{}"), (99, b""), (FRAME, struct.pack(">BBQHHHHB", 0, 0, BEGIN, 64, 64, 63, 64, 0))]:
        vision = start(320)
        vision.send(kind, payload)
        assert vision.run(30, lambda v: v.of(REFUSED)), kind
        assert vision.close() == 1, kind
    vision = start(320)
    vision.socket.sendall(struct.pack(">IB", 0xffffffff, FRAME))
    assert vision.run(30, lambda v: v.of(REFUSED))
    assert vision.close() == 1


def test_any_frame_is_looked_at():
    """The smallest, the largest, regions at the edges."""
    vision = start(320)
    wall = BEGIN
    for width, height in [(2, 2), (2, 720), (1280, 2), (1280, 720), (64, 36)]:
        for regions in [[], [(255, 255, 1, 1)], [(0, 0, 255, 255)], [(i * 16, i * 16, 8, 8) for i in range(16)], [(5, 5, 0, 0)]]:
            wall += 200000
            assert vision.look(3, wall, width, height, grey(width, height), regions, SAFETY | LOOK_FOR_FACES) is not None
    assert vision.close() == 0, vision.words


def test_the_hub_goes():
    vision = start(320)
    assert vision.close() == 0, vision.words
    detector, files = picodet(MODELS, 320)
    vision = Vision(PROGRAM, detector, [read(f) for f in files], start=False)
    assert vision.close() == 0, vision.words


def test_sandbox():
    """No other descriptor than the hub's socket, no privileges, a filter on every thread, no network."""
    vision = start(320, threads=2)
    folder = f"/proc/{vision.process.pid}"
    assert vision.look(0, BEGIN, 640, 360, grey(640, 360), [(0, 0, 255, 255)])
    assert set(os.listdir(folder + "/fd")) == {"0", "1", "2", "3"}, os.listdir(folder + "/fd")
    threads = os.listdir(folder + "/task")
    for thread in threads:
        with open(f"{folder}/task/{thread}/status") as f:
            status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
        assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", (thread, status["Seccomp"])
        assert int(status["CapEff"], 16) == 0
    if os.readlink(folder + "/ns/net") != os.readlink("/proc/self/ns/net"):
        with open(folder + "/net/dev") as f:
            assert [line.split(":")[0].strip() for line in f.read().splitlines()[2:]] in ([], ["lo"])
    assert vision.close() == 0, vision.words


def test_alone():
    """Started by a person it says what it is."""
    done = subprocess.run([PROGRAM], capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and b"started by cardea-hub" in done.stderr, done


NEED_NOTHING = {"test_alone"}
NEED_CLIPS = {"test_six_people", "test_parked_cars", "test_size_changes_and_late_frames"}


def missing(name):
    if name in NEED_NOTHING:
        return None
    if not os.path.exists(os.path.join(MODELS, "detect/picodet-s-416.onnx")) or not MODELS:
        return "no weights: CARDEA_MODELS"
    if name in NEED_CLIPS and not (FOOTAGE and os.path.exists(os.path.join(FOOTAGE, "clips/events.json"))):
        return "no clips: CARDEA_FOOTAGE"
    return "no faces" if name == "test_faces" and not (FOOTAGE and os.path.isdir(face_pictures())) else None


def main():
    import traceback
    tests = [(name, f) for name, f in globals().items() if name.startswith("test_")]
    if len(sys.argv) > 1:
        tests = [(name, f) for name, f in tests if any(a in name for a in sys.argv[1:])]
    print(f"1..{len(tests)}")
    failed = 0
    for number, (name, test) in enumerate(tests, 1):
        why = missing(name)
        if why:
            print(f"ok {number} - {name[5:]} # SKIP {why}", flush=True)
            continue
        try:
            test()
            print(f"ok {number} - {name[5:]}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} - {name[5:]}", flush=True)
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
