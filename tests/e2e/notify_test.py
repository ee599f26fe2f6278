"""Alerts to real servers on loopback: a webhook's receiver, a push service that opens what it gets with WebCrypto, mosquitto,
a mail server with STARTTLS and AUTH, an ntfy-like publisher. Servers go away and come back, and answer badly; the hub's part
is killed -9 in between. Each alert arrives once."""
import base64
import email
import email.header
import email.policy
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from notify_servers import (Broker, Driver, MailServer, PushService, Receiver, Watcher, authority, end_all, endless, free_port, garbage, status,
                            wait_for)

PROGRAM = sys.argv[1]
CAMERA = "00112233445566778899aabbccddeeff"


def alert_id(number):
    return f"{number:032x}"


def jpeg(folder, name, size):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        with open(path, "wb") as f:
            f.write(b"\xff\xd8\xff\xe0" + os.urandom(size - 6) + b"\xff\xd9")
    return path


def signed(request, secret):
    t, v1 = (part.split("=")[1] for part in request["headers"]["Cardea-Signature"].split(","))
    expected = hmac.new(secret.encode(), t.encode() + b"." + request["body"], hashlib.sha256).hexdigest()
    return hmac.compare_digest(v1, expected) and abs(time.time() - int(t)) < 60


def ids(requests):
    return [r["headers"]["Idempotency-Key"] for r in requests]


def state(driver, name, wanted):
    channel = driver.channels()[name]
    return channel if channel["state"] == wanted else None


def settled(driver):
    wait_for("the queue to be empty", lambda: os.listdir(os.path.join(driver.folder, "alerts")) == [], 30)


def test_webhook(folder, driver):
    receiver = Receiver()
    made = driver.command("notify.add", kind="webhook", name="house", url=receiver.url + "/alert")
    secret = made["secret"]
    assert len(secret) == 64
    picture = jpeg(folder, "a.jpg", 30000)
    driver.alert(alert_id(1), title="Ein Mensch an der Tür", text="porch", camera=CAMERA, jpeg=picture)
    wait_for("the alert", lambda: receiver.taken)
    request = receiver.taken[0]
    body = json.loads(request["body"])
    assert signed(request, secret) and not signed(request, secret[:-1] + "x")
    assert request["method"] == "POST" and request["path"] == "/alert" and ids([request]) == [alert_id(1)]
    assert body["title"] == "Ein Mensch an der Tür" and body["camera"] == CAMERA and body["id"] == alert_id(1)
    assert base64.urlsafe_b64decode(body["picture"] + "==") == open(picture, "rb").read()
    wait_for("its state", lambda: state(driver, "house", "ok"))
    driver.alert(alert_id(1), title="the same again")
    driver.alert(alert_id(2), title="another")
    wait_for("the second", lambda: len(receiver.taken) == 2)
    assert ids(receiver.taken) == [alert_id(1), alert_id(2)]
    settled(driver)
    shown = json.dumps(driver.channels())
    assert secret not in shown and '"secret": true' in shown
    receiver.stop()


def test_webhook_answers_badly(folder, driver):
    receiver = Receiver()
    driver.command("notify.add", kind="webhook", name="house", url=receiver.url, secret="0123456789abcdef")
    receiver.misbehave += [status(503, Retry_After="7")]
    driver.alert(alert_id(1), title="a")
    failing = wait_for("the failure to be told", lambda: state(driver, "house", "failing"))
    assert "503" in failing["message"] and failing["waiting"] == 1, failing
    wait_for("the second try", lambda: receiver.taken, 20)
    assert receiver.taken[0]["at"] - receiver.seen[0]["at"] >= 7, "Retry-After is honoured"
    # A body without end, after a good status, is no reason to send again; nor is one that trickles.
    receiver.misbehave += [endless(200)]
    driver.alert(alert_id(2), title="b")
    wait_for("the endless answer", lambda: len(receiver.seen) == 3)
    settled(driver)
    assert len(receiver.seen) == 3
    # Redirects are not followed: the secret and the picture go where the owner said.
    elsewhere = Receiver()
    receiver.misbehave += [status(307, Location=elsewhere.url)]
    driver.alert(alert_id(3), title="c")
    failing = wait_for("the redirect to be told", lambda: state(driver, "house", "failing"))
    assert "redirects" in failing["message"], failing
    assert not elsewhere.seen
    wait_for("the try after that", lambda: alert_id(3) in ids(receiver.taken), 20)
    # Garbage, then an alert that is not wanted: the next one goes first.
    receiver.misbehave += [garbage, status(400)]
    driver.alert(alert_id(4), title="d")
    driver.alert(alert_id(5), title="e")
    wait_for("both", lambda: {alert_id(4), alert_id(5)} <= set(ids(receiver.taken)), 60)
    assert sorted(ids(receiver.taken)) == [alert_id(i) for i in (1, 3, 4, 5)]
    receiver.stop()


