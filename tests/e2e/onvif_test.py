"""The ONVIF client against a device of our own over real HTTP and UDP: UsernameToken and HTTP Digest, chunks, clocks
that are wrong, discovery, answers that lie; and a whole worker on onvif://. Usage: onvif_test.py ONVIF_FIND CAMERA
"""
import base64
import calendar
import hashlib
import http.server
import json
import re
import socket
import subprocess
import sys
import threading
import time

import hostile_camera
from worker_hub import INIT, KEY, RING, WANT, Worker

USER, PASSWORD = "admin", "p<a&s>s"
SKEW_S = -86400 * 365  # the device's clock is a year behind
ENVELOPE = ('<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
            'xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"><s:Body>{}</s:Body></s:Envelope>')
DENIED = ('<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code>'
          '<s:Reason><s:Text xml:lang="en">Sender not authorized</s:Text></s:Reason></s:Fault>')


NOTE = ('<wsnt:NotificationMessage xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:tns1="http://www.onvif.org/ver10/topics">'
        '<wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">{topic}</wsnt:Topic><wsnt:Message>'
        '<tt:Message UtcTime="2026-11-22T10:00:00Z" PropertyOperation="{operation}"><tt:Source><tt:SimpleItem Name="InputToken" Value="1"/></tt:Source>'
        '<tt:Data><tt:SimpleItem Name="LogicalState" Value="{state}"/></tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>')
BUTTON, VISITOR = "tns1:Device/Trigger/DigitalInput", "tns1:RuleEngine/MyRuleDetector/Visitor"
# What the device has to tell, pull after pull: the state at the start, a press and its end, another sensor, and after a
# fault, by which it forgets the subscription, a press again.
HAPPENS = [[(BUTTON, "Initialized", "true")], [(BUTTON, "Changed", "true"), (BUTTON, "Changed", "false")],
           [("tns1:VideoSource/MotionAlarm", "Changed", "true")], "fault", [(VISITOR, "Changed", "true")]]


def profile(token, width, height):
    return (f'<trt:Profiles token="{token}"><tt:Name>{token}</tt:Name><tt:VideoEncoderConfiguration><tt:Encoding>H264</tt:Encoding>'
            f'<tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution></tt:VideoEncoderConfiguration></trt:Profiles>')


