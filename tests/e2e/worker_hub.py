"""Plays the hub for one real cardea-camera over docs/worker.md, and keeps what the worker says."""
import json
import os
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from peer_process import Peer
from scripted import PATIENCE

CONFIG, DESCRIPTOR, STOP = 1, 2, 3
WANT, INIT, FRAGMENT, PICTURE, MOTION, STATUS, FRAME, RING = 16, 17, 18, 19, 20, 21, 22, 23
KEY, SOUND = 1, 2


class Init:
    def __init__(self, payload):
        length = struct.unpack(">I", payload[:4])[0]
        self.head = json.loads(payload[4:4 + length])
        self.data = payload[4 + length:]


class Fragment:
    def __init__(self, payload, arrived):
        self.flags, self.wall_us, self.duration_us = struct.unpack(">BQI", payload[:13])
        self.data = payload[13:]
        self.arrived = arrived


class Frame:
    """A picture for recognition: I420."""

    def __init__(self, payload, arrived):
        (self.wall_us, self.flags, self.source_width, self.source_height, self.width, self.height,
         count) = struct.unpack(">QBHHHHB", payload[:18])
        self.regions = [tuple(payload[18 + 4 * i:22 + 4 * i]) for i in range(count)]
        self.pixels = payload[18 + 4 * count:]
        self.arrived = arrived
        assert len(self.pixels) == self.width * self.height * 3 // 2


def check_on_the_clock(fragments, most_s):
    """Wall time is the camera's, and arrival comes after it: soon for some, as late as this machine is busy for others."""
    late = [f.arrived - f.wall_us / 1e6 for f in fragments]
    assert min(late) > -0.05, f"a wall time {-min(late):.2f} s after its arrival"
    assert min(late) < most_s, f"wall time is not the time: {min(late):.2f} s and more before arrival"


class Worker(Peer):
    """`connect(want)` answers a want message with (socket or file object, port), an exception's text being the refusal."""
    patience = PATIENCE  # the seconds are what an idle machine needs at most

    def __init__(self, program, config, connect=None, environment=None):
        super().__init__(program, environment or {})
        self.connect = connect
        self.given = {}  # by request
        full = {"audio": True, "stream": "main", "picture_s": 10, "motion": False, "transport": "auto"}
        full.update(config)
        self.send(CONFIG, json.dumps(full).encode())

    def answer(self, want):
        head = {"request": want["request"]}
        try:
            given, port = self.connect(want, self.given.get(want["request"]))
        except OSError as problem:
            self.send(DESCRIPTOR, json.dumps({**head, "ok": False, "message": str(problem)}).encode())
            return
        head["ok"] = True
        if port:
            head["port"] = port
        if want["kind"] == "peer":
            self.send(DESCRIPTOR, json.dumps(head).encode())
            return
        self.send(DESCRIPTOR, json.dumps(head).encode(), given.fileno())
        self.given[want["request"]] = given  # kept only to connect a UDP socket to its peer
        if want["kind"] != "udp":
            given.close()

    def take(self, kind, payload):
        if kind == WANT:
            event = json.loads(payload)
            self.answer(event)
        elif kind == INIT:
            event = Init(payload)
        elif kind == FRAGMENT:
            event = Fragment(payload, time.time())
        elif kind == FRAME:
            event = Frame(payload, time.time())
        elif kind in (STATUS, RING):
            event = json.loads(payload)
        elif kind == PICTURE:
            event = (struct.unpack(">Q", payload[:8])[0], payload[8:])
        else:
            event = payload
        self.events.append((kind, event))

    def frames(self):
        return [f for f in self.of(FRAGMENT) if not f.flags & SOUND]

    def sounds(self):
        return [f for f in self.of(FRAGMENT) if f.flags & SOUND]

    def status(self):
        return self.of(STATUS)[-1] if self.of(STATUS) else None

    def movie(self, which=None):
        """The last init and its fragments as one fragmented MP4."""
        out = b""
        for kind, event in self.events:
            if kind == INIT:
                out = event.data
            elif kind == FRAGMENT and (which is None or which(event)):
                out += event.data
        return out

    def stop(self, seconds=5):
        try:
            self.send(STOP, b"")
        except OSError:
            pass
        self.run(seconds)
        try:
            code = self.process.wait(PATIENCE * seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.socket.close()
        for given in self.given.values():
            given.close()
        self.words = self.read_log()
        return code
