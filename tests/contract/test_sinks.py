"""What every sink promises, held against each that needs no broker."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sinks.contract import AlertSink, SinkUnavailable
from tests.memory_sink import MemorySink

Delivered = tuple[str, bytes, bytes, list[tuple[str, bytes]]]


@dataclass
class Case:
    sink: AlertSink
    delivered: Callable[[], list[Delivered]]


def _memory(_: Path) -> Case:
    sink = MemorySink()
    return Case(
        sink,
        lambda: [(m.topic, m.key, m.value, list(m.headers)) for m in sink.messages],
    )


@pytest.fixture(params=[_memory], ids=["memory"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    made: Case = request.param(tmp_path)
    yield made
    made.sink.close()


def test_a_sent_message_is_delivered_whole(case: Case) -> None:
    case.sink.send("grid.alerts.v1", b"510107", b'{"n": 1}', [("traceparent", b"00-ab")])
    expected = ("grid.alerts.v1", b"510107", b'{"n": 1}', [("traceparent", b"00-ab")])
    assert case.delivered() == [expected]


def test_any_bytes_are_delivered(case: Case) -> None:
    values = [b"", b"\xff\xd8\xff jpeg", b"not json", b'{"pretty":\n 1}']
    for value in values:
        case.sink.send("t", b"\x80key", value, [("h", b"\x00\xff")])
    assert case.delivered() == [("t", b"\x80key", value, [("h", b"\x00\xff")]) for value in values]


def test_messages_keep_their_order_and_repeats_stay(case: Case) -> None:
    for n in (1, 2, 2, 3):
        case.sink.send("t", b"k", str(n).encode())
    assert [value for _, _, value, _ in case.delivered()] == [b"1", b"2", b"2", b"3"]


def test_after_close_nothing_is_taken_and_what_was_sent_stays(case: Case) -> None:
    case.sink.send("t", b"k", b"1")
    case.sink.close()
    case.sink.close()
    with pytest.raises(SinkUnavailable):
        case.sink.send("t", b"k", b"2")
    assert len(case.delivered()) == 1
