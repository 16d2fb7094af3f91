"""What Prometheus sees, from both processes. Labels are bounded: no grid, place or alert id."""

from collections import Counter as Counts
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import start_http_server
from prometheus_client.registry import Collector

from pipeline.incidents.policy import Policy
from pipeline.incidents.state import State, open_incidents

LOOPBACK = "127.0.0.1"
MAX_CAMERAS = 128  # a label value each
SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class IngestMetrics:
    """What ingest counts."""

    frames_in: Counter
    frames_looked_at: Counter
    looking_seconds: Gauge
    frames_dropped: Counter
    stage_seconds: Histogram
    inference_seconds: Histogram
    hits: Counter
    dead_letters: Counter


@dataclass(frozen=True, slots=True)
class WorkerMetrics:
    """What the worker counts."""

    decisions: Counter
    alerts: Counter
    dead_letters: Counter
    stage_seconds: Histogram
    frame_to_alert_seconds: Histogram
    hits: Counter


def ingest_metrics(registry: CollectorRegistry) -> IngestMetrics:
    """The metrics of one ingest process, on its registry."""
    return IngestMetrics(
        frames_in=_counter(registry, "frames_in", "Frames that came from a camera"),
        frames_looked_at=_counter(registry, "frames_looked_at", "Frames that detectors looked at"),
        looking_seconds=Gauge(
            "gridalert_looking_seconds", "From the start to the last look", registry=registry
        ),
        frames_dropped=_counter(registry, "frames_dropped", "Frames not looked at", "reason"),
        stage_seconds=_seconds(registry, "stage_seconds", "Time of one frame in a stage", "stage"),
        inference_seconds=_seconds(registry, "inference_seconds", "Time of one inference", "model"),
        hits=_counter(registry, "hits", "Hits sent to the log", "event_type"),
        dead_letters=_dead_letters(registry),
    )


def worker_metrics(registry: CollectorRegistry) -> WorkerMetrics:
    """The metrics of one worker process, on its registry."""
    return WorkerMetrics(
        decisions=_counter(registry, "decisions", "Records of the log", "outcome", "reason"),
        alerts=_counter(
            registry, "alerts", "Grid alerts sent", "action", "event_type", "event_level"
        ),
        dead_letters=_dead_letters(registry),
        stage_seconds=_seconds(registry, "stage_seconds", "Time of one record in a stage", "stage"),
        frame_to_alert_seconds=_seconds(
            registry,
            "frame_to_alert_seconds",
            "From reading a frame to its alert's acknowledgement",
        ),
        hits=_counter(registry, "hits", "Hits sent to the log", "event_type"),
    )


class MetricsUnavailable(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """Prometheus could not be served."""


class LastFrameAge(Collector):
    """Seconds since each camera's last frame, or since it was first expected; worked out when
    Prometheus asks. Of more than MAX_CAMERAS the ones silent longest are shown.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._last_s: dict[str, float] = {}

    def seen(self, camera_id: str) -> None:
        """A frame of this camera has just come in, or is expected from now on."""
        self._last_s[camera_id] = self._monotonic_s()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Called by Prometheus."""
        family = GaugeMetricFamily(
            "gridalert_camera_last_frame_age_seconds", "Since the last frame", labels=["camera"]
        )
        now = self._monotonic_s()
        oldest_first = sorted(self._last_s.copy().items(), key=lambda item: item[1])
        for camera, last in oldest_first[:MAX_CAMERAS]:
            family.add_metric([camera], now - last)
        yield family


class OpenIncidents(Collector):
    """Open incidents of the partitions held, counted when Prometheus asks."""

    def __init__(self, all_states: Callable[[], list[dict[str, State]]], policy: Policy) -> None:
        self._all_states, self._policy = all_states, policy

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Called by Prometheus."""
        family = GaugeMetricFamily(
            "gridalert_incidents",
            "Open incidents of the partitions held",
            labels=["event_type", "condition"],
        )
        counts: Counts[tuple[str, str]] = Counts()
        for states in self._all_states():
            counts.update(open_incidents(list(states.values()), self._policy))
        for labels, count in sorted(counts.items()):
            family.add_metric(list(labels), count)
        yield family


def serve(registry: CollectorRegistry, port: int) -> tuple[int, Callable[[], None]]:
    """Serve /metrics on loopback; port 0 takes a free one. The port, and how to stop.

    Raises MetricsUnavailable when the port is taken.
    """
    try:
        server, thread = start_http_server(port, LOOPBACK, registry)
    except OSError as error:
        raise MetricsUnavailable(
            f"metrics: port {port} on {LOOPBACK}: {error.strerror}. Set another metrics_port in "
            "gridalert.toml, or 0 for a free one"
        ) from error

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server.server_port, stop


def _counter(registry: CollectorRegistry, name: str, what: str, *labels: str) -> Counter:
    return Counter(f"gridalert_{name}", what, labels, registry=registry)


def _seconds(registry: CollectorRegistry, name: str, what: str, *labels: str) -> Histogram:
    return Histogram(f"gridalert_{name}", what, labels, registry=registry, buckets=SECONDS)


def _dead_letters(registry: CollectorRegistry) -> Counter:
    return _counter(registry, "dead_letters", "Inputs refused", "reason", "stage")
