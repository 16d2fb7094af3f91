"""Made days of a circuit, real traces, and what detector and rule make of both."""

from pathlib import Path

import numpy as np
import pytest

from models.charging.curves import APPLIANCES, CHARGERS, DAY_S, STEPS, charge, make_day
from models.charging.measure import rule_of_catalogue, watched
from models.charging.traces import TRAINED_ON, as_steps, read_trace, traces

TRACEBASE = Path(__file__).parents[4] / "shared" / "data" / "sensors" / "tracebase"
RULE = rule_of_catalogue()


@pytest.mark.parametrize("kind", CHARGERS)
def test_a_charge_is_flat_then_decays_then_floats(kind: str) -> None:
    rng = np.random.default_rng(3)
    of = CHARGERS[kind]
    for _ in range(20):
        watts, full = charge(rng, kind)
        flat = watts[: int(of.flat_h[0] * 360 * 0.4)]
        assert flat.std() / flat.mean() < 0.05  # detectors.md A.7
        assert watts.max() <= of.flat_w[1] * 1.05
        if len(watts) > full:
            assert watts[full:].max() < 0.35 * watts[:full].max()


def test_the_same_seed_makes_the_same_day() -> None:
    one, other = (make_day(np.random.default_rng(8), "fast", ["fridge", "tv"]) for _ in range(2))
    assert one.at_s.tobytes() == other.at_s.tobytes()
    assert one.watts.tobytes() == other.watts.tobytes()
    assert (one.truth == other.truth).all()


@pytest.mark.parametrize("name", APPLIANCES)
def test_an_appliance_draws_what_one_can(name: str) -> None:
    for seed in range(3):
        watts = APPLIANCES[name](np.random.default_rng(seed))
        assert watts.shape == (STEPS,)
        assert np.isfinite(watts).all()
        assert watts.min() >= 0
        assert 0 < watts.max() < 20_000


def test_readings_of_a_day_come_in_order_within_it() -> None:
    rng = np.random.default_rng(5)
    for _ in range(10):
        day = make_day(rng, "lithium", ["kettle"])
        assert (np.diff(day.at_s) > 0).all()
        assert 0 <= day.at_s[0] < day.at_s[-1] < DAY_S + 5
        assert set(np.unique(day.truth)) <= {-1, 0, 1}


def test_a_charge_among_others_is_found_and_ends() -> None:
    rng = np.random.default_rng(77)
    found = 0
    for _ in range(3):
        day = make_day(rng, "lithium", ["fridge", "kettle", "lights", "router"])
        seen = watched(zip(day.at_s.tolist(), day.watts.tolist(), strict=True), RULE)
        charging = np.flatnonzero(day.truth == 1) * 60
        found += any(a <= charging[-1] and b >= charging[0] for a, b in seen.alarms)
    assert found >= 2


@pytest.mark.skipif(not TRACEBASE.is_dir(), reason="../shared/data is not here: no real traces")
def test_no_real_appliance_is_taken_for_an_e_bike() -> None:
    judged = 0
    for name, path in traces(TRACEBASE):
        if path.name in TRAINED_ON or path.name.startswith("dev_D337C9"):
            continue  # the latter are of one charger that draws 2 W throughout
        at_s, watts = read_trace(path)
        order = np.argsort(at_s, kind="stable")[::20]  # a reading every 30 s or so
        seen = watched(zip(at_s[order].tolist(), watts[order].tolist(), strict=True), RULE)
        assert not seen.alarms, f"{name}: {path.name}"
        judged += 1
    assert judged > 0


@pytest.mark.skipif(not TRACEBASE.is_dir(), reason="../shared/data is not here: no real traces")
def test_a_charge_beside_a_real_refrigerator_is_found() -> None:
    fridge = as_steps(*read_trace(TRACEBASE / "Refrigerator_2011.12.29.csv"))
    day = make_day(np.random.default_rng(4), "lithium", [], [fridge])
    seen = watched(zip(day.at_s.tolist(), day.watts.tolist(), strict=True), RULE)
    charging = np.flatnonzero(day.truth == 1) * 60
    assert any(a <= charging[-1] and b >= charging[0] for a, b in seen.alarms)
