"""The same fold once more, over the records of one leaf grid: each record with what it did.

log ──(other grids skipped)──> Fold ──> Entry ──story_of──> an alert and all that went into it
└──fate_of───> a record and what came of it
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from detectors.hits import Hit
from pipeline.alerts import CloudEvent, GridAlert
from pipeline.incidents.decision import Step, Where
from pipeline.incidents.incident import Incident, rule_of, track_key
from pipeline.incidents.looking import name_of
from pipeline.incidents.policy import Policy, Rule
from pipeline.incidents.state import LeafState
from pipeline.messages import (
    NO_JSON,
    Decision,
    Given,
    LogRecord,
    Reason,
    Reported,
    decode_log_record,
)
from pipeline.replay import Fold, Record
from pipeline.site.problems import Both

EVERY_LEAF = frozenset({None, b"tick", b"policy"})  # keys of what concerns a whole partition


@dataclass(frozen=True, slots=True)
class Entry:
    """One record and what it did. `name`: of the incident that it is about, "" for none;
    `incident`: that one after it.
    """

    record: LogRecord | None
    step: Step
    decision: Decision
    policy: Policy
    name: str = ""
    incident: Incident | None = None

    @property
    def where(self) -> Where:
        """Its partition and offset."""
        return self.decision.partition, self.decision.offset

    @property
    def spot(self) -> str:
        """PARTITION/OFFSET."""
        return f"{self.decision.partition}/{self.decision.offset}"

    @property
    def alert_id(self) -> str | None:
        """The alert that it is part of; not one that was over when it saw nothing there."""
        nothing = self.decision.reason is Reason.NOTHING_THERE
        return None if nothing else self.decision.alert_id

    @property
    def waits_since(self) -> Where | None:
        """The first record of what may yet become an alert, with this one in it; None for none."""
        now = self.incident
        waits = now and now.case is None and now.hits and self.step.changed
        return now.first_record if now and waits else None


@dataclass(frozen=True, slots=True)
class Fate:
    """What came of a record: an alert; none; or, of what might have become one, none up to `until`,
    where the log ends or, if `faded`, what it saw was gone. `opened`: what opened its alert later.
    """

    entry: Entry
    alert_id: str | None
    until: datetime | None = None
    faded: bool = False
    opened: Entry | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An alert explained: its records, and its messages as published, where they still are; or a
    record, with the alert that came of it. `notes`: how far to trust it; `otherwise`: what was
    decided then, where the fold comes to something else and is not to be believed.
    """

    entries: tuple[Entry, ...]
    messages: tuple[CloudEvent, ...]
    notes: tuple[Both, ...] = ()
    fate: Fate | None = None  # of the record that was asked about
    otherwise: Both | None = None

    @property
    def alert(self) -> GridAlert | None:
        """The alert as it stands."""
        return self.messages[-1].data if self.messages else None

    def rules(self) -> dict[str, Rule]:
        """The rule of each zone or sensor as it was in force when its first record came."""
        rules: dict[str, Rule] = {}
        for entry in self.entries:
            hit = entry.record
            if isinstance(hit, Hit) and entry.incident is not None:
                key = track_key(hit.source.id, hit.zone_id)
                rules.setdefault(key, rule_of(entry.incident, key, entry.policy, hit.occurred_at))
        return rules


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
        leaves |= {code: s for code, s in done.changed.items() if isinstance(s, LeafState)}
        leaf = leaves.get(done.decision.leaf_code or "", LeafState())
        record, policy = decoded(value), fold.policy(partition)
        name = _name(record, done.decision, leaf, policy)
        yield Entry(record, done, done.decision, policy, name, leaf.incidents.get(name))


def decoded(value: bytes | None) -> LogRecord | None:
    """A record of the log; None for what can't be read."""
    try:
        return decode_log_record(value or b"")
    except NO_JSON:
        return None


def _name(record: LogRecord | None, decision: Decision, leaf: LeafState, policy: Policy) -> str:
    """The incident of its leaf that a record is about; "" where it is about none."""
    if isinstance(record, Hit):
        return name_of(record.event_type, record.place_id, policy)
    for name, incident in leaf.incidents.items():
        if isinstance(record, Reported) and record.report.report_id in incident.reports:
            return name
        case = incident.case
        if isinstance(record, Given) and case and case.alert.alert_id == decision.alert_id:
            return name
    return ""


def story_of(found: Iterable[Entry], alert_id: str, first: Where) -> Told:
    """All that went into the alert whose incident began with the record `first`, those records
    among it that were held before it opened.
    """
    into: list[Entry] = []
    messages: list[CloudEvent] = []
    name = ""
    for entry in found:
        if entry.where == first:
            name = entry.name
        told = [event for event, _ in entry.step.alerts if event.data.alert_id == alert_id]
        held = name and not messages and entry.name == name
        if told or held or entry.alert_id == alert_id:
            into.append(entry)
            messages += told
    return Told(tuple(into), tuple(messages))


def fate_of(found: Iterable[Entry], where: Where) -> Fate | None:
    """What came of the record at `where`; None when it is not among the entries.

    What was held is followed on, until its incident is told or is gone.
    """
    asked: Entry | None = None
    until: datetime | None = None
    for entry in found:
        until = entry.decision.at or until
        if entry.where == where:
            asked = entry
            if entry.alert_id or not entry.waits_since:
                told = (event.data.alert_id for event, _ in entry.step.alerts)
                return Fate(entry, entry.alert_id or next(told, None))
        elif asked is not None:
            for event, first in entry.step.alerts:
                if first == asked.waits_since:
                    return Fate(asked, event.data.alert_id, opened=entry)
            is_about = entry.name == asked.name and entry.step.changed
            if is_about and entry.waits_since != asked.waits_since:
                return Fate(asked, None, until, faded=True)
    return Fate(asked, None, until) if asked else None
