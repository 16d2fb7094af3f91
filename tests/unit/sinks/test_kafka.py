"""What the sink makes of a producer's answers, which the test decides."""

from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

import sinks.kafka
from sinks.contract import MessageRefused, SinkUnavailable
from sinks.kafka import KafkaSink


class Producer:
    """Stands for KafkaProducer; `answer`: what it fails with, if it does."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.answer: Exception | None = None
        self.closed = 0

    def send(self, _: str, **__: Any) -> "Producer":
        return self

    def get(self, timeout: float) -> None:
        if self.answer:
            raise self.answer

    def close(self, timeout: float) -> None:
        self.closed += 1
        if self.answer:
            raise self.answer


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


@pytest.mark.parametrize(
    ("error", "raised"),
    [(KafkaTimeoutError("gone"), SinkUnavailable), (MessageSizeTooLargeError(), MessageRefused)],
)
def test_a_failure_is_raised_as_the_caller_has_to_act_on_it(
    sink: KafkaSink, error: Exception, raised: type[Exception]
) -> None:
    _producer(sink).answer = error
    with pytest.raises(raised, match=type(error).__name__):
        sink.send("t", b"k", b"v")


def test_close_lets_go_of_the_producer_and_tells_what_was_not_delivered(sink: KafkaSink) -> None:
    sink.close()
    _producer(sink).answer = KafkaTimeoutError("gone")
    with pytest.raises(SinkUnavailable, match="gone"):
        sink.close()
    assert _producer(sink).closed == 2