def test_down_killed_and_up(folder, driver):
    port = free_port()
    driver.command("notify.add", kind="webhook", name="house", url=f"http://127.0.0.1:{port}", secret="0123456789abcdef")
    other = Receiver()
    driver.command("notify.add", kind="webhook", name="other", url=other.url, secret="0123456789abcdef")
    for i in range(1, 4):
        driver.alert(alert_id(i), title="x", jpeg=jpeg(folder, "a.jpg", 30000))
    wait_for("the other channel, which is not held up", lambda: len(other.taken) == 3)
    wait_for("that to be noted", lambda: driver.channels()["other"]["waiting"] == 0)
    failing = wait_for("the failure", lambda: state(driver, "house", "failing"))
    assert failing["waiting"] == 3
    driver.restart()
    driver.alert(alert_id(4), title="y")
    wait_for("the fourth", lambda: driver.channels()["other"]["waiting"] == 0 and len(other.taken) == 4)
    driver.restart()
    receiver = Receiver(port)
    wait_for("all four", lambda: len(receiver.taken) == 4, 30)
    time.sleep(1)  # anything that came twice would have come by now: the queue is empty
    assert sorted(ids(receiver.taken)) == sorted(ids(other.taken)) == [alert_id(i) for i in range(1, 5)]
    settled(driver)
    receiver.stop()
    other.stop()


def test_killed_in_the_middle(folder, driver):
    """What was handed over and not noted comes again, under the same key: a receiver that looks at it has each once."""
    receiver = Receiver()
    driver.command("notify.add", kind="webhook", name="house", url=receiver.url, secret="0123456789abcdef")
    number = 0
    for _ in range(6):
        for _ in range(5):
            number += 1
            driver.alert(alert_id(number), title="x", jpeg=jpeg(folder, "a.jpg", 30000))
        wait_for("one of them", lambda: alert_id(number - 3) in ids(receiver.taken))
        driver.restart()
    settled(driver)
    taken = ids(receiver.taken)
    # Alerts that were asked for in the last milliseconds before a kill may be lost with the process; those that were on
    # the disk are not.
    assert len(set(taken)) >= number - 6 * 4 and len(taken) - len(set(taken)) <= 6, taken
    receiver.stop()


