"""One worker on the real Kafka: poison is refused and told, and nothing stops."""

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest

from pipeline.alerts import GridAlert, decode_alert
from pipeline.broker import LocalBroker
from pipeline.child import Child
from pipeline.demo.on_kafka import ends, lag, publish_readings, read, start
from pipeline.demo.run_site import Ports, prepare
from pipeline.feedback import Actor, Arrived, FeedbackEvent
from pipeline.messages import Decision, Given, Reported, Tick, decode_log_record, encode
from pipeline.reports import Point, Report
from pipeline.topics import (
    ALERTS,
    DEAD_LETTERS,
    DECISIONS,
    FEEDBACK,
    HITS,
    READINGS,
    REPORTS,
    STATE,
    ensure_topics,
)
from pipeline.worker import UNEXPECTED
from sinks.kafka import KafkaSink
from tests.builders import at
from tests.conftest import put, read_headers, wait_until

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "deploy" / "demo"
GOOD = (DEMO / "readings.jsonl").read_bytes().splitlines()[0]
POISON = {
    b"\xff\xfe\x00": "undecodable",
    b"{": "undecodable",
    b"{}": "schema_invalid",
    GOOD.replace(b"41.1", b"NaN"): "undecodable",
    GOOD.replace(b"ebike-sock-22", b"sock-nobody-knows"): "unknown_sensor",
    GOOD.replace(b'"mA"', b'"A"'): "wrong_unit",
    GOOD.replace(b'00:00:00Z"', b'00:00:00"'): "schema_invalid",
    GOOD + b" " * 70_000: "too_large",
    GOOD + b" " * 1_020_000: "too_large",  # as large as the topic takes
}
FROM_PEOPLE = {b"\xff": "undecodable", b"{}": "schema_invalid", b" " * 70_000: "too_large"}
REPORT = Report(
    "r-1", "residual_current", "citizen_photo", at(40), Point(103.886, 30.8077, "WGS84"), "冒烟"
)


@pytest.fixture
def worker(kafka: LocalBroker, tmp_path: Path) -> Iterator[Child]:
    """A worker on the demo's site that has taken its partitions."""
    prepare(DEMO, tmp_path / "site", kafka.bootstrap, Ports(0, 0), None)
    child = start("worker", tmp_path, "worker", "--site", str(tmp_path / "site"))
    try:
        wait_until(lambda: all(ends(kafka.connection, HITS).values()), "the worker to be there")
        yield child
    finally:
        child.stop(60.0)


def test_poison_becomes_dead_letters_and_the_next_record_is_decided(
    kafka: LocalBroker, worker: Child
) -> None:
    sink = KafkaSink(**kafka.connection.kafka_python())
    for value in POISON:
        sink.send(READINGS, b"ebike-sock-22", value)
    for topic, value in product((REPORTS, FEEDBACK), FROM_PEOPLE):
        sink.send(topic, b"anybody", value)
    for value in (b"", b"\x00", b'{"kind":"hit"}', b'{"kind":"policy","version":"other"}'):
        put(kafka.connection, HITS, b"poison", value, range(24))
    sink.close()
    publish_readings(kafka.connection, DEMO / "readings.jsonl")
    settle(kafka, READINGS, REPORTS, FEEDBACK, HITS)
    letters = list(read_headers(kafka.connection, DEAD_LETTERS))
    for topic, poison in ((READINGS, POISON), (REPORTS, FROM_PEOPLE), (FEEDBACK, FROM_PEOPLE)):
        told = {v: h["dlq_reason"] for v, h in letters if h["dlq_original_topic"] == topic}
        assert told == poison
    assert all(headers["dlq_mend"] for _, headers in letters)
    assert len(letters) == len(POISON) + 2 * len(FROM_PEOPLE) + 4 * 24
    alerts = [decode_alert(value or b"") for _, _, _, value in read(kafka.connection, ALERTS)]
    assert [type(alert.data).__name__ for alert in alerts] == ["Opened", "Resolved"]
    assert worker.wait(0) is None


