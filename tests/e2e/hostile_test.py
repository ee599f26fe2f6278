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
BUSY_S = 20  # what a busy machine may add to each
# Mode; words of the message, or how many pictures after which it must still go on; what must hold; most seconds.
CASES = [
    ("honest", 60, lambda r: r["tracks"][0]["samples"] > 50 and r["lost"] == 0 and r["dropped"] == 0, 6),
    ("wrong-sdp", "set it to H.264 or H.265", None, 3),
    ("garbage-sdp", "names no media", None, 3),
    ("wrong-type", "announces payload type 96 and sends 97", None, 12),
    ("torn-nal", 60, lambda r: r["dropped"] > 0 and r["lost"] > 0 and r["keys"] >= 2, 12),
    ("absurd-size", "larger than 6 MiB", None, 20),
    ("absurd-picture", "parameter sets are malformed", None, 4),
    ("endless-headers", "more than", None, 3),
    ("endless-line", "header line longer than 8 KiB", None, 3),
    ("endless-body", "does not answer DESCRIBE within 10 s", None, 13),
    ("huge-content-length", "more than 64 KiB", None, 3),
    ("silence", "the camera sends nothing", None, 13),
    ("mute", "does not answer OPTIONS within 10 s", None, 13),
    ("slow-loris", "does not answer OPTIONS within 10 s", None, 13),
    ("resolution-change", 60, lambda r: r["tracks_told"] >= 3 and r["first_width"] == 320 and r["dropped"] == 0, 6),
    ("codec-change", None, lambda r: r["tracks"][0]["samples"] >= 20 and r["dropped"] + r["lost"] > 0, 9),
    ("garbage-interleaved", 60, lambda r: r["garbage"] > 0 and r["tracks"][0]["samples"] > 40, 6),
    ("all-garbage", "neither RTSP nor RTP", None, 5),
    ("time-jumps", 90, lambda r: r["time_faults"] == 0 and r["tracks"][0]["seconds"] < 10, 8),
    ("short-session", 200, lambda r: r["tracks"][0]["samples"] > 160, 12),
    ("closes-after-401", 60, lambda r: r["tracks"][0]["samples"] > 50, 6),
    ("asks", 60, lambda r: r["tracks"][0]["samples"] > 50 and r["garbage"] == 0 and r["lost"] == 0, 6),
    ("udp", 60, lambda r: r["udp"] and r["lost"] == 0 and r["dropped"] == 0 and r["tracks"][0]["samples"] > 50, 6),
    ("udp-lossy", 30, lambda r: r["udp"] and r["lost"] > 0 and r["dropped"] > 0 and r["tracks"][0]["samples"] > 10, 9),
    ("udp-silent", 25, lambda r: not r["udp"] and r["tracks"][0]["samples"] > 20, 9),
    ("disconnects", "closed the connection", lambda r: r["tracks"][0]["samples"] == 30, 5),
    ("redirects", "redirects more than 3 times", None, 3),
    ("redirects-away", "another host, 192.0.2.1", None, 3),
    ("refuses-all", "keeps refusing", None, 3),
]


def check(pull, case):
    mode, words, holds, most_s = case
    port = hostile_camera.start(mode)
    goes_on = not isinstance(words, str)
    end = ["--units", str(words)] if isinstance(words, int) else []
    seconds = 8 if words is None else 100
    begun = time.monotonic()
    run = subprocess.run([pull, f"rtsp://user:hunter2@127.0.0.1:{port}/x", "--auto", "--sound", *end, "--seconds", str(seconds)],
                         stdout=subprocess.PIPE, check=True, timeout=200)
    took = time.monotonic() - begun
    result = json.loads(run.stdout)
    faults = []
    if goes_on and result["error"] != "cancelled" and not result["message"].startswith("cancel"):
        faults.append("did not go on")
    if not goes_on and words not in result["message"]:
        faults.append(f'does not say "{words}"')
    if holds and not holds(result):
        faults.append("figures are wrong")
    if took > most_s + BUSY_S:
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
