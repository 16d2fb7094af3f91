"""Who an alert goes to: straight to an officer of the leaf grid, or to the duty desk."""

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pipeline.alerts import Assignee, Direct, Queue, Routing
from pipeline.incidents.calibration import Calibration
from pipeline.incidents.policy import Addressee, Leaf, Officer

LONGEST_FALLBACK = 5
DESK: Literal["duty_desk"] = "duty_desk"


def route(
    leaf: Leaf,
    confidence: float,
    c: Calibration,
    at: datetime,
    timezone: str,
    to: Addressee = "officer",
) -> Routing | None:
    """Direct from `direct_at`, the duty desk from `review_at`, nobody (None) below.

    Direct is to the first of the leaf's chain who is on duty at `at`, in the hours of `timezone`
    (IANA). Where none but a desk is on duty the desk decides; the full-time officer is proposed.
    What is the desk's own business is direct to the leaf's desk, sure or not, at any hour.
    """
    if confidence < c.review_at:
        return None
    desks = [call.officer for call in leaf.chain if DESK in (call.by, call.officer.role)]
    if to == DESK and desks:
        return Direct(_assignee(desks[-1]), (), DESK)
    local = at.astimezone(ZoneInfo(timezone))
    minute = local.hour * 60 + local.minute
    for call in leaf.chain:
        officer = call.officer
        if call.by == "duty_desk" or officer.role == DESK or not is_on_duty(officer, minute):
            continue
        who, others = _assignee(officer), _others(leaf, officer)
        if confidence < c.direct_at:
            return Queue(who, others, "low_confidence")
        return Direct(who, others, call.by)
    return back_to_desk(leaf, "low_confidence" if confidence < c.direct_at else "nobody_on_duty")


def assign(leaf: Leaf, officer: Officer) -> Direct:
    """To the officer whom a person chose; the leaf's own come after."""
    return Direct(_assignee(officer), _others(leaf, officer), "assigned")


def back_to_desk(
    leaf: Leaf, reason: Literal["low_confidence", "nobody_on_duty", "rejected"]
) -> Queue:
    """To the duty desk, with the leaf's full-time officer proposed."""
    first = leaf.chain[0].officer
    return Queue(_assignee(first), _others(leaf, first), reason)


def is_on_duty(officer: Officer, minute: int) -> bool:
    """Whether the officer works at a minute since local midnight; a duty may go on past it."""
    if officer.duty is None:
        return True
    begin, end = officer.duty
    return begin <= minute < end if begin < end else not end <= minute < begin


def _others(leaf: Leaf, officer: Officer) -> tuple[str, ...]:
    """The ids of those who come after the officer; of the whole chain for one who is not in it."""
    ids = [call.officer.id for call in leaf.chain]
    after = ids[ids.index(officer.id) + 1 :] if officer.id in ids else ids
    return tuple(after[:LONGEST_FALLBACK])


def _assignee(officer: Officer) -> Assignee:
    return Assignee(officer.id, officer.number, officer.role, officer.terminal_id)
