"""What stands and what only waits, seen in painted pictures: streets of vehicles, look by look."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.hits import Frame, Look
from detectors.illegal_parking import IllegalParking
from tests.unit.detectors.scene import LABELS, LEFT_HALF, START, WHOLE, boxes, frame, zone

RATES = (0.1, 0.5, 2, 10)
LENGTH_PX, HEIGHT_PX = 60, 40
Where = Callable[[float], float | None]  # its left edge at a second, px; None = not there


@dataclass
class Vehicle:
    """A painted vehicle that moves along a line; `found`: whether the model finds it."""

    x_at: Where
    y_px: float = 120.0
    paint: int = 1
    size_px: tuple[int, int] = (LENGTH_PX, HEIGHT_PX)
    found: Callable[[float], bool] = lambda _: True
    label: str = "car"

    def row(self, at_s: float) -> tuple | None:
        x = self.x_at(at_s)
        if x is None:
            return None
        return (x, self.y_px, x + self.size_px[0], self.y_px + self.size_px[1], 0.6, self.label)


ROAD = cv2.resize(np.random.default_rng(0).integers(90, 130, (30, 40), np.uint8), (400, 300))
NOISE = np.random.default_rng(1).integers(0, 13, (7, 300, 400), np.uint8)


@cache
def painted(paint: int, size_px: tuple[int, int]) -> np.ndarray:
    return cv2.resize(np.random.default_rng(paint).integers(0, 240, (5, 7), np.uint8), size_px)


def street(at_s: float, vehicles: list[Vehicle]) -> Frame:
    """The picture; later vehicles in front of earlier ones."""
    picture = ROAD.copy()
    for vehicle in vehicles:
        if (row := vehicle.row(at_s)) is None:
            continue
        body = painted(vehicle.paint, vehicle.size_px)
        x, y = round(row[0]), round(row[1])
        seen = slice(max(0, -x), max(0, 400 - x))
        body = body[:, seen]
        left = max(0, x)
        picture[y : y + body.shape[0], left : left + body.shape[1]] = body
    picture += NOISE[round(at_s * 10) % len(NOISE)]
    return frame(at_s, cv2.merge([picture] * 3))


def looks(
    vehicles: list[Vehicle], rate: float, seconds: float, polygon: tuple = WHOLE, **params: object
) -> Iterator[tuple[float, Look]]:
    """What is said of a street, look by look; a vehicle that is covered is not found."""
    detector = IllegalParking(zone(polygon, **params))
    for n in range(int(seconds * rate) + 1):
        at_s = n / rate
        rows = [(v, row) for v in vehicles if (row := v.row(at_s)) is not None]
        seen = [
            row
            for index, (v, row) in enumerate(rows)
            if v.found(at_s) and not any(hides(other, row) for _, other in rows[index + 1 :])
        ]
        yield at_s, detector.look(street(at_s, vehicles), boxes(*seen), LABELS)


def hides(front: tuple, behind: tuple) -> bool:
    wide = min(front[2], behind[2]) - max(front[0], behind[0])
    high = min(front[3], behind[3]) - max(front[1], behind[1])
    area = (behind[2] - behind[0]) * (behind[3] - behind[1])
    return wide > 0 and high > 0 and wide * high > 0.5 * area


def measures(*args: object, **fields: object) -> dict[float, float]:
    return {at_s: look.measure for at_s, look in looks(*args, **fields)}


def parked(x: float, since: float = 0.0, until: float = 1e9) -> Where:
    return lambda at_s: x if since <= at_s < until else None


def arriving(stop_x: float, at: float, until: float, speed: float = 90.0) -> Where:
    """Comes from the right at `speed` px/s, stops at second `at`, drives on to the left."""

    def x_at(at_s: float) -> float | None:
        x = stop_x + max(0.0, at - at_s) * speed - max(0.0, at_s - until) * speed
        return x if -LENGTH_PX < x < 400 else None

    return x_at


def settled_by(rate: float) -> float:
    """Three looks and 3 s."""
    return max(3.0, 2 / rate)


@pytest.mark.parametrize("rate", RATES)
def test_a_van_stands_once_settled_and_is_gone_after_its_place_was_seen_free(rate):
    leaves = 80 if rate > 1 else 150
    van = Vehicle(arriving(100, 30, leaves))
    seen = measures([van], rate, leaves + 40 if rate > 1 else 260)
    step = 1 / rate
    assert not any(m for s, m in seen.items() if s < 30 + 3)
    assert all(m == 1 for s, m in seen.items() if 30 + settled_by(rate) + step <= s <= leaves)
    gone_by = leaves + 1 + max(10, 3 * step) + 2 * step
    assert not any(m for s, m in seen.items() if s > gone_by)
    assert all(m == 1 for s, m in seen.items() if leaves <= s < leaves + 8)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seed", range(3))
def test_a_van_that_the_model_misses_every_second_time_stands_all_the_time(rate, seed):
    rng = np.random.default_rng(seed)
    found = {n: bool(rng.random() < 0.5) or n % 5 == 0 for n in range(4000)}
    van = Vehicle(parked(100), found=lambda s: s < 30 or found[round(s * rate)])
    seen = measures([van], rate, {0.1: 900, 0.5: 400, 2: 120, 10: 60}[rate])
    assert all(m == 1 for s, m in seen.items() if s >= 30)


@pytest.mark.parametrize("rate", RATES)
def test_a_bus_that_stops_in_front_of_it_for_45_s_hides_nothing(rate):
    van = Vehicle(parked(100))
    bus = Vehicle(arriving(80, 60, 105), 110, 2, (120, 70), label="bus")
    every = list(looks([van, bus], rate, 160, LEFT_HALF))
    place = every[-1][1].objects[0].xyxy
    for at_s, look in every:
        if at_s >= settled_by(rate):
            assert place in [seen.xyxy for seen in look.objects]
            assert look.measure <= 2
            assert all(o.arrived_at is None for o in look.objects if o.xyxy == place)


@pytest.mark.parametrize("rate", [0.5, 2, 10])
def test_what_hides_it_and_is_no_vehicle_only_hides_it(rate):
    """A tent is put up in front of it for 45 s; nobody finds either."""
    van = Vehicle(parked(100), found=lambda s: not 60 <= s < 105)
    tent = Vehicle(parked(90, 60, 105), 110, 3, (80, 60), found=lambda _: False)
    seen = dict(looks([van, tent], rate, 120))
    assert all(look.measure == 1 for s, look in seen.items() if s >= 105 or 5 <= s < 60)
    assert seen[max(seen)].objects[0].arrived_at is None


@pytest.mark.parametrize("rate", [0.5, 2, 10])
def test_another_vehicle_at_the_place_of_one_that_left_has_arrived_later(rate):
    first = Vehicle(arriving(100, 20, 60), paint=1)
    second = Vehicle(arriving(102, 76, 200), paint=2)
    every = looks([first, second], rate, 100)
    arrived = {at_s: [o.arrived_at for o in look.objects] for at_s, look in every}
    at = {s: [(a - START).total_seconds() for a in times] for s, times in arrived.items()}
    assert at[58] == [pytest.approx(20, abs=2 / rate)]
    assert at[100] == [pytest.approx(76, abs=2 / rate + 1)]


@pytest.mark.parametrize("rate", [0.5, 2, 10])
@pytest.mark.parametrize("edge_px", [6, 15, LENGTH_PX / 2])
def test_a_driver_who_edges_up_to_half_a_length_has_not_left(rate, edge_px):
    def edging(at_s: float) -> float:
        return 100 + min(max(at_s - 60, 0) * 8, edge_px)

    arrived = Vehicle(lambda s: None if s < 20 else edging(s))
    seen = dict(looks([arrived], rate, 120))
    standing = {s: look for s, look in seen.items() if s >= 20 + settled_by(rate) + 1 / rate}
    assert all(look.measure == 1 for look in standing.values())
    assert len({look.objects[0].arrived_at for look in standing.values()}) == 1


@pytest.mark.parametrize("rate", RATES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), shake_px=st.floats(0, 2), jitter=st.floats(0, 0.05))
def test_shake_and_jitter_restart_nothing(rate, seed, shake_px, jitter):
    rng = np.random.default_rng(seed)
    shaken = [rng.uniform(-shake_px, shake_px) for _ in range(1300)]
    detector = IllegalParking(zone())
    seen = []
    for n in range(int(min(120 * rate, 200)) + 1):
        at_s = n / rate
        van = Vehicle(lambda _, n=n: 100 + shaken[n])
        box = np.array(van.row(at_s)[:4]) + rng.uniform(-jitter, jitter, 4) * HEIGHT_PX
        seen.append(detector.look(street(at_s, [van]), boxes((*box, 0.6, "car")), LABELS).measure)
    assert all(m == 1 for m in seen[int(10 * rate) + 3 :])


@pytest.mark.parametrize("rate", [0.5, 2, 10])
def test_a_tailgate_that_opens_and_who_loads_it_restart_nothing(rate):
    closed = Vehicle(lambda s: 100 if 20 <= s < 50 else None)
    opened = Vehicle(lambda s: 101 if s >= 50 else None, paint=2)
    seen = [look for s, look in looks([closed, opened], rate, 80) if s > 30]
    assert all(look.measure == 1 for look in seen)
    assert len({look.objects[0].arrived_at for look in seen}) == 1


def test_there_from_the_start_is_told_less_surely_than_what_was_seen_to_arrive():
    start = dict(looks([Vehicle(parked(100))], 2, 40))[40]
    came = dict(looks([Vehicle(arriving(100, 20, 90))], 2, 40))[40]
    assert (start.measure, came.measure) == (1, 1)
    assert (start.score, came.score) == (0.48, 0.6)
    assert came.objects[0].arrived_at == frame(20).at
    assert start.objects[0].arrived_at is None


# Queues -------------------------------------------------------------------------------------


def longest_s(vehicles: list[Vehicle], rate: float, seconds: float) -> float:
    """For how long the same visit was said to stand at most."""
    since: dict[tuple, float] = {}
    longest = 0.0
    for at_s, look in looks(vehicles, rate, seconds):
        here = {(o.xyxy, o.arrived_at) for o in look.objects}
        since = {one: since.get(one, at_s) for one in here}
        longest = max([longest, *(at_s - s for s in since.values())])
    return longest


def red_light(lanes: int, cars: int, red_s: float, every_s: float, at: float = 20) -> list[Vehicle]:
    """Cars that stop behind each other from second `at`, and leave one after the other."""
    green = at + red_s
    return [
        Vehicle(
            arriving(20 + 78 * n, at + every_s * (lanes * n + lane), green + 1.5 * n),
            60 + 90 * lane,
            10 * lane + n,
        )
        for n in range(cars)
        for lane in range(lanes)
    ]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("lanes", [1, 2])
def test_at_a_red_light_of_90_s_six_cars_stand_for_less_than_a_minute(rate, lanes):
    cars = red_light(lanes, 6 // lanes if lanes == 2 else 5, 90, 4)
    assert longest_s(cars, rate, 150) < 45


def test_a_queue_that_creeps_a_length_every_10_s_stands_nowhere():
    """Five minutes of a jam: who is at a place changes every 10 s."""
    step = LENGTH_PX + 18

    def creeping(n: int) -> Where:
        def x_at(at_s: float) -> float | None:
            moved, part = divmod(at_s, 10)
            x = 20 + step * (n - moved - min(max(part - 8, 0) / 2, 1))
            return x if -LENGTH_PX < x < 400 else None

        return x_at

    jam = [Vehicle(creeping(n), paint=n) for n in range(36)]
    for rate, seconds in ((2, 300), (10, 60)):
        assert longest_s(jam, rate, seconds) < 45


def test_three_parked_side_by_side_for_long_are_told_once_no_light_is_so_long():
    row = [Vehicle(arriving(20 + 78 * n, 20 + 10 * n, 1e9), paint=n) for n in (0, 1, 2)]
    seen = measures(row, 2, 260)
    assert all(m == 0 for s, m in seen.items() if 43 < s < 168)
    assert all(m == 3 for s, m in seen.items() if s > 192)


def test_a_parked_row_there_from_the_start_is_no_queue():
    row = [Vehicle(parked(20 + 78 * n), paint=n) for n in range(4)]
    assert all(m == 4 for s, m in measures(row, 2, 30).items() if s >= 3)


def test_who_stood_long_before_a_queue_formed_beside_it_stays_told():
    parked_one = Vehicle(arriving(20, 20, 1e9), paint=50)
    queue = [Vehicle(arriving(98 + 78 * n, 100 + 5 * n, 160), paint=n) for n in range(3)]
    seen = measures([parked_one, *queue], 2, 180)
    assert all(m >= 1 for s, m in seen.items() if s >= 24)
    assert seen[150] == 1


def test_two_who_park_are_no_queue_and_what_is_left_of_a_queue_still_is():
    two = [Vehicle(arriving(20 + 78 * n, 20 + 5 * n, 1e9), paint=n) for n in (0, 1)]
    assert measures(two, 2, 60)[60] == 2
    third = Vehicle(arriving(176, 30, 60), paint=2)
    seen = measures([*two, third], 2, 120)
    assert seen[50] == seen[110] == 0


# Zones --------------------------------------------------------------------------------------


def zoned(exclude: tuple = (), **params: object) -> float:
    detector = IllegalParking(msgspec.structs.replace(zone(WHOLE, **params), exclude=exclude))
    street_of = [Vehicle(parked(100)), Vehicle(parked(220), 200, 2, (120, 80), label="bus")]
    rows = [v.row(0) for v in street_of]
    for n in range(9):
        look = detector.look(street(n / 2, street_of), boxes(*rows), LABELS)
    return look.measure


def test_what_is_excluded_too_small_or_of_another_class_does_not_count():
    left = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    sliver = ((0.25, 0.0), (0.3, 0.0), (0.3, 1.0), (0.25, 1.0))
    assert zoned() == 2
    assert zoned(exclude=(left,)) == 1
    assert zoned(exclude=(sliver,)) == 2
    assert zoned(min_height=0.2) == 1
    assert zoned(classes="car") == zoned(classes="bus, truck") == 1


@pytest.mark.parametrize("params", [{"classes": "lorry"}, {"classes": ""}, {"min_height": 2}])
def test_a_wrong_filter_is_refused(params):
    with pytest.raises(ValueError, match="zone-1"):
        IllegalParking(zone(**params))


def test_a_vehicle_that_is_now_a_car_and_now_a_truck_counts_by_what_it_mostly_is():
    detector = IllegalParking(zone(classes="car"))
    van = Vehicle(parked(100))
    for n in range(20):
        row = (*van.row(0)[:5], "truck" if n % 3 == 0 else "car")
        look = detector.look(street(n / 2, [van]), boxes(row), LABELS)
    assert look.measure == 1


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(RATES))
def test_orders_and_classes_that_change_every_look_change_nothing(rng, rate):
    here = [Vehicle(parked(20 + 90 * n), paint=n) for n in range(3)]
    here.append(Vehicle(arriving(120, 20, 60), 200, 9))
    ours, theirs = IllegalParking(zone()), IllegalParking(zone())
    for n in range(int(80 * min(rate, 2)) + 1):
        picture = street(n / rate, here)
        rows = [row for v in here if (row := v.row(n / rate))]
        other = [(*row[:5], rng.choice(["car", "truck"])) for row in rng.sample(rows, len(rows))]
        first = ours.look(picture, boxes(*rows), LABELS)
        second = theirs.look(picture, boxes(*other), LABELS)
        assert first.measure == second.measure
        assert {o.xyxy for o in first.objects} == {o.xyxy for o in second.objects}
