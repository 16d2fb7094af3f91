"""A sink that delivers to Kafka."""

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
    """An `AlertSink` over a kafka-python producer.

    `producer_kwargs`: as KafkaProducer takes them (bootstrap_servers, security_protocol, ...);
    they go over the durable ones above. Raises SinkUnavailable when no broker answers, after
    `bootstrap_timeout_ms`.
    """

    def __init__(self, **producer_kwargs: Any) -> None:
        settings = _DURABLE | producer_kwargs
        self._wait_s = settings["delivery_timeout_ms"] / 1000 + _GRACE_S
        try:
            self._producer = KafkaProducer(**settings)
        except KafkaError as error:
            raise _typed(error) from error

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers = ()) -> None:
        """As in `AlertSink`; blocks for 60 s (metadata) + 120 s (delivery) at the longest.

        Raises ValueError for a topic name that cannot exist.
        """
        try:
            sent = self._producer.send(topic, value=value, key=key, headers=list(headers))
            sent.get(timeout=self._wait_s)
        except KafkaError as error:
            raise _typed(error) from error

    def close(self) -> None:
        """As in `AlertSink`."""
        try:
            self._producer.close(timeout=_GRACE_S)
        except KafkaError as error:
            raise _typed(error) from error


def _typed(error: Exception) -> Exception:
    """The error as the caller has to act on it."""
    why = f"{type(error).__name__}: {error}"
    if isinstance(error, _NEVER_TAKEN):
        return MessageRefused(f"Kafka will not take this message: {why}")
    return SinkUnavailable(f"Kafka did not acknowledge: {why}")
