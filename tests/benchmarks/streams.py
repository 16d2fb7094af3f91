"""Eight real RTSP streams through the whole of ingest: memory, ages, CPU, looks.

python -m tests.benchmarks.streams [--minutes 10] [--streams 8]: a table; exits 1 when memory grew
by more than 5 % from the middle to the last third, a stream's last frame got older than 15 s, or
nothing was looked at. The server is a process of its own; the figures are of this one.
"""

# ruff: noqa: T201

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import av
from prometheus_client import CollectorRegistry

from detectors.runtime import open_object_model
from pipeline.ingest import ingest, parts_of
from pipeline.metrics import LastFrameAge
from pipeline.site.load import load_site
from sinks.contract import Headers
from sinks.evidence import FolderEvidence
from tests.integration.films import Picture, access_units, encoded
from tests.integration.rtsp import PASSWORD, RtspServer

ROOT = Path(__file__).parents[2]
MOST_AGE_S, MOST_GROWTH = 15.0, 1.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Counting:
    """A sink that keeps nothing."""

    sent = 0

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers = ()) -> None:
        self.sent += 1

    def close(self) -> None: ...


def campus() -> Iterator[Picture]:
    with av.open(str(ROOT / "deploy/demo/campus.mp4")) as film:
        for frame in film.decode(video=0):
            yield frame.to_ndarray(format="bgr24")


def rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 2**20


class Ages:
    """How old the last picture of each camera has been at most, and since the last row."""

    def __init__(self, ages: LastFrameAge) -> None:
        self._ages = ages
        self.worst_s: dict[str, float] = {}
        self._lately_s = 0.0

    def look(self) -> None:
        for sample in (one for family in self._ages.collect() for one in family.samples):
            name = sample.labels["camera"]
            self.worst_s[name] = max(self.worst_s.get(name, 0.0), sample.value)
            self._lately_s = max(self._lately_s, sample.value)

    def lately_s(self) -> float:
        """The worst of all cameras since it was asked before."""
        found, self._lately_s = self._lately_s, 0.0
        return found


def main() -> int:
    ask = argparse.ArgumentParser()
    ask.add_argument("--minutes", type=float, default=10.0)
    ask.add_argument("--streams", type=int, default=8)
    asked = ask.parse_args()
    os.environ["RTSP_PASSWORD"] = PASSWORD
    with tempfile.TemporaryDirectory() as folder:
        film = access_units(Path(folder) / "campus", encoded(campus(), every_s=0.6))
        server = RtspServer()
        try:
            urls = [server.show(f"/ch{n}", film, 7.0) for n in range(asked.streams)]
            return watch(urls, asked.minutes * 60, Path(folder))
        finally:
            server.kill()


def watch(urls: list[str], for_s: float, folder: Path) -> int:
    site = load_site(ROOT / "deploy/demo")
    first = site.cameras[0]
    cameras = tuple(
        replace(first, id=f"cam-{n}", video=None, start=None, fps=None, stream=url)
        for n, url in enumerate(urls)
    )
    for camera in cameras:
        for zone in camera.zones:
            site.policy.watches[camera.id, zone.id] = site.policy.watches[first.id, zone.id]
    site = replace(site, cameras=cameras)
    registry, stop = CollectorRegistry(), threading.Event()
    model = open_object_model(ROOT / "models/objects", threads=1)
    parts = replace(
        parts_of(site, Counting(), model, registry),
        evidence=FolderEvidence(folder / "evidence", ""),
    )
    thread = threading.Thread(target=ingest, args=(site, parts, stop))
    thread.start()
    ages = Ages(parts.ages)
    rows = list(measured(registry, ages, for_s))
    stop.set()
    thread.join()
    third = max(len(rows) // 3, 1)
    middle, last = rows[third : 2 * third], rows[-third:]
    grew = median(row[1] for row in last) / median(row[1] for row in middle)
    print(f"memory, last third to the middle one: x{grew:.3f}")
    print("oldest s:", "  ".join(f"{name} {s:.1f}" for name, s in sorted(ages.worst_s.items())))
    for name in ("camera_troubles", "frames_dropped"):
        print(name, {reason: n for reason, n in counts(registry, name).items() if n})
    worst_s = max(ages.worst_s.values())
    return int(grew > MOST_GROWTH or worst_s > MOST_AGE_S or rows[-1][4] == 0)


def counts(registry: CollectorRegistry, name: str) -> dict[str, float]:
    """A counter by its label."""
    families = (family for family in registry.collect() if family.name == f"gridalert_{name}")
    samples = [sample for family in families for sample in family.samples]
    return {
        " ".join(sample.labels.values()): sample.value
        for sample in samples
        if sample.name.endswith("_total")
    }


def measured(registry: CollectorRegistry, ages: Ages, for_s: float) -> Iterator[tuple[float, ...]]:
    """A row every fifteenth of the time: minute, MiB, oldest frame, CPU share of a core, looks a
    second, and what was shed, skipped and restarted in all.
    """
    print(" minute     MiB  oldest s   CPU   looks/s    shed  skipped  troubles")
    began = then = time.monotonic()
    time.sleep(20)  # until all are connected
    while then - began < for_s:
        then, cpu = time.monotonic(), time.process_time()
        looks = sum(counts(registry, "frames_looked_at").values())
        while time.monotonic() - then < for_s / 15:
            ages.look()
            time.sleep(0.5)
        took_s = time.monotonic() - then
        looked, shed, skipped, troubles = (
            sum(counts(registry, name).values())
            for name in ("frames_looked_at", "frames_dropped", "packets_skipped", "camera_troubles")
        )
        share, rate = (time.process_time() - cpu) / took_s, (looked - looks) / took_s
        then = time.monotonic()
        row = (then - began) / 60, rss_mib(), ages.lately_s(), share, rate, shed, skipped, troubles
        form = "{:7.1f} {:7.0f} {:9.1f} {:5.2f} {:9.2f} {:7.0f} {:8.0f} {:9.0f}"
        print(form.format(*row), flush=True)
        yield row


if __name__ == "__main__":
    sys.exit(main())
