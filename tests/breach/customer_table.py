#!/usr/bin/env python3
"""customer-table: "a database linked each video file to its customer".

With two households on one vault, its full dump does not say whose is whose: no value of an account's row stands in a household's,
camera's or reel's row, nor do their order or their times pair them up. Honest path: both owners see their own camera, and only that."""
import os, sqlite3
from home import Home, Vault, clip, files_under, main

ACCOUNT_TABLES = ("account", "session", "login", "factor")


def dump(folder):
    """{table: [row, ...]} over every SQLite file of the vault, with the file's name before the table's."""
    tables = {}
    for path in files_under(folder):
        if not path.endswith(".db"):
            continue
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        for (table,) in db.execute("select name from sqlite_master where type = 'table'").fetchall():
            tables[(os.path.basename(path), table)] = db.execute(f"select * from {table}").fetchall()
        db.close()
    return tables


def is_account(table):
    return any(word in table for word in ACCOUNT_TABLES)


def values(rows):
    """What could link: byte strings and texts of six bytes and more, also inside longer ones, and large numbers."""
    found = set()
    for row in rows:
        for value in row:
            if isinstance(value, str):
                value = value.encode()
            if isinstance(value, bytes) and len(value) >= 6:
                found.add(value)
            elif isinstance(value, int) and value > 1_000_000:
                found.add(value)
    return found


def test_a_full_dump_does_not_say_whose_is_whose(folder):
    vault = Vault(folder, "--signup", "open")
    homes = []
    try:
        for name in ("anna@example.org", "bert@example.org"):
            root = os.path.join(folder, name.split("@")[0])
            os.makedirs(root)
            home = Home(root, name, vault.url)
            homes.append(home)
            video = clip(os.path.join(root, "clip.mp4"), 4)
            home.start_hub()
            home.init()
            home.add_camera("porch-of-" + name.split("@")[0], "file:" + video)
        for home in homes:
            home.wait_recorded("porch-of-" + home.name.split("@")[0], 5)
        for home in homes:  # the honest path: each sees its own camera
            own = home.cardea("camera", "list").stdout
            assert "porch-of-" + home.name.split("@")[0] in own
            assert own.count("porch-of-") == 1, own
    finally:
        for home in homes:
            home.stop()
        vault.stop()

    tables = dump(vault.folder)
    accounts = {k: v for k, v in tables.items() if is_account(k[1])}
    others = {k: v for k, v in tables.items() if not is_account(k[1])}
    assert sum(len(v) for k, v in accounts.items() if "account" in k[1]) >= 2, f"two accounts are there: {list(tables)}"
    assert sum(len(v) for k, v in others.items() if "reel" in k[1]) >= 2, f"reels are there: {list(tables)}"
    assert not {k[0] for k in accounts} & {k[0] for k in others}, "accounts and households lie in one database file"

    for key, rows in accounts.items():
        for value in values(rows):
            for other, other_rows in others.items():
                assert value not in values(other_rows), f"a value of {key} stands in {other}"
                if isinstance(value, bytes):
                    for theirs in values(other_rows):
                        assert not isinstance(theirs, bytes) or (value not in theirs and theirs not in value), \
                            f"a value of {key} stands inside one of {other}"
    everything = b"".join(open(p, "rb").read() for p in files_under(vault.folder))
    for word in (b"anna@", b"bert@", b"example.org", b"porch-of"):
        assert word not in everything, f"{word} stands in the vault's files"

    for key, rows in accounts.items():  # no time finer than a day in an account's row
        for row in rows:
            for value in row:
                if isinstance(value, int) and value > 1_500_000_000:
                    scale = 1 if value < 10**11 else 1000 if value < 10**14 else 10**6
                    assert value % (86400 * scale) == 0, f"{key} keeps a time finer than a day: {value}"


main([test_a_full_dump_does_not_say_whose_is_whose])
