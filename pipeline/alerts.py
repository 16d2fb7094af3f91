"""Grid alerts: what is published of an incident, whole each time, and how it is written."""

from typing import Annotated, ClassVar, Literal

import msgspec

from detectors.hits import Evidence, Instant, Share, Source

ALERT_SCHEMA = "https://schemas.gridalert.example/v1/grid-alert.schema.json"
Text = Annotated[str, msgspec.Meta(min_length=1)]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Condition = Literal["present", "cleared", "unknown"]
Handling = Literal[
    "open", "accepted", "in_progress", "verified_true", "verified_false", "closed", "expired"
]
Result = Literal["true", "false", "cannot_tell"]
UpdateReason = Literal[
    "measure_grew",
    "severity_changed",
    "confidence_rose",
    "evidence_added",
    "reopened",
    "handling_changed",
    "officer_changed",
    "level_changed",
    "deadline_recomputed",
    "reminder",
    "deadline_breached",
]
Resolution = Literal[
    "condition_cleared", "closed_by_dispatch", "false_alarm", "expired", "superseded", "max_length"
]


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The event type in another scheme, e.g. GB/T 28181 AlarmMethod/AlarmType 5/10."""

    scheme: str
    code: str


class AdminUnit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the administrative levels: its code and its Chinese name. `label`: what this city
    calls the level (一级网格), where it has a name of its own.
    """

    code: Text
    name: Text
    label: str = ""


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """The levels from city down to the leaf grid; each code begins with its parent's.

    `resolved_by`: the zone's own configuration, the grid that a reported point lies in, or the
    nearest one to it.
    """

    city: AdminUnit
    district: AdminUnit
    street: AdminUnit
    community: AdminUnit
    grid: AdminUnit
    leaf_code: Text
    map_version: str
    resolved_by: Literal["zone_config", "map", "nearest"]
    micro_grid: AdminUnit | None = None


class Location(msgspec.Struct, frozen=True):
    """A point in degrees; the map is WGS84 (CGCS2000 is taken as equal, < 1 m)."""

    lon: float
    lat: float
    crs: Literal["WGS84"] = "WGS84"


class Event(msgspec.Struct, frozen=True):
    """What happened, in the catalogue's words; `situation` as a sentence has it (车辆违规停放)."""

    type: str
    label: str
    label_en: str
    category: str
    situation: str
    codes: tuple[Code, ...]
    catalogue_version: str


class _Due(msgspec.Struct, frozen=True, tag_field="basis"):
    """`due_at` is exclusive: 24:00 of a day is the next day's 00:00. `status` is provisional until
    a person accepts the alert: from then on the time counts.
    """

    due_at: Instant
    rule: str
    amount: int
    counted_from: Instant
    status: Literal["provisional", "final"]
    calendar: str
    calendar_status: Literal["published", "provisional", "not_needed"]
    timezone: str


class SameDay(_Due, frozen=True, tag="same_day"):
    """当天办结."""


class CalendarDays(_Due, frozen=True, tag="calendar_days"):
    """自然日: the first day is not counted, the last one ends at 24:00."""


class WorkingDays(_Due, frozen=True, tag="working_days"):
    """工作日, with statutory holidays and make-up working days."""


class WorkingHours(_Due, frozen=True, tag="working_hours"):
    """工作时: only the profile's hours of working days count (GB/T 30428 cities)."""


class ClockHours(_Due, frozen=True, tag="clock_hours"):
    """紧急工作时: every hour counts."""


class NoDeadline(msgspec.Struct, frozen=True, tag_field="basis", tag="none"):
    """The city's profile gives this level no time."""

    rule: str
    due_at: None = None


Deadline = SameDay | CalendarDays | WorkingDays | WorkingHours | ClockHours | NoDeadline


class Assignee(msgspec.Struct, frozen=True):
    """The officer an alert goes to, or is proposed to. `number` is text: "08" keeps its zero."""

    officer_id: str
    number: str
    role: str
    terminal_id: str


class Direct(msgspec.Struct, frozen=True, tag_field="mode", tag="direct"):
    """Straight to the officer's terminal, or the desk's; `reason`: why to this one."""

    assignee: Assignee
    fallback: tuple[str, ...]
    reason: Literal["leaf_grid", "substitute", "parent_grid", "duty_desk", "assigned"]


class Queue(msgspec.Struct, frozen=True, tag_field="mode", tag="queue"):
    """To the duty desk, which decides; the officer is proposed."""

    proposed: Assignee
    fallback: tuple[str, ...]
    reason: Literal["low_confidence", "nobody_on_duty", "rejected"]


Routing = Direct | Queue


class AlertPlace(msgspec.Struct, frozen=True):
    """What people call the spot."""

    id: str
    name: str


class Measure(msgspec.Struct, frozen=True):
    """What was measured; `unit` is a UCUM code, "1" for a count; `unit_zh` the Chinese measure word
    that follows the number (人).
    """

    name: str
    value: float
    unit: str
    unit_zh: str


