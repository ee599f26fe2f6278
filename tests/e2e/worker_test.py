"""The real cardea-camera against this script in the hub's place: files in every coding, bad files, stop, loss of the hub."""
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from worker_hub import (FRAGMENT, FRAME, INIT, KEY, MOTION, PICTURE, SOUND, STATUS, WANT, Worker,
                        check_on_the_clock)

SOURCE = os.environ.get("CARDEA_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CARDEA_BUILD") or os.path.join(SOURCE, "build")
PROGRAM = os.path.join(BUILD, "src/camera/cardea-camera")
VTEST = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
FOLDER = tempfile.TemporaryDirectory(prefix="cardea-worker-")
ENVIRONMENT = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
if "ASAN_OPTIONS" in ENVIRONMENT:
    ENVIRONMENT["ASAN_OPTIONS"] += ":detect_leaks=0"  # the leak checker traces the process, which the sandbox forbids
else:
    ENVIRONMENT["ASAN_OPTIONS"] = "detect_leaks=0"


def ffmpeg(*arguments):
    return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True, capture_output=True).stdout


def path(name):
    return os.path.join(FOLDER.name, name)


def clip(name, *coding, size="640x360", rate=25, seconds=2, tone=None):
    out = path(name)
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
    if tone:
        inputs += ["-f", "lavfi", "-i", f"sine=frequency={tone}:sample_rate=48000:duration={seconds}"]
    ffmpeg(*inputs, *coding, out)
    return out


def play(source, seconds, until=None, **config):
    w = Worker(PROGRAM, {"url": "file:" + source, **config}, lambda want, given: (open(source, "rb"), None),
               ENVIRONMENT)
    w.reached = w.run(seconds, until)
    w.code = w.stop()
    return w


