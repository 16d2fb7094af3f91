"""What the network of charging e-bikes is shown, when it is asked, and what it says."""

import math
import tracemalloc
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.electricity import (
    ENOUGH_MIN,
    MINUTES,
    ChargingSignature,
    Minutes,
    is_enough,
    planes_of,
)
from detectors.hits import Inferring, Look, Reading

START = datetime(2026, 6, 1, tzinfo=UTC)
BLIND = Look(measure=0.0, score=0.0, quality=0.0)


def reading(at_s: float, watts: float, quality: str = "good") -> Reading:
    return Reading("r", "s", "power", START + timedelta(seconds=at_s), watts, "W", quality)


def charged_w(minute: float) -> float:
    """A lithium battery: idle for 1 h, flat at 150 W rising to 160 for 3 h, decay, float at 2 W."""
    if minute < 60:
        return 3.0
    if minute < 240:
        return 3 + 150 + 10 * (minute - 60) / 180
    return 3 + max(2.0, 160 * math.exp(-(minute - 240) / 15))


def said(every_s: float, until_min: int, without: range = range(0)) -> dict[int, Look]:
    """What is said in each minute of the charge, of readings that often."""
    detector, looks = ChargingSignature({}), {}
    for n in range(int(until_min * 60 / every_s)):
        minute = n * every_s / 60
        if int(minute) not in without:
            looks[int(minute)] = detector.look(reading(n * every_s, charged_w(minute)))
    return looks


@pytest.mark.parametrize("every_s", [30, 60, 300], ids=["30 s", "1 min", "5 min"])
def test_a_made_charge_is_recognised_and_its_end_too(every_s: int) -> None:
    looks = said(every_s, 480)
    before, flat, after = looks[55], looks[180], looks[475]
    assert (before.quality, flat.quality, after.quality) == (1, 1, 1)
    assert before.measure < 0.1
    assert flat.measure > 0.5
    assert after.measure < 0.3
    assert all(look.score == look.measure for look in looks.values())


def test_a_gap_of_twenty_minutes_in_a_charge_hides_nothing() -> None:
    looks = said(60, 200, without=range(150, 170))
    assert looks[199].quality == 1
    assert looks[199].measure > 0.5


def test_after_an_hour_of_silence_nothing_is_said_until_half_an_hour_is_known() -> None:
    looks = said(60, 300, without=range(120, 190))
    assert looks[190] == BLIND
    assert looks[190 + ENOUGH_MIN - 1].quality == 0
    assert looks[190 + ENOUGH_MIN].quality == 1


def test_a_new_start_says_nothing_for_half_an_hour() -> None:
    looks = said(60, ENOUGH_MIN + 1)
    assert all(looks[minute] == BLIND for minute in range(ENOUGH_MIN))
    assert looks[ENOUGH_MIN].quality == 1


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(reading(7200, 150, "bad"), id="bad"),
        pytest.param(reading(7200, math.nan), id="NaN"),
        pytest.param(reading(7200, math.inf), id="infinite"),
        pytest.param(reading(7200, -5), id="negative"),
        pytest.param(reading(7140, 9000), id="repeated"),
        pytest.param(reading(3600, 9000), id="late"),
    ],
)
def test_a_reading_that_tells_nothing_changes_nothing(odd: Reading) -> None:
    with_it, without = ChargingSignature({}), ChargingSignature({})
    for minute in range(120):
        for detector in (with_it, without):
            detector.look(reading(minute * 60, charged_w(minute)))
    assert with_it.look(odd) == BLIND
    for minute in range(121, 130):
        same = reading(minute * 60, charged_w(minute))
        assert with_it.look(same) == without.look(same)


def test_an_uncertain_reading_is_half_seen() -> None:
    detector = ChargingSignature({})
    for minute in range(60):
        detector.look(reading(minute * 60, 5))
    assert detector.look(reading(3600, 5, "uncertain")).quality == 0.5


def test_the_network_runs_once_a_minute() -> None:
    detector = ChargingSignature({})
    looks = [detector.look(reading(second, charged_w(second / 60))) for second in range(45 * 60)]
    told = [looks[second].measure for second in range(31 * 60, 45 * 60)]
    for minute in range(14):
        assert len(set(told[60 * minute : 60 * minute + 60])) == 1


def test_hits_say_a_probability_of_this_network() -> None:
    detector = ChargingSignature({})
    assert isinstance(detector, Inferring)
    assert (detector.reads, detector.unit) == ("W", "1")
    assert detector.model.startswith("charging@")


def test_days_of_readings_take_no_more_memory_than_one() -> None:
    minutes = Minutes()
    for minute in range(MINUTES):
        minutes.add(60.0 * minute, 1.0)
    tracemalloc.start()
    for minute in range(MINUTES, 5 * MINUTES):
        minutes.add(60.0 * minute, 1.0)
    grown_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown_bytes < 50_000
    assert minutes.watts().shape == (MINUTES,)


def test_a_minute_is_the_mean_of_its_readings_and_holds_five_more() -> None:
    minutes = Minutes()
    assert [minutes.add(at_s, w) for at_s, w in ((0, 10), (59, 20), (660, 40), (720, 0))] == [
        False, False, True, True,
    ]  # fmt: skip
    watts = minutes.watts()
    assert np.isnan(watts[:-12]).all()
    assert watts[-12:-6].tolist() == [15.0] * 6
    assert np.isnan(watts[-6:-1]).all()
    assert watts[-1] == 40


def test_a_clock_that_jumps_years_ahead_leaves_nothing_known() -> None:
    minutes = Minutes()
    minutes.add(0, 100)
    minutes.add(1e9, 100)
    assert not is_enough(minutes.watts())
    assert np.isnan(minutes.watts()).all()


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1e5), min_size=ENOUGH_MIN + 1, max_size=ENOUGH_MIN + 20))
def test_what_the_network_is_shown_is_finite_and_bounded(watts: list[float]) -> None:
    minutes = Minutes()
    for minute, watt in enumerate(watts):
        minutes.add(60.0 * minute, watt)
    planes = planes_of(minutes.watts())
    assert planes.shape == (4, MINUTES)
    assert np.isfinite(planes).all()
    assert np.abs(planes).max() <= 5
