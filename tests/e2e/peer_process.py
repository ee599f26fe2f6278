"""One of Cardea's confined programs, started as the hub starts it: descriptor 3 is a socket, on which each message is
length (4), kind (1), payload (docs/worker.md, docs/seeing.md)."""
import array
import os
import select
import socket
import struct
import subprocess
import time


class Peer:
    """A subclass says in take(kind, payload) what a message is, and puts it into events."""
    patience = 1  # by which the seconds of run() are multiplied

    def __init__(self, program, environment):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.log, log_end = os.pipe()

        def child():
            os.dup2(theirs.fileno(), 3)
            os.set_inheritable(3, True)

        self.process = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log_end,
                                        preexec_fn=child, close_fds=True, pass_fds=(3,) if theirs.fileno() != 3 else (),
                                        env=environment)
        theirs.close()
        os.close(log_end)
        self.socket = ours
        self.data = b""
        self.events = []  # (kind, object) in order
        self.ended = False

    def send(self, kind, payload, fd=None):
        message = struct.pack(">IB", 1 + len(payload), kind) + payload
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        sent = self.socket.sendmsg([message], extra)
        if sent < len(message):
            self.socket.sendall(message[sent:])

    def run(self, seconds, until=None):
        """Until `until(self)` is true, it is gone, or the time is over. Returns whether `until` held."""
        deadline = time.monotonic() + self.patience * seconds
        while not self.ended:
            if until and until(self):
                return True
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                break
            try:
                more = self.socket.recv(1 << 20)
            except ConnectionResetError:
                more = b""
            if not more:
                self.ended = True
            self.data += more
            while len(self.data) >= 5:
                length, kind = struct.unpack(">IB", self.data[:5])
                if len(self.data) < 4 + length:
                    break
                payload, self.data = self.data[5:4 + length], self.data[4 + length:]
                self.take(kind, payload)
        return bool(until and until(self))

    def of(self, kind):
        return [event for k, event in self.events if k == kind]

    def read_log(self):
        """What it said, once it is gone."""
        log = b""
        while more := os.read(self.log, 65536):
            log += more
        os.close(self.log)
        return log.decode(errors="replace")
