"""Alerts as they lie on grid.alerts.v1: compacted, and now and then twice."""

from collections.abc import Iterable, Iterator

from pipeline.alerts import CloudEvent, decode_alert
from pipeline.explaining import is_named, where_of
from pipeline.messages import NO_JSON
from pipeline.topic_reader import Taken, TopicReader
from pipeline.topics import ALERTS


def published_of(reader: TopicReader, text: str) -> dict[int, Taken]:
    """What is still published of the alert that a person means, by sequence."""
    if where_of(text) is not None:
        return {}
    alert_id = text.partition("/")[0].encode()
    partition = reader.partition_of(ALERTS, alert_id)
    there = reader.read(ALERTS, partition, *reader.bounds(ALERTS, partition))
    found = list(_readable(one for one in there if one.key == alert_id))
    if not found:
        there = (one for one in reader.everything(ALERTS) if alert_id in (one.value or b""))
        found = [(one, event) for one, event in _readable(there) if is_named(event.data, text)]
    by_sequence: dict[int, Taken] = {}
    for one, event in found:
        by_sequence.setdefault(event.data.sequence, one)
    return by_sequence


def newest_of(published: Iterable[Taken]) -> dict[str, CloudEvent]:
    """The newest message of each alert, by its id."""
    newest: dict[str, CloudEvent] = {}
    for _, event in _readable(published):
        known = newest.setdefault(event.data.alert_id, event)
        if event.data.sequence > known.data.sequence:
            newest[event.data.alert_id] = event
    return newest


def event_of(taken: Taken) -> CloudEvent:
    """The alert's message that a record of grid.alerts.v1 is."""
    return decode_alert(taken.value or b"")


def _readable(published: Iterable[Taken]) -> Iterator[tuple[Taken, CloudEvent]]:
    """Without what somebody else, or a version to come, has written there."""
    for one in published:
        try:
            yield one, event_of(one)
        except NO_JSON:
            continue
