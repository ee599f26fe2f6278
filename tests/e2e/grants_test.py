#!/usr/bin/env python3
"""grants_test: who else may see, on a real home: links that open exactly what they say, members who come, see and are removed."""
import base64, json, os, re, shutil, subprocess, sys, time, urllib.error, urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "breach"))
from home import CARDEA, PASSPHRASE, PATIENCE, Home, clip, frames_of, main, span_s, wait_for
from tampering_vault import TamperingVault


class Person:
    """Somebody elsewhere: a folder and a passphrase of their own."""

    def __init__(self, root, name, passphrase=PASSPHRASE):
        self.data, self.name = os.path.join(root, name), name
        os.makedirs(self.data, mode=0o700, exist_ok=True)
        self.secret = os.path.join(root, f"{name}.passphrase")
        with open(self.secret, "w") as f:
            f.write(passphrase + "\n")
        os.chmod(self.secret, 0o600)

    def run(self, *args, check=True, timeout=60 * PATIENCE):
        r = subprocess.run([CARDEA, *args, "--data", self.data], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=timeout, env={**os.environ, "CARDEA_PASSPHRASE_FILE": self.secret})
        if check and r.returncode:
            raise AssertionError(f"cardea {' '.join(args)} exited with {r.returncode}: {r.stderr.strip()}")
        return r

    def json(self, *args):
        return json.loads(self.run(*args, "--json").stdout)

    def start(self, *args):
        return subprocess.Popen([CARDEA, *args, "--data", self.data], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env={**os.environ, "CARDEA_PASSPHRASE_FILE": self.secret})

    def join(self, home, *role):
        """Is invited, and comes; the owner's device waits meanwhile."""
        link = json.loads(home.cardea("member", "add", self.name, *role, "--no-wait", "--json").stdout)["link"]
        joining = self.start("join", link, "--login", f"{self.name}@example.org", "--recovery-file",
                             os.path.join(self.data, "kit"), "--json")
        wait_for(f"{self.name} to be let in",
                 lambda: any(m["name"] == self.name and m["state"] == "in" for m in home.json("member", "list")), 60)
        out, errors = joining.communicate(timeout=60 * PATIENCE)
        assert joining.returncode == 0, errors.decode()
        return json.loads(out)


def refused(result, *words):
    assert result.returncode == 1, f"exit status {result.returncode}: {result.stdout}{result.stderr}"
    for word in words:
        assert word in result.stderr, f"'{word}' is missing from: {result.stderr}"


def add_camera(home, folder, name):
    """A source of its own: the hub takes each but once."""
    home.add_camera(name, "file:" + shutil.copy(os.path.join(folder, "source.mp4"), os.path.join(folder, f"{name}-source.mp4")))


def home_with(folder, *cameras, seconds=6):
    """A home that has recorded so much of each camera."""
    home = Home(folder).start().init()
    clip(os.path.join(folder, "source.mp4"), 4)
    for name in cameras:
        add_camera(home, folder, name)
    for name in cameras:
        home.wait_recorded(name, seconds)
    return home


def share(home, *args):
    made = home.json("share", *args)
    assert "/share/#" in made["link"]
    return made["id"], made["link"]


def home_url(folder):
    with open(os.path.join(folder, "data", "home.json")) as f:
        return json.load(f)["url"]


def grant(home, id):
    return next(g for g in home.json("grants") if g["id"] == id)


def read_some(process, wanted=200_000):
    got = 0
    while got < wanted:
        piece = process.stdout.read1(65536)
        assert piece, f"the view ended: {process.stderr.read().decode()}"
        got += len(piece)


def test_a_link_opens_what_it_says(folder):
    home, guest = home_with(folder, "porch"), Person(folder, "guest")
    try:
        id, link = share(home, "porch", "--from", "-5s", "--to", "-1s", "--export", "--words", "your parcel", "--name", "Ben")
        out = os.path.join(folder, "parcel.mp4")
        r = guest.run("share", "open", link, "-o", out)
        assert "your parcel" in r.stderr and "porch" in r.stderr and "entry" in r.stderr, r.stderr
        assert frames_of(out) > 0
        told = guest.run("verify", out, check=False).stdout
        assert "by hub" in told and "edited" not in told, told
        assert not os.path.exists(os.path.join(guest.data, "owner.json")), "a guest leaves no account behind"
        seen = grant(home, id)
        assert (seen["uses"], seen["state"], seen["name"]) == (1, "active", "Ben"), seen
        listed = home.cardea("grants").stdout
        assert "a link for Ben: porch" in listed and "opened 1 time" in listed, listed
        # By hand, as a page would: the fragment stands in no request, so it is in no log of the vault.
        secret = link.split("#")[1]
        with open(os.path.join(folder, "home.log"), errors="replace") as f:
            assert secret not in f.read()
        # A damaged link is told from one that is not there.
        refused(guest.run("share", "open", link[:-4], check=False), "copy the whole link")
        refused(guest.run("share", "open", link.replace("#AQ", "#Ag"), check=False), "version")
    finally:
        home.stop()


