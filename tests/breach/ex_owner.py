#!/usr/bin/env python3
"""ex-owner: somebody who was an owner, and kept every key, goes on watching and commanding.

Ben was an owner. After his removal the vault is on his side: it answers him with what it kept from when he was an owner (his copy of
the household's keys, the hubs' certificates, what it knew of the household), and lets him do all that an owner's capability may.
He opens nothing that was recorded since, commands no hub, and gives nothing to anybody. Honest path, at the same time: the owner
who removed him, another owner, a member and a link go on."""
import json, os, re, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from ex_member import iso, owner_access, stamp
from grants_test import Person, add_camera, home_url, home_with, refused, share
from home import CARDEA, PATIENCE, frames_of, main, wait_for
from tampering_vault import Message, TamperingVault, refusal

KEYS, HUB = r"/v1/objects/household/keys/[0-9a-f]{16}", r"/v1/objects/hub/[0-9a-f]{32}"
COMMANDS, GRANTS = r"/v1/hubs/[0-9a-f]{32}/commands", r"/v1/grants/[0-9a-f]{32}"


def said(body, kind="application/json"):
    return lambda q: Message(status=200, headers={"Content-Type": kind}, body=body)


class Kept:
    """What a vault on Ben's side keeps of an owner's run."""

    def __init__(self, folder, ben):
        through = TamperingVault(home_url(folder))
        ben.run("camera", "list", "--vault", through.url)
        ben.run("grants", "--vault", through.url)
        ben.run("share", "porch", "--from", "-1m", "--to", "now", "--vault", through.url)
        ben.run("log", "verify", "--vault", through.url)
        self.pins = through.answers("GET", "/v1/objects/trust/pins")[-1][1].body
        self.keys = through.answers("GET", KEYS)[-1][1].body
        self.hubs = {q.path: r.body for q, r in through.answers("GET", HUB)}
        self.household = through.answers("GET", "/v1/household")[-1][1].body
        through.stop()

    def colluding(self, folder, home):
        """Ben's old household, and an owner's access to the vault as it is now."""
        proxy, access = TamperingVault(home_url(folder)), owner_access(folder, home)
        token = {"token": access.removeprefix("Access "), "expires_in_s": 600, "household": "0" * 32, "role": "owner"}
        proxy.rule("POST", "/v1/access", ask=said(json.dumps(token).encode()))
        proxy.rule("GET", KEYS, ask=said(self.keys, "application/octet-stream"))
        proxy.rule("GET", "/v1/objects/trust/pins", ask=said(self.pins, "application/octet-stream"))
        for path, body in self.hubs.items():
            proxy.rule("GET", re.escape(path), ask=said(body, "application/octet-stream"))
        proxy.rule("GET", "/v1/household", ask=said(self.household))
        proxy.rule("GET", "/v1/objects/household/succession",
                   ask=lambda q: refusal(404, "not_found", "there is none"))
        # Grants by the new key would only stop his software: his vault shows it none.
        proxy.rule("GET", "/v1/grants", ask=said(b'{"grants":[]}'))
        return proxy


def old_roots_only(proxy, newest):
    """Roots that he cannot open would only stop his software: his vault leaves them out of the list."""
    def cut(request, response):
        value = response.json()
        for o in list(value["objects"]):
            root = re.fullmatch(r"camera/[0-9a-f]{32}/root/(\d+)", o["key"])
            if root and int(root[1]) > newest:
                value["objects"].remove(o)
        return response.set_json(value)
    proxy.rule("GET", "/v1/objects", cut)


def epochs(folder, home):
    through = TamperingVault(home_url(folder))
    home.cardea("camera", "list", "--vault", through.url)
    found = [int(m[1]) for _, r in through.answers("GET", "/v1/objects") for o in r.json().get("objects", [])
             if (m := re.fullmatch(r"camera/[0-9a-f]{32}/root/(\d+)", o["key"]))]
    through.stop()
    return max(found)


