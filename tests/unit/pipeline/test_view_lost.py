"""A camera that is turned for a while: from its pictures to what is told."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from detectors.hits import Detections, Frame, Hit
from detectors.view import Sight
from pipeline.alerts import GridAlert
from pipeline.looks import CameraWatch, watch_camera
from pipeline.messages import encode
from pipeline.metrics import ViewsLost
from pipeline.replay import Fold
from pipeline.site.load import load_site
from pipeline.site.model import VIEW, Camera
from tests.builders import VAN, at
from tests.unit.detectors.test_view import pictures
from tests.unit.incidents.timeline import Line, line

ROOT = Path(__file__).parents[3]
FPS = 7.0
LATEST_S = 8  # a check within 4 s, and two more, 2 s apart
TURNED = range(40, 70)
SITE = load_site(ROOT / "deploy/demo")
Shift = tuple[float, float]  # of the width, of the height
Image = np.ndarray


@cache
def campus_pictures() -> list[Image]:
    """A picture each second."""
    return pictures(ROOT / "deploy/demo/campus.mp4", FPS)


@pytest.fixture(scope="module")
def campus() -> list[Image]:
    return campus_pictures()


@dataclass
class Street:
    """The campus over and over, with boxes as a perfect detector would give them."""

    images: list[Image]
    shift: Shift = (0.0, 0.0)
    turned: range = TURNED
    there: range = range(10_000)  # when the van is
    camera: Camera = SITE.cameras[0]
    hits: dict[str, list[tuple[int, Hit]]] = field(default_factory=dict)
    alerts: list[GridAlert] = field(default_factory=list)
    lines: list[tuple[str, Line]] = field(default_factory=list)
    pictured: set[str] = field(default_factory=set)

    def run(self, seconds: int) -> "Street":
        watch: CameraWatch = watch_camera(
            self.camera, SITE.policy, "objects@abc", ("person", "car")
        )
        fold, offsets = Fold(SITE.policy), count()
        for second in range(seconds):
            for sighting in watch.look(*self._seen(second)):
                hit = sighting.hit
                self.hits.setdefault(hit.zone_id, []).append((second, hit))
                if sighting.wants_picture:
                    self.pictured.add(hit.zone_id)
                done = fold.apply(0, next(offsets), hit.leaf_code.encode(), encode(hit))
                self.alerts += [alert.data for alert, _ in done.alerts]
                self.lines += [(e.data.event.type, line(e)) for e, _ in done.alerts]
        return self

    def _seen(self, second: int) -> tuple[Frame, Detections]:
        image = self.images[second % len(self.images)]
        height, width = image.shape[:2]
        dx, dy = self.shift if second in self.turned else (0.0, 0.0)
        if dx or dy:
            matrix = np.array([[1, 0, dx * width], [0, 1, dy * height]], np.float32)
            image = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        van = (np.array(VAN) + np.array((dx, dy, dx, dy))) * (width, height, width, height)
        n = int(second in self.there)
        boxes = Detections(
            np.array([van] * n, np.float32).reshape(-1, 4),
            np.full(n, 0.6, np.float32),
            np.ones(n, np.int64),
        )
        return Frame(self.camera.id, at(second), image), boxes

    def blind(self, zone: str) -> list[int]:
        """The seconds of hits that could not see."""
        return [second for second, hit in self.hits[zone] if hit.quality == 0]

    def of(self, event_type: str) -> list[tuple[str, str]]:
        """What was told of it: action and reason."""
        return [(action, why) for kind, (_, action, why) in self.lines if kind == event_type]


def lost_at(street: Street, zone: str = "double-yellow") -> tuple[int, int]:
    """The first second a zone is unknown, and the first after at which it is seen again."""
    begin, last = street.blind(zone)[0], street.blind(zone)[-1]
    seen = [second for second, hit in street.hits[zone] if hit.quality > 0]
    return begin, min(second for second in seen if second > last)


@settings(max_examples=10, deadline=None)
@given(
    st.sampled_from((0.03, 0.04, 0.06, 0.1)),
    st.integers(0, 23).map(lambda n: n * math.pi / 12),
)
def test_a_shift_of_3_percent_or_more_stops_parking_within_three_checks_and_it_resumes(
    size: float, direction: float
) -> None:
    shift = (size * math.cos(direction), size * math.sin(direction))
    street = Street(campus_pictures(), shift).run(100)
    begin, again = lost_at(street)
    assert TURNED.start < begin <= TURNED.start + LATEST_S
    assert TURNED.stop < again <= TURNED.stop + LATEST_S
    [(event_type, (opened, action, _))] = street.lines
    assert (event_type, action) == ("illegal_parking", "opened")
    # It has stood there for longer than a minute; where the turn took it off its place it settles.
    assert again <= opened <= again + 5


def test_what_leaves_after_the_turn_is_resolved(campus: list[Image]) -> None:
    street = Street(campus, (0.03, 0.0), there=range(90)).run(280)
    assert street.of("illegal_parking") == [("opened", ""), ("resolved", "condition_cleared")]
    assert street.lines[-1][1][0] >= 90 + 60


def test_an_alert_that_is_open_is_not_resolved_by_the_turn_nor_by_its_end(
    campus: list[Image],
) -> None:
    street = Street(campus, (0.0, -0.03), turned=range(90, 300)).run(400)
    assert street.of("illegal_parking") == [("opened", "")]


def test_nobody_is_told_of_a_van_that_is_not_there(campus: list[Image]) -> None:
    assert Street(campus, (0.03, 0.0), there=range(0)).run(120).lines == []


def test_a_turn_of_more_than_a_minute_is_told_to_the_desk_with_a_picture_until_it_is_over(
    campus: list[Image],
) -> None:
    street = Street(campus, (0.03, 0.0), turned=range(40, 140)).run(200)
    assert street.of("coverage_lost") == [("opened", ""), ("resolved", "condition_cleared")]
    opened, resolved = (alert for alert in street.alerts if alert.event.type == "coverage_lost")
    assert opened.routing.reason == "duty_desk"
    assert f"监控{street.camera.id}画面移位" in opened.text.headline
    assert "请值班席核实" in opened.text.notice
    assert "已消失" in resolved.text.notice
    assert VIEW in street.pictured


@pytest.mark.parametrize(
    ("masks", "pictured"), [((), True), ((((0.0, 0.0), (0.1, 0.0), (0.1, 0.1)),), False)]
)
def test_no_picture_is_taken_where_masks_may_hide_something_else(
    campus: list[Image], masks: tuple, pictured: bool
) -> None:
    camera = replace(SITE.cameras[0], privacy_masks=masks)
    street = Street(campus, (0.05, 0.0), turned=range(40, 140), camera=camera).run(120)
    assert (VIEW in street.pictured) == pictured
    assert street.of("coverage_lost") == [("opened", "")]


def test_a_camera_that_starts_off_its_preset_is_found_by_the_sites_picture(
    campus: list[Image], tmp_path: Path
) -> None:
    assert cv2.imwrite(str(tmp_path / "view.jpg"), campus[0])
    camera = replace(SITE.cameras[0], reference=tmp_path / "view.jpg")
    street = Street(campus, (-0.03, 0.0), turned=range(100), camera=camera).run(130)
    begin, again = lost_at(street)
    assert begin <= LATEST_S
    assert 100 < again <= 100 + LATEST_S


def redrawn(camera: Camera) -> Camera:
    first, *others = camera.zones
    polygon = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))
    return replace(camera, zones=(msgspec.structs.replace(first, polygon=polygon), *others))


@pytest.mark.parametrize(
    ("change", "sight"),
    [
        pytest.param(lambda camera: camera, Sight.MOVED, id="the same site: its people must say"),
        pytest.param(redrawn, Sight.CLEAR, id="zones drawn anew: the view as it is now"),
    ],
)
def test_a_new_view_is_accepted_by_drawing_its_zones(
    campus: list[Image], change: Callable[[Camera], Camera], sight: Sight
) -> None:
    camera, none = SITE.cameras[0], Street(campus)._seen(0)[1].where(np.zeros(1, bool))
    watch = watch_camera(camera, SITE.policy, "objects@abc", ("person", "car"))
    for second in range(640):
        image = campus[second % 60] if second < 20 else campus[second % 60][:, ::-1].copy()
        watch.look(Frame(camera.id, at(second), image), none)
    assert watch.sight is Sight.MOVED  # for as long as it takes
    after = watch_camera(change(camera), SITE.policy, "objects@abc", ("person", "car"), watch)
    for second in range(640, 670):
        after.look(Frame(camera.id, at(second), campus[second % 60][:, ::-1].copy()), none)
    assert after.sight is sight


def test_what_stands_is_remembered_through_a_short_blindness_and_not_through_a_long_one(
    campus: list[Image],
) -> None:
    """For as long as an occlusion may last; then it was there when nobody looked, and is less
    surely a vehicle that came.
    """

    def scores(turned: range) -> dict[float, int]:
        street = Street(campus, (0.1, 0.0), turned, there=range(30, 1000)).run(turned.stop + 60)
        after = [h for s, h in street.hits["double-yellow"] if s > turned.stop and h.measure]
        return {hit.score: len({o.arrived_at for o in hit.objects}) for hit in after}

    assert scores(range(60, 90)) == {0.6: 1}
    assert scores(range(60, 240)) == {0.48: 1}


def test_every_camera_with_zones_has_one_for_its_view_at_the_place_of_its_first() -> None:
    first, *_, view = SITE.cameras[0].zones
    assert (view.id, view.detector, view.event_type) == (VIEW, VIEW, "coverage_lost")
    assert (view.place_id, view.leaf_code, view.params) == (first.place_id, first.leaf_code, {})
    assert SITE.policy.watches[SITE.cameras[0].id, VIEW].event_type == "coverage_lost"


def test_cameras_that_see_nothing_are_counted_by_what_keeps_them_from_it_and_named() -> None:
    registry = CollectorRegistry()
    lost = ViewsLost()
    registry.register(lost)
    for camera, sight in (("a", Sight.MOVED), ("b", Sight.MOVED), ("c", Sight.DARK)):
        lost.seen(camera, sight)
    lost.seen("b", Sight.COVERED)
    lost.seen("c", Sight.CLEAR)
    value = registry.get_sample_value
    assert value("gridalert_cameras_lost", {"sight": "moved"}) == 1
    assert value("gridalert_cameras_lost", {"sight": "covered"}) == 1
    assert value("gridalert_cameras_lost", {"sight": "dark"}) is None
    assert value("gridalert_camera_view_lost", {"camera": "b", "sight": "covered"}) == 1
    assert value("gridalert_camera_view_lost", {"camera": "b", "sight": "moved"}) is None
