"""Cameras' streams from real servers: whatever happens to them is seen, counted and recovered."""

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from detectors.hits import Frame
from detectors.view import Sight
from pipeline.messages import Reason
from pipeline.metrics import IngestMetrics, LastFrameAge
from pipeline.site.model import Camera
from pipeline.sources import motion
from pipeline.sources.inbox import Inbox
from pipeline.sources.readers import Reader, StreamReader, Tally
from pipeline.sources.stream_clock import utc_now
from tests.conftest import wait_until
from tests.integration.films import FPS, Packet, access_units, encoded, muxed, street
from tests.integration.rtsp import PASSWORD, RtspServer, need_server
from tests.unit.pipeline.clips import camera

SIZE = (320, 240)
SPAN = timedelta(seconds=6)


class Viewer:
    """A stream's reader in its thread, and what it hands over."""

    def __init__(self, url: str) -> None:
        self.registry, self.inbox = CollectorRegistry(), Inbox()
        self.tally = Tally(IngestMetrics(self.registry), LastFrameAge(lambda: 0.0))
        self.reader = Reader(_camera(url))
        self.frames: list[Frame] = []
        self.ahead_s: list[float] = []  # of the moment each was handed over
        run = StreamReader(self.reader, self.inbox, self.tally).run
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        self.taker = threading.Thread(target=self._take, daemon=True)
        self.taker.start()

    def _take(self) -> None:
        while not self.reader.stop.is_set():
            found = self.inbox.take(0.1)
            if found is not None:
                self.frames.append(found[1])
                self.ahead_s.append((found[1].at - utc_now()).total_seconds())

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"gridalert_{name}_total", labels) or 0.0

    def troubles(self, reason: Reason) -> float:
        return self.count("camera_troubles", reason=reason)

    def sees(self, more: int = 3) -> None:
        """Wait for some more pictures."""
        wait_until(self.has_seen(len(self.frames) + more), f"{more} more pictures")

    def has_seen(self, enough: int) -> Callable[[], bool]:
        return lambda: len(self.frames) >= enough

    def is_quiet(self) -> None:
        wait_until(lambda: self.count("packets_skipped") > 50, "packets that nobody decodes")

    def has(self, reason: Reason) -> None:
        wait_until(lambda: self.troubles(reason) > 0, str(reason))


def _camera(url: str) -> Camera:
    return camera(stream=url, start=None, sample_fps=2.0)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Viewer]]:
    """Watches URLs, and lets go of them at the end."""
    monkeypatch.setenv("RTSP_PASSWORD", PASSWORD)
    viewers: list[Viewer] = []

    def one(url: str) -> Viewer:
        viewers.append(Viewer(url))
        return viewers[-1]

    yield one
    for viewer in viewers:
        viewer.reader.stop.set()
    for viewer in viewers:
        viewer.taker.join(60)
        viewer.thread.join(60)  # inside a blocking read it ends with the read's time-out
        assert not viewer.thread.is_alive()


@pytest.fixture
def rtsp() -> Iterator[RtspServer]:
    need_server()
    server = RtspServer()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    access_units(folder / "moving", encoded(street(SIZE, 4, moving=True)))
    access_units(folder / "still", encoded(street(SIZE, 4, moving=False)))
    small = street((160, 120), 2, moving=True)
    access_units(folder / "two-sizes", encoded(street(SIZE, 2, moving=True)), encoded(small))
    access_units(folder / "one-picture", encoded([next(street(SIZE, 1, moving=False))] * FPS))
    return folder


Watch = Callable[[str], Viewer]


def test_a_stream_is_watched_at_its_own_times(watch: Watch, rtsp: RtspServer, films: Path) -> None:
    viewer = watch(rtsp.show("/ch1", films / "moving", FPS))
    viewer.sees(8)  # what was sent while connecting comes at once
    viewer.sees(10)
    times = [frame.at for frame in viewer.frames]
    gaps_s = np.diff([at.timestamp() for at in times])
    assert times == sorted(set(times))
    assert max(viewer.ahead_s) < 0.01
    assert viewer.troubles(Reason.CLOCK_JUMP) == 0
    assert np.median(gaps_s[-5:]) == pytest.approx(0.5, abs=0.11)
    assert viewer.frames[-1].size_wh == SIZE
    assert viewer.reader.sight is Sight.CLEAR


