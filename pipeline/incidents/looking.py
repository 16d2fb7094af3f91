"""A hit of the log: one look at one place, into the incident of that place."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from detectors.hits import Hit
from pipeline.alerts import CloudEvent
from pipeline.incidents.cases import Case, standing_of
from pipeline.incidents.compose import envelope
from pipeline.incidents.confidence import logit
from pipeline.incidents.decision import Step, Where, decide, refuse
from pipeline.incidents.handling import SETTLED, is_muted
from pipeline.incidents.in_force import is_on
from pipeline.incidents.incident import (
    Incident,
    begin_anew,
    is_lost,
    present,
    rule_in_general,
    rule_of,
    support,
    supported_along,
    track_key,
)
from pipeline.incidents.judge import TELLS, judge, silence_of
from pipeline.incidents.masks import unmasked
from pipeline.incidents.persistence import look, quiet_since
from pipeline.incidents.policy import Policy, Watch
from pipeline.incidents.senses import is_heard, weighed
from pipeline.incidents.state import LeafState, State, States, case_key, leaf_state
from pipeline.messages import Reason, Reported

MAX_TRACKS = 64
LET_GO = {Reason.EXPIRED, Reason.SUPERSEDED, Reason.MAX_LENGTH}


def name_of(event_type: str, place_id: str, policy: Policy) -> str:
    """Which incident of its leaf a place is: places that touch are one."""
    place = policy.places.get(place_id)
    return f"{event_type}@{place.merged_into.get(event_type, place_id) if place else place_id}"


def fresh(name: str) -> Incident:
    """An incident of which nothing is known yet."""
    event_type, place_id = name.split("@", 1)
    return Incident(event_type, place_id)


def apply_hit(states: States, hit: Hit, where: Where, policy: Policy) -> Step:
    """The step of one hit."""
    state = leaf_state(states, hit.leaf_code)
    if where[1] <= state.offset:
        return Step(decision=None)
    watch = _watch_of(hit, policy)
    if not isinstance(watch, Watch):
        return refuse(hit, where, *watch)
    name = name_of(watch.event_type, watch.place_id, policy)
    incident = state.incidents.get(name) or fresh(name)
    incident, done = let_go(incident, policy, hit.occurred_at)
    key = track_key(hit.source.id, hit.zone_id)
    track = incident.tracks.get(key)
    if track is not None and int(hit.occurred_at.timestamp()) <= int(track.at.timestamp()):
        return Step(decide(hit, where, Reason.REPEATED))
    if track is None and len(incident.tracks) >= MAX_TRACKS:
        what = f"{name}: more than {MAX_TRACKS} zones and sensors see it"
        return refuse(hit, where, Reason.TOO_MANY, what, "give some of them places of their own")
    on = is_on(hit.event_type, watch.schedule, policy, hit.occurred_at)
    # Out of hours nothing is said of it: neither that it is there, nor that it has gone.
    rule = rule_of(incident, key, policy, hit.occurred_at)
    bare = unmasked(hit, state.masks.get(key, ()), rule)
    counted = bare if on else msgspec.structs.replace(bare, quality=0.0)
    seen = look(track, counted, rule, logit(counted.score))
    if is_heard(hit.event_type, policy):
        seen = msgspec.structs.replace(seen, quiet_since=quiet_since(track, seen, rule))
    incident = support(incident, counted, seen, where)
    incident = supported_along(incident, key, counted, rule)
    at = hit.occurred_at  # its own clock: that another camera is ahead makes nobody blind
    incident = weighed(incident, state, policy, at)
    incident, reason = judge(incident, policy.leaves[hit.leaf_code], policy, at, states)
    if reason not in TELLS:
        yes = any(x.yes for x in seen.lasting)
        masked = bare.measure < rule.raise_at <= hit.measure
        reason = _quiet(reason, hit, on, masked, yes, incident.case)
        if counted.quality > 0 and not yes and (closed_id := _waits_for(state, name)):
            state = _proven(state, closed_id)
            after = After(state, name, incident, Reason.SEEN_GONE, done)
            return stepped(hit, where, after, policy, closed_id)
    return stepped(hit, where, After(state, name, incident, reason, done), policy)


def _quiet(
    reason: Reason, hit: Hit, on: bool, masked: bool, yes: bool, case: Case | None
) -> Reason:
    """Why a hit led to nothing, as the one who sent it would ask."""
    if not on:
        return Reason.OFF_SCHEDULE
    if hit.quality <= 0.0:
        return Reason.CANNOT_SEE
    if masked:
        return Reason.MASKED
    if reason is not Reason.NOTHING_THERE:
        return reason
    if case is not None and case.cleared_at is None:
        return Reason.SAME_INCIDENT
    return Reason.NOT_YET if yes else reason


def _waits_for(state: LeafState, name: str) -> str | None:
    """The alert that a person closed and of which a look at this place can prove it gone."""
    return next((alert_id for alert_id, of in state.to_recheck if of == name), None)


def _proven(state: LeafState, alert_id: str) -> LeafState:
    left = tuple(one for one in state.to_recheck if one[0] != alert_id)
    return msgspec.structs.replace(state, to_recheck=left)


@dataclass(frozen=True, slots=True)
class After:
    """A leaf's state before and one of its incidents after a record, and why. `done`: a case that
    the incident has let go.
    """

    state: LeafState
    name: str
    incident: Incident
    reason: Reason
    done: Case | None


def stepped(
    record: Hit | Reported, where: Where, after: After, policy: Policy, alert_id: str | None = None
) -> Step:
    """The step that leads there; `alert_id`: what the decision is about, if not the incident."""
    incident, reason, case = after.incident, after.reason, after.incident.case
    changed: dict[str, State | None] = {}
    alerts: tuple[tuple[CloudEvent, Where], ...] = ()
    if case is not None and reason in TELLS:
        cause = record.hit_id if isinstance(record, Hit) else record.report.report_id
        alerts = ((envelope(case, policy, cause), case.first_record),)
    if after.done is not None:
        changed[case_key(after.done)] = msgspec.structs.replace(after.done, offset=where[1])
    if case is not None and reason in LET_GO:
        changed[case_key(case)] = msgspec.structs.replace(case, offset=where[1])
        incident = begin_anew(incident)
    incidents = {**after.state.incidents, after.name: incident}
    changed[record.leaf_code] = msgspec.structs.replace(
        after.state, offset=where[1], incidents=incidents
    )
    about = alert_id or (case.alert.alert_id if case else None)
    decision = decide(record, where, reason, about, alerts)
    if reason is Reason.SILENCED and decision.at is not None:
        silence = silence_of(incident, record.leaf_code, policy, decision.at)
        decision = msgspec.structs.replace(decision, silence_id=silence.id if silence else None)
    return Step(decision, changed, alerts)


def let_go(incident: Incident, policy: Policy, at: datetime) -> tuple[Incident, Case | None]:
    """What looking can no longer change becomes a case of its own; the place begins anew."""
    case = incident.case
    if case is None or (case.was_seen and case.cleared_at is None):
        return incident, None
    if case.was_seen and present(incident) and not is_lost(incident, at):
        return incident, None  # it is there again: soon told, but for a silence or a person's word
    rule = rule_in_general(incident, policy, at)
    standing = standing_of(case, policy, at)
    ended_at = case.cleared_at
    if not case.was_seen:
        if present(incident) or standing.handling not in SETTLED:
            return incident, None
        ended_at = standing.handled[-1].at if standing.handled else case.alert.updated_at
    if ended_at is None or at <= ended_at + timedelta(seconds=rule.cooldown_s):
        return incident, None
    if is_muted(standing, rule, at):
        return incident, None
    return begin_anew(incident), case


def _watch_of(hit: Hit, policy: Policy) -> Watch | tuple[Reason, str, str]:
    """The site's word on a hit's zone; or why the hit is refused, where, and how to mend it."""
    source = f"{hit.source.kind} {hit.source.id}, zone {hit.zone_id}"
    watch = policy.watches.get((hit.source.id, hit.zone_id))
    if watch is None or watch.event_type != hit.event_type:
        return (
            _unknown(hit, policy),
            f"{source}: policy {policy.version} has no such zone for {hit.event_type}",
            "run ingest and worker on the same site",
        )
    place = policy.places[watch.place_id]
    if place.id != hit.place_id or place.leaf_code != hit.leaf_code:
        return (
            Reason.WRONG_GRID,
            f"{source}: place {hit.place_id} in grid {hit.leaf_code}; policy {policy.version} says "
            f"{place.id} in {place.leaf_code}",
            "run ingest and worker on the same site",
        )
    return watch


def _unknown(hit: Hit, policy: Policy) -> Reason:
    """What of a hit's origin the site does not have."""
    if any(source_id == hit.source.id for source_id, _ in policy.watches):
        return Reason.UNKNOWN_ZONE
    return Reason.UNKNOWN_SENSOR if hit.source.kind == "sensor" else Reason.UNKNOWN_CAMERA
