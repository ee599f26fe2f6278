#!/usr/bin/env python3
"""tlog_interop.py: our log read by another implementation, written from the specifications alone: C2SP signed-note, tlog-checkpoint,
tlog-tiles and tlog-cosignature, RFC 6962, RFC 8032. It shares no line with the product, and needs nothing but hashlib.

A real vault's log of some hundred entries: its checkpoint's signature, every hash tile and bundle, inclusion of each entry, consistency
of each size that was published, the proofs that the vault gives out, and a hub's cosignature."""
import base64, hashlib, http.client, json, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from household import Household, tell_logs
from scripted import run, wait_for

# --- Ed25519 (RFC 8032 section 5.1), verifying only ---

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def recover_x(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - x2) % P == 0, "not a point"
    return P - x if x & 1 != sign else x


def decompress(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = recover_x(y, sign)
    return x, y, 1, x * y % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verify(public, message, signature):
    a, r, s = decompress(public), decompress(signature[:32]), int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# --- signed notes ---


def note_parts(note):
    text, _, lines = note.rpartition("\n\n")
    signatures = []
    for line in lines.splitlines():
        dash, name, encoded = line.split(" ")
        assert dash == "\u2014"
        raw = base64.b64decode(encoded, validate=True)
        signatures.append((name, raw[:4], raw[4:]))
    return text + "\n", signatures


def key_id(name, kind, public):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def verify_note(note, name, public):
    text, signatures = note_parts(note)
    mine = [s for n, i, s in signatures if n == name and i == key_id(name, 1, public)]
    assert len(mine) == 1 and ed25519_verify(public, text.encode(), mine[0]), "the log's signature"
    return text


def verify_cosignature(note, name, public):
    text, signatures = note_parts(note)
    mine = [s for n, i, s in signatures if n == name and i == key_id(name, 4, public)]
    assert len(mine) == 1 and len(mine[0]) == 72, [n for n, _, _ in signatures]
    time = int.from_bytes(mine[0][:8], "big")
    message = f"cosignature/v1\ntime {time}\n{text}".encode()
    assert ed25519_verify(public, message, mine[0][8:]), "the witness's signature"
    return time


def read_checkpoint(text):
    origin, size, root = text.split("\n")[:3]
    return origin, int(size), base64.b64decode(root)


# --- trees (RFC 6962) ---


def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node(a, b):
    return hashlib.sha256(b"\1" + a + b).digest()


def split(n):
    return 1 << (n - 1).bit_length() - 1


def tree(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(tree(leaves[:k]), tree(leaves[k:]))


def path(m, leaves):
    if len(leaves) <= 1:
        return []
    k = split(len(leaves))
    return path(m, leaves[:k]) + [tree(leaves[k:])] if m < k else path(m - k, leaves[k:]) + [tree(leaves[:k])]


def proof(m, leaves, whole=True):
    n = len(leaves)
    if m == n:
        return [] if whole else [tree(leaves)]
    k = split(n)
    return proof(m, leaves[:k], whole) + [tree(leaves[k:])] if m <= k else proof(m - k, leaves[k:], False) + [tree(leaves[:k])]


def check_inclusion(index, size, hash_, hashes, root):
    fn, sn = index, size - 1
    for p in hashes:
        assert sn
        if fn & 1 or fn == sn:
            hash_ = node(p, hash_)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            hash_ = node(hash_, p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0 and hash_ == root, "inclusion"


# --- tiles ---


def tile_path(level, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < 256 else "")


class Log:
    def __init__(self, url):
        self.host = url.removeprefix("http://")

    def get(self, name):
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request("GET", name)
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 200, (name, answer.status, data[:100])
        return data

    def json(self, name):
        return json.loads(self.get(name))

    def entries(self, size):
        found = []
        for index in range(0, size, 256):
            data = self.get("/log/" + tile_path("entries", index // 256, min(256, size - index)))
            while data:
                n = int.from_bytes(data[:2], "big")
                found.append(data[2:2 + n])
                assert len(found[-1]) == n
                data = data[2 + n:]
        assert len(found) == size
        return found

    def check_tiles(self, leaves):
        level, row = 0, leaves
        while row:
            for index in range(0, len(row), 256):
                part = row[index:index + 256]
                assert self.get("/log/" + tile_path(level, index // 256, len(part))) == b"".join(part), (level, index)
            row = [tree(row[i:i + 256]) for i in range(0, len(row) - 255, 256)]
            level += 1
        return level


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_another_implementation_reads_our_log(folder):
    home = Household(folder)
    try:
        home.start_vault()
        home.start_hub()
        home.init()
        sizes = {}
        log = Log(home.url)
        for restart in range(300 if os.environ.get("FULL") else 12):  # each start of a vault is an entry
            home.kill(home.vault, 15)
            home.start_vault()
            origin, size, root = read_checkpoint(log.get("/log/checkpoint").decode())
            sizes[size] = root
        key = unb64(log.json("/v1/vault")["log_key"])
        witnessed = wait_for("a cosignature", lambda: (n := log.get("/log/checkpoint").decode()) and len(note_parts(n)[1]) > 1 and n, 90)
        text = verify_note(witnessed, origin, key)
        origin, size, root = read_checkpoint(text)
        name = note_parts(witnessed)[1][1][0]
        hub = json.loads(home.cardea("status", "--json").stdout)["hubs"][0]
        assert name == "cardea-hub/" + hub["id"][:16], (name, hub)
        assert home.ask("log.witness")["size"] == size
        verify_cosignature(witnessed, name, hub_key(home))

        entries = log.entries(size)
        leaves = [leaf(e) for e in entries]
        assert tree(leaves) == root
        log.check_tiles(leaves)
        for old, old_root in sizes.items():
            assert tree(leaves[:old]) == old_root, f"the log of {old} entries is not its beginning"
            if 0 < old < size:
                said = [unb64(h) for h in log.json(f"/v1/log/proof?old={old}&size={size}")["proof"]]
                assert said == proof(old, leaves), "consistency as RFC 6962 writes it"
        for index in range(size):
            said = [unb64(h) for h in log.json(f"/v1/log/proof?index={index}&size={size}")["proof"]]
            assert said == path(index, leaves)
            check_inclusion(index, size, leaves[index], said, root)
    finally:
        home.stop()


def hub_key(home):
    """The hub's public key, from the certificate that the vault keeps: an envelope, then JSON in the clear."""
    import sqlite3
    db = sqlite3.connect(f"file:{home.path('vault/index.db')}?mode=ro", uri=True)
    (raw,) = db.execute("select value from objects where key like 'hub/%'").fetchone()
    db.close()
    return unb64(json.loads(raw[raw.index(b'{"v"'):])["sign"])


def test_vectors_of_the_specifications(folder):
    """The same functions hold on notes that others have signed."""
    verify_note("If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
                "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
                "PeterNeumann", base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:])
    assert tree([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert tile_path(0, 1234067, 256) == "tile/0/x001/x234/067" and tile_path("entries", 5, 7) == "tile/entries/005.p/7"


if __name__ == "__main__":
    run([test_vectors_of_the_specifications, test_another_implementation_reads_our_log], "cardea-interop-", tell_logs)
