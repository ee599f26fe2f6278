#!/usr/bin/env python3
"""account_test: second factors and sessions from the command line, against a real vault."""
import base64, hashlib, hmac, os, pty, re, select, struct, subprocess, sys, time
from datetime import datetime, timedelta, timezone

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "breach"))
from home import CARDEA, Home, Vault, main


def code_of(secret, ahead=0):
    """RFC 6238, of our own: the program's is not asked to judge itself."""
    step = struct.pack(">Q", int(time.time()) // 30 + ahead)
    mac = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), step, hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 10 ** 6:06d}"


def provider(folder):
    vault = Vault(folder, "--signup", "open")
    home = Home(os.path.join(folder, "anna"), "anna", vault.url)
    home.start_hub()
    home.init()
    return vault, home


def refused(result, *words):
    assert result.returncode == 1, f"{result.returncode}: {result.stdout}{result.stderr}"
    for word in words:
        assert word in result.stderr, f"'{word}' is missing from: {result.stderr}"


def test_a_code_after_the_passphrase(folder):
    vault, home = provider(folder)
    try:
        assert home.json("account", "factor") == []
        assert "no second factor" in home.cardea("account", "factor").stdout
        secret_file = os.path.join(folder, "totp")
        home.cardea("account", "factor", "add", "--name", "Büro", "--secret-file", secret_file)
        assert os.stat(secret_file).st_mode & 0o777 == 0o600
        secret = open(secret_file).read().strip()
        refused(home.cardea("status", check=False), "no terminal", "--totp-file")
        code_file = os.path.join(folder, "code")
        with open(code_file, "w") as f:
            f.write("000000\n")
        refused(home.cardea("status", "--totp-file", code_file, check=False), "did not pass")
        with open(code_file, "w") as f:
            f.write(code_of(secret, 1) + "\n")
        home.cardea("status", "--totp-file", code_file)
        refused(home.cardea("status", "--totp-file", code_file, check=False), "used already")
        with open(code_file, "w") as f:
            f.write("no code, no secret!\n")
        refused(home.cardea("status", "--totp-file", code_file, check=False), "neither a code")
        # The secret makes codes; when this step's is spent it waits for the next.
        with open(secret_file, "w") as f:
            f.write(f"otpauth://totp/Cardea:anna?secret={secret}&issuer=Cardea\n")
        factors = home.json("account", "factor", "--totp-file", secret_file)
        assert [(f["kind"], f["name"]) for f in factors] == [("authenticator app", "Büro")], factors
        waited = home.cardea("account", "factor", "--totp-file", secret_file, timeout=120)
        assert "waiting" in waited.stderr, waited.stderr
        # Taking it away asks for the passphrase, and then the passphrase alone signs in.
        home.cardea("account", "factor", "remove", factors[0]["id"][:6], "--totp-file", secret_file, timeout=120)
        home.cardea("status")
    finally:
        home.stop()
        vault.stop()


def test_the_recovery_code_needs_none(folder):
    vault, home = provider(folder)
    try:
        secret_file = os.path.join(folder, "totp")
        home.cardea("account", "factor", "add", "--secret-file", secret_file)
        home.cardea("recover", "--recovery-file", home.recovery)
        refused(home.cardea("status", check=False), "no terminal")  # the factor is there still
        home.cardea("status", "--totp-file", secret_file, timeout=120)
    finally:
        home.stop()
        vault.stop()


def typed(home, args, answers):
    """Runs on a terminal of its own, types each answer when its prompt is there; what it said, and how it ended."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["CARDEA_PASSPHRASE_FILE"] = home.secret
        os.execv(CARDEA, [CARDEA, *args, "--data", home.data, "--vault", home.vault])
    said, waiting = "", list(answers)
    while True:
        ready, _, _ = select.select([fd], [], [], 60)
        assert ready, f"nothing more came after: {said}"
        try:
            more = os.read(fd, 4096)
        except OSError:  # the terminal is gone with its process
            break
        if not more:
            break
        said += more.decode()
        if waiting and waiting[0][0] in said.rsplit("\n", 1)[-1]:
            os.write(fd, (waiting.pop(0)[1](said) + "\n").encode())
    assert not waiting, f"never asked for {waiting[0][0]}: {said}"
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def test_a_person_scans_and_types(folder):
    vault, home = provider(folder)
    try:
        secrets = []

        def first_code(said):
            secrets.append(re.search(r"secret   ([A-Z2-7]{32})", said).group(1))
            return code_of(secrets[0], -1)

        status, said = typed(home, ["account", "factor", "add"],
                             [("code of your authenticator app", lambda said: "12345x"), ("code of your authenticator app", first_code)])
        assert status == 0, said
        assert "otpauth://totp/Cardea:anna?secret=" + secrets[0] in said and "\u2588" in said, said
        status, said = typed(home, ["account", "sessions"],
                             [("code of your authenticator app", lambda said: "000000"),
                              ("code of your authenticator app", lambda said: code_of(secrets[0]))])
        assert status == 0 and "second factor" in said and "this command" in said, said
    finally:
        home.stop()
        vault.stop()


def test_sessions_are_listed_and_ended(folder):
    vault, home = provider(folder)
    try:
        sessions = home.json("account", "sessions")
        current = [s for s in sessions if s["current"]]
        assert len(current) == 1 and current[0]["name"].startswith("cardea on "), sessions
        assert current[0]["how"] == "passphrase" and current[0]["since"] == current[0]["used"], sessions
        since = datetime.fromisoformat(current[0]["since"].replace("Z", "+00:00"))
        assert abs(datetime.now(timezone.utc) - since) < timedelta(minutes=2), sessions
        said = home.cardea("account", "sessions").stdout
        assert re.search(r"cardea on \S+  \(this command\)\n +signed in by passphrase \S+ \S+, last used today, (second factor, )?\d+ days left", said), said
        # A command that fails signs out as one that succeeds does.
        pipe = subprocess.Popen([CARDEA, "live", "nowhere", "--data", home.data, "--vault", home.vault], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, env={**os.environ, "CARDEA_PASSPHRASE_FILE": home.secret})
        pipe.wait(60)
        assert len(home.json("account", "sessions")) == len(sessions), "a command leaves no session behind"
        refused(home.cardea("account", "end", "ffffff", check=False), "there is no session")
        bad = home.cardea("account", "end", check=False)
        assert bad.returncode == 2 and "--others" in bad.stderr
        assert "ended: 0" in home.cardea("account", "end", "--others").stdout or len(sessions) > 1
        assert len(home.json("account", "sessions")) == 1
    finally:
        home.stop()
        vault.stop()


main([test_a_code_after_the_passphrase, test_the_recovery_code_needs_none, test_a_person_scans_and_types,
      test_sessions_are_listed_and_ended])