def test_a_link_without_leave_to_keep_is_not_kept(folder):
    home, guest = home_with(folder, "porch"), Person(folder, "guest")
    try:
        _, link = share(home, "porch", "--from", "-5s", "--to", "-1s")
        out = os.path.join(folder, "kept.mp4")
        refused(guest.run("share", "open", link, "-o", out, check=False), "not keep it")
        assert not os.path.exists(out)
        refused(guest.run("share", "open", link, "--live", "-o", out, check=False), "not of the live view")
        assert guest.run("share", "open", link).returncode == 0
        _, live = share(home, "porch", "--live", "--expires", "10m")
        refused(guest.run("share", "open", live, "--live", "-o", out, check=False), "not keep it", "ffplay")
        assert not os.path.exists(out)
    finally:
        home.stop()


def test_a_password_views_and_an_end(folder):
    home, guest = home_with(folder, "porch"), Person(folder, "guest")
    right, wrong = os.path.join(folder, "right"), os.path.join(folder, "wrong")
    for path, word in ((right, "open sesame"), (wrong, "open barley")):
        with open(path, "w") as f:
            f.write(word)
    try:
        id, link = share(home, "porch", "--from", "-5s", "--to", "-1s", "--password-file", right, "--views", "2")
        refused(guest.run("share", "open", link, "--password-file", wrong, check=False), "password")
        assert grant(home, id)["uses"] == 0, "a wrong password is no view"
        for _ in range(2):
            guest.run("share", "open", link, "--password-file", right)
        refused(guest.run("share", "open", link, "--password-file", right, check=False), "often")
        refused(guest.run("share", "open", link, check=False), "this link has ended")  # before anybody types the password
        assert grant(home, id)["uses"] == 2
        # One that expires while we wait for it.
        id, link = share(home, "porch", "--from", "-5s", "--to", "-1s", "--expires", "15s")
        guest.run("share", "open", link)
        wait_for("the link to expire", lambda: grant(home, id)["state"] == "expired", 30)
        refused(guest.run("share", "open", link, check=False), "expired")
        # One that is ended.
        id, link = share(home, "porch", "--from", "-5s", "--to", "-1s")
        guest.run("share", "open", link)
        said = home.cardea("grants", "revoke", id[:8]).stdout
        assert "revoked" in said and "new keys" not in said, said  # nothing of it lies ahead: there is nothing to re-key
        refused(guest.run("share", "open", link, check=False), "revoked")
        assert grant(home, id)["state"] == "revoked"
        refused(home.cardea("grants", "revoke", "ffffffff", check=False), "cardea grants")
    finally:
        home.stop()


def test_ending_a_live_link_ends_the_view_and_the_keys(folder):
    home, guest, other = home_with(folder, "porch"), Person(folder, "guest"), Person(folder, "other")
    try:
        id, link = share(home, "porch", "--live", "--expires", "10m")
        _, stays = share(home, "porch", "--live", "--expires", "10m")
        view, kept = guest.start("share", "open", link, "--live"), other.start("share", "open", stays, "--live")
        read_some(view)
        read_some(kept)
        wait_for("it to be seen that somebody looks", lambda: any(a["live"] for a in grant(home, id)["active"]), 20)
        begun = time.monotonic()
        said = home.cardea("grants", "revoke", id)
        took = time.monotonic() - begun
        assert "1 camera has new keys" in said.stdout and "1 other grant got them" in said.stdout, said.stdout
        rest = view.stdout.read()  # to its end
        ended = time.monotonic() - begun
        assert view.wait(20 * PATIENCE) == 1 and b"revoked" in view.stderr.read(), "the view says why it ended"
        assert ended < 20 * PATIENCE, f"the view went on for {ended:.1f} s"
        del rest
        read_some(kept, 600_000)  # across the new epoch, by keys that it was handed
        kept.kill()
        kept.communicate()
        refused(guest.run("share", "open", link, check=False), "revoked")
        print(f"# a revocation with new keys took {took:.2f} s; the view had ended after {ended:.2f} s")
    finally:
        home.stop()


def ask(url, token, path, ranged=None):
    """(status, body) of a grantee's own request."""
    request = urllib.request.Request(url + path, headers={"Authorization": f"Access {token}", **({"Range": ranged} if ranged else {})})
    try:
        with urllib.request.urlopen(request, timeout=30) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def segments_of(reels):
    """[(reel, slot, end, offset, length)]"""
    out = []
    for reel in reels:
        raw = base64.urlsafe_b64decode(reel[7] + "=" * (-len(reel[7]) % 4))
        for i in range(0, len(raw), 20):
            word = lambda at: int.from_bytes(raw[i + at:i + at + 4], "big")
            out.append((reel[0], word(0), word(0) + raw[i + 4], word(8), word(12)))
    return out


