"""Who stands together, who walks, how closely they stand: scripted people before a made camera."""

from collections.abc import Callable, Iterator
from math import cos, radians, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from detectors.crowding import CrowdDensity, Crowding
from detectors.ground import LearnedPlane, measured_plane
from detectors.hits import Detections, Frame, Ground, Look, Zone
from tests.unit.detectors.scene import LABELS, boxes, frame, zone

WIDTH_PX, HEIGHT_PX, FOCAL_PX = 1280, 720, 1000
PICTURE = np.full((HEIGHT_PX, WIDTH_PX, 3), 120, np.uint8)
CAMERA_M, PITCH = 6.0, radians(20)
JITTER = 0.05  # of a box's height, each side
People = Callable[[float], np.ndarray]  # seconds -> metres (N, 2), right and away from the camera


def pixels(metres: np.ndarray, above_m: float = 0.0) -> np.ndarray:
    """What the camera sees of points (N, 2) of the ground, or above it."""
    down = CAMERA_M - above_m
    along = metres[:, 1] * cos(PITCH) + down * sin(PITCH)
    below = down * cos(PITCH) - metres[:, 1] * sin(PITCH)
    centre = np.array([WIDTH_PX / 2, HEIGHT_PX / 2])
    return np.stack([metres[:, 0], below], axis=1) * FOCAL_PX / along[:, None] + centre


def seen(metres: np.ndarray, rng: np.random.Generator) -> Detections:
    """Their boxes, trembling, of those who are wholly in the picture."""
    feet, head = pixels(metres), pixels(metres, 1.7)
    tall = feet[:, 1] - head[:, 1]
    x, half = feet[:, 0], 0.2 * tall
    corners = np.stack([x - half, head[:, 1], x + half, feet[:, 1]], axis=1)
    corners += rng.normal(0, JITTER, corners.shape) * tall[:, None]
    whole = (corners[:, :2] > 0).all(axis=1) & (corners[:, 2:] < (WIDTH_PX, HEIGHT_PX)).all(axis=1)
    rows = [(*row, 0.7, "person") for row in corners[whole].tolist()]
    return boxes(*rows)


def looks(
    people: People, looks_a_s: float, seconds: float = 20.0, **params: object
) -> Iterator[Look]:
    """What a gathering's zone says of them, look by look."""
    rng = np.random.default_rng(3)
    detector = Crowding(zone(mode="gathering", **params))
    for index in range(int(seconds * looks_a_s)):
        at_s = index / looks_a_s
        shot = Frame("camera-1", frame(at_s).at, PICTURE)
        yield detector.look(shot, seen(people(at_s), rng), LABELS)


def crowd(people: int, side_m: float, milling_m_s: float = 0.0) -> People:
    """People who stand 15 m away, each swaying at most so fast."""
    rng = np.random.default_rng(1)
    places = rng.uniform(-side_m / 2, side_m / 2, (people, 2)) + np.array([0, 15])
    phase, rate = rng.uniform(0, 6, (people, 2)), rng.uniform(0.3, 0.8, (people, 2))
    return lambda at_s: places + milling_m_s * np.sin(rate * at_s + phase) / rate


def stream(people_a_m2: float, heading: float) -> People:
    """A stream 4 m wide and longer than the picture, each at his own 1.2 m/s."""
    rng = np.random.default_rng(2)
    length_m = 40.0
    count = int(length_m * 4 * people_a_m2)
    start, speed = rng.uniform((-20, -2), (20, 2), (count, 2)), rng.normal(1.2, 0.1, count)
    turn = np.array([[cos(heading), sin(heading)], [-sin(heading), cos(heading)]])

    def at(at_s: float) -> np.ndarray:
        along = (start[:, 0] + speed * at_s + 20) % length_m - 20
        return np.stack([along, start[:, 1]], axis=1) @ turn + np.array([0, 16])

    return at


RATES = pytest.mark.parametrize("looks_a_s", [0.5, 1, 2, 5])


@RATES
@pytest.mark.parametrize("heading", [0.0, 0.7, 1.57])
def test_a_dense_stream_walks_through_and_is_no_gathering(looks_a_s, heading):
    seconds = max(8.0, 5 / looks_a_s)
    measures = [look.measure for look in looks(stream(1.0, heading), looks_a_s, seconds)]
    assert np.mean(np.array(measures) == 0) >= 0.9  # the rest is too short to last


@RATES
@pytest.mark.parametrize("milling_m_s", [0.0, 0.3])
def test_a_standing_crowd_is_a_gathering_however_it_mills(looks_a_s, milling_m_s):
    found = list(looks(crowd(12, 3.5, milling_m_s), looks_a_s, 12))
    assert (found[0].measure, found[0].quality) == (0, 0)  # who is slow, one look can't tell
    counts = [look.measure for look in found if look.quality]
    assert np.mean(np.array(counts) >= 8) >= 0.8
    assert all(len(look.objects) == look.measure for look in found)


@RATES
def test_a_crowd_that_drifts_is_a_gathering(looks_a_s):
    still = crowd(15, 4)
    drifting = looks(lambda s: still(s) + np.array([0.3 * (s - 6), 0]), looks_a_s, 12)
    assert np.median([look.measure for look in drifting if look.quality]) >= 12


def test_people_who_stand_apart_are_none():
    apart = np.array([(x, y) for x in (-6, -2, 2, 6) for y in (12, 17, 22)], float)
    assert {look.measure for look in looks(lambda _: apart, 2)} == {0}


