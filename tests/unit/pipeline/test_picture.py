"""The evidence picture, on made scenes: no model and no recorded material needed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest

from detectors.hits import Detections, Frame, Look, SeenObject, Zone
from pipeline.lettering import fitted, width_of
from pipeline.picture import Caption, Labelled, Picture, draw, local_time
from pipeline.redaction import Image, masked, redact

AT = datetime(2026, 6, 1, 0, 0, 12, tzinfo=UTC)
LABELS = ("person", "car", "cat")
ZONE = Zone("z", "crowding", "crowding", "p", "1", "v", ((0.3, 0.3), (0.9, 0.3), (0.9, 0.9)))
CAPTION = Caption(
    "人员聚集 5人",
    "东校门路口",
    "第七微网格",
    local_time(AT, ZoneInfo("Asia/Shanghai")),
    "1号枪机",
    0.72,
)
NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


def _noise(width: int = 768, height: int = 576) -> Image:
    """Fine texture: any pixel that still shows it was not redacted."""
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _found(*rows: tuple[int, float, tuple[float, float, float, float]]) -> Detections:
    return Detections(
        np.array([box for _, _, box in rows], np.float32).reshape(-1, 4),
        np.array([confidence for _, confidence, _ in rows], np.float32),
        np.array([class_id for class_id, _, _ in rows], np.int64),
    )


def _seen(*boxes: tuple[float, float, float, float], label: str = "person") -> Look:
    return Look(len(boxes), 0.7, 1.0, tuple(SeenObject(label, 0.7, box) for box in boxes))


def _draw(image: Image, look: Look, found: Detections = NOTHING) -> Picture:
    return draw(Labelled(image, found, LABELS), ZONE, look, CAPTION)


def _decoded(picture: Picture) -> Image:
    image = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def _colours(image: Image) -> int:
    return len(np.unique(image.reshape(-1, 3), axis=0))


@pytest.mark.parametrize(
    ("class_id", "hidden", "left_alone"),
    [
        (0, (100, 100, 180, 150), (100, 210, 180, 300)),
        (1, (100, 192, 180, 288), (100, 100, 180, 188)),
    ],
    ids=["head", "plate band"],
)
def test_a_faint_box_is_redacted_to_a_few_blocks(
    class_id: int, hidden: tuple[int, ...], left_alone: tuple[int, ...]
) -> None:
    image = _noise()
    redacted, _ = redact(image, _found((class_id, 0.16, (100, 100, 180, 300))), LABELS, ())
    x1, y1, x2, y2 = hidden
    assert _colours(redacted[y1:y2, x1:x2]) <= 16
    x1, y1, x2, y2 = left_alone
    np.testing.assert_array_equal(redacted[y1:y2, x1:x2], image[y1:y2, x1:x2])


@pytest.mark.parametrize("side", [12, 60, 400])
def test_blocks_grow_with_the_box(side: int) -> None:
    redacted, _ = redact(
        _noise(), _found((0, 0.9, (100, 100, 100 + side, 100 + 2 * side))), LABELS, ()
    )
    head = redacted[100 : 100 + side // 2, 100 : 100 + side]
    rows = np.flatnonzero((head[1:, side // 2] != head[:-1, side // 2]).any(axis=1))
    assert np.diff(rows).min(initial=side) >= min(8, side) - 1
    assert _colours(head) <= 5 * 9


@pytest.mark.parametrize(
    "row", [(0, 0.14, (100.0, 100.0, 180.0, 300.0)), (2, 0.9, (9.0, 9.0, 99.0, 99.0))]
)
def test_what_is_no_person_or_vehicle_stays(row: tuple[int, float, tuple[float, ...]]) -> None:
    redacted, _ = redact(_noise(), _found(row), LABELS, ())  # type: ignore[arg-type]
    np.testing.assert_array_equal(redacted, _noise())


def test_an_object_that_only_the_tracker_knows_is_redacted_too() -> None:
    objects = _seen((0.25, 0.25, 0.5, 0.75), label="car").objects
    redacted, names = redact(_noise(), NOTHING, ("cat",), objects)
    assert _colours(redacted[320:400, 200:380]) <= 32
    assert names == ("vehicle_lower_band",)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (LABELS, ("person_top_quarter", "vehicle_lower_band")),
        (("person",), ("person_top_quarter",)),
        (("cat",), ()),
    ],
)
def test_the_names_claim_only_what_the_model_can_find(
    labels: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert redact(_noise(), NOTHING, labels, ())[1] == names


def test_redaction_leaves_the_frame_as_it_was() -> None:
    image = _noise()
    _draw(image, _seen((0.4, 0.4, 0.5, 0.6)), _found((0, 0.9, (100, 100, 180, 300))))
    np.testing.assert_array_equal(image, _noise())


def test_privacy_masks_are_grey_and_the_rest_is_untouched() -> None:
    frame = Frame("c", AT, _noise())
    assert masked(frame, ()) is frame
    hidden = masked(frame, [((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))])
    assert _colours(hidden.image_bgr[:, :384]) == 1
    np.testing.assert_array_equal(hidden.image_bgr[:, 385:], frame.image_bgr[:, 385:])
    np.testing.assert_array_equal(frame.image_bgr, _noise())


def test_the_same_input_gives_the_same_bytes_from_any_thread() -> None:
    look = _seen((0.4, 0.4, 0.5, 0.6), (0.5, 0.5, 0.6, 0.8))
    with ThreadPoolExecutor(8) as threads:
        pictures = set(threads.map(lambda _: _draw(_noise(), look).jpeg, range(24)))
    assert len(pictures) == 1


@pytest.mark.parametrize(
    "size", [(1, 1), (64, 48), (352, 288), (768, 576), (1920, 1080), (1080, 1920), (3840, 2160)]
)
@pytest.mark.parametrize(
    "boxes", [(), ((0.8, 0.1, 0.9, 0.2),), ((0.3, 0.3, 0.4, 0.6), (0.6, 0.3, 0.7, 0.6))]
)
def test_every_picture_fits_a_phone_and_its_limits(
    size: tuple[int, int], boxes: tuple[tuple[float, float, float, float], ...]
) -> None:
    picture = _draw(_noise(*size), _seen(*boxes))
    height, width = _decoded(picture).shape[:2]
    assert 600 <= width <= 1280
    assert 960 <= max(width, height) <= 1920
    assert len(picture.jpeg) <= 300_000


def test_a_small_object_is_shown_again_larger_and_a_large_one_is_not() -> None:
    plain = _decoded(_draw(_noise(), _seen())).shape[0]
    half = _decoded(_draw(_noise(), _seen((0.85, 0.07, 0.94, 0.17)))).shape[0]
    full = _decoded(_draw(_noise(), _seen((0.4, 0.4, 0.45, 0.5), (0.7, 0.4, 0.75, 0.5)))).shape[0]
    large = _decoded(_draw(_noise(), _seen((0.1, 0.1, 0.9, 0.9)))).shape[0]
    assert plain == large < half < full


def test_words_stand_outside_the_scene() -> None:
    picture = _decoded(_draw(np.full((576, 768, 3), 200, np.uint8), _seen()))
    scene = (picture > 150).mean(axis=(1, 2)) > 0.6
    assert scene.sum() == pytest.approx(810, abs=4)


@pytest.mark.parametrize(
    "box", [(float("nan"),) * 4, (-5.0, -5.0, 9.0, 9.0), (0.6, 0.6, 0.4, 0.4), (float("inf"),) * 4]
)
def test_senseless_boxes_stop_nothing(box: tuple[float, float, float, float]) -> None:
    found = _found((0, 0.9, box), (1, 0.9, tuple(v * 700 for v in box)))  # type: ignore[arg-type]
    assert _draw(_noise(), _seen(box), found).jpeg


def test_a_crowd_of_fifty_is_drawn() -> None:
    boxes = [(x / 12, y / 6, x / 12 + 0.05, y / 6 + 0.12) for x in range(10) for y in range(5)]
    assert _draw(_noise(), _seen(*boxes)).jpeg


def test_long_text_shrinks_then_ends_in_an_ellipsis() -> None:
    assert fitted("短", 500, 40, 22) == ("短", 40)
    text, size = fitted("二十四个字那么长的地方名称" * 2, 800, 40, 22)
    assert size < 40
    assert not text.endswith("…")
    text, size = fitted("很长" * 500, 400, 40, 22)
    assert size == 22
    assert text.endswith("…")
    assert width_of(text, size) <= 400


def test_line_breaks_become_blanks() -> None:
    assert fitted("东校门\n路口\x00", 900, 30, 22)[0] == "东校门 路口 "


def test_local_time_is_written_as_people_there_write_it() -> None:
    assert CAPTION.at_local == "2026-06-01 08:00:12"
