"""The stories of the estate, told once for all tests: one Kafka, one worker."""

import random
import time
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka import KafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from pipeline.alerts import Direct, GridAlert, Resolved, Updated, decode_alert
from pipeline.broker import LocalBroker
from pipeline.child import Child
from pipeline.connection import Connection
from pipeline.demo.on_kafka import ends, lag, read, start
from pipeline.demo.run_site import free_ports
from pipeline.feedback import Feedback
from pipeline.incidents.policy import Policy
from pipeline.site.load import load_site
from pipeline.topics import ALERTS, DEAD_LETTERS, FEEDBACK, HITS, READINGS, REPORTS
from sinks.evidence import FolderEvidence
from tests.conftest import make_new, read_headers, wait_until
from tests.e2e import answers, estate, stories

SEED = 20261121
PRODUCERS = 4
CHENGDU = ZoneInfo("Asia/Shanghai")
Row = tuple[int, int, bytes | None, bytes | None]


@dataclass(frozen=True)
class Told:
    """What came of it. `alerts`: as consumed. `log`: grid.hits.v1. `lives`: what people did about
    each vendor, in order. `nonsense`: what it should be refused as. `before`: how many alerts there
    were when it came, `after`: when it was refused.
    """

    folder: Path
    began_s: float
    policy: Policy
    alerts: list[bytes]
    log: list[Row]
    letters: list[tuple[bytes, dict[str, str]]]
    lives: dict[str, list[Feedback]]
    nonsense: list[str]
    before: int
    after: int
    metrics: dict[tuple[str, frozenset[tuple[str, str]]], float]
    worker_log: str

    def of(self, *leaves: str) -> list[GridAlert]:
        """The states of all alerts of these leaf grids, in order of each."""
        alerts = (decode_alert(value).data for value in self.alerts)
        return [alert for alert in alerts if alert.grid.leaf_code in leaves]

    def metric(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        """The series of a metric, by labels."""
        return {labels: value for (one, labels), value in self.metrics.items() if one == name}


def line(alerts: Iterable[GridAlert]) -> list[tuple[str, str, str, str]]:
    """A time line: when, what, who, and how it was sent."""
    told = []
    for alert in alerts:
        what = "opened"
        if isinstance(alert, Updated):
            what = alert.update_reason
        elif isinstance(alert, Resolved):
            what = alert.resolution
        to = alert.routing
        who, how = (to.assignee, "direct") if isinstance(to, Direct) else (to.proposed, "queue")
        told.append((f"{alert.updated_at.astimezone(CHENGDU):%H:%M:%S}", what, who.number, how))
    return told


@pytest.fixture(scope="session")
def told(broker: LocalBroker, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """All stories, told by one worker."""
    make_new(broker)
    folder, port = tmp_path_factory.mktemp("estate"), free_ports().worker
    site = estate.make_estate(folder / "site", broker.bootstrap, port)
    kept = FolderEvidence(folder / "evidence", "file:evidence")
    for camera in (*estate.GATES[:2], estate.KERB, estate.NEW_VILLAGE):  # the third gate's is gone
        kept.put(stories.picture(camera), datetime.now(UTC) + timedelta(hours=1))
    worker = start("worker", folder, "worker", "--site", str(site))
    try:
        return _tell(broker, folder, worker, port)
    finally:
        worker.stop(20.0)


def _tell(kafka: LocalBroker, folder: Path, worker: Child, port: int) -> Told:
    connection, rng, began_s = kafka.connection, random.Random(SEED), time.time()
    wait_until(lambda: all(ends(connection, HITS).values()), "the worker to be there")
    for records in stories.rounds():
        _send(connection, records)
        _settle(connection, READINGS, REPORTS)
    opened = [decode_alert(value).data for value in _consumed(kafka)]

    def of(*leaves: str) -> list[GridAlert]:
        return sorted(
            (alert for alert in opened if alert.grid.leaf_code in leaves), key=lambda a: a.alert_no
        )

    (letter,), (vending,) = of(estate.LETTERS), of(estate.MIAOPU)
    nonsense = answers.nonsense(letter)
    before = sum(ends(connection, ALERTS).values())
    _send(connection, (record for record, _ in nonsense))
    _settle(connection, FEEDBACK)
    after = sum(ends(connection, ALERTS).values())
    lives = {one.alert_id: answers.life(one, rng) for one in of(*estate.STREETS)}
    _send(connection, (answers.answer(one, b"erqi") for one in answers.erqi_answers(vending)))
    _produce(kafka, answers.shuffled((one for life in lives.values() for one in life), rng))
    _produce(kafka, answers.shuffled(answers.closings(of(*estate.SARE), rng), rng))
    _settle(connection, FEEDBACK)
    return Told(
        folder=folder,
        began_s=began_s,
        policy=load_site(folder / "site").policy,
        alerts=_consumed(kafka),
        log=list(read(connection, HITS)),
        letters=list(read_headers(connection, DEAD_LETTERS)),
        lives=lives,
        nonsense=[reason for _, reason in nonsense],
        before=before,
        after=after,
        metrics=dict(_scraped(port)),
        worker_log=worker.log_tail(200),
    )


def _send(connection: Connection, records: Iterable[stories.Record]) -> None:
    producer = KafkaProducer(**connection.kafka_python(), acks="all")
    for topic, key, value in records:
        producer.send(topic, value, key)
    producer.flush(120.0)
    producer.close()


def _produce(kafka: LocalBroker, records: list[stories.Record]) -> None:
    """By several dispatch services at once, with librdkafka's own partitioner: CRC32 of the key."""
    producers = [Producer({"bootstrap.servers": kafka.bootstrap}) for _ in range(PRODUCERS)]
    for producer, (topic, key, value) in zip(cycle(producers), records, strict=False):
        producer.produce(topic, value, key)
    for producer in producers:
        assert producer.flush(120.0) == 0


def _settle(connection: Connection, *sent: str) -> None:
    for topic in (*sent, HITS):  # what is sent from outside becomes a record of the log
        wait_until(partial(_is_done, connection, topic), f"{topic} to be done")


def _is_done(connection: Connection, topic: str) -> bool:
    return lag(connection, topic) == 0


def _consumed(kafka: LocalBroker) -> list[bytes]:
    """Every alert, in the order in which a consumer of the topic gets them."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "none"})
    number = ends(kafka.connection, ALERTS)
    consumer.assign([TopicPartition(ALERTS, one.partition, 0) for one in number])
    got = consumer.consume(sum(number.values()), 120.0)
    consumer.close()
    assert [one.error() for one in got if one.error()] == []
    return [one.value() or b"" for one in got]


def _scraped(port: int) -> Iterator[tuple[tuple[str, frozenset[tuple[str, str]]], float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as page:
        text = page.read().decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield (sample.name, frozenset(sample.labels.items())), sample.value