def test_a_server_that_is_killed_and_comes_back(
    watch: Watch, rtsp: RtspServer, films: Path, caplog: pytest.LogCaptureFixture
) -> None:
    viewer = watch(rtsp.show("/ch1", films / "moving", FPS))
    viewer.sees()
    rtsp.kill()
    viewer.has(Reason.CANNOT_CONNECT)
    assert viewer.reader.sight is Sight.OFFLINE
    before = viewer.frames[-1].at
    rtsp.start()
    rtsp.show("/ch1", films / "moving", FPS)
    viewer.sees()
    assert viewer.frames[-1].at > before
    wait_until(lambda: viewer.reader.sight is Sight.CLEAR, "a picture that lives")
    told = [message for message in caplog.messages if "cannot be reached" in message]
    assert len(told) == 1
    assert PASSWORD not in caplog.text
    assert "viewer" not in caplog.text


def test_a_publisher_that_stops_and_returns(watch: Watch, rtsp: RtspServer, films: Path) -> None:
    viewer = watch(rtsp.show("/ch1", films / "moving", FPS))
    viewer.sees()
    rtsp.hide("/ch1")
    viewer.has(Reason.CANNOT_CONNECT)  # 404: nobody sends to this path
    rtsp.show("/ch1", films / "moving", FPS)
    viewer.sees()


