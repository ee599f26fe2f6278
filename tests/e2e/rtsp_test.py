"""The RTSP client against GStreamer's RTSP server: TCP, UDP, TLS, Digest, Basic; H.264, H.265, AAC, Opus, G.711.

What arrives must be, byte for byte, the elementary stream that was served. Usage: rtsp_test.py RTSP_PULL
"""
import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
VTEST = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
SECONDS = 4
H264 = "h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1"
H265 = "h265parse ! rtph265pay name=pay0 pt=96 config-interval=-1"


def source(name):
    return f"filesrc location={name} ! qtdemux name=d d.video_0 ! queue !"


PATHS = {
    "h264_aac": f"( {source('h264.mp4')} {H264} d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97 )",
    "h264_small": f"( {source('h264.mp4')} {H264} mtu=200 )",
    "h264_stap": f"( {source('h264.mp4')} h264parse ! rtph264pay name=pay0 pt=96 aggregate-mode=max-stap )",
    "h264_b": f"( {source('h264b.mp4')} {H264} )",
    "h264_latm": f"( {source('h264.mp4')} {H264} d.audio_0 ! queue ! aacparse ! rtpmp4apay name=pay1 pt=97 )",
    "h265": f"( {source('h265.mp4')} {H265} )",
    "h265_b": f"( {source('h265b.mp4')} {H265} )",
    "opus": f"( {source('h264.mp4')} {H264} filesrc location=sound.opus ! oggdemux ! opusparse ! rtpopuspay name=pay1 pt=98 )",
    "pcmu": f"( {source('h264.mp4')} {H264} filesrc location=pcmu.wav ! wavparse ! rtppcmupay name=pay1 )",
    "pcma": f"( {source('h264.mp4')} {H264} filesrc location=pcma.wav ! wavparse ! rtppcmapay name=pay1 )",
}
# Path, server, options, clip, second track.
CASES = [
    ("h264_aac", "open", ["--tcp", "--sound"], "h264.mp4", "aac"),
    ("h264_aac", "open", ["--udp", "--sound"], "h264.mp4", "aac"),
    ("h264_aac", "open", ["--tcp", "--sound", "--wake-ms", "10"], "h264.mp4", "aac"),
    ("h264_aac", "digest", ["--auto", "--sound"], "h264.mp4", "aac"),
    ("h264_aac", "basic", ["--auto"], "h264.mp4", None),
    ("h264_aac", "tls", ["--tcp", "--sound"], "h264.mp4", "aac"),
    ("h264_aac", "udp_only", ["--auto", "--sound"], "h264.mp4", "aac"),
    ("h264_small", "open", ["--udp"], "h264.mp4", None),
    ("h264_stap", "open", ["--tcp"], "h264.mp4", None),
    ("h264_b", "open", ["--tcp"], "h264b.mp4", None),
    ("h264_latm", "open", ["--tcp", "--sound"], "h264.mp4", "aac"),
    ("h265", "open", ["--tcp"], "h265.mp4", None),
    ("h265", "digest", ["--udp"], "h265.mp4", None),
    ("h265_b", "open", ["--tcp"], "h265b.mp4", None),
    ("opus", "open", ["--tcp", "--sound"], "h264.mp4", "opus"),
    ("opus", "open", ["--udp", "--sound"], "h264.mp4", "opus"),
    ("pcmu", "open", ["--tcp", "--sound"], "h264.mp4", "pcmu"),
    ("pcma", "open", ["--udp", "--sound"], "h264.mp4", "pcma"),
]


def ffmpeg(*arguments):
    return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True, stdout=subprocess.PIPE).stdout


def clips(folder):
    picture = ["-i", VTEST] if os.path.exists(VTEST) else ["-f", "lavfi", "-i", "testsrc=size=768x576:rate=10"]
    sound = ["-f", "lavfi", "-i", "sine=440:sample_rate=48000"]
    end = ["-t", str(SECONDS), "-pix_fmt", "yuv420p"]
    h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "10"]
    h265 = ["-c:v", "libx265", "-preset", "ultrafast"]
    at = lambda name: os.path.join(folder, name)
    ffmpeg(*picture, *sound, *end, *h264, "-bf", "0", "-c:a", "aac", at("h264.mp4"))
    ffmpeg(*picture, *end, "-an", *h264, "-bf", "2", at("h264b.mp4"))
    ffmpeg(*picture, *end, "-an", *h265, "-x265-params", "log-level=none:bframes=0:keyint=10", at("h265.mp4"))
    ffmpeg(*picture, *end, "-an", *h265, "-x265-params", "log-level=none:bframes=3:keyint=10", at("h265b.mp4"))
    ffmpeg(*sound, "-t", str(SECONDS), "-c:a", "libopus", at("sound.opus"))
    for law in ("mu", "a"):
        ffmpeg(*sound, "-t", str(SECONDS), "-ar", "8000", "-ac", "1", "-c:a", f"pcm_{law}law", at(f"pcm{law[0] if law == 'a' else 'u'}.wav"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", at("key.pem"), "-out",
                    at("cert.pem"), "-days", "2", "-subj", "/CN=camera"], check=True, stderr=subprocess.DEVNULL)
    with open(at("both.pem"), "w", encoding="ascii") as both:
        both.write(open(at("cert.pem"), encoding="ascii").read() + open(at("key.pem"), encoding="ascii").read())


