"""An alert or a record explained from a source: its log folded again, and how far to trust that."""

from dataclasses import replace

from pipeline.explain_sources import KafkaLog, RecordedLog
from pipeline.explaining import Entry, Record, Told, entries, fate_of, story_of, where_of
from pipeline.incidents.decision import Step
from pipeline.messages import PolicyChange, Reason, decode_log_record, encode
from pipeline.published import Published
from pipeline.replay import Fold
from pipeline.site.model import Site
from pipeline.site.problems import Both
from pipeline.topics import HITS
from pipeline.why import phrase

Source = RecordedLog | KafkaLog


class Again(Fold):
    """A fold of this site with its earlier versions; notes those that are not at hand."""

    def __init__(self, site: Site) -> None:
        super().__init__(site.policy, site.folder / site.settings.worker.versions_folder)
        self.current, self.missing = site.policy.version, list[str]()

    def apply(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> Step:
        """As `Fold.apply`."""
        done = super().apply(partition, offset, key, value)
        if done.decision and done.decision.reason is Reason.UNKNOWN_POLICY:
            change = decode_log_record(value or b"")
            self.missing += [change.version] if isinstance(change, PolicyChange) else []
        return done

    def notes(self) -> list[Both]:
        """A sentence for each version that others decided by and this fold could not."""
        return [phrase("not_kept", version=one, current=self.current) for one in self.missing]


def explain(source: Source, site: Site, asked: str) -> Told | None:
    """An alert by its id, its number or a message's id; a record by PARTITION/OFFSET or its id.
    None where nothing is known of it.
    """
    published = [] if where_of(asked) else source.published(asked)
    if published:
        return _alert(source, site, published)
    record = source.find(asked)
    return None if record is None else _record(source, site, record)


def _alert(source: Source, site: Site, published: list[Published]) -> Told:
    """Back from an alert to its records: the fold has to lead to the same messages."""
    alert, first, last = published[-1].event.data, published[0].first, published[-1].last
    begin, records = source.around(first, last if alert.condition == "cleared" else None)
    if begin > first[1]:
        return _what_is_left(source, site, published)
    again = Again(site)
    if begin > 0:
        change = encode(PolicyChange(published[0].event.data.provenance.policy_version))
        again.apply(first[0], begin - 1, b"policy", change)
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
    """Forward from a record to what came of it."""
    where, again = record[:2], Again(site)
    _, records = source.around(where, None)
    fate = fate_of(entries(records, again, record[2]), where)
    if fate is None:
        return None
    published = source.published(fate.alert_id) if fate.alert_id else []
    notes = (*source.compared_decision(fate.entry), *again.notes())
    return Told((fate.entry,), tuple(one.event for one in published), notes, fate)
