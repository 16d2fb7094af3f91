"""The fold: a record of the log, the state before it and the policy give the state after it.

    bytes ──decode──> Hit ─────────────────> one leaf ─────────────┐
                      Reported, Given ─────> one leaf or case ─────┼─> changed states, alerts,
                      Tick, PolicyChange ──> all of the partition ─┘   one decision

Replay, crash recovery and explain are this same fold.
"""

from datetime import datetime, timedelta

import msgspec

from detectors.hits import Hit
from pipeline.incidents.cases import KEPT
from pipeline.incidents.decision import Step, Where, refuse
from pipeline.incidents.looking import apply_hit
from pipeline.incidents.state import Policies, States, head
from pipeline.incidents.telling import apply_feedback, apply_report
from pipeline.incidents.ticking import apply_policy, apply_tick
from pipeline.messages import (
    MAX_RECORD_BYTES,
    NO_JSON,
    Given,
    LogRecord,
    PolicyChange,
    Reason,
    Reported,
    Tick,
    decode_log_record,
    is_plausible,
)

__all__ = ["Step", "step"]

# Of the last tick. While no worker ran none was written, but the log is kept for seven days only; a
# clock that is wrong by more would freeze what it tells. Ingest and relay hold the finer limits.
AHEAD = timedelta(days=8)


def step(
    states: States, key: bytes | None, value: bytes | None, where: Where, policies: Policies
) -> Step:
    """Apply the record at `where` (partition, offset). Never raises on any bytes."""
    now = head(states)
    if where[1] <= now.offset:
        return Step(decision=None)
    record = _read(value or b"", where)
    if isinstance(record, Step):
        return record
    if isinstance(record, PolicyChange):
        return _change(states, record, where, policies)
    policy = policies.in_force(now.policy_version)
    wrong = _wrong_time(record, now.at)
    if wrong is not None:
        return refuse(record, where, *wrong)
    if isinstance(record, Tick):
        return apply_tick(states, record, where, policy)
    code = record.feedback.grid_code if isinstance(record, Given) else record.leaf_code
    if key is None or key != code.encode():
        what = "the record's key is not the grid code in it"
        return refuse(record, where, Reason.WRONG_GRID, what, "key = grid code")
    if isinstance(record, Hit):
        return apply_hit(states, record, where, policy)
    if isinstance(record, Reported):
        return apply_report(states, record, where, policy)
    return apply_feedback(states, record, where, policy)


def _wrong_time(
    record: Hit | Reported | Given | Tick, ticked_at: datetime | None
) -> tuple[Reason, str, str] | None:
    """Why its time cannot be taken, if it cannot."""
    who, at = _who_and_when(record)
    what = f"{who}: at {at.isoformat()}"
    known = ticked_at if not isinstance(record, Tick) else None
    if not is_plausible(at) or (known is not None and at > known + AHEAD):
        mend = "set the clock of the camera, sensor, terminal or worker (NTP)"
        return Reason.CLOCK_SKEW, what, mend
    if known is not None and at < known - KEPT and not isinstance(record, Given):
        mend = "set its clock (NTP); for recorded material set tick_s = 0 in gridalert.toml"
        return Reason.TOO_OLD, what, mend
    return None


def _who_and_when(record: Hit | Reported | Given | Tick) -> tuple[str, datetime]:
    """Who says so, and the time that they say it was."""
    if isinstance(record, Hit):
        return f"{record.source.kind} {record.source.id}, zone {record.zone_id}", record.occurred_at
    if isinstance(record, Reported):
        return f"report {record.report.report_id}", record.report.at
    if isinstance(record, Given):
        return f"feedback {record.feedback.feedback_id}", record.feedback.at
    return "tick", record.at


def _read(value: bytes, where: Where) -> LogRecord | Step:
    """The record that these bytes are, or their refusal."""
    mend = "send a record of docs/contracts/hit.schema.json"
    if len(value) > MAX_RECORD_BYTES:
        return refuse(None, where, Reason.TOO_LARGE, f"grid.hits.v1: {len(value)} bytes", mend)
    try:
        return decode_log_record(value)
    except msgspec.ValidationError as error:
        return refuse(None, where, Reason.SCHEMA_INVALID, f"grid.hits.v1: {error}", mend)
    except NO_JSON:
        return refuse(None, where, Reason.UNDECODABLE, "grid.hits.v1: not JSON", mend)


def _change(states: States, change: PolicyChange, where: Where, policies: Policies) -> Step:
    policy = policies.known.get(change.version)
    if policy is None:
        what = f"policy {change.version} is not known here; this is {policies.current.version}"
        mend = "start every worker on the same site, with the same versions folder"
        return refuse(change, where, Reason.UNKNOWN_POLICY, what, mend)
    return apply_policy(states, change, where, policy)
