"""What the fold reads and says of it: the log's records, decisions, dead letters."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

import msgspec

from detectors.hits import Hit, Instant
from pipeline.alerts import Location
from pipeline.feedback import Feedback
from pipeline.reports import Report

# The log ------------------------------------------------------------------------------------


class Tick(msgspec.Struct, frozen=True, tag="tick", tag_field="kind"):
    """The clock, as a record: it is `at` in this partition. Only the worker's timer writes it."""

    at: Instant


class PolicyChange(msgspec.Struct, frozen=True, tag="policy", tag_field="kind", omit_defaults=True):
    """From here on this partition is decided by the policy of this version. `was`: the version that
    decided it before; "" where nothing had been announced, and it decided by this one already.
    """

    version: str
    was: str = ""


class Reported(msgspec.Struct, frozen=True, tag="report", tag_field="kind", omit_defaults=True):
    """A report with the leaf grid that its point lies in, or is nearest to; the point in WGS84.
    `place_id`: the nearest place there that is near enough.
    """

    report: Report
    leaf_code: str
    resolved_by: Literal["map", "nearest"]
    location: Location
    place_id: str | None = None


class Given(msgspec.Struct, frozen=True, tag="feedback", tag_field="kind"):
    """Feedback, in the partition of its alert's leaf grid."""

    feedback: Feedback


LogRecord = Hit | Reported | Given | Tick | PolicyChange


# Decisions ----------------------------------------------------------------------------------


