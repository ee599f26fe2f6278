#!/usr/bin/env python3
"""god-mode: an administrator with every role gets no frame, live or recorded; each attempt is refused the same way and logged.

The tester is root on the vault: every staff password, the databases with the secret under which tokens are made, the blobs."""
import hashlib, hmac, http.client, json, os, sqlite3, struct, subprocess, sys, time, base64, threading

from desk import *
from home import BUILD, files_under, find_needles, frames_of, main, media_needles
from tampering_vault import Message, TamperingVault

TOKEN = os.path.join(BUILD, "tests/breach/staff_token")


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def access_of(member):
    return subprocess.run([TOKEN, member.data, member.vault, member.login, member.secret], check=True, capture_output=True,
                          text=True).stdout.strip()


def get(desk, path, auth, method="GET", seconds=None):
    """Status and bytes; of an answer that does not end, what comes in so many seconds."""
    connection = http.client.HTTPConnection(desk.url, timeout=30 if seconds is None else 2)
    try:
        connection.request(method, path, headers={"Authorization": auth})
        answer = connection.getresponse()
        if seconds is None:
            return answer.status, answer.read()
        got, end = b"", time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                got += answer.read1(65536)
            except TimeoutError:
                break
        return answer.status, got
    finally:
        connection.close()


def owner_token(desk, capability):
    """What root can make: an owner's access, by the vault's own secret (src/vault/token.c)."""
    secret = open(os.path.join(desk.folder, "secret"), "rb").read()
    key = hmac.new(secret, b"cardea/1 vault access\x01", hashlib.sha256).digest()
    raw = b"\x01" + struct.pack(">I", int(time.time()) + 600) + capability
    return "Access " + b64(raw + hmac.new(key, raw, hashlib.sha256).digest()[:16])


def rows(desk, sql, database="index.db"):
    with sqlite3.connect(f"file:{desk.folder}/{database}?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def refusals(desk):
    report = json.loads(desk.log_report())
    return sum(r["count"] for r in report if r["kind"] == "admin.refused")


def test_no_role_sees_a_frame(folder):
    desk = Desk(folder)
    home = None
    try:
        root = desk.agent("root", "administrator")
        omni = desk.agent("omni", "agent", "operator", "moderator")
        home = desk.household()
        home.wait_recorded("porch", 8)
        needles = media_needles(os.path.join(home.root, "clip.mp4"))
        wait_for("a reel to be stored", lambda: rows(desk, "SELECT count(*) FROM reels")[0][0], 90)
        camera = rows(desk, "SELECT hex(camera) FROM cameras")[0][0].lower()
        reel = rows(desk, "SELECT hex(reel) FROM reels")[0][0].lower()
        none = "ab" * 16
        asked = [("GET", p) for p in (f"/v1/live?cameras={camera}", f"/v1/live?cameras={none}", f"/v1/reels/{reel}", f"/v1/reels/{none}",
                 f"/v1/timeline?camera={camera}&from=0&to=4000000000", f"/v1/timeline?camera={none}&from=0&to=4000000000",
                 f"/v1/events?camera={camera}&day=20000", "/v1/cameras", "/v1/objects", f"/v1/objects/camera/{camera}/root/1",
                 "/v1/grants", "/v1/activity", "/v1/hubs", "/v1/usage", "/v1/log/mine", "/v1/household")]
        before, answers = refusals(desk), set()
        for member in (root, omni):
            auth = access_of(member)
            for method, path in asked:
                answers.add(get(desk, path, auth, method))
        assert len(answers) == 1, answers
        [(status, body)] = answers
        assert status == 403, (status, body)
        # Each is in the log: the first one by one, the others counted, at the latest when a minute is over.
        expected = 2 * len(asked)
        wait_for("all refusals to stand in the log", lambda: refusals(desk) - before >= expected, 70)
        assert refusals(desk) - before == expected, (refusals(desk), before)
        public = json.loads(home.cardea("log", "report", desk.vault.url, "--json").stdout)
        assert "admin.refused" in json.dumps(public)
        alarms = json.loads(desk.provider.cardea("staff", "alarms", "--json").stdout)
        assert {a["name"] for a in alarms if a["word"] == "refused"} == {"root", "omni"}, alarms

        # Root on the machine can make an owner's token: what comes, live and recorded, opens for nobody.
        capability = rows(desk, "SELECT key FROM capabilities WHERE role=1")[0][0]
        forged = owner_token(desk, capability)
        status, recorded = get(desk, f"/v1/reels/{reel}", forged)
        assert status == 200 and len(recorded) > 10000, (status, len(recorded))
        status, live = get(desk, f"/v1/live?cameras={camera}", forged, seconds=6)
        assert status == 200 and len(live) > 10000, (status, len(live))
        stores = b"".join(open(f, "rb").read() for f in files_under(desk.folder))
        desk_file = b"".join(open(f, "rb").read() for f in files_under(root.root) + files_under(omni.root) + files_under(desk.provider.root))
        for name, data in (("recorded", recorded), ("live", live), ("the vault's disk", stores), ("staff's machines", desk_file)):
            assert not find_needles(needles, data), f"frames in {name}"

        # The honest path: the owner has the frames, and an agent exactly those that were given.
        export = home.export("porch", os.path.join(folder, "mine.mp4"))
        assert find_needles(needles, open(export, "rb").read())
        ticket = ticket_of(home)
        now = int(time.time())
        ask_past(omni, ticket, now - 8, now - 2)
        approve(home, ticket)
        out = os.path.join(folder, "given.mp4")
        watching = omni.watch(ticket, output=out)
        assert watching.wait(60 * PATIENCE) == 0, open(out + ".err").read()
        first, last = slots_of(out)
        assert now - 8 <= first <= last < now - 2, (now, first, last)
        assert find_needles(needles, open(out, "rb").read())
    finally:
        if home: home.stop()
        desk.stop()


def test_a_revoked_agent_is_given_nothing(folder):
    """A vault on a revoked agent's side takes whatever grant the owner signs: the owner's software reads the log first."""
    desk, home, proxy = Desk(folder), None, None
    try:
        ann = desk.agent("ann")
        home = desk.household()
        ticket = ticket_of(home)
        ask_live(ann, ticket)
        desk.provider.cardea("staff", "revoke", "ann", "--yes")
        proxy = TamperingVault(desk.vault.url)
        said = Message(status=201, headers={"Content-Type": "application/json"}, body=b'{"entry":1}')
        given = proxy.rule("POST", "/v1/grants", ask=lambda q: said)
        home.vault = proxy.url
        r = home.cardea("support", "approve", ticket, check=False)
        assert not given.used, "keys were given to whom the log says is revoked"
        assert r.returncode == 1 and "ann was revoked" in r.stderr, r.stdout + r.stderr
        home.vault = desk.vault.url
        # Honest path: somebody who is certified.
        bea = desk.agent("bea")
        ask_live(bea, ticket, 4)
        asked = next(q for q in home.json("support", "requests") if q["agent"] == "bea")
        assert approve(home, f"{asked['ticket'][:8]}/{asked['request'][:8]}")
    finally:
        if proxy: proxy.stop()
        if home: home.stop()
        desk.stop()


if __name__ == "__main__":
    main([test_no_role_sees_a_frame, test_a_revoked_agent_is_given_nothing])
