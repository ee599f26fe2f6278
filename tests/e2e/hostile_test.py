"""Each lie of a camera costs a clear line, in bounded time and memory; see hostile_camera.py.

Usage: hostile_test.py RTSP_PULL [CASE...]       CARDEA_SANITIZED: memory is not judged
"""
import concurrent.futures
import json
import os
import subprocess
import sys
import time

import hostile_camera

MEMORY_MAX_KIB = 24 * 1024 if not os.environ.get("CARDEA_SANITIZED") else 1 << 30
# Mode, words of the message (None: it must go on until stopped), what must hold, most seconds.
CASES = [
    ("honest", None, lambda r: r["tracks"][0]["samples"] > 50 and r["lost"] == 0 and r["dropped"] == 0, 6),
    ("wrong-sdp", "set it to H.264 or H.265", None, 3),
    ("garbage-sdp", "names no media", None, 3),
    ("wrong-type", "announces payload type 96 and sends 97", None, 12),
    ("torn-nal", None, lambda r: r["dropped"] > 0 and r["lost"] > 0 and r["keys"] >= 2, 6),
    ("absurd-size", "larger than 6 MiB", None, 20),
    ("absurd-picture", "parameter sets are malformed", None, 4),
    ("endless-headers", "more than", None, 3),
    ("endless-line", "header line longer than 8 KiB", None, 3),
    ("endless-body", "does not answer DESCRIBE within 10 s", None, 13),
    ("huge-content-length", "more than 64 KiB", None, 3),
    ("silence", "the camera sends nothing", None, 13),
    ("mute", "does not answer OPTIONS within 10 s", None, 13),
    ("slow-loris", "does not answer OPTIONS within 10 s", None, 13),
    ("resolution-change", None, lambda r: r["tracks_told"] >= 3 and r["first_width"] == 320 and r["dropped"] == 0, 6),
    ("codec-change", None, lambda r: r["tracks"][0]["samples"] >= 20 and r["dropped"] + r["lost"] > 0, 6),
    ("garbage-interleaved", None, lambda r: r["garbage"] > 0 and r["tracks"][0]["samples"] > 40, 6),
    ("all-garbage", "neither RTSP nor RTP", None, 5),
    ("time-jumps", None, lambda r: r["time_faults"] == 0 and r["tracks"][0]["seconds"] < 10, 6),
    ("short-session", None, lambda r: r["tracks"][0]["samples"] > 80, 9),
    ("closes-after-401", None, lambda r: r["tracks"][0]["samples"] > 50, 6),
    ("asks", None, lambda r: r["tracks"][0]["samples"] > 50 and r["garbage"] == 0 and r["lost"] == 0, 6),
    ("udp", None, lambda r: r["udp"] and r["lost"] == 0 and r["dropped"] == 0 and r["tracks"][0]["samples"] > 50, 6),
    ("udp-lossy", None, lambda r: r["udp"] and r["lost"] > 0 and r["dropped"] > 0 and r["tracks"][0]["samples"] > 10, 6),
    ("udp-silent", None, lambda r: not r["udp"] and r["tracks"][0]["samples"] > 20, 9),
    ("disconnects", "closed the connection", lambda r: r["tracks"][0]["samples"] == 30, 5),
    ("redirects", "redirects more than 3 times", None, 3),
    ("redirects-away", "another host, 192.0.2.1", None, 3),
    ("refuses-all", "keeps refusing", None, 3),
]


def check(pull, case):
    mode, words, holds, most_s = case
    port = hostile_camera.start(mode)
    begun = time.monotonic()
    run = subprocess.run([pull, f"rtsp://user:hunter2@127.0.0.1:{port}/x", "--auto", "--sound", "--seconds",
                          "100" if words else "7" if mode in ("udp-silent", "short-session") else "4"], stdout=subprocess.PIPE, check=True, timeout=most_s + 20)
    took = time.monotonic() - begun
    result = json.loads(run.stdout)
    faults = []
    if words is None and result["error"] != "cancelled" and not result["message"].startswith("cancel"):
        faults.append("did not go on")
    if words is not None and words not in result["message"]:
        faults.append(f'does not say "{words}"')
    if holds and not holds(result):
        faults.append("figures are wrong")
    if took > most_s:
        faults.append(f"took {took:.1f} s")
    if result["rss_kib"] > MEMORY_MAX_KIB:
        faults.append(f"took {result['rss_kib']} KiB")
    if b"hunter2" in run.stdout:
        faults.append("shows the password")
    return faults, mode, result


def main():
    pull = sys.argv[1]
    chosen = [c for c in CASES if len(sys.argv) < 3 or c[0] in sys.argv[2:]]
    print(f"1..{len(chosen)}")
    failed = False
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for number, (faults, mode, result) in enumerate(pool.map(lambda c: check(pull, c), chosen), 1):
            failed |= bool(faults)
            print(f"{'not ok' if faults else 'ok'} {number} - {mode}: {result['message']}", flush=True)
            if faults:
                print(f"# {'; '.join(faults)}: {json.dumps(result)}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
