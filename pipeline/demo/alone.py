"""The demo without Kafka: the same looks and the same fold, in one process."""

import threading
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest

from detectors.hits import Hit
from detectors.runtime import ObjectModel
from pipeline.ingest import ingest, parts_of
from pipeline.messages import encode
from pipeline.readings import look_at_reading, watch_sensors
from pipeline.replay import Fold, log_line
from pipeline.site.model import Site
from pipeline.topics import HITS
from sinks.contract import Headers

PARTITION = 0


class FoldSink:
    """An AlertSink that folds what goes to the log at once; what goes to others is left out."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self.alerts: list[bytes] = []
        self.log: list[bytes] = []

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers = ()) -> None:
        """As in `AlertSink`; nothing can fail."""
        if topic != HITS:
            return
        offset = len(self.log)
        self.log.append(log_line(PARTITION, offset, key, value))
        done = self._fold.apply(PARTITION, offset, key, value)
        self.alerts += [encode(alert) for alert, _ in done.alerts]

    def close(self) -> None:
        """Nothing is under way."""


def run(site: Site, model: ObjectModel) -> tuple[FoldSink, str]:
    """Readings, then every frame, through the fold; what came out, and ingest's metrics."""
    sink, registry = FoldSink(Fold(site.policy)), CollectorRegistry()
    watched = watch_sensors(site)
    now = datetime.now(UTC)
    readings = site.folder / "readings.jsonl"
    for line in readings.read_bytes().splitlines() if readings.exists() else ():
        seen = look_at_reading(line, watched, now, site.settings.worker.max_clock_skew_s)
        if isinstance(seen, Hit):
            sink.send(HITS, seen.leaf_code.encode(), encode(seen))
    ingest(site, parts_of(site, sink, model, registry), threading.Event())
    return sink, generate_latest(registry).decode()
