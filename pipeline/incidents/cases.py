"""A case: what the world was told of an incident, and what people answered.

While looking may still change it a case is part of its incident; afterwards it is kept on its own
until 30 days after it is settled, so that feedback stays welcome.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from detectors.hits import Evidence
from pipeline.alerts import GridAlert, Opened, Resolved, Routing, Updated
from pipeline.feedback import Feedback
from pipeline.incidents.deadlines import deadline, reminders
from pipeline.incidents.handling import SETTLED, Seen, Standing, stand
from pipeline.incidents.in_force import rule_at
from pipeline.incidents.masks import Paths
from pipeline.incidents.policy import BY_REPORT, REPORTS_ONLY, Policy, Rule
from pipeline.incidents.routing import assign, back_to_desk, route
from pipeline.messages import Outcome, Reason, outcome_of

KEPT = timedelta(days=30)  # DESIGN.md: feedback stays welcome until 30 days after closed
NOBODY_CAME = timedelta(days=90)  # without any feedback for so long an alert is given up


class Case(msgspec.Struct, frozen=True, omit_defaults=True):
    """`alert`: as last published. `routing`, `level`: what machines made of them; people may have
    changed both in the alert. `pair`: the first picture and a later one, once told. `seen`: when
    looking found it gone and present again. `given`: all feedback. `was_seen`: whether looking saw
    it, since it was reopened last. `cleared_at`: when its condition ended, None while it has not.
    `breached_at`: the instant whose breach was told. `next_at`: when time alone changes something.
    `paths`: of the cables that it rests on, as last told, by camera and zone.
    `offset`: on its own, the last record applied. `mute_s`, `recheck_s`: of the rule when it was
    opened: what people did keeps its meaning whatever the rules become.
    """

    alert: GridAlert
    first_record: tuple[int, int]
    routing: Routing
    level: int
    was_seen: bool
    mute_s: float
    recheck_s: float
    cleared_at: datetime | None = None
    pair: tuple[Evidence, ...] = ()
    seen: tuple[Seen, ...] = ()
    given: tuple[Feedback, ...] = ()
    reminded_at: datetime | None = None
    breached_at: datetime | None = None
    next_at: datetime | None = None
    paths: Paths = {}
    offset: int = -1


def rule_of_case(case: Case, policy: Policy, at: datetime) -> Rule:
    """The rule of its event type; that of reports where the catalogue has lost it."""
    name = case.alert.event.type
    kind = policy.events.get(name)
    rule = rule_at(name, kind.rule, policy, at) if kind else REPORTS_ONLY
    return msgspec.structs.replace(rule, mute_s=case.mute_s, recheck_s=case.recheck_s)


def standing_of(case: Case, policy: Policy, now: datetime) -> Standing:
    """Where its handling stands."""
    return stand(case.alert.opened_at, case.given, case.seen, rule_of_case(case, policy, now))


def tell(case: Case, reason: Reason, policy: Policy, at: datetime, **changes: Any) -> Case:
    """The case once the world has been told, for this reason; `changes`: fields of the alert."""
    standing = standing_of(case, policy, at)
    fields = {name: getattr(case.alert, name) for name in Opened.__struct_fields__}
    fields |= _handled_fields(case, standing, policy) | changes
    fields |= {"sequence": case.alert.sequence + 1, "updated_at": at}
    alert: GridAlert = (
        Resolved(**fields, resolution=reason.value)  # type: ignore[arg-type]
        if outcome_of(reason) is Outcome.RESOLVED
        else Updated(**fields, update_reason=reason.value)  # type: ignore[arg-type]
    )
    if reason in (Reason.REMINDER, Reason.DEADLINE_BREACHED):
        case = msgspec.structs.replace(case, reminded_at=at)
    if reason is Reason.DEADLINE_BREACHED:
        case = msgspec.structs.replace(case, breached_at=case.alert.deadline.due_at)
    return scheduled(msgspec.structs.replace(case, alert=alert), standing, policy)


def scheduled(case: Case, standing: Standing, policy: Policy) -> Case:
    """The case with the time at which it is to be looked at again."""
    if standing.handling in SETTLED:
        next_at = case.alert.updated_at + KEPT
    else:
        last_at = standing.handled[-1].at if standing.handled else standing.since
        next_at = min([last_at + NOBODY_CAME, *_marks_left(case, policy)])
    return msgspec.structs.replace(case, next_at=next_at)


def due_by_time(case: Case, policy: Policy, at: datetime) -> Reason | None:
    """What time alone brings: a reminder, the breach, or that nobody ever came."""
    if case.next_at is None or at < case.next_at:
        return None
    standing = standing_of(case, policy, at)
    if standing.handling in SETTLED:
        return None
    passed = [mark for mark in _marks_left(case, policy) if mark <= at]
    if passed:
        last = reminders(case.alert.deadline, policy.deadlines)[-1]
        return Reason.DEADLINE_BREACHED if last in passed else Reason.REMINDER
    last_at = standing.handled[-1].at if standing.handled else standing.since
    return Reason.EXPIRED if at >= last_at + NOBODY_CAME else None


def is_forgotten(case: Case, policy: Policy, at: datetime) -> bool:
    """Whether it was settled so long ago that no feedback is expected any more."""
    if case.next_at is None or at < case.next_at:
        return False
    return standing_of(case, policy, at).handling in SETTLED


def _marks_left(case: Case, policy: Policy) -> list[datetime]:
    """The reminders to come, and the breach unless it was told of this very instant."""
    marks = reminders(case.alert.deadline, policy.deadlines)
    told_at = case.reminded_at or case.alert.opened_at
    left = [mark for mark in marks[:-1] if mark > told_at]
    return left + [due_at for due_at in marks[-1:] if due_at != case.breached_at]


def given_reason(before: Standing, after: Standing, alert: GridAlert, now: GridAlert) -> Reason:
    """What the world is told after feedback: the weightiest of what it changed."""
    if after.handling != before.handling:
        if after.handling == "closed" and after.outcome != "false_alarm":
            return Reason.CLOSED_BY_DISPATCH
        if after.handling in ("closed", "verified_false"):
            return Reason.FALSE_ALARM
        if after.reopened > before.reopened:
            return Reason.REOPENED
    if now.event_level != alert.event_level:
        return Reason.LEVEL_CHANGED
    if now.routing != alert.routing:
        return Reason.OFFICER_CHANGED
    if now.deadline != alert.deadline:
        return Reason.DEADLINE_RECOMPUTED
    return Reason.HANDLING_CHANGED


def as_of(case: Case, policy: Policy, at: datetime) -> GridAlert:
    """Its alert as feedback and the policy make it now, before anybody is told."""
    fields = _handled_fields(case, standing_of(case, policy, at), policy)
    return msgspec.structs.replace(case.alert, **fields)


def _handled_fields(case: Case, standing: Standing, policy: Policy) -> dict[str, Any]:
    level = standing.level or case.level
    taken = standing.taken_at is not None
    return {
        "handling": standing.handling,
        "handled": standing.handled,
        "verdict": standing.verdict,
        "reopened": standing.reopened,
        "event_level": level,
        "deadline": deadline(
            level,
            standing.taken_at or standing.since,
            policy.deadlines,
            policy.calendar,
            "final" if taken else "provisional",
        ),
        "routing": _routing(case, standing, policy),
    }


def _routing(case: Case, standing: Standing, policy: Policy) -> Routing:
    """By confidence, unless people have sent it elsewhere."""
    leaf = policy.leaves.get(case.alert.grid.leaf_code)
    if leaf is None:
        return case.alert.routing  # the grid is no longer on the map: it stays with whom it was
    officer = policy.officers.get(standing.officer_id or "")
    if officer is not None:
        return assign(leaf, officer)
    if standing.desk is not None:
        return back_to_desk(leaf, standing.desk)
    if standing.reviewed_at is not None:  # a person is as sure as can be
        kind = policy.events.get(case.alert.event.type)
        to, zone = kind.to if kind else "officer", policy.deadlines.timezone
        sent = route(leaf, 1.0, BY_REPORT, standing.reviewed_at, zone, to)
        return sent or case.routing
    return case.routing