def test_web_push(folder, driver):
    service = PushService()
    try:
        vapid = driver.command("notify.key")["vapid"]
        subscription = service.subscribe()
        phone = driver.command("notify.add", kind="webpush", name="phone", **subscription)["id"]
        again = driver.command("notify.add", kind="webpush", name="phone", **subscription)["id"]
        assert phone == again, "the same browser is one channel"
        small, big = jpeg(folder, "small.jpg", 2400), jpeg(folder, "big.jpg", 2401)
        driver.alert(alert_id(1), title="Jemand ist an der Tür", text="porch, 14:03", camera=CAMERA, small=small, jpeg=jpeg(folder, "a.jpg", 30000))
        driver.alert(alert_id(2), title="without", small=big)
        driver.alert(alert_id(3), title="é" * 300, text='"' * 500, small=small)
        wait_for("three messages", lambda: len(service.messages()) == 3)
        first, second, third = service.messages()
        plain = json.loads(first["plain"])
        assert plain["v"] == 1 and plain["id"] == alert_id(1) and plain["title"] == "Jemand ist an der Tür" and plain["camera"] == CAMERA
        assert base64.urlsafe_b64decode(plain["picture"] + "==") == open(small, "rb").read()
        assert first["topic"] == alert_id(1) and first["urgency"] == "high" and first["ttl"] == 86400
        assert first["key"] == vapid and first["sub"].startswith("mailto:")
        assert "picture" not in json.loads(second["plain"])
        assert len(json.loads(third["plain"])["title"]) == 200 and len(json.loads(third["plain"])["text"]) == 400
        assert {m["bytes"] for m in (first, second, third)} == {4096}, "sizes tell nothing"
        said = driver.do(do="test", id=phone)
        assert said["taken"] and "201" in said["said"], said
        shown = json.dumps(driver.channels())
        for secret in subscription.values():
            assert secret not in shown
        assert service.url in shown
        service.control(status=429, times=1, retry_after=6)
        driver.alert(alert_id(4), title="later")
        wait_for("the fifth message", lambda: len(service.messages()) == 5, 20)
        # The browser has ended its subscription.
        service.control(status=410, times=1)
        driver.alert(alert_id(5), title="nobody")
        gone = wait_for("the end to be noticed", lambda: state(driver, "phone", "gone"))
        assert not gone["on"] and "browser" in gone["message"], gone
        driver.restart()
        assert driver.channels()["phone"]["state"] == "gone"
        settled(driver)
        fresh = driver.command("notify.add", kind="webpush", name="phone", **service.subscribe())["id"]
        assert len(driver.channels()) == 1 and fresh == phone
        driver.alert(alert_id(6), title="back")
        wait_for("the message after that", lambda: json.loads(service.messages()[-1]["plain"])["title"] == "back")
    finally:
        service.stop()


def mail_of(one):
    return email.message_from_bytes(one["data"], policy=email.policy.default)


def test_smtp(folder, driver):
    ca, cert, key = (os.path.join(folder, name) for name in ("ca.pem", "server.pem", "server.key"))
    server = MailServer(cert, key, password="se cret")
    url = f"smtp://localhost:{server.port}"
    settings = {"from": "hub@example.org", "to": "anna@example.org, ben@example.org", "user": "hub", "password": "se cret"}
    mail = driver.command("notify.add", kind="smtp", name="mail", url=url, **settings)["id"]
    picture = jpeg(folder, "a.jpg", 30000)
    title = "Jemand ist an der Tür\r\nBcc: victim@example.org €€€€€€€€€€€€€€€€€€€€€"
    driver.alert(alert_id(1), title=title, text=".\n..\nTür <b>&</b>\nQUIT\n", jpeg=picture)
    wait_for("the mail", lambda: server.mails)
    one = server.mails[0]
    m = mail_of(one)
    assert one["tls"] and server.logins == [(True, True)], "the password goes over TLS alone"
    assert one["from"] == "hub@example.org" and one["to"] == ["anna@example.org", "ben@example.org"]
    assert m["Subject"] == title.replace("\r\n", "  ") and m["Bcc"] is None, m["Subject"]
    assert m["Message-ID"].strip() == f"<{alert_id(1)}@example.org>" and abs(m["Date"].datetime.timestamp() - time.time()) < 60
    assert m["Auto-Submitted"] == "auto-generated"
    assert not m.defects and all(not part.defects for part in m.walk())
    text, html, image = m.get_body(("plain",)), m.get_body(("html",)), [p for p in m.walk() if p.get_content_type() == "image/jpeg"][0]
    assert text.get_content().split() == [".", "..", "Tür", "<b>&</b>", "QUIT"], text.get_content()
    assert "&lt;b&gt;&amp;" in html.get_content() and "<b>" not in html.get_content()
    assert image.get_content() == open(picture, "rb").read() and image["Content-Disposition"].startswith("inline")
    assert f"cid:{image['Content-ID'].strip('<>')}" in html.get_content()
    driver.alert(alert_id(2), title="no picture")
    wait_for("the second", lambda: len(server.mails) == 2)
    assert mail_of(server.mails[1])["Subject"] == "no picture"
    said = driver.do(do="test", id=mail)
    assert "250 kept as number 3" in said["said"], said
    # A server that is busy; then one that refuses the password.
    server.refuse += ["451 later, please"]
    driver.alert(alert_id(3), title="later")
    failing = wait_for("the failure", lambda: state(driver, "mail", "failing"))
    assert "451" in failing["message"], failing
    wait_for("the mail after all", lambda: len(server.mails) == 4, 20)
    driver.command("notify.set", id=mail, password="wrong")
    answer = driver.ask(do="test", id=mail)
    assert not answer["ok"] and "password" in answer["message"] and "wrong" not in answer["message"], answer
    assert "se cret" not in json.dumps(driver.channels())
    settled(driver)
    server.stop()


