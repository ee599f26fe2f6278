"""notify_latency.py DRIVER [ALERTS]: from an alert's being raised to its being at the other side, on loopback.

Prints for each kind of channel the median and the 95th percentile in milliseconds: durable queue, sealing, connection (kept open),
the server. The servers are those of tests/e2e/notify_test.py; a picture of 30 kB goes along (2.4 kB for Web Push)."""
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests/e2e"))
from notify_servers import Broker, Driver, MailServer, PushService, Receiver, Watcher, authority, end_all, wait_for

CAMERA = "00112233445566778899aabbccddeeff"


def measure(driver, name, picture, small, count, arrived):
    times = []
    only = [driver.channels()[name]["id"]]
    for i in range(count):
        before = arrived()
        begun = time.perf_counter()
        driver.alert(os.urandom(16).hex(), title="A person", text="at the door", camera=CAMERA, jpeg=picture, small=small, channels=only)
        while arrived() == before:
            time.sleep(0.0002)
        times.append((time.perf_counter() - begun) * 1000)
    times.sort()
    print(f"{name:8} median {times[len(times) // 2]:6.1f} ms   95 % {times[(len(times) * 95 + 99) // 100 - 1]:6.1f} ms   of {count}", flush=True)


def main():
    program, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    with tempfile.TemporaryDirectory(prefix="cardea-bench-") as folder:
        os.mkdir(os.path.join(folder, "hub"), 0o700)
        ca, cert, key = authority(folder)
        files = {}
        for name, size in (("picture", 30000), ("small", 2400)):
            files[name] = os.path.join(folder, name)
            with open(files[name], "wb") as f:
                f.write(b"\xff\xd8" + os.urandom(size - 2))
        driver = Driver(program, os.path.join(folder, "hub"), ca)
        hook, ntfy, push, mail, broker = Receiver(), Receiver(), PushService(), MailServer(cert, key, password="secret"), Broker(folder)
        watcher = Watcher(broker)
        driver.command("notify.add", kind="webhook", name="webhook", url=hook.url)
        driver.command("notify.add", kind="ntfy", name="ntfy", url=ntfy.url + "/topic")
        driver.command("notify.add", kind="webpush", name="webpush", **push.subscribe())
        driver.command("notify.add", kind="smtp", name="smtp", url=f"smtp://localhost:{mail.port}", user="hub", password="secret",
                       **{"from": "hub@example.org", "to": "anna@example.org"})
        driver.command("notify.add", kind="mqtt", name="mqtt", host="127.0.0.1", port=broker.port, tls=False, user="hub", password="pa55word")
        wait_for("the broker", lambda: driver.channels()["mqtt"]["state"] == "ok")
        wait_for("the watcher", lambda: "cardea/status" in watcher.last)
        measure(driver, "webhook", files["picture"], files["small"], count, lambda: len(hook.taken))
        measure(driver, "ntfy", files["picture"], files["small"], count, lambda: len(ntfy.taken))
        measure(driver, "webpush", files["picture"], files["small"], count, lambda: push.call("/count"))
        measure(driver, "smtp", files["picture"], files["small"], count, lambda: len(mail.mails))
        measure(driver, "mqtt", files["picture"], files["small"], count, lambda: sum(t.endswith("/alert") for t, _, _ in watcher.all))
        driver.stop()
        end_all()


main()
