#!/usr/bin/env python3
"""silent-watch: "who looked?" lists every access with who, what, when and why, and the owner's software proves that nothing is
missing. The tester owns the vault: takes the entry out of the index, and puts an older log in place of the log."""
import json, os, shutil, sqlite3, sys, time

from desk import *
from home import main


def looked(home):
    return json.loads(home.cardea("log", "--json").stdout)["list"]


def test_every_access_is_listed_and_none_can_be_hidden(folder):
    desk = Desk(folder)
    home = None
    try:
        ann = desk.agent("ann")
        home = desk.household()
        home.wait_recorded("porch", 8)
        home.cardea("log", "verify")
        older = os.path.join(folder, "older-log")
        desk.vault.stop()
        shutil.copytree(os.path.join(desk.folder, "log"), older)
        desk.start()
        wait_for("the hub to be back", lambda: home.json("status")["hubs"][0]["online"], 30)  # it witnesses what an agent opens

        ticket = ticket_of(home)
        now = int(time.time())
        ask_past(ann, ticket, now - 8, now - 3)
        grant = approve(home, ticket)
        out = os.path.join(folder, "seen.mp4")
        assert ann.watch(grant, output=out).wait(60 * PATIENCE) == 0, open(out + ".err").read()

        # Who, what, when and why: one access, proven.
        listed = json.dumps(looked(home))
        assert "support" in listed and "porch" in listed, listed
        text = home.cardea("log").stdout
        assert "porch" in text and ("ann" in text or "support" in text), text
        home.cardea("log", "verify")

        # The rows that say which entries are the household's are taken out of the database: the log itself says it, so either
        # everything is listed as before, or the owner's software says that something is missing.
        desk.vault.stop()
        with sqlite3.connect(os.path.join(desk.folder, "index.db")) as db:
            tables = [t for (t,) in db.execute("SELECT name FROM sqlite_schema WHERE type='table' AND name LIKE '%log%'")]
            removed = sum(db.execute(f"DELETE FROM {t}").rowcount for t in tables)
        assert removed, tables
        desk.start()
        hidden = home.cardea("log", "verify", check=False)
        assert hidden.returncode == 1 or json.dumps(looked(home)) == listed, hidden.stdout + hidden.stderr

        # The vault goes back to a log from before.
        desk.vault.stop()
        shutil.rmtree(os.path.join(desk.folder, "log"))
        shutil.copytree(older, os.path.join(desk.folder, "log"))
        desk.start()
        shrunk = home.cardea("log", "verify", check=False)
        assert shrunk.returncode == 1, shrunk.stdout + shrunk.stderr
        evidence = os.path.join(home.data, "log-evidence")
        assert os.path.isdir(evidence) and os.listdir(evidence), shrunk.stderr
    finally:
        if home: home.stop()
        desk.stop()


if __name__ == "__main__":
    main([test_every_access_is_listed_and_none_can_be_hidden])