class Observation(msgspec.Struct, frozen=True):
    """What the alert rests on. `duration_s`: first to last seen. `places`: all that saw it, the
    alert's own among them.
    """

    hit_count: int
    source_count: int
    duration_s: float
    sources: tuple[Source, ...]
    places: tuple[AlertPlace, ...]


class AlertText(msgspec.Struct, frozen=True):
    """What an officer reads first; `notice`: as one says it over the radio."""

    headline: str
    description: str
    notice: str
    lang: Literal["zh-CN"] = "zh-CN"


class Privacy(msgspec.Struct, frozen=True):
    """What was made unreadable in the pictures, and when the alert is to be forgotten."""

    classification: Literal["internal"]
    redaction: tuple[str, ...]
    retain_until: Instant


class Provenance(msgspec.Struct, frozen=True, omit_defaults=True):
    """What decided: software, models (name@sha256), rule, policy, and the hits it began and ended
    with. Offsets are delivery order and stand in the record's headers instead. `caution`: what
    nobody knows of how well such an event is found.
    """

    pipeline: str
    score_model: str
    models: tuple[str, ...]
    rule: str
    policy_version: str
    profile: str
    first_hit_id: str
    last_hit_id: str
    caution: str = ""
    caution_zh: str = ""


class Contribution(msgspec.Struct, frozen=True, omit_defaults=True):
    """What makes an alert surer, or less sure, by `log_odds`; they add up to its confidence.

    `name`: prior (of the event type, as reviews of the camera `source` moved it), looks (of the
    camera), limit (what looking alone may not add), report, or the event type of a sensor that
    says so (`log_odds` > 0) or has seen nothing of it (< 0); `label`: that event type in Chinese.
    `since`: since when the sensor says it. `reviewed`: alerts of the camera that a person called
    real (`confirmed`) or not.
    """

    name: Text
    log_odds: float
    source: str = ""
    label: str = ""
    since: Instant | None = None
    confirmed: int = 0
    reviewed: int = 0


class Handled(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that people did about it, in order of `at`, with the handling it led to."""

    action: str
    at: Instant
    role: str
    feedback_id: str
    handling: Handling
    result: Result | None = None
    satisfied: bool | None = None


class Recheck(msgspec.Struct, frozen=True):
    """What was there when the place was looked at again after a person had closed the alert."""

    found: Literal["gone", "still_there"]
    at: Instant
    hit_id: str


class _Alert(msgspec.Struct, frozen=True, tag_field="action", omit_defaults=True):
    """An incident as published: the whole current state each time.

    `handled`: what people did, oldest first, at most 64. `verdict`: whether it was real, by the
    last who said so. `reopened`: how often it was, by looking or by people. `contributions`: what
    its confidence is made of, where more than looks and reports count.
    """

    alert_id: Text
    alert_no: Text
    sequence: Annotated[int, msgspec.Meta(ge=1)]
    condition: Condition
    handling: Handling
    event: Event
    event_level: Annotated[int, msgspec.Meta(ge=1, le=4)]
    severity: Severity
    alarm_priority: int
    confidence: Share
    grid: Address
    place: AlertPlace
    location: Location | None
    first_seen_at: Instant
    last_seen_at: Instant
    opened_at: Instant
    updated_at: Instant
    deadline: Deadline
    routing: Routing
    measures: tuple[Measure, ...]
    observation: Observation
    evidence: tuple[Evidence, ...]
    text: AlertText
    privacy: Privacy
    provenance: Provenance
    exercise: bool
    handled: tuple[Handled, ...]
    verdict: Result | None
    reopened: int
    recheck: Recheck | None
    contributions: tuple[Contribution, ...] = ()


class Opened(_Alert, frozen=True, tag="opened"):
    """A new incident."""


class Updated(_Alert, frozen=True, tag="updated", kw_only=True):
    """Something a person should know has changed."""

    update_reason: UpdateReason


class Resolved(_Alert, frozen=True, tag="resolved", kw_only=True):
    """Its condition or its handling has ended; the other may go on."""

    resolution: Resolution


GridAlert = Opened | Updated | Resolved


class CloudEvent(msgspec.Struct, frozen=True):
    """The structured-mode envelope of a grid alert: the value on grid.alerts.v1."""

    id: Text
    source: Text
    type: str
    subject: Text
    time: Instant
    partitionkey: str
    correlationid: str
    causationid: str
    data: GridAlert
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = ALERT_SCHEMA

    content_type: ClassVar[bytes] = b"application/cloudevents+json; charset=UTF-8"


_decoder = msgspec.json.Decoder(CloudEvent)


def decode_alert(value: bytes) -> CloudEvent:
    """A value of grid.alerts.v1. Raises msgspec.DecodeError when it is none."""
    return _decoder.decode(value)
