"""Plays the hub for one real cardea-vision over docs/seeing.md, and keeps what it says."""
import fcntl
import hashlib
import json
import os
import socket
import struct
import subprocess

from peer_process import Peer

CONFIG, FILE, FRAME, FORGET, EMBED = 1, 2, 3, 4, 5
READY, SIGHTINGS, PICTURE, FACES, STATUS, REFUSED = 16, 17, 18, 19, 20, 21
SAFETY, LOOK_FOR_FACES = 1, 2
F_ADD_SEALS, SEALS = 1033, 1 | 2 | 4 | 8


def sealed(data, seals=SEALS):
    fd = os.memfd_create("model", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    if seals:
        fcntl.fcntl(fd, F_ADD_SEALS, seals)
    return fd


def coco(models):
    with open(os.path.join(models, "detect/coco.names")) as f:
        return [line.strip() for line in f if line.strip()]


def picodet(models, side=416, **more):
    return {"name": f"picodet-s-{side}", "kind": "picodet", "width": side, "height": side, "labels": coco(models),
            "thresholds": {}, **more}, [f"detect/picodet-s-{side}.onnx"]


class Vision(Peer):
    def __init__(self, program, detector, files, faces=None, threads=1, seals=SEALS, start=True):
        super().__init__(program, {})
        if start:
            config = {"threads": threads, "detector": {**detector, "files": len(files)},
                      "faces": {"files": 2} if faces else None}
            self.send(CONFIG, json.dumps(config).encode())
            for data in files + (faces or []):
                self.send_file(data, seals=seals)

    def send_file(self, data, size=None, seals=SEALS):
        fd = sealed(data, seals)
        head = {"bytes": len(data) if size is None else size, "sha256": hashlib.sha256(data).hexdigest()}
        self.send(FILE, json.dumps(head).encode(), fd)
        os.close(fd)

    def frame(self, camera, wall_us, width, height, i420, regions=(), flags=0):
        head = struct.pack(">BBQHHHHB", camera, flags, wall_us, width, height, width, height, len(regions))
        self.send(FRAME, head + b"".join(bytes(r) for r in regions) + i420)

    def take(self, kind, payload):
        if kind in (READY, SIGHTINGS, STATUS, REFUSED):
            event = json.loads(payload)
        elif kind == PICTURE:
            camera, track, wall, quality = struct.unpack(">BQQI", payload[:21])
            small = struct.unpack(">I", payload[21:25])[0]
            event = {"camera": camera, "track": track, "wall": wall, "quality": quality, "small": payload[25:25 + small],
                     "jpeg": payload[25 + small:]}
        elif kind == FACES:
            event = {"request": struct.unpack(">I", payload[:4])[0], **json.loads(payload[4:])}
        else:
            raise AssertionError(f"message {kind} is not for the hub")
        self.events.append((kind, event))

    def ready(self, seconds=20):
        self.run(seconds, lambda v: v.of(READY) or v.of(REFUSED))
        return self.of(READY)[0] if self.of(READY) else None

    def look(self, camera, wall_us, width, height, i420, regions=(), flags=0, seconds=20):
        """Sends a frame and waits for what it showed."""
        before = len(self.of(SIGHTINGS))
        self.frame(camera, wall_us, width, height, i420, regions, flags)
        self.run(seconds, lambda v: len(v.of(SIGHTINGS)) > before)
        after = self.of(SIGHTINGS)
        return after[-1] if len(after) > before else None

    def close(self, seconds=5):
        self.socket.close()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = None
        self.words = self.read_log()
        return code


def frames(path, width, height, fps):
    """I420 frames of a clip, at so many a second: (seconds, bytes)."""
    command = ["ffmpeg", "-loglevel", "error", "-i", path, "-vf", f"fps={fps},scale={width}:{height}", "-pix_fmt", "yuv420p",
               "-f", "rawvideo", "-"]
    size = width * height * 3 // 2
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        for number in range(1 << 30):
            data = process.stdout.read(size)
            if len(data) < size:
                break
            yield number / fps, data


def moving(before, now, width, height, block=16, level=14):
    """What changed between two frames, as regions of 0..255: bounding boxes of connected blocks of the luma. A plain
    stand-in for the camera worker's motion, to feed vision with."""
    across, down = width // block, height // block
    marked = set()
    for j in range(down):
        for i in range(across):
            total = 0
            for y in range(j * block, (j + 1) * block, 4):
                row = y * width
                for x in range(i * block, (i + 1) * block, 4):
                    total += abs(before[row + x] - now[row + x])
            if total > level * (block // 4) ** 2:
                marked.add((i, j))
    boxes = []
    while marked:
        stack, seen = [marked.pop()], []
        while stack:
            i, j = stack.pop()
            seen.append((i, j))
            for n in [(i + a, j + b) for a in (-2, -1, 0, 1, 2) for b in (-2, -1, 0, 1, 2)]:
                if n in marked:
                    marked.discard(n)
                    stack.append(n)
        xs, ys = [i for i, _ in seen], [j for _, j in seen]
        x, y = min(xs) * 256 // across, min(ys) * 256 // down
        boxes.append((len(seen), (x, y, min(255, (max(xs) + 1) * 256 // across - x), min(255, (max(ys) + 1) * 256 // down - y))))
    return [b for _, b in sorted(boxes, reverse=True)[:16]]
