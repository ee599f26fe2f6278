"""clips.py: which clips there are, and what happens in them. `leaf`: nothing that is worth an alert. `arrivals`: (label,
from, to, how many) in seconds, as the footage's events.json and tests/footage/weather say; checked by eye to half a second."""
import json
import os
import subprocess
import sys

SOURCE = os.environ.get("CARDEA_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CARDEA_BUILD") or os.path.join(SOURCE, "build")
FOOTAGE = os.environ.get("CARDEA_FOOTAGE") or os.path.join(os.path.dirname(SOURCE), "shared/footage")
MODELS = os.environ.get("CARDEA_MODELS") or os.path.join(os.path.dirname(SOURCE), "shared/models")
WEATHER = os.path.join(SOURCE, "tests/footage/weather")
ONE_BY_ONE = [("person", 6.0, 19.5, 1), ("person", 22.5, 44.5, 1), ("person", 50.2, 69.5, 1), ("person", 74.2, 86.5, 1),
              ("person", 92.3, 120.0, 1), ("person", 123.5, 136.2, 1)]
# A garden behind the square on which people walk: its own zone, beside the traffic.
ZONE = [{"id": "00000001", "name": "lawn", "kind": "include", "points": [[0, 9000], [2500, 9000], [2500, 10000], [0, 10000]]}]


class Clip:
    def __init__(self, name, seconds, source=None, arrivals=(), start=0, zones=None):
        self.name, self.seconds, self.source, self.arrivals, self.start, self.zones = name, seconds, source, arrivals, start, zones
        self.leaf = not arrivals


def weather():
    listed = json.loads(subprocess.run([sys.executable, WEATHER, "--list", "--json"], check=True, capture_output=True).stdout)
    return [Clip(name, c["seconds"], arrivals=[("person", a, b, 1) for a, b in c["happens"].get("person", [])])
            for name, c in listed.items()]


def all_clips():
    return [
        Clip("tree", 21, "tree.avi"),
        Clip("bottles", 39.5, "bottle-detection.mp4"),
        Clip("beyond-the-zone", 24, "vtest.avi", zones=ZONE),
        *[c for c in weather() if c.leaf],
        Clip("one-by-one", 139, "one-by-one-person-detection.mp4", ONE_BY_ONE),
        Clip("cars", 30, "car-detection.mp4", [("vehicle", 4.3, 8.3, 1), ("vehicle", 14.3, 19.0, 2), ("vehicle", 25.3, 27.7, 1)]),
        Clip("porch-cat", 4.4, "porch-cat.mp4", [("animal", 0, 4.4, 1)]),
        *[c for c in weather() if not c.leaf],
    ]


def prepare(clip, folder):
    """The clip as a camera's substream codes it: no pictures out of order, a key frame every two seconds."""
    path = os.path.join(folder, clip.name + ".mp4")
    if os.path.exists(path):
        return path
    part = path + ".part.mp4"
    if clip.source is None:
        subprocess.run([sys.executable, WEATHER, clip.name, part], check=True)
    else:
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", os.path.join(FOOTAGE, "clips", clip.source), "-vf",
                        "scale=-2:360", "-an", "-c:v", "libx264", "-threads", "1", "-preset", "veryfast", "-bf", "0", "-g", "30",
                        "-crf", "24", "-pix_fmt", "yuv420p", part], check=True)
    os.rename(part, path)
    return path


def group(label):
    if label in ("car", "truck", "bus", "motorcycle", "bicycle"):
        return "vehicle"
    return "animal" if label in ("dog", "cat", "bird", "animal") else label


def model(name):
    """The command line of model.h."""
    names = os.path.join(MODELS, "detect/coco.names")
    known = {
        "picodet-s-416": ["picodet", "416", "416", names, os.path.join(MODELS, "detect/picodet-s-416.onnx")],
        "picodet-s-320": ["picodet", "320", "320", names, os.path.join(MODELS, "detect/picodet-s-320.onnx")],
        "yolox-nano": ["yolox", "416", "416", names, os.path.join(MODELS, "detect/yolox_nano.onnx")],
        "yolo-fastest-1.1-xl": ["darknet", "320", "320", names, os.path.join(MODELS, "detect/yolo-fastest-1.1-xl.cfg"),
                                os.path.join(MODELS, "detect/yolo-fastest-1.1-xl.weights")],
        "motion-classifier": ["motion-classifier", "48", "48", os.path.join(SOURCE, "tests/recognition/classifier.names"),
                              os.path.join(SOURCE, "data/models/motion-classifier.bin")],
    }
    return known[name]
