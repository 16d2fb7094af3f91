"""What lies on a site's topics of an alert or a record; or in a recorded log, as if on topics."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from typing import NamedTuple

import msgspec

from detectors.hits import Hit
from pipeline.alerts import CloudEvent, decode_alert
from pipeline.explain.story import decoded
from pipeline.explain.words import phrase
from pipeline.incidents.decision import Where
from pipeline.messages import NO_JSON, Decision, Given, LogRecord, Outcome, Reported, encode
from pipeline.replay import Fold, Record, begun_by
from pipeline.site.problems import Both
from pipeline.topic_reader import Taken, TopicReader
from pipeline.topics import ALERTS, DEAD_LETTERS, DECISIONS, HITS

# A track, a mute and a cool-down reach so far at most, with the rules that are shipped.
REACH_MS = 2 * 3_600_000
_HEADERS = ("ga_first_record", "ga_last_record")  # TOPIC/PARTITION/OFFSET each

Watch = Callable[[Iterable[Taken], int], Iterable[Taken]]  # shows progress; how many there may be


class Published(NamedTuple):
    """A message of an alert, its bytes, and the records its alert began with and it was told by."""

    event: CloudEvent
    value: bytes
    first: Where
    last: Where


class Log:
    """The topics of a site, as far back as they are kept. `file`: where they were recorded."""

    def __init__(self, reader: TopicReader, watch: Watch, file: str = "") -> None:
        self.reader, self._watch = reader, watch
        self.name = file or f"{ALERTS}, {HITS}, {DEAD_LETTERS}"
        self.origin = [phrase("from_log", file=file)] if file else []

    def find(self, text: str) -> Record | None:
        """The record at PARTITION/OFFSET, or with this hit, report or feedback id; what can't be
        read has the id if it stands in it.
        """
        where, partitions = where_of(text), self.reader.partitions(HITS)
        if where is not None:
            found = self._at(where) if where[0] in partitions else None
            return found[:4] if found else None
        quoted = f'"{text}"'.encode()
        for partition in partitions:
            for record in self._records(partition, *self.reader.bounds(HITS, partition)):
                if quoted in (record[3] or b"") and _id_of(decoded(record[3])) in {text, None}:
                    return record
        return None

    def around(self, first: Where, last: Where | None) -> tuple[int, Iterator[Record]]:
        """The records of the partition from well before `first` (after it: that is gone) until well
        after `last` (None: to the end), and the offset from which on they are there.
        """
        begin, end = self.reader.bounds(HITS, first[0])
        if asked := self._at(first):
            begin = min(first[1], max(begin, self._offset_at(asked, -REACH_MS)))
        if last and (told := self._at(last)):
            end = self._offset_at(told, REACH_MS)
        return begin, self._records(first[0], begin, end)

    def version_at(self, partition: int, begin: int) -> str:
        """The version that decided the partition at an offset; "" if the log does not say."""
        records = self._records(partition, begin, self.reader.bounds(HITS, partition)[1])
        return next((version for _, version in begun_by(records)), "")

    def decision_on(self, now: Decision) -> Decision | None:
        """What the worker decided of a record; None for what it held or has not come to."""
        since = self.decided(now.leaf_code, (now.partition, now.offset))
        here = (decision for decision in since if decision.partition == now.partition)
        until = takewhile(lambda decision: decision.offset <= now.offset, here)
        return next((decision for decision in until if decision.offset == now.offset), None)

    def decided(self, leaf_code: str | None, since: Where | None = None) -> Iterator[Decision]:
        """What was decided in a leaf grid, from this record on."""
        key = (leaf_code or "").encode()
        partition = self.reader.partition_of(DECISIONS, key)
        begin, end = self.reader.bounds(DECISIONS, partition)
        if since and (asked := self._at(since)):
            begin = self.reader.offset_at(DECISIONS, partition, asked.at_ms)
        for taken in self._watch(self.reader.read(DECISIONS, partition, begin, end), end - begin):
            if taken.key == key:
                yield msgspec.json.decode(taken.value or b"", type=Decision)

    def refused(self, text: str) -> Both | None:
        """Why what has this id never came to the log, where it was refused before."""
        id_ = f'"{text}"'.encode()
        for letter in self.reader.everything(DEAD_LETTERS):
            if id_ in (letter.value or b""):
                return phrase("refused_before", id=text, **refusal_in(letter))
        return None

    def _at(self, where: Where) -> Taken | None:
        return next(self.reader.read(HITS, *where, where[1] + 1), None)

    def _offset_at(self, near: Taken, away_ms: int) -> int:
        return self.reader.offset_at(HITS, near.partition, near.at_ms + away_ms)

    def _records(self, partition: int, begin: int, end: int) -> Iterator[Record]:
        taken = self._watch(self.reader.read(HITS, partition, begin, end), end - begin)
        return (one[:4] for one in taken)


class Recorded(TopicReader):
    """A recorded log as its site's topics: alerts and decisions as this fold makes them of it."""

    def __init__(self, records: list[Record], fold: Fold) -> None:
        self._there: defaultdict[tuple[str, int], list[Taken]] = defaultdict(list)
        fold.begin(begun_by(records))
        for record in records:
            self._there[HITS, record[0]].append(Taken(*record, {}, 0))
            done = fold.apply(*record)
            for event, first in done.alerts:
                at = (f"{HITS}/{n}/{offset}".encode() for n, offset in (first, record[:2]))
                headers = dict(zip(_HEADERS, at, strict=True))
                self._put(ALERTS, event.data.alert_id, encode(event), headers)
            told = done.decision
            if told and (told.outcome is not Outcome.HELD or told.alerts):
                self._put(DECISIONS, told.leaf_code or "", encode(told), {})

    def _put(self, topic: str, key: str, value: bytes, headers: dict[str, bytes]) -> None:
        there = self._there[topic, 0]
        there.append(Taken(0, len(there), key.encode(), value, headers, 0))

    def partitions(self, topic: str) -> list[int]:
        """Those that have records; of any other topic the first."""
        return sorted(n for name, n in self._there if name == topic) or [0]

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset, and the one after the last."""
        there = self._there.get((topic, partition))
        return (there[0].offset, there[-1].offset + 1) if there else (0, 0)

    def offset_at(self, topic: str, partition: int, at_ms: int) -> int:
        """The beginning, and for a time after 0 the end: no times are recorded."""
        return self.bounds(topic, partition)[at_ms > 0]

    def read(
        self, topic: str, partition: int, begin: int = 0, end: int | None = None
    ) -> Iterator[Taken]:
        """The records from offset `begin` to before `end`."""
        there = self._there.get((topic, partition), ())
        yield from (x for x in there if begin <= x.offset and (end is None or x.offset < end))


def where_of(text: str) -> Where | None:
    """PARTITION/OFFSET as a person writes it; None for anything else."""
    found = re.fullmatch(r"(\d{1,9})/(\d{1,18})", text)
    return (int(found[1]), int(found[2])) if found else None


def published_of(reader: TopicReader, text: str) -> list[Published]:
    """What is still published of the alert that a person means, in order of sequence."""
    part = text.partition("/")[0].encode()
    likely = reader.partition_of(ALERTS, part)
    for partition in sorted(reader.partitions(ALERTS), key=lambda n: n != likely):
        there = (one for one in reader.read(ALERTS, partition) if part in (one.value or b""))
        found = {
            event.data.sequence: Published(event, one.value or b"", *map(_record_in, of_both))
            for one, event in readable(there)
            if part.decode() in (event.data.alert_id, event.data.alert_no)
            and all(of_both := [one.headers.get(name, b"") for name in _HEADERS])
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


def _record_in(header: bytes) -> Where:
    """TOPIC/PARTITION/OFFSET."""
    _, partition, offset = header.decode().rsplit("/", 2)
    return int(partition), int(offset)


def _id_of(record: LogRecord | None) -> str | None:
    if isinstance(record, Hit):
        return record.hit_id
    if isinstance(record, Reported):
        return record.report.report_id
    return record.feedback.feedback_id if isinstance(record, Given) else None
