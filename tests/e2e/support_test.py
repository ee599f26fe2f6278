#!/usr/bin/env python3
"""support_test: a support desk from the first invitation to the last second, from the command line: a vault, a provider, its
staff, and a household whose hub records."""
import os, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "breach"))
from desk import *
from home import frames_of, main, tell_logs


def refused(result, *words):
    assert result.returncode == 1, f"{result.returncode}: {result.stdout}{result.stderr}"
    for word in words:
        assert word in result.stderr, f"'{word}' is missing from: {result.stderr}"


def grants(home, state="active"):
    return [g for g in home.json("grants") if g["purpose"] == "support" and g["state"] == state]


def first_bytes(path, seconds=20):
    deadline = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < deadline:
        if os.path.exists(path) and os.path.getsize(path):
            return time.monotonic()
        time.sleep(0.005)
    raise AssertionError(f"nothing came out in {path}: {open(path + '.err').read()}")


def test_from_an_invitation_to_the_last_second(folder):
    desk = Desk(folder)
    home = None
    try:
        for word in ("--staff-key " + desk.public, "cardea staff add NAME --role agent", desk.vault.url + "/desk/",
                     "cardea staff certify NAME"):
            assert word in desk.made, f"'{word}' is missing from: {desk.made}"
        ann = desk.member("ann")
        # Nobody reads tickets before the provider has certified their key; its fingerprint is the same on both sides.
        refused(ann.staff("support", "desk", check=False), "certified")
        fingerprint = ann.joined.splitlines()[1].strip()
        assert fingerprint in desk.provider.cardea("staff", "list").stdout
        refused(desk.provider.cardea("staff", "certify", "ann", check=False), "nothing was certified")  # nobody to ask
        desk.certify(ann)
        home = desk.household()
        refused(home.cardea("support", "desk", check=False), "no member of staff", "cardea support open")

        # No figure goes without a yes; and there is nobody here to say it.
        plain = home.json("support", "open", "--subject", "Hello", "--health")
        assert plain["health"] is False
        kinds = [m["message"]["kind"] for m in ann.staff_json("support", "read", plain["ticket"])["messages"]]
        assert kinds == ["open"], kinds
        home.cardea("support", "close", plain["ticket"])

        ticket = ticket_of(home, "The porch freezes", "--words", "Each evening, for some seconds.", "--health", "--yes")
        said = ann.staff_json("support", "read", ticket)["messages"]
        assert said[0]["message"]["text"] == "The porch freezes\n\nEach evening, for some seconds."
        health = said[1]["message"]["health"]
        assert [c["name"] for c in health["cameras"]] == ["porch"] and "clip.mp4" not in str(health), health
        ann.staff("support", "answer", ticket[:8], "Let me look at it.")
        assert "ann (agent 1)" in home.cardea("support", "show", ticket[:8]).stdout

        # A past range, narrowed: exactly those seconds come out.
        home.wait_recorded("porch", 6)
        begin = int(time.time()) - 8
        request = ask_past(ann, ticket, begin, begin + 10)
        listed = home.json("support", "requests")
        assert [(r["request"], r["agent"]) for r in listed] == [(request, "ann")], listed
        refused(home.cardea("support", "approve", ticket, "--from", iso(begin - 1), "--to", iso(begin + 5), check=False), "beyond")
        refused(home.cardea("support", "approve", ticket, "--camera", "yard", check=False), "no camera")
        home.wait_recorded("porch", 20)
        grant = approve(home, ticket, "--from", iso(begin + 2), "--to", iso(begin + 6))
        out = os.path.join(folder, "past.mp4")
        uses = lambda: [g["uses"] for g in grants(home)]
        before = uses()
        refused(ann.staff("support", "watch", grant, "-o", out, check=False), "not keep it", "ffplay")
        with open(out, "wb") as kept:
            into = subprocess.run([CARDEA, "support", "watch", grant, "--data", ann.data, "--vault", ann.vault, "--login", ann.login],
                                  stdin=subprocess.DEVNULL, stdout=kept, stderr=subprocess.PIPE, text=True)
        assert into.returncode == 1 and "not keep it" in into.stderr and os.path.getsize(out) == 0, into.stderr
        assert uses() == before, "nothing was opened"
        watching = ann.watch(grant, output=out)
        assert watching.wait(60 * PATIENCE) == 0, open(out + ".err").read()
        first, last = slots_of(out)
        assert begin + 2 <= first and last <= begin + 5, (begin, first, last)
        assert frames_of(out) > 10
        refused(home.cardea("support", "approve", f"{ticket}/{request}", check=False), "has been answered")

        # Live: the agent waits, the owner taps, the picture is there; the owner sees who looks, and ends it.
        home.cardea("grants", "revoke", grant)  # so that the live one is the only one that is open
        ask_live(ann, ticket, 10)
        out = os.path.join(folder, "live.mp4")
        watching = ann.watch(ticket, "--wait", "120", output=out)
        wait_for("the agent to wait", lambda: watching.poll() is None and os.path.exists(out + ".err"), 5)
        tapped = time.monotonic()
        grant = approve(home, ticket, "--minutes", "3")
        print(f"# from the approving command's start to the agent's first picture: {first_bytes(out) - tapped:.2f} s")
        [seen] = grants(home)
        assert seen["id"] == grant and seen["active"] and seen["name"] == "ann", seen
        assert "LOOKING NOW" in home.cardea("grants").stdout
        ended = time.monotonic()
        home.cardea("grants", "revoke", grant)
        watching.wait(20)
        print(f"# from the revoking command's start to the agent's end: {time.monotonic() - ended:.2f} s")
        assert "revoked" in open(out + ".err").read()
        looked = home.cardea("log").stdout
        assert "  Agent 1 opened: porch" in looked and "(support desk, ticket " in looked, looked
        home.cardea("log", "verify")
    finally:
        if home: home.stop()
        desk.stop()


