"""The fold: a record of the log, the state before it and the policy give the state after it.

    bytes ──decode──> Hit ─────────> step: one leaf ─┐
                      Tick ────────> each leaf ──────┼─> changed states, alerts, one decision
                      PolicyChange ─> the head ──────┘

Replay, crash recovery and explain are this same fold.
"""

from dataclasses import dataclass, field

import msgspec

from detectors.hits import Hit
from pipeline.alerts import CloudEvent
from pipeline.incidents.compose import compose
from pipeline.incidents.confidence import logit
from pipeline.incidents.lifecycle import (
    Incident,
    Where,
    begin_anew,
    change_reason,
    open_reason,
    publish,
    support,
    track_key,
)
from pipeline.incidents.persistence import Track, look
from pipeline.incidents.policy import Policy, Watch
from pipeline.incidents.state import HEAD, Head, LeafState, State, States, head, leaf_state
from pipeline.incidents.ticking import age
from pipeline.messages import (
    MAX_RECORD_BYTES,
    NO_JSON,
    DeadLetter,
    Decision,
    LogRecord,
    Outcome,
    PolicyChange,
    Reason,
    Tick,
    decode_log_record,
    is_plausible,
)

OUTCOMES = {
    Reason.LASTED: Outcome.OPENED,
    Reason.MEASURE_GREW: Outcome.UPDATED,
    Reason.CONDITION_CLEARED: Outcome.RESOLVED,
    Reason.EXPIRED: Outcome.RESOLVED,
}


@dataclass(frozen=True, slots=True)
class Step:
    """What one record did. `changed`: new states by key. `alerts`: with the record each one began
    with. `decision`: exactly one, unless the record had been applied.
    """

    decision: Decision | None
    changed: dict[str, State] = field(default_factory=dict)
    alerts: tuple[tuple[CloudEvent, Where], ...] = ()
    dead_letter: DeadLetter | None = None


def step(
    states: States, key: bytes | None, value: bytes | None, where: Where, policy: Policy
) -> Step:
    """Apply the record at `where` (partition, offset). Never raises on any bytes."""
    record = _read(value or b"", where)
    if isinstance(record, Step):
        return record
    if isinstance(record, Tick):
        return _tick(states, record, where, policy)
    if isinstance(record, PolicyChange):
        return _change_policy(states, record, where, policy)
    if key is None or key != record.leaf_code.encode():
        return _refuse(
            where,
            Reason.WRONG_GRID,
            "the record's key is not its leaf_code",
            "key = leaf_code",
            record,
        )
    return _hit(states, record, where, policy)


def _read(value: bytes, where: Where) -> LogRecord | Step:
    """The record that these bytes are, or their refusal."""
    if len(value) > MAX_RECORD_BYTES:
        return _refuse(where, Reason.TOO_LARGE, f"grid.hits.v1: {len(value)} bytes", "send a Hit")
    try:
        return decode_log_record(value)
    except msgspec.ValidationError as error:
        return _refuse(where, Reason.SCHEMA_INVALID, f"grid.hits.v1: {error}", "send a Hit")
    except NO_JSON:
        return _refuse(where, Reason.UNDECODABLE, "grid.hits.v1: not JSON", "send a Hit")


def _hit(states: States, hit: Hit, where: Where, policy: Policy) -> Step:
    state = leaf_state(states, hit.leaf_code)
    if where[1] <= state.offset:
        return Step(decision=None)
    watch = _watch_of(hit, policy)
    if not isinstance(watch, Watch):
        return _refuse(where, *watch, hit)
    name = f"{watch.event_type}@{watch.place_id}"
    incident = state.incidents.get(name) or Incident(watch.event_type, watch.place_id)
    track = incident.tracks.get(track_key(hit.source.id, hit.zone_id))
    if track is not None and int(hit.occurred_at.timestamp()) <= int(track.at.timestamp()):
        return Step(_decide(hit, where, Outcome.SUPPRESSED, Reason.REPEATED))
    seen = look(track, hit, watch.rule, logit(hit.score))
    incident = support(incident, hit, seen, where)
    incident, alert, outcome, reason = _judge(incident, hit, seen, policy)
    alerts = () if alert is None else ((alert, incident.first_record),)
    if outcome is Outcome.RESOLVED:
        incident = begin_anew(incident)
    changed = LeafState(offset=where[1], incidents={**state.incidents, name: incident})
    return Step(
        _decide(hit, where, outcome, reason, alert), changed={hit.leaf_code: changed}, alerts=alerts
    )


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
    if place.id != hit.place_id or place.address.leaf_code != hit.leaf_code:
        return (
            Reason.WRONG_GRID,
            f"{source}: place {hit.place_id} in grid {hit.leaf_code}; policy {policy.version} says "
            f"{place.id} in {place.address.leaf_code}",
            "run ingest and worker on the same site",
        )
    if not is_plausible(hit.occurred_at):  # date arithmetic on the year 9999 would end the worker
        return (
            Reason.CLOCK_SKEW,
            f"{source}: occurred_at {hit.occurred_at.isoformat()}",
            "set the camera's or sensor's clock (NTP)",
        )
    return watch


