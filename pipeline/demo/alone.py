"""The demo without Kafka: the same looks and the same fold, in one process."""

import threading
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest

from detectors.hits import Hit
from detectors.runtime import ObjectModel
from pipeline.demo.run_site import readings_of
from pipeline.ingest import ingest, parts_of
from pipeline.messages import encode
from pipeline.readings import look_at_reading, watch_sensors
from pipeline.replay import Fold, FoldSink
from pipeline.site.model import Site
from pipeline.topics import HITS


def run(site: Site, model: ObjectModel) -> tuple[FoldSink, str]:
    """Readings, then every frame, through the fold; what came out, and ingest's metrics."""
    sink, registry = FoldSink(Fold(site.policy)), CollectorRegistry()
    watched = watch_sensors(site)
    now = datetime.now(UTC)
    for line in (x for path in readings_of(site.folder) for x in path.read_bytes().splitlines()):
        seen = look_at_reading(line, watched, now, site.settings.worker.max_clock_skew_s)
        if isinstance(seen, Hit):
            sink.send(HITS, seen.leaf_code.encode(), encode(seen))
    ingest(site, parts_of(site, sink, model, registry), threading.Event())
    return sink, generate_latest(registry).decode()
