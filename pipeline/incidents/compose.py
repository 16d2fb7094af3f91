"""Publish: the whole grid alert of an incident, from the incident and the policy alone."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pipeline import __version__
from pipeline.alerts import (
    AlertPlace,
    AlertText,
    CloudEvent,
    Event,
    GridAlert,
    Measure,
    Observation,
    Opened,
    Privacy,
    Provenance,
    Queue,
    Resolved,
    Routing,
    Updated,
)
from pipeline.incidents.confidence import SCORE_MODEL
from pipeline.incidents.deadlines import deadline
from pipeline.incidents.lifecycle import Incident, Published, condition_of
from pipeline.incidents.policy import EventType, Place, Policy
from pipeline.incidents.routing import low_confidence, route
from pipeline.messages import Reason

# GB/T 28181 AlarmPriority: 1 is the gravest; derived from severity, never from the event level.
PRIORITY = {"Extreme": 1, "Severe": 2, "Moderate": 3, "Minor": 4, "Unknown": 4}


def compose(incident: Incident, reason: Reason, policy: Policy, at: datetime) -> CloudEvent:
    """The CloudEvent of an incident whose `published` is what the world is told now."""
    alert = _alert(incident, reason, policy, at)
    action = type(alert).__name__.lower()
    return CloudEvent(
        id=f"{alert.alert_id}/{alert.sequence}",
        source=policy.source_uri,
        type=f"cn.gridalert.alert.{action}.v1",
        subject=alert.grid.leaf_code,
        time=at,
        partitionkey=alert.alert_id,
        correlationid=alert.alert_id,
        causationid=alert.provenance.last_hit_id,
        data=alert,
    )


def _alert(incident: Incident, reason: Reason, policy: Policy, at: datetime) -> GridAlert:
    fields = _fields(incident, reason, policy, at)
    if reason is Reason.LASTED:
        return Opened(**fields)
    if reason is Reason.MEASURE_GREW:
        return Updated(**fields, update_reason="measure_grew")
    return Resolved(
        **fields, resolution="expired" if reason is Reason.EXPIRED else "condition_cleared"
    )


def _fields(incident: Incident, reason: Reason, policy: Policy, at: datetime) -> dict[str, Any]:
    told = incident.published
    last = incident.last_seen_at
    if told is None or last is None:
        raise ValueError(f"{incident.event_type}@{incident.place_id} has nothing to publish")
    kind, place = policy.events[incident.event_type], policy.places[incident.place_id]
    routing = route(place, told.confidence, kind.calibration)
    if routing is None:  # an update of what was sure enough once
        routing = low_confidence(place)
    local = told.opened_at.astimezone(ZoneInfo(policy.deadlines.timezone))
    return {
        "alert_id": told.alert_id,
        "alert_no": f"{place.address.district.code}-{local:%Y%m%d%H%M%S}-{told.alert_id[:4]}",
        "sequence": told.sequence,
        "condition": condition_of(incident, policy, at),
        "handling": "expired" if reason is Reason.EXPIRED else "open",
        "event": _event(kind, policy),
        "event_level": kind.event_level,
        "severity": kind.severity,
        "alarm_priority": PRIORITY[kind.severity],
        "confidence": told.confidence,
        "grid": place.address,
        "place": AlertPlace(place.id, place.name),
        "location": place.location,
        "first_seen_at": told.first_seen_at,
        "last_seen_at": last,
        "opened_at": told.opened_at,
        "updated_at": at,
        "deadline": deadline(kind.event_level, told.opened_at, policy.deadlines, policy.calendar),
        "routing": routing,
        "measures": (Measure(kind.measure, told.measure, kind.unit),),
        "observation": Observation(
            hit_count=incident.hits,
            source_count=len(incident.sources),
            duration_s=(last - told.first_seen_at).total_seconds(),
            sources=incident.sources,
        ),
        "evidence": () if incident.best is None else (incident.best,),
        "text": _text(incident, told, kind, place, _todo(reason, routing, place)),
        "privacy": Privacy(
            classification="internal",
            redaction=() if incident.best is None else incident.best.redaction,
            retain_until=told.opened_at + timedelta(days=policy.retain_days),
        ),
        "provenance": Provenance(
            pipeline=f"gridalert@{__version__}",
            score_model=SCORE_MODEL,
            models=incident.models,
            rule=f"{kind.type}@{policy.catalogue_version}",
            policy_version=policy.version,
            first_hit_id=told.first_hit_id,
            last_hit_id=incident.last_hit_id,
        ),
        "exercise": incident.synthetic,
    }


def _event(kind: EventType, policy: Policy) -> Event:
    return Event(
        type=kind.type,
        label=kind.label_zh,
        label_en=kind.label_en,
        category=kind.category,
        codes=kind.codes,
        catalogue_version=policy.catalogue_version,
    )


def _text(
    incident: Incident, told: Published, kind: EventType, place: Place, todo: str
) -> AlertText:
    """What the officer reads: where and what, what that rests on, and what to do."""
    leaf = place.address.micro_grid or place.address.grid
    lasted = (incident.last_seen_at or told.first_seen_at) - told.first_seen_at
    exercise = "【演练】" if incident.synthetic else ""
    return AlertText(
        headline=f"{exercise}{place.address.community.name}{leaf.name} {place.name} "
        f"{kind.label_zh} {told.measure:g}{kind.measure_zh}",
        description=f"{len(incident.sources)}个来源{lasted.total_seconds():.0f}秒内"
        f"{incident.hits}次命中，置信度{told.confidence:.2f}，{todo}",
    )


def _todo(reason: Reason, routing: Routing, place: Place) -> str:
    """What is asked of whom."""
    if reason is Reason.CONDITION_CLEARED:
        return "现场情况已消失，请核实后办结。"
    if reason is Reason.EXPIRED:
        return "已一天看不到现场，请人工核实。"
    if isinstance(routing, Queue):
        return "请值班席核实。"
    return f"请{place.officer.number}号网格员前往核实。"
