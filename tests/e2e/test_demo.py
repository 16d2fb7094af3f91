"""The demo, as a newcomer runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pipeline.alerts import CloudEvent, Direct, Queue, SameDay, Updated, decode_alert

GRIDALERT = [sys.executable, "-m", "pipeline.cli.main"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two demos at once, each with its own broker: they take free ports."""
    folder = tmp_path_factory.mktemp("demo")
    outs = folder / "one", folder / "two"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    runs = [subprocess.Popen([*GRIDALERT, "demo", "--out", out], cwd=ROOT, **pipes) for out in outs]
    for run in runs:
        said, _ = run.communicate()
        assert run.returncode == 0, said.decode()
    return outs


@pytest.fixture(scope="module")
def alerts(twice: tuple[Path, Path]) -> list[CloudEvent]:
    lines = (twice[0] / "alerts.jsonl").read_bytes().splitlines()
    return [decode_alert(line) for line in lines]


def of(alerts: list[CloudEvent], event: str) -> list[CloudEvent]:
    return [alert for alert in alerts if alert.data.event.type == event]


def actions(alerts: list[CloudEvent]) -> list[str]:
    return [type(alert.data).__name__ for alert in alerts]


def test_two_runs_give_the_same_bytes(twice: tuple[Path, Path]) -> None:
    one, two = ((folder / "alerts.jsonl").read_bytes() for folder in twice)
    assert one == two
    assert one.count(b"\n") == len(one.splitlines())


def test_the_recorded_log_gives_the_same_bytes_without_kafka(
    twice: tuple[Path, Path], tmp_path: Path
) -> None:
    site, again = twice[0] / "site", tmp_path / "again.jsonl"
    log = str(twice[0] / "log.jsonl")
    subprocess.run(
        [*GRIDALERT, "replay", log, "--site", str(site), "--out", str(again)], cwd=ROOT, check=True
    )
    assert again.read_bytes() == (twice[0] / "alerts.jsonl").read_bytes()


def test_a_crowd_at_the_junction_is_opened_and_resolved(alerts: list[CloudEvent]) -> None:
    crowding = of(alerts, "crowding")
    assert {alert.data.place.name for alert in crowding} == {"北路口"}
    assert actions(crowding)[0] == "Opened"
    assert actions(crowding)[-1] == "Resolved"


def test_the_van_beside_the_double_yellow_lines_is_the_only_parking_alert(
    alerts: list[CloudEvent],
) -> None:
    parking = of(alerts, "illegal_parking")
    assert actions(parking) == ["Opened"]
    assert parking[0].data.place.name == "双黄线路段"
    assert parking[0].data.measures[0].value == 1


def test_the_sensor_alerts_once(alerts: list[CloudEvent]) -> None:
    assert actions(of(alerts, "residual_current")) == ["Opened", "Resolved"]


def test_a_cable_goes_to_the_desk_and_to_the_officer_once_the_breaker_says_so_too(
    alerts: list[CloudEvent],
) -> None:
    first, *updates = (alert.data for alert in of(alerts, "flying_wire"))
    why = {one.update_reason: one for one in updates if isinstance(one, Updated)}
    assert set(why) == {"confidence_rose", "evidence_added"}
    assert len(updates) == 2
    assert isinstance(first.routing, Queue)
    assert [part.name for part in first.contributions] == ["prior", "looks", "limit"]
    assert first.confidence == 0.75  # the camera alone is believed no further
    surer = why["confidence_rose"]
    assert isinstance(surer.routing, Direct)
    assert surer.routing.assignee.number == "15"
    breaker = surer.contributions[-1]
    assert (breaker.name, breaker.source) == ("charging_load", "breaker-5-2-03")
    assert breaker.log_odds == pytest.approx(2.77, abs=0.005)
    assert breaker.since
    assert first.first_seen_at < breaker.since <= surer.updated_at


def test_what_was_made_is_marked_and_nothing_else(alerts: list[CloudEvent]) -> None:
    made = {"residual_current", "flying_wire"}
    for alert in alerts:
        data = alert.data
        assert data.exercise is (data.event.type in made)
        assert data.text.headline.startswith("【演练】【合成】") is data.exercise
        assert data.text.notice.startswith("【演练】【合成】") is data.exercise


def test_every_alert_is_complete(alerts: list[CloudEvent], twice: tuple[Path, Path]) -> None:
    schema = ROOT / "docs" / "contracts" / "grid-alert.schema.json"
    validator = Draft202012Validator(json.loads(schema.read_text("utf-8")))
    for line in (twice[0] / "alerts.jsonl").read_bytes().splitlines():
        validator.validate(json.loads(line))
    for alert in alerts:
        data = alert.data
        assert data.grid.leaf_code.startswith(data.grid.grid.code)
        to = data.routing
        assert (to.assignee if isinstance(to, Direct) else to.proposed).terminal_id
        assert data.deadline.due_at
        assert isinstance(data.deadline, SameDay) == (data.event_level == 1)
        if data.observation.sources[0].kind == "camera":
            stored = twice[0] / "evidence" / "sha256" / f"{data.evidence[0].sha256}.jpg"
            assert stored.read_bytes()[:2] == b"\xff\xd8"


def test_the_metrics_name_what_happened(twice: tuple[Path, Path]) -> None:
    text = (twice[0] / "metrics.prom").read_text("utf-8")
    for name in (
        'gridalert_frames_in_total{process="ingest"} 601.0',
        'gridalert_frames_looked_at_total{process="ingest"} 201.0',
        'gridalert_decisions_total{outcome="opened",process="worker",reason="lasted"} 4.0',
        'gridalert_alerts_total{action="resolved",event_level="1",event_type="crowding"',
        'gridalert_incidents{condition="present",event_type="illegal_parking"',
        'gridalert_inference_seconds_count{model="objects",process="ingest"} 201.0',
        'gridalert_frame_to_alert_seconds_count{process="worker"} 8.0',
        'gridalert_camera_last_frame_age_seconds{camera="cam-510117-000007"',
    ):
        assert name in text


def test_the_summary_adds_up(twice: tuple[Path, Path]) -> None:
    summary = json.loads((twice[0] / "summary.json").read_text("utf-8"))
    assert summary["kafka"] is True
    assert sum(summary["decisions"].values()) == summary["records"]
    assert (summary["alerts"], summary["alerts_synthetic"]) == (8, 5)
    assert sum(summary["peak_memory_mb"].values()) < 1024