def test_of_two_groups_the_larger_counts():
    near = crowd(8, 2.5)(0) + np.array([-5, 0])
    groups = np.concatenate([near, crowd(5, 1.5)(0) + np.array([5, 0])])
    assert np.median([look.measure for look in looks(lambda _: groups, 2)]) == 8


@pytest.mark.parametrize(("queues", "people"), [(True, 10), (False, 0)])
def test_a_queue_counts_unless_the_zone_is_for_queues(queues, people):
    queue = np.array([(0.7 * i - 3, 15 + 0.1 * (i % 2)) for i in range(10)])
    assert np.median([look.measure for look in looks(lambda _: queue, 2, queues=queues)]) == people


def test_a_round_crowd_at_a_bus_stop_counts():
    measures = [look.measure for look in looks(crowd(12, 3.5), 2, queues=False)]
    assert np.median(measures) >= 10


def test_after_a_silence_it_says_again_that_it_cannot_tell():
    detector, there = (
        Crowding(zone(mode="gathering")),
        seen(crowd(9, 3)(0), np.random.default_rng(0)),
    )
    qualities = [
        detector.look(Frame("c", frame(at_s).at, PICTURE), there, LABELS).quality
        for at_s in (0, 1, 30, 31)
    ]
    assert qualities == [0, 1, 0, 1]


@settings(max_examples=20)
@given(st.permutations(range(12)))
def test_the_order_of_people_changes_nothing(order):
    there = seen(crowd(12, 3.5)(0), np.random.default_rng(0))
    keep = [index for index in order if index < len(there)]
    shuffled = Detections(there.xyxy[keep], there.confidence[keep], there.class_id[keep])
    ours, theirs = Crowding(zone(mode="gathering")), Crowding(zone(mode="gathering"))
    for at_s in (0, 1, 2):
        shot = Frame("c", frame(at_s).at, PICTURE)
        assert ours.look(shot, there, LABELS) == theirs.look(shot, shuffled, LABELS)


# What the camera sees of a rectangle on the ground, so that metres are known.
CORNERS_M = ((-6.0, 11.0), (6.0, 11.0), (6.0, 24.0), (-6.0, 24.0))
_POINTS = pixels(np.array(CORNERS_M)) / (WIDTH_PX, HEIGHT_PX)
GROUND = Ground(tuple(map(tuple, _POINTS.tolist())), CORNERS_M)


@settings(max_examples=50)
@given(st.floats(-4, 4), st.floats(11, 28), st.floats(-4, 4), st.floats(11, 28))
def test_four_points_give_metres_near_and_far(x, y, other_x, other_y):
    feet = pixels(np.array([(x, y), (other_x, other_y)]))
    ours, theirs = measured_plane(GROUND, (WIDTH_PX, HEIGHT_PX)).metres(feet)
    assert np.hypot(*(ours - theirs)) == pytest.approx(np.hypot(x - other_x, y - other_y), abs=0.05)


def test_what_is_above_the_horizon_is_not_on_the_ground():
    plane = measured_plane(GROUND, (WIDTH_PX, HEIGHT_PX))
    assert np.isnan(plane.metres(np.array([[640.0, -400.0]]))).all()


def test_without_points_people_tell_the_scale_within_a_quarter():
    rng, learned = np.random.default_rng(5), LearnedPlane()
    for _ in range(10):
        metres = rng.uniform((-5, 10), (5, 28), (8, 2))
        tall = pixels(metres)[:, 1] - pixels(metres, 1.7)[:, 1]
        learned.see(pixels(metres)[:, 1], tall * rng.normal(1, 0.08, 8), HEIGHT_PX)
    plane = learned.plane((WIDTH_PX, HEIGHT_PX))
    across = np.array([[(-2.0, y), (2.0, y)] for y in (12.0, 18.0, 25.0)])
    for pair in across:
        ours, theirs = plane.metres(pixels(pair))
        assert np.hypot(*(ours - theirs)) == pytest.approx(4, rel=0.25)


def dense(people: int, side_m: float, **fields: object) -> Look:
    """How dense a crowd is, by a camera whose ground is measured."""
    where = replace(zone(), ground=GROUND, **fields)
    shot = Frame("c", frame().at, PICTURE)
    there = seen(crowd(people, side_m)(0), np.random.default_rng(0))
    return CrowdDensity(where).look(shot, there, LABELS)


def test_density_is_people_by_the_ground_they_stand_on():
    loose, packed = dense(20, 5), dense(25, 2.5)
    assert 0.4 < loose.measure < 1.0
    assert 1.8 < packed.measure < 4
    assert (packed.quality, len(packed.objects)) == (1.0, 25)


def test_more_people_than_boxes_can_count_halve_the_quality():
    assert dense(45, 4).quality == 0.5


def test_five_people_are_no_dense_crowd():
    assert dense(5, 0.5).measure == 0


def test_density_without_a_measured_ground_is_refused():
    with pytest.raises(ValueError, match="people per m2 need the camera's ground"):
        CrowdDensity(zone())


def test_nobody_is_nobody_in_every_mode():
    whole: Zone = replace(zone(mode="gathering"), ground=GROUND)
    detector, shot = Crowding(whole), [Frame("c", frame(s).at, PICTURE) for s in (0, 1)]
    assert [detector.look(one, boxes(), LABELS).quality for one in shot] == [0, 1]
    assert CrowdDensity(whole).look(shot[0], boxes(), LABELS).measure == 0
