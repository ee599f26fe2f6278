#!/usr/bin/env python3
"""ex-member: somebody who was let in, and was removed, goes on watching.

Ben was a member. After his removal nothing that his software kept, and no vault that helps him, opens a second that was recorded
since. The vault that helps is a proxy which answers him with what it answered when he was a member, and which fetches by an
owner's access whatever he asks for: it has all the ciphertext. Honest path, at the same time: another member sees it all."""
import base64, json, os, shutil, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from grants_test import Person, home_url, home_with, read_some, refused
from home import BUILD, frames_of, main, wait_for
from tampering_vault import Message, TamperingVault, refusal

OPEN = r"/v1/grants/[0-9a-f]{32}/open"


def owner_access(folder, home):
    owner = TamperingVault(home_url(folder))
    home.cardea("camera", "list", "--vault", owner.url)
    token = owner.answers("POST", "/v1/access")[-1][1].json()["token"]
    owner.stop()
    return f"Access {token}"


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def written_for(folder, kept, request):
    """His old answer with a use that is of this opening: it stands in a log that the vault made for him, with the log's own key."""
    value, asked = json.loads(kept), json.loads(request.body)
    leaf = unb64(value["leaf"])
    tag = leaf.index(b"\x58\x20") + 2
    actor = leaf[tag + 33:tag + 49]
    log = tempfile.mkdtemp(dir=folder)
    shutil.copy(find(folder, "log.key"), log)
    r = subprocess.run([os.path.join(BUILD, "tests/breach/log_forger"), log, "grant.use", "0", "-", actor.hex(), unb64(asked["nonce"]).hex(),
                        unb64(asked["signature"]).hex()], check=True, capture_output=True, text=True)
    value["entry"], value["proof"] = 0, []
    value["leaf"] = base64.urlsafe_b64encode(bytes.fromhex(r.stdout.split()[1])).decode().rstrip("=")
    with open(os.path.join(log, "log", "checkpoint")) as f:
        value["checkpoint"] = f.read()
    return json.dumps(value).encode()


def find(folder, name):
    return next(os.path.join(at, name) for at, _, files in os.walk(folder) if name in files)


def colluding(folder, home, kept):
    """A vault on Ben's side: his old answer, and everything by an owner's access."""
    proxy, access = TamperingVault(home_url(folder)), owner_access(folder, home)
    proxy.rule("POST", OPEN, ask=lambda q: Message(status=200, headers={"Content-Type": "application/json"}, body=written_for(folder, kept, q)))
    for path in ("/v1/timeline", r"/v1/reels/[0-9a-f]{32}", "/v1/live", "/v1/cameras", "/v1/events"):
        proxy.rule("GET", path, ask=lambda q: q.headers.__setitem__("Authorization", access))
    return proxy


def test_an_ex_member_opens_nothing_new(folder):
    home, ben, cleo = home_with(folder, "porch"), Person(folder, "ben"), Person(folder, "cleo")
    proxy = None
    try:
        ben.join(home, "--role", "member", "--past", "--export")
        cleo.join(home, "--role", "member", "--past", "--export")
        through = TamperingVault(home_url(folder))
        before = os.path.join(folder, "before.mp4")
        ben.run("export", "porch", "--from", "-10m", "--to", "now", "-o", before, "--vault", through.url)
        kept = through.answers("POST", OPEN)[-1][1].body
        through.stop()
        assert frames_of(before) > 25, "while he was a member he saw"
        said = home.cardea("member", "remove", "ben", "--yes").stdout
        assert "1 camera has new keys" in said, said
        removed_at = time.time()
        home.wait_recorded("porch", home.recorded_s("porch") + 8)
        # The vault keeps its word.
        refused(ben.run("export", "porch", "--from", "-10m", "--to", "now", "-o", os.path.join(folder, "no.mp4"), check=False), "revoked")
        # A vault that does not: his keys open what they opened, and not a second since.
        proxy = colluding(folder, home, kept)
        after = os.path.join(folder, "after.mp4")
        r = ben.run("export", "porch", "--from", "-10m", "--to", "now", "-o", after, "--vault", proxy.url, "--json", check=False)
        assert r.returncode == 0, r.stderr
        result = json.loads(r.stdout)
        ends = iso(result["to"])
        assert ends <= removed_at + 3, f"opened {ends - removed_at:.1f} s from after the removal"
        assert any(m["why"] == "deleted" and iso(m["to"]) > removed_at + 4 for m in result["missing"]), result["missing"]
        r = ben.run("export", "porch", "--from", stamp(removed_at + 3), "--to", "now", "-o", os.path.join(folder, "no.mp4"),
                    "--vault", proxy.url, check=False)
        assert r.returncode == 1 and "key" in r.stderr, r.stdout + r.stderr
        view = ben.start("live", "porch", "--vault", proxy.url)
        first = wait_for("his live view to fail", lambda: view.stderr.readline(), 30).decode()
        assert "earlier use" in first or "keys changed" in first, first
        view.kill()
        assert view.communicate()[0] == b"", "not a byte of the live view"
        # Honest path: whoever stayed sees all of it, over the change of keys.
        out = os.path.join(folder, "cleos.mp4")
        r = json.loads(cleo.run("export", "porch", "--from", "-10m", "--to", "now", "-o", out, "--json").stdout)
        assert iso(r["to"]) > removed_at + 4 and iso(r["from"]) < removed_at, r
        view = cleo.start("live", "porch")
        read_some(view)
        view.kill()
        view.communicate()
    finally:
        if proxy:
            proxy.stop()
        home.stop()


