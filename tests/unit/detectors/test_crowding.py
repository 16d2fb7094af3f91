"""People in a zone."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from detectors.crowding import Crowding
from detectors.hits import MAX_OBJECTS, SeenObject
from tests.builders import hit
from tests.unit.detectors.scene import LABELS, LEFT_HALF, boxes, frame, zone
from tests.unit.incidents.timeline import Timeline

LEFT = (90, 100, 110, 160, 0.8, "person")
RIGHT = (290, 100, 310, 160, 0.6, "person")


@pytest.mark.parametrize(
    ("rows", "params", "measure", "score"),
    [
        pytest.param([], {}, 0, 0.0, id="nobody is 0 with score 0"),
        pytest.param([LEFT, RIGHT], {}, 1, 0.8, id="only feet in the zone count"),
        pytest.param([LEFT, (*LEFT[:4], 0.4, "person")], {}, 2, 0.6, id="score is the mean"),
        pytest.param([(*LEFT[:5], "car")], {}, 0, 0.0, id="a car is no person"),
        pytest.param([(190, 0, 215, 9, 0.9, "person")], {}, 0, 0.0, id="feet right of the edge"),
        pytest.param([LEFT], {"min_confidence": 0.9}, 0, 0.0, id="below the zone's confidence"),
        pytest.param([LEFT], {"min_people": 5}, 1, 0.8, id="rules are others'"),
        pytest.param([LEFT], {"min_height": 0.21}, 0, 0.0, id="60 px of 300 are too small"),
        pytest.param([(*LEFT[:5], "car")], {"classes": "car, bus"}, 1, 0.8, id="other classes"),
    ],
)  # fmt: skip
def test_look(rows, params, measure, score):
    look = Crowding(zone(LEFT_HALF, **params)).look(frame(), boxes(*rows), LABELS)
    assert (look.measure, look.score, look.quality) == (measure, score, 1.0)
    assert len(look.objects) == measure


def test_objects_are_rounded_fractions():
    look = Crowding(zone()).look(frame(), boxes((1, 2, 31, 200, 0.77777, "person")), LABELS)
    assert look.objects == (SeenObject("person", 0.778, (0.0025, 0.0067, 0.0775, 0.6667)),)


def test_more_people_than_objects_are_all_counted_and_the_best_are_kept():
    rows = [(i, 10, i + 5, 30, 0.4 + i / 1000, "person") for i in range(MAX_OBJECTS + 9)]
    look = Crowding(zone()).look(frame(), boxes(*rows), LABELS)
    assert look.measure == MAX_OBJECTS + 9
    assert len(look.objects) == MAX_OBJECTS
    assert look.objects[0].confidence == pytest.approx(0.458)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param(
            {"mode": "crowd"},
            'zone zone-1: mode is \'crowd\'; give "count" or "gathering"',
            id="another mode",
        ),
        pytest.param(
            {"min_confidence": 2},
            "zone zone-1: min_confidence is 2; give a number 0..1",
            id="a confidence above 1",
        ),
        pytest.param(
            {"min_confidence": "high"},
            "zone zone-1: min_confidence is 'high'; give a number 0..1",
            id="a confidence in words",
        ),
        pytest.param(
            {"min_height": -1},
            "zone zone-1: min_height is -1; give a number 0..1",
            id="a height below 0",
        ),
        pytest.param(
            {"classes": "person,"},
            "zone zone-1: classes is 'person,'; give words like \"person\"",
            id="an empty class",
        ),
        pytest.param(
            {"queues": "no"},
            "zone zone-1: queues is 'no'; give true or false",
            id="queues in words",
        ),
    ],
)
def test_wrong_params_are_named(params, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011  the whole message is compared
        Crowding(zone(**params))
    assert str(error.value) == message


_coordinate = st.integers(0, 390)
_person = st.tuples(_coordinate, _coordinate, st.integers(40, 99)).map(
    lambda p: (p[0], p[1] * 0.7, p[0] + 9, p[1] * 0.7 + 20, p[2] / 100, "person")
)


@given(st.lists(_person, max_size=60), st.randoms(use_true_random=False))
def test_the_order_of_detections_changes_nothing(rows: list, rng: random.Random):
    shuffled = rng.sample(rows, len(rows))
    detector = Crowding(zone(LEFT_HALF))
    ours = detector.look(frame(), boxes(*rows), LABELS)
    theirs = detector.look(frame(), boxes(*shuffled), LABELS)
    assert ours == theirs
    assert np.isfinite(ours.score)


def test_a_class_that_the_model_does_not_know_proves_nothing():
    look = Crowding(zone(classes="person,goat")).look(frame(), boxes(LEFT), LABELS)
    assert (look.measure, look.quality) == (0, 0)


def _square(x: float, y: float, side: float) -> tuple:
    return ((x, y), (x + side, y), (x + side, y + side), (x, y + side))


@given(st.floats(0.02, 0.5), st.floats(0.02, 0.5), st.floats(0.05, 0.4), st.data())
def test_feet_beside_an_edge_count_inside_it_and_not_in_what_is_excluded(x, y, side, data):
    edge = data.draw(st.sampled_from([(0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1)]))
    step = 0.01
    feet = np.array([x, y]) + np.array(edge) * side
    outwards = np.array(edge) - 0.5
    square = _square(x, y, side)
    for sign, inside in ((-1, True), (1, False)):
        at_x, at_y = (feet + sign * 2 * step * outwards) * (400, 300)
        person = boxes((at_x - 5, at_y - 30, at_x + 5, at_y, 0.8, "person"))
        counted = Crowding(zone(square)).look(frame(), person, LABELS).measure
        left = Crowding(replace(zone(), exclude=(square,))).look(frame(), person, LABELS).measure
        assert (counted, left) == (inside, not inside)


def test_a_count_that_hovers_for_ten_minutes_is_one_alert():
    detector, rng = Crowding(zone()), random.Random(1)
    crowd = [(20 * i, 100, 20 * i + 9, 130, 0.7, "person") for i in range(6)]
    sent = []
    for at_s in range(600):
        people = crowd[: rng.choice((4, 5, 5, 6))]
        look = detector.look(frame(at_s), boxes(*people), LABELS)
        sent.append(hit(at_s, look.measure, score=look.score, objects=look.objects))
    assert [action for _, action, _ in Timeline().push(*sent).lines] == ["opened"]
