"""What one incident's confidence is made of: looks, reports, reviews of its cameras, sensors.

Sensors have event types and incidents of their own. What they add is read from the other incidents
of the leaf grid whenever the incident itself is looked at or time passes, and kept with it: so a
record still changes the state of one incident only, its decision is about that one, and a sensor's
word counts at the camera's next hit or the next tick, at most ten seconds later.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from pipeline.alerts import Contribution
from pipeline.incidents.calibration import Calibration, Likelihood
from pipeline.incidents.confidence import (
    PRIOR,
    before_looking,
    by_looking,
    confidence,
    likelihood,
    logit,
    seen_by,
    told_by,
)
from pipeline.incidents.in_force import calibration_at
from pipeline.incidents.incident import Incident, rule_of
from pipeline.incidents.persistence import Lasting, Track, is_unknown
from pipeline.incidents.policy import Policy
from pipeline.incidents.reviews import prior_of, reviews_key
from pipeline.incidents.state import LeafState

_DECIMALS = 4
_NOTHING = 0.5 * 10**-_DECIMALS


def confidence_of(incident: Incident, policy: Policy, at: datetime) -> float:
    """The probability that this is real; from each source's surest lasting thing, reports, and
    what was `sensed` last.
    """
    calibration = calibration_at(incident.event_type, policy, at)
    seen, channels = list(_surest(incident).values()), list(incident.reports.values())
    return confidence(seen, calibration, channels, incident.sensed)


def contributions_of(incident: Incident, policy: Policy, at: datetime) -> tuple[Contribution, ...]:
    """What that probability is made of, in log-odds; nothing where only looks and reports count."""
    c = calibration_at(incident.event_type, policy, at)
    if not is_weighed(c):
        return ()
    parts = [*_looked(incident, c)]
    for report_id, channel in incident.reports.items():
        parts.append(Contribution("report", told_by(channel, c), report_id))
    parts += [_labelled(one, policy) for one in incident.sensed if one.name != PRIOR]
    return tuple(
        msgspec.structs.replace(one, log_odds=round(one.log_odds, _DECIMALS)) for one in parts
    )


def is_weighed(c: Calibration) -> bool:
    """Whether more than looks and reports make such an event surer."""
    return bool(c.sensors) or is_reviewed(c)


def is_reviewed(c: Calibration) -> bool:
    """Whether what people said of a camera's alerts counts."""
    return c.prior_weight > 0 or c.alone_at_most < 1


def weighed(incident: Incident, state: LeafState, policy: Policy, at: datetime) -> Incident:
    """The incident with what reviews and the sensors of its place add as of `at`."""
    c = policy.events[incident.event_type].calibration
    if not is_weighed(c):
        return incident
    sensed = (*_priors(incident, c, state, at), *_sensors(incident, c, state, policy, at))
    return (
        incident if sensed == incident.sensed else msgspec.structs.replace(incident, sensed=sensed)
    )


def is_heard(event_type: str, policy: Policy) -> bool:
    """Whether the silence of this event type's sensors tells of another event."""
    told = (kind.calibration.sensors.get(event_type) for kind in policy.events.values())
    return any(one is not None and one.no is not None for one in told)


def _surest(incident: Incident) -> dict[str, Lasting]:
    """By track, the surest of what has lasted."""
    return {
        key: max(track.present, key=lambda x: (x.logit_sum / max(x.looks, 1), x.looks))
        for key, track in incident.tracks.items()
        if track.present
    }


def _looked(incident: Incident, c: Calibration) -> Iterator[Contribution]:
    """The priors of its cameras, what the looks of each add, and what of that is held back."""
    seen = _surest(incident)
    if not seen:
        return
    priors = [one for one in incident.sensed if one.name == PRIOR]
    for one in priors or [Contribution(PRIOR, logit(c.prior))]:
        yield msgspec.structs.replace(one, log_odds=one.log_odds / max(len(priors), 1))
    for key, x in seen.items():
        yield Contribution("looks", seen_by(x, c), _source(key))
    free = before_looking(c, priors) + sum(seen_by(x, c) for x in seen.values())
    limit = by_looking(seen.values(), c, incident.sensed) - free
    if abs(limit) > _NOTHING:
        yield Contribution("limit", limit)


def _labelled(one: Contribution, policy: Policy) -> Contribution:
    kind = policy.events.get(one.name)
    return msgspec.structs.replace(one, label=kind.label_zh if kind else one.name)


def _priors(
    incident: Incident, c: Calibration, state: LeafState, at: datetime
) -> Iterator[Contribution]:
    if is_reviewed(c):
        for source_id in sorted({_source(key) for key in _surest(incident)}):
            known = state.reviews.get(reviews_key(incident.event_type, source_id))
            yield prior_of(source_id, known, c, at)


def _sensors(
    incident: Incident, c: Calibration, state: LeafState, policy: Policy, at: datetime
) -> Iterator[Contribution]:
    """What the sensors of each event type at its place say: once for all of a type, for they are
    not independent. What is made says nothing of what was really seen.
    """
    for name, told in sorted(c.sensors.items()):
        there = {
            key: (track, is_unknown(track, rule_of(other, key, policy, at), at))
            for other in state.incidents.values()
            if other.event_type == name and (incident.synthetic or not other.synthetic)
            for key, track in other.tracks.items()
            if _is_there(key, name, incident, policy)
        }
        said = _said(name, told, there, at)
        if said is not None:
            yield said


def _is_there(key: str, name: str, incident: Incident, policy: Policy) -> bool:
    """Whether a track of event type `name` is of the incident's place, or of one merged with it."""
    source_id, zone_id = key.split("/", 1)
    watch = policy.watches.get((source_id, zone_id))
    if watch is None or watch.event_type != name:
        return False
    merged = policy.places[watch.place_id].merged_into
    return merged.get(incident.event_type, watch.place_id) == incident.place_id


def _said(
    name: str, told: Likelihood, there: dict[str, tuple[Track, bool]], at: datetime
) -> Contribution | None:
    """Yes where any can see it now; no where all could see for long and none did; else nothing:
    stale, offline and blind sensors prove nothing.
    """
    yes = [
        (x.lasted_at, key)
        for key, (track, unknown) in there.items()
        if not unknown
        for x in track.present
        if x.yes and x.lasted_at is not None and x.lasted_at <= at
    ]
    if yes:
        since, key = min(yes)
        return _of(name, told.yes, key, since)
    quiet = [(t.quiet_since, key) for key, (t, unknown) in there.items() if not unknown]
    since = max((since for since, _ in quiet if since is not None), default=at)
    if told.no is None or len(quiet) < len(there) or any(since is None for since, _ in quiet):
        return None
    if not there or (at - since).total_seconds() < told.silent_after_s:
        return None
    return _of(name, told.no, min(there), since)


def _of(name: str, said: tuple[float, float], key: str, since: datetime) -> Contribution:
    return Contribution(name, round(likelihood(said), _DECIMALS), _source(key), since=since)


def _source(key: str) -> str:
    return key.split("/", 1)[0]
