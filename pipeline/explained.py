"""An alert or a record explained from a source: its log folded again, and how far to trust that."""

from dataclasses import replace

from pipeline.explain_sources import KafkaLog, RecordedLog
from pipeline.explaining import (
    Entry,
    Fate,
    Told,
    entries,
    fate_of,
    is_as_decided,
    is_published,
    story_of,
    where_of,
)
from pipeline.incidents.decision import Step
from pipeline.messages import Decision
from pipeline.published import Published
from pipeline.replay import Fold, Record
from pipeline.site.model import Site
from pipeline.site.problems import Both
from pipeline.topics import HITS
from pipeline.why import phrase

Source = RecordedLog | KafkaLog


class Again(Fold):
    """A fold of this site with its earlier versions."""

    def __init__(self, site: Site) -> None:
        super().__init__(site.policy, site.folder / site.settings.worker.versions_folder)
        self._current = site.policy.version

    def notes(self) -> list[Both]:
        """A sentence for each version that others decided by and this fold could not."""
        return [phrase("not_kept", version=one, current=self._current) for one in self.missing]


def explain(source: Source, site: Site, asked: str) -> Told | Both:
    """An alert by its id, its number or a message's id; a record by PARTITION/OFFSET or its id.
    A sentence where nothing is known of it.
    """
    published = [] if where_of(asked) else source.published(asked)
    if published:
        return _no_such_message(published, asked) or _alert(source, site, published)
    record = source.find(asked)
    told = None if record is None else _record(source, site, record)
    unknown = phrase("nobody_knows", text=asked, where=source.name)
    return told or source.refused(asked) or unknown


def _no_such_message(published: list[Published], asked: str) -> Both | None:
    """What to say where the id of a message is none of this alert's."""
    newest = published[-1].event.data
    _, slash, number = asked.partition("/")
    if not slash or number in map(str, range(1, newest.sequence + 1)):
        return None
    return phrase("no_message", text=asked, alert=newest)


def _begun(source: Source, site: Site, partition: int, begin: int, otherwise: str = "") -> Again:
    """A fold that decides from an offset on as was decided then, by the version `otherwise` where
    the log does not say by which.
    """
    again = Again(site)
    again.begin([(partition, source.version_at(partition, begin) or otherwise)])
    return again


def _alert(source: Source, site: Site, published: list[Published]) -> Told:
    """Back from an alert to its records: the fold has to lead to the same messages."""
    alert, first, last = published[-1].event.data, published[0].first, published[-1].last
    begin, records = source.around(first, last if alert.condition == "cleared" else None)
    if begin > first[1]:
        return _what_is_left(source, site, published)
    made_by = published[0].event.data.provenance.policy_version
    again = _begun(source, site, first[0], begin, made_by)
    leaf = entries(records, again, alert.grid.leaf_code.encode())
    story = story_of(leaf, alert.alert_id, first)
    # What compaction took is there as folded again.
    every = [*story.messages, *(one.event for one in published)]
    messages = {event.data.sequence: event for event in every}
    notes = (*source.compared(story, published, begin), *again.notes())
    return replace(story, messages=tuple(messages[n] for n in sorted(messages)), notes=notes)


def _what_is_left(source: Source, site: Site, published: list[Published]) -> Told:
    """An alert whose beginning the log has lost, from what was decided and published."""
    alert, first = published[-1].event.data, published[0].first
    about = tuple(
        Entry(None, Step(decision), decision, site.policy)
        for decision in source.decided(alert.grid.leaf_code)
        if decision.alert_id == alert.alert_id
    )
    note = phrase("gone", topic=HITS, where=f"{first[0]}/{first[1]}")
    return Told(about, tuple(one.event for one in published), (note,))


def _record(source: Source, site: Site, record: Record) -> Told | None:
    """Forward from a record to what came of it; as the worker decided, where that is otherwise."""
    fate, notes = _fate(source, site, record)
    if fate is None:
        return None
    entry, opened = fate.entry, fate.opened
    said: Both | None = None
    known: Fate | None = fate
    was = source.decision_on(entry.decision)
    if not is_as_decided(entry.decision, was):
        said, known = _otherwise(entry, was), None
        if was is not None:
            decided = Entry(entry.record, Step(was), was, entry.policy)
            known = Fate(decided, decided.alert_id)
    elif opened and not is_published(opened.decision, was := source.decision_on(opened.decision)):
        said, known = _otherwise(opened, was), None
    published = source.published(known.alert_id) if known and known.alert_id else []
    shown = (known.entry,) if known else ()
    return Told(shown, tuple(one.event for one in published), notes, known, said)


def _fate(source: Source, site: Site, record: Record) -> tuple[Fate | None, tuple[Both, ...]]:
    """What came of a record by the fold, and how far to trust that."""
    begin, records = source.around(record[:2], None)
    again = _begun(source, site, record[0], begin)
    fate = fate_of(entries(records, again, record[2]), record[:2])
    return fate, (*source.origin, *again.notes())


def _otherwise(entry: Entry, was: Decision | None) -> Both:
    """That the worker decided a record otherwise than the fold does."""
    facts = {"where": f"{entry.where[0]}/{entry.where[1]}", "now": entry.decision}
    if was is None:
        return phrase("otherwise_untold", **facts)
    return phrase("otherwise", was=was, published=", ".join(was.alerts) or "-", **facts)
