"""What people say, as records of the log: reports of an event, and feedback about an alert."""

import math
from dataclasses import replace
from datetime import timedelta

import msgspec

from pipeline.alerts import Location
from pipeline.feedback import Assigned, Closed, Feedback
from pipeline.incidents.cases import Case, as_of, given_reason, is_forgotten, standing_of
from pipeline.incidents.compose import envelope, retell, retell_alone
from pipeline.incidents.decision import Step, Where, decide, refuse
from pipeline.incidents.handling import MAX_HANDLED, Standing
from pipeline.incidents.incident import Incident, alert_id_of, support_by_report
from pipeline.incidents.judge import judge
from pipeline.incidents.looking import After, fresh, let_go, name_of, stepped
from pipeline.incidents.masks import after_word
from pipeline.incidents.policy import Policy
from pipeline.incidents.reviews import reviewed, reviews_key, word_of
from pipeline.incidents.senses import is_reviewed
from pipeline.incidents.state import CASE, LeafState, State, States, case_key, head, leaf_state
from pipeline.messages import Given, Reason, Reported

MAX_INCIDENTS = 50  # of one leaf grid at a time; only reports can make so many
MAX_REPORTS = 64  # of one incident: more make it no surer
MAX_RECHECKS = 32
SAME_SPOT_M = 30.0  # reports from one corner differ by so much: a telephone's GPS in a street
EARLY = timedelta(minutes=5)  # the clocks of terminals differ
EARTH_M = 6_371_008.8

Refusal = tuple[Reason, str, str]


def apply_report(states: States, told: Reported, where: Where, policy: Policy) -> Step:
    """The step of one report: into the incident of its place, or one of its own."""
    state = leaf_state(states, told.leaf_code)
    if where[1] <= state.offset:
        return Step(decision=None)
    name = _incident_of(state, told, policy)
    wrong = _wrong_report(state, name, told, policy)
    if wrong is not None:
        return refuse(told, where, *wrong)
    report = told.report
    incident = state.incidents.get(name) or fresh(name)
    incident, done = let_go(incident, policy, report.at)
    case = incident.case
    if report.report_id in incident.reports:
        return Step(decide(told, where, Reason.REPEATED, case.alert.alert_id if case else None))
    if case is None and (known := _told_before(states, told, name, policy)):
        return Step(decide(told, where, *known))
    if len(incident.reports) >= MAX_REPORTS:
        what = f"report {report.report_id}: {name} has been reported {MAX_REPORTS} times"
        return refuse(told, where, Reason.TOO_MANY, what, "close its alert")
    incident = support_by_report(incident, told, where)
    leaf = policy.leaves[told.leaf_code]
    # Older than what was told last, it is no news that it is there again.
    news = case is None or report.at >= case.alert.updated_at
    looked_at = incident.looked_at or report.at  # a terminal's clock makes no camera blind
    incident, reason = judge(incident, leaf, policy, looked_at, states, reported=news)
    if incident.case is not None and reason is Reason.NOTHING_THERE:
        reason = Reason.SAME_INCIDENT
    return stepped(told, where, After(state, name, incident, reason, done), policy)


def _told_before(
    states: States, told: Reported, name: str, policy: Policy
) -> tuple[Reason, str] | None:
    """The alert that a report belongs to though its incident has let it go: it was in it, or is of
    the time in which that was seen.
    """
    report = told.report
    rule = policy.events[report.event_type].rule
    opened = alert_id_of(policy, fresh(name), report.at)
    for case in (state for state in states.values() if isinstance(state, Case)):
        alert = case.alert
        if (alert.grid.leaf_code, alert.event.type) != (told.leaf_code, report.event_type):
            continue
        if alert.alert_id == opened or report.report_id in {
            s.id for s in alert.observation.sources
        }:
            return Reason.REPEATED, alert.alert_id
        until = (case.cleared_at or alert.last_seen_at) + timedelta(seconds=rule.cooldown_s)
        seen_there = case.was_seen and name_of(alert.event.type, alert.place.id, policy) == name
        if seen_there and alert.first_seen_at <= report.at <= until:
            return Reason.SAME_INCIDENT, alert.alert_id
    return None


