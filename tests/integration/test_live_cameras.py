"""Live cameras through the whole of ingest: a site that changes meanwhile, and the end."""

import shutil
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from detectors.hits import Detections, Hit
from detectors.runtime import open_object_model
from pipeline.broker import LocalBroker
from pipeline.demo.on_kafka import start
from pipeline.demo.run_site import Ports, prepare
from pipeline.ingest import ingest, parts_of
from pipeline.messages import decode_log_record
from pipeline.metrics import SiteMetrics
from pipeline.reload import Reload, stamp_of
from pipeline.site.load import load_site
from pipeline.topics import HITS
from sinks.evidence import FolderEvidence
from tests.conftest import wait_until
from tests.integration.films import FPS, access_units, encoded, street
from tests.integration.rtsp import PASSWORD, RtspServer, need_server
from tests.memory_sink import MemorySink

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "deploy/demo"
CAMERA = """
[[camera]]
id = "{id}"
name = "{id}"
stream = "{url}"
sample_fps = 2
[[camera.zones]]
id = "all"
event = "crowding"
place = "pl-0931"
polygon = [[0.1, 0.2], [0.6, 0.2], [0.6, 0.9], [0.1, 0.9]]
params = {{ min_people = 5 }}
"""


class SeesNothing:
    """Instead of a network, for what does not depend on what is in the pictures."""

    def __init__(self) -> None:
        self.manifest = open_object_model(ROOT / "models/objects", threads=1).manifest

    def detect(self, _: object) -> Detections:
        return Detections(
            np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64)
        )

    def sure(self, faint: Detections) -> Detections:
        return faint


class Town:
    """Ingest of a site on disk, in a thread."""

    def __init__(self, folder: Path, cameras: dict[str, str]) -> None:
        self._folder = folder / "site"
        shutil.copytree(DEMO, self._folder, ignore=shutil.ignore_patterns("*.mp4", "cameras"))
        (self._folder / "cameras").mkdir()
        self._watch(cameras)
        self.sink, self.registry, self.stop = MemorySink(), CollectorRegistry(), threading.Event()
        site, model = load_site(self._folder), SeesNothing()
        self._reload = Reload(
            self._folder, site, stamp_of(self._folder), 0.0, SiteMetrics(self.registry)
        )
        parts: Any = parts_of(site, self.sink, model, self.registry)  # type: ignore[arg-type]
        parts = replace(parts, evidence=FolderEvidence(folder / "evidence", ""))
        self.thread = threading.Thread(target=ingest, args=(site, parts, self.stop, self._reload))
        self.thread.start()

    def _watch(self, cameras: dict[str, str]) -> None:
        for old in (self._folder / "cameras").iterdir():
            old.unlink()
        for name, url in cameras.items():
            text = CAMERA.format(id=name, url=url)
            (self._folder / f"cameras/{name}.toml").write_text(text, "utf-8")

    def change(self, cameras: dict[str, str]) -> None:
        self._watch(cameras)
        self._reload.ask()

    def seen(self, name: str) -> int:
        """Hits of a camera's zone that can be seen."""
        records = [decode_log_record(message.value) for message in self.sink.on(HITS)]
        hits = [one for one in records if isinstance(one, Hit) and one.zone_id == "all"]
        return sum(hit.source.id == name and hit.quality > 0 for hit in hits)

    def sees(self, name: str, before: int = 0) -> None:
        wait_until(lambda: self.seen(name) > before, f"pictures of {name}")

    def knows(self, name: str) -> bool:
        metric = "gridalert_camera_last_frame_age_seconds"
        return self.registry.get_sample_value(metric, {"camera": name}) is not None


def test_live_cameras_come_go_and_move_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_server()
    monkeypatch.setenv("RTSP_PASSWORD", PASSWORD)
    server = RtspServer()
    film = access_units(tmp_path / "film", encoded(street((320, 240), 4, moving=True)))
    right = server.show("/right", film, FPS)
    wrong = right.replace("/right", "/wrong")
    town = Town(tmp_path, {"stays": right, "goes": right, "moves": wrong})
    try:
        town.sees("stays")
        town.sees("goes")
        assert town.seen("moves") == 0
        town.change({"stays": right, "comes": right, "moves": right})
        town.sees("comes")
        town.sees("moves")
        gone = town.seen("goes")
        town.sees("stays", town.seen("stays"))
        assert town.seen("goes") == gone
        assert [town.knows(name) for name in ("stays", "goes", "comes")] == [True, False, True]
    finally:
        town.stop.set()
        town.thread.join(60)
        server.kill()
    assert not town.thread.is_alive()


def test_ctrl_c_ends_ingest_whose_camera_is_silent(kafka: LocalBroker, tmp_path: Path) -> None:
    """Its reader sits in a read for as long as that may take; the process does not wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(120)
        site = prepare(DEMO, tmp_path / "site", kafka.bootstrap, Ports(0, 0), None)
        for old in (site / "cameras").iterdir():
            old.unlink()
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/1"
        (site / "cameras/one.toml").write_text(CAMERA.format(id="one", url=url), "utf-8")
        process = start("ingest", tmp_path, "ingest", "--site", str(site))
        connection, _ = silent.accept()
        with connection:
            process.stop(30.0)
            assert process.wait(0) == 0  # it was not killed