class Device(http.server.BaseHTTPRequestHandler):
    """Behaves as its server's `mode` says."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def token_is_right(self, body):
        part = lambda name: re.search(f"<\\w+:{name}(?: [^>]*)?>([^<]*)<", body)
        found = [part(n) for n in ("Username", "Password", "Nonce", "Created")]
        if not all(found):
            return False
        user, digest, nonce, created = (f.group(1) for f in found)
        made = base64.b64encode(hashlib.sha1(base64.b64decode(nonce) + created.encode() + PASSWORD.encode()).digest()).decode()
        said = calendar.timegm(time.strptime(created[:19], "%Y-%m-%dT%H:%M:%S"))
        return user == USER and digest == made and abs(said - (time.time() + SKEW_S)) < 30

    def digest_is_right(self):
        got = dict(re.findall(r'(\w+)="?([^",]*)"?', self.headers.get("Authorization", "")))
        if got.get("nonce") != "n0nce" or "qop" not in got:
            return False
        md5 = lambda *parts: hashlib.md5(":".join(parts).encode()).hexdigest()
        want = md5(md5(USER, "cam", PASSWORD), "n0nce", got["nc"], got["cnonce"], "auth", md5("POST", self.path))
        return got.get("username") == USER and got["response"] == want

    def body(self, text):
        mode, port = self.server.mode, self.server.server_address[1]
        if "GetSystemDateAndTime" in text:
            now = time.gmtime(time.time() + SKEW_S)
            return (f"<r><tt:UTCDateTime><tt:Time><tt:Hour>{now.tm_hour}</tt:Hour><tt:Minute>{now.tm_min}</tt:Minute><tt:Second>{now.tm_sec}</tt:Second></tt:Time>"
                    f"<tt:Date><tt:Year>{now.tm_year}</tt:Year><tt:Month>{now.tm_mon}</tt:Month><tt:Day>{now.tm_mday}</tt:Day></tt:Date></tt:UTCDateTime></r>")
        if mode != "digest" and not self.token_is_right(text):
            return DENIED
        if "<Category>Media" in text and (mode != "path" or self.path == "/other/device"):
            return f"<r><tt:Media><tt:XAddr>http://10.9.8.7:{port}/onvif/media</tt:XAddr></tt:Media></r>"
        if "<Category>Events" in text:
            return f"<r><tt:Events><tt:XAddr>http://10.9.8.7:{port}/onvif/events</tt:XAddr></tt:Events></r>"
        if self.path == "/onvif/events" and "CreatePullPointSubscription" in text:
            self.server.subscriptions += 1
            return ("<r><SubscriptionReference><a:Address xmlns:a='http://www.w3.org/2005/08/addressing'>"
                    f"http://10.9.8.7:{port}/sub/{self.server.subscriptions}</a:Address><a:ReferenceParameters xmlns:a='http://www.w3.org/2005/08/addressing'>"
                    "<v:Id xmlns:v='urn:vendor'>4711</v:Id></a:ReferenceParameters></SubscriptionReference></r>")
        if self.path == f"/sub/{self.server.subscriptions}" and "PullMessages" in text:
            assert "urn:vendor" in text and ">4711<" in text and f"http://127.0.0.1:{port}{self.path}</a:To>" in text, text
            return self.happens()
        if self.path != "/onvif/media":
            return "<s:Fault><s:Reason><s:Text>wrong service</s:Text></s:Reason></s:Fault>"
        if "GetProfiles" in text:
            return f"<trt:GetProfilesResponse>{profile('small', 640, 360)}{profile('large', 1920, 1080)}</trt:GetProfilesResponse>"
        token = re.search("<ProfileToken>(.*)</ProfileToken>", text).group(1)
        return f"<r><tt:Uri>rtsp://10.9.8.7:{self.server.stream_port}/{token}?a=1&amp;b=2</tt:Uri></r>"

    def happens(self):
        told = self.server.happens.pop(0) if self.server.happens else []
        if told == "fault":
            return "<s:Fault><s:Reason><s:Text>no such subscription</s:Text></s:Reason></s:Fault>"
        if not self.server.happens and not told:
            self.server.quiet.wait(20)  # nothing to tell: the answer waits, as the specification wants it
        notes = "".join(NOTE.format(topic=t, operation=o, state=s) for t, o, s in told)
        return f"<tev:PullMessagesResponse xmlns:tev='http://www.onvif.org/ver10/events/wsdl'>{notes}</tev:PullMessagesResponse>"

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        mode = self.server.mode
        if mode == "silent":
            time.sleep(30)
            return
        if mode == "none":
            self.send_error(404)
            return
        if mode == "digest" and "GetSystemDateAndTime" not in text and not self.digest_is_right():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Digest realm="cam", nonce="n0nce", qop="auth", algorithm=MD5')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        answer = ENVELOPE.format(self.body(text)).encode()
        if mode == "bomb":
            answer = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>' + answer
        fault = b"Fault" in answer
        self.send_response(400 if fault else 200)
        if mode == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(answer), 100):
                piece = answer[at:at + 100]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        elif mode == "endless":
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" " * 65536)
            except OSError:
                pass
        elif mode == "huge":
            self.send_header("Content-Length", "99999999")
            self.end_headers()
        elif mode == "cut":
            self.send_header("Content-Length", str(len(answer) + 10))
            self.end_headers()
            self.wfile.write(answer)
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)


def device(mode, stream_port=8554):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Device)
    server.happens, server.subscriptions, server.quiet = list(HAPPENS), 0, threading.Event()
    server.mode, server.stream_port, server.daemon_threads = mode, stream_port, True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def discoverable():
    """Answers probes: first with noise, then with another's answer, then with its own."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))

    def serve():
        while True:
            data, peer = listener.recvfrom(65536)
            identity = re.search(b"MessageID>([^<]*)<", data).group(1).decode()
            match = ("<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Header><RelatesTo>{}</RelatesTo></e:Header><e:Body><ProbeMatches>"
                     "<ProbeMatch><Scopes>onvif://www.onvif.org/name/Porch onvif://www.onvif.org/hardware/Z9</Scopes>"
                     "<XAddrs>http://127.0.0.1:81/onvif/device_service</XAddrs></ProbeMatch></ProbeMatches></e:Body></e:Envelope>")
            for answer in ("\0noise", match.format("urn:uuid:another"), match.format(identity)):
                listener.sendto(answer.encode(), peer)
    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