def test_not_a_second_more(folder):
    """Grants of one to five seconds, at every place within segments: the vault serves each second of them, and refuses every
    neighbor. (That the keys open none of those: src/client/grantee_test.c, src/format/segment_test.c.)"""
    home, guest = home_with(folder, "porch", seconds=16), Person(folder, "guest")
    proxy = TamperingVault(home_url(folder))
    try:
        camera = home.json("camera", "list")[0]["id"]
        home.cardea("timeline", "porch", "--vault", proxy.url)
        owner = proxy.answers("POST", "/v1/access")[-1][1].json()["token"]
        tried = served = 0
        for length in range(1, 6):
            end = int(time.time()) - 3 - length
            for begin in (end - length, end - length - 1):
                iso = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t)) for t in (begin, begin + length)]
                _, link = share(home, "porch", "--from", iso[0], "--to", iso[1])
                guest.run("share", "open", link, "--vault", proxy.url)
                token = proxy.answers("POST", r"/v1/grants/[0-9a-f]{32}/open")[-1][1].json()["token"]
                wide = f"/v1/timeline?camera={camera}&from={begin - 8}&to={begin + length + 8}&detail=segments"
                shown = segments_of(json.loads(ask(proxy.url, token, wide)[1])["reels"])
                assert shown and all(s < begin + length and e > begin for _, s, e, _, _ in shown), (begin, length, shown)
                for second in [*range(begin - 8, begin), *range(begin + length, begin + length + 8)]:
                    status, body = ask(proxy.url, token, f"/v1/timeline?camera={camera}&from={second}&to={second + 1}&detail=segments")
                    rest = [x for x in segments_of(json.loads(body)["reels"]) if not (x[1] < begin + length and x[2] > begin)] if status == 200 else []
                    assert status in (200, 403) and not rest, (second, status, rest)
                    tried += 1
                for reel, slot, last, offset, size in segments_of(json.loads(ask(proxy.url, owner, wide)[1])["reels"]):
                    touches = slot < begin + length and last > begin
                    status, body = ask(proxy.url, token, f"/v1/reels/{reel}", f"bytes={offset}-{offset + size - 1}")
                    assert status == (206 if touches else 403), (begin, length, slot, last, status, body[:200])
                    served += touches
                    tried += 1
                assert ask(proxy.url, token, f"/v1/live?cameras={camera}")[0] == 403, "it is not for live viewing"
                assert ask(proxy.url, token, f"/v1/objects?prefix=camera/")[0] == 403
        print(f"# {tried} requests beside ten grants were tried; {served} segments within them were served")
    finally:
        proxy.stop()
        home.stop()


def test_a_member_joins_sees_and_is_removed(folder):
    home, ben = home_with(folder, "porch"), Person(folder, "ben")
    try:
        joined = ben.join(home, "--role", "member", "--past", "--export")
        assert joined["role"] == "member" and joined["household"] == home.name, joined
        assert [c["name"] for c in ben.json("camera", "list")] == ["porch"]
        out = os.path.join(folder, "bens.mp4")
        ben.run("export", "porch", "--from", "-10m", "--to", "now", "-o", out)
        assert frames_of(out) > 25
        assert sum(span_s(s) for s in ben.json("timeline", "porch")["spans"]) > 3
        assert ben.run("events").returncode == 0
        assert ben.json("status")["role"] == "member"
        view = ben.start("live", "porch")
        read_some(view)
        refused(ben.run("camera", "remove", "porch", "--yes", check=False), "household's keys", "member")
        refused(ben.run("share", "porch", "--from", "-5s", "--to", "-1s", check=False), "household's keys")
        # A camera that is added later comes to a member by itself.
        add_camera(home, folder, "yard")
        home.wait_recorded("yard", 3)
        home.cardea("camera", "list")  # any owner's command tends
        assert sorted(c["name"] for c in ben.json("camera", "list")) == ["porch", "yard"]
        out = os.path.join(folder, "yard.mp4")
        ben.run("export", "yard", "--from", "-1m", "--to", "now", "-o", out)
        # All that is one line of the day, and each of it is there.
        lines = lambda *more: [l for l in home.cardea("log", *more).stdout.splitlines() if " opened: " in l]
        uses = [e for e in home.json("log")["list"] if e["kind"] == "grant.use"]
        assert len(lines("--each")) == len(uses) >= 5, uses
        assert all(l.split("  ")[1].startswith("ben ") for l in lines()), lines()
        summed = [int(n) for l in lines() for n in re.findall(r", (\d+) times that day, last ", l)]
        assert len(lines()) <= 2 and sum(summed) >= len(uses) - 1, (lines(), "one or two, when midnight was in between")
        said = home.cardea("member", "remove", "ben", "--yes")
        assert "ben is removed" in said.stdout and "2 cameras have new keys" in said.stdout, said.stdout
        view.stdout.read()
        assert view.wait(20 * PATIENCE) == 1
        for command in (["camera", "list"], ["live", "porch", "-o", os.path.join(folder, "no.mp4")],
                        ["export", "porch", "--from", "-1m", "--to", "now", "-o", os.path.join(folder, "no.mp4")]):
            refused(ben.run(*command, check=False), "revoked")
        assert not os.path.exists(os.path.join(folder, "no.mp4")) or os.path.getsize(os.path.join(folder, "no.mp4")) == 0
        assert home.json("member", "list") == []
        # And may come again: from now on alone, of one camera.
        ben.join(home, "--role", "viewer", "--camera", "yard")
        assert [c["name"] for c in ben.json("camera", "list")] == ["yard"]
        refused(ben.run("export", "yard", "--from", "-1m", "--to", "now", "-o", out + "2", check=False), "not keep it")
    finally:
        home.stop()