def elementary(folder, clip):
    """The slices of a clip, as the client keeps them: Annex B with 4-byte start codes, no parameter sets."""
    h265 = clip.startswith("h265")
    raw = ffmpeg("-i", os.path.join(folder, clip), "-map", "0:v", "-c", "copy", "-bsf:v",
                 "hevc_mp4toannexb" if h265 else "h264_mp4toannexb", "-f", "hevc" if h265 else "h264", "-")
    units = []
    for nal in raw.split(b"\0\0\1")[1:]:
        nal = nal[:-1] if nal.endswith(b"\0") else nal
        kind = nal[0] >> 1 & 63 if h265 else nal[0] & 31
        if kind not in ((32, 33, 34, 35, 39) if h265 else (7, 8, 9)): # GStreamer's H.265 payloader drops SEI
            units.append(nal)
    return units


def slices(path, h265):
    with open(path, "rb") as file:
        units = [n[:-1] if n.endswith(b"\0") else n for n in file.read().split(b"\0\0\1")[1:]]
    return units


def probe(folder, clip):
    run = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "packet=stream_index,pts_time,dts_time", "-of", "json",
                          os.path.join(folder, clip)], check=True, stdout=subprocess.PIPE)
    return [p for p in json.loads(run.stdout)["packets"] if p["stream_index"] == 0]