def test_smtp_without_trust(folder, driver):
    ca, cert, key = (os.path.join(folder, name) for name in ("ca.pem", "server.pem", "server.key"))
    plain, implicit = MailServer(), MailServer(cert, key, implicit=True, password="secret")
    settings = {"from": "hub@example.org", "to": "anna@example.org"}
    # Not this machine by its name, so STARTTLS is asked for; the server has none, and gets nothing.
    away = driver.command("notify.add", kind="smtp", name="away", url=f"smtp://[::ffff:127.0.0.1]:{plain.port}", **settings)["id"]
    answer = driver.ask(do="test", id=away)
    assert not answer["ok"] and "STARTTLS" in answer["message"] and not plain.mails, answer
    near = driver.command("notify.add", kind="smtp", name="near", url=f"smtp://127.0.0.1:{plain.port}", **settings)["id"]
    driver.do(do="test", id=near)
    assert len(plain.mails) == 1
    tls = driver.command("notify.add", kind="smtp", name="tls", url=f"smtps://localhost:{implicit.port}", user="hub", password="secret", **settings)["id"]
    driver.do(do="test", id=tls)
    assert len(implicit.mails) == 1
    driver.args = driver.args[:2]  # without the authority that made the certificate
    driver.restart()
    answer = driver.ask(do="test", id=tls)
    assert not answer["ok"] and "certificate" in answer["message"] and len(implicit.mails) == 1, answer
    for wrong in ({"from": "hub@example.org\r\nX: y"}, {"to": "anna"}, {"to": "a@b.c, x@y.z\nBcc: v@w.x"}, {"to": ",".join(["a@b.c"] * 9)},
                  {"user": "only"}, {"url": "smtp://user:word@mail.example"}, {"url": "http://mail.example"}):
        args = {"kind": "smtp", "name": "x", "url": "smtps://mail.example", **settings, **wrong}
        assert not driver.ask(do="command", verb="notify.add", args=args)["ok"], wrong
    plain.stop()
    implicit.stop()


def test_ntfy(folder, driver):
    server = Receiver()
    driver.command("notify.add", kind="ntfy", name="ntfy", url=server.url + "/cardea-alerts", token="tk_abcdef", click="https://home.example/app")
    picture = jpeg(folder, "a.jpg", 30000)
    driver.alert(alert_id(1), title="Jemand ist an der Tür", text="ein\nMensch €", label="person", jpeg=picture)
    wait_for("the message", lambda: server.taken)
    one = server.taken[0]
    h = one["headers"]
    decoded = lambda name: str(email.header.make_header(email.header.decode_header(h[name])))
    assert one["method"] == "PUT" and one["path"] == "/cardea-alerts" and one["body"] == open(picture, "rb").read()
    assert decoded("Title") == "Jemand ist an der Tür" and decoded("Message") == "ein Mensch €", decoded("Message")
    assert h["Title"].isascii() and h["Filename"] == "alert.jpg" and h["Priority"] == "4" and h["Tags"] == "bust_in_silhouette"
    assert h["Click"] == "https://home.example/app" and h["Authorization"] == "Bearer tk_abcdef" and h["X-Sequence-ID"] == alert_id(1)
    driver.alert(alert_id(2), title="a dog", text="in the garden", label="dog")
    wait_for("the one without picture", lambda: len(server.taken) == 2)
    assert server.taken[1]["body"] == b"in the garden" and server.taken[1]["headers"]["Priority"] == "3" and server.taken[1]["headers"]["Title"] == "a dog"
    server.misbehave += [status(400, b'{"code":40014,"http":400,"error":"invalid request: attachments not allowed"}')]
    driver.alert(alert_id(3), title="c", text="without, then", jpeg=picture)
    wait_for("the message without what the server refuses", lambda: len(server.taken) == 3, 20)
    assert server.taken[2]["body"] == b"without, then"
    server.misbehave += [status(401, b"unauthorized")]
    driver.alert(alert_id(4), title="d")
    refused = lambda: (now := state(driver, "ntfy", "failing")) and "set a new token" in now["message"] and now
    failing = wait_for("the refusal, which may follow the one before", refused)
    assert "tk_abcdef" not in json.dumps(failing), failing
    for wrong in ({"url": server.url}, {"url": server.url + "/?x"}, {"token": "a b"}, {"click": "javascript:alert(1)"}):
        args = {"kind": "ntfy", "name": "x", "url": server.url + "/topic", **wrong}
        assert not driver.ask(do="command", verb="notify.add", args=args)["ok"], wrong
    server.stop()


