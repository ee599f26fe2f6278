"""peers.py: what others make of the same clips. They tell no labels: an alert is an event that begins."""
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time

from clips import BUILD

MOTION_CONF = """daemon off
setup_mode off
log_level 6
log_file {folder}/log
target_dir {folder}
camera_id 1
netcam_url file://{clip}
width {width}
height {height}
framerate 15
movie_output off
picture_output off
webcontrol_port 0
stream_port 0
event_gap 5
minimum_motion_frames 3
"""


def size_of(clip):
    out = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=width,height", "-of", "csv=p=0", clip],
                         check=True, capture_output=True, text=True).stdout
    return out.strip().split(",")[:2]


def motion(clip, path):
    """Debian's motion, its defaults but for what keeps it from writing files; it plays the clip at its own speed, once."""
    if not shutil.which("motion"):
        raise SystemExit("evaluate: Debian's package motion is not installed")
    with tempfile.TemporaryDirectory(prefix="cardea-motion-") as folder:
        width, height = size_of(path)
        conf = os.path.join(folder, "motion.conf")
        events = os.path.join(folder, "events")
        with open(conf, "w") as f:
            f.write(MOTION_CONF.format(folder=folder, clip=path, width=width, height=height))
            f.write(f"on_event_start echo %s >> {events}\non_camera_found date +%%s.%N >> {events}.start\n")
        process = subprocess.Popen(["motion", "-n", "-c", conf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        started = time.time()
        try:
            process.wait(clip.seconds)  # it never ends by itself: a file that ended is a camera that is lost
        except subprocess.TimeoutExpired:
            pass
        with open(f"/proc/{process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        process.terminate()
        process.wait(20)
        log = os.path.join(folder, "log")
        text = open(log, errors="replace").read() if os.path.exists(log) else ""
        if not os.path.exists(events):
            return [], cpu
        return [(None, float(line) - started) for line in open(events) if re.fullmatch(r"\d+\s*", line)], cpu


def mog2_hog(clip, path):
    out = subprocess.run([os.path.join(BUILD, "tests/recognition/mog2_hog"), path, "5"], check=True, capture_output=True,
                         text=True).stdout
    alerts = [(None, float(s)) for s in re.findall(r"^alert ([\d.]+)$", out, re.M) if float(s) <= clip.seconds]
    return alerts, float(re.search(r"^cpu ([\d.]+)", out, re.M)[1])
