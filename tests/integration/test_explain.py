"""explain and review on the real Kafka, beside a worker that runs."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detectors.hits import Hit, Source
from pipeline.alerts import CloudEvent, Direct, GridAlert, Queue, decode_alert
from pipeline.broker import LocalBroker
from pipeline.child import Child
from pipeline.cli.main import main
from pipeline.demo.on_kafka import ends, lag, read, start
from pipeline.demo.run_site import Ports, prepare
from pipeline.messages import encode
from pipeline.topics import ALERTS, FEEDBACK, HITS, admin_client
from sinks.kafka import KafkaSink
from tests.builders import hit
from tests.conftest import wait_until

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "deploy" / "demo"
JUNCTION = {"zone_id": "junction", "place_id": "pl-0931", "leaf_code": "510117001003002007"}
UNSURE = 0.3  # of such a score the desk has to judge
CROWD = [(0, 1), (4, 6), (6, 6), (8, 6), (9, 6), (30, 0), (41, 0)]


@pytest.fixture
def site(kafka: LocalBroker, tmp_path: Path) -> Path:
    return prepare(DEMO, tmp_path / "site", kafka.bootstrap, Ports(0, 0), None)


@pytest.fixture
def worker(kafka: LocalBroker, site: Path, tmp_path: Path) -> Iterator[Child]:
    child = start("worker", tmp_path, "worker", "--site", str(site))
    try:
        wait_until(lambda: all(ends(kafka.connection, HITS).values()), "the worker to be there")
        yield child
    finally:
        child.stop(60.0)


def crowd(score: float, *, after_s: float = 0.0) -> list[Hit]:
    camera = Source("camera", "cam-510117-000007")
    return [
        hit(after_s + s, n, score=score if n else 0.0, source=camera, **JUNCTION) for s, n in CROWD
    ]


def decide(kafka: LocalBroker, hits: list[Hit]) -> list[CloudEvent]:
    """Put hits on the log; every alert that is published once they are decided."""
    sink = KafkaSink(**kafka.connection.kafka_python())
    for one in hits:
        sink.send(HITS, one.leaf_code.encode(), encode(one))
    sink.close()
    wait_until(lambda: lag(kafka.connection, HITS) == 0, "every hit to be decided")
    return [decode_alert(value or b"") for _, _, _, value in read(kafka.connection, ALERTS)]


def gridalert(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def explain(asked: object, site: Path, *words: object) -> str:
    return gridalert("explain", asked, "--site", site, *words).output


def test_an_alert_and_what_was_held_or_refused_are_told_from_the_log(
    kafka: LocalBroker, worker: Child, site: Path, tmp_path: Path
) -> None:
    hits, lost = crowd(0.9), hit(50, 5, **{**JUNCTION, "zone_id": "lost"})
    sink = KafkaSink(**kafka.connection.kafka_python())
    sink.send(FEEDBACK, b"k", b'{"specversion":"1.0","data":{"feedback_id":"fb-7"}}')
    sink.close()
    opened, resolved = decide(kafka, [*hits, lost])
    out = tmp_path / "why.json"
    assert "the same 2 messages as published, byte for byte" in explain(
        opened.data.alert_no, site, "--json", out
    )
    answer = json.loads(out.read_text("utf-8"))
    assert [message["id"] for message in answer["messages"]] == [opened.id, resolved.id]
    assert [record["hit_id"] for record in answer["records"]] == [one.hit_id for one in hits[1:]]
    reasons = [record["reason"] for record in answer["records"]]
    assert reasons[:4] == ["not_yet", "not_yet", "lasted", "same_incident"]
    where = f"{answer['records'][0]['partition']}/{answer['records'][0]['offset']}"
    for asked in (hits[1].hit_id, where):
        told = explain(asked, site)
        assert "There since 08:00:04: 0.0 s of 3 s" in told
        assert f"It went into alert {opened.data.alert_no}:" in told
        assert "condition cleared" in told
    told = explain(lost.hit_id, site)
    assert "refused/unknown_camera" in told
    assert "To mend: run ingest and worker on the same site." in told
    wait_until(lambda: lag(kafka.connection, FEEDBACK) == 0, "the feedback to be refused")
    assert "fb-7 was refused before the log: schema_invalid (relay)" in explain("fb-7", site)
    unknown = gridalert("explain", "nonsense", "--site", site)
    assert unknown.exit_code == 1
    assert "Nothing is known of nonsense: looked for it in grid.alerts.v1" in unknown.output


def test_a_site_that_was_changed_and_a_log_that_was_cut_since_are_said_to_be(
    kafka: LocalBroker, worker: Child, site: Path
) -> None:
    (opened, _) = decide(kafka, crowd(0.9))
    worker.stop(20.0)
    catalogue = (site / "catalogue.toml").read_text("utf-8")
    (site / "catalogue.toml").write_text(catalogue.replace("hold_s = 3\n", "hold_s = 9\n"), "utf-8")
    told = explain(opened.data.alert_id, site)
    assert "byte for byte" in told
    assert "hold_s 3" in told
    for version in (site / "versions").glob("*.tar.gz"):
        version.unlink()
    told = explain(opened.data.alert_id, site)
    assert "is not in the site's folder of versions" in told
    assert "byte for byte" not in told
    log = [at for at, end in ends(kafka.connection, HITS).items() if end > 1]
    with admin_client(kafka.connection, timeout_s=120) as admin:
        admin.delete_records(dict.fromkeys(log, 4))
    told = explain(opened.data.alert_no, site)
    assert "The log does not go back to" in told
    assert "merged/same_incident" in told
    assert "held/" not in told


def test_the_desk_sees_what_waits_and_what_its_answer_led_to(
    kafka: LocalBroker, worker: Child, site: Path, tmp_path: Path
) -> None:
    alert = decide(kafka, crowd(UNSURE))[0].data
    assert isinstance(alert.routing, Queue)
    out = tmp_path / "waiting.json"
    listed = gridalert("review", "--site", site, "--json", out)
    assert listed.exit_code == 0, listed.output
    assert "Waiting at the duty desk: 1" in listed.output
    assert alert.text.headline.split()[0] in listed.output
    (waits,) = json.loads(out.read_text("utf-8"))["waiting"]
    assert (waits["alert_no"], waits["place"]["name"]) == (alert.alert_no, "北路口")

    answered = gridalert("review", alert.alert_no, "--true", "--site", site, "--actor", "desk-2")
    assert answered.exit_code == 0, answered.output
    assert "direct: officer 08" in answered.output
    newest = newest_of(kafka, alert.alert_id)
    assert isinstance(newest.routing, Direct)
    assert [(one.action, one.result) for one in newest.handled] == [("reviewed", "true")]
    assert "No alert waits" in gridalert("review", "--site", site).output
    told = explain(alert.alert_no, site)
    assert "byte for byte" in told
    assert "feedback reviewed by duty_desk" in told

    later = decide(kafka, crowd(UNSURE, after_s=3600))
    second = next(event.data for event in later if event.data.alert_id != alert.alert_id)
    shown = on_a_terminal(["review", "--site", str(site)], b"f\n")
    assert second.alert_no in shown
    assert alert.alert_no not in shown
    assert newest_of(kafka, second.alert_id).handling == "verified_false"
    again = gridalert("review", second.alert_no, "--true", "--site", site)
    assert again.exit_code == 1
    assert "cannot be done to an alert that was verified_false then" in again.output
    unknown = gridalert("review", "nonsense", "--true", "--site", site)
    assert unknown.exit_code == 1
    assert "There is no alert nonsense on grid.alerts.v1" in unknown.output


def newest_of(kafka: LocalBroker, alert_id: str) -> GridAlert:
    alerts = [event.data for event in decide(kafka, []) if event.data.alert_id == alert_id]
    return max(alerts, key=lambda alert: alert.sequence)


def on_a_terminal(words: list[str], typed: bytes) -> str:
    """What a command prints to somebody who types this."""
    ours, theirs = pty.openpty()
    os.write(ours, typed)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", *words],
        cwd=ROOT, stdin=theirs, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert "Is it real?" in done.stdout
    return done.stdout