OTHER = "ffeeddccbbaa99887766554433221100"


def test_mqtt(folder, driver):
    broker = Broker(folder)
    watcher = Watcher(broker)
    try:
        driver.do(do="cameras", cameras=[{"camera": CAMERA, "name": 'Tür "vorn"'}, {"camera": OTHER, "name": "garden"}])
        driver.do(do="presence", home=True)
        home = driver.command("notify.add", kind="mqtt", name="home", host="127.0.0.1", port=broker.port, tls=False, user="hub",
                              password="pa55word")["id"]
        wait_for("the hub to be there", lambda: watcher.last.get("cardea/status") == b"online")
        config = lambda kind, what, camera=CAMERA: f"homeassistant/{kind}/cardea_{camera}/{what}/config"
        topics = [config(*pair, camera) for camera in (CAMERA, OTHER) for pair in (
            ("binary_sensor", "motion"), ("binary_sensor", "person"), ("event", "ring"), ("image", "picture"),
            ("device_automation", "ring"), ("device_automation", "alert"))]
        wait_for("discovery", lambda: set(topics) <= set(watcher.last))
        motion, ring, image = (json.loads(watcher.last[config(*p)]) for p in (("binary_sensor", "motion"), ("event", "ring"), ("image", "picture")))
        trigger = json.loads(watcher.last[config("device_automation", "ring")])
        assert motion["state_topic"] == f"cardea/{CAMERA}/motion" and motion["device_class"] == "motion" and motion["device"]["name"] == 'Tür "vorn"'
        assert motion["availability_topic"] == "cardea/status" and motion["unique_id"] != ring["unique_id"]
        assert ring["event_types"] == ["ring"] and ring["device_class"] == "doorbell" and image["image_topic"] == f"cardea/{CAMERA}/picture"
        assert trigger["automation_type"] == "trigger" and trigger["topic"] == ring["state_topic"] == f"cardea/{CAMERA}/ring"
        wait_for("presence", lambda: watcher.last.get("cardea/presence") == b"home")
        for what, on in (("motion", True), ("person", True), ("ring", True), ("motion", False)):
            driver.do(do="state", camera=CAMERA, what=what, on=on)
        wait_for("states", lambda: watcher.last.get(f"cardea/{CAMERA}/motion") == b"OFF" and watcher.last.get(f"cardea/{CAMERA}/person") == b"ON")
        assert (f"cardea/{CAMERA}/motion", b"ON", False) in watcher.all, "what began and ended at once is told"
        wait_for("the ring", lambda: json.loads(watcher.last.get(f"cardea/{CAMERA}/ring", b"{}")) == {"event_type": "ring"})
        picture = jpeg(folder, "a.jpg", 30000)
        driver.alert(alert_id(1), title="Ein Mensch", camera=CAMERA, jpeg=picture)
        wait_for("the alert", lambda: f"cardea/{CAMERA}/alert" in watcher.last)
        alert = json.loads(watcher.last[f"cardea/{CAMERA}/alert"])
        assert alert["id"] == alert_id(1) and alert["title"] == "Ein Mensch" and "picture" not in alert
        assert watcher.last[f"cardea/{CAMERA}/picture"] == open(picture, "rb").read()
        settled(driver)
        said = driver.do(do="test", id=home)
        assert "acknowledged" in said["said"]
        wait_for("the test", lambda: "cardea/test" in watcher.last)
        # Orders, and what only looks like one.
        for topic, payload in (("cardea/presence/set", "away"), (f"cardea/{CAMERA}/ring/set", "ON"), (f"cardea/{CAMERA}/ring/set", "ON"),
                               ("cardea/presence/set", "maybe"), (f"cardea/{'0' * 32}/ring/set", "ON"), (f"cardea/{OTHER}/ring/set", "off"),
                               ("cardea/x/ring/set", "ON"), ("cardea/presence/set", "x" * 300), ("cardea/presence/set", "HOME")):
            broker.publish(topic, payload)
        wait_for("the orders", lambda: len(driver.events) >= 3)
        time.sleep(0.5)
        assert driver.events == [{"event": "presence", "home": False, "by": "home"}, {"event": "ring", "camera": CAMERA},
                                 {"event": "presence", "home": True, "by": "home"}], driver.events
        # A camera is removed.
        driver.do(do="cameras", cameras=[{"camera": CAMERA, "name": "door"}])
        wait_for("it to be forgotten", lambda: all(watcher.last[t] == b"" for t in topics[6:]))
        assert all(watcher.last[t] for t in topics[:6]) and watcher.last[f"cardea/{OTHER}/motion"] == b""
        assert "pa55word" not in json.dumps(driver.channels())
        # The hub vanishes: the broker says so.
        driver.kill()
        wait_for("its last will", lambda: watcher.last["cardea/status"] == b"offline")
        driver.start()
        wait_for("it again", lambda: watcher.last["cardea/status"] == b"online")
    finally:
        watcher.stop()
        broker.stop()


