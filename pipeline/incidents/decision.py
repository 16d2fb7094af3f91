"""What one record did: its one decision, and everything that follows from it."""

from dataclasses import dataclass, field

from detectors.hits import Hit
from pipeline.alerts import CloudEvent
from pipeline.incidents.state import State
from pipeline.messages import (
    DeadLetter,
    Decision,
    Given,
    LogRecord,
    Reason,
    Reported,
    Tick,
    outcome_of,
)

Where = tuple[int, int]  # partition and offset of a record


@dataclass(frozen=True, slots=True)
class Step:
    """What one record did. `changed`: new states by key, in the order in which they are to be
    written; None = forget it. `alerts`: with the record each one began with. `decision`: exactly
    one, unless the record had been applied.
    """

    decision: Decision | None
    changed: dict[str, State | None] = field(default_factory=dict)
    alerts: tuple[tuple[CloudEvent, Where], ...] = ()
    dead_letter: DeadLetter | None = None


def decide(
    record: LogRecord | None,
    where: Where,
    reason: Reason,
    alert_id: str | None = None,
    alerts: tuple[tuple[CloudEvent, Where], ...] = (),
) -> Decision:
    """The decision on a record; `record` is None where it could not be read."""
    about: dict[str, object] = {}
    if isinstance(record, Hit):
        about = {
            "at": record.occurred_at,
            "leaf_code": record.leaf_code,
            "event_type": record.event_type,
            "place_id": record.place_id,
            "hit_id": record.hit_id,
        }
    elif isinstance(record, Reported):
        report = record.report
        about = {
            "at": report.at,
            "leaf_code": record.leaf_code,
            "event_type": report.event_type,
            "place_id": record.place_id,
            "hit_id": report.report_id,
        }
    elif isinstance(record, Given):
        given = record.feedback
        about = {"at": given.at, "leaf_code": given.grid_code, "hit_id": given.feedback_id}
    elif isinstance(record, Tick):
        about = {"at": record.at}
    return Decision(
        outcome_of(reason),
        reason,
        partition=where[0],
        offset=where[1],
        alert_id=alert_id,
        alerts=tuple(alert.id for alert, _ in alerts),
        **about,  # type: ignore[arg-type]
    )


def refuse(record: LogRecord | None, where: Where, reason: Reason, message: str, mend: str) -> Step:
    """A record that changes nothing, and why."""
    letter = DeadLetter(reason=reason, stage="fold", message=message, mend=mend)
    return Step(decide(record, where, reason), dead_letter=letter)
