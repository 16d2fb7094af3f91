"""The detector with a real, if simple, network: where a picture differs from its reference."""

from itertools import product

import cv2
import msgspec
import numpy as np
import onnx
import pytest

from detectors.cables import Rejected, standing
from detectors.flying_wire import FlyingWire
from detectors.hits import Comparing, Detections, Zone
from detectors.manifest import ManifestError
from detectors.references import cut, shift_px
from detectors.signs import Signs, probability
from detectors.wire_map import WireModel, open_wire_model
from tests.unit.detectors.scene import WHOLE, frame
from tests.unit.detectors.wires import CABLE_PX, HEIGHT_PX, WIDTH_PX, facade, hung, network

LABELS = ("person", "bicycle", "motorcycle")
WINDOWS = (((0.4, 0.05), (0.6, 0.05), (0.6, 0.2), (0.4, 0.2)),)
BIKE_XYXY = (120.0, 190.0, 180.0, 230.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> WireModel:
    return open_wire_model(network(tmp_path_factory.mktemp("wire"), compares=True))


def zone(**changes: object) -> Zone:
    whole = Zone(
        id="wires", event_type="flying_wire", detector="flying_wire", place_id="place-1",
        leaf_code="510104001001001", map_version="1", polygon=WHOLE, windows=WINDOWS,
    )  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


def bikes(*boxes: tuple[float, float, float, float]) -> Detections:
    n = len(boxes)
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(xyxy, np.full(n, 0.5, np.float32), np.full(n, 1, np.int64))


def looks(detector, pictures, found=None, every_s: float = 30.0):
    found = bikes(BIKE_XYXY) if found is None else found
    return [
        detector.look(frame(every_s * k, picture), found, LABELS)
        for k, picture in enumerate(pictures)
    ]


def detector_of(model, *references, **changes) -> FlyingWire:
    made = FlyingWire(zone(**changes), model)
    made.compare_with(references or (facade(),))
    return made


def test_a_cable_from_a_window_to_a_bike_is_told_from_the_sixth_look_on(model):
    detector = detector_of(model)
    seen = looks(detector, [hung(facade())] * 7)
    assert isinstance(detector, Comparing)
    assert [look.quality for look in seen] == [0.0] * 5 + [1.0] * 2
    assert seen[-1].measure == seen[-1].score > 0.5
    (cable,) = seen[-1].objects
    path = np.array(cable.path) * (WIDTH_PX, HEIGHT_PX)
    assert cable.label == "cable"
    assert 2 <= len(path) <= 16
    assert (np.diff(path[:, 1]) > 0).all()
    assert np.abs(path[[0, -1]] - (CABLE_PX[0], CABLE_PX[-1])).max() <= 4
    assert msgspec.json.encode(cable) == msgspec.json.encode(
        looks(detector_of(model), [hung(facade())] * 6)[-1].objects[0]
    )


def test_it_looks_every_half_minute_and_forgets_what_is_half_an_hour_old(model):
    detector = detector_of(model)
    picture, found = hung(facade()), bikes(BIKE_XYXY)
    told = looks(detector, [picture] * 6)[-1]
    assert detector.look(frame(179.0, facade()), found, LABELS) is told
    assert detector.look(frame(180.0, picture), found, LABELS) is not told
    assert detector.look(frame(2100.0, picture), found, LABELS).quality == 0


@pytest.mark.parametrize(
    ("reference", "now"),
    [
        pytest.param(facade(), facade(), id="nothing"),
        pytest.param(hung(facade()), hung(facade()), id="it hangs in the reference too"),
        pytest.param(cut(facade(), (0, 0, 320, 256), (3, -5)), facade(), id="the camera sways"),
    ],
)
def test_what_is_not_new_is_no_cable(model, reference, now):
    look = looks(detector_of(model, reference), [now] * 6)[-1]
    assert (look.measure, look.quality, look.objects) == (0.0, 1.0, ())


def test_a_cable_is_found_where_it_is_while_the_camera_sways(model):
    still = hung(facade())
    swaying = [cut(still, (0, 0, WIDTH_PX, HEIGHT_PX), (k % 4, -k)) for k in range(6)]
    (cable,) = looks(detector_of(model), swaying)[-1].objects
    assert np.abs(np.array(cable.path[0]) * (WIDTH_PX, HEIGHT_PX) - CABLE_PX[0]).max() <= 4


BROKEN = ((160, 40, 157, 75), (155, 95, 152, 125), (150, 145, 148, 200))
HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5))
FAR_WINDOW = (((0.9, 0.0), (1.0, 0.0), (1.0, 0.1), (0.9, 0.1)),)
WAVY = tuple((round(160 + 28 * np.sin(y / 14)), y) for y in range(40, 200))
BESIDE = ((0.6, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.9), (0.6, 0.9))


