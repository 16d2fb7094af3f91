"""Where explain reads the log again: a recorded file, or the site's Kafka as far back as it goes.

Both answer the same questions; only Kafka knows what was published, decided and refused then.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from pathlib import Path

import msgspec

from pipeline.explaining import Told, compare, find_record, where_of
from pipeline.incidents.decision import Where
from pipeline.messages import Decision, encode
from pipeline.published import Published, is_named, published_of, refusal_in
from pipeline.replay import Fold, Record, begun_by, read_log
from pipeline.site.problems import Both
from pipeline.topic_reader import Taken, TopicReader
from pipeline.topics import ALERTS, DEAD_LETTERS, DECISIONS, HITS
from pipeline.why import phrase

# A track, a mute and a cool-down reach so far at most, with the rules that are shipped.
REACH_MS = 2 * 3_600_000

Watch = Callable[[Iterable[Taken], int], Iterable[Taken]]  # shows progress; how many there may be


class RecordedLog:
    """A file as `gridalert demo` leaves it. Raises ValueError for a line that is no record."""

    def __init__(self, path: Path, new_fold: Callable[[], Fold]) -> None:
        self._path, self._new_fold = path, new_fold
        self.name = str(path)
        self.origin = (phrase("from_log", file=path),)

    def published(self, text: str) -> list[Published]:
        """What the fold tells of the alert that a person means, in order of sequence."""
        fold = self._new_fold()
        fold.begin(begun_by(self._records()))
        return [
            Published(event, encode(event), first, record[:2])
            for record in self._records()
            for event, first in fold.apply(*record).alerts
            if is_named(event.data, text)
        ]

    def find(self, text: str) -> Record | None:
        """The record at PARTITION/OFFSET or of that id."""
        return find_record(self._records(), text)

    def around(self, first: Where, _: Where | None) -> tuple[int, Iterator[Record]]:
        """All records of the partition, and offset 0."""
        return 0, (record for record in self._records() if record[0] == first[0])

    def version_at(self, partition: int, _: int) -> str:
        """The version that decided the partition where the file begins; "" if it never says."""
        return dict(begun_by(self._records())).get(partition, "")

    def compared(self, *_: object) -> list[Both]:
        """Nothing was published before, that could be compared."""
        return [*self.origin]

    def decided(self, leaf_code: str) -> Iterator[Decision]:
        """Decisions are not in it, nor needed: it is folded from its beginning."""
        return iter(())

    def decision_on(self, now: Decision) -> Decision | None:
        """That of the fold: there is no other."""
        return now

    def refused(self, text: str) -> Both | None:
        """What was refused before the log is not in it."""
        return None

    def _records(self) -> Iterator[Record]:
        return (line.record() for line in read_log(self._path))


class KafkaLog:
    """The site's topics, as far back as they are kept."""

    origin: tuple[Both, ...] = ()

    def __init__(self, reader: TopicReader, watch: Watch) -> None:
        self._reader, self._watch = reader, watch
        self.name = f"{ALERTS}, {HITS}, {DEAD_LETTERS}"

    def published(self, text: str) -> list[Published]:
        """What is still published of the alert that a person means, in order of sequence."""
        return published_of(self._reader, text)

    def find(self, text: str) -> Record | None:
        """The record at PARTITION/OFFSET or of that id."""
        where, partitions = where_of(text), self._reader.partitions(HITS)
        if where is not None:
            found = self._at(where) if where[0] in partitions else None
            return found[:4] if found else None
        every = (self._records(n, *self._reader.bounds(HITS, n)) for n in partitions)
        return next(filter(None, (find_record(records, text) for records in every)), None)

    def around(self, first: Where, last: Where | None) -> tuple[int, Iterator[Record]]:
        """The records of the partition from well before `first` (after it: that is gone) until well
        after `last` (None: to the end), and the offset from which on they are there.
        """
        begin, end = self._reader.bounds(HITS, first[0])
        if asked := self._at(first):
            begin = min(first[1], max(begin, self._offset_at(asked, -REACH_MS)))
        if last and (told := self._at(last)):
            end = self._offset_at(told, REACH_MS)
        return begin, self._records(first[0], begin, end)

    def version_at(self, partition: int, begin: int) -> str:
        """The version that decided the partition at an offset; "" if the log does not say."""
        records = self._records(partition, begin, self._reader.bounds(HITS, partition)[1])
        return next((version for _, version in begun_by(records)), "")

    def compared(self, story: Told, published: list[Published], begin: int) -> list[Both]:
        """Whether the story, folded from offset `begin` on, is byte for byte as published."""
        values = {one.event.data.sequence: one.value for one in published}
        place = {"topic": HITS, "where": f"{published[0].first[0]}/{begin}"}
        if wrong := compare(story, values):
            return [phrase("differs", which=", ".join(map(str, wrong)), **place)]
        same, gone = phrase("same", n=len(values), **place), len(story.messages) - len(values)
        return [same, phrase("compacted", n=gone, topic=ALERTS)] if gone else [same]

    def decision_on(self, now: Decision) -> Decision | None:
        """What the worker decided of a record; None for what it held or has not come to."""
        since = self.decided(now.leaf_code, (now.partition, now.offset))
        here = (decision for decision in since if decision.partition == now.partition)
        until = takewhile(lambda decision: decision.offset <= now.offset, here)
        return next((decision for decision in until if decision.offset == now.offset), None)

    def decided(self, leaf_code: str | None, since: Where | None = None) -> Iterator[Decision]:
        """What was decided in a leaf grid, from this record on."""
        key = (leaf_code or "").encode()
        partition = self._reader.partition_of(DECISIONS, key)
        begin, end = self._reader.bounds(DECISIONS, partition)
        if since and (asked := self._at(since)):
            begin = self._reader.offset_at(DECISIONS, partition, asked.at_ms)
        for taken in self._watch(self._reader.read(DECISIONS, partition, begin, end), end - begin):
            if taken.key == key:
                yield msgspec.json.decode(taken.value or b"", type=Decision)

    def refused(self, text: str) -> Both | None:
        """Why what has this id never came to the log, where it was refused before."""
        id_ = f'"{text}"'.encode()
        for letter in self._reader.everything(DEAD_LETTERS):
            if id_ in (letter.value or b""):
                return phrase("refused_before", id=text, **refusal_in(letter))
        return None

    def _at(self, where: Where) -> Taken | None:
        found = self._reader.read(HITS, *where, where[1] + 1)
        return next(found, None)

    def _offset_at(self, near: Taken, away_ms: int) -> int:
        return self._reader.offset_at(HITS, near.partition, near.at_ms + away_ms)

    def _records(self, partition: int, begin: int, end: int) -> Iterator[Record]:
        taken = self._watch(self._reader.read(HITS, partition, begin, end), end - begin)
        return (one[:4] for one in taken)
