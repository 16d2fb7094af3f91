"""What the worker published: alerts, compacted and now and then twice, and its refusals."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.alerts import CloudEvent, GridAlert, decode_alert
from pipeline.incidents.decision import Where
from pipeline.messages import NO_JSON
from pipeline.topic_reader import Taken, TopicReader
from pipeline.topics import ALERTS

_RECORDS = {"ga_first_record", "ga_last_record"}  # headers; TOPIC/PARTITION/OFFSET each


class Published(NamedTuple):
    """A message of an alert, its bytes, and the records its alert began with and it was told by."""

    event: CloudEvent
    value: bytes
    first: Where
    last: Where


def is_named(alert: GridAlert, text: str) -> bool:
    """Whether a person means this alert: by its id, its number, or the id of a message of it."""
    return text.partition("/")[0] in (alert.alert_id, alert.alert_no)


def published_of(reader: TopicReader, text: str) -> list[Published]:
    """What is still published of the alert that a person means, in order of sequence."""
    part = text.partition("/")[0].encode()
    likely = reader.partition_of(ALERTS, part)
    for partition in sorted(reader.partitions(ALERTS), key=lambda n: n != likely):
        there = (one for one in reader.read(ALERTS, partition) if part in (one.value or b""))
        found = {
            event.data.sequence: Published(event, one.value or b"", *_records_of(one))
            for one, event in readable(there)
            if is_named(event.data, text) and one.headers.keys() >= _RECORDS
        }
        if found:  # all of an alert lies in one partition
            return [found[n] for n in sorted(found)]
    return []


def readable(published: Iterable[Taken]) -> Iterator[tuple[Taken, CloudEvent]]:
    """Without what somebody else, or a version to come, has written there."""
    for one in published:
        try:
            event = decode_alert(one.value or b"")
        except NO_JSON:
            continue
        yield one, event


def refusal_in(letter: Taken) -> dict[str, str]:
    """Why a dead letter was refused, `reason`, `stage` and `message`, and how to `mend` it."""
    names = {"reason": "reason", "stage": "stage", "message": "error_message", "mend": "mend"}
    found = {name: letter.headers.get(f"dlq_{header}", b"") for name, header in names.items()}
    return {name: value.decode(errors="replace") for name, value in found.items()}


def _records_of(taken: Taken) -> tuple[Where, Where]:
    """TOPIC/PARTITION/OFFSET of both headers."""
    first, last = (taken.headers[name].decode().rsplit("/", 2)[1:] for name in sorted(_RECORDS))
    return (int(first[0]), int(first[1])), (int(last[0]), int(last[1]))
