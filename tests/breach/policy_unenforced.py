#!/usr/bin/env python3
"""policy-unenforced: unusual use of grants raises an alarm to the owner and to a second administrator; reports come from the log,
which anyone can verify."""
import http.server, json, os, sys, threading, time

from desk import *
from god_mode import access_of, get
from home import main


class Owner:
    """Where the owner's alerts arrive."""

    def __init__(self):
        alerts = self.alerts = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                alerts.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()


def alarms_of(desk, auth):
    status, body = get(desk, "/v1/alarms", auth)
    assert status == 200, body
    return [(a["word"], a.get("name")) for a in json.loads(body)["alarms"]]


def test_unusual_use_is_told(folder):
    desk, owner = Desk(folder), Owner()
    home = None
    try:
        first = desk.agent("first", "administrator")
        second = desk.agent("second", "administrator")
        ann = desk.certify(desk.member("ann"), "--by", "first")
        home = desk.household()
        home.cardea("notify", "add", "webhook", "owner", "--url", owner.url)
        ticket = ticket_of(home)
        home.wait_recorded("porch", 8)

        # The honest path: an ordinary use raises nothing (but for the hour, if it is night at the desk).
        now = int(time.time())
        ask_past(ann, ticket, now - 8, now - 3)
        grant = approve(home, ticket)
        out = os.path.join(folder, "one.mp4")
        assert ann.watch(grant, output=out).wait(60 * PATIENCE) == 0, open(out + ".err").read()
        usual = {"hour"}
        time_to_look = lambda: any(r["kind"] == "grant.use" for r in json.loads(desk.log_report()))
        wait_for("the use to be counted", time_to_look, 20)
        ordinary = json.loads(desk.provider.cardea("staff", "alarms", "--json").stdout)
        assert {a["word"] for a in ordinary} <= usual, ordinary

        # Wide: more than an hour of recordings. Often: the thirteenth in an hour. Without a ticket: it was closed.
        wide = ticket_of(home, "Everything")
        ask_past(ann, wide, now - 7200, now - 2)
        approve(home, wide)
        ann.watch(wide, output=os.path.join(folder, "wide.mp4")).wait(60 * PATIENCE)
        wait_for("the alarm of scope", lambda: ("scope", "ann") in alarms_of(desk, access_of(second)), 20)
        for i in range(12):
            ann.watch(grant, output=os.path.join(folder, "again.mp4")).wait(60 * PATIENCE)
        wait_for("the alarm of rate", lambda: ("rate", "ann") in alarms_of(desk, access_of(second)), 20)
        assert get(desk, "/v1/cameras", access_of(ann))[0] == 403
        wait_for("the alarm of no ticket", lambda: ("ticket", "ann") in alarms_of(desk, access_of(second)), 20)

        # To the administrator who did not certify her; the one who did is not her judge.
        assert not [n for _, n in alarms_of(desk, access_of(first)) if n == "ann"]
        assert get(desk, "/v1/alarms", access_of(ann))[0] == 403
        # The owner's hub was told of what was theirs, and alerts the owner.
        wait_for("the owner's alert of unusual use", lambda: any("Unusual use" in a for a in owner.alerts), 30)

        # Anybody counts the same from the public log.
        counted = json.loads(home.cardea("log", "report", desk.vault.url, "--json").stdout)
        assert "grant.use" in json.dumps(counted)
        audited = home.cardea("log", "audit", desk.vault.url, check=False)
        assert audited.returncode == 0, audited.stderr
    finally:
        if home: home.stop()
        desk.stop()
        owner.stop()


if __name__ == "__main__":
    main([test_unusual_use_is_told])
