"""Cameras that lie. Each mode is one way to hurt a recorder; a recorder must end with a clear word or go on, in bounded
time and memory.

Usage: hostile_camera.py MODE      Prints "port N" once it listens on 127.0.0.1 (any path). Ends when its input does.
"""
import base64
import functools
import os
import random
import re
import select
import socket
import struct
import subprocess
import sys
import threading
import time

FPS = 25
CLIP_S = 2


@functools.lru_cache(maxsize=None)
def clip(size, codec="libx264"):
    """Access units of a short test picture, each a list of NAL units."""
    options = ["-bf", "0", "-g", "10"] if codec == "libx264" else ["-x265-params", "log-level=none:bframes=0:keyint=10"]
    raw = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", f"testsrc=size={size}:rate={FPS}:duration={CLIP_S}",
         "-pix_fmt", "yuv420p", "-c:v", codec, "-preset", "ultrafast", *options, "-f",
         "h264" if codec == "libx264" else "hevc", "-"], check=True, stdout=subprocess.PIPE).stdout
    nals = [n.rstrip(b"\0") for n in raw.split(b"\0\0\1") if n.strip(b"\0")]
    units, unit = [], []
    for nal in nals:
        unit.append(nal)
        kind = nal[0] & 31 if codec == "libx264" else nal[0] >> 1 & 63
        if kind in (1, 5) if codec == "libx264" else kind < 32:
            units.append(unit)
            unit = []
    return units


class Stream:
    """Packs access units into interleaved RTP."""

    def __init__(self, h265=False):
        self.sequence, self.time, self.h265 = random.randrange(65536), random.randrange(1 << 32), h265

    def packet(self, payload, marker, channel=0, kind=96):
        self.sequence = self.sequence + 1 & 0xFFFF
        head = struct.pack(">BBHII", 0x80, kind | (0x80 if marker else 0), self.sequence, self.time, 0x1234)
        return struct.pack(">cBH", b"$", channel, 12 + len(payload)) + head + payload

    def nal(self, nal, last):
        if len(nal) <= 1400:
            return [self.packet(nal, last)]
        pieces = []
        skip = 2 if self.h265 else 1
        for at in range(skip, len(nal), 1400):
            end = at + 1400 >= len(nal)
            bits = (0x80 if at == skip else 0) | (0x40 if end else 0)
            if self.h265:
                head = bytes([nal[0] & 0x81 | 49 << 1, nal[1], bits | nal[0] >> 1 & 63])
            else:
                head = bytes([nal[0] & 0xE0 | 28, bits | nal[0] & 31])
            pieces.append(self.packet(head + nal[at:at + 1400], last and end))
        return pieces

    def unit(self, nals):
        self.time = self.time + 90000 // FPS & 0xFFFFFFFF
        return [p for i, n in enumerate(nals) for p in self.nal(n, i == len(nals) - 1)]


def sdp(units, h265=False, body=""):
    sets = ",".join(base64.b64encode(n).decode() for n in units[0] if n[0] & 31 in (7, 8)) if not h265 else ""
    fmtp = f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\n" if sets else ""
    return body or ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=liar\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\n"
                    f"a=rtpmap:96 {'H265' if h265 else 'H264'}/90000\r\n{fmtp}a=control:track1\r\n")


