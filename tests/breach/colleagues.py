#!/usr/bin/env python3
"""colleagues: engineers watched each other at home, live. What the relay carries is ciphertext; each granted viewer of a live view
is shown to the owner while watching, and logged."""
import json, os, subprocess, sys, time

from desk import *
from god_mode import access_of, get, owner_token, rows
from home import find_needles, main, media_needles


def test_a_colleague_is_seen_or_sees_nothing(folder):
    desk = Desk(folder)
    home = None
    try:
        ann, ben = desk.agent("ann"), desk.agent("ben")
        home = desk.household("carla")  # an engineer of the same provider, at home
        needles = media_needles(os.path.join(home.root, "clip.mp4"))
        ticket = ticket_of(home)
        ask_live(ann, ticket, 10)
        grant = approve(home, ticket)
        out = os.path.join(folder, "ann.mp4")
        watching = ann.watch(ticket, output=out)
        wait_for("the granted agent to see", lambda: os.path.exists(out) and find_needles(needles, open(out, "rb").read()), 40)

        # The owner sees who looks, while it lasts, and it is in the log.
        [seen] = [g for g in home.json("grants") if g["id"] == grant]
        assert seen["name"] == "ann" and seen["active"], seen
        assert "LOOKING NOW" in home.cardea("grants").stdout
        counted = lambda: [r["kind"] for r in json.loads(desk.log_report()) if r.get("name") == "ann"].count("live.begin")
        wait_for("her view to be counted", lambda: counted() == 1, 20)  # the desk reads the log as it grows

        # A colleague beside her, who reads the same ticket, gets nothing of it: not by her grant, not by the relay.
        other = ben.staff("support", "watch", grant, check=False)
        assert other.returncode == 1 and "no grant" in other.stderr, other.stderr
        camera = rows(desk, "SELECT hex(camera) FROM cameras")[0][0].lower()
        assert get(desk, f"/v1/live?cameras={camera}", access_of(ben))[0] == 403
        assert get(desk, f"/v1/live?cameras={camera}", access_of(ann))[0] == 403  # hers is the grant's, not her own
        capability = rows(desk, "SELECT key FROM capabilities WHERE role=1")[0][0]
        status, relayed = get(desk, f"/v1/live?cameras={camera}", owner_token(desk, capability), seconds=8)
        assert status == 200 and len(relayed) > 10000 and not find_needles(needles, relayed), "the relay carries frames"

        # She stops: the owner sees that too.
        watching.terminate()
        watching.wait(20)
        wait_for("the owner to see that nobody looks", lambda: not [g for g in home.json("grants") if g["active"]], 20)
        wait_for("the end to be logged", lambda: "live.end" in desk.log_report(), 20)
        home.cardea("log", "verify")
    finally:
        if home: home.stop()
        desk.stop()


if __name__ == "__main__":
    main([test_a_colleague_is_seen_or_sees_nothing])
