#!/usr/bin/env python3
"""swapped-page (of work-around): the provider cannot open a recording, so it changes the page that its customer opens.

The tester runs the vault. It changes a file on the vault's disk, answers with another page on the way, with another page and a
list that fits it, and hides the log. Each time `cardea web verify` must say so, by file or by what is missing, and exit 1; the
vault itself must not send a file that was changed under it. Honest path: the same pages, untouched, are proven and served."""
import contextlib, hashlib, http.server, json, os, shutil, subprocess, threading, urllib.request
from home import CARDEA, SOURCE, Vault, main

WEB = os.path.join(SOURCE, "web/dist")


def made_pages(folder):
    """The built pages, or a small release where they are not built."""
    web = os.path.join(folder, "web")
    if os.path.exists(os.path.join(WEB, "release.json")):
        shutil.copytree(WEB, web)
        return web
    os.makedirs(web)
    pages = {"/index.html": b"<!doctype html><script src=/main.js></script>", "/main.js": b"honest()", "/sw.js": b"pinned()"}
    for path, content in pages.items():
        with open(web + path, "wb") as f:
            f.write(content)
    with open(web + "/release.json", "w") as f:
        json.dump(listed(pages), f)
    return web


def listed(pages):
    return {"v": 1, "version": "small", "files": {p: hashlib.sha256(c).hexdigest() for p, c in pages.items()}}


class Between(http.server.ThreadingHTTPServer):
    """Who stands between: passes on what the vault says, but for what `lies` has."""

    def __init__(self, url, lies):
        self.url, self.lies = url, lies
        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        lie = self.server.lies.get(self.path)
        try:
            honest = urllib.request.urlopen(self.server.url + self.path)
            status, body = honest.status, honest.read()
        except urllib.error.HTTPError as e:
            status, body = e.code, e.read()
        if lie is not None:
            status, body = lie(body) if callable(lie) else (200, lie)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def between(url, lies):
    server = Between(url, lies)
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def verify(folder, url, *more):
    r = subprocess.run([CARDEA, "web", "verify", url, "--json", "--data", os.path.join(folder, "nobody"), *more], capture_output=True, text=True)
    said = json.loads(r.stdout)
    assert (r.returncode == 0) == said["ok"], f"status {r.returncode}: {r.stdout} {r.stderr}"
    return said


def get(url):
    try:
        return urllib.request.urlopen(url).read()
    except urllib.error.HTTPError as e:
        return e.code


def script_of(web):
    with open(os.path.join(web, "release.json")) as f:
        return next(p for p in json.load(f)["files"] if p.endswith(".js") and p != "/sw.js")


def test_untouched_pages_are_proven(folder):
    web = made_pages(folder)
    vault = Vault(folder, "--web", web)
    try:
        said = verify(folder, vault.url)
        assert said["ok"] and not said["wrong"] and said["entry"] >= 0 and said["files"] >= 3, said
        assert verify(folder, vault.url, "--log-key", said["log_key"])["ok"]
        with open(os.path.join(web, "release.json"), "rb") as f:
            assert said["release"] == hashlib.sha256(f.read()).hexdigest()
        with between(vault.url, {}) as url:
            assert verify(folder, url)["ok"], "passing on changes nothing, or the tests below prove nothing"
    finally:
        vault.stop()


def test_a_page_changed_on_the_disk_is_not_sent(folder):
    web = made_pages(folder)
    script = script_of(web)
    vault = Vault(folder, "--web", web)
    try:
        assert isinstance(get(vault.url + script), bytes)
        with open(web + script, "ab") as f:
            f.write(b"\nsend(passphrase)")
        assert get(vault.url + script) == 503, "the vault sends a file that was changed under it"
        said = verify(folder, vault.url)
        assert [w["path"] for w in said["wrong"]] == [script], said
    finally:
        vault.stop()
    with open(os.path.join(folder, "vault.log")) as f:
        assert script in f.read(), "the operator was not told which file it is"


def test_a_page_changed_on_the_way_is_named(folder):
    web = made_pages(folder)
    script = script_of(web)
    vault = Vault(folder, "--web", web)
    try:
        for path in (script, "/index.html", "/", "/sw.js"):
            with between(vault.url, {path: b"send(passphrase)"}) as url:
                said = verify(folder, url)
                assert [w["path"] for w in said["wrong"]] == [path], f"{path}: {said}"
                assert "not the release's file" in said["wrong"][0]["why"]
    finally:
        vault.stop()


def test_a_release_of_ones_own_is_in_no_log(folder):
    web = made_pages(folder)
    script = script_of(web)
    with open(os.path.join(web, "release.json")) as f:
        release = json.load(f)
    evil = b"send(passphrase)"
    release["files"][script] = hashlib.sha256(evil).hexdigest()
    vault = Vault(folder, "--web", web)
    try:
        key = verify(folder, vault.url)["log_key"]
        with between(vault.url, {script: evil, "/release.json": json.dumps(release).encode()}) as url:
            said = verify(folder, url)
            assert "not the one in the log" in said["problem"], said

        def without(field):
            def lie(body):
                answer = json.loads(body)
                del answer[field]
                return 200, json.dumps(answer).encode()
            return lie

        def another_key(body):
            answer = json.loads(body)
            answer["log_key"] = "A" * 43
            return 200, json.dumps(answer).encode()

        hidden = {"/release.json": ((lambda body: (404, b"")), "no list of its pages"), "/v1/vault": (without("release"), "names no release"),
                  "/log/checkpoint": (lambda body: (200, body.replace(b"\n\n", b"x\n\n", 1)), "checkpoint")}
        for path, (lie, says) in hidden.items():
            with between(vault.url, {path: lie}) as url:
                said = verify(folder, url)
                assert says in said["problem"], f"{path}: {said}"
        with between(vault.url, {"/v1/vault": another_key}) as url:
            assert "another key" in verify(folder, url, "--log-key", key)["problem"]
    finally:
        vault.stop()


if __name__ == "__main__":
    main([test_untouched_pages_are_proven, test_a_page_changed_on_the_disk_is_not_sent, test_a_page_changed_on_the_way_is_named,
          test_a_release_of_ones_own_is_in_no_log])