def mute_broker(listener, published):
    """Takes a connection, subscriptions and pings, and acknowledges no message."""
    def take(stream, n):
        data = stream.read(n)
        if len(data) < n:
            raise EOFError
        return data

    def serve(connection):
        stream = connection.makefile("rb")
        try:
            while True:
                kind, length, shift = take(stream, 1)[0] >> 4, 0, 0
                while True:
                    byte = take(stream, 1)[0]
                    length |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                body = take(stream, length)
                if kind == 1:
                    connection.sendall(b"\x20\x02\x00\x00")
                elif kind == 8:
                    connection.sendall(b"\x90\x03" + body[:2] + b"\x01")
                elif kind == 12:
                    connection.sendall(b"\xd0\x00")
                elif kind == 3:
                    topic = body[2:2 + int.from_bytes(body[:2], "big")].decode()
                    published.append(topic)
        except (EOFError, OSError):
            pass

    while True:
        try:
            connection = listener.accept()[0]
        except OSError:
            return
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def test_mqtt_without_acknowledgement(folder, driver):
    listener = socket.create_server(("127.0.0.1", 0))
    published = []
    threading.Thread(target=mute_broker, args=(listener, published), daemon=True).start()
    try:
        driver.command("notify.add", kind="mqtt", name="mute", host="127.0.0.1", port=listener.getsockname()[1], tls=False)
        wait_for("the hub to be there", lambda: "cardea/status" in published)
        driver.alert(alert_id(1), camera=CAMERA)
        driver.alert(alert_id(2), camera=CAMERA)
        failing = wait_for("it to be said", lambda: [c for c in driver.channels().values() if c["state"] == "failing"], 40)[0]
        assert "does not acknowledge" in failing["message"] and failing["waiting"] == 2, failing
        time.sleep(12)  # it is tried again
        assert sum(topic.endswith("/alert") for topic in published) == 1, published
    finally:
        listener.close()


