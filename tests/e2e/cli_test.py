#!/usr/bin/env python3
"""cli_test: the built programs on loopback, from an empty folder to a clip that proves itself, and what must be refused.

The camera's clip is copied, not encoded again, on its way; so each frame of an export must decode to the very picture of the
source, and the pictures must come in the source's order."""
import base64, http.client, json, os, re, resource, shutil, signal, sqlite3, ssl, subprocess, sys, time, urllib.error, urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "breach"))
from home import CARDEA, PATIENCE, SOURCE, Home, Process, Vault, clip, files_under, main, wait_for

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"


def pictures(path, *more):
    """The MD5 of each decoded picture."""
    out = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *more, "-i", path, "-map", "0:v", "-vsync", "passthrough",
                          "-f", "framemd5", "-"], check=True, capture_output=True, text=True).stdout
    return [line.split(",")[-1].strip() for line in out.splitlines() if line and not line.startswith("#")]


def assert_in_source_order(found, source):
    """`found` is a walk around the looped source without a step left out or repeated."""
    assert len(set(source)) > len(source) * 0.9, "the source's pictures differ from each other"
    places = {}
    for i, md5 in enumerate(source):
        places.setdefault(md5, []).append(i)
    missing = [md5 for md5 in found if md5 not in places]
    assert not missing, f"{len(missing)} of {len(found)} pictures are not the source's"
    at = places[found[0]]
    for number, md5 in enumerate(found[1:], 1):
        at = [(i + 1) % len(source) for i in at if (i + 1) % len(source) in places[md5]]
        assert at, f"picture {number} does not follow picture {number - 1} in the source"


def probe(path):
    return json.loads(subprocess.run(["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", path],
                                     check=True, capture_output=True, text=True).stdout)


def refused(result, *words, status=1):
    assert result.returncode == status, f"exit status {result.returncode}: {result.stdout}{result.stderr}"
    for word in words:
        assert word in result.stderr, f"'{word}' is missing from: {result.stderr}"
    assert len(result.stderr.strip().splitlines()) <= (1 if status == 1 else 2), result.stderr


def cameras_by_name(home):
    hubs = home.json("status")["hubs"]
    return {c["name"]: c for hub in hubs for c in hub.get("cameras", [])}


def wait_streaming(home, *names):
    wait_for(f"{names} to stream", lambda: all(cameras_by_name(home).get(n, {}).get("state") == "streaming" for n in names), 40)


def rtsp_server(folder, video):
    """The demo's RTSP cameras, with Digest; None where GStreamer's bindings are not installed."""
    if subprocess.run([PYTHON, "-c", "import gi; gi.require_version('GstRtspServer','1.0')"], capture_output=True).returncode:
        return None, None
    raw = os.path.join(folder, "camera.h264")
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", video, "-c", "copy", "-bsf:v",
                    "h264_mp4toannexb,h264_metadata=aud=insert", "-f", "h264", raw], check=True)
    config = os.path.join(folder, "cameras.json")
    with open(config, "w") as f:
        json.dump({"port": 0, "user": "demo", "password": "s3cret-of-the-camera",
                   "cameras": [{"path": "/gate", "file": raw, "fps_num": 25, "fps_den": 1}]}, f)
    server = Process([PYTHON, os.path.join(SOURCE, "packaging/demo/rtsp_cameras.py"), config], ready="ready")
    return server, f"rtsp://demo:s3cret-of-the-camera@127.0.0.1:{server.lines[-1].split()[1]}/gate"


def live(home, camera, bytes_wanted, path):
    """Reads a part of the live view and goes away, as a player does."""
    process = subprocess.Popen([CARDEA, "live", camera, "--data", home.data], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, "CARDEA_PASSPHRASE_FILE": home.secret})
    with open(path, "wb") as f:
        while f.tell() < bytes_wanted:
            piece = process.stdout.read(min(16384, bytes_wanted - f.tell()))
            assert piece, f"the live view ended: {process.stderr.read().decode()}"
            f.write(piece)
    process.stdout.close()
    assert process.wait(30 * PATIENCE) == 0, process.stderr.read().decode()
    process.stderr.close()


def vault_pid(home):
    with open(os.path.join(home.data, "home.json")) as f:
        return json.load(f)["vault"]