def _wrong_report(state: LeafState, name: str, told: Reported, policy: Policy) -> Refusal | None:
    report, who = told.report, f"report {told.report.report_id}"
    if report.event_type not in policy.events:
        what = f"{who}: event type {report.event_type!r} is not in the catalogue"
        return Reason.UNKNOWN_EVENT, what, "use one of catalogue.toml"
    if told.leaf_code not in policy.leaves:
        what = f"{who}: grid {told.leaf_code} is not on the map {policy.map_version}"
        return Reason.WRONG_GRID, what, "send the report again"
    if name not in state.incidents and len(state.incidents) >= MAX_INCIDENTS:
        what = f"{who}: grid {told.leaf_code} has {MAX_INCIDENTS} incidents at once"
        return Reason.TOO_MANY, what, "close some of them, then send it again"
    return None


def _incident_of(state: LeafState, told: Reported, policy: Policy) -> str:
    """The incident's name: that of the report's place, else of the nearest spot, else its own."""
    kind = told.report.event_type
    if told.place_id is not None:
        return name_of(kind, told.place_id, policy)
    near_m = max(policy.events[kind].merge_m if kind in policy.events else 0.0, SAME_SPOT_M)
    spots = [
        (distance_m(incident.spot.location, told.location), name)
        for name, incident in state.incidents.items()
        if incident.event_type == kind and incident.spot
    ]
    away_m, name = min(spots, default=(math.inf, ""))
    return name if away_m <= near_m else f"{kind}@report:{told.report.report_id}"


def distance_m(a: Location, b: Location) -> float:
    """Metres between two points of one grid, on a flat earth."""
    east = math.radians(b.lon - a.lon) * math.cos(math.radians((a.lat + b.lat) / 2))
    return EARTH_M * math.hypot(east, math.radians(b.lat - a.lat))


def apply_feedback(states: States, given: Given, where: Where, policy: Policy) -> Step:
    """The step of one thing that a person did about an alert."""
    done = given.feedback
    state = leaf_state(states, done.grid_code)
    name, incident, case = _case_of(states, state, done, policy)
    if case is None:
        what = f"feedback {done.feedback_id}: no alert {done.alert_id} in grid {done.grid_code}"
        mend = "echo its alert_id and grid.leaf_code; 30 days after it is settled it is gone"
        return refuse(given, where, Reason.UNKNOWN_ALERT, what, mend)
    if where[1] <= (state.offset if incident else case.offset):
        return Step(decision=None)
    before = standing_of(case, policy, done.at)
    if done.feedback_id in {one.feedback_id for one in case.given} - before.illegal:
        return Step(decide(given, where, Reason.REPEATED, done.alert_id))
    wrong = _wrong_feedback(case, done, before, policy)
    if wrong is not None:
        return refuse(given, where, *wrong)
    case = msgspec.structs.replace(case, given=_with(case.given, done, before.illegal))
    after = standing_of(case, policy, done.at)
    if done.feedback_id in after.illegal:
        return _kept(state, (name, incident, case), (given, where), before)
    at = max(case.alert.updated_at, done.at, (incident and incident.at) or done.at)
    case = msgspec.structs.replace(case, alert=msgspec.structs.replace(case.alert, updated_at=at))
    reason = given_reason(before, after, case.alert, as_of(case, policy, at))
    if incident is not None and incident.event_type in policy.events:
        looked_at = incident.looked_at or done.at  # a terminal's clock makes no camera blind
        case = retell(incident, case, reason, policy, looked_at)
    else:
        case = retell_alone(case, reason, policy, at)
    alerts = ((envelope(case, policy, done.feedback_id), case.first_record),)
    if where[1] > state.offset:  # not yet: a worker may have died before it wrote the case
        state = _learned(state, case, (before, after), policy)
    watched = incident is not None and case.was_seen and case.cleared_at is None
    if after.handling == "closed" and before.handling != "closed" and not watched:
        state = _to_recheck(state, case, policy)
    decision = decide(given, where, reason, done.alert_id, alerts)
    return Step(decision, _changed(state, (name, incident, case), where), alerts)


def _case_of(
    states: States, state: LeafState, done: Feedback, policy: Policy
) -> tuple[str, Incident | None, Case | None]:
    """The case that feedback is about, with its incident's name while it has one."""
    for name, incident in state.incidents.items():
        if incident.case and incident.case.alert.alert_id == done.alert_id:
            return name, incident, incident.case
    alone, now = states.get(CASE + done.alert_id), head(states).at
    if not isinstance(alone, Case) or alone.alert.grid.leaf_code != done.grid_code:
        return "", None, None
    if now is not None and is_forgotten(alone, policy, now):
        return "", None, None  # a worker died before it had dropped it
    return "", None, alone


