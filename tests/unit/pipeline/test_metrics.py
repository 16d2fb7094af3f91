"""What Prometheus sees: names, units, bounded labels, and a port that is given back."""

import re
import socket
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.feedback import (
    Accepted,
    Actor,
    Closed,
    Closing,
    Evaluated,
    Evaluation,
    Feedback,
    Verdict,
    Verified,
)
from pipeline.incidents.policy import WorkCalendar
from pipeline.incidents.state import State, only
from pipeline.messages import Given, LogRecord, Tick
from pipeline.metrics import (
    MAX_CAMERAS,
    Books,
    CalendarEnds,
    IngestMetrics,
    LastFrameAge,
    MetricsUnavailable,
    SiteMetrics,
    ViewsLost,
    WorkerMetrics,
    count_alert,
    serve,
)
from pipeline.replay import Fold
from tests.builders import LEAF, at, hit, policy, record

RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "gridalert.rules.yml"
UNBOUNDED = {"grid", "leaf_code", "place", "place_id", "alert", "alert_id", "sensor", "hit_id"}
DUE_S = 16 * 3600  # 24:00 in Chengdu of the day on which the tests begin


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def families(registry: CollectorRegistry) -> dict:
    text = generate_latest(registry).decode()
    found = text_string_to_metric_families(text)
    return {family.name: family for family in found if not family.name.endswith("_created")}


@pytest.mark.parametrize(
    ("make", "names"),
    [
        pytest.param(
            IngestMetrics,
            {
                "frames_in", "frames_looked_at", "looking_seconds", "frames_dropped",
                "stage_seconds", "inference_seconds", "hits", "dead_letters", "packets_skipped",
                "camera_troubles", "cameras_lost", "camera_view_lost",
            },
            id="ingest",
        ),
        pytest.param(
            WorkerMetrics,
            {
                "decisions", "alerts", "dead_letters", "stage_seconds", "frame_to_alert_seconds",
                "hits", "log_records", "feedback", "verified", "evaluations", "response_seconds",
                "handling_seconds", "routing",
            },
            id="worker",
        ),
        pytest.param(SiteMetrics, {"site_reload_successful", "site_info"}, id="site"),
    ],
)  # fmt: skip
def test_a_process_counts(make, names: set[str], registry: CollectorRegistry) -> None:
    make(registry)
    found = families(registry)
    assert set(found) == {f"gridalert_{name}" for name in names}
    for name, family in found.items():
        assert family.documentation
        in_seconds = family.type == "histogram" or name.endswith("looking_seconds")
        assert name.endswith("_seconds") == in_seconds


def test_no_label_grows_with_the_city(registry: CollectorRegistry) -> None:
    made = [make(registry) for make in (IngestMetrics, SiteMetrics)]
    for metrics in (*made, WorkerMetrics(CollectorRegistry())):
        for metric in vars(metrics).values():
            families = metric.collect() if isinstance(metric, ViewsLost) else [metric]
            assert not UNBOUNDED & {label for family in families for label in family._labelnames}


def test_labels_are_told_as_they_are_counted(registry: CollectorRegistry) -> None:
    metrics = WorkerMetrics(registry)
    metrics.decisions.labels("opened", "lasted").inc()
    metrics.alerts.labels("opened", "crowding", "1").inc()
    value = registry.get_sample_value
    assert value("gridalert_decisions_total", {"outcome": "opened", "reason": "lasted"}) == 1
    labels = {"action": "opened", "event_type": "crowding", "event_level": "1"}
    assert value("gridalert_alerts_total", labels) == 1


def test_a_cameras_age_grows_until_its_next_frame(registry: CollectorRegistry) -> None:
    now = [100.0]
    ages = LastFrameAge(lambda: now[0])
    registry.register(ages)
    name, labels = "gridalert_camera_last_frame_age_seconds", {"camera": "cam-1"}
    ages.seen("cam-1")
    now[0] = 107.5
    assert registry.get_sample_value(name, labels) == 7.5
    ages.seen("cam-1")
    assert registry.get_sample_value(name, labels) == 0


def test_of_too_many_cameras_the_longest_silent_are_shown(registry: CollectorRegistry) -> None:
    seconds = iter(range(1000))
    ages = LastFrameAge(lambda: float(next(seconds)))
    registry.register(ages)
    for n in range(MAX_CAMERAS + 50):
        ages.seen(f"cam-{n}")
    samples = families(registry)["gridalert_camera_last_frame_age_seconds"].samples
    labels = {sample.labels["camera"] for sample in samples}
    assert labels == {f"cam-{n}" for n in range(MAX_CAMERAS)}