def check_live_outlasts_the_vault(home, camera, source, folder):
    path = os.path.join(folder, "outlasts.mp4")
    process = subprocess.Popen([CARDEA, "live", camera, "-o", path, "--data", home.data], stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "CARDEA_PASSPHRASE_FILE": home.secret})
    size = lambda: os.path.getsize(path) if os.path.exists(path) else 0
    try:
        wait_for("the live view", lambda: size() > 100_000, 30)
        old = vault_pid(home)
        os.kill(old, signal.SIGKILL)
        wait_for("another vault", lambda: vault_pid(home) not in (0, old), 20)
        seen = size()
        wait_for("the live view to go on", lambda: size() > seen + 150_000, 60)
    finally:
        process.terminate()
        _, messages = process.communicate(timeout=20 * PATIENCE)
    assert "trying again" in messages, messages
    shown = pictures(path)
    assert len(shown) > 50 and set(shown) <= set(source), f"{len(shown)} pictures, {len(set(shown) - set(source))} not the source's"


def check_refusals(home):
    refused(home.cardea("home", "--listen", "127.0.0.1:0", check=False), "already runs", home.data)
    refused(home.cardea("init", "--name", "again", check=False), "already")
    refused(home.cardea("export", "porch", "--from", "now", "--to", "-5m", "-o", "/dev/null", check=False), "usage", status=2)
    refused(home.cardea("export", "porch", check=False), "usage", status=2)
    refused(home.cardea("export", "porch", "--from", "-5m", "--to", "now", "-o", "-", check=False), "file", status=2)
    refused(home.cardea("camera", "add", "x", check=False), "URL is missing", status=2)
    refused(home.cardea("camera", "add", "", "file:x.mp4", check=False), "needs a name", status=2)
    refused(home.cardea("camera", "add", "x", "http://camera", check=False), "rtsp://", status=2)
    refused(home.cardea("timeline", "nowhere", check=False), "nowhere", "porch")
    refused(home.cardea("neighbors", check=False), "not in this version")
    refused(home.cardea("fiddle", check=False), "help", status=2)
    wrong = os.path.join(home.root, "wrong")
    with open(wrong, "w") as f:
        f.write("not the passphrase\n")
    refused(home.cardea("status", "--passphrase-file", wrong, check=False), "wrong name or passphrase")
    refused(home.cardea("status", "--vault", "http://127.0.0.1:1", check=False), "127.0.0.1:1")


def verdict(home, path):
    result = home.cardea("verify", path, "--json", check=False)
    report = json.loads(result.stdout)
    assert (result.returncode == 0) == (report["verdict"] == "untouched")
    return report


def altered(path, target, change):
    with open(path, "rb") as f:
        data = bytearray(f.read())
    data = change(data) or data
    with open(target, "wb") as f:
        f.write(data)
    return target