def test_an_ex_owner_has_nothing(folder):
    home = home_with(folder, "porch")
    ben, dora, cleo = Person(folder, "ben"), Person(folder, "dora"), Person(folder, "cleo")
    proxy = None
    try:
        ben.join(home, "--role", "owner")
        dora.join(home, "--role", "owner")
        cleo.join(home, "--role", "member", "--past", "--export")
        _, link = share(home, "porch", "--from", "-5m", "--to", "now", "--export")
        assert [m["name"] for m in ben.json("member", "list") if m["role"] == "owner"], "an owner sees the others"
        before = os.path.join(folder, "before.mp4")
        ben.run("export", "porch", "--from", "-10m", "--to", "now", "-o", before)
        assert frames_of(before) > 25, "while he was an owner he saw"
        home.cardea("log", "verify")  # from here on the household has pins
        kept, newest = Kept(folder, ben), epochs(folder, home)
        dora.run("camera", "list")
        home.cardea("member", "add", "eve", "--role", "owner", "--no-wait")
        r = home.cardea("member", "remove", "ben", "--yes")
        assert "1 camera has new keys" in r.stdout and "dora" in r.stderr, r.stdout + r.stderr
        removed_at = time.time()
        assert sorted(m["name"] for m in home.json("member", "list")) == ["cleo", "dora"], "the invitation is withdrawn too"
        assert epochs(folder, home) > newest
        home.wait_recorded("porch", home.recorded_s("porch") + 8)
        # The vault keeps its word.
        refused(ben.run("camera", "list", check=False), "capability")
        # A vault that does not.
        os.remove(os.path.join(ben.data, "seen.json"))
        proxy = kept.colluding(folder, home)
        at = lambda *args: ben.run(*args, "--vault", proxy.url, check=False)
        r = at("export", "porch", "--from", stamp(removed_at + 3), "--to", "now", "-o", os.path.join(folder, "no.mp4"))
        assert r.returncode == 1, r.stdout + r.stderr
        old_roots_only(proxy, newest)
        after = os.path.join(folder, "after.mp4")
        r = at("export", "porch", "--from", "-10m", "--to", "now", "-o", after, "--json")
        assert r.returncode == 0, r.stderr
        ends = iso(json.loads(r.stdout)["to"])
        assert ends <= removed_at + 3, f"opened {ends - removed_at:.1f} s from after the removal"
        view = ben.start("live", "porch", "--vault", proxy.url)
        wait_for("his live view to fail", lambda: view.stderr.readline(), 30)
        view.kill()
        assert view.communicate()[0] == b"", "not a byte of the live view"
        # No hub does what he says.
        r = at("camera", "add", "mine", f"file:{os.path.join(folder, 'source.mp4')}")
        assert r.returncode == 1, r.stdout
        assert proxy.answers("POST", COMMANDS)[-1][1].status != 200, "the hub answered him"
        assert [c["name"] for c in home.json("camera", "list")] == ["porch"]
        # No vault takes what he gives.
        r = at("share", "porch", "--from", "-1m", "--to", "now")
        assert r.returncode == 1, r.stdout
        assert proxy.answers("POST", "/v1/grants")[-1][1].status == 403
        # A succession that somebody's software does not know of alarms it: here his, of that by which he went.
        r = at("log", "verify")
        assert r.returncode == 1 and "renewed 1 times, and you know of 0" in r.stderr, r.stdout + r.stderr
        # Honest path: everybody else sees all of it, over the change of keys, without signing in to anything anew.
        for who, more in ((dora, []), (cleo, [])):
            r = json.loads(who.run("export", "porch", "--from", "-10m", "--to", "now", "-o", os.path.join(folder, f"{who.name}.mp4"),
                                   "--json", *more).stdout)
            assert iso(r["to"]) > removed_at + 4 and iso(r["from"]) < removed_at, r
        assert dora.json("status")["hubs"], "her commands are taken"
        out = os.path.join(folder, "link.mp4")
        Person(folder, "guest").run("share", "open", link, "-o", out)
        assert frames_of(out) > 100
        home.export("porch", os.path.join(folder, "annas.mp4"))
        home.cardea("log", "verify")
        dora.run("log", "verify")
        add_camera(home, folder, "front")
    finally:
        if proxy:
            proxy.stop()
        home.stop()


