"""Time passes, or the policy changes, for everything that a partition knows."""

from datetime import datetime, timedelta

import msgspec

from pipeline.alerts import CloudEvent, Deadline, NoDeadline
from pipeline.incidents.cases import Case, as_of, due_by_time, is_forgotten
from pipeline.incidents.compose import envelope, retell, retell_alone
from pipeline.incidents.decision import Step, Where, decide
from pipeline.incidents.handling import SETTLED, Seen
from pipeline.incidents.in_force import silence_at
from pipeline.incidents.incident import EXPIRE_S, Incident, begin_anew, is_lost, present, rule_of
from pipeline.incidents.judge import TELLS, judge, was_told
from pipeline.incidents.looking import LET_GO, let_go, name_of
from pipeline.incidents.persistence import Track, pass_time
from pipeline.incidents.policy import Policy, Rule
from pipeline.incidents.senses import weighed
from pipeline.incidents.state import (
    CASE,
    HEAD,
    Head,
    LeafState,
    State,
    States,
    case_key,
    head,
    leaf_state,
)
from pipeline.messages import PolicyChange, Reason, Tick

LATE = timedelta(minutes=5)  # what comes so late still counts (max_clock_skew_s)
IDLE_S = 3600.0  # a place that has said nothing for so long is forgotten


class _Passing:
    """What happens to a partition in one record: states in the order to write them, and alerts."""

    def __init__(self, where: Where, policy: Policy) -> None:
        self.where, self.policy = where, policy
        self.cases: dict[str, State | None] = {}
        self.leaves: dict[str, State | None] = {}
        self.gone: dict[str, State | None] = {}
        self.alerts: list[tuple[CloudEvent, Where]] = []

    def tell(self, case: Case) -> None:
        """The world is told of this case."""
        self.alerts.append((envelope(case, self.policy, ""), case.first_record))

    def keep(self, case: Case) -> None:
        """The case is on its own from now on, or still."""
        self.cases[case_key(case)] = msgspec.structs.replace(case, offset=self.where[1])

    def step(self, record: Tick | PolicyChange, reason: Reason, to: Head) -> Step:
        """Cases before the leaves they come from; what is forgotten after the head, which then
        says that every record before is done.
        """
        alerts = tuple(self.alerts)
        changed = {**self.cases, **self.leaves, HEAD: to, **self.gone}
        return Step(decide(record, self.where, reason, None, alerts), changed, alerts)


def apply_tick(states: States, tick: Tick, where: Where, policy: Policy) -> Step:
    """The step of the clock."""
    passing = _Passing(where, policy)
    for key in sorted(key for key in states if key != HEAD):
        state = states[key]
        if where[1] <= state.offset:
            continue
        if isinstance(state, Case):
            _pass_case(state, tick.at, passing)
        else:
            _pass_leaf(states, key, tick.at, passing)
    to = msgspec.structs.replace(head(states), offset=where[1], at=tick.at)
    return passing.step(tick, Reason.TICKED, to)


def _pass_case(case: Case, at: datetime, passing: _Passing) -> None:
    policy = passing.policy
    if is_forgotten(case, policy, at):
        passing.gone[case_key(case)] = None
        return
    reason = due_by_time(case, policy, at)
    about = (case.alert.event.type, case.alert.place.id, case.alert.grid.leaf_code)
    if reason is None or (reason is Reason.REMINDER and silence_at(*about, policy, at)):
        return
    if reason is Reason.EXPIRED:
        given_up = Seen(at, "given_up", case.alert.provenance.last_hit_id)
        case = msgspec.structs.replace(case, seen=(*case.seen, given_up))
    case = retell_alone(case, reason, policy, max(at, case.alert.updated_at))
    passing.tell(case)
    passing.keep(case)


def _pass_leaf(states: States, code: str, at: datetime, passing: _Passing) -> None:
    state = leaf_state(states, code)
    kept: dict[str, Incident] = {}
    for name, incident in state.incidents.items():
        if incident.event_type not in passing.policy.events:
            kept[name] = incident  # its policy has not been loaded here
            continue
        after = _pass_incident(states, code, incident, at, passing)
        last = after.at
        if not after.is_idle or (last and at - last < timedelta(seconds=IDLE_S)):
            kept[name] = after
    attached = {one.case.alert.alert_id for one in kept.values() if one.case}
    known = [
        one
        for one in state.to_recheck
        if one[0] in attached or CASE + one[0] in states or CASE + one[0] in passing.cases
    ]
    aged = msgspec.structs.replace(state, incidents=kept, to_recheck=tuple(known))
    if aged != state:  # the leaf itself stays: docs/adr/0005
        passing.leaves[code] = msgspec.structs.replace(aged, offset=passing.where[1])


