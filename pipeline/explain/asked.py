"""An alert or a record explained from a log: folded again, and how far to trust that."""

from collections.abc import Iterator
from dataclasses import replace

from pipeline.explain.log import Log, Published, published_of, where_of
from pipeline.explain.story import Entry, Fate, Told, entries, fate_of, story_of
from pipeline.explain.words import phrase
from pipeline.incidents.decision import Step, Where
from pipeline.messages import Decision, Outcome, encode
from pipeline.replay import Fold, Record
from pipeline.site.model import Site
from pipeline.site.problems import Both
from pipeline.topics import ALERTS, HITS


def explain(log: Log, site: Site, asked: str) -> Told | Both:
    """An alert by its id, its number or a message's id; a record by PARTITION/OFFSET or its id.
    A sentence where nothing is known of it.
    """
    published = [] if where_of(asked) else published_of(log.reader, asked)
    if published:
        return _no_such_message(published, asked) or _alert(log, site, published)
    record = log.find(asked)
    told = None if record is None else _record(log, site, record)
    unknown = phrase("nobody_knows", text=asked, where=log.name)
    return told or log.refused(asked) or unknown


def fold_of(site: Site) -> Fold:
    """A fold of this site with its earlier versions."""
    return Fold(site.policy, site.folder / site.settings.worker.versions_folder)


def is_as_decided(now: Decision, was: Decision | None) -> bool:
    """Whether the fold comes to what the worker decided; None where it told nothing of it, as of
    what it holds.
    """
    if was is None:
        return now.outcome is Outcome.HELD and not now.alerts
    names = ("outcome", "reason", "alert_id", "alerts")
    return all(getattr(now, name) == getattr(was, name) for name in names)


def differing(story: Told, published: dict[int, bytes]) -> list[int]:
    """The sequence numbers that were published otherwise than the fold has them, or not by it."""
    again = {event.data.sequence: encode(event) for event in story.messages}
    return sorted(n for n, value in published.items() if again.get(n) != value)


def _no_such_message(published: list[Published], asked: str) -> Both | None:
    """What to say where the id of a message is none of this alert's."""
    newest = published[-1].event.data
    _, slash, number = asked.partition("/")
    if not slash or number in map(str, range(1, newest.sequence + 1)):
        return None
    return phrase("no_message", text=asked, alert=newest)


def _alert(log: Log, site: Site, published: list[Published]) -> Told:
    """Back from an alert to its records: the fold has to lead to the same messages."""
    alert, first, last = published[-1].event.data, published[0].first, published[-1].last
    begin, records = log.around(first, last if alert.condition == "cleared" else None)
    if begin > first[1]:
        return _what_is_left(log, site, published)
    fold = fold_of(site)
    made_by = published[0].event.data.provenance.policy_version
    fold.begin([(first[0], log.version_at(first[0], begin) or made_by)])
    story = story_of(entries(records, fold, alert.grid.leaf_code.encode()), alert.alert_id, first)
    # What compaction took is there as folded again.
    every = [*story.messages, *(one.event for one in published)]
    messages = {event.data.sequence: event for event in every}
    notes = (*_compared(log, story, published, (first[0], begin)), *_missing(fold, site))
    return replace(story, messages=tuple(messages[n] for n in sorted(messages)), notes=notes)


def _compared(log: Log, story: Told, published: list[Published], begin: Where) -> Iterator[Both]:
    """Whether the story, folded from `begin` on, is byte for byte as published."""
    if log.origin:  # nothing was published before that could be compared
        yield from log.origin
        return
    values = {one.event.data.sequence: one.value for one in published}
    place = {"topic": HITS, "where": f"{begin[0]}/{begin[1]}"}
    if wrong := differing(story, values):
        yield phrase("differs", which=", ".join(map(str, wrong)), **place)
        return
    yield phrase("same", n=len(values), **place)
    if gone := len(story.messages) - len(values):
        yield phrase("compacted", n=gone, topic=ALERTS)


def _what_is_left(log: Log, site: Site, published: list[Published]) -> Told:
    """An alert whose beginning the log has lost, from what was decided and published."""
    alert, first = published[-1].event.data, published[0].first
    about = tuple(
        Entry(None, Step(decision), decision, site.policy)
        for decision in log.decided(alert.grid.leaf_code)
        if decision.alert_id == alert.alert_id
    )
    note = phrase("gone", topic=HITS, where=f"{first[0]}/{first[1]}")
    return Told(about, tuple(one.event for one in published), (note,))


def _record(log: Log, site: Site, record: Record) -> Told | None:
    """Forward from a record to what came of it; as the worker decided, where that is otherwise."""
    begin, records = log.around(record[:2], None)
    fold = fold_of(site)
    fold.begin([(record[0], log.version_at(record[0], begin))])
    fate = fate_of(entries(records, fold, record[2]), record[:2])
    if fate is None:
        return None
    said: Both | None = None
    known: Fate | None = fate
    entry, opened, was = fate.entry, fate.opened, log.decision_on(fate.entry.decision)
    if not is_as_decided(entry.decision, was):
        said, known = _otherwise(entry, was), None
        if was is not None:
            known = Fate(Entry(entry.record, Step(was), was, entry.policy), was.alert_id)
    elif opened:  # of the clock's record, which concerns every leaf grid, the worker told also more
        was = log.decision_on(opened.decision)
        if was is None or not {*opened.decision.alerts} <= {*was.alerts}:
            said, known = _otherwise(opened, was), None
    published = published_of(log.reader, known.alert_id) if known and known.alert_id else []
    notes = (*log.origin, *_missing(fold, site))
    shown = (known.entry,) if known else ()
    return Told(shown, tuple(one.event for one in published), notes, known, said)


def _otherwise(entry: Entry, was: Decision | None) -> Both:
    """That the worker decided a record otherwise than the fold does."""
    published = ", ".join(was.alerts if was else ()) or "-"
    name = "otherwise" if was else "otherwise_untold"
    return phrase(name, where=entry.spot, now=entry.decision, was=was, published=published)


def _missing(fold: Fold, site: Site) -> list[Both]:
    """A sentence for each version that others decided by and this fold could not."""
    now = site.policy.version
    return [phrase("not_kept", version=one, current=now) for one in fold.missing]
