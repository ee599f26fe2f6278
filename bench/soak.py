#!/usr/bin/env python3
"""soak.py: does a home lose a frame?   bench/soak.py [--cameras 16] [--minutes 10] [--clip FILE.h264]

Records N simulated cameras (1080p, 25 frames/s, 4 Mbit/s) at once. Each frame carries the time at which it was due
(bench/stamp.h). Afterwards each camera is exported as its owner would, the stamps are read out of the exported
file, and every step from one to the next must be one frame: what is missing is counted, frame by frame."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests/e2e"))
from household import BUILD, Household, wait_for  # noqa: E402

STAMP, DIGITS, FRAME_US = b"cardea.benchmark", 10, 40000
VTEST = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"


def make_clip(path):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", VTEST, "-t", "20", "-vf",
                    "framerate=fps=25,crop=768:432,scale=1920:1080,noise=alls=3:allf=t,format=yuv420p", "-an", "-c:v", "libx264",
                    "-preset", "veryfast", "-bf", "0", "-g", "50", "-keyint_min", "50", "-b:v", "4M", "-maxrate", "4.4M",
                    "-bufsize", "4M", "-x264-params", "slices=1:sliced-threads=0:scenecut=0:aud=0", "-f", "h264", path], check=True)
    return path


def stamps(path):
    """The times of all frames of an exported file, in the order in which they are stored."""
    with open(path, "rb") as f:
        data = f.read()
    at, found = 0, []
    while (at := data.find(STAMP, at)) >= 0:
        digits = data[at + len(STAMP):at + len(STAMP) + DIGITS]
        if len(digits) == DIGITS and all(d & 0x80 for d in digits):
            found.append(sum((d & 0x7F) << (7 * i) for i, d in enumerate(digits)))
        at += len(STAMP)
    return found


def cpu_s(pid):
    """Of a process and its children, those that ended included."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    own = sum(int(fields[i]) for i in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return own + sum(cpu_s(int(child)) for child in f.read().split())


def judge(home, name, begin, end):
    path = home.path(name + ".mp4")
    shown = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t)) for t in (begin, end)]
    home.cardea("export", name, "--from", shown[0], "--to", shown[1], "-o", path, timeout=600)
    found = stamps(path)
    os.unlink(path)
    missing = sum(max(0, round((b - a) / FRAME_US) - 1) for a, b in zip(found, found[1:]))
    return len(found), missing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clip")
    a = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="cardea-soak-")
    home, simulator = Household(folder), None
    try:
        clip = a.clip or make_clip(os.path.join(folder, "clip.h264"))
        simulator = subprocess.Popen([os.path.join(BUILD, "bench/camera_simulator"), "-f", clip], stdout=subprocess.PIPE, text=True)
        port = int(re.search(r"\d+", simulator.stdout.readline())[0])
        home.start_vault()
        home.start_hub()
        home.init()
        for i in range(a.cameras):
            home.cardea("camera", "add", f"camera-{i}", f"rtsp://127.0.0.1:{port}/cam{i}", "--audio", "off")
        wait_for("all cameras to stream", lambda: home.streaming(a.cameras), 120)
        time.sleep(5)  # what a connection begins with is not what is measured
        begin, cpu = int(time.time()) + 1, cpu_s(home.hub.pid)
        time.sleep(a.minutes * 60)
        used, end = cpu_s(home.hub.pid) - cpu, int(time.time()) - 1
        wait_for("the last minute to reach the vault", lambda: time.time() > end + 5, 30)
        total = lost = 0
        for i in range(a.cameras):
            frames, missing = judge(home, f"camera-{i}", begin, end)
            wanted = (end - begin) * 25
            print(f"camera-{i}: {frames} frames, {missing} missing between them", flush=True)
            assert frames >= wanted - 50, f"camera-{i}: {frames} frames of about {wanted}"
            total, lost = total + frames, lost + missing
        print(f"{a.cameras} cameras, {(end - begin) / 60:.1f} min: {total} frames, {lost} missing, "
              f"{used / (a.minutes * a.cameras):.3f} CPU s of hub and workers a camera minute, load {os.getloadavg()[1]:.1f}")
        return 1 if lost else 0
    finally:
        home.stop()
        if simulator:
            simulator.terminate()
            simulator.wait()
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
