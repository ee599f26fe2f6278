"""scripted.py: what the scripted tests share: how they wait for something, and how they are run."""
import shutil, sys, tempfile, time, traceback

PATIENCE = 4  # how much slower than an idle machine a busy one may be


def wait_for(what, condition, seconds=60):
    """What `condition` gives as soon as it gives something; `seconds` is what an idle machine needs at most."""
    deadline = time.monotonic() + PATIENCE * seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE * seconds} s for {what}")
        time.sleep(0.1)


def run(tests, prefix, tell_logs):
    """tests: functions of one argument, a folder of their own, which is removed. Prints TAP; after a failure tell_logs(folder)
    shows what the programs said. Does not return."""
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        folder = tempfile.mkdtemp(prefix=prefix)
        try:
            test(folder)
            print(f"ok {number} - {test.__name__}", flush=True)
        except BaseException:
            failed += 1
            print(f"not ok {number} - {test.__name__}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            tell_logs(folder)
            sys.stdout.flush()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


def tell_log(path, name, lines):
    with open(path, errors="replace") as f:
        for line in f.read().splitlines()[-lines:]:
            print(f"# {name}: {line}")
