#!/usr/bin/env python3
"""bucket: "a folder with every video of every camera in the world, to browse and download".

The tester has a full copy of the blob store. It must yield no byte of video, no camera, no household, no date: names are
random, contents are ciphertext, sizes are padded. Honest path: the owner exports the recording."""
import os, re, shutil, sqlite3, zlib
from home import Home, clip, files_under, find_needles, frames_of, main, media_needles


def recorded_home(folder):
    video = clip(os.path.join(folder, "clip.mp4"))
    home = Home(folder).start().init()
    home.add_camera("front-door", "file:" + video)
    home.wait_recorded("front-door", 12)
    return home, video


def ids_in_index(vault):
    """Every camera and household id that the index knows: none may stand in the blob store."""
    ids = set()
    for path in files_under(vault):
        if not path.endswith(".db"):
            continue
        db = sqlite3.connect(path)
        for (table,) in db.execute("select name from sqlite_master where type = 'table'").fetchall():
            columns = [c[1] for c in db.execute(f"pragma table_info({table})")]
            for column in (c for c in columns if c in ("camera", "camera_id", "household", "household_id", "id")):
                for (value,) in db.execute(f"select distinct {column} from {table}"):
                    if isinstance(value, bytes) and len(value) == 16:
                        ids.add(value)
        db.close()
    return ids


def test_a_copy_of_the_blob_store_yields_nothing(folder):
    home, video = recorded_home(folder)
    try:
        exported = home.export("front-door", os.path.join(folder, "out.mp4"))
        assert frames_of(exported) > 200, "the honest path must work, or this test proves nothing"
        needles = media_needles(video)
        with open(exported, "rb") as f:
            plain = f.read()
        assert len(find_needles(needles, plain)) > len(needles) / 2, "the needles are the recorded video's"
        assert b"moof\0\0\0\x10mfhd" in plain and b"avc1\0\0\0\0\0\0\0\1" in plain, "so are the words below"
    finally:
        home.stop()

    copy = os.path.join(folder, "copy")
    shutil.copytree(os.path.join(home.data, "vault/blobs"), copy)
    blobs = files_under(copy)
    whole = [b for b in blobs if re.search(r"/([0-9a-f]{2})/\1[0-9a-f]{30}$", b)]
    assert whole, "something was stored"
    strange = [b for b in blobs if b not in whole and "/staging/" not in b]
    assert not strange, f"names tell nothing: {strange[:3]}"
    ids = ids_in_index(os.path.join(home.data, "vault"))
    assert len(ids) >= 2, "the index has a household and a camera, or this test proves nothing"
    words = [b"front-door", b"anna@", b"example.org", b"ftypiso", b"moov\0\0\0\x6cmvhd", b"moof\0\0\0\x10mfhd",
             b"avc1\0\0\0\0\0\0\0\1", b"\xff\xd8\xff\xe0\0\x10JFIF"]
    for path in blobs:
        with open(path, "rb") as f:
            data = f.read()
        assert not find_needles(needles, data), f"video in the clear in {path}"
        for word in words:
            assert word not in data, f"{word} in {path}"
        for value in ids:
            assert value not in data, f"an id of the index, {value.hex()}, in {path}"
        body = data[4096:]
        if len(body) > 65536:
            assert len(zlib.compress(body, 9)) > 0.99 * len(body), f"{path} does not look like ciphertext"


def test_no_date_in_the_blob_store(folder):
    home, _ = recorded_home(folder)
    home.stop()
    import time
    now = int(time.time())
    for path in files_under(os.path.join(home.data, "vault/blobs")):
        if "/staging/" in path:
            continue
        assert os.stat(path).st_mtime < 86400, f"{path} has the time of its recording"
        with open(path, "rb") as f:
            head = f.read(78)
        for at in range(0, len(head) - 3):
            value = int.from_bytes(head[at:at + 4], "big")
            assert not now - 3600 < value < now + 3600, f"{path} says when, at byte {at}"


main([test_a_copy_of_the_blob_store_yields_nothing, test_no_date_in_the_blob_store])
