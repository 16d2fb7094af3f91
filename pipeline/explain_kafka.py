"""The site's Kafka, as far back as it goes, for explain to fold again."""

from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile

import msgspec

from pipeline.alerts import CloudEvent
from pipeline.explain_sources import Again, AlertTold, RecordTold
from pipeline.explaining import (
    Entry,
    Record,
    Story,
    compare,
    fate_of,
    find_record,
    story_of,
    where_of,
)
from pipeline.incidents.decision import Step, Where
from pipeline.messages import Decision, Outcome
from pipeline.published import event_of, published_of
from pipeline.site.model import Site
from pipeline.site.problems import Both
from pipeline.topic_reader import Taken, TopicReader
from pipeline.topics import ALERTS, DEAD_LETTERS, DECISIONS, HITS
from pipeline.why import phrase

# A track, a mute and a cool-down reach back so far at most, with the rules that are shipped.
EARLIER_MS = 2 * 3_600_000

Watch = Callable[[Iterable[Taken], int], Iterable[Taken]]  # shows progress; how many there may be


class KafkaLog:
    """The site's topics, as far back as they are kept."""

    def __init__(self, reader: TopicReader, site: Site, watch: Watch) -> None:
        self._reader, self._site, self._watch = reader, site, watch
        self.where = f"{ALERTS}, {HITS}, {DEAD_LETTERS}"

    def alert(self, text: str) -> AlertTold | None:
        """The alert of that id or number; None where none was published, or it is forgotten."""
        published = published_of(self._reader, text)
        if not published:
            return None
        taken = published[min(published)]
        first = _record_of(taken, "ga_first_record")
        version = event_of(taken).data.provenance.policy_version
        if first[1] < self._reader.bounds(HITS, first[0])[0]:
            return self._from_decisions(published, first)
        newest = published[max(published)]
        alert, again = event_of(newest).data, Again(self._site)
        begin, records = self._from(first, self._end_of(newest), version, again)
        story = story_of(again.entries(records, alert.grid.leaf_code.encode()), alert.alert_id)
        verdict = _verdict(story, published, (first[0], begin))
        return AlertTold(story.entries, _all_messages(story, published), (*verdict, *again.notes))

    def record(self, text: str) -> RecordTold | None:
        """The record at PARTITION/OFFSET or of that id, and what came of it."""
        taken = self._taken(text)
        if taken is None:
            return None
        where = (taken.partition, taken.offset)
        end = self._reader.bounds(HITS, taken.partition)[1]
        again = Again(self._site)
        _, records = self._from(where, end, self._site.policy.version, again)
        fate = fate_of(again.entries(records, taken.key), where)
        if fate is None:
            return None
        decided = self._decided(fate.entry, taken)
        published = published_of(self._reader, fate.alert_id) if fate.alert_id else {}
        alert = event_of(published[max(published)]).data if published else None
        return RecordTold(fate, alert, (*decided, *again.notes))

    def refused(self, text: str) -> Both | None:
        """Why what has this id never came to the log, where it was refused before."""
        letter = self._letter(text)
        if letter is None:
            return None
        words = {name: value.decode(errors="replace") for name, value in letter.headers.items()}
        what, mend = words.get("dlq_error_message", ""), words.get("dlq_mend", "")
        told = phrase(
            "refused_before",
            id=text,
            reason=words.get("dlq_reason", ""),
            stage=words.get("dlq_stage", ""),
        )
        why = phrase("letter", message=what, mend=mend)
        return Both(f"{told.en} {why.en}", f"{told.zh}{why.zh}")

    def _letter(self, text: str) -> Taken | None:
        id_ = f'"{text}"'.encode()
        letters = self._reader.everything(DEAD_LETTERS)
        return next((one for one in letters if id_ in (one.value or b"")), None)

    def _taken(self, text: str) -> Taken | None:
        where = where_of(text)
        if where is not None:
            known = where[0] in self._reader.partitions(HITS)
            found = self._reader.read(HITS, *where, where[1] + 1) if known else iter(())
            return next((one for one in found if one.offset == where[1]), None)
        letter = self._letter(text)
        if letter is not None:
            if letter.headers.get("dlq_original_topic") != HITS.encode():
                return None
            headers = letter.headers
            names = ("dlq_original_partition", "dlq_original_offset")
            return self._taken("/".join(headers[name].decode() for name in names))
        for partition in self._reader.partitions(HITS):
            first, end = self._reader.bounds(HITS, partition)
            shown = self._watch(self._reader.read(HITS, partition, first, end), end - first)
            if (record := find_record((one[:4] for one in shown), text)) is not None:
                return self._taken(f"{record[0]}/{record[1]}")
        return None

    def _from(
        self, where: Where, end: int, version: str, again: Again
    ) -> tuple[int, Iterator[Record]]:
        """The records from early enough before `where`, and the offset at which they begin;
        `version`: of the site, in force there.
        """
        partition, offset = where
        asked = next(self._reader.read(HITS, partition, offset, offset + 1), None)
        begin = self._reader.bounds(HITS, partition)[0]
        if asked is not None:
            early = self._reader.offset_at(HITS, partition, asked.at_ms - EARLIER_MS)
            begin = min(max(begin, early), offset)
        if begin > 0:
            again.begin_with((partition, begin), version)
        taken = self._watch(self._reader.read(HITS, partition, begin, end), end - begin)
        return begin, (one[:4] for one in taken)

    def _end_of(self, newest: Taken) -> int:
        """Up to where records may have gone into an alert that was told last by `newest`."""
        partition, last = _record_of(newest, "ga_last_record")
        over = event_of(newest).data.condition == "cleared"
        return last + 1 if over else self._reader.bounds(HITS, partition)[1]

    def _decisions(self, key: bytes, since_ms: int) -> Iterator[Decision]:
        partition = self._reader.partition_of(DECISIONS, key)
        begin = self._reader.offset_at(DECISIONS, partition, since_ms)
        end = self._reader.bounds(DECISIONS, partition)[1]
        for taken in self._watch(self._reader.read(DECISIONS, partition, begin, end), end - begin):
            if taken.key == key:
                yield msgspec.json.decode(taken.value or b"", type=Decision)

    def _decided(self, entry: Entry, taken: Taken) -> list[Both]:
        """Whether the worker decided the same; what it held is not on grid.decisions.v1."""
        where, key = entry.where, (entry.decision.leaf_code or "").encode()
        since = takewhile(
            lambda d: (d.partition, d.offset) <= where, self._decisions(key, taken.at_ms)
        )
        then = next((d for d in since if (d.partition, d.offset) == where), None)
        was = then.reason.value if then else Outcome.HELD.value
        now = entry.decision
        same = now.reason is then.reason if then else now.outcome is Outcome.HELD
        return [] if same else [phrase("otherwise", was=was, now=now.reason.value)]

    def _from_decisions(self, published: dict[int, Taken], first: Where) -> AlertTold:
        """What is left of an alert whose beginning the log has lost."""
        alert = event_of(published[max(published)]).data
        key = alert.grid.leaf_code.encode()
        about = (
            Entry((d.partition, d.offset), None, Step(d), d, self._site.policy)
            for d in self._decisions(key, 0)
            if d.alert_id == alert.alert_id
        )
        note = phrase("gone", topic=HITS, partition=first[0], offset=first[1])
        return AlertTold(tuple(about), _all_messages(Story((), ()), published), (note,))


def _record_of(taken: Taken, header: str) -> Where:
    """TOPIC/PARTITION/OFFSET of an alert's header."""
    _, partition, offset = taken.headers[header].decode().rsplit("/", 2)
    return int(partition), int(offset)


def _verdict(story: Story, published: dict[int, Taken], begin: Where) -> list[Both]:
    """Whether the fold gives what was published."""
    place = {"topic": HITS, "partition": begin[0], "offset": begin[1]}
    values = {n: taken.value or b"" for n, taken in published.items()}
    wrong = compare(story, values)
    if wrong:
        return [phrase("differs", which=", ".join(map(str, wrong)), **place)]
    notes = [phrase("same", n=len(published), **place)]
    if len(story.messages) > len(published):
        more = len(story.messages) - len(published)
        notes.append(phrase("compacted", n=more, topic=ALERTS))
    return notes


def _all_messages(story: Story, published: dict[int, Taken]) -> tuple[CloudEvent, ...]:
    """As published; those that are no longer there as folded again."""
    again = {event.data.sequence: event for event in story.messages}
    there = {n: event_of(taken) for n, taken in published.items()}
    return tuple(event for _, event in sorted({**again, **there}.items()))
