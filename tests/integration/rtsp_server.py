"""A real RTSP server, GStreamer's from Debian: run by the system's Python, which has its bindings.

python3 rtsp_server.py PORT USER PASSWORD: "ok" on stdout, and again for each line on stdin:
    show PATH FILE FPS CODEC    serve this h264 or h265 there, in real time, over and over; FILE
                                holds its access units as films.py writes them
    hide PATH                   serve it no more, and part with whoever watches
"""

import itertools
import os
import sys
import threading
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

LAUNCH = (
    "( appsrc name=camera is-live=true format=time block=true max-bytes=1000000 "
    "caps=video/x-{codec},stream-format=byte-stream,alignment=au "
    "! {codec}parse ! rtp{codec}pay name=pay0 pt=96 config-interval=-1 )"
)


def units(path: str) -> list[tuple[int, bytes]]:
    """The number of each picture in the order shown, and its bytes, in the order sent."""
    data, found = Path(path).read_bytes(), []
    while data:
        end = 8 + int.from_bytes(data[:4], "big")
        found.append((int.from_bytes(data[4:8], "big"), data[8:end]))
        data = data[end:]
    return found


def feed(source: Gst.Element, film: list[tuple[int, bytes]], fps: float) -> None:
    """Push access units in real time until nobody takes them."""
    began, first = time.monotonic(), min(number for number, _ in film)
    for n, (number, unit) in enumerate(itertools.cycle(film)):
        time.sleep(max(began + n / fps - time.monotonic(), 0))
        buffer = Gst.Buffer.new_wrapped(unit)
        shown = n // len(film) * len(film) + number - first
        buffer.pts, buffer.dts = int(shown / fps * Gst.SECOND), int(n / fps * Gst.SECOND)
        if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
            return


class Server:
    def __init__(self, port: str, user: str, password: str) -> None:
        self.server = GstRtspServer.RTSPServer.new()
        self.server.set_address("127.0.0.1")
        self.server.set_service(port)
        auth = GstRtspServer.RTSPAuth.new()
        token = GstRtspServer.RTSPToken.new()
        token.set_string("media.factory.role", "viewer")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        self.server.set_auth(auth)
        if not self.server.attach(None):
            sys.exit(f"port {port} is taken")

    def show(self, path: str, file: str, fps: str, codec: str) -> None:
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(LAUNCH.format(codec=codec))
        factory.set_shared(True)
        permissions = GstRtspServer.RTSPPermissions.new()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
        film = units(file)

        def configure(_: object, media: GstRtspServer.RTSPMedia) -> None:
            source = media.get_element().get_by_name("camera")
            threading.Thread(target=feed, args=(source, film, float(fps)), daemon=True).start()

        factory.connect("media-configure", configure)
        self.server.get_mount_points().add_factory(path, factory)

    def hide(self, path: str) -> None:
        self.server.get_mount_points().remove_factory(path)
        self.server.client_filter(lambda *_: GstRtspServer.RTSPFilterResult.REMOVE)


def obey(server: Server) -> None:
    def do(words: list[str]) -> bool:
        getattr(server, words[0])(*words[1:])
        print("ok", flush=True)  # noqa: T201
        return False

    for line in sys.stdin:
        GLib.idle_add(do, line.split())
    os._exit(0)  # whoever started it has gone


Gst.init(None)
serving = Server(*sys.argv[1:])
print("ok", flush=True)  # noqa: T201
threading.Thread(target=obey, args=(serving,), daemon=True).start()
GLib.MainLoop().run()