def test_a_server_that_falls_silent(
    watch: Watch, rtsp: RtspServer, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sources.stream.READ_S", 2.0)
    viewer = watch(rtsp.show("/ch1", films / "moving", FPS))
    viewer.sees()
    rtsp.pause()
    viewer.has(Reason.STALLED)


def test_a_wrong_password_and_none(
    watch: Watch, rtsp: RtspServer, films: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = rtsp.show("/ch1", films / "moving", FPS)
    watch(url.replace("${RTSP_PASSWORD}", "${HOME}")).has(Reason.WRONG_CREDENTIALS)
    watch(url.replace("RTSP_PASSWORD", "NOT_SET")).has(Reason.WRONG_CREDENTIALS)
    assert "refuses the user or password" in caplog.text
    assert "needs the environment variable NOT_SET" in caplog.text


def test_a_path_that_is_not_there(
    watch: Watch, rtsp: RtspServer, caplog: pytest.LogCaptureFixture
) -> None:
    watch(f"rtsp://viewer:${{RTSP_PASSWORD}}@127.0.0.1:{rtsp.port}/none").has(Reason.CANNOT_CONNECT)
    assert "404" in caplog.text


def test_another_resolution_goes_on(watch: Watch, rtsp: RtspServer, films: Path) -> None:
    viewer = watch(rtsp.show("/ch1", films / "two-sizes", FPS))
    viewer.has(Reason.RESOLUTION_CHANGED)
    wait_until(
        lambda: {frame.size_wh for frame in viewer.frames} == {SIZE, (160, 120)}, "both sizes"
    )
    assert viewer.troubles(Reason.GARBAGE) == 0


def test_a_frozen_picture_is_no_picture(
    watch: Watch, rtsp: RtspServer, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion, "FROZEN_S", 4.0)
    viewer = watch(rtsp.show("/ch1", films / "one-picture", FPS))
    viewer.has(Reason.FROZEN)
    assert viewer.reader.sight is Sight.FROZEN
    rtsp.hide("/ch1")
    rtsp.show("/ch1", films / "still", FPS)
    wait_until(lambda: viewer.reader.sight is Sight.CLEAR, "a picture that lives")


def test_while_nothing_moves_only_keyframes_are_decoded(
    watch: Watch, rtsp: RtspServer, films: Path
) -> None:
    viewer = watch(rtsp.show("/ch1", films / "still", FPS))
    wait_until(lambda: viewer.count("packets_skipped") > 3 * FPS, "packets that nobody decodes")
    decoded, skipped = viewer.count("frames_in"), viewer.count("packets_skipped")
    seen = len(viewer.frames)
    viewer.sees(2)
    assert viewer.count("frames_in") - decoded < (viewer.count("packets_skipped") - skipped) / 4
    quiet_s = (viewer.frames[seen + 1].at - viewer.frames[seen].at).total_seconds()
    assert 2.0 < quiet_s <= motion.LOOK_S


# How cameras cut and order what they send: the encoder's parameters, and what of it is sent.
CUTS = {
    "slices": ("h264", "slices=4", 0),
    "reordered": ("h264", "bframes=2:b-adapt=0", 0),
    "open": ("h264", "bframes=2:b-adapt=0:open-gop=1", 0),
    "h265": ("h265", "log-level=none:slices=4:bframes=2", 0),
    "refresh": ("h264", "intra-refresh=1", 3),  # without the first three: never a whole picture
}


def test_however_a_quiet_stream_is_cut_it_is_decoded_and_looked_at(
    watch: Watch, rtsp: RtspServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion, "QUIET_AFTER_S", 2.0)
    monkeypatch.setattr(motion, "LOOK_S", 3.0)
    viewers = {}
    for name, (codec, params, first) in CUTS.items():
        film = list(encoded(street(SIZE, 8, moving=False), params=params, codec=codec))[first:]
        served = access_units(tmp_path / name, film)
        viewers[name] = watch(rtsp.show(f"/{name}", served, FPS, codec))
    for name, viewer in viewers.items():
        if name != "refresh":
            viewer.is_quiet()
    looks = {name: len(viewer.frames) for name, viewer in viewers.items()}
    for name, viewer in viewers.items():
        wait_until(viewer.has_seen(looks[name] + 2), f"looks: {name}")
        assert viewer.count("frames_dropped", reason=Reason.GARBAGE) == 0, name
        assert viewer.troubles(Reason.CLOCK_JUMP) == 0, name
    assert viewers["refresh"].count("packets_skipped") < 30  # all is decoded, as it must be


def test_a_stream_that_never_has_a_keyframe_is_decoded_all_the_same(
    watch: Watch, rtsp: RtspServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion, "NO_KEYFRAME_S", 2.0)
    film = list(encoded(street(SIZE, 8, moving=True), params="intra-refresh=1"))[3:]
    unmarked = [_without_recovery_points(packet) for packet in film]
    viewer = watch(rtsp.show("/ch1", access_units(tmp_path / "film", unmarked), FPS))
    viewer.sees(10)


def _without_recovery_points(packet: Packet) -> Packet:
    """The access unit without its SEI messages (type 6), by which one finds where to begin."""
    units = bytes(packet).split(b"\0\0\1")[1:]
    kept = [b"\0\0\0\1" + unit.rstrip(b"\0") for unit in units if unit[0] & 31 != 6]
    bare = av.Packet(b"".join(kept))
    bare.pts = packet.pts
    return bare


def serve(answer: Callable[[socket.socket], None]) -> tuple[int, Callable[[], None]]:
    """A TCP port that answers each that connects; the port, and how to stop."""
    listening = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def run() -> None:
        while True:
            connection, _ = listening.accept()
            if stopped.is_set():
                connection.close()
                return
            with connection:
                answer(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def stop() -> None:
        stopped.set()
        socket.create_connection(("127.0.0.1", listening.getsockname()[1])).close()
        thread.join(30)
        listening.close()

    return listening.getsockname()[1], stop


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_port_that_sends_garbage(scheme: str, watch: Watch) -> None:
    noise = np.random.default_rng(7).bytes(200_000)

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n" if scheme == "http" else b""
        try:
            connection.sendall(head + noise)
        except OSError:
            return

    port, stop = serve(answer)
    viewer = watch(f"{scheme}://127.0.0.1:{port}/ch1")
    bad = (Reason.GARBAGE, Reason.CANNOT_CONNECT, Reason.STREAM_ENDED)
    wait_until(lambda: sum(map(viewer.troubles, bad)) >= 2, "two tries")
    viewer.reader.stop.set()
    viewer.thread.join(60)
    stop()
    assert viewer.frames == []


def test_a_server_that_accepts_and_is_silent(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.sources.stream.CONNECT_S", 1.0)
    done = threading.Event()
    port, stop = serve(lambda connection: (done.wait(60), None)[1])
    viewer = watch(f"rtsp://127.0.0.1:{port}/ch1")
    viewer.has(Reason.STALLED)
    viewer.reader.stop.set()
    done.set()
    viewer.thread.join(60)
    stop()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which a plain web server serves it."""
    handler = partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", ["film.mp4", "list.m3u8"])
def test_a_finite_one_over_http_is_played_at_its_speed_and_ends(
    name: str, watch: Watch, web: tuple[Path, str]
) -> None:
    folder, address = web
    lists = {"hls_time": "1", "hls_list_size": "0", "hls_playlist_type": "vod"}
    options = lists if name.endswith("m3u8") else {"movflags": "+faststart"}
    muxed(folder / name, street(SIZE, 5, moving=True), options)
    viewer = watch(f"{address}/{name}")
    viewer.has(Reason.STREAM_ENDED)
    first = [frame for frame in viewer.frames if frame.at < viewer.frames[0].at + SPAN]
    assert len(first) >= 8  # of ten: none are lost because all came at once


def test_a_live_list_is_followed_however_long_its_segments(
    watch: Watch, web: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sources.stream.READ_S", 1.0)
    folder, address = web
    lists = {"hls_time": "3", "hls_list_size": "0"}
    muxed(folder / "all.m3u8", street(SIZE, 18, moving=True), lists, every_s=3.0)
    whole = (folder / "all.m3u8").read_text().replace("#EXT-X-ENDLIST\n", "")
    entries = whole.split("#EXTINF")
    done = threading.Event()

    def publish() -> None:
        for known in range(2, len(entries) + 1):
            (folder / "new").write_text("#EXTINF".join(entries[:known]))
            (folder / "new").rename(folder / "live.m3u8")
            if done.wait(3.0):
                return

    publisher = threading.Thread(target=publish)
    publisher.start()
    wait_until((folder / "live.m3u8").exists, "a list")
    viewer = watch(f"{address}/live.m3u8")
    viewer.sees(15)
    done.set()
    publisher.join()
    assert viewer.troubles(Reason.STALLED) == 0


def test_time_stamps_that_jump_are_anchored_anew(watch: Watch, web: tuple[Path, str]) -> None:
    folder, address = web
    source = muxed(folder / "plain.ts", street(SIZE, 4, moving=True))
    with av.open(str(source)) as film, av.open(str(folder / "jump.ts"), "w") as out:
        stream = out.add_stream_from_template(film.streams.video[0])
        for n, packet in enumerate(film.demux(video=0)):
            if packet.dts is not None:
                jump = 90_000 * 3600 * (n >= 2 * FPS)
                packet.pts, packet.dts = (packet.pts or 0) + jump, packet.dts + jump
                packet.stream = stream
                out.mux(packet)
    viewer = watch(f"{address}/jump.ts")
    viewer.has(Reason.CLOCK_JUMP)
    viewer.sees(1)
    assert (viewer.frames[-1].at - viewer.frames[0].at).total_seconds() < 60


def test_moving_jpeg_has_the_times_of_its_arrival(watch: Watch) -> None:
    pictures = [cv2.imencode(".jpg", one)[1].tobytes() for one in street(SIZE, 2, moving=True)]
    done = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        kind = b"multipart/x-mixed-replace;boundary=next"
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: " + kind + b"\r\n\r\n")
        while not done.wait(1 / FPS):
            jpeg = pictures[0]
            pictures.append(pictures.pop(0))
            head = b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
            try:
                connection.sendall(head + jpeg + b"\r\n")
            except OSError:
                return

    port, stop = serve(answer)
    viewer = watch(f"http://127.0.0.1:{port}/video")
    viewer.sees(6)
    viewer.reader.stop.set()
    done.set()
    viewer.thread.join(60)
    stop()
    gaps_s = np.diff([frame.at.timestamp() for frame in viewer.frames])
    assert np.median(gaps_s) == pytest.approx(0.5, abs=0.2)
