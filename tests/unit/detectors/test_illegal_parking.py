"""Vehicles that stand in a zone, as a time line of looks."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.hits import Detections
from detectors.illegal_parking import IllegalParking
from tests.unit.detectors.scene import LABELS, LEFT_HALF, WHOLE, boxes, frame, grey_picture, zone

RATES = (0.5, 1, 2, 5, 10)
VAN = (60.0, 100.0, 140.0, 160.0, 0.6, "truck")  # 60 px high, in the left half
Scene = Callable[[float], list]


def measures(scene: Scene, looks_per_s: float, seconds: float, polygon: tuple = LEFT_HALF) -> dict:
    """The measure at each look's time in seconds."""
    detector = IllegalParking(zone(polygon))
    times = [n / looks_per_s for n in range(int(seconds * looks_per_s) + 1)]
    return {at_s: detector.look(frame(at_s), boxes(*scene(at_s)), LABELS).measure for at_s in times}


def moved(row: tuple, x_px: float = 0.0, y_px: float = 0.0) -> tuple:
    return (row[0] + x_px, row[1] + y_px, row[2] + x_px, row[3] + y_px, *row[4:])


@pytest.mark.parametrize("rate", RATES)
def test_a_van_there_from_the_first_frame_stands_after_3_s(rate):
    seen = measures(lambda _: [VAN], rate, 12)
    assert all(measure == (at_s >= 3) for at_s, measure in seen.items() if at_s < 3 or at_s >= 4)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seed", range(5))
def test_a_van_jittering_by_3_percent_of_its_height_stands(rate, seed):
    rng = np.random.default_rng(seed)

    def jittering(_: float) -> list:
        return [(*(np.array(VAN[:4]) + rng.uniform(-0.03, 0.03, 4) * 60), *VAN[4:])]

    assert all(m == 1 for at_s, m in measures(jittering, rate, 60).items() if at_s >= 6)


@pytest.mark.parametrize("rate", RATES)
@settings(max_examples=25, deadline=None)
@given(speed=st.floats(0.035, 12), start=st.floats(-1.0, 0.5))
def test_a_car_crossing_the_zone_never_stands(rate, speed, start):
    """`speed` in its heights a second, from just not still to 60 km/h."""

    def crossing(at_s: float) -> list:
        return [moved(VAN, x_px=(start + speed * at_s) * 60)]

    assert not any(measures(crossing, rate, 8, WHOLE).values())


@pytest.mark.parametrize("rate", [2, 10])
def test_dense_traffic_through_one_place_never_stands(rate):
    """A car of 80 px every 2.1 s at 8 of its heights a second."""

    def traffic(at_s: float) -> list:
        return [moved(VAN, x_px=(at_s % 2.1) * 480 - 400)]

    assert not any(measures(traffic, rate, 60, WHOLE).values())


@pytest.mark.parametrize("rate", RATES)
def test_drop_outs_of_one_or_two_looks_do_not_show(rate):
    gone = {12, 13, 20, 26, 27}
    seen = measures(lambda at_s: [] if round(at_s * rate) in gone else [VAN], rate, 30 / rate + 8)
    assert all(m == 1 for at_s, m in seen.items() if at_s >= 4 and round(at_s * rate) >= 11)


def test_a_walker_who_cuts_the_box_for_2_s_does_not_show():
    def walked_past(at_s: float) -> list:
        return [(*VAN[:3], 130.0, *VAN[4:])] if 10 <= at_s < 12 else [VAN]

    assert all(m == 1 for at_s, m in measures(walked_past, 2, 30).items() if at_s >= 3)


def test_a_box_cut_for_good_is_the_same_vehicle_and_never_two():
    def cut(at_s: float) -> list:
        return [(*VAN[:3], 150.0, *VAN[4:])] if at_s >= 10 else [VAN]

    assert all(m == 1 for at_s, m in measures(cut, 2, 40).items() if at_s >= 3)


def test_after_a_minute_without_a_look_it_has_to_settle_again():
    detector = IllegalParking(zone())
    times = (0, 1, 2, 3, 63, 124, 125, 127)
    seen = [detector.look(frame(t), boxes(VAN), LABELS).measure for t in times]
    assert seen == [0, 0, 0, 1, 1, 0, 0, 1]


def test_two_vehicles_beside_each_other_are_two():
    seen = measures(lambda _: [VAN, moved(VAN, x_px=50)], 2, 5)
    assert seen[5] == 2


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(VAN, 1, id="inside"),
        pytest.param(moved(VAN, x_px=200), 0, id="beside the zone"),
        pytest.param(moved(VAN, x_px=97), 1, id="just over half of the wheels inside"),
        pytest.param(moved(VAN, x_px=105), 0, id="just under half of the wheels inside"),
        pytest.param((*VAN[:5], "person"), 0, id="a person is no vehicle"),
    ],
)
def test_where_it_stands(row, expected):
    assert measures(lambda _: [row], 2, 4)[4] == expected


def test_objects_are_the_same_from_look_to_look_with_the_median_confidence():
    detector = IllegalParking(zone())
    rng = np.random.default_rng(3)
    looks = [
        detector.look(
            frame(n / 2),
            boxes((*(np.array(VAN[:4]) + rng.uniform(-1, 1, 4)), 0.5 + 0.1 * (n % 3), "truck")),
            LABELS,
        )
        for n in range(30)
    ]
    standing = [look for look in looks if look.measure]
    assert len({look.objects[0].xyxy for look in standing}) == 1
    assert standing[-1].objects[0].xyxy == pytest.approx((0.15, 0.333, 0.35, 0.533), abs=0.005)
    assert standing[-1].objects[0].confidence == pytest.approx(0.6)
    assert standing[-1].score == pytest.approx(0.8 * 0.6)


def test_the_most_frequent_class_names_the_vehicle():
    detector = IllegalParking(zone())
    for n in range(12):
        label = "car" if n % 3 == 0 else "truck"
        look = detector.look(frame(n / 2), boxes((*VAN[:5], label)), LABELS)
    assert look.objects[0].label == "truck"


def test_another_frame_size_starts_anew():
    detector = IllegalParking(zone())
    for t in range(5):
        detector.look(frame(t), boxes(VAN), LABELS)
    assert detector.look(frame(5, grey_picture(width_px=800)), boxes(VAN), LABELS).measure == 0


_edge = st.integers(0, 20)
_row = st.tuples(_edge, _edge, st.integers(45, 99), st.sampled_from(["car", "bus", "truck"])).map(
    lambda r: (r[0] * 15, r[1] * 10, r[0] * 15 + 60, r[1] * 10 + 40, r[2] / 100, r[3])
)


@settings(max_examples=40, deadline=None)
@given(st.lists(_row, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_detections_changes_nothing(rows, rng):
    ours, theirs = IllegalParking(zone()), IllegalParking(zone())
    for n in range(9):
        here = [moved(row, x_px=n % 3) for row in rows]
        shuffled = rng.sample(here, len(here))
        first = ours.look(frame(n / 2), boxes(*here), LABELS)
        second = theirs.look(frame(n / 2), boxes(*shuffled), LABELS)
        assert first == second


def test_noise_for_a_minute_keeps_memory_bounded_and_time_short():
    detector = IllegalParking(zone())
    rng = np.random.default_rng(1)
    for n in range(120):
        corner = rng.uniform(0, 300, (100, 2)).astype(np.float32)
        noise = Detections(
            np.hstack([corner, corner + 40]), np.full(100, 0.5, np.float32), np.ones(100, np.int64)
        )
        look = detector.look(frame(n / 2), noise, LABELS)
    assert len(look.objects) <= 50
