"""Handling against a small model of its own: every action in every state, and any sequence."""

from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from pipeline.alerts import GridAlert, Handling
from pipeline.feedback import (
    Accepted,
    Arrived,
    Assigned,
    Closed,
    Evaluated,
    HandledOnSite,
    Rejected,
    Reopened,
    Reviewed,
    Verdict,
    Verified,
)
from pipeline.messages import Given, Outcome, Reason, Tick
from tests.builders import at, given, hit
from tests.unit.incidents.timeline import Timeline

HEADINGS: list[Handling] = [
    "open", "accepted", "in_progress", "verified_true", "verified_false", "closed", "expired",
]  # fmt: skip
SHORT = dict(zip(["open", "acc", "work", "true", "false", "closed", "exp"], HEADINGS, strict=True))
# What the issue says of the handling axis, written down anew: `-` is illegal.
TABLE = """
    in         open   acc    work   true   false  closed exp
    accepted   acc    acc    work   true   -      -      acc
    rejected   open   open   open   -      -      -      -
    assigned   work   work   work   true   -      -      work
    arrived    work   work   work   true   -      -      work
    handled    work   work   work   true   -      -      work
    is_true    true   true   true   true   true   closed true
    is_false   false  false  false  false  false  closed false
    no_idea    open   acc    work   true   false  closed exp
    desk_true  open   acc    -      -      -      -      open
    desk_false false  false  -      -      -      -      false
    desk_idea  open   acc    -      -      -      -      exp
    evaluated  -      -      -      true   false  closed -
    closed     closed closed closed closed closed -      closed
    reopened   -      -      -      -      open   open   open
"""
MODEL = {
    row.split()[0]: {h: SHORT.get(n) for h, n in zip(HEADINGS, row.split()[1:], strict=True)}
    for row in TABLE.strip().splitlines()[1:]
}
SAID: dict[str, tuple[Any, dict[str, Any]]] = {
    "accepted": (Accepted, {}),
    "rejected": (Rejected, {}),
    "assigned": (Assigned, {}),
    "arrived": (Arrived, {}),
    "handled": (HandledOnSite, {}),
    "is_true": (Verified, {"verified": Verdict("true")}),
    "is_false": (Verified, {"verified": Verdict("false")}),
    "no_idea": (Verified, {"verified": Verdict("cannot_tell")}),
    "desk_true": (Reviewed, {"reviewed": Verdict("true")}),
    "desk_false": (Reviewed, {"reviewed": Verdict("false")}),
    "desk_idea": (Reviewed, {"reviewed": Verdict("cannot_tell")}),
    "evaluated": (Evaluated, {}),
    "closed": (Closed, {}),
    "reopened": (Reopened, {}),
}
DAY = 86_400.0
LEADS_TO = {
    "open": [],
    "accepted": ["accepted"],
    "in_progress": ["accepted", "arrived"],
    "verified_true": ["is_true"],
    "verified_false": ["is_false"],
    "closed": ["closed"],
}


def saying(what: str, alert: GridAlert, second: float) -> Given:
    kind, fields = SAID[what]
    return given(kind, alert, second, feedback_id=f"{what}-{second}", **fields)


def opened(*, attached: bool) -> Timeline:
    """An alert about a crowd that its camera can't see now, or that went and was let go."""
    line = Timeline().push(hit(0, 6), hit(2, 6), hit(4, 6))
    if attached:
        return line.push(hit(5, 0, quality=0.0))
    return line.push(hit(6, 0), hit(16, 0), hit(30, 0))


def _after_expiry(attached: bool) -> float:
    return DAY + 90 if attached else 91 * DAY + 60


def in_handling(handling: Handling, *, attached: bool) -> Timeline:
    line = opened(attached=attached)
    if handling == "expired":
        return line.push(Tick(at(DAY + 60))) if attached else line.push(*2 * [Tick(at(91 * DAY))])
    for n, what in enumerate(LEADS_TO[handling]):
        line.push(saying(what, line.last, 40 + n))
    return line


@pytest.mark.parametrize("attached", [True, False], ids=["watched", "let go"])
@pytest.mark.parametrize("handling", HEADINGS)
@pytest.mark.parametrize("what", MODEL)
def test_every_action_in_every_state_is_done_or_illegal(
    what: str, handling: Handling, attached: bool
) -> None:
    line = in_handling(handling, attached=attached)
    before = line.last
    assert before.handling == handling
    after = MODEL[what][handling]
    line.push(saying(what, before, _after_expiry(attached) if handling == "expired" else 50))
    done = line.steps[-1]
    assert done.decision is not None
    if after is None:
        assert done.decision.outcome is Outcome.REFUSED
        assert done.decision.reason is Reason.ILLEGAL_TRANSITION
        assert done.dead_letter is not None
        assert handling in done.dead_letter.message
        assert done.alerts == ()
    else:
        assert done.dead_letter is None
        assert line.last.handling == after
        assert line.last.handled[-1].handling == after
        assert line.last.sequence == before.sequence + 1


@settings(max_examples=50)
@drawn(st.lists(st.sampled_from(sorted(MODEL)), max_size=12), st.booleans())
def test_any_sequence_leads_where_the_model_leads(said: list[str], attached: bool) -> None:
    line = opened(attached=attached)
    handling: Handling = "open"
    done: list[str] = []
    for n, what in enumerate(said):
        before = line.last
        line.push(saying(what, before, 40 + n))
        after = MODEL[what][handling]
        if after is None:
            assert (line.last, line.reasons[-1]) == (before, Reason.ILLEGAL_TRANSITION)
            continue
        handling = after
        done.append(f"{what}-{40 + n}")
        assert line.last.handling == handling
        assert [one.feedback_id for one in line.last.handled] == done
