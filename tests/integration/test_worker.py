"""One worker on the real Kafka: poison is refused and told, and nothing stops."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pipeline.alerts import decode_alert
from pipeline.broker import LocalBroker
from pipeline.child import Child
from pipeline.demo.on_kafka import ends, lag, publish_readings, read, read_headers, start
from pipeline.demo.run_site import Ports, prepare
from pipeline.messages import Decision
from pipeline.topics import ALERTS, DEAD_LETTERS, DECISIONS, HITS, READINGS, ensure_topics
from pipeline.worker import UNEXPECTED
from sinks.kafka import KafkaSink
from tests.conftest import wait_until

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


@pytest.fixture
def worker(kafka: LocalBroker, tmp_path: Path) -> Iterator[Child]:
    """A worker on the demo's site that has taken its partitions."""
    prepare(DEMO, tmp_path / "site", kafka.bootstrap, Ports(0, 0), None)
    child = start("worker", tmp_path, "worker", "--site", str(tmp_path / "site"))
    try:
        wait_until(lambda: all(ends(kafka.connection, HITS).values()), "the worker to be there")
        yield child
    finally:
        child.stop(20.0)


def test_poison_becomes_dead_letters_and_the_next_record_is_decided(
    kafka: LocalBroker, worker: Child
) -> None:
    sink = KafkaSink(**kafka.connection.kafka_python())
    for value in POISON:
        sink.send(READINGS, b"ebike-sock-22", value)
    for value in (b"", b"\x00", b'{"kind":"hit"}', b'{"kind":"policy","version":"other"}'):
        for partition in range(24):
            sink.enqueue(HITS, b"poison", value, partition=partition)
    sink.close()
    publish_readings(kafka.connection, DEMO / "readings.jsonl")
    wait_until(
        lambda: lag(kafka.connection, READINGS) == 0 and lag(kafka.connection, HITS) == 0,
        "everything to be decided",
    )
    letters = list(read_headers(kafka.connection, DEAD_LETTERS))
    refused = {
        value: h["dlq_reason"] for value, h in letters if h["dlq_original_topic"] == READINGS
    }
    assert refused == POISON
    assert all(headers["dlq_mend"] for _, headers in letters)
    assert len(letters) == len(POISON) + 4 * 24
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


def test_each_record_has_one_decision(kafka: LocalBroker, worker: Child) -> None:
    publish_readings(kafka.connection, DEMO / "readings.jsonl")
    wait_until(lambda: lag(kafka.connection, READINGS) == 0, "all readings to be read")
    wait_until(lambda: lag(kafka.connection, HITS) == 0, "every hit to be decided")
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
        child.stop(20.0)
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
