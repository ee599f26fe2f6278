#!/usr/bin/env python3
"""hostile-camera: the camera is the attacker. Its worker has no keys, no files and no network but the camera; what a camera
does to its worker, up to ending it, is nothing to the other cameras.

What code inside a worker can no longer do is tried call by call in src/camera/sandbox_test.c; here are the real processes of
a real home, looked at from outside. Honest path: the other camera is recorded without a gap."""
import json, os, re, signal, stat, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import hostile_camera as liars  # tests/e2e: cameras that lie
from home import Home, clip, main, wait_for


def workers():
    """pid of each worker that this machine runs for this user, by start time."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/exe").endswith("/cardea-camera"):
                found.append(int(pid))
        except OSError:
            pass
    return found


def descendants(pid):
    children = {}
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{other}/stat") as f:
                children.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(other))
        except OSError:
            pass
    out, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            out.append(child)
            todo.append(child)
    return out


def own_workers(home):
    below = set(descendants(home.process.process.pid))
    return sorted(p for p in workers() if p in below)


def proc(pid, name, mode="r"):
    with open(f"/proc/{pid}/{name}", mode) as f:
        return f.read()


def status(pid):
    return dict(line.split(":\t", 1) for line in proc(pid, "status").splitlines() if ":\t" in line)


def streaming(home, name):
    hubs = home.json("status").get("hubs", [])
    found = [c for h in hubs for c in h.get("cameras", []) if c["name"] == name]
    return bool(found) and found[0]["state"] == "streaming"


def check_descriptors(pid, port):
    """0 to 2 as docs/worker.md says, the hub's socket, and one TCP connection: to the camera."""
    links = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert links[0] == links[1] == "/dev/null" and links[2].startswith("pipe:") and links[3].startswith("socket:"), links
    rest = {fd: link for fd, link in links.items() if fd > 3}
    assert len(rest) == 1 and all(link.startswith("socket:") for link in rest.values()), links
    inode = re.search(r"\[(\d+)\]", next(iter(rest.values())))[1]
    with open("/proc/net/tcp") as f:  # of the namespace in which the hub made the socket
        line = next(line.split() for line in f if line.split()[9:10] == [inode])
    assert int(line[2].split(":")[1], 16) == port, line


def secrets_of(home):
    """What a worker must not hold: the hub's keys as they lie in its files."""
    out = []
    for base, _, names in os.walk(home.data):
        for name in names:
            path = os.path.join(base, name)
            if stat.S_ISREG(os.stat(path).st_mode) and re.search(r"key|identity|secret", name) and os.path.getsize(path) < 65536:
                with open(path, "rb") as f:
                    out.append((path, f.read()))
    return out


def memory(pid):
    out = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if "w" not in rights:
                continue
            assert "x" not in rights, f"memory that can be written and executed: {line}"
            begin, end = (int(x, 16) for x in span.split("-"))
            try:
                mem.seek(begin)
                out += mem.read(end - begin)
            except OSError:
                pass
    return out


def test_a_worker_has_nothing_but_its_camera(folder):
    port = liars.start("honest")
    home = Home(folder).start().init()
    try:
        home.add_camera("liar", f"rtsp://user:hunter2@127.0.0.1:{port}/x")
        wait_for("the camera to stream", lambda: streaming(home, "liar"))
        pids = own_workers(home)
        assert len(pids) == 1, pids
        pid = pids[0]
        check_descriptors(pid, port)
        assert proc(pid, "environ") == "", "the worker has an environment"
        assert proc(pid, "cmdline").count("\0") == 1, "the worker has arguments"
        s = status(pid)
        assert s["NoNewPrivs"] == "1" and s["Seccomp"] == "2" and int(s["CapEff"], 16) == 0, s
        assert s["CapPrm"] == s["CapEff"] and s["Threads"] == "1", s
        if os.geteuid() == 0:
            held = memory(pid)
            assert b"hunter2" in held or b"RTSP" in held, "this does not read the worker's memory"
            searched = 0
            for path, content in secrets_of(home):
                for at in range(0, len(content) - 31, 16):
                    piece = content[at:at + 32]
                    if len(set(piece)) < 16:
                        continue  # zeros and the like are everywhere
                    searched += 1
                    assert piece not in held, f"a piece of {os.path.relpath(path, home.data)} is in the worker's memory"
            assert searched > 2, "no keys were found to look for"
        home.wait_recorded("liar", 6)
    finally:
        home.stop()


def test_a_worker_that_dies_is_nothing_to_the_others(folder):
    video = clip(os.path.join(folder, "clip.mp4"))
    home = Home(folder).start().init()
    try:
        home.add_camera("good", "file:" + video)
        wait_for("the good camera to stream", lambda: streaming(home, "good"))
        good = own_workers(home)
        home.add_camera("bad", f"rtsp://127.0.0.1:{liars.start('honest')}/x")
        wait_for("the bad camera to stream", lambda: streaming(home, "bad"))
        home.add_camera("torn", f"rtsp://127.0.0.1:{liars.start('absurd-size')}/x")
        before = home.recorded_s("good")
        for _ in range(2):  # as a decoder's fault would end it
            bad = [p for p in own_workers(home) if p not in good]
            assert bad
            for pid in bad:
                try:
                    os.kill(pid, signal.SIGSEGV)
                except ProcessLookupError:
                    pass
            wait_for("a new worker for the bad camera", lambda: set(own_workers(home)) - set(good) - set(bad))
        assert good[0] in own_workers(home), "the good camera's worker was replaced"
        home.wait_recorded("good", before + 8)
        wait_for("the bad camera to be back", lambda: streaming(home, "bad"))
        gaps = [s for s in spans(home, "good")]
        assert len(gaps) == 1, f"the good camera's recording has gaps: {gaps}"
    finally:
        home.stop()


def spans(home, camera):
    found = home.json("timeline", camera)
    return found.get("spans", found) if isinstance(found, dict) else found


if __name__ == "__main__":
    main([test_a_worker_has_nothing_but_its_camera, test_a_worker_that_dies_is_nothing_to_the_others])
