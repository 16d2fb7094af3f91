"""What is due of an incident at a time: what the world is to be told, or why it is told nothing."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from detectors.hits import Evidence
from pipeline.alerts import Queue, Recheck, Routing
from pipeline.incidents.cases import Case, due_by_time, standing_of
from pipeline.incidents.compose import BY_COUNT, PRIORITY, graded, open_case, retell, told_at
from pipeline.incidents.handling import SETTLED, Seen, Standing, is_muted, rests
from pipeline.incidents.in_force import calibration_at, silence_at
from pipeline.incidents.incident import (
    Incident,
    alert_id_of,
    begun_at,
    condition_of,
    first_lasting,
    is_lost,
    is_seen_now,
    measure_of,
    present,
    rule_in_general,
)
from pipeline.incidents.policy import Leaf, Over, Policy, Rule, Silence
from pipeline.incidents.routing import route
from pipeline.incidents.second_picture import is_pair_due, pair_of
from pipeline.incidents.senses import confidence_of
from pipeline.incidents.state import CASE, States
from pipeline.messages import TOLD, Reason, outcome_of

GREW_BY = 1.5  # A.6: an update is due when a count or area has grown by half
MAX_SEEN = 64  # an alert that has come and gone so often is ended, and a new one may begin
OPENS = {Reason.LASTED, Reason.REPORTED}
# What a silence keeps to itself: news of what is there, never that it is over or overdue.
NEWS = {
    Reason.MEASURE_GREW,
    Reason.SEVERITY_CHANGED,
    Reason.CONFIDENCE_ROSE,
    Reason.EVIDENCE_ADDED,
    Reason.REOPENED,
    Reason.REMINDER,
}
TELLS = {reason for reason in Reason if outcome_of(reason) in TOLD}


def due(
    incident: Incident, leaf: Leaf, policy: Policy, at: datetime, *, reported: bool = False
) -> Reason:
    """The reason to tell the world something at `at`, or the reason not to. `reported`: somebody
    has just said that it is there.
    """
    if incident.case is None:
        return _opening(incident, leaf, policy, at)
    standing = standing_of(incident.case, policy, at)
    rule = rule_in_general(incident, policy, at)
    return (
        _ending(incident, incident.case, standing, rule, at)
        or (Reason.REOPENED if reported and _is_over(incident.case, standing) else None)
        or _again(incident, incident.case, standing, rule, policy, at)
        or due_by_time(incident.case, policy, at)
        or _update(incident, incident.case, standing, rule, policy, at)
    )


def _opening(incident: Incident, leaf: Leaf, policy: Policy, at: datetime) -> Reason:
    first = first_lasting(incident)
    if first is None and not incident.reports:
        return Reason.NOTHING_THERE if incident.is_idle else Reason.NOT_YET
    rule = rule_in_general(incident, policy, at)
    if first is not None and not incident.reports:
        if not is_seen_now(incident, policy, at):
            blind = condition_of(incident, policy, at) == "unknown"
            return Reason.INHIBITED if blind else Reason.NOT_YET
        if incident.hits < rule.min_hits:
            return Reason.NOT_YET
    sure = confidence_of(incident, policy, at)
    if sure < calibration_at(incident.event_type, policy, at).review_at:
        return Reason.LOW_CONFIDENCE
    if silence_of(incident, leaf.address.leaf_code, policy, at):
        return Reason.SILENCED
    if first is None:
        return Reason.REPORTED
    lasted_at = min(x.lasted_at for x in present(incident) if x.lasted_at)
    if at < lasted_at + timedelta(seconds=rule.group_wait_s):
        return Reason.GROUP_WAIT
    return Reason.LASTED


def silence_of(incident: Incident, leaf_code: str, policy: Policy, at: datetime) -> Silence | None:
    """The silence that holds for an incident: of several places each must be silenced."""
    of = [
        silence_at(incident.event_type, place_id, leaf_code, policy, at)
        for place_id in incident.places or (incident.place_id,)
    ]
    return of[0] if all(of) else None


def _ending(
    incident: Incident, case: Case, standing: Standing, rule: Rule, at: datetime
) -> Reason | None:
    """Whether what looking saw is over."""
    if not case.was_seen or case.cleared_at is not None:
        return None
    if not present(incident):
        return Reason.CONDITION_CLEARED
    if is_lost(incident, at):
        return Reason.EXPIRED
    if standing.handling in SETTLED:
        return None
    too_long = rule.max_open_s and at >= _present_since(case) + timedelta(seconds=rule.max_open_s)
    return Reason.MAX_LENGTH if too_long or len(case.seen) >= MAX_SEEN else None


def _present_since(case: Case) -> datetime:
    again = [one.at for one in case.seen if one.what in ("present", "reported")]
    return again[-1] if again else case.alert.opened_at


def _again(
    incident: Incident, case: Case, standing: Standing, rule: Rule, policy: Policy, at: datetime
) -> Reason | None:
    """Whether it is there though it had ended, or people had done with it."""
    if not _is_over(case, standing) or not is_seen_now(incident, policy, at):
        return None
    if is_muted(standing, rule, at):
        return Reason.FALSE_BEFORE
    if case.cleared_at is None and rests(standing):
        return None
    if standing.closed_at and at < standing.closed_at + timedelta(seconds=rule.recheck_s):
        return None
    return Reason.REOPENED


def _is_over(case: Case, standing: Standing) -> bool:
    return case.cleared_at is not None or standing.handling in SETTLED


def _update(
    incident: Incident, case: Case, standing: Standing, rule: Rule, policy: Policy, at: datetime
) -> Reason:
    """Whether it has become worse, or surer, or is proven by a second picture."""
    if case.cleared_at is not None:
        return Reason.NOTHING_THERE
    if standing.handling in SETTLED:
        return Reason.SAME_INCIDENT
    reason = Reason.SAME_INCIDENT
    if is_seen_now(incident, policy, at):
        kind = policy.events[incident.event_type]
        measure = measure_of(incident, kind.rule.over)
        if PRIORITY[graded(kind, measure)[0]] < PRIORITY[case.alert.severity]:
            reason = Reason.SEVERITY_CHANGED
        elif kind.rule.over is not Over.PROBABILITY and _has_grown(measure, case):
            reason = Reason.MEASURE_GREW
    if reason is Reason.SAME_INCIDENT and _is_surer(incident, case, policy, at):
        reason = Reason.CONFIDENCE_ROSE
    if reason is Reason.SAME_INCIDENT and is_pair_due(incident, case, rule, policy, at):
        reason = Reason.EVIDENCE_ADDED
    return reason


def _has_grown(measure: float, case: Case) -> bool:
    """Whether there is so much more than was told; what only people said was never measured."""
    told = case.alert.measures[0]
    known = 0.0 if told.name == BY_COUNT else told.value
    return 0 < measure >= GREW_BY * known


def _is_surer(incident: Incident, case: Case, policy: Policy, at: datetime) -> bool:
    """Whether what waited at the desk is now sure enough to go straight to the officer."""
    if not isinstance(case.routing, Queue) or case.routing.reason != "low_confidence":
        return False
    direct_at = calibration_at(incident.event_type, policy, at).direct_at
    return confidence_of(incident, policy, at) >= direct_at


def judge(
    incident: Incident,
    leaf: Leaf,
    policy: Policy,
    at: datetime,
    states: States,
    *,
    reported: bool = False,
) -> tuple[Incident, Reason]:
    """The incident after what is due at `at` was told, and the reason; of TELLS if it was told.

    `states`: an alert that is known there was told before, and its looks have come again.
    """
    if incident.case is not None and not incident.case.was_seen and present(incident):
        case = msgspec.structs.replace(incident.case, was_seen=True)
        incident = msgspec.structs.replace(incident, case=case)
    reason = due(incident, leaf, policy, at, reported=reported)
    if reason in NEWS and silence_of(incident, leaf.address.leaf_code, policy, at):
        reason = Reason.SILENCED
    if reason in OPENS and was_told(incident, policy, at, states):
        reason = Reason.REPEATED
    if reason not in TELLS:
        return incident, reason
    return _act(incident, reason, leaf, policy, at, reported=reported), reason


def was_told(incident: Incident, policy: Policy, at: datetime, states: States) -> bool:
    """Whether a candidate is one that has been told and let go: its looks have come again."""
    return CASE + alert_id_of(policy, incident, begun_at(incident, at)) in states


def _act(
    incident: Incident,
    reason: Reason,
    leaf: Leaf,
    policy: Policy,
    at: datetime,
    *,
    reported: bool,
) -> Incident:
    """The incident once the world has been told for this reason."""
    if reason in OPENS:
        return msgspec.structs.replace(incident, case=open_case(incident, leaf, policy, at))
    case = incident.case
    if case is None:
        raise ValueError(f"{incident.event_type}@{incident.place_id} was never opened")
    now = told_at(incident, case, at)
    found = _found(incident, case, reason, now, reported=reported)
    changes: dict[str, Any] = {} if found is None else _recheck(case, found)
    if reason is Reason.REOPENED:
        changes |= _after_picture(incident, case)
    case = msgspec.structs.replace(
        case,
        seen=case.seen if found is None else (*case.seen, found),
        was_seen=bool(present(incident)) if reason is Reason.REOPENED else case.was_seen,
        cleared_at=_cleared_at(case, reason, now),
        pair=pair_of(incident, case) if reason is Reason.EVIDENCE_ADDED else case.pair,
        routing=_routing(incident, case, reason, leaf, policy, at),
        level=_level(incident, case, policy),
    )
    incident = msgspec.structs.replace(incident, case=case)
    told = retell(incident, case, reason, policy, at, **changes)
    return msgspec.structs.replace(incident, case=told)


def _found(
    incident: Incident, case: Case, reason: Reason, at: datetime, *, reported: bool
) -> Seen | None:
    last = incident.last_hit_id
    if reason is Reason.CONDITION_CLEARED:
        return Seen(incident.last_seen_at or at, "gone", last)
    if reason is Reason.REOPENED:
        if reported:
            return Seen(at, "reported", last)
        return Seen(at, "present" if case.cleared_at else "still", last)
    if reason is Reason.EXPIRED:
        return Seen(at, "lost" if is_lost(incident, at) else "given_up", last)
    return None


def _recheck(case: Case, found: Seen) -> dict[str, Recheck]:
    """What there is to say of looking again, where a person had closed it."""
    if case.alert.handling != "closed" or found.what not in ("gone", "still"):
        return {}
    gone = found.what == "gone"
    return {"recheck": Recheck("gone" if gone else "still_there", found.at, found.hit_id)}


def _after_picture(incident: Incident, case: Case) -> dict[str, tuple[Evidence, ...]]:
    """Where people had done with it, the pictures so far and a newer one that shows it is there."""
    newest, told = incident.newest, case.alert
    if newest is None or newest.kind == "photo" or told.handling not in SETTLED:
        return {}
    if newest.captured_at <= told.updated_at:
        return {}
    after = msgspec.structs.replace(newest, kind="after")
    before = tuple(e for e in told.evidence if e.kind != "after" and e.sha256 != newest.sha256)
    return {"evidence": (*before, after)}


def _cleared_at(case: Case, reason: Reason, at: datetime) -> datetime | None:
    if reason is Reason.REOPENED:
        return None
    return at if reason is Reason.CONDITION_CLEARED else case.cleared_at


def _routing(
    incident: Incident, case: Case, reason: Reason, leaf: Leaf, policy: Policy, at: datetime
) -> Routing:
    """To whom by confidence: anew when it is surer, or there again, maybe at another hour."""
    if reason is not Reason.REOPENED and not _is_surer(incident, case, policy, at):
        return case.routing
    sure = confidence_of(incident, policy, at)
    calibration = calibration_at(incident.event_type, policy, at)
    to = policy.events[incident.event_type].to
    return route(leaf, sure, calibration, at, policy.deadlines.timezone, to) or case.routing


def _level(incident: Incident, case: Case, policy: Policy) -> int:
    """Levels only rise by themselves; a person may lower them."""
    kind = policy.events[incident.event_type]
    return max(case.level, graded(kind, measure_of(incident, kind.rule.over))[1])