def test_what_ends_it(folder):
    desk = Desk(folder)
    home = None
    try:
        ann, ben = desk.agent("ann"), desk.agent("ben")
        home = desk.household()

        def watched(agent, minutes):
            ticket = ticket_of(home)
            ask_live(agent, ticket, minutes)
            approve(home, ticket)
            out = os.path.join(folder, f"{agent.name}-{ticket}.mp4")
            process = agent.watch(ticket, output=out)
            first_bytes(out)
            return ticket, process, out

        # It expires by itself: one minute, and not a second longer.
        begun = time.time()
        _, short, short_out = watched(ann, 1)
        # A closed ticket ends what runs under it.
        ticket, process, out = watched(ben, 10)
        ben.staff("support", "answer", ticket, "I see it.")
        home.cardea("support", "close", ticket)
        process.wait(20)
        assert "closed" in open(out + ".err").read(), open(out + ".err").read()
        refused(ben.staff("support", "watch", ticket, check=False), "closed")
        # A revoked agent is out, of a view that runs too; and gets in no more.
        ticket, process, out = watched(ben, 10)
        desk.provider.cardea("staff", "revoke", "ben", "--yes")
        process.wait(20)
        assert "revoked" in open(out + ".err").read(), open(out + ".err").read()
        refused(ben.staff("support", "desk", check=False), "no member of staff")
        # Of whom the desk revoked an owner's software takes no request either; nor does the vault a grant.
        refused(home.cardea("support", "refuse", ticket, check=False), "no such request")
        short.wait(80)
        assert time.time() - begun < 75 * PATIENCE
        assert "expired" in open(short_out + ".err").read() or "ended" in open(short_out + ".err").read(), open(short_out + ".err").read()
        # What was refused gives nothing.
        ticket = ticket_of(home)
        request = ask_live(ann, ticket, 5)
        home.cardea("support", "refuse", f"{ticket}/{request[:8]}", "--words", "Not now")
        refused(ann.staff("support", "watch", ticket, check=False), "no grant")
        assert home.json("support", "requests") == []
    finally:
        if home: home.stop()
        desk.stop()


if __name__ == "__main__":
    main([test_from_an_invitation_to_the_last_second, test_what_ends_it])
