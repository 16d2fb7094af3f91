"""What a camera is believed beforehand, from what people said of its alerts."""

from random import Random
from typing import Any

import pytest

from pipeline.alerts import Result
from pipeline.feedback import Reviewed, Verdict, Verified
from pipeline.incidents.confidence import logit
from pipeline.incidents.reviews import MAX_REVIEWED, Reviews, Word, prior_of, reviewed
from pipeline.incidents.state import LeafState
from tests.builders import LEAF, at, given
from tests.unit.incidents.timeline import Timeline
from tests.unit.incidents.wires import SHIPPED, begun, six_looks, yard

DAY = 86_400.0
C = SHIPPED.calibration
TRUE, FALSE = Verdict("true"), Verdict("false")


def said(*words: Word) -> Reviews:
    """The words on as many alerts."""
    reviews: dict[str, Reviews] = {}
    for word in words:
        reviews = reviewed(reviews, "k", None, word)
    return reviews["k"]


@pytest.mark.parametrize(
    ("confirmed", "rejected", "days", "prior"),
    [
        pytest.param(3, 17, 0, 7.8 / 28, id="the worked example for the wire"),
        pytest.param(0, 0, 0, 0.6, id="nothing said yet"),
        pytest.param(3, 17, 30, (4.8 + 1.5) / (8 + 10), id="half of it after thirty days"),
        pytest.param(3, 17, 3650, 0.6, id="all of it forgotten"),
    ],
)
def test_the_prior_of_a_camera(confirmed: int, rejected: int, days: int, prior: float) -> None:
    one = prior_of("cam", Reviews(at(0), confirmed, rejected, 3, 20), C, at(DAY * days))
    assert one.log_odds == pytest.approx(logit(prior), abs=0.005)
    assert (one.source, one.confirmed, one.reviewed) == ("cam", 3, 20)


def test_in_whatever_order_words_come_they_weigh_the_same() -> None:
    words: list[Word] = [("true" if n % 3 else "false", at(n * n * 5000)) for n in range(30)]
    straight = said(*words)
    for seed in range(10):
        mixed = Random(seed).sample(words, len(words))
        other = said(*mixed)
        assert (other.at, other.times, other.times_true) == (straight.at, 30, 20)
        assert other.confirmed == pytest.approx(straight.confirmed, rel=1e-9)
        assert other.rejected == pytest.approx(straight.rejected, rel=1e-9)
    weigh = sum(0.977 ** ((straight.at - when).total_seconds() / DAY) for w, when in words
                if w == "true")  # fmt: skip
    assert straight.confirmed == pytest.approx(weigh)


def test_of_one_alert_the_last_word_counts_and_once() -> None:
    was = reviewed({}, "k", None, ("false", at(0)))
    now = reviewed(was, "k", ("false", at(0)), ("true", at(DAY)))
    assert now == {"k": Reviews(at(DAY), 1.0, 0.0, 1, 1)}
    assert reviewed(now, "k", ("true", at(DAY)), None)["k"].times == 0


def test_as_many_cameras_are_remembered_as_spoke_last() -> None:
    known: dict[str, Reviews] = {}
    for n in range(MAX_REVIEWED + 3):
        known = reviewed(known, f"flying_wire/cam-{n}", None, ("true", at(n)))
    assert len(known) == MAX_REVIEWED
    assert set(known) == {f"flying_wire/cam-{n}" for n in range(3, MAX_REVIEWED + 3)}


def spoken(*feedback: tuple[Any, Verdict, float]) -> Timeline:
    """Of the alert of two cameras, what people said of it at which second."""
    both = sorted([*six_looks(), *six_looks(source="cam-b")], key=lambda one: one.occurred_at)
    line = begun().push(*both, *six_looks(310, source="cam-b"))
    first = line.alerts[0]
    for kind, verdict, when in feedback:
        field = "verified" if kind is Verified else "reviewed"
        line.push(given(kind, first, when, **{field: verdict}))
    return line


def times(line: Timeline) -> dict[str, tuple[int, int]]:
    state = line.states[LEAF]
    assert isinstance(state, LeafState)
    return {key: (one.times_true, one.times) for key, one in state.reviews.items()}


@pytest.mark.parametrize(
    ("feedback", "expected"),
    [
        pytest.param([(Verified, TRUE, 700)], (1, 1), id="real"),
        pytest.param([(Verified, FALSE, 700)], (0, 1), id="not real"),
        pytest.param([(Reviewed, TRUE, 700), (Verified, FALSE, 800)], (0, 1), id="not after all"),
        pytest.param([(Verified, FALSE, 800), (Reviewed, TRUE, 700)], (0, 1), id="told late"),
        pytest.param([(Reviewed, TRUE, 700), (Verified, TRUE, 800)], (1, 1), id="said twice"),
    ],
)
def test_a_verdict_counts_once_for_each_camera_that_saw_it(
    feedback: list[tuple[Any, Verdict, float]], expected: tuple[int, int]
) -> None:
    counted = times(spoken(*feedback))
    assert counted == {"flying_wire/cam": expected, "flying_wire/cam-b": expected}


@pytest.mark.parametrize("result", ["cannot_tell"])
def test_what_nobody_can_tell_counts_for_nothing(result: Result) -> None:
    assert times(spoken((Verified, Verdict(result), 700))) == {}


def test_where_the_prior_is_fixed_nothing_is_remembered() -> None:
    line = begun(site=yard(prior_weight=0.0, alone_at_most=1.0)).push(*six_looks())
    line.push(given(Verified, line.last, 400, verified=FALSE))
    assert times(line) == {}


def test_the_next_alert_knows_what_was_said_of_the_last() -> None:
    line = begun().push(*six_looks())
    line.push(given(Verified, line.last, 400, verified=TRUE), *six_looks(410))
    state = line.states[LEAF]
    assert isinstance(state, LeafState)
    prior = state.incidents["flying_wire@yard"].sensed[0]
    assert prior.log_odds == pytest.approx(logit(5.8 / 9), abs=1e-3)
    assert (prior.confirmed, prior.reviewed) == (1, 1)
