#!/usr/bin/env python3
"""plaintext-at-rest: "files were left unencrypted".

No file under the home's folder, at any moment (while recording, after kill -9, after a clean stop), holds a byte of video in
the clear; and no program knows a switch that would. Honest path: the same bytes come out of the owner's export. What sealing
costs is measured by `cardea bench record`."""
import os, re, signal, subprocess
from home import BUILD, CARDEA, Home, clip, files_under, find_needles, main, media_needles, wait_for


def scan(folder, needles, when):
    seen = 0
    for path in files_under(folder):
        try:
            with open(path, "rb") as f:
                data = f.read()
        except FileNotFoundError:
            continue  # uploaded and gone meanwhile
        seen += len(data)
        assert not find_needles(needles, data), f"video in the clear in {path}, {when}"
    return seen


def test_no_file_ever_holds_video_in_the_clear(folder):
    video = clip(os.path.join(folder, "clip.mp4"))
    needles = media_needles(video)
    home = Home(folder).start().init()
    try:
        home.add_camera("porch", "file:" + video)
        home.wait_recorded("porch", 10)
        assert scan(home.data, needles, "while recording") > 200_000, "something was recorded"
        exported = home.export("porch", os.path.join(folder, "out.mp4"))
        with open(exported, "rb") as f:
            assert len(find_needles(needles, f.read())) > len(needles) / 2, "the export holds what the needles are from"
    finally:
        home.stop(signal.SIGKILL)
    wait_for("the killed home's children to end", lambda: not processes_using(home.data), 30)
    scan(home.data, needles, "after kill -9")


def processes_using(folder):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if folder.encode() in f.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def test_no_switch_stores_plaintext(folder):
    word = re.compile(rb"(plain.?text|no.?encrypt|unencrypt|no.?seal|unsealed|without.?cipher|disable.?crypt)", re.I)
    for program in ("src/hub/cardea-hub", "src/vault/cardea-vault", "src/cli/cardea"):
        path = os.path.join(BUILD, program)
        shown = subprocess.run([path, "--help"], capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
        options = [l for l in (shown.stdout + shown.stderr).splitlines() if b"--" in l]
        assert options or program.endswith("cardea"), f"{program} --help lists its options"
        assert not [l for l in options if word.search(l)], f"{program} has a switch for plaintext"
        symbols = subprocess.run(["nm", path], capture_output=True).stdout
        assert not word.search(symbols), f"{program} has a function for plaintext: {word.search(symbols).group(0)}"


main([test_no_file_ever_holds_video_in_the_clear, test_no_switch_stores_plaintext])