GOOD = "rtsp://admin:p%3Ca%26s%3Es@127.0.0.1:8554/"
CASES = [  # mode, user and password, further arguments, address, words
    ("plain", "admin:p%3Ca%26s%3Es@", [], GOOD + "large?a=1&b=2", ""),
    ("plain", "admin:p%3Ca%26s%3Es@", ["sub"], GOOD + "small?a=1&b=2", ""),
    ("chunked", "admin:p%3Ca%26s%3Es@", [], GOOD + "large?a=1&b=2", ""),
    ("digest", "admin:p%3Ca%26s%3Es@", [], GOOD + "large?a=1&b=2", ""),
    ("path", "admin:p%3Ca%26s%3Es@", [], GOOD + "large?a=1&b=2", ""),
    ("plain", "admin:wrong@", [], "", "refused the ONVIF user name or password"),
    ("digest", "admin:wrong@", [], "", "refused the ONVIF user name or password"),
    ("digest", "", [], "", "asks for a user name and password"),
    ("none", "admin:x@", [], "", "speaks no ONVIF"),
    ("bomb", "admin:x@", [], "", "document type"),
    ("huge", "admin:x@", [], "", "more than 512 KiB"),
    ("endless", "admin:x@", [], "", "has no end"),
    ("cut", "admin:x@", [], "", "without a whole answer"),
    ("silent", "admin:x@", [], "", "does not answer over ONVIF within 10 s"),
]


def worker(camera):
    """From onvif:// to pictures: the sandboxed program itself."""
    url = f"onvif://admin:p%3Ca%26s%3Es@127.0.0.1:{device('plain', hostile_camera.start('honest'))}"
    w = Worker(camera, {"url": url, "transport": "tcp"}, lambda want, _: (socket.create_connection(("127.0.0.1", want["port"]), 5), None))
    w.run(30, lambda w: len(w.frames()) >= 10 and len(w.of(RING)) >= 2)
    code = w.stop()
    kinds = {k["kind"] for k in w.of(WANT)}
    rings = [r["topic"] for r in w.of(RING)]
    good = len(w.frames()) >= 10 and w.frames()[0].flags == KEY and w.of(INIT)[0].head["width"] == 320 and code == 0 and kinds == {"tcp"}
    return good and rings == [BUTTON, VISITOR], f"{len(w.frames())} frames, rings {rings}, exit status {code}, {w.status()}"


def substream(camera):
    """One of a camera's two workers listens, not both."""
    url = f"onvif://admin:p%3Ca%26s%3Es@127.0.0.1:{device('plain', hostile_camera.start('honest'))}"
    w = Worker(camera, {"url": url, "transport": "tcp", "stream": "sub"}, lambda want, _: (socket.create_connection(("127.0.0.1", want["port"]), 5), None))
    w.run(20, lambda w: len(w.frames()) >= 30)
    w.stop()
    return len(w.frames()) >= 30 and not w.of(RING) and len(w.of(WANT)) == 5, f"{len(w.frames())} frames, {len(w.of(WANT))} connections"


def main():
    find = sys.argv[1]
    print(f"1..{len(CASES) + 3}")
    failed = False
    for number, (mode, login, more, address, words) in enumerate(CASES, 1):
        run = subprocess.run([find, f"onvif://{login}127.0.0.1:{device(mode)}/{'other/device' if mode == 'path' else ''}", *more], stdout=subprocess.PIPE, check=True, timeout=120)
        result = json.loads(run.stdout)
        good = result["url"] == address and words in result["message"]
        failed |= not good
        print(f"{'ok' if good else 'not ok'} {number} - {mode} {login and 'with a password'}: {result['message'] or 'found'}", flush=True)
        if not good:
            print(f"# {json.dumps(result)}")
    run = subprocess.run([find, "--probe", str(discoverable())], stdout=subprocess.PIPE, check=True, timeout=120)
    good = json.loads(run.stdout) == [{"address": "http://127.0.0.1:81/onvif/device_service", "name": "Porch", "hardware": "Z9"}]
    print(f"{'ok' if good else 'not ok'} {len(CASES) + 1} - discovery")
    failed |= not good
    good, words = worker(sys.argv[2])
    print(f"{'ok' if good else 'not ok'} {len(CASES) + 2} - a worker: {words}")
    failed |= not good
    good, words = substream(sys.argv[2])
    print(f"{'ok' if good else 'not ok'} {len(CASES) + 3} - a substream's worker: {words}")
    sys.exit(failed or not good)


if __name__ == "__main__":
    main()
