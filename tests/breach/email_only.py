#!/usr/bin/env python3
"""email-only: "knowing a customer's e-mail was enough".

Knowing it gives nothing, not even whether the person has an account, or a second factor: every public request about a known and an
unknown name has the same status, the same headers, a body of the same shape and size, and times that a rank test cannot tell apart.
Honest path: with the passphrase and a code, the same name signs in. Passkeys, where no name is sent, known and unknown:
src/vault/factor_test.c, which has an authenticator."""
import base64, http.client, json, os, random, time
from home import Home, Vault, main
from urllib.parse import urlparse

KNOWN, UNKNOWN = "anna@example.org", "otto@example.org"


def request(address, method, path, body):
    connection = http.client.HTTPConnection(address, timeout=120)
    began = time.perf_counter()
    connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    raw = answer.read()
    took = time.perf_counter() - began
    headers = sorted((k.lower(), v) for k, v in answer.getheaders() if k.lower() not in ("date",))
    connection.close()
    return answer.status, headers, raw, took


def secret():
    return base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def touched():
    """What a security key would say, if it were one."""
    return {"webauthn": {"credential": secret(), "authenticator_data": secret(), "client_data": secret(), "signature": secret()}}


def asks():
    return [("/v1/sessions/params", lambda name: {"login": name}),
            ("/v1/sessions", lambda name: {"login": name, "auth": secret()}),
            ("/v1/sessions", lambda name: {"login": name, "auth": secret(), "label": secret()}),
            ("/v1/sessions", lambda name: {"login": name, "auth": secret(), "factor": {"totp": "123456"}}),
            ("/v1/sessions", lambda name: {"login": name, "auth": secret(), "factor": touched()}),
            ("/v1/sessions/recover", lambda name: {"login": name, "recovery_auth": secret()}),
            ("/v1/sessions/recover", lambda name: {"login": name, "recovery_auth": secret(), "label": secret()})]


def shape(raw):
    """The body with values replaced by their types and lengths."""
    def walk(v):
        if isinstance(v, dict):
            return {k: walk(v[k]) for k in sorted(v)}
        return (type(v).__name__, len(v)) if isinstance(v, str) else (type(v).__name__, v)
    return walk(json.loads(raw))


def provider(folder):
    vault = Vault(folder, "--signup", "open")
    home = Home(os.path.join(folder, "anna"), KNOWN, vault.url)
    home.start_hub()
    home.init()
    home.totp = os.path.join(folder, "totp")
    home.cardea("account", "factor", "add", "--secret-file", home.totp)
    return vault, home


def test_known_and_unknown_names_get_the_same_answer(folder):
    vault, home = provider(folder)
    try:
        address = urlparse(vault.url).netloc
        for path, body in asks():
            known, unknown = (request(address, "POST", path, body(n)) for n in (KNOWN, UNKNOWN))
            assert known[0] == unknown[0], f"{path}: {known[0]} and {unknown[0]}"
            assert [h[0] for h in known[1]] == [h[0] for h in unknown[1]], f"{path}: the headers differ"
            assert dict(known[1])["content-length"] == dict(unknown[1])["content-length"], f"{path}: the sizes differ"
            if known[0] >= 400:
                assert known[2] == unknown[2], f"{path}: {known[2]} and {unknown[2]}"
            else:
                assert shape(known[2]) == shape(unknown[2]), f"{path}: {known[2]} and {unknown[2]}"
        again = [request(address, "POST", "/v1/sessions/params", {"login": UNKNOWN})[2] for _ in range(2)]
        assert again[0] == again[1], "the made-up salt of an unknown name must not change, or it tells"
        assert home.cardea("status", check=False).returncode == 1, "the passphrase alone is not enough where there is a second factor"
        assert home.cardea("status", "--totp-file", home.totp, check=False).returncode == 0, "with the passphrase and a code the name signs in"
    finally:
        home.stop()
        vault.stop()


def rank_statistic(a, b):
    """Mann-Whitney U as a probability that a sample of a is larger than one of b; 0.5 when they cannot be told apart."""
    ranked = sorted([(v, 0) for v in a] + [(v, 1) for v in b])
    ranks = sum(i + 1 for i, (_, which) in enumerate(ranked) if which == 0)
    return (ranks - len(a) * (len(a) + 1) / 2) / (len(a) * len(b))


def test_known_and_unknown_names_take_the_same_time(folder):
    vault, home = provider(folder)
    try:
        address = urlparse(vault.url).netloc
        times = {KNOWN: [], UNKNOWN: []}
        for _ in range(400):  # params: not limited by failures; interleaved in random order
            names = [KNOWN, UNKNOWN]
            random.shuffle(names)
            for name in names:
                status, _, _, took = request(address, "POST", "/v1/sessions/params", {"login": name})
                if status == 200:
                    times[name].append(took)
        assert min(map(len, times.values())) >= 100, "too few answers were let through to compare"
        chance = rank_statistic(times[KNOWN], times[UNKNOWN])
        assert 0.40 < chance < 0.60, f"a known name is slower with probability {chance:.2f}"
    finally:
        home.stop()
        vault.stop()


def made_account(address, name):
    keyring = base64.urlsafe_b64encode(b"CRDK\1\1" + os.urandom(300)).decode().rstrip("=")
    status, _, raw, _ = request(address, "POST", "/v1/accounts", {"login": name, "salt": secret()[:22].rstrip("=")[:21] + "A", "memory_kib": 65536,
                                "passes": 3, "auth": secret(), "recovery_auth": secret(), "keyring": keyring})
    assert status == 201, raw


def test_a_wrong_passphrase_takes_the_same_time(folder):
    """Ten tries of each name, which is what the limits let through: with and without a second factor, by passphrase and by recovery code."""
    vault, home = provider(folder)
    try:
        address = urlparse(vault.url).netloc
        known = [KNOWN] + [f"known{i}@example.org" for i in range(12)]
        for name in known[1:]:
            made_account(address, name)
        unknown = [f"other{i}@example.org" for i in range(len(known))]
        tries = [(name, which, body) for which, names in (("known", known), ("unknown", unknown)) for name in names
                 for body in ([asks()[1]] * 3 + [asks()[3]] * 3 + [asks()[4]] * 2 + [asks()[5]] * 2)]
        random.shuffle(tries)
        times = {"known": [], "unknown": []}
        for name, which, (path, body) in tries:
            status, _, raw, took = request(address, "POST", path, body(name))
            assert status == 403, raw
            times[which].append(took)
        assert min(map(len, times.values())) >= 100
        chance = rank_statistic(times["known"], times["unknown"])
        assert 0.40 < chance < 0.60, f"a known name is slower with probability {chance:.2f}"
    finally:
        home.stop()
        vault.stop()


main([test_known_and_unknown_names_get_the_same_answer, test_known_and_unknown_names_take_the_same_time,
      test_a_wrong_passphrase_takes_the_same_time])