def only_reason(detector) -> Rejected | None:
    return detector.candidates[0].rejected


@pytest.mark.parametrize(
    ("points", "width_px", "changes", "reason"),
    [
        pytest.param(CABLE_PX, 3, {"windows": FAR_WINDOW}, "no_window_above", id="window"),
        pytest.param(CABLE_PX, 3, {"windows": ()}, None, id="no window drawn: from anywhere"),
        pytest.param(CABLE_PX, 3, {"exclude": (WHOLE,)}, "excluded", id="excluded"),
        pytest.param(CABLE_PX, 3, {"polygon": BESIDE}, "excluded",
                     id="outside of the zone"),
        pytest.param(((160, 40), (158, 70)), 3, {}, "too_short", id="short"),
        pytest.param(((130, 45), (260, 100)), 3, {}, "too_flat", id="flat"),
        pytest.param(WAVY, 3, {}, "crooked", id="crooked"),
        pytest.param(((160, 40), (160, 200)), 8, {}, "pipe", id="pipe"),
        pytest.param(((160, 40), (160, 200)), 30, {}, "too_thick", id="thick"),
        pytest.param(((160, 40), (152, 110)), 3, {}, "no_two_wheeler_below", id="ends in the air"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_cable_says_why(model, points, width_px, changes, reason):
    detector = detector_of(model, **changes)
    look = looks(detector, [hung(facade(), points, width_px)] * 6)[-1]
    assert only_reason(detector) == reason
    assert (look.measure > 0) == (reason is None)


def test_a_cable_that_is_seen_in_pieces_is_one(model):
    now = facade()
    for x0, y0, x1, y1 in BROKEN:
        now = hung(now, ((x0, y0), (x1, y1)))
    whole = looks(detector_of(model), [hung(facade())] * 6)[-1]
    detector = detector_of(model)
    broken = looks(detector, [now] * 6)[-1]
    assert len(detector.candidates) == 1
    assert 0 < broken.measure < whole.measure
    assert broken.objects[0].path[-1][1] == pytest.approx(200 / HEIGHT_PX, abs=0.02)


@pytest.mark.parametrize(
    ("seen_in", "charging", "found"),
    [
        pytest.param(6, (), True, id="a bike that stands"),
        pytest.param(2, (), False, id="a rider who passes"),
        pytest.param(0, (HALF,), False, id="a charging place elsewhere"),
        pytest.param(0, (((0.3, 0.7), (0.7, 0.7), (0.7, 1.0)),), True, id="a charging place"),
    ],
)
def test_it_must_end_where_something_charges(model, seen_in, charging, found):
    detector = detector_of(model, charging=charging)
    for k in range(6):
        boxes = bikes(BIKE_XYXY) if k < seen_in else bikes()
        look = detector.look(frame(30.0 * k, hung(facade())), boxes, LABELS)
    assert (look.measure > 0) == found


def test_it_cannot_tell_without_a_picture_to_compare_with_or_a_place_to_end(model):
    alone = FlyingWire(zone(), model)
    assert {look.quality for look in looks(alone, [hung(facade())] * 7)} == {0.0}
    detector = detector_of(model)
    for k in range(7):
        assert detector.look(frame(30.0 * k, facade()), bikes(), ("person",)).quality == 0


def test_it_compares_with_the_pictures_in_the_light_of_now(model):
    night = facade() // 4
    detector = detector_of(model, facade(), night, facade(), night)
    assert looks(detector, [night] * 6)[-1].measure == 0
    assert detector.reference_bgr is night
    assert looks(detector_of(model), [night] * 6)[-1].objects == ()  # all of it is new


def test_who_passes_in_one_of_the_pictures_is_not_compared_with(model):
    passed = cv2.rectangle(facade(), (100, 20), (170, 240), (90, 90, 200), cv2.FILLED)
    detector = detector_of(model, facade(), passed, facade())
    assert looks(detector, [hung(facade())] * 6)[-1].measure > 0.5


def test_frames_of_another_size_than_the_reference_are_compared_too(model):
    larger = cv2.resize(hung(facade()), None, fx=1.5, fy=1.5)
    found = bikes(tuple(1.5 * side for side in BIKE_XYXY))
    detector = detector_of(model)
    (cable,) = looks(detector, [larger] * 6, found)[-1].objects[:1]
    assert cable.path[0] == pytest.approx((0.5, 40 / HEIGHT_PX), abs=0.03)
    assert detector.reference_bgr.shape == larger.shape


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (64, 64)])
def test_pictures_of_any_size_raise_nothing(model, size):
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    assert looks(detector_of(model), [picture] * 6)[-1].quality == 1


def test_a_network_without_a_reference_counts_only_what_is_not_in_its_map_of_that(tmp_path):
    alone = open_wire_model(network(tmp_path, compares=False))
    plain = np.full((HEIGHT_PX, WIDTH_PX, 3), 120, np.uint8)
    post = hung(plain, ((60, 20), (60, 240)))
    found, before = alone.drop_map(hung(post), post), alone.drop_map(hung(post), hung(post))
    assert found[0, 50:90, 60:90].max() > 0.9
    assert found[0, :, 20:40].max() == before[0].max() < 0.01


def test_large_crops_are_mapped_in_tiles_as_if_in_one(model):
    rng = np.random.default_rng(0)
    image, reference = rng.integers(0, 60, (2, 601, 1101, 3), np.uint8)
    off = np.abs(image / 255 - reference / 255).mean(axis=2)
    off = np.pad(off, ((0, 1), (0, 1)))  # what is mirrored below and to the right says no more
    pooled = off.reshape(301, 2, 551, 2).max(axis=(1, 3))
    found = model.drop_map(image, reference)
    assert found.shape == (4, 301, 551)
    expected = 1 / (1 + np.exp(6 - 60 * pooled))
    assert np.abs(found[0] - expected)[:-1, :-1].max() < 1e-4


@pytest.mark.parametrize("shift", [(0, 0), (1, -2), (-8, 8), (5, 0)])
def test_a_shift_is_found_to_the_pixel(shift):
    moved = cut(facade(), (0, 0, WIDTH_PX, HEIGHT_PX), (-shift[0], -shift[1]))
    darker = (moved * 0.6).astype(np.uint8)
    assert shift_px(facade(), moved) == shift
    assert shift_px(facade(), darker) == shift


def test_two_scenes_are_not_laid_on_each_other():
    assert shift_px(facade(3), facade(4)) == (0, 0)
    assert shift_px(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)) == (0, 0)


