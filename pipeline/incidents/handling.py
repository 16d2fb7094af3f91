"""Handling: what people did about an alert, folded in the order in which they did it.

Feedback comes late, twice and in any order. So an alert keeps all of it, and where it stands is a
function of that set, of when looking saw it present or gone, and of the time: not of arrival.

    open ──accepted──> accepted ──assigned, arrived, handled──> in_progress ──verified──> verified_*
      ^────────────────rejected───────────────┘                      └──closed──> closed
      └──reopened: by a person, or because it is still there or there again
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from pipeline.alerts import Handled, Handling, Result
from pipeline.feedback import Assigned, Closed, Evaluated, Feedback, Reviewed, Verified, action_of
from pipeline.incidents.policy import Rule

MAX_HANDLED = 64  # as many things as people can do about one alert
SETTLED: frozenset[Handling] = frozenset({"closed", "verified_false", "expired"})

# What an action leads to, by the handling it is done in; where it has none it is illegal. Verified
# is here as a result of true; false and cannot_tell are worked out in `_after`.
_AT_WORK: dict[Handling, Handling] = {
    "open": "in_progress",
    "accepted": "in_progress",
    "in_progress": "in_progress",
    "verified_true": "verified_true",
    "expired": "in_progress",
}
_VERIFIED: dict[Handling, Handling] = {
    "open": "verified_true",
    "accepted": "verified_true",
    "in_progress": "verified_true",
    "verified_true": "verified_true",
    "verified_false": "verified_true",
    "expired": "verified_true",
    "closed": "closed",  # Erqi: closed first, then verified on site
}
NEXT: dict[str, dict[Handling, Handling]] = {
    "accepted": {
        "open": "accepted",
        "accepted": "accepted",
        "in_progress": "in_progress",
        "verified_true": "verified_true",
        "expired": "accepted",
    },
    "rejected": {"open": "open", "accepted": "open", "in_progress": "open"},
    "assigned": _AT_WORK,
    "arrived": _AT_WORK,
    "handled": _AT_WORK,
    "verified": _VERIFIED,
    "reviewed": {"open": "open", "accepted": "accepted", "expired": "open"},
    "evaluated": {h: h for h in ("closed", "verified_true", "verified_false")},
    "closed": dict.fromkeys((*_AT_WORK, "verified_false"), "closed"),
    "reopened": dict.fromkeys(("closed", "verified_false", "expired"), "open"),
}
_TAKES_ON = frozenset({"accepted", "assigned", "arrived", "handled"})


class Seen(msgspec.Struct, frozen=True):
    """What looking found after an alert was opened, by the hit `hit_id`: present again; still there
    though people had done with it; gone, `at` being when it was seen last; lost: nobody could see
    for too long. Or it was reported once more, or given up because nobody ever answered.
    """

    at: datetime
    what: Literal["present", "still", "reported", "gone", "lost", "given_up"]
    hit_id: str


class Standing(msgspec.Struct, frozen=True):
    """Where an alert's handling stands. `taken_at`: when it was first taken on since `since`, when
    it was opened last. `level`, `officer_id`: what people made of them. `desk`: why it is back at
    the duty desk. `illegal`: ids of feedback that could not be done where its time puts it.
    """

    since: datetime
    handling: Handling = "open"
    handled: tuple[Handled, ...] = ()
    verdict: Result | None = None
    verdict_at: datetime | None = None
    taken_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    level: int | None = None
    officer_id: str | None = None
    desk: Literal["rejected"] | None = None
    reviewed_at: datetime | None = None
    reopened: int = 0
    illegal: frozenset[str] = frozenset()


def stand(
    opened_at: datetime, given: Iterable[Feedback], seen: Iterable[Seen], rule: Rule
) -> Standing:
    """Where handling stands after all that people did and looking found, in any order."""
    entries: list[tuple[datetime, str, Feedback | Seen]] = [
        *((one.at, "", one) for one in seen),
        *((one.at, one.feedback_id, one) for one in given),
    ]
    standing = Standing(since=opened_at)
    for _, _, entry in sorted(entries, key=lambda e: e[:2]):
        standing = _saw(standing, entry, rule) if isinstance(entry, Seen) else _did(standing, entry)
    return standing


def _saw(standing: Standing, seen: Seen, rule: Rule) -> Standing:
    settled = standing.handling in SETTLED
    if seen.what in ("lost", "given_up"):
        gives_up = standing.handling == "open" or (seen.what == "given_up" and not settled)
        return replace(standing, handling="expired") if gives_up else standing
    if standing.outcome == "resolved" and seen.what in ("gone", "still"):
        # Seen at all after it was closed and had its time to go: it had not been done.
        closed_at = standing.closed_at or seen.at
        recheck_at = closed_at + timedelta(seconds=rule.recheck_s)
        return _open_again(standing, recheck_at) if seen.at >= recheck_at else standing
    if seen.what == "still" and rests(standing):
        return standing
    if seen.what == "gone" or (seen.what != "reported" and is_muted(standing, rule, seen.at)):
        return standing
    if settled:
        return _open_again(standing, seen.at)
    return replace(standing, reopened=standing.reopened + (seen.what != "still"))


def _open_again(standing: Standing, at: datetime) -> Standing:
    return replace(
        standing,
        handling="open",
        since=at,
        taken_at=None,
        closed_at=None,
        outcome=None,
        officer_id=None,
        desk=None,
        reviewed_at=None,
        reopened=standing.reopened + 1,
    )


def is_muted(standing: Standing, rule: Rule, at: datetime) -> bool:
    """Whether a person said there was nothing, so shortly before that looking is not believed."""
    said_at = standing.verdict_at if standing.handling == "verified_false" else None
    if standing.outcome == "false_alarm":
        said_at = standing.closed_at
    return said_at is not None and at < said_at + timedelta(seconds=rule.mute_s)


def rests(standing: Standing) -> bool:
    """Whether people are done with it though it is there: transferred, ignored, not solvable."""
    return standing.handling == "closed" and standing.outcome not in ("resolved", "false_alarm")


def _did(standing: Standing, done: Feedback) -> Standing:
    """After one thing that a person did; the same, but for `illegal`, where it cannot be done."""
    action = action_of(done)
    after = _after(standing.handling, done)
    if after is None:
        return replace(standing, illegal=standing.illegal | {done.feedback_id})
    if action == "reopened":
        standing = _open_again(standing, done.at)
    entry = Handled(action, done.at, done.actor.role, done.feedback_id, after)
    if isinstance(done, Verified | Reviewed):
        result = done.verified.result if isinstance(done, Verified) else done.reviewed.result
        entry = replace(entry, result=result)
        standing = replace(standing, verdict=result, verdict_at=done.at)
        if isinstance(done, Reviewed) and result == "true":
            standing = replace(standing, reviewed_at=done.at, desk=None)
    elif isinstance(done, Assigned):
        level = done.assigned.event_level or standing.level
        standing = replace(standing, officer_id=done.assigned.officer_id, level=level, desk=None)
    elif isinstance(done, Closed):
        standing = replace(standing, closed_at=done.at, outcome=done.closed.outcome)
    elif isinstance(done, Evaluated):
        entry = replace(entry, satisfied=done.evaluation.satisfied)
    elif action == "rejected":
        standing = replace(standing, desk="rejected", officer_id=None, reviewed_at=None)
    if action in _TAKES_ON and standing.taken_at is None:
        standing = replace(standing, taken_at=done.at)
    return replace(standing, handling=after, handled=(*standing.handled, entry))


def _after(handling: Handling, done: Feedback) -> Handling | None:
    after = NEXT[action_of(done)].get(handling)
    if after is None or handling == "closed" or not isinstance(done, Verified | Reviewed):
        return after
    result = done.verified.result if isinstance(done, Verified) else done.reviewed.result
    if result == "false":
        return "verified_false"
    return handling if result == "cannot_tell" else after