class Told:
    """A fold, what is counted of its alerts, and of the states it leaves."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.fold, self.metrics = Fold(policy()), WorkerMetrics(registry)
        self.states: dict[str, State] = {}
        self.alert_id = ""
        self._offset, self._registry = 0, registry
        registry.register(Books(lambda: [self.states, {}], lambda: only(policy())))

    def take(self, *records: LogRecord) -> None:
        for one in records:
            done = self.fold.apply(0, self._offset, *record(one))
            self._offset += 1
            for key, state in done.changed.items():
                self.states.pop(key, None)
                if state is not None:
                    self.states[key] = state
            for alert, _ in done.alerts:
                self.alert_id = alert.data.alert_id
                count_alert(self.metrics, alert.data, done.decision and done.decision.hit_id)

    def give(self, kind: type[Feedback], seconds: float, **fields: object) -> None:
        self.take(
            Given(
                kind(
                    feedback_id=f"{kind.__name__}-{seconds}",
                    alert_id=self.alert_id,
                    grid_code=LEAF,
                    at=at(seconds),
                    actor=Actor("o-8", "grid_officer"),
                    **fields,
                )
            )
        )

    def value(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(f"gridalert_{name}", labels)


@pytest.fixture
def crowd(registry: CollectorRegistry) -> Told:
    """A crowd that has been told."""
    told = Told(registry)
    told.take(*(hit(second, 6) for second in (0, 2, 4)))
    assert told.alert_id
    return told


def test_open_incidents_are_counted_by_event_and_condition(
    crowd: Told, registry: CollectorRegistry
) -> None:
    (sample,) = families(registry)["gridalert_incidents"].samples
    assert sample.labels == {"event_type": "crowding", "condition": "present"}
    assert sample.value == 1
    assert crowd.value("cases", event_type="crowding", handling="open") == 1


def test_what_people_do_is_counted_once_in_event_time(crowd: Told) -> None:
    crowd.give(Accepted, 64)
    crowd.give(Accepted, 64)  # delivered twice
    crowd.give(Verified, 300, verified=Verdict("true"))
    crowd.give(Closed, 3604, closed=Closing("resolved"))
    crowd.give(Evaluated, 4000, evaluation=Evaluation(True))
    assert crowd.value("cases", event_type="crowding", handling="closed") == 1
    assert crowd.value("feedback_total", action="accepted") == 1
    assert crowd.value("feedback_total", action="closed") == 1
    assert crowd.value("verified_total", event_type="crowding", result="true") == 1
    assert crowd.value("evaluations_total", satisfied="true") == 1
    assert crowd.value("response_seconds_sum") == 60
    assert crowd.value("handling_seconds_sum") == 3600
    assert crowd.value("handling_seconds_count") == 1


def test_alerts_are_counted_by_whom_they_go_to(crowd: Told) -> None:
    crowd.take(hit(6, 20))
    alerts = {"event_type": "crowding", "event_level": "1"}
    assert crowd.value("alerts_total", action="updated", **alerts) == 1
    assert crowd.value("routing_total", mode="direct", reason="leaf_grid") == 1


def test_what_is_past_its_deadline_counts_until_it_is_done(crowd: Told) -> None:
    overdue = {"event_level": "1"}
    assert crowd.value("alerts_overdue", **overdue) is None
    crowd.take(Tick(at(DUE_S)))
    assert crowd.value("alerts_overdue", **overdue) == 1
    crowd.give(Closed, DUE_S, closed=Closing("resolved"))
    assert crowd.value("alerts_overdue", **overdue) is None


@pytest.mark.parametrize(
    ("years", "today", "days"),
    [
        pytest.param({2026}, datetime(2026, 12, 31, tzinfo=UTC), 1, id="the last day"),
        pytest.param({2026, 2027}, datetime(2026, 12, 31, tzinfo=UTC), 366, id="a year more"),
        pytest.param({2026}, datetime(2027, 1, 1, tzinfo=UTC), 0, id="over"),
        pytest.param({2026, 2028}, datetime(2026, 12, 31, tzinfo=UTC), 1, id="a year is missing"),
    ],
)
def test_the_end_of_the_calendar_is_seen_coming(
    years: set[int], today: datetime, days: int, registry: CollectorRegistry
) -> None:
    made = policy(calendar=WorkCalendar("cn", frozenset(years), {}))
    registry.register(CalendarEnds(lambda: made, lambda: today))
    assert registry.get_sample_value("gridalert_calendar_days_until_unpublished") == days


def test_the_table_of_docs_architecture_has_every_metric(registry: CollectorRegistry) -> None:
    IngestMetrics(registry)
    SiteMetrics(registry)
    others = CollectorRegistry()
    Told(others)
    others.register(CalendarEnds(policy, lambda: at(0)))
    others.register(LastFrameAge(lambda: 0.0))
    table = (RULES.parents[2] / "docs/architecture.md").read_text("utf-8").split("## Metrics")[1]
    told = set(re.findall(r"^\| `(\w+)|, `(\w+_seconds)`", table, re.M))
    names = {name.removesuffix("_total") for pair in told for name in pair if name}
    served = {family.name for family in [*registry.collect(), *others.collect()]}
    assert names == {name.removeprefix("gridalert_") for name in served}


def test_every_metric_that_the_rules_name_exists(registry: CollectorRegistry) -> None:
    IngestMetrics(registry)
    SiteMetrics(registry)
    others = CollectorRegistry()
    told = Told(others)
    others.register(CalendarEnds(policy, lambda: at(0)))
    others.register(LastFrameAge(lambda: 0.0))
    told.take(*(hit(second, 6) for second in (0, 2, 4)))
    known = set()
    for family in [*registry.collect(), *others.collect()]:
        known |= {family.name, *(family.name + end for end in ("_total", "_sum", "_count"))}
    named = set(re.findall(r"gridalert_[a-z_]+", RULES.read_text("utf-8")))
    assert len(named) >= 8
    assert named <= known


def test_metrics_are_served_on_loopback_only_and_the_port_is_given_back(
    registry: CollectorRegistry,
) -> None:
    IngestMetrics(registry).frames_in.inc(3)
    port, stop = serve(registry, 0)
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b"gridalert_frames_in_total 3.0" in answer.read()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        assert connection.getpeername() == ("127.0.0.1", port)
    stop()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_a_port_in_use_says_what_to_change(registry: CollectorRegistry) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(MetricsUnavailable, match="Set another metrics_port"):
            serve(registry, taken.getsockname()[1])