def server(folder, *arguments):
    process = subprocess.Popen(["/usr/bin/python3", os.path.join(HERE, "rtsp_server.py"), *arguments,
                                *[f"{k}={v}" for k, v in PATHS.items()]], cwd=folder, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline().split()
    if len(line) != 2:
        sys.exit("the RTSP server did not start")
    return process, int(line[1])


def sound_faults(case, result, folder, kept):
    codec = case[4]
    if len(result["tracks"]) != 2 or result["tracks"][1]["codec"] != codec:
        return [f"no {codec} track"]
    track = result["tracks"][1]
    with open(os.path.join(kept, f"1.{codec}"), "rb") as file:
        got = file.read()
    if abs(track["seconds"] - SECONDS) > 0.5:
        return [f"{track['seconds']:.2f} s of sound"]
    if codec in ("pcmu", "pcma"):
        want = ffmpeg("-i", os.path.join(folder, f"{codec}.wav"), "-map", "0:a", "-c", "copy", "-f", "data", "-")
    elif codec == "aac":
        want = ffmpeg("-i", os.path.join(folder, "h264.mp4"), "-map", "0:a", "-c", "copy", "-f", "data", "-")
    else:
        want = ffmpeg("-i", os.path.join(folder, "sound.opus"), "-map", "0:a", "-c", "copy", "-f", "data", "-")
    # The first packets may come before the first picture, and the last after its end: what is there must be a run of it.
    return [] if len(got) > len(want) * 0.85 and got in want else [f"sound differs ({len(got)} of {len(want)} bytes)"]


def check(pull, folder, ports, case, number):
    path, where, options, clip, codec = case
    kept = os.path.join(folder, f"kept{number}")
    os.mkdir(kept)
    user = "admin:p%40ss%20w0rd@" if where in ("digest", "basic", "tls") else ""
    scheme = "rtsps" if where == "tls" else "rtsp"
    run = subprocess.run([pull, f"{scheme}://{user}127.0.0.1:{ports[where]}/{path}", *options, "--seconds", "60", "--keep", kept],
                         stdout=subprocess.PIPE, timeout=120, check=True)
    result = json.loads(run.stdout)
    faults = []
    if not result["tracks"]:
        return [result["message"]], result
    video = result["tracks"][0]
    want = elementary(folder, clip)
    got = slices(os.path.join(kept, f"0.{video['codec']}"), clip.startswith("h265"))
    if got != want:
        same = sum(a == b for a, b in zip(got, want))
        faults.append(f"video differs: {len(got)} NAL units of {len(want)}, {same} the same")
    packets = probe(folder, clip)
    if video["samples"] != len(packets):
        faults.append(f"{video['samples']} access units of {len(packets)}")
    if result["time_faults"] or result["lost"] or result["dropped"] or result["garbage"]:
        faults.append("time faults or losses")
    if abs(video["seconds"] - SECONDS) > 0.3:
        faults.append(f"{video['seconds']:.2f} s of video")
    if not video["wall"]:
        faults.append("no wall clock")
    if result["udp"] != ("--udp" in options or where == "udp_only"):
        faults.append("wrong transport")
    if codec:
        faults += sound_faults(case, result, folder, kept)
    return faults, result


def one_liner(pull, url, *options):
    run = subprocess.run([pull, url, "--seconds", "60", *options], stdout=subprocess.PIPE, timeout=120, check=True)
    return json.loads(run.stdout)


def refusals(pull, folder, ports):
    """Wrong passwords, paths, pins; and that a right pin passes."""
    with open(os.path.join(folder, "cert.pem"), "rb") as pem:
        der = subprocess.run(["openssl", "x509", "-outform", "der"], input=pem.read(), stdout=subprocess.PIPE, check=True).stdout
    pin = hashlib.sha256(der).hexdigest()
    tls = f"rtsps://admin:p%40ss%20w0rd@127.0.0.1:{ports['tls']}/h264_aac"
    yield "wrong password", "refused the user name or the password", one_liner(pull, f"rtsp://admin:no@127.0.0.1:{ports['digest']}/h264_aac")
    yield "wrong password, Basic", "refused the user name or the password", one_liner(pull, f"rtsp://admin:no@127.0.0.1:{ports['basic']}/h264_aac")
    yield "no password", "asks for a user name", one_liner(pull, f"rtsp://127.0.0.1:{ports['digest']}/h264_aac")
    yield "no such path", "404", one_liner(pull, f"rtsp://127.0.0.1:{ports['open']}/nothing")
    yield "no listener", "connection refused", one_liner(pull, "rtsp://127.0.0.1:1/")
    yield "other certificate", "another certificate", one_liner(pull, tls, "--pin", "00" * 32)
    yield "plain to TLS", "closed", one_liner(pull, f"rtsp://127.0.0.1:{ports['tls']}/h264_aac")
    yield "TLS to plain", "does not", one_liner(pull, f"rtsps://127.0.0.1:{ports['open']}/h264_aac")
    right = one_liner(pull, tls, "--pin", pin.upper(), "--units", "5")
    yield "pinned certificate", "", right if right["fingerprint"] == pin and right["tracks"] else {"message": f"fails: {right}"}


def main():
    pull = sys.argv[1]
    gi = ["/usr/bin/python3", "-c", "import gi; gi.require_version('GstRtspServer', '1.0')"]
    if subprocess.run(gi, stderr=subprocess.DEVNULL, check=False).returncode:
        print("1..0 # SKIP python3-gi or gir1.2-gst-rtsp-server-1.0 is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="cardea-rtsp-") as folder:
        clips(folder)
        kinds = {"open": [], "digest": ["--digest", "admin:p@ss w0rd"], "basic": ["--basic", "admin:p@ss w0rd"],
                 "tls": ["--tls", "both.pem", "--digest", "admin:p@ss w0rd"], "udp_only": ["--udp-only"]}
        started = {k: server(folder, *a) for k, a in kinds.items()}
        ports = {k: v[1] for k, v in started.items()}
        failed, number = False, 0
        try:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                for faults, result in pool.map(lambda i: check(pull, folder, ports, CASES[i], i), range(len(CASES))):
                    case = CASES[number]
                    number += 1
                    failed |= bool(faults)
                    print(f"{'not ok' if faults else 'ok'} {number} - {case[0]} {case[1]} {' '.join(case[2])}", flush=True)
                    if faults:
                        print(f"# {'; '.join(faults)}: {json.dumps(result)}")
            for name, words, result in refusals(pull, folder, ports):
                number += 1
                good = words in result["message"] and "fails" not in result["message"]
                failed |= not good
                print(f"{'ok' if good else 'not ok'} {number} - {name}: {result['message']}", flush=True)
        finally:
            for process, _ in started.values():
                process.stdin.close()
                process.wait(60)
        print(f"1..{number}")
        sys.exit(failed)


if __name__ == "__main__":
    main()