def test_an_owner_is_let_in_and_taken_out(folder):
    home, eve = home_with(folder, "porch"), Person(folder, "eve")
    try:
        assert eve.join(home, "--role", "owner")["role"] == "owner"
        assert [c["name"] for c in eve.json("camera", "list")] == ["porch"]
        id = eve.json("share", "porch", "--from", "-5s", "--to", "-1s")["id"]
        assert grant(home, id)["state"] == "active", "another owner's share is this household's"
        out = os.path.join(folder, "eves.mp4")
        eve.run("export", "porch", "--from", "-5s", "--to", "now", "-o", out)
        refused(eve.run("member", "remove", "eve", "--yes", check=False), "that is you")
        said = home.cardea("member", "remove", "eve", "--yes").stdout
        assert "1 camera has new keys" in said and "still" in said, said
        assert eve.run("camera", "list", check=False).returncode == 1
    finally:
        home.stop()


def test_invitations(folder):
    home, ben, thief = home_with(folder, "porch"), Person(folder, "ben"), Person(folder, "thief")
    try:
        waiting = subprocess.Popen([CARDEA, "member", "add", "ben", "--role", "member", "--data", home.data],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, "CARDEA_PASSPHRASE_FILE": home.secret})
        link = waiting.stdout.readline().strip()
        assert "#join=" in link, link
        waiting.send_signal(2)  # Ctrl-C ends the waiting, not the invitation
        out, _ = waiting.communicate(timeout=30 * PATIENCE)
        assert waiting.returncode == 0 and "holds for a week" in out, out
        assert [(m["name"], m["state"]) for m in home.json("member", "list")] == [("ben", "invited")]
        assert "ben" in home.cardea("member", "list").stdout
        # A code that nobody made: nobody is let in by it.
        wrong = thief.start("join", re.sub(r"join=[^&]*", "join=0000-0000-0000-0001", link), "--login", "t@example.org",
                            "--recovery-file", os.path.join(thief.data, "kit"))
        assert ben.run("join", "https://vault/", "--login", "b@example.org", check=False).returncode == 2
        joining = ben.start("join", link, "--login", "ben@example.org", "--recovery-file", os.path.join(ben.data, "kit"))
        wait_for("ben to be in", lambda: home.json("member", "list")[0]["state"] == "in", 60)
        assert joining.wait(60 * PATIENCE) == 0, joining.stderr.read()
        joining.communicate()
        assert wrong.poll() is None, "who has no invitation waits in vain"
        wrong.kill()
        wrong.communicate()
        # Withdrawn: the link lets nobody in.
        home.cardea("member", "add", "cleo", "--role", "viewer", "--camera", "porch", "--no-wait")
        assert "withdrawn" in home.cardea("member", "remove", "cleo").stdout
        assert [m["name"] for m in home.json("member", "list")] == ["ben"]
        for wrong in (["x", "--role", "viewer"], ["x", "--role", "member", "--camera", "porch"], ["x"], ["x", "--role", "god"],
                      ["x", "--role", "owner", "--past"]):
            assert home.cardea("member", "add", *wrong, check=False).returncode == 2, wrong
        refused(home.cardea("member", "add", "ben", "--role", "member", "--no-wait", check=False), "already")
    finally:
        home.stop()


if __name__ == "__main__":
    main([test_a_link_opens_what_it_says, test_a_link_without_leave_to_keep_is_not_kept, test_a_password_views_and_an_end,
          test_not_a_second_more, test_ending_a_live_link_ends_the_view_and_the_keys, test_a_member_joins_sees_and_is_removed,
          test_an_owner_is_let_in_and_taken_out, test_invitations])
