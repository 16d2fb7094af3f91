"""The demo on a real Kafka: three processes, and their topics read as others would read them."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from sys import executable

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from pipeline.child import Child
from pipeline.connection import Connection
from pipeline.demo.run_site import Ports, readings_of
from pipeline.replay import log_line
from pipeline.topic_reader import reading
from pipeline.topics import ALERTS, HITS, READINGS, admin_client
from pipeline.worker_group import WORKER_GROUP
from sinks.kafka import KafkaSink

STALLED_S = 120.0  # no progress for so long is a failure, not patience
POLL_S = 0.2
STOP_S = 20.0

Progress = Callable[[int], None]


class DemoFailed(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """A process of the demo ended or made no progress; the message holds its last words."""


@dataclass(slots=True)
class Run:
    """What a run left: alerts and log as on the topics, both processes' metrics, peak memory."""

    alerts: list[bytes] = field(default_factory=list)
    log: list[bytes] = field(default_factory=list)
    metrics: dict[str, str] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)


_POLICIES = "a policy in every partition"


def run(connection: Connection, folder: Path, ports: Ports, progress: Progress) -> Run:
    """Worker, readings, ingest; until everything is decided. Raises DemoFailed."""
    done = Run()
    site = folder / "site"
    with _process("worker", folder, "worker", "--site", str(site)) as worker:
        _until(lambda: min(ends(connection, HITS).values(), default=0) > 0, worker, _POLICIES)
        for path in readings_of(site):
            publish_readings(connection, path)
        # Hits before the first of a camera: what a sensor says of a place counts for its cameras.
        _until(lambda: lag(connection, READINGS) == 0, worker, "all readings to be read")
        out = folder / "ingest.prom"
        with _process(
            "ingest", folder, "ingest", "--site", str(site), "--metrics-out", str(out)
        ) as ingest:
            _watch(ingest, worker, ports, progress, done)
        _until(lambda: lag(connection, HITS) == 0, worker, "every hit to be decided")
        done.metrics["worker"] = _scrape(ports.worker)
        done.peak_mb["worker"] = _peak_mb(worker)
    done.metrics["ingest"] = out.read_text("utf-8")
    done.alerts = [value or b"" for _, _, _, value in read(connection, ALERTS)]
    done.log = [log_line(*record) for record in read(connection, HITS)]
    return done


def start(name: str, folder: Path, *arguments: str) -> Child:
    """One of ours as a process that cannot outlive this one; its words go to NAME.log."""
    child = Child(
        [executable, "-m", "pipeline.cli.main", *arguments],
        folder / f"{name}.log",
        cwd=Path(__file__).parents[2],
    )
    child.start()
    return child


@contextmanager
def _process(name: str, folder: Path, *arguments: str) -> Iterator[Child]:
    child = start(name, folder, *arguments)
    try:
        yield child
    finally:
        child.stop(STOP_S)


def _watch(ingest: Child, worker: Child, ports: Ports, progress: Progress, done: Run) -> None:
    """Until ingest ends by itself; the rest of its memory's peak is at most one poll old."""
    while (status := ingest.wait(POLL_S)) is None:
        done.peak_mb["ingest"] = max(done.peak_mb.get("ingest", 0.0), _peak_mb(ingest))
        if worker.wait(0) is not None:
            raise DemoFailed(f"the worker ended:\n{worker.log_tail()}")
        progress(int(metric(_scrape(ports.ingest), "gridalert_frames_in_total")))
    if status != 0:
        raise DemoFailed(f"ingest ended with {status}:\n{ingest.log_tail()}")


def _until(reached: Callable[[], bool], process: Child, what: str) -> None:
    deadline = time.monotonic() + STALLED_S
    while not reached():
        if process.wait(POLL_S) is not None:
            raise DemoFailed(f"a process ended while waiting for {what}:\n{process.log_tail()}")
        if time.monotonic() > deadline:
            raise DemoFailed(f"waited {STALLED_S:.0f} s for {what}:\n{process.log_tail()}")


def publish_readings(connection: Connection, path: Path, over_s: float = 0.0) -> None:
    """Send recorded readings as a gateway would, keyed by sensor, spread over `over_s` seconds."""
    lines = path.read_bytes().splitlines()
    pause = threading.Event()
    sink = KafkaSink(**connection.kafka_python())
    try:
        for line in lines:
            sink.send(READINGS, msgspec.json.decode(line)["sensor_id"].encode(), line)
            pause.wait(over_s / len(lines))
    finally:
        sink.close()


def ends(connection: Connection, topic: str) -> dict[TopicPartition, int]:
    """The next offset of each partition of a topic."""
    settings = connection.kafka_python()
    with closing(KafkaConsumer(**settings, enable_auto_commit=False)) as consumer:
        numbers = consumer.partitions_for_topic(topic) or ()
        found: dict[TopicPartition, int] = consumer.end_offsets(
            [TopicPartition(topic, number) for number in sorted(numbers)]
        )
        return found


def lag(connection: Connection, topic: str) -> int:
    """Records of a topic that the worker has not committed yet."""
    with admin_client(connection, timeout_s=30) as admin:
        committed: dict[TopicPartition, OffsetAndMetadata] = admin.list_group_offsets(
            [WORKER_GROUP]
        )[WORKER_GROUP]
    return sum(
        end - (max(committed[partition].offset, 0) if partition in committed else 0)
        for partition, end in ends(connection, topic).items()
    )


def read(
    connection: Connection, topic: str
) -> Iterator[tuple[int, int, bytes | None, bytes | None]]:
    """Every record of a topic, as a consumer of it would see them, partition by partition."""
    with reading(connection) as reader:
        for taken in reader.everything(topic):
            yield taken[:4]


def _scrape(port: int) -> str:
    """A process's metrics; empty while it does not serve them yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
            text: str = page.read().decode()
            return text
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


def metric(page: str, name: str) -> float:
    """The value of a metric without labels on a page of metrics; 0 when it is not there."""
    for line in page.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    return 0.0


def _peak_mb(child: Child) -> float:
    """The most memory a process has held, in MB; 0 when it is gone or this is no Linux."""
    try:
        status = Path(f"/proc/{child.pid}/status").read_text("utf-8")
    except OSError:
        return 0.0
    peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak[0]) / 1024 if peak else 0.0
