#!/usr/bin/env python3
"""approve.py: from an owner's approval to an agent's first picture, on loopback: a vault, a household's hub that records, an agent who
waits. Two figures: from the moment at which the log says that access was given (grant.create, in µs) to the first bytes that the
agent's player gets; and the whole approving command, with signing in, beside it. Usage: approve.py [--times N]"""
import json, os, shutil, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/breach"))
from desk import Desk, approve, ask_live, ticket_of, wait_for
from datetime import datetime


def given_at(home, grant):
    """When the log says that it was given, by the household's own reading of it."""
    said = json.loads(home.cardea("log", "--all", "--json").stdout)
    for entry in next(v for v in said.values() if isinstance(v, list) and v and "kind" in v[0]):
        if entry["kind"] == "grant.create" and entry["details"].get("grant") == grant:
            return datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp()
    raise AssertionError(f"grant.create of {grant} is not in the log")


def once(folder, home, agent, ticket, number):
    ask_live(agent, ticket, 5)
    out, first = os.path.join(folder, f"live{number}.mp4"), []
    watching = agent.watch(ticket, "--wait", "120", output=out)
    wait_for("the agent to wait", lambda: os.path.exists(out + ".err") and watching.poll() is None, 10)
    time.sleep(2)  # until the agent's long poll is there; what is measured begins after it

    def look():
        while not (os.path.exists(out) and os.path.getsize(out)):
            time.sleep(0.002)
        first.append(time.time())

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    begun = time.time()
    grant = approve(home, ticket)
    command = time.time() - begun
    looking.join(60)
    home.cardea("grants", "revoke", grant)
    watching.wait(60)
    return first[0] - given_at(home, grant), command


def main():
    times = int(sys.argv[sys.argv.index("--times") + 1]) if "--times" in sys.argv else 10
    folder = tempfile.mkdtemp(prefix="cardea-approve-")
    desk, home = Desk(folder), None
    try:
        agent = desk.agent("ann")
        home = desk.household()
        ticket = ticket_of(home)
        got = [once(folder, home, agent, ticket, i) for i in range(times)]
        frames, commands = sorted(g[0] for g in got), sorted(g[1] for g in got)
        print(f"given to first picture: median {frames[len(frames) // 2]:.2f} s, worst {frames[-1]:.2f} s, of {times}; "
              f"the approving command: median {commands[len(commands) // 2]:.2f} s; load {os.getloadavg()[0]:.1f}")
    finally:
        if home: home.stop()
        desk.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
