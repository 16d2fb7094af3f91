"""Why there is an alert, and why not: the same fold once more, over the records of one leaf grid.

log ──(other grids skipped)──> Fold ──> Entry ──story_of──> an alert and all that went into it
└──fate_of───> a record and what came of it
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from detectors.hits import Hit
from pipeline.alerts import CloudEvent, GridAlert
from pipeline.incidents.decision import Step, Where
from pipeline.incidents.incident import Incident
from pipeline.incidents.looking import name_of
from pipeline.incidents.policy import Policy
from pipeline.incidents.state import LeafState
from pipeline.messages import (
    NO_JSON,
    Decision,
    Given,
    LogRecord,
    Outcome,
    PolicyChange,
    Reason,
    Reported,
    decode_log_record,
    encode,
)
from pipeline.replay import Fold

Record = tuple[int, int, bytes | None, bytes | None]  # partition, offset, key, value
EVERY_LEAF = frozenset({None, b"tick", b"policy"})  # keys of what concerns a whole partition
_AT = re.compile(r"(\d{1,9})/(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Entry:
    """One record, what it did, and by what. `before`, `after`: its incident around it, if any."""

    where: Where
    record: LogRecord | None
    step: Step
    decision: Decision
    policy: Policy
    name: str = ""
    before: Incident | None = None
    after: Incident | None = None

    @property
    def told(self) -> tuple[GridAlert, ...]:
        """The alerts that it made be published."""
        return tuple(alert.data for alert, _ in self.step.alerts)


@dataclass(frozen=True, slots=True)
class Story:
    """An alert: all records that went into it, from the first that its incident began with, and
    what was told of it, in order of sequence.
    """

    entries: tuple[Entry, ...]
    messages: tuple[CloudEvent, ...]


@dataclass(frozen=True, slots=True)
class Fate:
    """What came of a record: an alert; none; or, of what might have become one, none up to `until`,
    where the log ends or, if `faded`, what it saw was gone.
    """

    entry: Entry
    alert_id: str | None
    until: datetime | None = None
    faded: bool = False


def where_of(text: str) -> Where | None:
    """PARTITION/OFFSET as a person writes it; None for anything else."""
    found = _AT.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else None


def is_named(alert: GridAlert, text: str) -> bool:
    """Whether a person means this alert: by its id, its number, or the id of a message of it."""
    return text.partition("/")[0] in (alert.alert_id, alert.alert_no)


def entries(records: Iterable[Record], fold: Fold, key: bytes | None) -> Iterator[Entry]:
    """What each record of a leaf grid did; records of other grids are not even decoded.

    `key`: of the leaf's records. None, or another key of EVERY_LEAF, takes the whole partition.
    """
    whole, wanted = key in EVERY_LEAF, EVERY_LEAF | {key}
    leaves: dict[str, LeafState] = {}
    for partition, offset, own_key, value in records:
        if not whole and own_key not in wanted:
            continue
        done = fold.apply(partition, offset, own_key, value)
        if done.decision is None:
            continue
        leaf_code = done.decision.leaf_code or ""
        before = leaves.get(leaf_code, LeafState())
        leaves |= {code: s for code, s in done.changed.items() if isinstance(s, LeafState)}
        after = leaves.get(leaf_code, before)
        policy, record = fold.policy(partition), _decoded(value)
        name = _name(record, after, policy)
        yield Entry(
            (partition, offset),
            record,
            done,
            done.decision,
            policy,
            name,
            before.incidents.get(name),
            after.incidents.get(name),
        )


def _decoded(value: bytes | None) -> LogRecord | None:
    try:
        return decode_log_record(value or b"")
    except NO_JSON:
        return None


def _name(record: LogRecord | None, leaf: LeafState, policy: Policy) -> str:
    """The incident of its leaf that a record is about; "" where it is about none."""
    if isinstance(record, Hit):
        return name_of(record.event_type, record.place_id, policy)
    for name, incident in leaf.incidents.items():
        if isinstance(record, Reported) and record.report.report_id in incident.reports:
            return name
        alert_id = incident.case.alert.alert_id if incident.case else None
        if isinstance(record, Given) and record.feedback.alert_id == alert_id:
            return name
    return ""


def story_of(all_entries: Iterable[Entry], alert_id: str) -> Story:
    """All that went into an alert, those records among it that were held before it opened."""
    waiting: dict[str, list[Entry]] = {}  # by incident: what may yet become the alert
    found: list[Entry] = []
    messages: list[CloudEvent] = []
    for entry in all_entries:
        told = [x for x in entry.step.alerts if x[0].data.alert_id == alert_id]
        if told or _goes_into(entry) == alert_id:
            for event, first in told if not messages else ():
                name = entry.name or _name_told(event.data, entry.policy)
                found += [x for x in waiting.get(name, ()) if x.where >= first]
            found.append(entry)
            messages += [event for event, _ in told]
        elif entry.name and not messages:
            _wait(waiting, entry)
    return Story(tuple(found), tuple(messages))


def _wait(waiting: dict[str, list[Entry]], entry: Entry) -> None:
    held = waiting.setdefault(entry.name, [])
    now = entry.after
    if now is not None and (now.case is not None or now.hits == 0):
        held.clear()  # this belongs to another alert, or to nothing
    else:
        held.append(entry)


def _name_told(alert: GridAlert, policy: Policy) -> str:
    return name_of(alert.event.type, alert.place.id, policy)


def fate_of(all_entries: Iterable[Entry], where: Where) -> Fate | None:
    """What came of the record at `where`; None when it is not among the entries.

    What was held is followed on, until its incident is told or is gone.
    """
    asked: Entry | None = None
    until: datetime | None = None
    for entry in all_entries:
        if entry.where == where:
            asked = entry
            if not _may_become(entry):
                told = entry.told[0].alert_id if entry.told else None
                return Fate(entry, told or _goes_into(entry))
        elif asked is not None:
            until = entry.decision.at or until
            for event, first in entry.step.alerts:
                name = entry.name or _name_told(event.data, entry.policy)
                if name == asked.name and first <= where:
                    return Fate(asked, event.data.alert_id)
            if entry.name == asked.name and entry.after and not _goes_on(entry.after, where):
                return Fate(asked, None, until, faded=True)
    return Fate(asked, None, until or asked.decision.at) if asked else None


def _goes_into(entry: Entry) -> str | None:
    """The alert that a record is part of; not one that was over when it saw nothing there."""
    nothing = entry.decision.reason is Reason.NOTHING_THERE
    return None if nothing else entry.decision.alert_id


def _may_become(entry: Entry) -> bool:
    waits = entry.decision.outcome in (Outcome.HELD, Outcome.SUPPRESSED) and entry.step.changed
    return bool(waits and entry.after and _goes_on(entry.after, entry.where))


def _goes_on(incident: Incident, where: Where) -> bool:
    return incident.case is None and incident.hits > 0 and incident.first_record <= where


def find_alert(records: Iterable[Record], fold: Fold, text: str) -> tuple[GridAlert, Where] | None:
    """The alert that a person means, as the fold first tells it, and the record it began with."""
    for record in records:
        for event, first in fold.apply(*record).alerts:
            if is_named(event.data, text):
                return event.data, first
    return None


def find_record(records: Iterable[Record], text: str) -> Record | None:
    """The record at PARTITION/OFFSET, or with this hit, report or feedback id."""
    where, id_ = where_of(text), text.encode()
    for record in records:
        if where is not None:
            if record[:2] == where:
                return record
        elif id_ in (record[3] or b"") and _id_of(_decoded(record[3])) == text:
            return record
    return None


def _id_of(record: LogRecord | None) -> str | None:
    if isinstance(record, Hit):
        return record.hit_id
    if isinstance(record, Reported):
        return record.report.report_id
    return record.feedback.feedback_id if isinstance(record, Given) else None


def compare(story: Story, published: dict[int, bytes]) -> list[int]:
    """The sequence numbers that were published otherwise than the fold has them, or not by it."""
    again = {event.data.sequence: encode(event) for event in story.messages}
    return sorted(n for n, value in published.items() if again.get(n) != value)


def begin_with(fold: Fold, where: Where, version: str) -> bool:
    """Have the policy of `version` in force from just before `where`; whether it is at hand."""
    change = encode(PolicyChange(version))
    done = fold.apply(where[0], where[1] - 1, b"policy", change)
    return done.decision is not None and done.decision.reason is Reason.POLICY_CHANGED