def check_verify(home, path, folder):
    report = verdict(home, path)
    assert report["verdict"] == "untouched" and report["own"] is True, report
    assert report["household"] == home.json("status")["household"]["fingerprint"]
    stranger = subprocess.run([CARDEA, "verify", path, "--data", os.path.join(folder, "nobody")], capture_output=True, text=True)
    assert stranger.returncode == 0 and "which is yours" not in stranger.stdout, "works without a home, and vouches for none"

    with open(path, "rb") as f:
        data = f.read()
    mdats, at = [], data.find(b"mdat")
    while at >= 0:
        mdats.append(at)
        at = data.find(b"mdat", at + 4)

    def flip(d):
        d[mdats[len(mdats) // 2] + 9] ^= 1  # within the coded picture
    report = verdict(home, altered(path, os.path.join(folder, "edited.mp4"), flip))
    seconds = float(probe(path)["format"]["duration"])
    assert report["verdict"] == "edited", report
    assert abs(report["edited_at_s"] - seconds / 2) < 2.5, f"the middle of {seconds} s: {report}"

    def grow(d):
        d[mdats[len(mdats) // 2] - 3] ^= 0x40
    report = verdict(home, altered(path, os.path.join(folder, "grown.mp4"), grow))
    assert report["verdict"] == "edited" and "size" in report["why"], report
    for name, keep in (("end", len(data) - 5), ("half", len(data) // 2), ("border", mdats[9] - 4)):
        report = verdict(home, altered(path, os.path.join(folder, f"cut-{name}.mp4"), lambda d: d[:keep]))
        assert report["verdict"] == "cut short", (name, report)

    def drop(d):  # one picture out of the middle: its moof and mdat
        moof = d.find(b"moof", mdats[20]) - 4
        after = d.find(b"moof", moof + 8) - 4
        return d[:moof] + d[after:]
    assert verdict(home, altered(path, os.path.join(folder, "dropped.mp4"), drop))["verdict"] == "edited"
    plain = os.path.join(folder, "plain.mp4")
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-c", "copy", plain], check=True)
    assert verdict(home, plain)["verdict"] == "unknown"


def check_recovery(home):
    with open(home.recovery) as f:
        kit = f.read()
    assert os.stat(home.recovery).st_mode & 0o777 == 0o600
    code = next(l.split(":", 1)[1].strip() for l in kit.splitlines() if l.startswith("Recovery code:"))
    words = code.split("-")
    assert len(words) == 12
    fresh = os.path.join(home.root, "fresh")
    with open(fresh, "w") as f:
        f.write("another passphrase entirely\n")
    mistyped, named = os.path.join(home.root, "mistyped"), 0
    for wrong in ("babab", "dodod", "gigig", "lulul", "zazaz", "fofof"):
        with open(mistyped, "w") as f:
            f.write("-".join(words[:4] + [wrong if words[4] != wrong else "kikik"] + words[5:]))
        said = home.cardea("recover", "--recovery-file", mistyped, "--passphrase-file", fresh, check=False)
        refused(said)
        named += "word 5" in said.stderr
    assert named >= 3, "a word has five bits to check: one wrong word in 32 is found by the next alone"
    home.cardea("recover", "--recovery-file", home.recovery, "--passphrase-file", fresh)
    refused(home.cardea("camera", "list", check=False), "wrong name or passphrase")
    home.secret = fresh
    assert "porch" in home.cardea("camera", "list").stdout


def test_from_an_empty_folder_to_a_clip_that_proves_itself(folder):
    video = clip(os.path.join(folder, "source.mp4"), 8)
    source = pictures(video)
    home = Home(folder, "anna").start()
    server = None
    try:
        refused(home.cardea("status", check=False), "cardea init")
        home.init()
        for name in ("home.json", "owner.json", "setup-code"):
            path = os.path.join(home.data, name)
            assert not os.path.exists(path) or os.stat(path).st_mode & 0o777 == 0o600, name
        home.add_camera("porch", "file:" + video)
        server, url = rtsp_server(folder, video)
        names = ["porch"]
        if url:
            home.add_camera("gate", url, "--outdoor")
            names.append("gate")
        else:
            print("# the RTSP camera is left out: GStreamer's RTSP server for Python is not installed")
        refused(home.cardea("camera", "add", "porch", "file:" + video, check=False), "porch")
        wait_streaming(home, *names)
        for name in names:
            path = os.path.join(folder, f"live-{name}.mp4")
            live(home, name, 250_000, path)
            shown = pictures(path)
            assert len(shown) > 25, f"{len(shown)} pictures of {name}"
            assert_in_source_order(shown, source)
        check_live_outlasts_the_vault(home, "porch", source, folder)
        check_refusals(home)
        for name in names:
            home.wait_recorded(name, 30, 120)
        export_and_verify(home, names, source, folder)
        check_recovery(home)
        wait_stored(home, len(names))
        check_delete(home, folder)
    finally:
        home.stop()
        if server:
            server.stop()
    assert not os.path.exists(os.path.join(home.data, "home.json")), "a home that stopped leaves no address behind"


def export_and_verify(home, names, source, folder):
    for name in names:
        path = home.export(name, os.path.join(folder, f"{name}.mp4"))
        info = probe(path)
        video = next(s for s in info["streams"] if s["codec_type"] == "video")
        assert (video["codec_name"], video["width"], video["height"]) == ("h264", 640, 360)
        length = float(info["format"]["duration"])
        assert 20 < length < 600 and abs(float(info["format"]["start_time"])) < 0.2, info["format"]
        shown = pictures(path)
        assert abs(len(shown) - length * 25) < 30, f"{len(shown)} pictures in {length} s"
        assert_in_source_order(shown, source)
        assert not os.path.exists(path + ".part")
    path = os.path.join(folder, "porch.mp4")
    refused(home.cardea("export", "porch", "--from", "-10m", "--to", "now", "-o", path, check=False), "already")
    refused(home.cardea("export", "porch", "--from", "2001-01-01", "--to", "2001-01-02", "-o", path + "2", check=False),
            "nothing is recorded", "recordings are from")
    assert not os.path.exists(path + "2") and not os.path.exists(path + "2.part")
    check_verify(home, path, folder)


def vault_files(home):
    folder = os.path.join(home.data, "vault")
    return {p: open(p, "rb").read() for p in files_under(folder) if "/blobs/" in p}


def index_of(home):
    return os.path.join(home.data, "vault", "index.db")


def put_back(home, blobs, saved):
    """What somebody does who copied the store before the deletion: rows and blobs as they were; the keys stay as they are."""
    for path, data in blobs.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.exists(path):
            with open(path, "wb") as f:
                f.write(data)
    db = sqlite3.connect(index_of(home))
    db.execute("ATTACH ? AS saved", (saved,))
    for table in ("reels", "tables", "names"):
        db.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM saved.{table}")
    db.commit()
    db.close()


def wait_stored(home, cameras):
    """Until each camera has a row: what is put back after a deletion are rows and the blobs they name."""
    def stored():
        with sqlite3.connect(index_of(home)) as db:
            return db.execute("SELECT count(DISTINCT camera) FROM reels").fetchone()[0] >= cameras
    wait_for("reels to be stored", stored, 120)


def check_delete(home, folder):
    home.wait_recorded("porch", 75, 150)  # so that a reel of a minute is whole, and a blob
    spans = home.json("timeline", "porch")["spans"]
    begin, end = spans[0]["from"], spans[-1]["to"]
    before = home.recorded_s("porch")
    refused(home.cardea("delete", "porch", "--from", begin, "--to", end, check=False), "--yes")
    refused(home.cardea("delete", "porch", "--from", "-1m", "--to", "2100-01-01", "--yes", check=False), "future")
    assert home.recorded_s("porch") >= before, "a refused deletion deletes nothing"
    kept, saved = vault_files(home), os.path.join(folder, "saved.db")
    with sqlite3.connect(index_of(home)) as db, sqlite3.connect(saved) as copy:
        db.backup(copy)
    home.cardea("delete", "porch", "--from", begin, "--to", end, "--yes")
    left = [s for s in home.json("timeline", "porch")["spans"] if s["from"] < end]
    assert not left, f"still there: {left}"
    wait_for("blobs to be gone from the disk too", lambda: set(kept) - set(vault_files(home)), 20)
    path = os.path.join(folder, "deleted.mp4")
    ask = ("export", "porch", "--from", begin, "--to", end, "-o", path)
    refused(home.cardea(*ask, check=False), "porch")
    home.stop()
    put_back(home, kept, saved)
    home.start()
    assert [s for s in home.json("timeline", "porch")["spans"] if s["from"] < end], "the copied rows are back"
    refused(home.cardea(*ask, check=False), "keys", "deleted")
    assert not os.path.exists(path)


def test_init_without_a_running_home(folder):
    home = Home(folder, "bert")
    home.init()
    assert os.path.exists(os.path.join(home.data, "owner.json"))
    assert not os.path.exists(os.path.join(home.data, "home.json")), "what it started is stopped"
    refused(home.cardea("status", check=False), "no home runs")
    home.start()
    try:
        status = home.json("status")
        assert len(status["hubs"]) == 1 and wait_for("the hub", lambda: home.json("status")["hubs"][0]["online"], 20)
    finally:
        home.stop()


def test_a_new_passphrase_has_rules(folder):
    home = Home(folder, "carl")
    with open(home.secret, "w") as f:
        f.write("short\n")
    refused(home.cardea("init", "--name", "carl", check=False), "at least 10 characters")
    assert not os.path.exists(os.path.join(home.data, "owner.json"))
    os.unlink(home.secret)
    refused(home.cardea("init", "--name", "carl", check=False), home.secret)


def test_a_killed_child_is_started_again(folder):
    home = Home(folder, "dora").start()
    try:
        def state():
            with open(os.path.join(home.data, "home.json")) as f:
                return json.load(f)
        for which in ("hub", "vault"):
            old = state()
            os.kill(old[which], signal.SIGKILL)
            wait_for(f"another {which}", lambda: state()[which] not in (0, old[which]), 20)
            assert state()["url"] == old["url"], "its address stays"
        home.init()
    finally:
        home.stop()


def test_an_interrupted_start_goes_on(folder):
    home = Home(folder, "gerd")
    kit, code = os.path.join(folder, "kit"), os.path.join(home.data, "setup-code")
    vault = Vault(folder, "--setup-code-file", code)
    hub = None
    try:
        again = [CARDEA, "init", "--name", "gerd", "--recovery-file", kit, "--vault", vault.url, "--data", home.data]
        env = {**os.environ, "CARDEA_PASSPHRASE_FILE": home.secret}
        first = subprocess.Popen(again, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the recovery kit", lambda: os.path.exists(kit) and "Recovery code:" in open(kit).read(), 20)
        first.kill()  # it waits for a hub that is not there
        first.wait()
        written = open(kit).read()
        hub = Process([CARDEA, "hub", "--vault", vault.url, "--data", home.data], ready="pairing code", log=os.path.join(folder, "hub.log"))
        second = subprocess.run(again, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * PATIENCE)
        assert second.returncode == 0 and "interrupted" in second.stderr, second.stderr
        assert open(kit).read() == written, "the kit that was shown stays the right one"
        home.vault = vault.url
        assert home.json("status")["hubs"][0]["online"]
        home.recovery = kit
    finally:
        if hub:
            hub.stop()
        vault.stop()


def test_the_network_is_served_with_tls_alone(folder):
    home = Home(folder, "emil").start("0.0.0.0:0")
    try:
        wait_for("the addresses", lambda: os.path.exists(os.path.join(home.data, "home.json")), 20)
        with open(os.path.join(home.data, "home.json")) as f:
            state = json.load(f)
        authority = os.path.join(home.data, "tls/ca.crt")
        for name in ("ca.key", "server.key"):
            assert os.stat(os.path.join(home.data, "tls", name)).st_mode & 0o777 == 0o600, name
        port = int(state["lan_url"].rsplit(":", 1)[1])
        trusting = ssl.create_default_context(cafile=authority)
        with urllib.request.urlopen(f"https://localhost:{port}/v1/vault", context=trusting, timeout=10 * PATIENCE) as answer:
            seen = json.load(answer)
        assert "setup_code" not in seen, "the setup code is for this machine alone"
        for url, context in ((f"https://localhost:{port}/v1/vault", ssl.create_default_context()), (f"http://127.0.0.1:{port}/v1/vault", None)):
            try:
                urllib.request.urlopen(url, context=context, timeout=10 * PATIENCE)
            except (urllib.error.URLError, ConnectionError, http.client.HTTPException):
                continue
            raise AssertionError(f"{url} answered")
        page = f"http://127.0.0.1:{port + 1}"
        fingerprint = subprocess.run(["openssl", "x509", "-in", authority, "-noout", "-fingerprint", "-sha256"], check=True,
                                     capture_output=True, text=True).stdout.strip().split("=")[1]
        with urllib.request.urlopen(page + "/ca.crt", timeout=10 * PATIENCE) as answer:
            assert answer.read() == open(authority, "rb").read()
        with urllib.request.urlopen(page + "/", timeout=10 * PATIENCE) as answer:
            text = answer.read().decode()
            assert fingerprint in text and f":{port}" in text
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        home.init()
        lan = f"https://localhost:{port}"
        assert home.cardea("status", "--vault", lan).returncode == 0, "over TLS too, by this home's own authority"
    finally:
        home.stop()


def test_the_store_is_checked_copied_and_put_back(folder):
    home = Home(folder, "fritz").start()
    copy = os.path.join(folder, "copy")
    try:
        home.init()
        refused(home.cardea("fsck", "--mend", check=False), "already runs", "stop it first")
        home.cardea("backup", copy)
        assert files_under(copy)
    finally:
        home.stop()
    home.cardea("fsck", "--mend")
    shutil.rmtree(os.path.join(home.data, "vault"))
    home.cardea("restore", copy)
    home.start()
    try:
        assert home.cardea("camera", "list").returncode == 0, "the passphrase opens what was put back"
        doctor = home.cardea("doctor", "--json", check=False)
        findings = {f["what"]: f["state"] for f in json.loads(doctor.stdout)}
        for what in ("cardea-vault", "cardea-hub", "permissions", "vault", "clock", "hub"):
            assert findings.get(what) == "well", (what, doctor.stdout)
        os.chmod(os.path.join(home.data, "owner.json"), 0o644)
        doctor = home.cardea("doctor", check=False)
        assert doctor.returncode == 1 and "owner.json can be read by others: run `chmod" in doctor.stdout
    finally:
        home.stop()


def test_a_vault_that_goes_back_is_noticed(folder):
    """Keys that were shredded come back with an older state of the vault: this device has seen the newer one."""
    home, copy = Home(folder, "dora").start(), os.path.join(folder, "copy")
    seen = os.path.join(home.data, "seen.json")
    export = lambda: home.cardea("export", "yard", "--from", "-1h", "--to", "now", "-o", os.path.join(folder, "clip.mp4"), check=False)
    try:
        home.init()
        home.add_camera("yard", "file:" + clip(os.path.join(folder, "source.mp4"), 8))
        wait_streaming(home, "yard")
        home.wait_recorded("yard", 8, 60)
        home.cardea("timeline", "yard")
        home.cardea("backup", copy)
        home.cardea("delete", "yard", "--from", "-5m", "--to", "-1s", "--yes")
        assert os.stat(seen).st_mode & 0o777 == 0o600
    finally:
        home.stop()
    shutil.rmtree(os.path.join(home.data, "vault"))
    home.cardea("restore", copy)
    home.start()
    try:
        r = export()
        assert r.returncode == 1 and not os.path.exists(os.path.join(folder, "clip.mp4")), r.stdout
        for word in ("/root/", "this device has seen version 2", "holds a change back", seen):
            assert word in r.stderr, r.stderr
        os.unlink(seen)  # as it says, where a backup was put back on purpose
        assert "holds a change back" not in export().stderr
    finally:
        home.stop()


def test_a_log_that_goes_back_is_accepted_by_a_person_alone(folder):
    """The machine's folders are put back as they were: what this device saw since is not in the log any more."""
    home, copy = Home(folder, "dora").start(), os.path.join(folder, "copy")
    remembered, folders = os.path.join(home.data, "log-seen"), ("vault", "hub")
    broken = lambda: home.cardea("log", "verify", check=False)
    try:
        home.init()
        home.add_camera("yard", "file:" + clip(os.path.join(folder, "source.mp4"), 8))
        wait_streaming(home, "yard")
        home.cardea("share", "yard", "--live", "--expires", "1h")
        older = home.json("log", "verify")
        assert "nothing to accept" in home.cardea("log", "accept").stdout
        home.stop()
        for name in folders:
            shutil.copytree(os.path.join(home.data, name), os.path.join(copy, name), symlinks=True)
        home.start()
        home.cardea("share", "yard", "--live", "--expires", "1h")
        newer = home.json("log", "verify")
        assert newer["entries"] > older["entries"]
        home.stop()
        for name in folders:
            shutil.rmtree(os.path.join(home.data, name))
            shutil.copytree(os.path.join(copy, name), os.path.join(home.data, name), symlinks=True)
        home.start()

        r = broken()
        assert r.returncode == 1 and "THE LOG IS NOT WHOLE (shrank)" in r.stderr, r.stderr
        before = open(remembered, "rb").read()
        asked = home.cardea("log", "accept", check=False)  # there is nobody to ask
        assert asked.returncode == 1 and "nothing was accepted" in asked.stderr, asked.stderr
        root = base64.urlsafe_b64decode(newer["root"] + "==").hex()
        assert f"this device has seen:  {newer['size']} entries, root {root}\n" in asked.stdout, asked.stdout
        assert re.search(r"the vault shows now:   \d+ entries, root [0-9a-f]{64}\n", asked.stdout), asked.stdout
        gone = newer["entries"] - older["entries"]
        assert f"the vault has no longer: {gone}\n" in asked.stdout, asked.stdout
        assert open(remembered, "rb").read() == before and broken().returncode == 1, "a question changes nothing"

        accepted = home.cardea("log", "accept", "--yes").stdout
        kept = re.search(r"what this device knew is kept in (\S+)", accepted)[1]
        assert open(os.path.join(kept, "log-seen"), "rb").read() == before
        shown = home.json("log", "verify")
        assert shown["proven"] and shown["entries"] == older["entries"], (shown, older)
    finally:
        home.stop()


def processor_s():
    """What the processes that this one has waited for, and those that they waited for, took of a processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_demo_is_ready_soon_and_leaves_nothing_running(folder):
    if not os.path.exists("/usr/share/doc/opencv-doc/examples/data/vtest.avi"):
        print("# skipped: opencv-doc is not installed")
        return
    data = os.path.join(folder, "demo")
    began, worked = time.monotonic(), processor_s()
    demo = Process([CARDEA, "demo", "--data", data, "--port", "0"], ready="Ctrl-C", log=os.path.join(folder, "demo.log"))
    try:
        took = time.monotonic() - began
        print(f"# ready after {took:.1f} s")
        assert took < 60 * PATIENCE, f"{took} s"
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(demo.process.pid)], capture_output=True, text=True).stdout.split()
        assert len(children) >= 2, children
        passphrase = next(l.split()[1] for l in demo.lines if l.strip().startswith("passphrase"))
        with open(os.path.join(data, "demo-passphrase")) as f:
            assert f.read().strip() == passphrase
        status = subprocess.run([CARDEA, "status", "--json", "--data", data, "--passphrase-file", os.path.join(data, "demo-passphrase")],
                                capture_output=True, text=True, check=True)
        cameras = json.loads(status.stdout)["hubs"][0]["cameras"]
        assert {c["name"] for c in cameras} == {"walkway", "garden"} and all(c["state"] == "streaming" for c in cameras), cameras
    finally:
        demo.stop(signal.SIGINT)
    assert demo.process.returncode == 0
    assert processor_s() - worked < 60, "an idle machine is ready within a minute, whatever this one does besides"
    for pid in children:
        assert not os.path.exists(f"/proc/{pid}"), f"process {pid} still runs"


def test_help_names_every_command(folder):
    text = subprocess.run([CARDEA, "help"], capture_output=True, text=True, check=True).stdout
    with open(os.path.join(SOURCE, "docs/cli.md")) as f:
        manual = f.read()
    for name in ("demo", "home", "hub", "vault", "init", "recover", "status", "doctor", "account sessions",
                 "account end", "account factor", "account factor add", "account factor remove", "camera add", "live", "export", "verify",
                 "timeline", "events", "delete", "see", "see why", "zone list", "zone add", "zone remove", "mask list", "mask set", "mask clear", "events feedback", "model remove", "rule list", "rule add",
                 "rule set", "rule remove", "face list", "face add", "face remove", "face exclude", "face include", "face on", "face off", "share", "share open", "member add", "member list", "member remove", "join", "grants", "grants revoke", "log", "log verify", "log accept",
                 "support open", "support list", "support show", "support say", "support close", "support requests",
                 "support approve", "support refuse", "support join", "support desk", "support read", "support answer",
                 "support ask", "support watch", "staff init", "staff add", "staff list", "staff certify",
                 "staff revoke", "staff report", "staff alarms",
                 "web verify", "fsck", "backup", "restore", "bench"):
        assert f"  {name} " in text, name
        one = subprocess.run([CARDEA, "help", *name.split()], capture_output=True, text=True)
        assert one.returncode == 0 and one.stdout.startswith(f"usage: cardea {name}"), name
        usage = one.stdout.splitlines()[0].removeprefix("usage: ")
        assert usage in manual, f"docs/cli.md does not say: {usage}"
    for group in ("account", "camera", "events", "log", "member", "support", "staff"):  # its help has a word on each of its commands
        about = subprocess.run([CARDEA, "help", group], capture_output=True, text=True, check=True).stdout
        lines = [line for line in text.splitlines() if line.startswith(f"  {group} ")]
        assert lines, group
        for line in lines:
            assert line[24:] and line[24:] in about, f"`cardea help {group}` does not say: {line}"
    for name in ("neighbors", "labs"):
        assert f"  {name} " not in text, f"{name} is not in this version"
    assert subprocess.run([CARDEA], capture_output=True).returncode == 2


if __name__ == "__main__":
    main([test_help_names_every_command, test_a_new_passphrase_has_rules, test_init_without_a_running_home,
          test_a_killed_child_is_started_again, test_an_interrupted_start_goes_on, test_the_network_is_served_with_tls_alone,
          test_the_store_is_checked_copied_and_put_back, test_a_vault_that_goes_back_is_noticed, test_a_log_that_goes_back_is_accepted_by_a_person_alone, test_the_demo_is_ready_soon_and_leaves_nothing_running, test_from_an_empty_folder_to_a_clip_that_proves_itself])