def alerts_in(watcher):
    return [json.loads(payload)["id"] for topic, payload, retained in watcher.all if topic.endswith("/alert") and not retained]


def test_mqtt_broker_restarts(folder, driver):
    ca, cert, key = (os.path.join(folder, name) for name in ("ca.pem", "server.pem", "server.key"))
    broker = Broker(folder, cert, key)
    watcher = Watcher(broker, ca)
    driver.args = driver.args[:2]  # trusts what the channel's own settings say, and nothing else
    driver.restart()
    settings = {"kind": "mqtt", "host": "localhost", "port": broker.port, "tls": True, "user": "hub", "prefix": "house/cardea"}
    stranger = driver.command("notify.add", name="stranger", password="pa55word", **settings)["id"]
    failing = wait_for("the certificate to be refused", lambda: state(driver, "stranger", "failing"))
    assert "TLS" in failing["message"], failing
    driver.command("notify.remove", id=stranger)
    home = driver.command("notify.add", name="home", password="wrong", ca=open(ca).read(), **settings)["id"]
    failing = wait_for("the password to be refused", lambda: state(driver, "home", "failing"))
    assert "authori" in failing["message"] or "password" in failing["message"], failing
    driver.command("notify.set", id=home, password="pa55word")
    driver.do(do="cameras", cameras=[{"camera": CAMERA, "name": "door"}])
    driver.do(do="state", camera=CAMERA, what="person", on=True)
    wait_for("the hub to be there", lambda: watcher.last.get("house/cardea/status") == b"online")
    driver.alert(alert_id(1), title="a", camera=CAMERA)
    wait_for("the first alert", lambda: alerts_in(watcher) == [alert_id(1)])
    watcher.stop()
    broker.stop()
    for i in range(2, 5):
        driver.alert(alert_id(i), title="b", camera=CAMERA)
    wait_for("the outage to be told", lambda: state(driver, "home", "failing"))
    wait_for("them to be kept", lambda: driver.channels()["home"]["waiting"] == 3)
    driver.restart()  # killed while the broker is away
    driver.do(do="cameras", cameras=[{"camera": CAMERA, "name": "door"}])
    driver.do(do="state", camera=CAMERA, what="person", on=True)
    again = broker.start_watched(ca)
    wait_for("what waited", lambda: sorted(alerts_in(again)) == [alert_id(i) for i in range(2, 5)], 60)
    wait_for("states and discovery again", lambda: again.last.get(f"house/cardea/{CAMERA}/person") == b"ON" and
             f"homeassistant/image/cardea_{CAMERA}/picture/config" in again.last)
    # Restarted under the driver, twice.
    for i in (5, 6):
        broker.stop()
        driver.alert(alert_id(i), title="c", camera=CAMERA)
        again.stop()
        again = broker.start_watched(ca)
        wait_for("the alert after the restart", lambda: alerts_in(again) == [alert_id(i)], 60)
    settled(driver)
    again.stop()
    broker.stop()


