"""What an evidence picture shows of a cable, on made scenes: a green cord on a grey wall."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from detectors.hits import Detections, Frame, Look, SeenObject, Xy, Zone
from detectors.runtime import open_object_model
from pipeline.incidents.policy import Over
from pipeline.ingest import parts_of
from pipeline.looked import look_at
from pipeline.looks import watch_camera
from pipeline.picture import Caption, Labelled, Picture, draw
from pipeline.picture_compare import cables_of, compared, trace
from pipeline.redaction import Image, masked_image, redact
from pipeline.site.load import load_site
from sinks.evidence import FolderEvidence
from tests.memory_sink import MemorySink

ROOT = Path(__file__).parents[3]
PATH = ((0.4, 0.2), (0.42, 0.5), (0.5, 0.8))
LABELS = ("person", "car")
ZONE = Zone("z", "flying_wire", "flying_wire", "p", "1", "v", ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9)))
CAPTION = Caption("飞线充电 概率 0.83", "3号楼", "第七微网格", "2026-06-01 08:00:12", "1号", 0.8)
NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
SOMEONE = Detections(
    np.array([[300, 200, 400, 500]], np.float32), np.full(1, 0.2, np.float32), np.zeros(1, np.int64)
)
GREEN = (40, 160, 40)


def _wall(light: int = 150) -> Image:
    return np.full((600, 800, 3), light, np.uint8)


def _noise(width: int = 800, height: int = 600) -> Image:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _hung(wall: Image, path: Sequence[Xy] = PATH, colour: tuple[int, int, int] = GREEN) -> Image:
    """The wall with a cord of 2 pixels along the path."""
    points = np.rint(np.array(path) * (wall.shape[1], wall.shape[0])).astype(np.int32)
    return np.asarray(cv2.polylines(wall.copy(), [points], False, colour, 2), np.uint8)


def _look(*paths: Sequence[Xy], likely: Sequence[float] = (0.83, 0.83)) -> Look:
    box = (0.4, 0.2, 0.5, 0.8)
    both = zip(paths, likely, strict=False)
    cables = [SeenObject("cable", share, box, path=tuple(path)) for path, share in both]
    return Look(0.83, 0.83, 1.0, tuple(cables))


def _draw(now: Image, look: Look, before: Labelled | None = None) -> Picture:
    return draw(Labelled(now, NOTHING, LABELS), ZONE, look, CAPTION, before)


def _red(image: Image) -> int:
    """How many pixels are as red as what is drawn."""
    b, g, r = (image[..., i].astype(int) for i in range(3))
    return int(((r > 180) & (g < 110) & (b < 110)).sum())


def _green(image: Image) -> int:
    return int((image[..., 1] > image[..., 2].astype(int) + 60).sum())


def test_the_cable_stays_as_it_was_between_two_red_lines() -> None:
    scene, plain = (_hung(_wall(), ((0.5, 0.2), (0.5, 0.8))) for _ in range(2))
    trace(scene, [np.array([(0.5, 0.2), (0.5, 0.8)])], clear_px=12, stroke_px=5)
    np.testing.assert_array_equal(scene[150:450, 396:404], plain[150:450, 396:404])
    assert _red(scene[200:400, 380:393]) > 500
    assert _red(scene[200:400, 407:420]) > 500
    ends = scene[100:140, 370:430], scene[460:500, 370:430]
    assert min(_red(end) for end in ends) > 300  # rings


def test_before_beside_now_and_a_part_enlarged_that_nothing_is_drawn_on() -> None:
    (pair,), close = compared(_wall(), _hung(_wall()), np.array(PATH), 1080)
    before, now = pair[:, :540], pair[:, 540:]
    assert (_red(before), _green(before), _red(close)) == (0, 0, 0)
    assert _red(now) > 500
    assert _green(now) > 300
    # A cord of 2 pixels at 2.5 times its size, from top to bottom of the view.
    rows = (close[60:, :, 1] > close[60:, :, 2].astype(int) + 60).sum(axis=1)
    assert np.median(rows) >= 5
    assert rows.min() > 0


def test_what_is_enlarged_is_where_a_thin_line_is_new_and_shows() -> None:
    """The upper half was there before; a broad new thing and a redacted one draw no eye."""
    upper, lower = ((0.5, 0.1), (0.5, 0.5)), ((0.5, 0.5), (0.5, 0.9))
    before = _hung(_wall(), upper)
    now = _hung(_hung(_wall(), upper), lower)
    now[60:160, 380:420] = 90
    now[440:470, 440:460] = (255, 0, 0)
    _, close = compared(before, now, np.array((upper[0], lower[1])), 1080)
    assert (close[..., 0] > close[..., 2].astype(int) + 100).sum() > 1000


def test_dark_views_are_brightened_and_say_so() -> None:
    def grey(light: int) -> tuple[float, int]:
        (pair,), close = compared(_wall(light), _hung(_wall(light)), np.array(PATH), 1080)
        return float(np.median(close[100:])), int((pair[:50, :540] > 150).sum())

    (dark, dark_words), (bright, words) = grey(30), grey(150)
    assert dark > 100
    assert bright == 150
    assert dark_words > 2 * words


def test_candidates_far_less_likely_than_the_best_are_not_traced() -> None:
    look = _look(PATH, ((0.7, 0.2), (0.7, 0.8)), ((0.8, 0.2), (0.8, 0.8)), likely=(0.8, 0.5, 0.3))
    assert [line[0].tolist() for line in cables_of(look.objects)] == [[0.4, 0.2], [0.7, 0.2]]


def test_people_of_then_are_redacted_where_they_stood_then() -> None:
    now, before = _hung(_wall()), _wall()
    before[200:300, 280:420] = _noise(140, 100)
    drawn = _draw(now, _look(PATH), Labelled(before, SOMEONE, LABELS)).jpeg
    hidden = redact(before, SOMEONE, LABELS, ())[0]
    assert drawn == _draw(now, _look(PATH), Labelled(hidden, NOTHING, LABELS)).jpeg
    assert drawn != _draw(now, _look(PATH), Labelled(before, NOTHING, LABELS)).jpeg


def test_what_is_no_cable_is_pictured_as_ever() -> None:
    look = _look(())
    assert _draw(_wall(), look, Labelled(_noise(), SOMEONE, LABELS)) == _draw(_wall(), look)


@pytest.mark.parametrize("size", [(1, 1), (64, 48), (1920, 1080), (1080, 1920)])
def test_every_picture_fits_a_phone_and_its_limits(size: tuple[int, int]) -> None:
    noise = _noise(*size)
    jpeg = _draw(noise, _look(PATH), Labelled(noise, NOTHING, LABELS)).jpeg
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    height, width = np.asarray(picture).shape[:2]
    assert 600 <= width <= 1280
    assert height <= 1920
    assert len(jpeg) <= 300_000


@pytest.mark.parametrize(
    "path",
    [
        ((float("nan"), float("inf")), (0.5, 0.5)),
        ((-3.0, -3.0), (9.0, 9.0)),
        ((0.5, 0.5), (0.5, 0.5)),
        ((1.0, 1.0), (1.0, 1.0)),
        ((0.0, 0.5), (1.0, 0.5)),
        ((0.5, 0.5),),
    ],
)
def test_senseless_paths_stop_nothing(path: tuple[Xy, ...]) -> None:
    assert _draw(_wall(), _look(path), Labelled(_wall(), NOTHING, LABELS)).jpeg
    assert _draw(_wall(), _look(path)).jpeg


def test_the_same_input_gives_the_same_bytes_from_any_thread() -> None:
    now, before = _hung(_wall()), Labelled(_wall(), SOMEONE, LABELS)
    with ThreadPoolExecutor(2) as threads:
        drawn = set(threads.map(lambda _: _draw(now, _look(PATH), before).jpeg, range(4)))
    assert len(drawn) == 1
    np.testing.assert_array_equal(now, _hung(_wall()))
    np.testing.assert_array_equal(before.image_bgr, _wall())


class _Compares:
    """A detector that compares, and always sees the same cable."""

    unit = "1"
    labels = frozenset[str]()
    model = "made@0"
    reference_bgr: Image | None = None

    def __init__(self, zone: Zone) -> None:
        self.zone = zone

    def compare_with(self, pictures_bgr: Sequence[Image]) -> None:
        self.reference_bgr = pictures_bgr[0]

    def look(self, frame: Frame, detections: Detections, labels: Sequence[str]) -> Look:
        return _look(PATH)


def test_ingest_pictures_what_a_look_was_compared_with(tmp_path: Path) -> None:
    """People in the reference are looked for, and masks that are newer than it are painted."""
    campus = np.asarray(cv2.imread(str(ROOT / "tests/data/campus.jpg")), np.uint8)
    site, model = load_site(ROOT / "deploy/demo"), open_object_model(ROOT / "models/objects", 1)
    mask = ((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0))
    camera = replace(site.cameras[0], privacy_masks=(mask,))
    kind = site.policy.events[camera.zones[0].event_type]
    rule = msgspec.structs.replace(kind.rule, over=Over.PROBABILITY, raise_at=0.5)
    site.policy.events[kind.type] = msgspec.structs.replace(kind, rule=rule)
    watch = watch_camera(camera, site.policy, model.manifest.model_id, model.manifest.labels)
    detector = _Compares(camera.zones[0])
    detector.compare_with([campus])
    watch.zones = [replace(watch.zones[0], rule=rule, detector=detector)]
    sink, store = MemorySink(), FolderEvidence(tmp_path, "file:e")
    parts = replace(
        parts_of(site, sink, model, CollectorRegistry()),
        evidence=store,
        now=lambda: datetime(2026, 6, 1, tzinfo=UTC),
    )
    frame = Frame(camera.id, datetime(2026, 6, 1, 0, 0, 12, tzinfo=UTC), campus)
    look_at(watch, frame, site, parts)
    (stored,) = tmp_path.rglob("*.jpg")
    seen = masked_image(campus, (mask,))
    found = model.detect(seen)
    assert len(found) > 0
    place = site.policy.places[camera.zones[0].place_id]
    address = site.policy.leaves[place.leaf_code].address
    leaf = address.micro_grid or address.grid
    caption = Caption(
        f"{kind.label_zh} 概率 0.83",
        place.name,
        f"{address.community.name}{leaf.name}",
        "2026-06-01 08:00:12",
        camera.name,
        0.83,
    )
    shown = Labelled(seen, found, model.manifest.labels)
    assert stored.read_bytes() == draw(shown, camera.zones[0], _look(PATH), caption, shown).jpeg