@pytest.mark.parametrize("topic", [READINGS, HITS])
def test_a_record_too_large_to_send_on_is_told_by_its_hash(
    topic: str, kafka: LocalBroker, worker: Child
) -> None:
    value = GOOD + b" " * 5_000_000  # a few kB on the way
    settings = kafka.connection.kafka_python()
    sink = KafkaSink(**settings, compression_type="gzip", max_request_size=2 * len(value))
    sink.send(topic, b"ebike-sock-22", value)
    sink.close()
    wait_until(lambda: lag(kafka.connection, topic) == 0, "it to be refused")
    ((kept, headers),) = read_headers(kafka.connection, DEAD_LETTERS)
    assert (kept, headers["dlq_reason"]) == (b"", "too_large")
    assert headers["dlq_payload_sha256"] == hashlib.sha256(value).hexdigest()
    assert worker.wait(0) is None


def test_what_people_say_reaches_its_alert_whatever_its_key_and_the_books_balance(
    kafka: LocalBroker, worker: Child
) -> None:
    publish_readings(kafka.connection, DEMO / "readings.jsonl")
    settle(kafka, READINGS, HITS)
    opened = decode_alert(next(read(kafka.connection, ALERTS))[3] or b"").data
    sink = KafkaSink(**kafka.connection.kafka_python())
    sink.send(REPORTS, b"any", encode(REPORT))
    given = [feedback(opened, "f-1", 300), feedback(opened, "f-2", 900)]
    for n, one in enumerate([*reversed(given), *given]):  # out of order, and twice
        sink.send(FEEDBACK, f"key {n}".encode(), one)
    sink.close()
    settle(kafka, REPORTS, FEEDBACK, HITS)
    told = [decode_alert(value or b"").data for *_, value in read(kafka.connection, ALERTS)]
    last = max((a for a in told if a.alert_id == opened.alert_id), key=lambda a: a.sequence)
    assert last.handling == "in_progress"
    assert [done.feedback_id for done in last.handled] == ["f-1", "f-2"]
    records = [decode_log_record(v or b"") for *_, v in read(kafka.connection, HITS)]
    assert len([one for one in records if isinstance(one, Reported)]) == 1
    assert len([one for one in records if isinstance(one, Given)]) == 4
    assert sum(ends(kafka.connection, DEAD_LETTERS).values()) == 0
    page = metrics_of(worker)
    decided = sum(n for name, n in page if name.startswith("gridalert_decisions_total"))
    assert decided == dict(page)["gridalert_log_records_total"]
    assert decided == sum(ends(kafka.connection, HITS).values())


def feedback(alert: GridAlert, name: str, seconds: float) -> bytes:
    """Somebody was there."""
    actor = Actor("officer-15", "grid_officer")
    code = alert.grid.leaf_code
    done = Arrived(
        feedback_id=name, alert_id=alert.alert_id, grid_code=code, at=at(seconds), actor=actor
    )
    return encode(FeedbackEvent("1.0", name, "urn:dispatch", "feedback", done))


def test_what_is_forgotten_stays_so_for_the_next_worker(
    kafka: LocalBroker, worker: Child, tmp_path: Path
) -> None:
    publish_readings(kafka.connection, DEMO / "readings.jsonl")
    settle(kafka, READINGS, HITS)
    opened = decode_alert(next(read(kafka.connection, ALERTS))[3] or b"").data
    sink = KafkaSink(**kafka.connection.kafka_python())
    for day in range(100, 600, 100):  # breached, given up, forgotten
        put(kafka.connection, HITS, b"tick", encode(Tick(at(day * 86_400))), range(24))
    settle(kafka, HITS)
    states = {key: value for *_, key, value in read(kafka.connection, STATE)}
    assert states[f"@{opened.alert_id}".encode()] is None
    worker.stop(20.0)
    again = start("again", tmp_path, "worker", "--site", str(tmp_path / "site"))
    try:
        sink.send(FEEDBACK, b"any", feedback(opened, "late", 90 * 86_400))
        sink.close()
        settle(kafka, FEEDBACK, HITS)
        assert again.wait(0) is None
    finally:
        again.stop(60.0)
    ((_, headers),) = read_headers(kafka.connection, DEAD_LETTERS)
    assert headers["dlq_reason"] == "unknown_alert"