def test_refusals(folder, driver):
    cases = [
        ({"kind": "webhook", "name": "a", "url": "http://example.com/x"}, "https://"),
        ({"kind": "webhook", "name": "a", "url": "http://8.8.8.8/x"}, "https://"),
        ({"kind": "webhook", "name": "a", "url": "https://user:word@example.com/x"}, "user name"),
        ({"kind": "webhook", "name": "a", "url": "file:///etc/passwd"}, "https://"),
        ({"kind": "webhook", "name": "a", "url": "https://example.com/x\r\ny"}, "https://"),
        ({"kind": "webhook", "name": "a", "url": "https://example.com/" + "x" * 1024}, "url"),
        ({"kind": "webhook", "name": "a", "url": "https://example.com", "secret": "short"}, "secret"),
        ({"kind": "webhook", "name": "a", "url": "https://example.com", "more": 1}, "more"),
        ({"kind": "webhook", "name": "a\nb", "url": "https://example.com"}, "one line"),
        ({"kind": "webhook", "name": "x" * 65, "url": "https://example.com"}, "name"),
        ({"kind": "pager", "name": "a"}, "kind"),
        ({"kind": "webpush", "name": "a", "endpoint": "https://push.example/1", "p256dh": "AAAA", "auth": "AAAA"}, "p256dh"),
        ({"kind": "mqtt", "name": "a", "host": "broker.example.com", "tls": False}, "TLS"),
        ({"kind": "mqtt", "name": "a", "host": "8.8.8.8", "tls": False}, "TLS"),
        ({"kind": "mqtt", "name": "a", "host": "broker.local"}, "tls"),
        ({"kind": "mqtt", "name": "a", "host": "broker.local/x", "tls": True}, "host"),
        ({"kind": "mqtt", "name": "a", "host": "broker.local", "tls": False, "prefix": "a/+/b"}, "prefix"),
        ({"kind": "mqtt", "name": "a", "host": "broker.local", "tls": False, "prefix": "/a"}, "prefix"),
        ({"kind": "mqtt", "name": "a", "host": "broker.local", "tls": False, "port": 65536}, "port"),
        ({"kind": "mqtt", "name": "a", "host": "broker.local", "tls": True, "ca": "/etc/passwd"}, "ca"),
        ({"kind": "mqtt", "name": "a", "host": "broker.local", "tls": True, "password": "x"}, "user"),
    ]
    for args, words in cases:
        answer = driver.ask(do="command", verb="notify.add", args=args)
        assert not answer["ok"] and words in answer["message"], (args, answer)
    assert driver.channels() == {}
    for i in range(32):
        driver.command("notify.add", kind="webhook", name=f"n{i}", url="https://example.com")
    answer = driver.ask(do="command", verb="notify.add", args={"kind": "webhook", "name": "n32", "url": "https://example.com"})
    assert not answer["ok"] and "32" in answer["message"]
    answer = driver.ask(do="command", verb="notify.add", args={"kind": "webhook", "name": "n3", "url": "https://example.com"})
    assert not answer["ok"] and "n3" in answer["message"]
    one = driver.channels()["n3"]["id"]
    driver.command("notify.set", id=one, name="renamed", on=False)
    assert driver.channels()["renamed"]["state"] in ("off", "new")
    answer = driver.ask(do="test", id=one)
    assert not answer["ok"] and "switched off" in answer["message"]
    driver.command("notify.remove", id=one)
    assert not driver.ask(do="command", verb="notify.remove", args={"id": one})["ok"]
    assert os.stat(os.path.join(driver.folder, "notify.json")).st_mode & 0o777 == 0o600
    # A name that leads out of the house is not spoken to in the clear, whatever it is called.
    removed = driver.channels()["n1"]["id"]
    driver.command("notify.set", id=removed, url="http://not-there.local/")
    answer = driver.ask(do="test", id=removed)
    assert not answer["ok"], answer


TESTS = [test_webhook, test_webhook_answers_badly, test_down_killed_and_up, test_killed_in_the_middle, test_web_push, test_smtp,
         test_smtp_without_trust, test_ntfy, test_mqtt, test_mqtt_without_acknowledgement, test_mqtt_broker_restarts, test_refusals]


def main():
    only = sys.argv[2:]
    tests = [t for t in TESTS if not only or t.__name__ in only]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        folder = tempfile.mkdtemp(prefix="cardea-notify-")
        os.mkdir(os.path.join(folder, "hub"), 0o700)
        ca = authority(folder)[0]
        driver = None
        try:
            driver = Driver(PROGRAM, os.path.join(folder, "hub"), ca)
            test(folder, driver)
            driver.stop()
            print(f"ok {number} - {test.__name__}", flush=True)
        except BaseException:
            failed += 1
            print(f"not ok {number} - {test.__name__}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            if driver and driver.process.poll() is None:
                print(f"# {driver.ask(do='channels')}", os.listdir(os.path.join(folder, "hub/alerts")))
            with open(os.path.join(folder, "driver.log"), errors="replace") as f:
                for line in f.read().splitlines()[-20:]:
                    print(f"# driver: {line}")
            if driver:
                driver.kill()
        finally:
            end_all()
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


main()