def test_what_stands_is_in_three_looks_at_one_place():
    here, beside = np.array([[0.0, 0, 10, 10]]), np.array([[1.0, 0, 11, 10]])
    away = np.array([[50.0, 0, 60, 10]])
    assert len(standing([here, beside, away, here])) == 3
    assert len(standing([here, away, away, beside])) == 0
    assert len(standing([here.repeat(3, axis=0)])) == 0


def test_more_of_what_speaks_for_a_cable_makes_it_likelier_and_of_what_speaks_against_it_less():
    against = Signs._fields.index("as_other")
    every = [Signs(*values) for values in product((0.1, 0.6), repeat=len(Signs._fields))]
    for one in every:
        for index, name in enumerate(Signs._fields):
            more = one._replace(**{name: 0.9})
            less, ours = probability(one), probability(more)
            assert 0 <= less <= 1
            assert ours <= less if index >= against else ours >= less, (name, one)


def test_a_folder_or_network_that_is_not_whole_is_refused(tmp_path):
    with pytest.raises(ManifestError, match=r"manifest\.toml"):
        open_wire_model(tmp_path / "absent")
    renamed = onnx.load(network(tmp_path, compares=True))
    renamed.graph.input[0].name = renamed.graph.node[0].input[0] = "picture"
    onnx.save(renamed, tmp_path / "renamed.onnx")
    with pytest.raises(ManifestError, match="picture, logits"):
        open_wire_model(tmp_path / "renamed.onnx")
