"""What Prometheus sees, from both processes. Labels are bounded: no grid, place or alert id."""

from collections import Counter as Counts
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import start_http_server
from prometheus_client.registry import Collector

from detectors.view import Sight
from pipeline.alerts import GridAlert, Handled, Opened
from pipeline.incidents.handling import SETTLED
from pipeline.incidents.policy import Policy
from pipeline.incidents.state import Policies, State, all_cases, head, open_incidents

LOOPBACK = "127.0.0.1"
MAX_CAMERAS = 128  # a label value each
SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_HOUR_S = 3600.0
LONG_S = (60.0, 300.0, 900.0, *(_HOUR_S * n for n in (1, 4, 12, 24, 72, 168, 720)))


class IngestMetrics:
    """What one ingest process counts, on its registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, seconds = partial(_counter, registry), partial(_seconds, registry)
        self.frames_in = counter("frames_in", "Frames that came from a camera")
        self.frames_looked_at = counter("frames_looked_at", "Frames that detectors looked at")
        self.looking_seconds = Gauge(
            "gridalert_looking_seconds", "From the start to the last look", registry=registry
        )
        self.frames_dropped = counter("frames_dropped", "Frames not looked at", "reason")
        self.packets_skipped = counter("packets_skipped", "Video not decoded: nothing moved")
        self.camera_troubles = counter("camera_troubles", "What went wrong with streams", "reason")
        self.views_lost = ViewsLost()
        registry.register(self.views_lost)
        self.stage_seconds = seconds("stage_seconds", "Time of one frame in a stage", "stage")
        self.inference_seconds = seconds("inference_seconds", "Time of one inference", "model")
        self.hits = counter("hits", "Hits sent to the log", "event_type")
        self.dead_letters = counter("dead_letters", "Inputs refused", "reason", "stage")


class WorkerMetrics:
    """What one worker process counts, on its registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, seconds = partial(_counter, registry), partial(_seconds, registry)
        self.decisions = counter("decisions", "Records of the log", "outcome", "reason")
        self.alerts = counter("alerts", "Grid alerts sent", "action", "event_type", "event_level")
        self.dead_letters = counter("dead_letters", "Inputs refused", "reason", "stage")
        self.stage_seconds = seconds("stage_seconds", "Time of one record in a stage", "stage")
        self.frame_to_alert_seconds = seconds(
            "frame_to_alert_seconds", "From reading a frame to its alert's acknowledgement"
        )
        self.hits = counter("hits", "Hits sent to the log", "event_type")
        self.log_records = counter("log_records", "Records of the log, each counted once")
        self.feedback = counter("feedback", "Feedback that changed an alert", "action")
        self.verified = counter("verified", "Verdicts on site", "event_type", "result")
        self.evaluations = counter("evaluations", "Residents' evaluations", "satisfied")
        self.response_seconds = seconds(
            "response_seconds", "Event time from opened to accepted", buckets=LONG_S
        )
        self.handling_seconds = seconds(
            "handling_seconds", "Event time from opened to closed", buckets=LONG_S
        )
        self.routing = counter("routing", "Alerts addressed to somebody", "mode", "reason")


