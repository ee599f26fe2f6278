#!/usr/bin/env python3
"""Serves recorded clips as RTSP cameras, the way a camera does: Digest authentication, one encoder for all viewers, and a
stream that never ends. A clip is a raw H.264 file with access unit delimiters and without B-frames; it is played in a loop
under time stamps that go on, so that nobody downstream can tell where it begins again.

Usage: rtsp_cameras.py CONFIG.json, which holds
    {"address": "127.0.0.1", "port": 0, "user": "…", "password": "…",
     "cameras": [{"path": "/porch", "file": "porch.h264", "fps_num": 25, "fps_den": 1}]}
Prints "ready PORT" when it serves. Without "password" it asks for none."""
import json
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

DELIMITER = b"\x00\x00\x00\x01\x09"


def access_units(path):
    with open(path, "rb") as f:
        data = f.read()
    starts, at = [], data.find(DELIMITER)
    while at >= 0:
        starts.append(at)
        at = data.find(DELIMITER, at + len(DELIMITER))
    if not starts:
        raise SystemExit(f"{path}: no access unit delimiters")
    return [data[a:b] for a, b in zip(starts, starts[1:] + [len(data)])]


class Clip:
    """One shared source; `number` counts pictures since the media was made, across the loops."""

    def __init__(self, camera):
        self.units = access_units(camera["file"])
        self.num, self.den = camera["fps_num"], camera["fps_den"]
        self.number = 0

    def configure(self, _factory, media):
        self.number = 0
        source = media.get_element().get_by_name("source")
        source.connect("need-data", self.need)

    def need(self, source, _length):
        unit = self.units[self.number % len(self.units)]
        buffer = Gst.Buffer.new_wrapped(unit)
        begin = Gst.util_uint64_scale(self.number, Gst.SECOND * self.den, self.num)
        end = Gst.util_uint64_scale(self.number + 1, Gst.SECOND * self.den, self.num)
        buffer.pts = buffer.dts = begin
        buffer.duration = end - begin
        self.number += 1
        source.emit("push-buffer", buffer)


def factory_for(camera, permissions):
    clip = Clip(camera)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        "( appsrc name=source is-live=false format=time max-bytes=262144 "
        f"caps=video/x-h264,stream-format=byte-stream,alignment=au,framerate={clip.num}/{clip.den} "
        "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )")
    factory.set_shared(True)
    factory.connect("media-configure", clip.configure)
    if permissions:
        factory.set_permissions(permissions)
    factory.clip = clip  # kept alive with it
    return factory


def main():
    with open(sys.argv[1]) as f:
        config = json.load(f)
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(config.get("address", "127.0.0.1"))
    server.set_service(str(config.get("port", 0)))
    permissions = None
    if config.get("password"):
        auth = GstRtspServer.RTSPAuth()
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.add_digest(config["user"], config["password"], token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    for camera in config["cameras"]:
        server.get_mount_points().add_factory(camera["path"], factory_for(camera, permissions))
    if not server.attach(None):
        raise SystemExit(f"cannot listen on port {config.get('port', 0)}")
    print("ready", server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    for number in (signal.SIGINT, signal.SIGTERM):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, loop.quit)
    # Sessions of viewers that went without a word.
    GLib.timeout_add_seconds(5, lambda: server.get_session_pool().cleanup() >= 0)
    loop.run()


main()
