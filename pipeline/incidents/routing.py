"""Who an alert goes to: straight to the officer of the leaf grid, or to the duty desk."""

from pipeline.alerts import Assignee, Direct, Queue, Routing
from pipeline.incidents.policy import Calibration, Place


def route(place: Place, confidence: float, c: Calibration) -> Routing | None:
    """Direct from `direct_at`, the duty desk from `review_at`, nobody (None) below."""
    if confidence < c.review_at:
        return None
    if confidence < c.direct_at:
        return low_confidence(place)
    return Direct(assignee=_assignee(place), fallback=place.fallback)


def low_confidence(place: Place) -> Queue:
    """To the duty desk, with the officer proposed."""
    return Queue(proposed=_assignee(place), fallback=place.fallback)


def _assignee(place: Place) -> Assignee:
    officer = place.officer
    return Assignee(officer.id, officer.number, officer.role, officer.terminal_id)