def settle(kafka: LocalBroker, *topics: str) -> None:
    for topic in topics:
        wait_until(lambda topic=topic: lag(kafka.connection, topic) == 0, f"{topic} to be done")


def metrics_of(worker: Child) -> list[tuple[str, float]]:
    """Every sample of the worker's page, with its labels as they stand there."""
    address = re.search(r"http://\S+/metrics", worker.log_tail(50))
    assert address is not None
    with urlopen(address[0]) as page:
        lines = page.read().decode().splitlines()
    samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return [(name, float(value)) for name, value in samples]


def test_each_record_has_one_decision(kafka: LocalBroker, worker: Child) -> None:
    publish_readings(kafka.connection, DEMO / "readings.jsonl")
    settle(kafka, READINGS, HITS)
    told = [
        msgspec.json.decode(value or b"", type=Decision)
        for _, _, _, value in read(kafka.connection, DECISIONS)
    ]
    assert len({(d.partition, d.offset) for d in told}) == len(told)
    assert {d.outcome for d in told} == {"opened", "merged", "resolved"}


def test_the_clock_ticks_in_every_partition_and_every_tick_is_decided(
    kafka: LocalBroker, tmp_path: Path
) -> None:
    site = prepare(DEMO, tmp_path / "site", kafka.bootstrap, Ports(0, 0), None)
    settings = (site / "gridalert.toml").read_text("utf-8")
    (site / "gridalert.toml").write_text(settings.replace("tick_s = 0", "tick_s = 1"), "utf-8")
    child = start("worker", tmp_path, "worker", "--site", str(site))
    try:
        # The first record of a partition is the policy; the others can only be ticks.
        wait_until(lambda: min(ends(kafka.connection, HITS).values()) >= 3, "two ticks each")
    finally:
        child.stop(60.0)
    kinds = {msgspec.json.decode(v or b"")["kind"] for _, _, _, v in read(kafka.connection, HITS)}
    assert kinds == {"policy", "tick"}
    assert lag(kafka.connection, HITS) <= 24  # at most the ticks of its last second


def test_a_cluster_made_anew_beneath_a_worker_ends_it_before_it_takes_new_records_for_done(
    tmp_path: Path,
) -> None:
    with LocalBroker() as first:
        ensure_topics(first.connection)
        site = prepare(DEMO, tmp_path / "site", first.bootstrap, Ports(0, 0), None)
        child = start("worker", tmp_path, "worker", "--site", str(site))
        wait_until(lambda: all(ends(first.connection, HITS).values()), "the worker to be there")
        publish_readings(first.connection, DEMO / "readings.jsonl")
        wait_until(lambda: lag(first.connection, HITS) == 0, "every hit to be decided")
        port = int(first.bootstrap.rsplit(":", 1)[1])
    with LocalBroker(port=port) as second:
        ensure_topics(second.connection)
        wait_until(lambda: child.wait(0) is not None, "the worker to end")
    assert child.wait(0) == UNEXPECTED
    assert "made anew" in child.log_tail()


def test_sigterm_ends_it_in_order(worker: Child) -> None:
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGTERM)
    wait_until(lambda: worker.wait(0) is not None, "the worker to end")
    assert worker.wait(0) == 0


@pytest.mark.parametrize("command", ["worker", "ingest"])
def test_a_wrong_site_never_starts(command: str, tmp_path: Path) -> None:
    site = prepare(DEMO, tmp_path / "site", "127.0.0.1:1", Ports(0, 0), None)
    officers = (site / "officers.csv").read_text("utf-8")
    (site / "officers.csv").write_text(officers.replace("510117001003002008", ""), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", command, "--site", str(site)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "O001" in done.stderr
    assert "map.geojsonl:7" in done.stderr
    assert "Traceback" not in done.stderr