def pictures_md5(data_or_path):
    """One MD5 for each decoded picture."""
    if isinstance(data_or_path, bytes):
        name = path("received.mp4")
        with open(name, "wb") as f:
            f.write(data_or_path)
    else:
        name = data_or_path
    text = ffmpeg("-i", name, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-").decode()
    return [line.split(",")[-1].strip() for line in text.splitlines() if not line.startswith("#")]


def boxes(data):
    at = 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        assert 8 <= size <= len(data) - at, f"a box of {size} bytes in {len(data) - at}"
        yield kind.decode(), data[at + 8:at + size]
        at += size


def box(data, where):
    for name in where.split("/"):
        data = next(contents for kind, contents in boxes(data) if kind == name)
    return data


def check_fragments(w, video_hz=90000):
    """What holds for any stream: order, times, one frame in each fragment, key frames where the flags say."""
    init = w.of(INIT)[0]
    last = {False: 0, True: 0}
    check_on_the_clock(w.of(FRAGMENT), 2)
    first_video = w.frames()[0]
    assert first_video.flags == KEY, "the first frame is no key frame"
    for f in w.of(FRAGMENT):
        sound = bool(f.flags & SOUND)
        hz = init.head["audio_hz"] if sound else video_hz
        tfdt = struct.unpack(">Q", box(f.data, "moof/traf/tfdt")[4:12])[0]
        assert abs(tfdt - f.wall_us * hz // 1000000) <= 1, "tfdt is not the wall time"
        assert tfdt > last[sound], "time does not go forward"
        last[sound] = tfdt
        trun = box(f.data, "moof/traf/trun")
        count, offset = struct.unpack(">II", trun[4:12])
        assert sound or count == 1
        assert len(box(f.data, "mdat")) == len(f.data) - offset
        if not sound:
            key = struct.unpack(">I", trun[20:24])[0] == 0x02000000
            assert key == bool(f.flags & KEY)


def check_steps(frames, step_ms, tolerance_ms=0.6):
    """The camera's own time between frames, but for drift correction at key frames."""
    for a, b in zip(frames, frames[1:]):
        step = (b.wall_us - a.wall_us) / 1000
        assert abs(step - step_ms) <= tolerance_ms, f"a step of {step} ms"


def cycle(whole, count):
    return [whole[i % len(whole)] for i in range(count)]


# --- Tests ------------------------------------------------------------------------------------------------------------


def test_h264_is_copied_in_a_loop():
    source = clip("copy.mp4", "-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "2", "-c:a", "aac", tone=440)
    w = play(source, 20, lambda w: len(w.frames()) >= 130)
    assert w.reached and w.code == 0, w.status()
    head = w.of(INIT)[0].head
    assert re.fullmatch(r"avc1\.64[0-9a-f]{4}", head["codec"]) and (head["width"], head["height"]) == (640, 360), head
    assert head["audio_codec"] == "mp4a.40.2" and head["audio_hz"] == 48000, head
    check_fragments(w)
    check_steps(w.frames(), 40)
    received = pictures_md5(w.movie(lambda f: not f.flags & SOUND))
    # The last pictures are still in the decoder's order when the stream is cut; two loops are compared whole.
    assert len(received) >= 128
    assert received[:100] == cycle(pictures_md5(source), 100), "pictures differ from the file's"
    assert sum(1 for f in w.frames() if f.flags & KEY) >= 5
    lengths = [f.duration_us for f in w.sounds()]
    # Mostly a tenth of a second and some; less where a key frame or a new second cuts.
    assert sum(1 for n in lengths if n == 128000) > len(lengths) / 2 and max(lengths) < 200000, lengths
    span = w.sounds()[-1].wall_us - w.sounds()[0].wall_us
    assert abs(sum(lengths[:-1]) - span) < 60000, (sum(lengths), span)
    assert len(w.of(WANT)) == 1 and w.of(WANT)[0]["kind"] == "file"


def test_h265_is_copied():
    source = clip("copy265.mp4", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
                  "log-level=none:keyint=25:bframes=2", "-tag:v", "hvc1")
    w = play(source, 15, lambda w: len(w.frames()) >= 60)
    assert w.reached and w.code == 0, w.status()
    assert w.of(INIT)[0].head["codec"].startswith("hvc1.1."), w.of(INIT)[0].head
    check_fragments(w)
    assert pictures_md5(w.movie())[:45] == pictures_md5(source)[:45]
    assert w.of(PICTURE), "no picture of an H.265 key frame"


def test_other_codings_become_h264_and_opus():
    source = clip("other.avi", "-c:v", "mpeg4", "-q:v", "2", "-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1", tone=440)
    w = play(source, 15, lambda w: len(w.frames()) >= 75)
    assert w.reached and w.code == 0, w.status()
    head = w.of(INIT)[0].head
    assert head["codec"].startswith("avc1.") and head["audio_codec"] == "opus" and head["audio_hz"] == 48000, head
    check_fragments(w)
    check_steps(w.frames(), 40, 1.0)
    keys = [i for i, f in enumerate(w.frames()) if f.flags & KEY]
    assert keys[:2] == [0, 50], keys
    with open(path("other.mp4"), "wb") as f:
        f.write(w.movie())
    # It is the same picture (structural similarity with the file's) ...
    text = subprocess.run(["ffmpeg", "-nostdin", "-i", path("other.mp4"), "-i", source, "-lavfi",
                           "[0:v]setpts=N/25/TB[a];[1:v]setpts=N/25/TB[b];[a][b]ssim=shortest=1", "-frames:v", "45", "-f",
                           "null", "-"], capture_output=True, text=True, check=True).stderr
    assert float(re.search(r"All:([0-9.]+)", text)[1]) > 0.9, text[-300:]
    # ... and the same sound: a tone of 440 Hz crosses zero 880 times in a second.
    pcm = ffmpeg("-i", path("other.mp4"), "-map", "0:a", "-ac", "1", "-ar", "48000", "-t", "1.5", "-f", "s16le", "-")
    x = struct.unpack(f"<{len(pcm) // 2}h", pcm)[9600:57600]
    crossings = sum(1 for a, b in zip(x, x[1:]) if (a < 0) != (b < 0))
    assert 860 <= crossings <= 900, crossings


def test_pictures_precede_their_key_frames():
    source = clip("picture.mp4", "-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "0", size="1280x720")
    w = play(source, 15, lambda w: len(w.of(PICTURE)) >= 3, picture_s=1)
    assert w.reached, "three pictures did not come"
    for i, (kind, event) in enumerate(w.events):
        if kind != PICTURE:
            continue
        after = next(e for k, e in w.events[i:] if k == FRAGMENT and not e.flags & SOUND)
        assert after.flags & KEY and after.wall_us == event[0], "the picture is of another frame"
        with open(path("picture.jpg"), "wb") as f:
            f.write(event[1])
    probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0",
                            path("picture.jpg")], capture_output=True, text=True, check=True).stdout.strip()
    assert probe == "mjpeg,320,180", probe


def test_change_in_the_stream_makes_a_new_init():
    one = clip("one.ts", "-c:v", "mpeg2video", "-q:v", "3", size="640x360", seconds=1)
    two = clip("two.ts", "-c:v", "mpeg2video", "-q:v", "3", size="320x240", seconds=1)
    source = path("change.ts")
    with open(source, "wb") as out:
        for part in (one, two):
            with open(part, "rb") as f:
                out.write(f.read())
    w = play(source, 15, lambda w: len(w.of(INIT)) >= 2 and len(w.frames()) >= 40)
    assert w.reached, (len(w.of(INIT)), len(w.frames()), w.status())
    assert [(i.head["width"], i.head["height"]) for i in w.of(INIT)[:2]] == [(640, 360), (320, 240)]
    for i, (kind, _) in enumerate(w.events):
        if kind == INIT:
            after = next(e for k, e in w.events[i:] if k == FRAGMENT)
            assert after.flags & KEY, "after an init comes no key frame"


def moving_box(name, size, rate, noise=0):
    """Gray, with a white box that crosses the right half from second 4 to 7; 12 s."""
    out = path(name)
    width, height = map(int, size.split("x"))
    scale = width / 640
    ffmpeg("-f", "lavfi", "-i", f"color=gray:size={size}:rate={rate}:duration=12", "-f", "lavfi", "-i",
           f"color=white:size={int(60 * scale)}x{int(120 * scale)}:rate={rate}:duration=12", "-lavfi",
           f"[0][1]overlay=x='if(between(t,4,7),({340 * scale}+{70 * scale}*(t-4)),-1000)':y={int(150 * scale)}"
           + (f",noise=alls={noise}:allf=t" if noise else ""), "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g",
           str(2 * rate), out)
    return out


def test_motion_is_seen_and_ends():
    """Noise-free stillness, then a box that moves across the right half, then stillness."""
    source = path("motion.mp4")
    ffmpeg("-f", "lavfi", "-i", "color=gray:size=640x360:rate=10:duration=12", "-f", "lavfi", "-i",
           "color=white:size=60x120:rate=10:duration=12", "-lavfi",
           "[0][1]overlay=x='if(between(t,4,7),340+70*(t-4),-100)':y=150", "-c:v", "libx264", "-preset", "veryfast", "-bf",
           "0", "-g", "20", source)
    w = play(source, 20, lambda w: w.of(MOTION) and w.of(MOTION)[-1][8] == 0, motion=True)
    assert w.reached, f"{len(w.of(MOTION))} motion messages, none of which ends it"
    begin = w.frames()[0].wall_us
    for m in w.of(MOTION):
        wall, score, count = struct.unpack(">QBB", m[:10])
        second = (wall - begin) / 1e6
        if score == 0:
            assert 7 <= second < 12, second
            continue
        assert 3.9 <= second <= 8.6, f"motion at {second} s"
        assert count >= 1
        for i in range(count):
            x, y, width, height = m[10 + 4 * i:14 + 4 * i]
            assert x >= 115 and y >= 60, f"a region at {x}, {y}"
    times = [struct.unpack(">Q", m[:8])[0] for m in w.of(MOTION)]
    assert all(b - a > 150000 for a, b in zip(times, times[1:])), "more than five messages in a second"


def luma_at(frame, x, y):
    return frame.pixels[y * frame.width + x]


def test_frames_come_while_something_moves():
    """A box crosses from second 4 to 7; the frames show it, at most five a second, and for two seconds after."""
    source = moving_box("frames.mp4", "640x360", 10)
    w = play(source, 20, lambda w: w.of(MOTION) and w.of(MOTION)[-1][8] == 0, motion=True, see=True, picture_s=1)
    assert w.reached, f"{len(w.of(MOTION))} motion messages, {len(w.of(FRAME))} frames"
    begin = w.frames()[0].wall_us
    moving = [f for f in w.of(FRAME) if not f.flags]
    assert 15 <= len(moving) <= 30, [(f.wall_us - begin) / 1e6 for f in moving]
    assert all(b.wall_us - a.wall_us > 150000 for a, b in zip(moving, moving[1:])), "more than five frames a second"
    for f in moving:
        second = (f.wall_us - begin) / 1e6
        assert 3.9 <= second <= 9.6 and f.flags == 0, f"a frame of what moves at {second} s"
        assert (f.width, f.height, f.source_width, f.source_height) == (640, 360, 640, 360)
        assert second > 7 or f.regions, "no region while the box is there"
    shown = [f for f in moving if 4.3 < (f.wall_us - begin) / 1e6 < 6.5]
    for f in shown:
        x = int(340 + 70 * ((f.wall_us - begin) / 1e6 - 4)) + 30
        assert luma_at(f, x, 200) > 200 and luma_at(f, 100, 200) < 150, "the box is not where it is"
        assert any(r[0] <= x * 255 // 640 <= r[0] + r[2] for r in f.regions), (x, f.regions)
    assert not [f for f in w.of(FRAME) if f.flags and 4.1 < (f.wall_us - begin) / 1e6 < 8.9], "a safety look in between"


def test_a_still_scene_gets_a_safety_look():
    source = path("safety.mp4")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=10:duration=0.1", "-vf",
           "loop=120:1,setpts=N/10/TB,format=yuvj420p", "-r", "10", "-t", "10", "-c:v", "libx264", "-preset", "veryfast", "-bf",
           "0", "-g", "10", source)
    w = play(source, 15, lambda w: w.of(FRAME), motion=True, see=True, picture_s=1)
    assert w.reached, w.status()
    f = w.of(FRAME)[0]
    assert f.flags == 1 and (f.width, f.height, f.source_width, f.source_height) == (1280, 720, 1920, 1080)
    assert min(f.pixels[:1280 * 720]) >= 10, "full range was not made limited"


def test_without_see_no_frame_leaves():
    w = play(moving_box("unseen.mp4", "640x360", 10), 20, lambda w: w.of(MOTION) and w.of(MOTION)[-1][8] == 0, motion=True)
    assert w.reached and not w.of(FRAME)


def test_a_lone_main_stream_is_seen_at_once():
    """1080p with sensor noise, no substream: motion within half a second, and still decoding ends."""
    source = moving_box("main.mp4", "1920x1080", 25, noise=4)
    w = play(source, 30, lambda w: w.of(MOTION) and w.of(MOTION)[-1][8] == 0, motion=True, see=True)
    assert w.reached, f"{len(w.of(MOTION))} motion messages"
    begin = w.frames()[0].wall_us
    first = (struct.unpack(">Q", w.of(MOTION)[0][:8])[0] - begin) / 1e6
    assert 4.0 <= first <= 4.6, f"seen at {first} s"
    assert [f for f in w.of(FRAME) if not f.flags][0].width == 1280


MASKS = [[[1000, 2000], [4000, 1000], [3500, 6000]],  # a triangle
         [[6000, 5000], [9000, 5200], [8800, 9000], [7500, 6500], [6100, 9100]],  # with a notch
         [[9700, 0], [10000, 0], [10000, 1200], [9700, 1200]]]  # at the edge
BLOCK = 8  # whole blocks are painted


def inside(mask, x, y):
    """Whether the point lies inside, by crossings to its left."""
    result = False
    for (ax, ay), (bx, by) in zip(mask, mask[1:] + mask[:1]):
        if (ay <= y) != (by <= y) and ax + (y - ay) / (by - ay) * (bx - ax) < x:
            result = not result
    return result


def places(width, height):
    """The indices of pixels whose middle is inside of a mask, and of a sample of those well outside."""
    hidden, open_ = [], []
    for y in range(height):
        for x in range(width):
            at = lambda dx, dy: ((x + 0.5 + dx) * 10000 / width, (y + 0.5 + dy) * 10000 / height)
            if any(inside(m, *at(0, 0)) for m in MASKS):
                hidden.append(y * width + x)
            elif (x + 31 * y) % 23 == 0:
                ring = [at(dx, dy) for dx in (-12, 0, 12) for dy in (-12, 0, 12)]
                if not any(inside(m, *p) for m in MASKS for p in ring):
                    open_.append(y * width + x)
    return hidden, open_


def raw(source, width, height, pixel="yuv420p"):
    """The decoded pictures of a file, as it says they are."""
    data = ffmpeg("-i", source, "-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", pixel, "-f", "rawvideo", "-")
    size = width * height * 3 // 2
    return [data[i:i + size] for i in range(0, len(data) - size + 1, size)]


def check_black(pictures, hidden, width, height, what, black=16, slack=10):
    assert pictures, f"no {what}"
    luma = width * height
    for number, p in enumerate(pictures):
        worst = max(abs(p[i] - black) for i in hidden)
        assert worst <= slack, f"{what} {number}: {worst} off black"
        chroma = {luma + (i // width // 2) * (width // 2) + i % width // 2 for i in hidden}
        worst = max(max(abs(p[i] - 128), abs(p[i + luma // 4] - 128)) for i in chroma)
        assert worst <= slack, f"{what} {number}: {worst} off gray"


def psnr(a, b, places):
    import math
    error = sum((a[i] - b[i]) ** 2 for i in places) / len(places)
    return 99 if error == 0 else 10 * math.log10(255 * 255 / error)


def masked(source, seconds=1000, **config):
    w = play(source, 30, lambda w: len(w.frames()) >= 60 and w.of(PICTURE) and w.of(FRAME), motion=True, see=True,
             picture_s=1, masks=MASKS, **config)
    assert w.reached and w.code == 0, (len(w.frames()), len(w.of(PICTURE)), len(w.of(FRAME)), w.status(), w.words)
    return w


def check_masked(w, source, width, height):
    hidden, open_ = places(width, height)
    with open(path("masked.mp4"), "wb") as f:
        f.write(w.movie(lambda f: not f.flags & SOUND))
    got = raw(path("masked.mp4"), width, height)
    assert len(got) >= 58
    check_black(got, hidden, width, height, "recorded picture")
    was = raw(source, width, height)
    values = sorted(psnr(got[i], was[i], open_) for i in range(min(len(was), 50)))
    assert values[0] > 30, f"outside of the masks: {values[0]:.1f} dB at worst, {values[len(values) // 2]:.1f} in the middle"
    print(f"# outside of the masks: {values[0]:.1f} dB at worst, {values[len(values) // 2]:.1f} in the middle")
    for number, (_, jpeg) in enumerate(w.of(PICTURE)):
        name = path(f"masked{number}.jpg")
        with open(name, "wb") as f:
            f.write(jpeg)
        small = (320, height * 320 // width & ~1)
        # JPEG's own ripples at the edges of black: its blocks are not the picture's.
        check_black(raw(name, *small, "yuvj420p"), eroded(*small), *small, "picture", black=0, slack=24)
    for f in w.of(FRAME):
        assert (f.width, f.height) == (width, height)
        check_black([f.pixels], hidden, width, height, "frame")


def eroded(width, height):
    """Inside of the masks, two pixels and more from their edges: scaling mixes what is next to each other."""
    all_ = set(places(width, height)[0])
    return [i for i in all_ if all(i + dx + dy * width in all_ for dx in (-2, 0, 2) for dy in (-2, 0, 2))]


def test_masked_places_never_leave():
    source = path("mask.mp4")
    ffmpeg("-i", VTEST, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "6", "-vf", "scale=640:360,fps=25",
           "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-bf", "2", "-g", "25", "-c:a", "aac",
           "-shortest", source)
    w = masked(source)
    check_masked(w, source, 640, 360)
    check_fragments(w)
    assert w.of(INIT)[0].head["audio_codec"] == "mp4a.40.2" and len(w.sounds()) > 10, "no sound"
    keys = [f.wall_us for f in w.frames() if f.flags & KEY]
    assert all(b - a <= 2100000 for a, b in zip(keys, keys[1:])), "key frames are further apart than two seconds"


def test_masks_over_other_formats():
    """4:2:2, 10 bits, the full range, H.265, and odd sizes: whatever the camera sends, the masks are black."""
    for name, pixel, size, coder in (("422", "yuv422p", "320x240", "libx264"), ("ten", "yuv420p10le", "320x240", "libx264"),
                                     ("full", "yuvj420p", "320x240", "libx264"), ("265", "yuv420p", "320x240", "libx265")):
        source = path(f"mask{name}.mp4")
        ffmpeg("-i", VTEST, "-t", "4", "-vf", f"scale={size.replace('x', ':')},fps=25", "-pix_fmt", pixel, "-c:v", coder, "-preset",
               "ultrafast", "-crf", "20", "-g", "25", *(["-x265-params", "log-level=none"] if coder == "libx265" else []), source)
        w = masked(source)
        check_masked(w, source, 320, 240)


def test_still_picture_is_still():
    source = path("still.mp4")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=10:duration=0.1", "-vf", "loop=60:1,setpts=N/10/TB,noise=alls=6:allf=t",
           "-r", "10", "-t", "6", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "20", source)
    w = play(source, 12, lambda w: len(w.frames()) >= 100, motion=True)
    assert w.reached and not w.of(MOTION), f"{len(w.of(MOTION))} motion messages of a still picture"


def test_bad_files_are_refused_in_words():
    whole = clip("whole.mp4", "-c:v", "libx264", "-preset", "ultrafast", seconds=1)
    with open(whole, "rb") as f:
        head = f.read(3000)
    silent = path("sound.wav")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", silent)
    for name, content in (("text.mp4", b"this is no video\n" * 100), ("empty.mp4", b""), ("cut.mp4", head)):
        with open(path(name), "wb") as f:
            f.write(content)
    for name in ("text.mp4", "empty.mp4", "cut.mp4", "sound.wav"):
        w = play(path(name), 10, lambda w: w.status() and w.status()["state"] == "failed")
        assert w.reached and w.code == 1, (name, w.status(), w.code)
        assert w.status()["error"] in ("unsupported", "invalid") and w.status()["message"], w.status()
        assert "Sanitizer" not in w.words, w.words


def test_a_refused_descriptor_is_a_clear_end():
    def refuse(want, given):
        raise OSError("there is no file cat.mp4")

    w = Worker(PROGRAM, {"url": "file:/cat.mp4"}, refuse, ENVIRONMENT)
    assert w.run(10, lambda w: w.status() and w.status()["state"] == "failed")
    assert w.status()["error"] == "not_found" and w.status()["message"] == "there is no file cat.mp4", w.status()
    assert w.stop() == 1


def test_what_is_no_camera_is_refused():
    w = Worker(PROGRAM, {"url": "v4l2:/dev/video0"}, lambda want, given: (open("/dev/null", "rb"), None), ENVIRONMENT)
    assert w.run(10, lambda w: w.status() and w.status()["state"] == "failed")
    assert w.of(WANT)[0]["kind"] == "device", w.of(WANT)
    assert w.status()["error"] == "unsupported" and "V4L2" in w.status()["message"], w.status()
    assert w.stop() == 1


def test_unknown_addresses_are_refused():
    for url in ("http://camera/", "cat.mp4", "rtsp", "rtsp://"):
        w = Worker(PROGRAM, {"url": url}, None, ENVIRONMENT)
        assert w.run(10, lambda w: w.status() and w.status()["state"] == "failed"), url
        assert w.status()["error"] in ("unsupported", "invalid"), w.status()
        assert w.stop() == 1


def test_ends_with_the_hub():
    source = clip("end.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", seconds=1)
    w = Worker(PROGRAM, {"url": "file:" + source}, lambda want, given: (open(source, "rb"), None), ENVIRONMENT)
    assert w.run(10, lambda w: len(w.frames()) > 5)
    w.socket.shutdown(socket.SHUT_RDWR)
    assert w.process.wait(60) == 0
    w.stop()


def test_a_hub_that_does_not_read_costs_no_memory():
    """The worker stops reading and waits; when the hub reads again, it goes on."""
    source = clip("large.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "1", "-g", "25", size="1280x720", seconds=2)
    w = Worker(PROGRAM, {"url": "file:" + source, "picture_s": 0}, lambda want, given: (open(source, "rb"), None),
               ENVIRONMENT)
    assert w.run(10, lambda w: len(w.frames()) > 5)
    before = memory_kb(w.process.pid)
    least = min(len(f.data) for f in w.frames())
    w.process_stalled = select_stalled(w, 4)
    grown = memory_kb(w.process.pid) - before
    with open(PROGRAM, "rb") as f:
        limit = 64 if b"__asan_init" in f.read() else 16  # the address sanitizer keeps what was freed
    assert grown < limit * 1024, f"grew by {grown} KB, frames are of {least} bytes and more"
    frames = len(w.frames())
    assert w.run(10, lambda w: len(w.frames()) > frames + 50)
    assert w.stop() == 0


def test_a_hub_that_does_not_read_loses_frames_not_fragments():
    """While the hub is behind, frames for recognition are left out, and at most one waits; every fragment comes."""
    source = path("busy.mp4")
    ffmpeg("-i", VTEST, "-t", "8", "-vf", "scale=1280:720,fps=10", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "26", "-g", "10", source)
    w = Worker(PROGRAM, {"url": "file:" + source, "motion": True, "see": True, "picture_s": 0},
               lambda want, given: (open(source, "rb"), None), ENVIRONMENT)
    assert w.run(10, lambda w: len(w.of(FRAME)) > 5)
    begun = len(w.events)
    select_stalled(w, 3)
    assert w.run(20, lambda w: len(w.events) > begun + 100)
    assert w.stop() == 0
    frames = w.frames()
    steps = [b.wall_us - a.wall_us for a, b in zip(frames, frames[1:])]
    assert max(steps) < 250000, f"a fragment is missing: a step of {max(steps)} us"
    gaps = [b.wall_us - a.wall_us for a, b in zip(w.of(FRAME), w.of(FRAME)[1:])]
    assert max(gaps) > 1500000, f"frames were kept for a hub that was behind: {sorted(gaps)[-3:]}"


def memory_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1])


def select_stalled(w, seconds):
    """Waits, without reading, until the worker has not used the processor for a second, or the time is over."""
    import time
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if w.process.poll() is not None:
            raise AssertionError("the worker ended")
        time.sleep(0.1)
    return True


def test_sandbox_layers_are_told():
    source = path("end.mp4") if os.path.exists(path("end.mp4")) else clip("end.mp4", "-c:v", "libx264", "-g", "25")
    w = play(source, 10, lambda w: w.status() and w.status()["state"] == "streaming")
    assert w.reached and "seccomp" in w.status()["sandbox"], w.status()
    assert not w.words, w.words


def main():
    tests = [(name, f) for name, f in globals().items() if name.startswith("test_")]
    if len(sys.argv) > 1:
        tests = [(name, f) for name, f in tests if any(a in name for a in sys.argv[1:])]
    print(f"1..{len(tests)}")
    failed = 0
    for number, (name, test) in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {name[5:]}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} - {name[5:]}", flush=True)
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), flush=True)
    FOLDER.cleanup()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