class Outcome(StrEnum):
    """What became of a record of the log."""

    OPENED = "opened"
    UPDATED = "updated"
    RESOLVED = "resolved"
    HELD = "held"
    MERGED = "merged"
    SUPPRESSED = "suppressed"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why. The same word is metric label, log field and test expectation."""

    LASTED = "lasted"
    REPORTED = "reported"
    MEASURE_GREW = "measure_grew"
    SEVERITY_CHANGED = "severity_changed"
    CONFIDENCE_ROSE = "confidence_rose"
    EVIDENCE_ADDED = "evidence_added"
    REOPENED = "reopened"
    HANDLING_CHANGED = "handling_changed"
    OFFICER_CHANGED = "officer_changed"
    LEVEL_CHANGED = "level_changed"
    DEADLINE_RECOMPUTED = "deadline_recomputed"
    REMINDER = "reminder"
    DEADLINE_BREACHED = "deadline_breached"
    CONDITION_CLEARED = "condition_cleared"
    CLOSED_BY_DISPATCH = "closed_by_dispatch"
    FALSE_ALARM = "false_alarm"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    MAX_LENGTH = "max_length"
    NOTHING_THERE = "nothing_there"
    NOT_YET = "not_yet"
    GROUP_WAIT = "group_wait"
    SEEN_GONE = "seen_gone"
    CANNOT_SEE = "cannot_see"
    TICKED = "ticked"
    POLICY_CHANGED = "policy_changed"
    SAME_INCIDENT = "same_incident"
    REPEATED = "repeated"
    LOW_CONFIDENCE = "low_confidence"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    OFF_SCHEDULE = "off_schedule"
    FALSE_BEFORE = "false_before"
    MASKED = "masked"
    UNDECODABLE = "undecodable"
    SCHEMA_INVALID = "schema_invalid"
    UNKNOWN_CAMERA = "unknown_camera"
    UNKNOWN_SENSOR = "unknown_sensor"
    UNKNOWN_ZONE = "unknown_zone"
    UNKNOWN_POLICY = "unknown_policy"
    UNKNOWN_EVENT = "unknown_event"
    UNKNOWN_ALERT = "unknown_alert"
    UNKNOWN_OFFICER = "unknown_officer"
    ILLEGAL_TRANSITION = "illegal_transition"
    TOO_MANY = "too_many"
    OUTSIDE_MAP = "outside_map"
    WRONG_GRID = "wrong_grid"
    WRONG_UNIT = "wrong_unit"
    CLOCK_SKEW = "clock_skew"
    TOO_OLD = "too_old"
    TOO_LARGE = "too_large"
    UNREADABLE_PICTURE = "unreadable_picture"
    UNREADABLE_SOURCE = "unreadable_source"
    LATE = "late"
    SHED = "shed"
    CANNOT_CONNECT = "cannot_connect"
    WRONG_CREDENTIALS = "wrong_credentials"
    NO_VIDEO = "no_video"
    STREAM_ENDED = "stream_ended"
    STALLED = "stalled"
    GARBAGE = "garbage"
    FROZEN = "frozen"
    RESOLUTION_CHANGED = "resolution_changed"
    CLOCK_JUMP = "clock_jump"


_BY_OUTCOME = {
    Outcome.OPENED: (Reason.LASTED, Reason.REPORTED),
    Outcome.UPDATED: (
        Reason.MEASURE_GREW,
        Reason.SEVERITY_CHANGED,
        Reason.CONFIDENCE_ROSE,
        Reason.EVIDENCE_ADDED,
        Reason.REOPENED,
        Reason.HANDLING_CHANGED,
        Reason.OFFICER_CHANGED,
        Reason.LEVEL_CHANGED,
        Reason.DEADLINE_RECOMPUTED,
        Reason.REMINDER,
        Reason.DEADLINE_BREACHED,
    ),
    Outcome.RESOLVED: (
        Reason.CONDITION_CLEARED,
        Reason.CLOSED_BY_DISPATCH,
        Reason.FALSE_ALARM,
        Reason.EXPIRED,
        Reason.SUPERSEDED,
        Reason.MAX_LENGTH,
    ),
    Outcome.HELD: (
        Reason.NOTHING_THERE,
        Reason.NOT_YET,
        Reason.GROUP_WAIT,
        Reason.CANNOT_SEE,
        Reason.TICKED,
        Reason.POLICY_CHANGED,
    ),
    Outcome.MERGED: (Reason.SAME_INCIDENT, Reason.SEEN_GONE),
    Outcome.SUPPRESSED: (
        Reason.REPEATED,
        Reason.LOW_CONFIDENCE,
        Reason.SILENCED,
        Reason.INHIBITED,
        Reason.OFF_SCHEDULE,
        Reason.FALSE_BEFORE,
        Reason.MASKED,
    ),
}
TOLD = {Outcome.OPENED, Outcome.UPDATED, Outcome.RESOLVED}
_OUTCOMES = {reason: outcome for outcome, reasons in _BY_OUTCOME.items() for reason in reasons}


def outcome_of(reason: Reason) -> Outcome:
    """What becomes of a record for this reason; every other reason refuses it."""
    return _OUTCOMES.get(reason, Outcome.REFUSED)


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one record, and why; `at`: the record's event time, none if unreadable.

    `hit_id`: of the hit, report or feedback. `alert_id`: the alert that it went into. `alerts`: the
    ids (alert_id/sequence) of everything that it made be published.
    """

    outcome: Outcome
    reason: Reason
    partition: int
    offset: int
    at: Instant | None = None
    leaf_code: str | None = None
    event_type: str | None = None
    place_id: str | None = None
    hit_id: str | None = None
    alert_id: str | None = None
    alerts: tuple[str, ...] = ()
    silence_id: str | None = None


class DeadLetter(msgspec.Struct, frozen=True):
    """Why an input was refused and how to mend it; the `dlq_*` headers beside the original bytes.

    `message` says what and where, `mend` what to do; neither holds any of the payload.
    """

    reason: Reason
    stage: Literal["ingest", "relay", "fold"]
    message: str
    mend: str


# No hit or reading comes near; what is quoted of a larger one would not fit on a topic.
MAX_RECORD_BYTES = 64 * 1024
# RecursionError: arrays in arrays, thousands deep.
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_encoder = msgspec.json.Encoder()
_log_decoder = msgspec.json.Decoder(LogRecord)


def encode(message: msgspec.Struct) -> bytes:
    """The bytes of any message of ours: the same message always gives the same bytes."""
    return _encoder.encode(message)


def decode_log_record(value: bytes) -> LogRecord:
    """A record of grid.hits.v1. Raises one of NO_JSON, of which a ValidationError is JSON."""
    record: LogRecord = _log_decoder.decode(value)
    return record


def is_plausible(at: datetime) -> bool:
    """Whether a working clock may say so; others are refused, and would break date arithmetic."""
    return 2000 <= at.year < 2100


def whole_ms(at: datetime) -> datetime:
    """`at` in UTC, cut to whole milliseconds: the precision of every event time."""
    utc = at.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
