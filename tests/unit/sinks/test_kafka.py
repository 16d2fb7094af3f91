"""The sink's own bookkeeping, on a producer whose acknowledgements the test decides."""

import threading
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from kafka.future import Future

import sinks.kafka
from sinks.contract import MessageRefused, SinkUnavailable
from sinks.kafka import KafkaSink


class Producer:
    """Stands for KafkaProducer; `pending` are the futures not yet acknowledged."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.pending: list[Any] = []
        self.sent: list[tuple[str, bytes]] = []
        self.closed = 0

    def send(self, topic: str, *, value: bytes, **_: Any) -> Any:
        future = _Future()
        self.sent.append((topic, value))
        self.pending.append(future)
        return future

    def close(self, timeout: float) -> None:
        self.closed += 1


class _Future(Future):  # type: ignore[misc]
    def get(self, timeout: float) -> None:
        raise KafkaTimeoutError("no answer")


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> KafkaSink:
    monkeypatch.setattr(sinks.kafka, "KafkaProducer", Producer)
    return KafkaSink(bootstrap_servers="127.0.0.1:1", linger_ms=5)


def _producer(sink: KafkaSink) -> Producer:
    producer: Producer = sink._producer
    return producer


def test_durable_settings_and_the_callers_reach_the_producer(sink: KafkaSink) -> None:
    settings = _producer(sink).settings
    assert (settings["acks"], settings["linger_ms"]) == ("all", 5)
    assert settings["delivery_timeout_ms"] >= 60_000
    assert settings["max_in_flight_requests_per_connection"] == 1


def test_send_without_acknowledgement_is_unavailable(sink: KafkaSink) -> None:
    with pytest.raises(SinkUnavailable, match="no answer"):
        sink.send("t", b"k", b"v")


def test_flush_waits_for_every_acknowledgement(sink: KafkaSink) -> None:
    sink.enqueue("t", b"k", b"1")
    sink.enqueue("t", b"k", b"2")
    waiting = threading.Thread(target=sink.flush, daemon=True)
    waiting.start()
    first, second = _producer(sink).pending
    first.success(None)
    waiting.join(0.05)
    assert waiting.is_alive()
    second.success(None)
    waiting.join(5)
    assert not waiting.is_alive()


@pytest.mark.parametrize(
    ("error", "raised"),
    [(KafkaTimeoutError("gone"), SinkUnavailable), (MessageSizeTooLargeError(), MessageRefused)],
)
def test_a_failure_stops_what_follows_until_flush_told_it(
    sink: KafkaSink, error: Exception, raised: type[Exception]
) -> None:
    sink.enqueue("t", b"k", b"1")
    _producer(sink).pending[0].failure(error)
    with pytest.raises(raised):
        sink.enqueue("t", b"k", b"2")
    with pytest.raises(raised):
        sink.flush()
    assert _producer(sink).sent == [("t", b"1")]
    sink.enqueue("t", b"k", b"1")
    _producer(sink).pending[1].success(None)
    sink.flush()


@pytest.mark.parametrize(("limit", "value"), [("max_messages", 1), ("max_bytes", 3)])
def test_what_is_in_flight_is_bounded(sink: KafkaSink, limit: str, value: int) -> None:
    setattr(sink, limit, value)
    sink.enqueue("t", b"k", b"1")
    following = threading.Thread(target=sink.enqueue, args=("t", b"k", b"2"), daemon=True)
    following.start()
    following.join(0.05)
    assert following.is_alive()
    assert len(_producer(sink).sent) == 1
    _producer(sink).pending[0].success(None)
    following.join(5)
    assert len(_producer(sink).sent) == 2


def test_a_message_that_never_started_is_not_in_flight(
    sink: KafkaSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise MessageSizeTooLargeError("6 MiB")

    monkeypatch.setattr(_producer(sink), "send", refuse)
    with pytest.raises(MessageRefused, match="6 MiB"):
        sink.enqueue("t", b"k", b"1")
    sink.flush()


def test_close_flushes_and_lets_go_of_the_producer_even_then(sink: KafkaSink) -> None:
    sink.enqueue("t", b"k", b"1")
    _producer(sink).pending[0].failure(KafkaTimeoutError("gone"))
    with pytest.raises(SinkUnavailable):
        sink.close()
    sink.close()
    assert _producer(sink).closed == 2
