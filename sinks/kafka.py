"""A sink that delivers to Kafka: one at a time and acknowledged, or many in flight and flushed."""

import threading
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from sinks.contract import Headers, MessageRefused, SinkUnavailable

_MIB = 1024 * 1024
_NEVER_TAKEN = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTopicError)
# Every replica has it before we hear so; a broker may be gone for a minute and nothing is lost.
# Not idempotent: there kafka-python 3.0 answers for every later message of the process with the
# refusal of the first one that was too large. One request at a time keeps the order instead; what
# is repeated is the same message twice in a row, which at-least-once allows anyway.
# The largest topic (frames) takes 4 MiB, and 1 MiB is left for headers and framing.
_DURABLE: dict[str, Any] = {
    "acks": "all",
    "enable_idempotence": False,
    "max_in_flight_requests_per_connection": 1,
    "delivery_timeout_ms": 120_000,
    "max_block_ms": 60_000,
    "reconnect_backoff_max_ms": 1_000,
    "max_request_size": 5 * _MIB,
}
_GRACE_S = 10.0


class KafkaSink:
    """An `AlertSink` over a kafka-python producer that also pipelines.

    `producer_kwargs`: as KafkaProducer takes them (bootstrap_servers, security_protocol, ...);
    they go over the durable ones above. At most 1 000 messages or 32 MiB are in flight, whichever
    is less: kafka-python 3 itself bounds no memory. Messages of one key keep their order as long
    as nothing fails. Raises SinkUnavailable when no broker answers, after `bootstrap_timeout_ms`.
    """

    max_messages = 1_000
    max_bytes = 32 * _MIB

    def __init__(self, **producer_kwargs: Any) -> None:
        settings = _DURABLE | producer_kwargs
        self._wait_s = settings["delivery_timeout_ms"] / 1000 + _GRACE_S
        self._changed = threading.Condition()
        self._messages = 0
        self._bytes = 0
        self._failure: Exception | None = None
        try:
            self._producer = KafkaProducer(**settings)
        except KafkaError as error:
            raise _typed(error) from error

    def send(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """As in `AlertSink`; blocks for 60 s (metadata) + 120 s (delivery) at the longest.

        Raises ValueError for a topic name or partition that cannot exist.
        """
        try:
            self._start(topic, key, value, headers, partition).get(timeout=self._wait_s)
        except KafkaError as error:
            raise _typed(error) from error

    def enqueue(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Hand one message over without awaiting its acknowledgement; `flush` awaits it.

        Blocks while the limits in flight are reached. Once a message has failed every call raises
        (SinkUnavailable, MessageRefused) until `flush` has told it, so that later messages do not
        overtake the one to be sent again.
        """
        size = len(key) + len(value) + sum(len(name) + len(content) for name, content in headers)
        self._enter(size)
        try:
            future = self._start(topic, key, value, headers, partition)
        except BaseException as error:
            self._leave(size, None)
            if isinstance(error, KafkaError):
                raise _typed(error) from error
            raise
        future.add_callback(lambda _: self._leave(size, None))
        future.add_errback(lambda error: self._leave(size, error))

    def flush(self) -> None:
        """Return once everything enqueued is acknowledged.

        Raises SinkUnavailable or MessageRefused if any message since the last flush failed: each
        of those since then may or may not have arrived, so send all of them again, in order. After
        MessageRefused do so with `send`, which tells which one it is.
        """
        with self._changed:
            done = self._changed.wait_for(lambda: self._messages == 0, timeout=self._wait_s)
            failure, self._failure = self._failure, None
        if failure is not None:
            raise _typed(failure) from failure
        if not done:
            raise SinkUnavailable(f"Kafka acknowledged nothing for {self._wait_s:.0f} s")

    def close(self) -> None:
        """As in `AlertSink`: flushes first."""
        try:
            self.flush()
        finally:
            self._producer.close(timeout=_GRACE_S)

    def _start(
        self, topic: str, key: bytes, value: bytes, headers: Headers, partition: int | None
    ) -> Any:
        # Any: kafka-python has no types; this is its FutureRecordMetadata.
        return self._producer.send(
            topic, value=value, key=key, headers=list(headers), partition=partition
        )

    def _enter(self, size: int) -> None:
        with self._changed:
            # One message larger than the byte limit still passes, alone.
            room = self._changed.wait_for(
                lambda: (
                    self._failure is not None
                    or self._messages == 0
                    or (self._messages < self.max_messages and self._bytes + size <= self.max_bytes)
                ),
                timeout=self._wait_s,
            )
            if self._failure is not None:
                raise _typed(self._failure) from self._failure
            if not room:
                raise SinkUnavailable(f"Kafka acknowledged nothing for {self._wait_s:.0f} s")
            self._messages += 1
            self._bytes += size

    def _leave(self, size: int, failure: Exception | None) -> None:
        """Called once per message, on kafka-python's own thread unless it failed at once."""
        with self._changed:
            self._messages -= 1
            self._bytes -= size
            self._failure = self._failure or failure
            self._changed.notify_all()


def _typed(error: Exception) -> Exception:
    """The error as the caller has to act on it."""
    why = f"{type(error).__name__}: {error}"
    if isinstance(error, _NEVER_TAKEN):
        return MessageRefused(f"Kafka will not take this message: {why}")
    return SinkUnavailable(f"Kafka did not acknowledge: {why}")
