"""Plays the hub for one real cardea-camera over docs/worker.md, and keeps what the worker says."""
import array
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
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


class Worker:
    """`connect(want)` answers a want message with (socket or file object, port), an exception's text being the refusal."""

    def __init__(self, program, config, connect=None, environment=None):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.log, log_end = os.pipe()

        def child():
            os.dup2(theirs.fileno(), 3)
            os.set_inheritable(3, True)

        self.process = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log_end,
                                        preexec_fn=child, close_fds=True, pass_fds=(3,) if theirs.fileno() != 3 else (),
                                        env=environment or {})
        theirs.close()
        os.close(log_end)
        self.socket = ours
        self.connect = connect
        self.given = {}  # by request
        self.data = b""
        self.events = []  # (type, object) in order
        self.ended = False
        full = {"audio": True, "stream": "main", "picture_s": 10, "motion": False, "transport": "auto"}
        full.update(config)
        self.send(CONFIG, json.dumps(full).encode())

    def send(self, kind, payload, fd=None):
        message = struct.pack(">IB", 1 + len(payload), kind) + payload
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        self.socket.sendmsg([message], extra)

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

    def run(self, seconds, until=None):
        """Until `until(self)` is true, the worker is gone, or the time is over, `seconds` being what an idle machine needs at most.
        Returns whether `until` held."""
        deadline = time.monotonic() + PATIENCE * seconds
        while not self.ended:
            if until and until(self):
                return True
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                break
            try:
                more = self.socket.recv(1 << 20)
            except ConnectionResetError:
                more = b""
            if not more:
                self.ended = True
            self.data += more
            while len(self.data) >= 5:
                length, kind = struct.unpack(">IB", self.data[:5])
                if len(self.data) < 4 + length:
                    break
                payload, self.data = self.data[5:4 + length], self.data[4 + length:]
                self.take(kind, payload)
        return bool(until and until(self))

    def of(self, kind):
        return [event for k, event in self.events if k == kind]

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
        log = b""
        while True:
            more = os.read(self.log, 65536)
            if not more:
                break
            log += more
        os.close(self.log)
        self.words = log.decode(errors="replace")
        return code
