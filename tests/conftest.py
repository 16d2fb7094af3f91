"""One real Kafka for the whole run, empty again for each test that asks."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError

from pipeline.broker import LocalBroker
from pipeline.connection import Connection
from pipeline.topic_reader import reading
from pipeline.topics import TOPICS, admin_client, ensure_topics
from pipeline.worker_group import WORKER_GROUP

DEADLINE_S = 120.0  # of what takes seconds: the machine may be shared by many
# What takes longest starts first; else a worker would end with it alone, the other one idle.
LONGEST = (
    "test_chaos",
    "test_streams",
    "test_demo",
    "test_demo_stopped",
    "test_broker",
    "test_worker",
    "test_standing",
    "test_reload",
    "test_random_world",
    "test_secure",
    "test_consumers",
    "test_estate",
    "test_explain",
    "test_ingest",
    "test_fuzz",
)

# A job started in the background ignores Ctrl-C, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first (with --no-loadscope-reorder); else the order stays."""
    rank = {name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def wait_until(reached: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait for a condition; fail by name when it is not reached."""
    pause = threading.Event()
    for _ in range(int(deadline_s / 0.1)):
        if reached():
            return
        pause.wait(0.1)
    pytest.fail(f"waited {deadline_s:.0f} s for {what}")


def read_headers(connection: Connection, topic: str) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Value and headers of every record of a topic."""
    with reading(connection) as reader:
        for taken in reader.everything(topic):
            yield taken.value or b"", {name: text.decode() for name, text in taken.headers.items()}


def put(
    connection: Connection, topic: str, key: bytes, value: bytes, partitions: Iterable[int]
) -> None:
    """Send one record to each of these partitions, wherever its key belongs."""
    producer = KafkaProducer(**connection.kafka_python())
    for partition in partitions:
        producer.send(topic, value, key, partition=partition).get(DEADLINE_S)
    producer.close()


@pytest.fixture(scope="session")
def broker() -> Iterator[LocalBroker]:
    """Started once a run, when the first test needs it."""
    with LocalBroker() as started:
        yield started


@pytest.fixture
def kafka(broker: LocalBroker) -> LocalBroker:
    """The broker with our topics, all of them new, and nothing committed."""
    make_new(broker)
    return broker


def make_new(broker: LocalBroker) -> None:
    """Delete topics and group, and create the topics."""
    names = {topic.name for topic in TOPICS}
    with admin_client(broker.connection, timeout_s=DEADLINE_S) as admin:
        stale = names & set(admin.list_topics())
        if stale:
            admin.delete_topics(list(stale))
            wait_until(lambda: not names & set(admin.list_topics()), "old topics to go")

        def group_is_gone() -> bool:
            with suppress(KafkaError):
                admin.delete_groups([WORKER_GROUP])
            return WORKER_GROUP not in str(admin.list_groups())

        wait_until(group_is_gone, "the old group to go")
    ensure_topics(broker.connection)
