"""Topics read as a person asks for them: some partitions, from here to there, once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.partitioner import murmur2

from pipeline.connection import BrokerUnavailable, Connection
from pipeline.reach import served

_REACH_S = 15.0
_STALLED_S = 30.0
_POLL_MS = 500
_MIB = 1024 * 1024
# kafka-python sums each batch up in Python, which takes ten times as long as the rest; the broker
# has checked it when it was written, and TCP on the way.
_IN_BULK: dict[str, Any] = {
    "check_crcs": False,
    "max_poll_records": 5_000,
    "max_partition_fetch_bytes": 8 * _MIB,
    "fetch_max_bytes": 48 * _MIB,
}


class Taken(NamedTuple):
    """One record of a topic. `at_ms`: its Kafka timestamp."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    at_ms: int


class TopicReader:
    """Reads topics without a group: nothing is committed and no worker is disturbed.

    Raises BrokerUnavailable where Kafka does not answer.
    """

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    def partitions(self, topic: str) -> list[int]:
        """The topic's partitions."""
        found = self._consumer.partitions_for_topic(topic)
        if not found:
            raise BrokerUnavailable(
                f"there is no topic {topic} on this Kafka",
                "start gridalert worker on it once, or name the right cluster in gridalert.toml",
            )
        return sorted(found)

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that is still there, and the next to be written."""
        at = TopicPartition(topic, partition)
        first: int = self._consumer.beginning_offsets([at])[at]
        end: int = self._consumer.end_offsets([at])[at]
        return first, end

    def offset_at(self, topic: str, partition: int, at_ms: int) -> int:
        """The first offset written at or after that time; the end where nothing was."""
        at = TopicPartition(topic, partition)
        found = self._consumer.offsets_for_times({at: max(at_ms, 0)})[at]
        return self.bounds(topic, partition)[1] if found is None else int(found.offset)

    def partition_of(self, topic: str, key: bytes) -> int:
        """Where Kafka's default partitioner puts a key."""
        return int((murmur2(key) & 0x7FFFFFFF) % len(self.partitions(topic)))

    def read(
        self, topic: str, partition: int, begin: int = 0, end: int | None = None
    ) -> Iterator[Taken]:
        """The records from offset `begin` to before `end`, as they lie there now."""
        at = TopicPartition(topic, partition)
        first, newest = self.bounds(topic, partition)
        begin, end = max(begin, first), newest if end is None else min(end, newest)
        if begin >= end:
            return
        self._consumer.assign([at])
        self._consumer.seek(at, begin)
        last_s = time.monotonic()
        while self._consumer.position(at) < end:
            for records in self._consumer.poll(timeout_ms=_POLL_MS).values():
                last_s = time.monotonic()
                for record in records:
                    if record.offset >= end:
                        return
                    yield Taken(
                        *(partition, record.offset, record.key, record.value),
                        headers=dict(record.headers or ()),
                        at_ms=record.timestamp,
                    )
            if time.monotonic() - last_s > _STALLED_S:
                raise KafkaError(f"{topic}/{partition} gave nothing for {_STALLED_S:.0f} s")

    def everything(self, topic: str) -> Iterator[Taken]:
        """All that a topic holds now, partition by partition."""
        for partition in self.partitions(topic):
            yield from self.read(topic, partition)


@contextmanager
def reading(connection: Connection) -> Iterator[TopicReader]:
    """A reader of the cluster's topics, closed at the end. Raises BrokerUnavailable."""
    with served(connection, time.monotonic() + _REACH_S):
        settings = connection.kafka_python()
        with closing(KafkaConsumer(**settings, **_IN_BULK, enable_auto_commit=False)) as consumer:
            yield TopicReader(consumer)