class Camera:
    """An honest camera; the modes override what they lie about."""
    clips = []  # that it sends besides its first

    def __init__(self, connection):
        self.connection, self.buffer = connection, b""
        self.units = clip("320x240")
        self.stream = Stream()

    def send(self, data):
        self.connection.sendall(data)

    def request(self):
        while b"\r\n\r\n" not in self.buffer:
            if self.buffer[:1] == b"$" and len(self.buffer) >= 4:
                length = 4 + struct.unpack(">H", self.buffer[2:4])[0]
                if len(self.buffer) >= length:
                    self.buffer = self.buffer[length:]
                    continue
            more = self.connection.recv(65536)
            if not more:
                return None, None
            self.buffer += more
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = self.lines = head.decode("latin-1").split("\r\n")
        number = [line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("cseq:")][0]
        return lines[0].split(" ")[0], number

    def answer(self, number, extra="", body=""):
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.send(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{extra}{length}\r\n{body}".encode())

    def serve(self):
        handlers = {"OPTIONS": self.options, "DESCRIBE": self.describe, "SETUP": self.setup, "PLAY": self.play}
        while True:
            method, number = self.request()
            if method is None:
                return
            handlers.get(method, self.answer)(number)

    def options(self, number):
        self.answer(number, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n")

    def describe(self, number):
        self.answer(number, "Content-Type: application/sdp\r\n", sdp(self.units))

    def setup(self, number):
        self.answer(number, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=60\r\n")

    def play(self, number):
        self.answer(number, "Session: 1\r\n")
        self.deliver()

    def deliver(self):
        self.loop(self.units, 1 << 30)

    def loop(self, units, count, pace=True, change=lambda packets: packets):
        for i in range(count):
            for packet in change(self.stream.unit(units[i % len(units)])):
                self.send(packet)
            if pace:
                time.sleep(1 / FPS)


class WrongSdp(Camera):
    def describe(self, number):
        self.answer(number, "Content-Type: application/sdp\r\n", sdp(self.units, body="v=0\r\nm=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\n"))


class GarbageSdp(Camera):
    def describe(self, number):
        self.answer(number, "", "\x7f" * 3000)


class WrongType(Camera):
    """Announces payload type 96 and sends 97."""

    def deliver(self):
        change = lambda packets: [p[:5] + bytes([p[5] & 0x80 | 97]) + p[6:] for p in packets]
        self.loop(self.units, 1 << 30, change=change)


class TornNal(Camera):
    """Loses the middle of each third large picture, and says nothing."""
    clips = [("1280x720", "libx264")]

    def deliver(self):
        self.units = clip("1280x720")
        large = [0]

        def tear(packets):
            large[0] += len(packets) > 2
            return packets if len(packets) < 3 or large[0] % 3 else packets[:1] + packets[2:]
        self.loop(self.units, 1 << 30, change=tear)


class AbsurdSize(Camera):
    """One fragmented NAL unit without an end."""

    def deliver(self):
        self.loop(self.units, 10)
        while True:
            self.send(self.stream.packet(b"\x7c\x85" + bytes(1400), False))
            for _ in range(2000):
                self.send(self.stream.packet(b"\x7c\x05" + bytes(1400), False))


class AbsurdPicture(Camera):
    """Parameter sets of a picture of 100 000 points."""

    def describe(self, number):
        self.answer(number, "Content-Type: application/sdp\r\n", sdp([[b"\0"]]))

    def deliver(self):
        bits = f"{0x42:08b}{0:08b}{0x28:08b}" + "1" + "1" + "011" + "1" + "0"
        size = f"{6250:b}"
        bits += "0" * (len(size) - 1) + size + "0" * (len(size) - 1) + size + "1" + "1" + "0" + "0" + "1"
        bits += "0" * (-len(bits) % 8)
        sps = b"\x67" + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        idr = [n for n in self.units[0] if n[0] & 31 not in (7, 8)]
        self.loop([[sps, b"\x68\xce\x38\x80", *idr]], 1 << 30)


class EndlessHeaders(Camera):
    def options(self, number):
        self.send(b"RTSP/1.0 200 OK\r\n")
        while True:
            self.send(b"X-More: and more\r\n" * 100)


class EndlessLine(Camera):
    def options(self, number):
        self.send(b"RTSP/1.0 200 OK\r\nX: ")
        while True:
            self.send(b"y" * 4096)


class EndlessBody(Camera):
    def describe(self, number):
        self.send(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nContent-Length: 60000\r\n\r\nv=0\r\n".encode())
        while True:
            self.send(b"a=x\r\n")
            time.sleep(0.5)


class HugeLength(Camera):
    def describe(self, number):
        self.send(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nContent-Length: 99999999999999999999\r\n\r\n".encode())
        time.sleep(60)


class Silence(Camera):
    """Promises to play and sends nothing."""

    def deliver(self):
        while self.request()[0]:
            pass


class Mute(Camera):
    """Takes the connection and never says a word."""

    def serve(self):
        while self.connection.recv(65536):
            pass


class SlowLoris(Camera):
    def options(self, number):
        for byte in f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n\r\n".encode():
            self.send(bytes([byte]))
            time.sleep(1)


class ResolutionChange(Camera):
    clips = [("640x480", "libx264")]

    def deliver(self):
        larger = clip("640x480")
        while True:
            self.loop(self.units, 25)
            self.loop(larger, 25)


class CodecChange(Camera):
    """H.265 under the name of H.264 after a second."""
    clips = [("320x240", "libx265")]

    def deliver(self):
        other = clip("320x240", "libx265")
        self.loop(self.units, 25)
        self.stream.h265 = True
        self.loop(other, 1 << 30)


class GarbageInterleaved(Camera):
    def deliver(self):
        noise = random.Random(1)
        for i in range(1 << 30):
            self.loop([self.units[i % len(self.units)]], 1)
            self.send(noise.randbytes(noise.randrange(300)))


class AllGarbage(Camera):
    def deliver(self):
        noise = random.Random(1)
        while True:
            self.send(noise.randbytes(65536))


class TimeJumps(Camera):
    def deliver(self):
        for i in range(1 << 30):
            self.loop([self.units[i % len(self.units)]], 1)
            if i % 25 == 24:
                self.stream.time = random.randrange(1 << 32)


class Udp(Camera):
    """Sends by UDP only, and there swaps each tenth packet with the next."""
    drop_each = 0

    def setup(self, number):
        wanted = [re.search(r"client_port=(\d+)", line) for line in self.lines if line.lower().startswith("transport:")][0]
        if not wanted:
            self.send(f"RTSP/1.0 461 Unsupported Transport\r\nCSeq: {number}\r\n\r\n".encode())
            return
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.connect(("127.0.0.1", int(wanted.group(1))))
        port = self.udp.getsockname()[1]
        self.answer(number, f"Transport: RTP/AVP;unicast;client_port={wanted.group(1)}-{int(wanted.group(1)) + 1};"
                            f"server_port={port}-{port + 1}\r\nSession: 1;timeout=60\r\n")

    def deliver(self):
        count, held = 0, None
        for i in range(1 << 30):
            for packet in self.stream.unit(self.units[i % len(self.units)]):
                count += 1
                if self.drop_each and count % self.drop_each == 0:
                    continue
                if count % 10 == 0 and held is None:
                    held = packet
                    continue
                for out in (packet, held):
                    if out:
                        self.udp.send(out[4:])
                held = None
            time.sleep(1 / FPS)


class LossyUdp(Udp):
    drop_each = 33


class SilentUdp(Udp):
    """Refuses TCP at first, promises UDP, sends nothing there; the second time it does TCP."""
    seen = set()

    def setup(self, number):
        here = self.connection.getsockname()[1]
        if here in self.seen:
            Camera.setup(self, number)
        else:
            Udp.setup(self, number)

    def deliver(self):
        here = self.connection.getsockname()[1]
        if here in self.seen:
            Camera.deliver(self)
        self.seen.add(here)
        while self.request()[0]:
            pass


class ShortSession(Camera):
    """Forgets a session that it has not heard of for four seconds; refuses GET_PARAMETER, which it says it can."""

    def options(self, number):
        self.answer(number, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n")

    def setup(self, number):
        self.answer(number, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=4\r\n")

    def deliver(self):
        heard = time.monotonic()
        for i in range(1 << 30):
            self.loop([self.units[i % len(self.units)]], 1)
            if time.monotonic() - heard > 4:
                self.connection.close()
                return
            if select.select([self.connection], [], [], 0)[0]:
                self.buffer += self.connection.recv(65536)
            while self.buffer[:1] == b"$": # reports
                self.buffer = self.buffer[4 + struct.unpack(">H", self.buffer[2:4])[0]:]
            if b"\r\n\r\n" in self.buffer:
                method, number = self.request()
                if method == "OPTIONS":
                    self.answer(number)
                    heard = time.monotonic()
                elif method:
                    self.send(f"RTSP/1.0 405 Method Not Allowed\r\nCSeq: {number}\r\n\r\n".encode())


class ClosesAfterChallenge(Camera):
    """Closes the connection after each 401, as some do; and believes any answer to its challenge."""

    def describe(self, number):
        if not any(line.lower().startswith("authorization: digest") for line in self.lines):
            self.send(f'RTSP/1.0 401 No\r\nCSeq: {number}\r\nWWW-Authenticate: Digest realm="x", nonce="y"\r\n\r\n'.encode())
            self.connection.close()
            return
        Camera.describe(self, number)


class Asks(Camera):
    """Asks its recorder things between packets, by requests of its own."""

    def deliver(self):
        for i in range(1 << 30):
            self.loop([self.units[i % len(self.units)]], 1)
            method = ("OPTIONS", "SET_PARAMETER", "ANNOUNCE", "GET_PARAMETER")[i % 4]
            self.send(f"{method} * RTSP/1.0\r\nCSeq: {i + 1}\r\n\r\n".encode())


class Disconnects(Camera):
    def deliver(self):
        self.loop(self.units, 30)
        self.connection.close()


class Redirects(Camera):
    def options(self, number):
        self.send(f"RTSP/1.0 302 Moved\r\nCSeq: {number}\r\nLocation: rtsp://127.0.0.1:{self.connection.getsockname()[1]}/\r\n\r\n".encode())


class RedirectsAway(Camera):
    def options(self, number):
        self.send(f"RTSP/1.0 302 Moved\r\nCSeq: {number}\r\nLocation: rtsp://192.0.2.1/steal\r\n\r\n".encode())


class RefusesAll(Camera):
    """Asks for a password again and again, each time under a new nonce that it calls stale."""

    def options(self, number):
        nonce = os.urandom(8).hex()
        self.send(f'RTSP/1.0 401 No\r\nCSeq: {number}\r\nWWW-Authenticate: Digest realm="x", nonce="{nonce}", stale=true\r\n\r\n'.encode())


MODES = {
    "honest": Camera, "wrong-sdp": WrongSdp, "garbage-sdp": GarbageSdp, "wrong-type": WrongType, "torn-nal": TornNal,
    "absurd-size": AbsurdSize, "absurd-picture": AbsurdPicture, "endless-headers": EndlessHeaders,
    "endless-line": EndlessLine, "endless-body": EndlessBody, "huge-content-length": HugeLength, "silence": Silence,
    "mute": Mute, "slow-loris": SlowLoris, "resolution-change": ResolutionChange, "codec-change": CodecChange,
    "garbage-interleaved": GarbageInterleaved, "all-garbage": AllGarbage, "time-jumps": TimeJumps,
    "short-session": ShortSession, "closes-after-401": ClosesAfterChallenge, "asks": Asks,
    "udp": Udp, "udp-lossy": LossyUdp, "udp-silent": SilentUdp,
    "disconnects": Disconnects, "redirects": Redirects, "redirects-away": RedirectsAway, "refuses-all": RefusesAll,
}


def serve(mode, connection):
    try:
        MODES[mode](connection).serve()
    except OSError:
        pass
    finally:
        connection.close()


def start(mode):
    """Serves in threads of this process; returns the port."""
    for size, codec in [("320x240", "libx264"), *MODES[mode].clips]:
        clip(size, codec)  # a camera does not encode while its recorder waits
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(mode, connection), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in MODES:
        sys.exit(f"usage: hostile_camera.py {'|'.join(MODES)}")
    print("port", start(sys.argv[1]), flush=True)
    sys.stdin.read()
