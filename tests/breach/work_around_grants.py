#!/usr/bin/env python3
"""work-around (grants): a vault that lies to whoever was given something: each lie by name, and what honest software says to it.

A real home's vault behind a proxy that changes its answers. What a grantee's software must do is refuse, or say what is wrong
with what it got; never pass it off as what was asked for. Honest path, before and after each lie: the same link opens."""
import base64, json, os, re, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from grants_test import Person, home_url, home_with, refused, share
from home import frames_of, main
from tampering_vault import Message, TamperingVault

OPEN = r"/v1/grants/[0-9a-f]{32}/open"
ENTRY = 20  # bytes of a segment in a reel's table


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Lied:
    """A home, a link to 5 s of it, and a vault in between that can lie."""

    def __init__(self, folder, *cameras):
        self.folder, self.home = folder, home_with(folder, "porch", *cameras, seconds=12)
        self.guest, self.proxy = Person(folder, "guest"), TamperingVault(home_url(folder))
        self.id, self.link = share(self.home, "porch", "--from", "-11s", "--to", "-1s", "--export")
        self.number = 0

    def open(self, *more, link=None):
        """Through the proxy; to a fresh file, which is returned too."""
        self.number += 1
        out = os.path.join(self.folder, f"out-{self.number}.mp4")
        return self.guest.run("share", "open", link or self.link, "--vault", self.proxy.url, "-o", out, *more, check=False), out

    def honest(self):
        self.proxy.honest()
        r, out = self.open()
        assert r.returncode == 0 and frames_of(out) > 25, r.stderr
        told = self.guest.run("verify", out, check=False).stdout
        assert "edited" not in told and "by hub" in told, told

    def refuses(self, *words):
        r, out = self.open()
        refused(r, *words)
        assert not os.path.exists(out), "nothing is left of what was refused"

    def stop(self):
        self.proxy.stop()
        self.home.stop()


def lied(*cameras):
    def decorate(test):
        def run(folder):
            l = Lied(folder, *cameras)
            try:
                l.honest()
                test(l)
                l.honest()
            finally:
                l.stop()
        run.__name__ = test.__name__
        return run
    return decorate


def on_tables(change):
    """Changes the table of each reel of a time line: change(entries) → entries, each [slot, seconds, flags, offset, length, head]."""
    def answer(request, response):
        value = response.json()
        for reel in value.get("reels", []):
            if len(reel) < 8:
                continue
            raw = unb64(reel[7])
            entries = [[int.from_bytes(raw[i:i + 4], "big"), raw[i + 4], raw[i + 5], int.from_bytes(raw[i + 8:i + 12], "big"),
                        int.from_bytes(raw[i + 12:i + 16], "big"), int.from_bytes(raw[i + 16:i + 20], "big")]
                       for i in range(0, len(raw), ENTRY)]
            reel[7] = b64(b"".join(e[0].to_bytes(4, "big") + bytes([e[1], e[2], 0, 0]) + e[3].to_bytes(4, "big") +
                                   e[4].to_bytes(4, "big") + e[5].to_bytes(4, "big") for e in change(entries)))
        return response.set_json(value)
    return answer


@lied()
def test_an_old_segment(l):
    """The place of each segment is taken by the one before it."""
    def earlier(entries):
        return [entries[0]] + [[e[0], e[1], e[2], *before[3:]] for before, e in zip(entries, entries[1:])]
    rule = l.proxy.rule("GET", "/v1/timeline", on_tables(earlier))
    r, out = l.open()
    assert rule.used
    assert r.returncode == 1 or "DAMAGED" in r.stderr, f"an old segment passed for a new one: {r.stdout}{r.stderr}"
    if r.returncode == 0:  # what is left is what was recorded, in its own place
        assert "edited" not in l.guest.run("verify", out, check=False).stdout


@lied("yard")
def test_another_cameras_segment(l):
    yard = next(c["id"] for c in l.home.json("camera", "list") if c["name"] == "yard")
    answers = []
    owner = TamperingVault(home_url(l.folder))
    owner.rule("GET", "/v1/timeline", lambda q, a: answers.append(a.json()) if yard in q.path else None)
    l.home.cardea("export", "yard", "--from", "-10m", "--to", "now", "-o", os.path.join(l.folder, "yard.mp4"), "--vault", owner.url)
    owner_access = owner.answers("POST", "/v1/access")[-1][1].json()["token"]
    owner.stop()
    assert answers and answers[0]["reels"]

    def as_owner(request):  # this vault serves everything to everybody
        request.headers["Authorization"] = f"Access {owner_access}"
    l.proxy.rule("GET", r"/v1/reels/[0-9a-f]{32}", ask=as_owner)
    rule = l.proxy.rule("GET", "/v1/timeline", lambda q, a: a.set_json(answers[0]))
    r, out = l.open()
    assert rule.used
    assert r.returncode == 1 and ("damaged" in r.stderr or "nothing is recorded" in r.stderr or "no key" in r.stderr), r.stdout + r.stderr
    assert not os.path.exists(out)


