"""One event at one place through time: what the fold remembers of it, and what is published."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import msgspec

from detectors.hits import Evidence, Hit, Source
from pipeline.alerts import Condition
from pipeline.incidents.confidence import confidence
from pipeline.incidents.persistence import Lasting, Track, is_unknown
from pipeline.incidents.policy import Over, Policy, Rule
from pipeline.messages import Reason

ALERT_NAMESPACE = uuid.UUID("0b0f3c5a-53f4-5d0c-8b0e-7d9a0a4f6c21")
MAX_SOURCES = 16
GREW_BY = 1.5  # A.6: an update is due when a count or area has grown by half
EXPIRE_S = 24 * 3600.0  # an open incident that nobody has seen for a day is not watched any more
APART = timedelta(seconds=1)  # an alert's id is made of its first second: no two may share it

T = TypeVar("T")
Where = tuple[int, int]  # partition and offset of a record


class Published(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the world was told of an open incident."""

    alert_id: str
    sequence: int
    opened_at: datetime
    first_seen_at: datetime
    first_hit_id: str
    first_record: Where
    measure: float
    confidence: float


class Incident(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event type at one place. `tracks`: by source and zone. `published`: None = candidate.

    `hits`, `sources`, `models`, `synthetic`: of what supports it, since it first appeared. `best`:
    the picture that shows it best, and what it showed.
    """

    event_type: str
    place_id: str
    tracks: dict[str, Track] = {}
    published: Published | None = None
    hits: int = 0
    last_seen_at: datetime | None = None
    last_hit_id: str = ""
    first_record: Where = (0, 0)
    sources: tuple[Source, ...] = ()
    models: tuple[str, ...] = ()
    synthetic: bool = False
    best: Evidence | None = None
    best_rank: tuple[float, float] = (0.0, 0.0)

    @property
    def is_idle(self) -> bool:
        """Nothing is open and nothing may become so."""
        return self.published is None and not _all(self)


def track_key(source_id: str, zone_id: str) -> str:
    """Which track of an incident a source's zone is."""
    return f"{source_id}/{zone_id}"


def present(incident: Incident) -> list[Lasting]:
    """Of all sources, everything that has lasted."""
    return [x for track in incident.tracks.values() for x in track.present]


def measure_of(incident: Incident, over: Over) -> float:
    """How much is there: standing objects, or the largest number any source measures."""
    if over is Over.OBJECTS:
        return float(max((len(t.present) for t in incident.tracks.values()), default=0))
    return max((t.measure for t in incident.tracks.values() if t.present), default=0.0)


def confidence_of(incident: Incident, policy: Policy) -> float:
    """The probability that this is real; from each source's surest lasting thing."""
    calibration = policy.events[incident.event_type].calibration
    surest = []
    for track in incident.tracks.values():
        if track.present:
            by_mean = max(track.present, key=lambda x: (x.logit_sum / max(x.looks, 1), x.looks))
            surest.append(by_mean)
    return confidence(surest, calibration)


def rule_of(incident: Incident, key: str, policy: Policy) -> Rule:
    """The rule of a track: its zone's own, or the event type's when the zone is no longer there."""
    source_id, zone_id = key.split("/", 1)
    watch = policy.watches.get((source_id, zone_id))
    return watch.rule if watch else policy.events[incident.event_type].rule


def condition_of(incident: Incident, policy: Policy, at: datetime) -> Condition:
    """present, cleared, or unknown when no source that saw it can say."""
    there = {key: track for key, track in incident.tracks.items() if track.present}
    if not there:
        return "cleared"
    blind = [is_unknown(t, rule_of(incident, key, policy), at) for key, t in there.items()]
    return "unknown" if all(blind) else "present"


def alert_id_of(policy: Policy, incident: Incident, first_seen_at: datetime) -> str:
    """The same incident always has the same id: UUIDv5 of tenant, event, place and first hit."""
    ms = int(first_seen_at.timestamp() * 1000)
    return str(
        uuid.uuid5(
            ALERT_NAMESPACE, f"{policy.tenant}|{incident.event_type}@{incident.place_id}|{ms}"
        )
    )


def support(incident: Incident, hit: Hit, track: Track, where: Where) -> Incident:
    """The incident after one more hit; a candidate of which nothing is older begins anew."""
    key = track_key(hit.source.id, hit.zone_id)
    incident = msgspec.structs.replace(incident, tracks={**incident.tracks, key: track})
    if incident.published is None and all(x.since == hit.occurred_at for x in _all(incident)):
        incident = Incident(incident.event_type, incident.place_id, tracks=incident.tracks)
    if not any(x.yes for x in track.lasting):
        return incident
    replace: Callable[..., Incident] = partial(msgspec.structs.replace, incident)
    rank = (hit.measure, hit.score)
    if hit.evidence and (incident.best is None or rank > incident.best_rank):
        incident = replace(best=hit.evidence[0], best_rank=rank)
        replace = partial(msgspec.structs.replace, incident)
    return replace(
        hits=incident.hits + 1,
        last_seen_at=max(incident.last_seen_at or hit.occurred_at, hit.occurred_at),
        last_hit_id=hit.hit_id,
        first_record=where if incident.hits == 0 else incident.first_record,
        sources=_with(incident.sources, hit.source),
        models=_with(incident.models, hit.model),
        synthetic=incident.synthetic or hit.synthetic,
    )


def begin_anew(incident: Incident) -> Incident:
    """A fresh candidate that remembers when its sources last looked, and what came later than the
    incident that has ended and has not lasted yet: the next vehicle's time goes on.
    """
    told = incident.published

    def goes_on(x: Lasting) -> bool:
        return told is not None and not x.present and x.since - told.first_seen_at >= APART

    tracks = {
        key: msgspec.structs.replace(track, lasting=tuple(filter(goes_on, track.lasting)))
        for key, track in incident.tracks.items()
    }
    return Incident(incident.event_type, incident.place_id, tracks=tracks)


def _all(incident: Incident) -> list[Lasting]:
    return [x for track in incident.tracks.values() for x in track.lasting]


def _with(seen: tuple[T, ...], one: T) -> tuple[T, ...]:
    return seen if one in seen or len(seen) >= MAX_SOURCES else (*seen, one)


def open_reason(incident: Incident, seen: Track, policy: Policy) -> Reason | None:
    """Whether a candidate is to be opened; None while nothing has lasted that `seen`, the track of
    the look just taken, sees now.
    """
    if incident.published or not any(x.yes for x in seen.present):
        return None
    review_at = policy.events[incident.event_type].calibration.review_at
    return Reason.LASTED if confidence_of(incident, policy) >= review_at else Reason.LOW_CONFIDENCE


def is_lost(incident: Incident, at: datetime) -> bool:
    """Whether nobody who saw what is present has been able to see for a day."""
    seen = [t.seen_at or t.at for t in incident.tracks.values() if t.present]
    return bool(seen) and (at - max(seen)).total_seconds() > EXPIRE_S


def change_reason(incident: Incident, over: Over, at: datetime) -> Reason | None:
    """What the world should be told of an open incident; None when nothing."""
    told = incident.published
    if told is None:
        return None
    if not present(incident):
        return Reason.CONDITION_CLEARED
    if is_lost(incident, at):
        return Reason.EXPIRED
    if measure_of(incident, over) >= GREW_BY * told.measure:
        return Reason.MEASURE_GREW
    return None


def first_lasting(incident: Incident) -> Lasting:
    """What appeared first of what has lasted: the incident began with it."""
    return min(present(incident), key=lambda x: (x.since, x.first_hit_id))


def publish(incident: Incident, reason: Reason, policy: Policy, at: datetime) -> Incident:
    """The incident as the world is told of it now."""
    over = policy.events[incident.event_type].rule.over
    told = incident.published
    if told is None:
        first = first_lasting(incident)
        told = Published(
            alert_id=alert_id_of(policy, incident, first.since),
            sequence=0,
            opened_at=at,
            first_seen_at=first.since,
            first_hit_id=first.first_hit_id,
            first_record=incident.first_record,
            measure=0.0,
            confidence=0.0,
        )
    ended = reason in (Reason.CONDITION_CLEARED, Reason.EXPIRED)
    told = msgspec.structs.replace(
        told,
        sequence=told.sequence + 1,
        measure=told.measure if ended else measure_of(incident, over),
        confidence=told.confidence if ended else confidence_of(incident, policy),
    )
    return msgspec.structs.replace(incident, published=told)
