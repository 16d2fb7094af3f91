"""Publish: the whole grid alert of an incident, from the incident and the policy alone."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from detectors.hits import Evidence
from pipeline import __version__
from pipeline.alerts import (
    Address,
    AlertPlace,
    AlertText,
    CloudEvent,
    Event,
    GridAlert,
    Location,
    Measure,
    Observation,
    Opened,
    Privacy,
    Provenance,
    Routing,
    Severity,
)
from pipeline.incidents.cases import Case, scheduled, standing_of, tell
from pipeline.incidents.confidence import SCORE_MODEL
from pipeline.incidents.deadlines import deadline
from pipeline.incidents.in_force import calibration_at, profile_name
from pipeline.incidents.incident import (
    Incident,
    alert_id_of,
    begun_at,
    condition_of,
    first_lasting,
    measure_of,
    rule_in_general,
)
from pipeline.incidents.policy import EventType, Leaf, Policy
from pipeline.incidents.routing import route
from pipeline.incidents.senses import confidence_of, contributions_of
from pipeline.incidents.wording import text_of
from pipeline.messages import Reason

# GB/T 28181 AlarmPriority: 1 is the gravest; derived from severity, never from the event level.
PRIORITY = {"Extreme": 1, "Severe": 2, "Moderate": 3, "Minor": 4, "Unknown": 4}
BY_COUNT = "reports"  # the measure where only people say that something is there
_NOT_YET = AlertText("", "", "")  # the text is written last, from everything else


def open_case(incident: Incident, leaf: Leaf, policy: Policy, at: datetime) -> Case:
    """The case of a candidate that is told for the first time."""
    kind = policy.events[incident.event_type]
    sure = confidence_of(incident, policy, at)
    calibration = calibration_at(kind.type, policy, at)
    routing = route(leaf, sure, calibration, at, policy.deadlines.timezone, kind.to)
    if routing is None:
        raise ValueError(f"{incident.event_type}@{incident.place_id} is too unsure to be told")
    level = graded(kind, measure_of(incident, kind.rule.over))[1]
    rule = rule_in_general(incident, policy, at)
    case = Case(
        alert=worded(_opened(incident, leaf, policy, at, (level, routing))),
        first_record=incident.first_record,
        routing=routing,
        level=level,
        was_seen=first_lasting(incident) is not None,
        mute_s=rule.mute_s,
        recheck_s=rule.recheck_s,
        paths=incident.paths,
    )
    return scheduled(case, standing_of(case, policy, at), policy)


def _opened(
    incident: Incident, leaf: Leaf, policy: Policy, at: datetime, due: tuple[int, Routing]
) -> Opened:
    level, routing = due
    first_seen_at = begun_at(incident, at)
    alert_id = alert_id_of(policy, incident, first_seen_at)
    opened_at = max(at, incident.last_seen_at or at)
    local = opened_at.astimezone(ZoneInfo(policy.deadlines.timezone))
    return Opened(
        alert_id=alert_id,
        alert_no=f"{leaf.address.district.code}-{local:%Y%m%d%H%M%S}-{alert_id[:4]}",
        sequence=1,
        handling="open",
        event=_event(policy.events[incident.event_type], policy),
        event_level=level,
        grid=_address(incident, leaf),
        place=_place(incident, leaf, policy),
        location=_location(incident, policy),
        first_seen_at=first_seen_at,
        opened_at=opened_at,
        updated_at=opened_at,
        deadline=deadline(level, opened_at, policy.deadlines, policy.calendar, "provisional"),
        routing=routing,
        text=_NOT_YET,
        handled=(),
        verdict=None,
        reopened=0,
        recheck=None,
        **seen_fields(incident, None, policy, at),
    )


def retell(
    incident: Incident, case: Case, reason: Reason, policy: Policy, at: datetime, **changes: Any
) -> Case:
    """The case of an incident that looking may still change, once the world has been told.

    `at`: as of when looking is judged; told as of then, or later if something newer is known.
    """
    seen = seen_fields(incident, case, policy, at)
    told = tell(case, reason, policy, told_at(incident, case, at), **{**seen, **changes})
    return msgspec.structs.replace(told, alert=worded(told.alert), paths=incident.paths)


def told_at(incident: Incident, case: Case, at: datetime) -> datetime:
    """`at`, or the newest thing known of it: what is told never goes back in time."""
    return max(at, case.alert.updated_at, incident.last_seen_at or at)


def retell_alone(case: Case, reason: Reason, policy: Policy, at: datetime) -> Case:
    """The same of a case that is on its own: nobody looks for it any more."""
    condition = "unknown" if case.cleared_at is None else "cleared"
    told = tell(case, reason, policy, at, condition=condition)
    return msgspec.structs.replace(told, alert=worded(told.alert))


def worded(alert: GridAlert) -> GridAlert:
    """The alert with what officers read of it."""
    return msgspec.structs.replace(alert, text=text_of(alert))


def envelope(case: Case, policy: Policy, cause: str) -> CloudEvent:
    """The CloudEvent of a case's alert; `cause`: the id of the hit, report or feedback."""
    alert = case.alert
    action = type(alert).__name__.lower()
    return CloudEvent(
        id=f"{alert.alert_id}/{alert.sequence}",
        source=policy.source_uri,
        type=f"cn.gridalert.alert.{action}.v1",
        subject=alert.grid.leaf_code,
        time=alert.updated_at,
        partitionkey=alert.alert_id,
        correlationid=alert.alert_id,
        causationid=cause or alert.provenance.last_hit_id,
        data=alert,
    )