def _pass_incident(
    states: States, code: str, incident: Incident, at: datetime, passing: _Passing
) -> Incident:
    policy = passing.policy
    incident, done = let_go(incident, policy, at)
    if done is not None:
        passing.keep(done)
    if incident.case is None:
        # Too unsure to be told and out of sight for a day; or of looks that have come again.
        lost = is_lost(incident, at) or (
            present(incident) and was_told(incident, policy, at, states)
        )
        incident = begin_anew(incident) if lost else _fade(incident, at, policy)
    leaf = policy.leaves.get(code)
    if leaf is None or incident.is_idle:
        return incident
    told_at = incident.case.alert.updated_at if incident.case else at
    now = max(at, told_at, incident.at or at)
    incident = weighed(incident, leaf_state(states, code), policy, at)
    incident, reason = judge(incident, leaf, policy, now, states)
    if reason in TELLS and incident.case is not None:
        passing.tell(incident.case)
        if reason in LET_GO:
            passing.keep(incident.case)
            incident = begin_anew(incident)
    if reason is Reason.LOW_CONFIDENCE and incident.reports and _is_old(incident, at):
        return begin_anew(incident)
    return incident


def _is_old(incident: Incident, at: datetime) -> bool:
    last = incident.last_seen_at
    return last is not None and at - last > timedelta(seconds=EXPIRE_S)


def _fade(incident: Incident, at: datetime, policy: Policy) -> Incident:
    """A candidate that has not been seen for `gap_s` begins anew; a track that is behind stays."""
    tracks = {
        key: msgspec.structs.replace(track, lasting=())
        if track.lasting and _is_past(track, rule_of(incident, key, policy, at), at)
        else track
        for key, track in incident.tracks.items()
    }
    if tracks == incident.tracks:
        return incident
    faded = msgspec.structs.replace(incident, tracks=tracks)
    return begin_anew(faded) if faded.is_idle else faded


def _is_past(track: Track, rule: Rule, at: datetime) -> bool:
    return not pass_time(track, rule, max(track.at, at - LATE)).lasting


def apply_policy(states: States, change: PolicyChange, where: Where, policy: Policy) -> Step:
    """The step of a new policy: open incidents go on with their dwell and their address.

    What the new one no longer watches ends; deadlines are reckoned again, for the calendar may have
    been published.
    """
    passing = _Passing(where, policy)
    for key in sorted(key for key in states if key != HEAD):
        state = states[key]
        if where[1] <= state.offset:
            continue
        if isinstance(state, Case):
            if _is_due_anew(state, policy):
                _retell(state, Reason.DEADLINE_RECOMPUTED, passing)
        elif isinstance(state, LeafState):
            _change_leaf(key, state, passing)
    to = msgspec.structs.replace(head(states), offset=where[1], policy_version=change.version)
    return passing.step(change, Reason.POLICY_CHANGED, to)


def _change_leaf(code: str, state: LeafState, passing: _Passing) -> None:
    kept: dict[str, Incident] = {}
    for name, incident in state.incidents.items():
        case = incident.case
        if _is_watched(code, name, incident, passing.policy):
            if case is not None and _is_due_anew(case, passing.policy):
                at = max(case.alert.updated_at, incident.at or case.alert.updated_at)
                case = retell(incident, case, Reason.DEADLINE_RECOMPUTED, passing.policy, at)
                passing.tell(case)
            kept[name] = _watched_still(msgspec.structs.replace(incident, case=case), passing)
        elif case is not None and (case.cleared_at or case.alert.handling in SETTLED):
            passing.keep(case)
        elif case is not None:
            _retell(case, Reason.SUPERSEDED, passing)
    if kept != state.incidents:
        passing.leaves[code] = msgspec.structs.replace(
            state, offset=passing.where[1], incidents=kept
        )


def _is_watched(code: str, name: str, incident: Incident, policy: Policy) -> bool:
    """Whether the site still has this event type, and this place in this grid."""
    if incident.event_type not in policy.events or code not in policy.leaves:
        return False
    if incident.spot is not None:
        return True
    place = policy.places.get(incident.place_id)
    return (
        place is not None
        and place.leaf_code == code
        and name_of(incident.event_type, place.id, policy) == name
    )


def _watched_still(incident: Incident, passing: _Passing) -> Incident:
    """Without the zones and sensors that are gone, unless only they saw what is there."""
    watches, tracks = passing.policy.watches, incident.tracks
    left = {key: t for key, t in tracks.items() if tuple(key.split("/", 1)) in watches}
    seen = any(t.present for t in tracks.values())
    only_they_saw = seen and not any(t.present for t in left.values())
    return incident if only_they_saw else msgspec.structs.replace(incident, tracks=left)


def _is_due_anew(case: Case, policy: Policy) -> bool:
    """Whether the calendar of this policy gives it another time, while it is not done."""
    if case.alert.handling in SETTLED:
        return False
    now, told = as_of(case, policy, case.alert.updated_at).deadline, case.alert.deadline
    return (now.due_at, _published(now)) != (told.due_at, _published(told))


def _published(due: Deadline) -> str:
    return "" if isinstance(due, NoDeadline) else due.calendar_status


def _retell(case: Case, reason: Reason, passing: _Passing) -> None:
    case = retell_alone(case, reason, passing.policy, case.alert.updated_at)
    passing.tell(case)
    passing.keep(case)