class SiteMetrics:
    """Which site a process runs, and whether it is the one on disk."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reload_successful = Gauge(
            "gridalert_site_reload_successful",
            "1: the site on disk is the one that runs; 0: it is refused",
            registry=registry,
        )
        self.info = Gauge("gridalert_site_info", "What runs", ["policy_version"], registry=registry)


def count_alert(metrics: WorkerMetrics, alert: GridAlert, feedback_id: str | None) -> None:
    """One alert that was sent. `feedback_id`: of the feedback it was sent for, if it was."""
    kind, level = alert.event.type, str(alert.event_level)
    metrics.alerts.labels(type(alert).__name__.lower(), kind, level).inc()
    to = alert.routing
    if isinstance(alert, Opened) or getattr(alert, "update_reason", "") == "officer_changed":
        metrics.routing.labels(str(to.__struct_config__.tag), to.reason).inc()
    for done in alert.handled:
        if done.feedback_id == feedback_id:
            _count_handled(metrics, alert, done)


def _count_handled(metrics: WorkerMetrics, alert: GridAlert, done: Handled) -> None:
    metrics.feedback.labels(done.action).inc()
    took_s = (done.at - alert.opened_at).total_seconds()
    if done.action == "accepted":
        metrics.response_seconds.observe(max(took_s, 0.0))
    elif done.action == "closed":
        metrics.handling_seconds.observe(max(took_s, 0.0))
    elif done.action == "verified":
        metrics.verified.labels(alert.event.type, str(done.result)).inc()
    elif done.action == "evaluated":
        metrics.evaluations.labels(str(done.satisfied).lower()).inc()


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

    def forget(self, camera_id: str) -> None:
        """No frame of this camera is expected any more."""
        self._last_s.pop(camera_id, None)

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


class ViewsLost(Collector):
    """Cameras that see nothing, by what keeps them from it, and which: MAX_CAMERAS at most."""

    def __init__(self) -> None:
        self._sights: dict[str, Sight] = {}

    def seen(self, camera_id: str, sight: Sight) -> None:
        """What keeps this camera from seeing now; clear also of one that is not looked at."""
        if sight is Sight.CLEAR:
            self._sights.pop(camera_id, None)
        else:
            self._sights[camera_id] = sight

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Called by Prometheus."""
        now = sorted(self._sights.copy().items())
        yield _counted(
            "gridalert_cameras_lost",
            "Cameras that see nothing now",
            ("sight",),
            Counts((str(sight),) for _, sight in now),
        )
        yield _counted(
            "gridalert_camera_view_lost",
            "1: the camera sees nothing now",
            ("camera", "sight"),
            Counts((camera, str(sight)) for camera, sight in now[:MAX_CAMERAS]),
        )


class Books(Collector):
    """What is open in the partitions held, counted when Prometheus asks."""

    def __init__(
        self, all_states: Callable[[], list[dict[str, State]]], policies: Callable[[], Policies]
    ) -> None:
        self._all_states, self._policies = all_states, policies

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Called by Prometheus."""
        incidents: Counts[tuple[str, ...]] = Counts()
        cases: Counts[tuple[str, ...]] = Counts()
        overdue: Counts[tuple[str, ...]] = Counts()
        for states in self._all_states():
            held = list(states.values())
            policy = self._policies().in_force(head(states).policy_version)
            incidents.update(open_incidents(held, policy))
            alerts = [case.alert for case in all_cases(held)]
            cases.update((alert.event.type, alert.handling) for alert in alerts)
            overdue.update((str(a.event_level),) for a in alerts if _is_overdue(a, head(states).at))
        yield _counted(
            "gridalert_incidents",
            "Open incidents, as looking has them",
            ("event_type", "condition"),
            incidents,
        )
        yield _counted(
            "gridalert_cases",
            "Alerts on which feedback is welcome, as people have them",
            ("event_type", "handling"),
            cases,
        )
        yield _counted(
            "gridalert_alerts_overdue",
            "Alerts that are not done and past their deadline",
            ("event_level",),
            overdue,
        )


def _is_overdue(alert: GridAlert, ticked_at: datetime | None) -> bool:
    """At the newest event time; there are no ticks where recorded material is run."""
    due_at = alert.deadline.due_at
    now = max(ticked_at or alert.updated_at, alert.updated_at)
    return due_at is not None and due_at <= now and alert.handling not in SETTLED


class CalendarEnds(Collector):
    """Days until the first year without a published calendar: then deadlines are provisional."""

    def __init__(self, policy: Callable[[], Policy], now: Callable[[], datetime]) -> None:
        self._policy, self._now = policy, now

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Called by Prometheus."""
        today, year = self._now().date(), self._now().year
        while year in self._policy().calendar.published:
            year += 1
        left = max((date(year, 1, 1) - today).days, 0)
        yield GaugeMetricFamily(
            "gridalert_calendar_days_until_unpublished",
            "Until working days are only assumed",
            value=left,
        )


def _counted(
    name: str, what: str, labels: tuple[str, ...], counts: Counts[tuple[str, ...]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, what, labels=labels)
    for value, count in sorted(counts.items()):
        family.add_metric(list(value), count)
    return family


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


def _seconds(
    registry: CollectorRegistry,
    name: str,
    what: str,
    *labels: str,
    buckets: tuple[float, ...] = SECONDS,
) -> Histogram:
    return Histogram(f"gridalert_{name}", what, labels, registry=registry, buckets=buckets)