def graded(kind: EventType, measure: float) -> tuple[Severity, int]:
    """How grave so much of it is, and which tier has to handle it."""
    reached = [grade for grade in kind.grades if measure >= grade.measure_at]
    last = max(reached, key=lambda grade: grade.measure_at, default=None)
    return (last.severity, last.event_level) if last else (kind.severity, kind.event_level)


def seen_fields(
    incident: Incident, case: Case | None, policy: Policy, at: datetime
) -> dict[str, Any]:
    """What looking and reports have to say. `case`: what was told; what has gone keeps it."""
    told = case.alert if case else None
    kind = policy.events[incident.event_type]
    condition = condition_of(incident, policy, at)
    gone = told if condition == "cleared" else None
    sure = gone.confidence if gone else confidence_of(incident, policy, at)
    because = gone.contributions if gone else contributions_of(incident, policy, at)
    measure = 0.0 if gone else measure_of(incident, kind.rule.over)
    severity = graded(kind, measure)[0]
    if told is not None and PRIORITY[told.severity] < PRIORITY[severity]:
        severity = told.severity  # it stays as grave as it has been
    evidence = _pictures(incident, case.pair if case else ())
    after = tuple(e for e in told.evidence if e.kind == "after") if told else ()
    opened_at = told.opened_at if told else at
    return {
        "condition": condition,
        "severity": severity,
        "alarm_priority": PRIORITY[severity],
        "confidence": sure,
        "last_seen_at": incident.last_seen_at or at,
        "measures": (_measure(incident, told, kind, measure),),
        "observation": _observation(incident, told, policy, at),
        "evidence": evidence + after,
        "privacy": Privacy(
            classification="internal",
            redaction=tuple(dict.fromkeys(r for e in evidence for r in e.redaction)),
            retain_until=opened_at + timedelta(days=policy.retain_days),
        ),
        "provenance": _provenance(incident, told, policy, at),
        "exercise": incident.synthetic,
        "contributions": because,
    }


def _pictures(incident: Incident, pair: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The best of each source, first; and the two that show how long it has been there."""
    best = sorted(incident.pictures.values(), key=lambda p: p.rank, reverse=True)
    shown = tuple(picture.evidence for picture in best)
    return shown + tuple(one for one in pair if one not in shown)


def _measure(
    incident: Incident, told: GridAlert | None, kind: EventType, measure: float
) -> Measure:
    """What is measured; what just went keeps what it was; reports alone measure nothing."""
    if measure:
        return Measure(kind.measure, measure, kind.unit, kind.measure_zh)
    if told is not None and told.measures[0].name != BY_COUNT:
        return told.measures[0]
    zh = kind.measure_zh if kind.measure == BY_COUNT else "起上报"
    return Measure(BY_COUNT, float(len(incident.reports)), "1", zh)


def _observation(
    incident: Incident, told: GridAlert | None, policy: Policy, at: datetime
) -> Observation:
    first = told.first_seen_at if told else begun_at(incident, at)
    return Observation(
        hit_count=incident.hits,
        source_count=len(incident.sources),
        duration_s=((incident.last_seen_at or at) - first).total_seconds(),
        sources=incident.sources,
        places=tuple(_named(policy, id_) for id_ in incident.places if id_ in policy.places),
    )


def _provenance(
    incident: Incident, told: GridAlert | None, policy: Policy, at: datetime
) -> Provenance:
    kind = policy.events[incident.event_type]
    return Provenance(
        pipeline=f"gridalert@{__version__}",
        score_model=SCORE_MODEL,
        models=incident.models,
        rule=f"{incident.event_type}@{policy.catalogue_version}",
        policy_version=policy.version,
        profile=profile_name(policy, at),
        first_hit_id=_first_hit_id(incident, told),
        last_hit_id=incident.last_hit_id,
        caution=kind.caution_en,
        caution_zh=kind.caution_zh,
    )


def _first_hit_id(incident: Incident, told: GridAlert | None) -> str:
    if told is not None:
        return told.provenance.first_hit_id
    first = first_lasting(incident)
    return first.first_hit_id if first else incident.first_hit_id


def _place(incident: Incident, leaf: Leaf, policy: Policy) -> AlertPlace:
    """The place that saw it first; a spot that only reports know is called by its grid."""
    for id_ in incident.places:
        if id_ in policy.places:
            return _named(policy, id_)
    unit = leaf.address.micro_grid or leaf.address.grid
    return AlertPlace(incident.place_id, f"{leaf.address.community.name}{unit.name}")


def _named(policy: Policy, place_id: str) -> AlertPlace:
    return AlertPlace(place_id, policy.places[place_id].name)


def _location(incident: Incident, policy: Policy) -> Location | None:
    known = (policy.places[id_].location for id_ in incident.places if id_ in policy.places)
    spot = incident.spot.location if incident.spot else None
    return next((location for location in known if location), spot)


def _address(incident: Incident, leaf: Leaf) -> Address:
    if incident.spot is None:
        return leaf.address
    return msgspec.structs.replace(leaf.address, resolved_by=incident.spot.resolved_by)


def _event(kind: EventType, policy: Policy) -> Event:
    return Event(
        type=kind.type,
        label=kind.label_zh,
        label_en=kind.label_en,
        category=kind.category,
        situation=kind.situation_zh or kind.label_zh,
        codes=kind.codes,
        catalogue_version=policy.catalogue_version,
    )
