#!/usr/bin/env python3
"""work-around, swapped agent key: whoever runs the vault puts a staff key of their own in the provider's place, and certifies an
agent with it. The swap stands in the public log, and nothing of the household goes to that key: its software holds to the
one that it pinned. Honest path, before and after: the provider's own agent asks, and is given what the owner allows."""
import os, shutil

from desk import *
from home import main, tell_logs


def refused(result, *words):
    assert result.returncode == 1, f"{result.returncode}: {result.stdout}{result.stderr}"
    for word in words:
        assert word in result.stderr, f"'{word}' is missing from: {result.stderr}"


def takes(desk, key_file):
    """The vault shows the key of that file from now on."""
    before = desk.described()["staff"]
    part = desk.public + ".part"
    shutil.copy(key_file, part)
    os.rename(part, desk.public)
    wait_for("the vault to show the other staff key", lambda: desk.described()["staff"] != before, 10)


def test_a_swapped_agent_key(folder):
    desk = Desk(folder)
    home = None
    try:
        ann = desk.agent("ann")
        home = desk.household()
        ticket = ticket_of(home)  # the first ticket pins the provider's key, and the log's
        request = ask_live(ann, ticket, 5)
        assert [r["agent"] for r in home.json("support", "requests")] == ["ann"]

        honest = os.path.join(folder, "honest.pub")
        shutil.copy(desk.public, honest)
        true_file, desk.file = desk.file, os.path.join(folder, "rogue")
        desk.provider.cardea("staff", "init", "--name", "Example Support")  # the same name, another key
        takes(desk, desk.file + ".pub")
        eve = desk.agent("eve")
        assert eve.staff("support", "desk").returncode == 0, "to the vault she is an agent"

        # Nothing goes to the other key: no new ticket, no approval of what lies there.
        refused(home.cardea("support", "open", "--subject", "Help", check=False), "another staff key")
        refused(home.cardea("support", "approve", ticket, check=False), "another staff key")
        # She reads nothing of what was written to the true desk, and so cannot ask in it either.
        read = eve.staff_json("support", "read", ticket)["messages"]
        assert read and not [m for m in read if m.get("message")], read
        refused(eve.staff("support", "ask", ticket, "--camera", "porch", "--minutes", "5", "--reason", "It freezes", check=False), "")
        assert home.json("grants") == [], "nobody was given anything"
        # The swap is public, for good.
        report = home.cardea("log", "report", desk.vault.url).stdout
        assert [line.split()[2] for line in report.splitlines() if " staff.key " in line] == ["2"], report
        home.cardea("log", "verify")

        takes(desk, honest)
        desk.file = true_file
        grant = approve(home, ticket)
        assert [g["id"] for g in home.json("grants")] == [grant], "the provider's own agent is given what was asked"
        assert request
    except BaseException:
        tell_logs(folder)
        raise
    finally:
        if home:
            home.stop()
        desk.stop()


def with_log(desk, name):
    """The vault begins again with the log that was kept under that name."""
    desk.vault.stop()
    shutil.rmtree(os.path.join(desk.folder, "log"))
    shutil.copytree(os.path.join(desk.root, name), os.path.join(desk.folder, "log"))
    desk.start()


def test_an_agent_of_another_log(folder):
    """A log made for the question alone: it has the agent's certificate, and not what this device saw in it before."""
    desk = Desk(folder)
    home = None
    try:
        ann = desk.agent("ann")
        home = desk.household()
        ticket = ticket_of(home)
        ask_live(ann, ticket, 5)
        desk.vault.stop()
        shutil.copytree(os.path.join(desk.folder, "log"), os.path.join(desk.root, "early"))
        desk.start()
        home.cardea("share", "porch", "--live", "--expires", "1h", "--json")
        home.cardea("share", "porch", "--live", "--expires", "1h", "--json")
        assert home.json("log", "verify")["proven"]
        given = len(home.json("grants"))
        desk.vault.stop()
        shutil.copytree(os.path.join(desk.folder, "log"), os.path.join(desk.root, "true"))
        desk.start()

        with_log(desk, "early")
        refused(home.cardea("support", "approve", ticket, check=False), "the log shrank", "Nothing was given")
        for _ in range(4):  # as long again, and longer: it is another one
            home.cardea("share", "porch", "--live", "--expires", "1h", "--json")
        refused(home.cardea("support", "approve", ticket, check=False), "the log was changed", "Nothing was given")
        assert not [g for g in home.json("grants") if g["purpose"] == "support"], "nothing went to the desk"
        assert len(home.json("grants")) == given + 4

        with_log(desk, "true")
        assert approve(home, ticket), "the log that this device saw"
    except BaseException:
        tell_logs(folder)
        raise
    finally:
        if home:
            home.stop()
        desk.stop()


if __name__ == "__main__":
    main([test_a_swapped_agent_key, test_an_agent_of_another_log])
