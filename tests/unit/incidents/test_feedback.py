"""Feedback in any order: late by days, twice, mixed up, it leads to the same in the end."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from pipeline.alerts import Direct, GridAlert, Handling, Queue
from pipeline.feedback import (
    Accepted,
    Arrived,
    Assigned,
    Assignment,
    Closed,
    Closing,
    Evaluated,
    Rejected,
    Reopened,
    Reviewed,
    Verdict,
    Verified,
)
from pipeline.incidents.cases import Case
from pipeline.messages import Given, Reason, Tick
from tests.builders import LEAF, SUBSTITUTE, at, given, hit
from tests.unit.incidents.test_handling import MODEL, opened, saying
from tests.unit.incidents.timeline import Timeline

DAY = 86_400.0


@st.composite
def legal(draw: st.DrawFn) -> list[tuple[str, float]]:
    """What people did, each legal when it was done, and when: some of it at the same second."""
    handling: Handling = "open"
    second, done = 40.0, list[tuple[str, float]]()
    for _ in range(draw(st.integers(1, 9))):
        what = draw(st.sampled_from([what for what in sorted(MODEL) if MODEL[what][handling]]))
        after = MODEL[what][handling]
        assert after is not None
        handling = after
        second += draw(st.sampled_from([1.0, 60.0, 7_200.0]))
        done.append((what, second))
    return done


def outcome(alert: GridAlert) -> dict[str, Any]:
    """What people did, and all that follows from that."""
    names = ("handling", "handled", "verdict", "deadline", "routing", "event_level", "reopened")
    return {name: getattr(alert, name) for name in names}


def after(deliveries: list[list[Given]], *, attached: bool) -> GridAlert:
    """The alert after these deliveries, each a day after the one before it."""
    line = opened(attached=attached)
    for day, delivery in enumerate(deliveries, 1):
        line.push(*delivery, Tick(at(DAY * day)))
    return line.push(Tick(at(20 * DAY)), Tick(at(20 * DAY + 1))).last


@pytest.mark.parametrize("attached", [True, False], ids=["watched", "let go"])
@settings(max_examples=50)
@drawn(done=legal(), data=st.data())
def test_mixed_up_repeated_and_late_feedback_leads_to_the_same(
    done: list[tuple[str, float]], attached: bool, data: st.DataObject
) -> None:
    alert = opened(attached=attached).last
    said = [saying(what, alert, second) for what, second in done]
    expected = after([said], attached=attached)
    mixed = data.draw(st.permutations([*said, *data.draw(st.lists(st.sampled_from(said)))]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(mixed)), max_size=4)))
    deliveries = [list(mixed[a:b]) for a, b in pairwise([0, *cuts, len(mixed)])]
    assert outcome(after(deliveries, attached=attached)) == outcome(expected)
    assert len(expected.handled) == len(said)


def crowd() -> Timeline:
    return Timeline().push(hit(0, 6), hit(2, 6), hit(4, 6))


def test_from_accepted_on_the_time_counts() -> None:
    line = crowd()
    first = line.last.deadline
    line.push(given(Accepted, line.last, DAY))
    assert line.lines[-1] == (DAY, "updated", "deadline_recomputed")
    final = line.last.deadline
    assert (first.due_at, final.due_at) == (at(16 * 3600), at(16 * 3600 + DAY))
    assert (getattr(first, "status", ""), getattr(final, "status", "")) == ("provisional", "final")


def test_a_person_sends_it_to_another_officer_and_tier() -> None:
    line = crowd()
    line.push(given(Assigned, line.last, 10, assigned=Assignment(SUBSTITUTE.id, event_level=3)))
    assert line.lines[-1] == (10, "updated", "level_changed")
    routing = line.last.routing
    assert isinstance(routing, Direct)
    assert (routing.assignee.officer_id, routing.reason) == (SUBSTITUTE.id, "assigned")
    assert (line.last.event_level, line.last.deadline.rule) == (3, "zhenhai.level3")


def test_what_is_rejected_is_back_at_the_desk_until_it_says_otherwise() -> None:
    line = crowd()
    alert = line.last
    line.push(given(Rejected, alert, 10))
    assert isinstance(line.last.routing, Queue)
    assert line.last.routing.reason == "rejected"
    line.push(given(Reviewed, alert, 20, reviewed=Verdict("true")))
    assert isinstance(line.last.routing, Direct)
    assert line.last.routing.reason == "leaf_grid"


def test_the_desks_no_ends_it() -> None:
    line = crowd()
    line.push(given(Reviewed, line.last, 10, reviewed=Verdict("false", "reflection")))
    assert line.lines[-1] == (10, "resolved", "false_alarm")
    assert (line.last.handling, line.last.verdict) == ("verified_false", "false")


def test_closed_as_a_false_alarm_is_no_ordinary_end() -> None:
    line = crowd()
    line.push(given(Closed, line.last, 10, closed=Closing("false_alarm")))
    assert line.lines[-1] == (10, "resolved", "false_alarm")


def test_a_person_reopens_what_was_closed_and_its_time_begins_anew() -> None:
    line = crowd()
    alert = line.last
    line.push(given(Closed, alert, 10), given(Reopened, alert, 2 * DAY))
    assert line.lines[1:] == [
        (10, "resolved", "closed_by_dispatch"),
        (2 * DAY, "updated", "reopened"),
    ]
    assert (line.last.handling, line.last.reopened) == ("open", 1)
    assert line.last.deadline.due_at == at(16 * 3600 + 2 * DAY)


def test_what_cannot_be_done_yet_counts_once_what_was_missing_has_come() -> None:
    """An evaluation that overtakes the closing is told so, and is there when that arrives."""
    line = crowd()
    alert = line.last
    line.push(given(Evaluated, alert, 30))
    assert (line.reasons[-1], len(line.lines)) == (Reason.ILLEGAL_TRANSITION, 1)
    line.push(given(Closed, alert, 20))
    assert [one.action for one in line.last.handled] == ["closed", "evaluated"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alert_id": "nobody"}, Reason.UNKNOWN_ALERT),
        ({"grid_code": LEAF[:-1] + "8"}, Reason.UNKNOWN_ALERT),
        ({"at": at(-301)}, Reason.CLOCK_SKEW),
        ({"at": at(0).replace(year=9999)}, Reason.CLOCK_SKEW),
    ],
    ids=["an alert nobody knows", "another grid", "before it was opened", "the year 9999"],
)
def test_feedback_that_cannot_be_meant_is_refused(changes: dict[str, Any], reason: Reason) -> None:
    line = crowd()
    states, alerts = dict(line.states), list(line.alerts)
    line.push(given(Accepted, line.last, 10, **changes))
    assert (line.reasons[-1], line.alerts, line.states) == (reason, alerts, states)
    letter = line.steps[-1].dead_letter
    assert letter is not None
    assert letter.mend


def test_an_officer_whom_nobody_knows_is_refused() -> None:
    line = crowd()
    line.push(given(Assigned, line.last, 10, assigned=Assignment("nobody")))
    assert (line.reasons[-1], len(line.lines)) == (Reason.UNKNOWN_OFFICER, 1)


def test_more_than_64_answers_are_refused() -> None:
    line = crowd()
    alert = line.last
    line.push(*(given(Arrived, alert, 10 + n) for n in range(65)))
    assert line.reasons[-2:] == [Reason.HANDLING_CHANGED, Reason.TOO_MANY]
    assert len(line.last.handled) == 64


def test_feedback_is_welcome_until_30_days_after_it_was_settled() -> None:
    line = crowd().push(hit(6, 0), hit(16, 0))
    alert = line.last
    line.push(given(Closed, alert, 20), Tick(at(29 * DAY)), given(Evaluated, alert, 29 * DAY))
    assert line.last.handled[-1].action == "evaluated"
    line.push(Tick(at(58 * DAY)), given(Verified, alert, 58 * DAY))
    assert line.last.handled[-1].action == "verified"
    line.push(Tick(at(89 * DAY)), given(Verified, alert, 89 * DAY))
    assert line.reasons[-1] is Reason.UNKNOWN_ALERT


def test_what_a_dying_worker_had_no_time_to_forget_is_forgotten_all_the_same() -> None:
    line = crowd().push(hit(6, 0), hit(16, 0), hit(30, 0))
    line.push(given(Closed, line.last, 40))
    cases = {key: state for key, state in line.states.items() if isinstance(state, Case)}
    line.push(Tick(at(31 * DAY)))
    assert cases
    line.states.update(cases)
    line.push(given(Evaluated, line.last, 31 * DAY))
    assert line.reasons[-1] is Reason.UNKNOWN_ALERT


def test_what_nobody_ever_answers_is_given_up_after_90_days() -> None:
    line = crowd().push(hit(6, 0), hit(16, 0), hit(30, 0))
    line.push(*(Tick(at(DAY * day)) for day in range(1, 92)))
    assert line.lines[-1] == (91 * DAY, "resolved", "expired")
    line.push(Tick(at(92 * DAY)), given(Accepted, line.last, 92 * DAY))
    assert [alert.handling for alert in line.alerts][-2:] == ["expired", "accepted"]
