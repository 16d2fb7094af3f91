"""What the fold decides by: rules, places, officers and deadlines of one site version."""

from datetime import date
from enum import StrEnum
from typing import Literal

import msgspec

from pipeline.alerts import Address, Code, Location, Severity

Basis = Literal["same_day", "calendar_days", "working_days", "none"]
LEVELS = ("city", "district", "street", "community", "grid", "micro_grid")


class Over(StrEnum):
    """What a rule lasts over: a number, each standing object by its place, or a probability."""

    COUNT = "count"
    OBJECTS = "objects"
    PROBABILITY = "probability"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a measure lasts: the one persistence rule of every event type.

    Present once the measure (over objects: one object's standing) has been at or above `raise_at`
    for `hold_s` with at least `share` of that time; gaps up to `gap_s` do not restart it. Gone once
    it has been below `clear_below` for `clear_s`. Without a look for `gap_s` it is unknown.
    """

    over: Over
    raise_at: float
    clear_below: float
    hold_s: float
    share: float
    gap_s: float
    clear_s: float


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a raw score becomes a probability (research: detectors.md A.5).

    `prior`: share of true incidents among candidates, before looking. `platt_a`, `platt_b`: g(s) =
    sigmoid(a * logit(s) + b). `positives`: share of positives where g was fitted. `correlation`: of
    consecutive looks, 0..1. `review_at`, `direct_at`: confidence from which an alert goes to the
    duty desk, or straight to the officer.
    """

    prior: float
    platt_a: float
    platt_b: float
    positives: float
    correlation: float
    review_at: float
    direct_at: float


class EventType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the catalogue.

    `params`: what a zone or sensor may set, and the rule field it sets (min_people -> raise_at);
    a name mapped to "detector" is only for the detector. `measure_zh`: the Chinese measure word
    that follows the number (人, 辆, mA).
    """

    type: str
    label_zh: str
    label_en: str
    category: str
    event_level: int
    severity: Severity
    detector: str
    measure: str
    unit: str
    measure_zh: str
    rule: Rule
    calibration: Calibration
    codes: tuple[Code, ...] = ()
    params: dict[str, str] = {}


class Officer(msgspec.Struct, frozen=True):
    """Who handles a grid's alerts. `number` is text: "08" keeps its zero."""

    id: str
    number: str
    role: str
    terminal_id: str
    substitute: str | None = None


class Place(msgspec.Struct, frozen=True):
    """What people call the spot, in one leaf grid, with the officer that the leaf grid has."""

    id: str
    name: str
    address: Address
    officer: Officer
    fallback: tuple[str, ...] = ()
    location: Location | None = None


class DeadlineRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The time one event level has: `amount` in the unit of `basis`."""

    basis: Basis
    amount: int = 0


class DeadlineProfile(msgspec.Struct, frozen=True):
    """A city's deadlines by event level, counted in `timezone` (IANA)."""

    name: str
    timezone: str
    levels: dict[int, DeadlineRule]


class WorkCalendar(msgspec.Struct, frozen=True):
    """Which days are worked. `published`: years with a State Council notice; in others Monday to
    Friday are working days and a deadline is provisional. `exceptions`: day -> is it worked, where
    it differs from Monday to Friday.
    """

    id: str
    published: frozenset[int]
    exceptions: dict[date, bool]


class Watch(msgspec.Struct, frozen=True):
    """What a source may say of a place: the event type and place of one zone or sensor, with the
    rule that holds there.
    """

    event_type: str
    place_id: str
    rule: Rule


class Policy(msgspec.Struct, frozen=True):
    """Everything a decision depends on besides the log; `version` is the hash of its files.

    `watches`: by (source id, zone id). `places`: by place id. `events`: by event type.
    """

    version: str
    tenant: str
    source_uri: str
    map_version: str
    catalogue_version: str
    events: dict[str, EventType]
    places: dict[str, Place]
    watches: dict[tuple[str, str], Watch]
    deadlines: DeadlineProfile
    calendar: WorkCalendar
    retain_days: int = 365
