"""What dispatch services do, with the clients that they have, on the real Kafka."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka.partitioner import murmur2
from msgspec.structs import replace

from docs.schemas import CONTRACTS
from pipeline.alerts import decode_alert
from pipeline.broker import LocalBroker
from pipeline.child import Child
from pipeline.demo.on_kafka import read
from pipeline.feedback import action_of, decode_feedback
from pipeline.messages import encode
from pipeline.topics import ALERTS, FEEDBACK
from sinks.kafka import KafkaSink
from tests.conftest import read_headers, wait_until
from tests.contract.examples import as_event, decided, feedback, sent, van_of

ROOT = Path(__file__).parents[2]
CONSUMER = ROOT / "deploy" / "consumer" / "consumer.py"
TIMEOUT_S = 120.0
# Key, value and headers, as any client gives them.
Message = tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]


def publish(kafka: LocalBroker, messages: list[Message]) -> None:
    """As the worker sends them."""
    sink = KafkaSink(**kafka.connection.kafka_python())
    for key, value, headers in messages:
        sink.send(ALERTS, key, value, headers)
    sink.close()


def published() -> list[Message]:
    """All that the fold published, in order."""
    return [(key, value, tuple(headers)) for key, value, headers in sent()]


def with_kafka_python(kafka: LocalBroker, _: int) -> list[Message]:
    keys = [key or b"" for _, _, key, _ in read(kafka.connection, ALERTS)]
    rest = read_headers(kafka.connection, ALERTS)
    return [
        (key, value, tuple((name, content.encode()) for name, content in headers.items()))
        for key, (value, headers) in zip(keys, rest, strict=True)
    ]


def with_confluent_kafka(kafka: LocalBroker, number: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "none"})
    partitions = consumer.list_topics(ALERTS, TIMEOUT_S).topics[ALERTS].partitions
    consumer.assign([TopicPartition(ALERTS, n, 0) for n in partitions])
    got = consumer.consume(number, TIMEOUT_S)
    consumer.close()
    assert [one.error() for one in got if one.error()] == []
    found: list[Any] = [(one.key(), one.value(), tuple(one.headers() or ())) for one in got]
    return found


def with_kcat(kafka: LocalBroker, _: int) -> list[Message]:
    kcat = shutil.which("kcat")
    assert kcat, "kcat is not there: install the Debian package kcat"
    command = [kcat, "-b", kafka.bootstrap, "-C", "-t", ALERTS, "-o", "beginning", "-e", "-q", "-J"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT_S)
    found = []
    for line in done.stdout.splitlines():
        one = json.loads(line)
        names, contents = one["headers"][::2], one["headers"][1::2]
        headers = tuple((n, c.encode()) for n, c in zip(names, contents, strict=True))
        found.append((one["key"].encode(), one["payload"].encode(), headers))
    return found


Reader = Callable[[LocalBroker, int], list[Message]]


@pytest.mark.parametrize("reader", [with_kafka_python, with_confluent_kafka, with_kcat])
def test_every_client_reads_the_same_bytes_in_the_order_of_each_alert(
    reader: Reader, kafka: LocalBroker
) -> None:
    messages = published()
    assert len(messages) >= 5
    publish(kafka, messages)
    got = reader(kafka, len(messages))
    assert len(got) == len(messages)
    for key in {key for key, _, _ in messages}:
        assert [one for one in got if one[0] == key] == [one for one in messages if one[0] == key]


def test_alerts_open_with_the_cloudevents_sdk_and_fit_the_published_schema(
    kafka: LocalBroker,
) -> None:
    messages = published()
    publish(kafka, messages)
    schema = json.loads((CONTRACTS / "grid-alert.schema.json").read_text("utf-8"))
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    for key, value, headers in with_confluent_kafka(kafka, len(messages)):
        event = from_kafka(KafkaMessage(dict(headers), key, value), JSONFormat())
        ours = decode_alert(value)
        data: Any = event.get_data()
        assert (event.get_id(), event.get_source(), event.get_subject()) == (
            f"{ours.data.alert_id}/{ours.data.sequence}", ours.source, ours.data.grid.leaf_code,
        )  # fmt: skip
        assert event.get_type() == f"cn.gridalert.alert.{data['action']}.v1"
        assert event.get_time() == ours.time
        assert event.get_extension("partitionkey") == ours.data.alert_id
        assert data == json.loads(value)["data"]
        validator.validate(json.loads(value))
        assert not validator.is_valid(json.loads(value) | {"time": "yesterday"})


def test_feedback_made_with_the_sdk_and_keyed_by_crc32_reads_as_it_was_meant(
    kafka: LocalBroker,
) -> None:
    given = feedback(van_of(decided()))
    producer = Producer({"bootstrap.servers": kafka.bootstrap})  # librdkafka: CRC32 by default
    for n, one in enumerate(given):
        attributes = json.loads(encode(as_event(one)))
        data = attributes.pop("data")
        event = CloudEvent(attributes | {"partitionkey": f"wo-{n}"}, data)
        message = to_structured(event, JSONFormat())
        headers: Any = message.headers
        producer.produce(FEEDBACK, message.value, message.key, headers=headers)
    assert producer.flush(TIMEOUT_S) == 0
    got = list(read(kafka.connection, FEEDBACK))
    assert sorted(map(repr, given)) == sorted(repr(decode_feedback(v or b"")) for *_, v in got)
    elsewhere = [p for p, _, key, _ in got if p != (murmur2(key) & 0x7FFFFFFF) % 24]
    assert elsewhere, "no key lies where Java's partitioner would not have put it"


@contextmanager
def consumer(kafka: LocalBroker, folder: Path, *options: str) -> Iterator[Callable[[], list[str]]]:
    """deploy/consumer running; the lines it has written so far."""
    log = folder / "consumer.log"
    child = Child(
        [sys.executable, str(CONSUMER), "--bootstrap-servers", kafka.bootstrap, *options],
        log,
        cwd=folder,
    )
    child.start()
    wait_until(log.exists, "the consumer to start")
    try:
        yield lambda: log.read_text("utf-8").splitlines()
    finally:
        child.stop(60.0)
    assert child.wait(0) == 0, child.log_tail()


def states(messages: list[Message]) -> dict[str, Any]:
    """The newest state of each alert by its number."""
    return {one.alert_no: one for one in (decode_alert(value).data for _, value, _ in messages)}


def test_our_consumer_tells_what_is_there_then_each_change_once_in_chinese(
    kafka: LocalBroker, tmp_path: Path
) -> None:
    messages = published()
    crowd = [one for one in messages if decode_alert(one[1]).data.event.type == "crowding"]
    others = [one for one in messages if one not in crowd]
    publish(kafka, [*others, *others])
    with consumer(kafka, tmp_path) as lines:
        wait_until(lambda: len(lines()) == len(states(others)), "what is there already")
        assert {line.split("｜")[-1] for line in lines()} == set(states(others))
        *before, last = crowd
        publish(kafka, [*before, *before, *crowd[:1], last])
        wait_until(lambda: "已解除" in "".join(lines()), "its last news")
    told = lines()[len(states(others)) :]
    assert [line.split("｜")[0] for line in told] == ["新警情", "更新（数量增加）", "已解除"]
    alert = decode_alert(crowd[0][1]).data
    assert (
        told[0] == f"新警情｜{alert.text.notice}｜网格员08｜06-02 00:00前（暂定）｜{alert.alert_no}"
    )


def test_our_consumer_accepts_what_is_direct_and_no_drill(
    kafka: LocalBroker, tmp_path: Path
) -> None:
    opened = [one for one in published() if decode_alert(one[1]).data.sequence == 1]
    direct = [a for a in states(opened).values() if type(a.routing).__name__ == "Direct"]
    assert 0 < len(direct) < len(opened)
    drill: list[Message] = [(b"drill", drill_of(opened[0][1], sequence), ()) for sequence in (1, 2)]
    publish(kafka, opened)
    with consumer(kafka, tmp_path, "--accept") as lines:
        wait_until(lambda: len(lines()) == len(opened), "all that is open")
        publish(kafka, drill)  # each is answered before the next is told
        wait_until(lambda: len(lines()) == len(opened) + len(drill), "the drill's second state")
    answers = [decode_feedback(value or b"") for *_, value in read(kafka.connection, FEEDBACK)]
    assert sorted((a.alert_id, a.grid_code, action_of(a)) for a in answers) == sorted(
        (a.alert_id, a.grid.leaf_code, "accepted") for a in direct
    )


def drill_of(value: bytes, sequence: int) -> bytes:
    """A direct alert as one of an exercise."""
    event = decode_alert(value)
    data = replace(event.data, alert_id="drill", sequence=sequence, exercise=True)
    return encode(replace(event, data=data))


@pytest.mark.parametrize("option", ["--area", "--event"])
def test_our_consumer_tells_only_what_was_asked_for(
    option: str, kafka: LocalBroker, tmp_path: Path
) -> None:
    messages = published()
    van = van_of(decided())
    of_van = [one for one in messages if one[0] == van.alert_id.encode()]
    publish(kafka, [one for one in messages if one not in of_van])
    publish(kafka, of_van[:-1])
    wanted = van.grid.leaf_code if option == "--area" else van.event.type
    with consumer(kafka, tmp_path, option, wanted) as lines:
        wait_until(lambda: lines() != [], "the van")
        publish(kafka, of_van)  # only told after all that was there before
        wait_until(lambda: len(lines()) > 1, "the van's last news")
    first, second = lines()
    assert first.startswith("新警情｜")
    assert second.startswith("更新（")
    assert {line.split("｜")[-1] for line in lines()} == {van.alert_no}


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--help"], 0, "--bootstrap-servers"),
        (["--bootstrap-servers", "127.0.0.1:1"], 1, "Kafka at 127.0.0.1:1"),
    ],
)
def test_our_consumer_says_what_it_takes_and_what_is_wrong(
    options: list[str], status: int, told: str
) -> None:
    done = subprocess.run(
        [sys.executable, str(CONSUMER), *options],
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == status
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
