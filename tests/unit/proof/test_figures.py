"""Figures and intervals, against values worked out elsewhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.proof.figures import Percentiles, Rate, figures, rate_a_day, wilson
from pipeline.proof.matching import Episode, Matched, Truth


@pytest.mark.parametrize(
    ("events", "days", "low", "high"),
    [
        (3, 40, 0.0155, 0.2192),  # research: detectors.md A.9
        (0, 40, 0.0, 0.0922),  # 3.689 / 40
        (1, 1, 0.0253, 5.5716),  # the usual table of exact Poisson limits
        (10, 1, 4.7954, 18.3904),
        (100, 10, 8.1364, 12.1627),
    ],
)
def test_the_poisson_interval_is_exact(events, days, low, high):
    rate = rate_a_day(events, days)
    assert rate.value == round(events / days, 4)
    assert (rate.low, rate.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_nothing_looked_at_has_no_rate():
    assert rate_a_day(0, 0.0) == Rate(None, None, None)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (10, 10, 0.7225, 1.0),
        (0, 10, 0.0, 0.2775),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson(hits, of, low, high):
    assert wilson(hits, of) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(0, 300), st.integers(1, 300))
@settings(max_examples=25)
def test_an_interval_holds_its_value(hits, more):
    low, high = wilson(hits, hits + more)
    assert low - 1e-9 <= hits / (hits + more) <= high + 1e-9
    rate = rate_a_day(hits, more)
    assert rate.low <= rate.value <= rate.high


def told(*outcomes: tuple[str, float]):
    """Episodes of these outcomes, so many seconds after their truths began."""
    return [
        Matched(Episode("gate", "a", 10 + late_s), Truth("gate", 10, 60), outcome)
        for outcome, late_s in outcomes
    ]


def test_figures():
    matches = told(("found", 3), ("found", 5), ("duplicate", 9))
    matches.append(Matched(Episode("gate", "b", 70), None, "false"))
    of = figures(matches, 3, hours=24, frames=100, looking_s=4)
    assert (of.true_incidents, of.found, of.missed) == (3, 2, 1)
    assert (of.false_alerts, of.duplicates) == (1, 1)
    assert (of.precision, of.recall) == (0.5, 0.6667)  # 2 of 4 episodes, 2 of 3 truths
    assert of.f1 == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3), abs=1e-4)
    assert of.time_to_alert_s == Percentiles(4.0, 4.9)
    assert (of.hours, of.frames, of.frames_per_s) == (24, 100, 25)
    assert of.false_alerts_per_camera_day == Rate(1.0, 0.0253, 5.5716)


def test_what_is_not_defined_is_none():
    of = figures([], 0, hours=1, frames=0, looking_s=0)
    assert (of.precision, of.recall, of.f1, of.frames_per_s) == (None, None, None, None)
    assert of.time_to_alert_s == Percentiles(None, None)
    missed = figures([], 2, hours=1, frames=0, looking_s=0)
    assert (missed.precision, missed.recall, missed.f1) == (None, 0.0, 0.0)
