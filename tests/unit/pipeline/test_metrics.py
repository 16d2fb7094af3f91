"""What Prometheus sees: names, units, bounded labels, and a port that is given back."""

import socket
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.incidents.state import LeafState
from pipeline.metrics import (
    MAX_CAMERAS,
    LastFrameAge,
    MetricsUnavailable,
    OpenIncidents,
    ingest_metrics,
    serve,
    worker_metrics,
)
from pipeline.replay import Fold
from tests.builders import LEAF, hit, policy, record

UNBOUNDED = {"grid", "leaf_code", "place", "place_id", "alert", "alert_id", "sensor", "hit_id"}


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
            ingest_metrics,
            {
                "frames_in", "frames_looked_at", "looking_seconds", "frames_dropped",
                "stage_seconds", "inference_seconds", "hits", "dead_letters",
            },
            id="ingest",
        ),
        pytest.param(
            worker_metrics,
            {
                "decisions", "alerts", "dead_letters", "stage_seconds", "frame_to_alert_seconds",
                "hits",
            },
            id="worker",
        ),
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
    made = ingest_metrics(registry)
    other = worker_metrics(CollectorRegistry())
    for metrics in (made, other):
        for name in metrics.__slots__:
            assert not UNBOUNDED & set(getattr(metrics, name)._labelnames)


def test_labels_are_told_as_they_are_counted(registry: CollectorRegistry) -> None:
    metrics = worker_metrics(registry)
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


def test_open_incidents_are_counted_by_event_and_condition(registry: CollectorRegistry) -> None:
    fold = Fold(policy())
    states: dict = {}
    for offset, second in enumerate((0, 2, 4)):
        states |= fold.apply(0, offset, *record(hit(second, 6))).changed
    candidate = Fold(policy()).apply(0, 0, *record(hit(0, 6))).changed
    assert isinstance(states[LEAF], LeafState)
    registry.register(OpenIncidents(lambda: [states, candidate, {}], policy()))
    (sample,) = families(registry)["gridalert_incidents"].samples
    assert sample.labels == {"event_type": "crowding", "condition": "present"}
    assert sample.value == 1


def test_metrics_are_served_on_loopback_only_and_the_port_is_given_back(
    registry: CollectorRegistry,
) -> None:
    ingest_metrics(registry).frames_in.inc(3)
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
