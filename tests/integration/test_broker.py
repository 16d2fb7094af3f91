"""The local Kafka, for real: what it serves, and that it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from pipeline.broker import LocalBroker, _port_is_free
from pipeline.connection import BrokerUnavailable
from pipeline.jars import HOME
from pipeline.topics import HITS, TOPICS, TopicMismatch, ensure_topics

DEADLINE_S = 120
CLI = "from pipeline.cli.broker import command; command()"


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether the process lives; a zombie, which holds nothing, does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def java_in(directory: Path) -> list[int]:
    """The processes whose working directory is `directory`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == directory and runs(int(entry.name)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_topics_are_as_declared_and_a_second_call_creates_nothing(kafka: LocalBroker) -> None:
    reports = ensure_topics(kafka.connection)
    assert [(r.name, r.partitions, r.cleanup_policy) for r in reports] == [
        (t.name, t.partitions, t.cleanup_policy) for t in TOPICS
    ]
    assert not any(report.created for report in reports)


def test_another_number_of_partitions_is_refused(kafka: LocalBroker) -> None:
    with pytest.raises(TopicMismatch, match="partitions is 24, wanted 2"):
        ensure_topics(kafka.connection, partitions_override=2)


def test_a_topic_nobody_declared_is_not_made(kafka: LocalBroker) -> None:
    with KafkaAdminClient(**kafka.connection.kafka_python()) as admin:
        admin.describe_topics(["grid.mistyped.v1"])
        assert "grid.mistyped.v1" not in admin.list_topics()


def test_the_command_line_reports_an_existing_cluster(kafka: LocalBroker, tmp_path: Path) -> None:
    arguments = ["--bootstrap-servers", kafka.bootstrap, "--json", str(tmp_path / "out.json")]
    subprocess.run([sys.executable, "-c", CLI, *arguments], check=True, capture_output=True)
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["bootstrap_servers"] == kafka.bootstrap
    assert len(document["topics"]) == len(TOPICS)


def read_one(broker: LocalBroker) -> bytes:
    consumer = KafkaConsumer(**broker.connection.kafka_python(), auto_offset_reset="earliest")
    try:
        consumer.assign([TopicPartition(HITS, 0)])
        records: list[bytes] = []

        def poll() -> bool:
            for batch in consumer.poll(timeout_ms=200).values():
                records.extend(record.value for record in batch)
            return bool(records)

        wait_for(poll, "a record")
        return records[0]
    finally:
        consumer.close()


def write_one(broker: LocalBroker, value: bytes) -> None:
    producer = KafkaProducer(**broker.connection.kafka_python(), acks="all")
    try:
        producer.send(HITS, value, partition=0).get(timeout=DEADLINE_S)
    finally:
        producer.close()


def test_data_survive_a_kill_and_the_next_run_and_belong_to_one(tmp_path: Path) -> None:
    # A path that a properties file, a class path and a C locale would each spoil.
    data = tmp_path / "数据 目录,a"
    with LocalBroker(data) as broker:
        ensure_topics(broker.connection, partitions_override=1)
        write_one(broker, b"kept")
        address = broker.bootstrap
        broker.kill()
        broker.restart()
        assert broker.bootstrap == address
        assert read_one(broker) == b"kept"
        with pytest.raises(BrokerUnavailable, match=f"process {os.getpid()}.* uses"):
            LocalBroker(data).start()
        assert read_one(broker) == b"kept"
    meta = (data / "logs" / "meta.properties").read_text()
    with LocalBroker(data) as broker:
        assert read_one(broker) == b"kept"
    assert (data / "logs" / "meta.properties").read_text() == meta
    assert not java_in(data)


def test_a_broker_started_in_a_thread_outlives_it_and_goes_with_its_folder() -> None:
    broker = LocalBroker()
    thread = threading.Thread(target=broker.start)
    thread.start()
    thread.join()
    try:
        assert broker.pid is not None
        assert runs(broker.pid)
        ensure_topics(broker.connection, partitions_override=1)
    finally:
        broker.close()
    assert not java_in(broker.directory)
    assert not broker.directory.exists()


def test_a_broker_that_ends_by_itself_is_an_error_that_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable, match=r"(?s)Kafka ended.*heap"):
        LocalBroker(tmp_path / "data", heap_mb=1).start()
    assert not java_in(tmp_path / "data")


def start_cli(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CLI, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def temporary(pid: int) -> list[Path]:
    return list((HOME / "run").glob(f"{pid}-*"))


def test_kill_9_of_the_parent_leaves_no_java_and_no_port(tmp_path: Path) -> None:
    answer = tmp_path / "out.json"
    parent = start_cli("--json", str(answer))
    try:
        wait_for(answer.exists, "the broker")
        port = int(json.loads(answer.read_text())["bootstrap_servers"].rpartition(":")[2])
        [directory] = temporary(parent.pid)
        java = java_in(directory)
        assert java
    finally:
        parent.kill()
        parent.communicate()
    wait_for(lambda: not any(runs(pid) for pid in java), "java to end")
    wait_for(lambda: _port_is_free(port), "the port")
    assert directory.exists()
    following = start_cli()
    try:
        wait_for(lambda: not directory.exists(), "the next start to remove what was left")
    finally:
        following.terminate()
        following.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["", "broker.lock", "logs.new", "logs"])
def test_a_signal_in_the_middle_of_the_start_leaves_nothing(number: int, moment: str) -> None:
    parent = start_cli()
    directory = Path()

    def reached() -> bool:
        nonlocal directory
        for directory in temporary(parent.pid):
            return (directory / moment).exists()
        return False

    try:
        wait_for(reached, moment or "the folder")
        parent.send_signal(number)
        output, _ = parent.communicate(timeout=DEADLINE_S)
    finally:
        parent.kill()
        parent.communicate()
    assert parent.returncode == 128 + number, output
    assert not directory.exists()
    assert not java_in(directory)
    assert "Traceback" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_broker_that_serves_as_a_success(number: int, tmp_path: Path) -> None:
    answer = tmp_path / "out.json"
    parent = start_cli("--json", str(answer))
    try:
        assert parent.stdout is not None
        assert any("Ctrl-C stops it" in line for line in parent.stdout)
        [directory] = temporary(parent.pid)
        parent.send_signal(number)
        output, _ = parent.communicate(timeout=DEADLINE_S)
    finally:
        parent.kill()
        parent.communicate()
    assert parent.returncode == 0, output
    assert not directory.exists()
    assert not java_in(directory)


def test_sigint_while_maven_fetches_leaves_nothing(tmp_path: Path) -> None:
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text("#!/bin/sh\nmkdir partial\nexec sleep 600\n")
    maven.chmod(0o755)
    home = tmp_path / "home"
    code = (
        f"from pathlib import Path; from pipeline.jars import *; resolve_jars(Path({str(home)!r}))"
    )
    path = f"{maven.parent}:{os.environ['PATH']}"
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(home)],
        env=os.environ | {"PATH": path},
        stderr=subprocess.PIPE,
    )
    try:
        wait_for((home / "partial").exists, "maven")
        assert java_in(home)
        parent.send_signal(signal.SIGINT)
        parent.communicate(timeout=DEADLINE_S)
    finally:
        parent.kill()
        parent.communicate()
    assert parent.returncode != 0
    assert not (home / "partial").exists()
    assert not java_in(home)
