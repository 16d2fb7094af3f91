"""What the fold decides by: rules, places, officers and deadlines of one site version."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipeline.alerts import Address, Code, Location, Severity
from pipeline.incidents.calibration import Calibration

Basis = Literal["same_day", "calendar_days", "working_days", "working_hours", "clock_hours", "none"]
NORMAL = "normal"  # 平时: the profile in force when no other is
LEVELS = ("city", "district", "street", "community", "grid", "micro_grid")
# Limits hold where a site is read; their titles are what pipeline/site/words.toml calls them.
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Addressee = Literal["officer", "duty_desk"]
EventLevel = Annotated[int, Meta(ge=1, le=4, title="event_level")]


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

    An alert opens `group_wait_s` after that, once `min_hits` looks said yes; again within
    `cooldown_s` of its end it is the same one, reopened; after `max_open_s` (0: never) it ends and
    a new one may begin. `mute_s`: how long the place is quiet after a person said there was
    nothing. `recheck_s`: how long after a person closed it the place must be seen empty.
    `second_picture_s`: so long after it was told, it is told once more with a picture of then, as
    enforcement asks for; 0: never.
    """

    over: Over
    raise_at: Positive
    clear_below: NotNegative
    hold_s: NotNegative
    share: Annotated[float, Meta(gt=0, le=1)]
    gap_s: NotNegative
    clear_s: NotNegative
    group_wait_s: NotNegative = 0.0
    min_hits: Annotated[int, Meta(ge=1)] = 1
    cooldown_s: NotNegative = 120.0
    max_open_s: NotNegative = 86_400.0
    mute_s: NotNegative = 3600.0
    recheck_s: NotNegative = 60.0
    second_picture_s: NotNegative = 0.0


class Grade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From this measure on an event is graver, and may need another tier to handle it."""

    measure_at: float
    severity: Severity
    event_level: EventLevel


class Window(msgspec.Struct, frozen=True):
    """Hours of some days, in minutes since local midnight; `to_min` below `from_min` goes on into
    the next day. `days`: of the working calendar, so that a make-up Saturday is a workday.
    """

    days: Literal["all", "workday", "holiday"]
    from_min: int
    to_min: int


Schedule = tuple[Window, ...]  # none: always


# Nothing looks for it: only people report it. Confidence is then that of the report.
REPORTS_ONLY = Rule(Over.COUNT, 1, 1, hold_s=0, share=1, gap_s=0, clear_s=0)
BY_REPORT = Calibration(0.5, 1.0, 0.0, 0.5, 0.8, review_at=0.45, direct_at=0.80)


class EventType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row of the catalogue.

    `params`: what a zone or sensor may set, and the rule field it sets (min_people -> raise_at);
    a name mapped to "detector" is only for the detector. `kinds`: values of several params under
    one name (fire_lane), which a zone's param "kind" takes. `to`: who is asked; the duty desk where
    it is the desk's own business. `measure_zh`: the Chinese measure word that follows the number
    (人, 辆, mA). `situation_zh`: the event as a sentence to an officer has it (车辆违规停放); the
    label where it is empty. `detector`: None where only people report it.
    `merge_m`: places of one leaf grid so near to each other are one. `schedule`: when it counts.
    `caution_zh`, `caution_en`: what its alerts say that nobody knows of how well it is found.
    """

    type: str
    label_zh: str
    label_en: str
    category: str
    event_level: EventLevel
    severity: Severity
    detector: str | None = None
    situation_zh: str = ""
    measure: str = "reports"
    unit: str = "1"
    measure_zh: str = "起"
    rule: Rule = REPORTS_ONLY
    calibration: Calibration = BY_REPORT
    codes: tuple[Code, ...] = ()
    params: dict[str, str] = {}
    kinds: dict[str, dict[str, float | str | bool]] = {}
    to: Addressee = "officer"
    grades: tuple[Grade, ...] = ()
    merge_m: NotNegative = 0.0
    schedule: Schedule = ()
    caution_zh: str = ""
    caution_en: str = ""


class Officer(msgspec.Struct, frozen=True):
    """Who handles a grid's alerts. `number` is text: "08" keeps its zero. `duty`: the local
    minutes of the day from and to which they work, None = always.
    """

    id: str
    number: str
    role: str
    terminal_id: str
    substitute: str | None = None
    duty: tuple[int, int] | None = None


class OnCall(msgspec.Struct, frozen=True):
    """An officer, and why they are asked."""

    officer: Officer
    by: Literal["leaf_grid", "substitute", "parent_grid", "duty_desk"]


class Leaf(msgspec.Struct, frozen=True):
    """A leaf grid: its address, and who handles its alerts in the order in which they are asked:
    its full-time officer, the substitutes, the parent grid's officer, the duty desk. Never empty.
    """

    address: Address
    chain: tuple[OnCall, ...]


class Place(msgspec.Struct, frozen=True):
    """What people call the spot, in one leaf grid. `merged_into`: by event type, the place that
    stands for it and its neighbours; itself where the type is not there.
    """

    id: str
    name: str
    leaf_code: str
    location: Location | None = None
    merged_into: dict[str, str] = {}


class DeadlineRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The time one event level has: `amount` in the unit of `basis`."""

    basis: Basis
    amount: int = 0


class DeadlineProfile(msgspec.Struct, frozen=True):
    """A city's deadlines by event level, counted in `timezone` (IANA). `working_hours`: minutes
    since local midnight, of working days. `remind_at`: shares of the time after which an alert that
    is not done is told again.
    """

    name: str
    timezone: str
    levels: dict[int, DeadlineRule]
    working_hours: tuple[tuple[int, int], ...] = ()
    remind_at: tuple[float, ...] = (0.5, 0.8)


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
    rule that holds there. `schedule`: when it counts; that of the event type where it has none.
    """

    event_type: str
    place_id: str
    rule: Rule
    schedule: Schedule = ()


class Matcher(msgspec.Struct, frozen=True):
    """A label, an operator of Alertmanager's, and a value; a pattern matches the whole label."""

    label: Literal["event_type", "place", "grid"]
    op: Literal["=", "!=", "=~", "!~"]
    value: str


class Silence(msgspec.Struct, frozen=True):
    """Nothing that all `matchers` match is opened or updated from `starts_at` until `ends_at`."""

    id: str
    matchers: tuple[Matcher, ...]
    author: str
    comment: str
    starts_at: datetime
    ends_at: datetime


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a profile changes of one event type; what is not given stays."""

    rule: dict[str, float] = {}
    review_at: float | None = None
    direct_at: float | None = None
    schedule: Schedule | None = None


class Profile(msgspec.Struct, frozen=True):
    """An operating profile (平时/战时) that is in force from `starts_at` until `ends_at`, by order
    of `author`; `events`: what it changes, by event type.
    """

    name: str
    author: str
    comment: str
    starts_at: datetime
    ends_at: datetime
    events: dict[str, Override]


class Policy(msgspec.Struct, frozen=True):
    """Everything a decision depends on besides the log; `version` is the hash of its files.

    `watches`: by (source id, zone id). `places`: by place id. `events`: by event type. `leaves`:
    by leaf grid code. `officers`: by id.
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
    leaves: Mapping[str, Leaf]
    officers: Mapping[str, Officer]
    silences: tuple[Silence, ...] = ()
    profile: Profile | None = None
    retain_days: int = 365