def test_the_hub_is_away_when_a_member_is_removed(folder):
    """The vault ends it at once; that the keys are not new yet is said, and how to make them so."""
    home, ben = home_with(folder, "porch"), Person(folder, "ben")
    try:
        ben.join(home, "--role", "viewer", "--camera", "porch")
        proxy = TamperingVault(home_url(folder))
        proxy.rule("POST", r"/v1/hubs/[0-9a-f]{32}/commands", ask=lambda q: refusal(404, "not_found", "the hub has not been seen since yesterday"))
        r = home.cardea("member", "remove", "ben", "--yes", "--vault", proxy.url, check=False)
        proxy.stop()
        assert r.returncode == 1 and "no new keys" in r.stderr and "when the hub is back" in r.stderr, r.stdout + r.stderr
        refused(ben.run("camera", "list", check=False), "revoked")
        assert [m["name"] for m in home.json("member", "list")] == ["ben"], "what is not done stays on the list"
        assert "1 camera has new keys" in home.cardea("member", "remove", "ben", "--yes").stdout
        assert home.json("member", "list") == []
    finally:
        home.stop()


def through(folder, home, change):
    """The owner's commands by a vault on the ex-member's side."""
    proxy = TamperingVault(home_url(folder))
    change(proxy)
    return proxy, lambda *args: home.cardea(*args, "--vault", proxy.url, check=False)


def test_no_new_keys_for_whose_removal_the_vault_hides(folder):
    """It lists Ben's grant as if it went on; the owner's software would give it the keys of the next epoch."""
    home, ben, cleo, dora = home_with(folder, "porch"), Person(folder, "ben"), Person(folder, "cleo"), Person(folder, "dora")
    proxy = None
    try:
        for who in (ben, cleo, dora):
            who.join(home, "--role", "member")
        bens = next(g["id"] for g in home.json("grants") if g["name"] == "ben")
        home.cardea("member", "remove", "ben", "--yes")

        def alive(request, response):
            value = response.json()
            for g in value["grants"]:
                if g["id"] == bens:
                    g.pop("revocation", None), g.pop("revoked", None)
            return response.set_json(value)
        proxy, owner = through(folder, home, lambda p: p.rule("GET", "/v1/grants", alive))
        r = owner("member", "remove", "dora", "--yes")  # a new epoch, whose keys go to all who may still look
        puts = [q.path for q, _ in proxy.answers("PUT", r"/v1/grants/[0-9a-f]{32}")]
        assert not any(bens in path for path in puts), "he was given the new keys"
        assert "had not ended the grant" in r.stderr and "ben" in r.stderr, r.stdout + r.stderr
        assert puts, "who stayed has them"
        cleo.run("camera", "list")
    finally:
        if proxy:
            proxy.stop()
        home.stop()


def test_an_invitation_that_was_used_is_not_used_again(folder):
    """After Ben's removal the vault brings back the invitation by which he came, and what his device said then."""
    home, ben, invite = home_with(folder, "porch"), Person(folder, "ben"), r"/v1/objects/(member/invite/[0-9a-f]{8})"
    proxy, owner = through(folder, home, lambda p: None)
    try:
        link = json.loads(owner("member", "add", "ben", "--role", "member", "--no-wait", "--json").stdout)["link"]
        kept = proxy.answers("PUT", invite)[-1][0]
        joining = ben.start("join", link, "--login", "ben@example.org", "--recovery-file", os.path.join(ben.data, "kit"), "--json")
        wait_for("ben to be let in", lambda: "in" in [m["state"] for m in json.loads(owner("member", "list", "--json").stdout)], 60)
        joining.communicate()
        offer = next(r.body for _, r in proxy.answers("GET", r"/v1/pairing/[0-9a-f]+") if r.status == 200)
        owner("member", "remove", "ben", "--yes")
        assert home.json("member", "list") == []

        def bring_back(request, response):
            value = response.json()
            value["objects"].append({"key": kept.path.removeprefix("/v1/objects/"), "version": 1, "bytes": len(kept.body)})
            return response.set_json(value)

        def said(body):
            return lambda q: Message(status=200, headers={"Content-Type": "application/json"}, body=body)
        before = len(proxy.answers("POST", "/v1/grants"))
        proxy.rule("GET", "/v1/objects", bring_back)
        proxy.rule("GET", invite, ask=said(kept.body))
        proxy.rule("GET", r"/v1/pairing/[0-9a-f]+", ask=said(offer))
        r = owner("member", "list")
        assert len(proxy.answers("POST", "/v1/grants")) == before, "he was let in again"
        assert r.returncode == 1 and "holds a change back" in r.stderr, r.stdout + r.stderr
        proxy.honest()
        assert home.json("member", "list") == []
    finally:
        proxy.stop()
        home.stop()


def iso(text):
    from datetime import datetime
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


if __name__ == "__main__":
    main([test_an_ex_member_opens_nothing_new, test_the_hub_is_away_when_a_member_is_removed,
          test_no_new_keys_for_whose_removal_the_vault_hides,
          test_an_invitation_that_was_used_is_not_used_again])
