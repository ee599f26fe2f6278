"""A real RTSP camera for tests: GStreamer's RTSP server with paths given on the command line.

Usage: rtsp_server.py [--digest USER:PASSWORD | --basic USER:PASSWORD] [--tls CERTIFICATE_AND_KEY.pem] [--udp-only] PATH=LAUNCH...
Prints "port N" once it listens on 127.0.0.1. Ends when its standard input does.
"""
import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def authenticate(server, args):
    if not (args.digest or args.basic or args.tls):
        return False
    auth = GstRtspServer.RTSPAuth()
    if args.tls:
        with open(args.tls, encoding="ascii") as pem:
            auth.set_tls_certificate(Gio.TlsCertificate.new_from_pem(pem.read(), -1))
    if args.digest or args.basic:
        user, password = (args.digest or args.basic).split(":", 1)
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        if args.digest:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(user, password, token)
        else:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    return bool(args.digest or args.basic)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--digest")
    parser.add_argument("--basic")
    parser.add_argument("--tls")
    parser.add_argument("--udp-only", action="store_true")
    parser.add_argument("paths", nargs="+")
    args = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    guarded = authenticate(server, args)
    for path in args.paths:
        name, launch = path.split("=", 1)
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(launch)
        if args.udp_only:
            factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
        if guarded:
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("user", "media.factory.access", True)
            permissions.add_permission_for_role("user", "media.factory.construct", True)
            factory.set_permissions(permissions)
        server.get_mount_points().add_factory("/" + name, factory)
    if server.attach(None) == 0:
        sys.exit("the RTSP server cannot listen on 127.0.0.1")
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, lambda *_: loop.quit())
    print("port", server.get_bound_port(), flush=True)
    loop.run()


if __name__ == "__main__":
    main()