def _unknown(hit: Hit, policy: Policy) -> Reason:
    """What of a hit's origin the site does not have."""
    if any(source_id == hit.source.id for source_id, _ in policy.watches):
        return Reason.UNKNOWN_ZONE
    return Reason.UNKNOWN_SENSOR if hit.source.kind == "sensor" else Reason.UNKNOWN_CAMERA


def _judge(
    incident: Incident, hit: Hit, seen: Track, policy: Policy
) -> tuple[Incident, CloudEvent | None, Outcome, Reason]:
    """What the world is told because of this hit, if anything, and why."""
    over = policy.events[incident.event_type].rule.over
    at = max(track.at for track in incident.tracks.values())  # a camera may lag behind another
    due = open_reason(incident, seen, policy) or change_reason(incident, over, at)
    if due is Reason.LOW_CONFIDENCE:
        return incident, None, Outcome.SUPPRESSED, due
    if due is not None:
        told = publish(incident, due, policy, at)
        return told, compose(told, due, policy, at), OUTCOMES[due], due
    if hit.quality <= 0.0:
        return incident, None, Outcome.HELD, Reason.CANNOT_SEE
    if incident.published:
        return incident, None, Outcome.MERGED, Reason.SAME_INCIDENT
    return (
        incident,
        None,
        Outcome.HELD,
        Reason.NOTHING_THERE if incident.is_idle else Reason.NOT_YET,
    )


def _tick(states: States, tick: Tick, where: Where, policy: Policy) -> Step:
    """Time passes for every leaf of the partition."""
    changed: dict[str, State] = {}
    alerts: list[tuple[CloudEvent, Where]] = []
    for code in sorted(key for key in states if key != HEAD):
        state = leaf_state(states, code)
        if where[1] <= state.offset:
            continue
        aged, told = age(state, tick.at, policy)
        alerts += told
        if aged.incidents != state.incidents:
            changed[code] = msgspec.structs.replace(aged, offset=where[1])
    reason = Reason.EXPIRED if alerts else Reason.TICKED
    outcome = OUTCOMES.get(reason, Outcome.HELD)
    decision = Decision(outcome, reason, partition=where[0], offset=where[1], at=tick.at)
    return Step(decision, changed, tuple(alerts))


def _change_policy(states: States, change: PolicyChange, where: Where, policy: Policy) -> Step:
    if change.version != policy.version:
        return _refuse(
            where,
            Reason.UNKNOWN_POLICY,
            f"policy {change.version} is not the site this worker runs ({policy.version})",
            "start every worker on the same site",
        )
    if where[1] <= head(states).offset:
        return Step(decision=None)
    decision = Decision(Outcome.HELD, Reason.POLICY_CHANGED, partition=where[0], offset=where[1])
    return Step(decision, {HEAD: Head(offset=where[1], policy_version=change.version)})


def _decide(
    hit: Hit, where: Where, outcome: Outcome, reason: Reason, alert: CloudEvent | None = None
) -> Decision:
    return Decision(
        outcome=outcome,
        reason=reason,
        partition=where[0],
        offset=where[1],
        at=hit.occurred_at,
        leaf_code=hit.leaf_code,
        event_type=hit.event_type,
        place_id=hit.place_id,
        hit_id=hit.hit_id,
        alert_id=alert.data.alert_id if alert else None,
        sequence=alert.data.sequence if alert else None,
    )


def _refuse(where: Where, reason: Reason, message: str, mend: str, hit: Hit | None = None) -> Step:
    letter = DeadLetter(reason=reason, stage="fold", message=message, mend=mend)
    if hit is not None:
        return Step(_decide(hit, where, Outcome.REFUSED, reason), dead_letter=letter)
    decision = Decision(Outcome.REFUSED, reason, partition=where[0], offset=where[1])
    return Step(decision, dead_letter=letter)