@lied()
def test_a_cut_reel(l):
    rule = l.proxy.rule("GET", r"/v1/reels/[0-9a-f]{32}", lambda q, a: setattr(a, "body", a.body[:len(a.body) * 2 // 3]))
    l.refuses("less of a reel than its table says")
    assert rule.used
    # And with a table that fits the cut: then it is said that the recording breaks off.
    l.proxy.honest()
    l.proxy.rule("GET", "/v1/timeline", on_tables(lambda entries: [[*e[:4], e[4] * 3 // 4, e[5]] for e in entries]))
    r, out = l.open("--json")
    assert r.returncode == 0, r.stderr
    assert any(m["why"] == "cut_short" for m in json.loads(r.stdout)["missing"]), r.stdout
    told = l.guest.run("verify", out, check=False).stdout
    assert "cut short" in told, told


def records_of(raw):
    """[(begin, end)] of the records of one segment."""
    at, out = 78, []
    while at + 4 <= len(raw):
        end = at + 4 + int.from_bytes(raw[at:at + 4], "big")
        out.append((at, end))
        at = end
    return out


@lied()
def test_reordered_records(l):
    def swap(request, response):
        raw = response.body
        segments = [m.start() for m in re.finditer(re.escape(raw[:4] + raw[4:26]), raw)]  # magic, version, suite, camera
        out = []
        for begin, end in zip(segments, segments[1:] + [len(raw)]):
            part = raw[begin:end]
            records = records_of(part)
            a, b = records[3], records[4]
            out.append(part[:a[0]] + part[b[0]:b[1]] + part[a[0]:a[1]] + part[b[1]:])
        response.body = b"".join(out)
    rule = l.proxy.rule("GET", r"/v1/reels/[0-9a-f]{32}", swap)
    r, out = l.open()
    assert rule.used and (r.returncode == 1 or "DAMAGED" in r.stderr), r.stdout + r.stderr


@lied()
def test_a_dropped_record(l):
    def drop(request, response):
        raw = response.body
        a, b = records_of(raw)[3]
        response.body = raw[:a] + raw[b:] + bytes(b - a)
    rule = l.proxy.rule("GET", r"/v1/reels/[0-9a-f]{32}", drop)
    r, out = l.open()
    assert rule.used and (r.returncode == 1 or "DAMAGED" in r.stderr), r.stdout + r.stderr


def in_answer(field, change):
    def answer(request, response):
        value = response.json()
        if field in value:
            value[field] = change(value[field])
        return response.set_json(value)
    return answer


def flip(at):
    def change(text):
        raw = bytearray(unb64(text))
        raw[at] ^= 1
        return b64(bytes(raw))
    return change


@lied()
def test_a_forged_grant(l):
    """Altered; another household's; another grant of the same household; and one for somebody else."""
    for at, word in ((9 + 101 + 60, "signature"), (20, "signature"), (-1, "keys")):
        rule = l.proxy.rule("POST", OPEN, in_answer("grant", flip(at)))
        l.refuses(word if word != "keys" else "grant")
        assert rule.used
    l.proxy.honest()
    other_id, other = share(l.home, "porch", "--from", "-20s", "--to", "-2s", "--export")
    l.guest.run("share", "open", other, "--vault", l.proxy.url)
    answers = l.proxy.answers("POST", OPEN)
    theirs = answers[-1][1].json()
    assert other_id in answers[-1][0].path
    l.proxy.rule("POST", OPEN, in_answer("grant", lambda _: theirs["grant"]))
    l.refuses("another grant")
    l.proxy.honest()
    l.proxy.rule("POST", OPEN, in_answer("grant", lambda g: b64(stranger_signs(l.folder, unb64(g)))))
    l.refuses("another household")


def stranger_signs(folder, grant):
    """The same statement, signed by a household that the vault made up."""
    key, message, signature = (os.path.join(folder, n) for n in ("stranger.pem", "message", "signature"))
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout[-32:]
    length = int.from_bytes(grant[5:9], "big")
    statement, box = grant[9:9 + length][101:], grant[9 + length:]
    with open(message, "wb") as f:
        f.write(b"cardea/1 grant\0" + statement)
    subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message, "-out", signature], check=True, capture_output=True)
    with open(signature, "rb") as f:
        envelope = b"CRDS\x01" + public + f.read() + statement
    return grant[:5] + len(envelope).to_bytes(4, "big") + envelope + box


@lied()
def test_a_use_that_is_not_logged(l):
    """The vault answers, and did not write it down: with a proof of something else, or of nothing."""
    for field, change, words in (("leaf", flip(-1), "not proven"), ("checkpoint", lambda c: c.replace("\n", "\nx", 1), "not proven"),
                                 ("entry", lambda n: n + 1, "not proven"), ("proof", lambda p: p[:-1] if p else [b64(bytes(32))], "not proven")):
        rule = l.proxy.rule("POST", OPEN, in_answer(field, change))
        r, out = l.open()
        assert rule.used and r.returncode == 1 and "nothing was opened" in r.stderr and words in r.stderr, f"{field}: {r.stderr}"
        assert not os.path.exists(out)
        l.proxy.honest()
    # Somebody else's use, well proven.
    _, other = share(l.home, "porch", "--from", "-20s", "--to", "-2s", "--export")
    l.guest.run("share", "open", other, "--vault", l.proxy.url)
    theirs = l.proxy.answers("POST", OPEN)[-1][1].json()

    def theirs_for_ours(request, response):
        value = response.json()
        return response.set_json({**value, **{k: theirs[k] for k in ("entry", "leaf", "checkpoint", "proof")}})
    l.proxy.rule("POST", OPEN, theirs_for_ours)
    l.refuses("somebody else's use")


@lied()
def test_an_earlier_use_again(l):
    """Two look, and one is written down: the vault answers the second opening with the entry of the first, of the same link and
    within minutes. Each opening here is by another device: none remembers what the one before was shown."""
    uses = lambda: [e["kind"] for e in json.loads(l.home.cardea("log", "show", "--json").stdout)["list"]].count("grant.use")
    challenge = l.proxy.answers("GET", "/v1/access/challenge")[-1][1].json()
    first = l.proxy.answers("POST", OPEN)[-1][1].json()
    before = uses()
    proof = {k: first[k] for k in ("entry", "leaf", "checkpoint", "proof")}
    rule = l.proxy.rule("POST", OPEN, lambda q, a: a.set_json({**a.json(), **proof}))
    l.refuses("another opening")
    assert rule.used
    # The whole of it: the same challenge once more, so that the same signature comes, and nothing is asked of the log at all.
    l.proxy.honest()
    def answer(value):
        return lambda request: Message(status=200, headers={"Content-Type": "application/json"}, body=json.dumps(value).encode())
    again = l.proxy.rule("GET", "/v1/access/challenge", ask=answer(challenge))
    whole = l.proxy.rule("POST", OPEN, ask=answer(first))
    l.refuses("another opening")
    assert again.used and whole.used
    # And an entry that says of no opening which it is, as a vault writes it for a program that sends no nonce.
    l.proxy.honest()
    def without(request):
        value = json.loads(request.body)
        value.pop("nonce")
        request.body = json.dumps(value).encode()
    rule = l.proxy.rule("POST", OPEN, ask=without)
    l.refuses("another opening")
    assert rule.used
    assert uses() == before + 2, "what this vault wrote down: of the replays it wrote nothing"


@lied()
def test_a_replayed_revocation(l):
    """A revocation names one grant: shown for another, the owner's software says that the vault lies."""
    other, _ = share(l.home, "porch", "--from", "-20s", "--to", "-2s")
    l.home.cardea("grants", "revoke", other)

    def replay(request, response):
        value = response.json()
        revoked = next(g for g in value["grants"] if g["id"] == other)
        for g in value["grants"]:
            g["revocation"], g["revoked"] = revoked["revocation"], revoked["revoked"]
        return response.set_json(value)
    rule = l.proxy.rule("GET", "/v1/grants", replay)
    refused(l.home.cardea("grants", "--vault", l.proxy.url, check=False), "another grant's")
    assert rule.used
    l.proxy.honest()
    assert {g["id"]: g["state"] for g in json.loads(l.home.cardea("grants", "--json", "--vault", l.proxy.url).stdout)}[l.id] == "active"
    # And a grant that it made up, or lists under another's number.
    l.proxy.rule("GET", "/v1/grants", lambda q, a: a.set_json({"grants": [{**g, "id": "0" * 32} for g in a.json()["grants"]]}))
    refused(l.home.cardea("grants", "--vault", l.proxy.url, check=False), "another one's id")


if __name__ == "__main__":
    main([test_an_old_segment, test_another_cameras_segment, test_a_cut_reel, test_reordered_records, test_a_dropped_record,
          test_a_forged_grant, test_a_use_that_is_not_logged, test_an_earlier_use_again, test_a_replayed_revocation])