def test_the_hub_is_away_when_an_owner_is_removed(folder):
    home, ben = home_with(folder, "porch"), Person(folder, "ben")
    try:
        ben.join(home, "--role", "owner")
        before = epochs(folder, home)
        proxy = TamperingVault(home_url(folder))
        proxy.rule("POST", COMMANDS, ask=lambda q: refusal(404, "not_found", "the hub has not been seen since yesterday"))
        r = home.cardea("member", "remove", "ben", "--yes", "--vault", proxy.url, check=False)
        assert r.returncode == 1 and "no new keys" in r.stderr and "when the hub is back" in r.stderr, r.stdout + r.stderr
        refused(ben.run("camera", "list", check=False), "capability")
        r = home.cardea("member", "list", "--vault", proxy.url)
        assert "ben" in r.stdout and "former keys" in r.stdout, r.stdout + r.stderr
        r = home.cardea("status", "--vault", proxy.url)
        assert "former keys" in r.stdout, r.stdout
        listed = json.loads(home.cardea("member", "list", "--vault", proxy.url, "--json").stdout)
        assert listed[0]["state"] == "removed" and len(listed[0]["hubs"]) == 1, listed
        proxy.stop()
        home.cardea("camera", "list")  # any command of an owner's gives the hub the keys
        assert home.json("member", "list") == []
        assert epochs(folder, home) > before and "former keys" not in home.cardea("status").stdout
        add_camera(home, folder, "front")
        home.cardea("log", "verify")
    finally:
        home.stop()


MEMBER = r"/v1/objects/member/[0-9a-f]{16}"


def members(home, folder):
    through = TamperingVault(home_url(folder))
    home.cardea("member", "list", "--vault", through.url)
    found = {q.path.removeprefix("/v1/objects/") for q, _ in through.answers("GET", MEMBER)}
    through.stop()
    return found


def test_a_vault_takes_back_that_he_goes(folder):
    """His entry as it stood before he was marked, from some step of the removal on: nothing new is sealed to him."""
    home = home_with(folder, "porch")
    steps = (("PUT", MEMBER, "still have the household's keys"), ("DELETE", r"/v1/capabilities/[0-9a-f]{64}", "holds a change back"),
             ("PUT", KEYS, "by a former key"))
    try:
        for i, (method, path, says) in enumerate(steps):
            ben = Person(folder, f"ben{i}")
            ben.join(home, "--role", "owner")
            proxy, met = TamperingVault(home_url(folder)), []
            home.cardea("member", "list", "--vault", proxy.url)
            kept = {q.path: r.body for q, r in proxy.answers("GET", MEMBER)}

            def note(q, r):
                met.append(q)
                return r
            proxy.rule(method, path, note)
            proxy.rule("GET", MEMBER, lambda q, r: said(kept[q.path], "application/octet-stream")(q) if met and q.path in kept else r)
            r = home.cardea("member", "remove", ben.name, "--yes", "--vault", proxy.url, check=False)
            assert met and says in r.stderr, f"{path}: {r.stdout}{r.stderr}"
            assert r.returncode == 1 or path == KEYS, f"{path}: {r.stdout}{r.stderr}"
            sealed = {q.path for q, a in proxy.answers("PUT", KEYS) if a.status < 300}
            assert len(sealed) == (path == KEYS), f"{path}: keys for {sealed}"
            proxy.stop()
            if path != KEYS:  # in its right state the vault has it finished by whatever comes next
                home.cardea("camera", "list")
                assert home.json("member", "list") == [], path
    finally:
        home.stop()