def _wrong_feedback(
    case: Case, done: Feedback, standing: Standing, policy: Policy
) -> Refusal | None:
    who = f"feedback {done.feedback_id} on alert {done.alert_id}"
    if done.at < case.alert.opened_at - EARLY:
        opened_at = case.alert.opened_at.isoformat()
        what = f"{who}: at {done.at.isoformat()}, the alert was opened at {opened_at}"
        return Reason.CLOCK_SKEW, what, "set the terminal's clock"
    if isinstance(done, Assigned) and done.assigned.officer_id not in policy.officers:
        what = f"{who}: officer {done.assigned.officer_id!r} is not in officers.csv"
        return Reason.UNKNOWN_OFFICER, what, "assign it to one who is, or add the officer"
    if done.feedback_id in standing.illegal:
        return Reason.ILLEGAL_TRANSITION, _illegal(done, standing), _WAITS
    full = len(_counting(case, standing)) >= MAX_HANDLED
    if full and not isinstance(done, Closed):
        what = f"{who}: there have been {MAX_HANDLED} already"
        return Reason.TOO_MANY, what, "look into the dispatch service: no case needs so many"
    return None


def _counting(case: Case, standing: Standing) -> list[Feedback]:
    """The feedback that counts."""
    return [one for one in case.given if one.feedback_id not in standing.illegal]


def _with(
    given: tuple[Feedback, ...], done: Feedback, illegal: frozenset[str]
) -> tuple[Feedback, ...]:
    """One more, without what nobody reads again; of too many, what cannot be done goes first."""
    kept = [*given, msgspec.structs.replace(done, work_order_no=None, based_on_sequence=None)]
    if len(kept) > MAX_HANDLED and illegal:
        kept.remove(next(one for one in kept if one.feedback_id in illegal))
    return tuple(kept)


_WAITS = "send what is missing before it; it is kept, and counts once that has come"


def _illegal(done: Feedback, standing: Standing) -> str:
    action = str(done.__struct_config__.tag)
    return (
        f"feedback {done.feedback_id} on alert {done.alert_id}: {action!r} at "
        f"{done.at.isoformat()} cannot be done to an alert that was {standing.handling} then"
    )


def _kept(
    state: LeafState,
    about: tuple[str, Incident | None, Case],
    record: tuple[Given, Where],
    before: Standing,
) -> Step:
    """Feedback that cannot be done where its time puts it: told so, and kept for what may come."""
    given, where = record
    step = refuse(given, where, Reason.ILLEGAL_TRANSITION, _illegal(given.feedback, before), _WAITS)
    return replace(step, changed=_changed(state, about, where))


def _changed(
    state: LeafState, about: tuple[str, Incident | None, Case], where: Where
) -> dict[str, State | None]:
    """The leaf first: a case that is written tells that all of its record is done."""
    name, incident, case = about
    if incident is not None:
        attached = msgspec.structs.replace(incident, case=case)
        incidents = {**state.incidents, name: attached}
        leaf = msgspec.structs.replace(state, offset=where[1], incidents=incidents)
        return {case.alert.grid.leaf_code: leaf}
    leaf = msgspec.structs.replace(state, offset=max(state.offset, where[1]))
    return {
        case.alert.grid.leaf_code: leaf,
        case_key(case): msgspec.structs.replace(case, offset=where[1]),
    }


def _learned(
    state: LeafState, case: Case, standings: tuple[Standing, Standing], policy: Policy
) -> LeafState:
    """The leaf with what the last word on an alert, if it is another one than before, tells of its
    cameras and of the lines that it took for cables.
    """
    before, after = (word_of(standing) for standing in standings)
    event_type = case.alert.event.type
    kind = policy.events.get(event_type)
    if before == after or kind is None:
        return state
    reviews = state.reviews
    if is_reviewed(kind.calibration):
        for source in case.alert.observation.sources:
            if source.kind != "report":
                reviews = reviewed(reviews, reviews_key(event_type, source.id), before, after)
    masks = after_word(state.masks, case.paths, after[0] if after else None)
    return msgspec.structs.replace(state, reviews=reviews, masks=masks)


def _to_recheck(state: LeafState, case: Case, policy: Policy) -> LeafState:
    """The leaf, waiting for the next look at what a person has closed, if anybody looks there."""
    if not case.was_seen:
        return state
    waiting = (case.alert.alert_id, name_of(case.alert.event.type, case.alert.place.id, policy))
    others = tuple(one for one in state.to_recheck if one != waiting)
    return msgspec.structs.replace(state, to_recheck=(*others, waiting)[-MAX_RECHECKS:])