def test_another_device_is_told_that_he_did_not_go(folder):
    """Ben's entry as Dora's device saw it last, and no word of how far the succession is: her device goes on, and not with him."""
    home, ben, dora = home_with(folder, "porch"), Person(folder, "ben"), Person(folder, "dora")
    proxy = None
    try:
        ben.join(home, "--role", "owner")
        dora.join(home, "--role", "owner")
        proxy = TamperingVault(home_url(folder))
        dora.run("member", "list", "--vault", proxy.url)
        kept = {q.path: r.body for q, r in proxy.answers("GET", MEMBER)}
        home.cardea("member", "remove", "ben", "--yes")
        left = {q.path for q, r in proxy.answers("GET", MEMBER)} - {f"/v1/objects/{o}" for o in members(home, folder)}
        assert len(left) == 1, left
        bens = left.pop()

        def listed(request, response):
            value = response.json()
            if "member" in request.path:
                value["objects"].append({"key": bens.removeprefix("/v1/objects/"), "version": 1, "bytes": len(kept[bens])})
            return response.set_json(value)
        proxy.rule("GET", "/v1/objects", listed)
        proxy.rule("GET", bens, ask=said(kept[bens], "application/octet-stream"))
        proxy.rule("GET", "/v1/objects/household/succession",
                   ask=lambda q: refusal(404, "not_found", "there is none"))
        r = dora.run("camera", "list", "--vault", proxy.url, check=False)
        assert "porch" in r.stdout, r.stdout + r.stderr
        assert proxy.answers("PUT", "/v1/objects/household/succession"), "her device did not go on"
        assert not proxy.answers("PUT", KEYS), "keys for Ben"
        assert not proxy.answers("PUT", bens), "Ben is called an owner by the new key"
    finally:
        if proxy:
            proxy.stop()
        home.stop()


def test_a_removal_that_is_killed_is_finished(folder):
    """Killed at each of its steps: the owner's next command goes on, whatever it is."""
    home, cleo = home_with(folder, "porch"), Person(folder, "cleo")
    state, nothing = "/v1/objects/household/succession", 2  # in the first two nothing has happened yet
    steps = (("PUT", state, True, 1), ("PUT", r"/v1/objects/member/[0-9a-f]{16}", False, 1),
             ("DELETE", r"/v1/capabilities/[0-9a-f]{64}", True, 1), ("PUT", KEYS, False, 1), ("PUT", KEYS, True, 1),
             ("PUT", "/v1/household", False, 1), ("PUT", "/v1/household", True, 1), ("PUT", HUB, True, 1),
             ("POST", COMMANDS, False, 1), ("POST", COMMANDS, True, 1), ("PUT", GRANTS, True, 1), ("PUT", state, True, 2))
    try:
        cleo.join(home, "--role", "member", "--past")
        for i, (method, path, done, nth) in enumerate(steps):
            who = Person(folder, f"ben{i}")
            who.join(home, "--role", "owner")
            removing, proxy, met = [], TamperingVault(home_url(folder)), []

            def end(q, r=None):
                met.append(q)
                if len(met) < nth:
                    return r
                removing[0].kill()
                return r or Message(status=503, headers={"Content-Type": "application/json"}, body=b'{"error":"busy","message":"x"}')
            if done:
                proxy.rule(method, path, lambda q, r: end(q, r))
            else:
                proxy.rule(method, path, ask=end)
            removing.append(subprocess.Popen([CARDEA, "member", "remove", who.name, "--yes", "--data", home.data, "--vault", proxy.url],
                                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                             env={**os.environ, "CARDEA_PASSPHRASE_FILE": home.secret}))
            assert removing[0].wait(60 * PATIENCE) == -signal.SIGKILL, f"{method} {path}: it was not reached"
            proxy.stop()
            home.cardea("camera", "list")
            left = [m["name"] for m in home.json("member", "list")]
            if who.name in left:
                assert i < nothing, f"{method} {path} {done}: {left}"
                home.cardea("member", "remove", who.name, "--yes")
                left = [m["name"] for m in home.json("member", "list")]
            assert left == ["cleo"], f"{method} {path} {done}: {left}"
        refused(who.run("camera", "list", check=False), "capability")
        home.cardea("log", "verify")
        cleo.run("camera", "list")
        assert home.json("camera", "list")[0]["name"] == "porch"
    finally:
        home.stop()


if __name__ == "__main__":
    tests = [test_an_ex_owner_has_nothing, test_the_hub_is_away_when_an_owner_is_removed, test_a_vault_takes_back_that_he_goes,
             test_another_device_is_told_that_he_did_not_go,
             test_a_removal_that_is_killed_is_finished]
    main([t for t in tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]])
