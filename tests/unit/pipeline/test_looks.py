"""When a look is worth a hit, and a hit a picture."""

from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from detectors.flying_wire import FlyingWire
from detectors.hits import Detections, Frame, Look
from detectors.view import Sight
from detectors.wire_map import open_wire_model
from pipeline.alerts import Direct
from pipeline.looks import ZoneWatch, watch_camera
from pipeline.messages import encode
from pipeline.redaction import masked_image
from pipeline.replay import Fold
from pipeline.site.detectors import detector_class
from pipeline.site.load import load_site
from tests.builders import COUNT, STANDING, at, seconds_of
from tests.unit.detectors.scene import VISIBLE, zone
from tests.unit.detectors.wires import facade, network

ROOT = Path(__file__).parents[3]
NOTHING = Look(0.0, 0.0, 1.0)
BLIND = Look(0.0, 0.0, 0.0)


def people(count: float, score: float = 0.6, quality: float = 1.0) -> Look:
    return Look(count, score, quality)


def watch(rule=COUNT) -> ZoneWatch:
    detector = detector_class("crowding")(zone())
    return ZoneWatch(zone(), rule, "1", detector)


def sent(looks: list[tuple[float, Look]], rule=COUNT) -> list[float]:
    """The seconds of the looks that were sent."""
    watching, out = watch(rule), []
    for second, look in looks:
        if watching.is_due(look, at(second)):
            watching.has_sent(look, at(second))
            out.append(second)
    return out


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(0, NOTHING)], [0], id="the first look is sent"),
        pytest.param([(0, NOTHING), (1, people(1)), (2, NOTHING)], [0, 1, 2], id="a change is"),
        pytest.param([(0, people(2)), (0.9, people(3)), (1.2, people(4))], [0, 1.2],
                     id="two changes in one second are one hit"),
        pytest.param([(0, NOTHING), (5, NOTHING), (9.9, NOTHING), (10, NOTHING)], [0, 10],
                     id="an empty place says so every ten seconds"),
        pytest.param([(s, people(5)) for s in range(4)], [0, 1, 2, 3],
                     id="what must last three seconds is told every second"),
        pytest.param([(0, people(5, 0.6)), (0.5, people(5, 0.9))], [0],
                     id="another score is no change"),
        pytest.param([(0, NOTHING), (1, BLIND), (2, NOTHING)], [0, 1, 2],
                     id="going blind and seeing again are changes"),
        pytest.param([(0, people(2, quality=0.9)), (0.6, people(2, quality=0.4))], [0],
                     id="seeing less well is no change"),
    ],
)  # fmt: skip
def test_a_look_is_sent_when_it_matters(
    looks: list[tuple[float, Look]], expected: list[float]
) -> None:
    assert sent(looks) == expected


def test_a_standing_vehicle_is_told_every_ten_seconds() -> None:
    assert sent([(s, people(1)) for s in range(25)], STANDING) == [0, 10, 20]


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(0, people(4))], [], id="fewer than alarm are not pictured"),
        pytest.param([(0, people(5)), (1, people(5)), (9, people(5))], [0],
                     id="the same is pictured once"),
        pytest.param([(0, people(5)), (1, people(6)), (2, people(6))], [0, 1],
                     id="more are pictured again"),
        pytest.param([(0, people(9)), (1, people(8)), (10, people(5)), (11, people(6))],
                     [0, 10, 11], id="every ten seconds it is pictured anew"),
        pytest.param([(0, people(9)), (1, people(3)), (2, people(5))], [0, 2],
                     id="who comes back is pictured at once"),
    ],
)  # fmt: skip
def test_a_hit_is_pictured_when_it_shows_something(
    looks: list[tuple[float, Look]], expected: list[float]
) -> None:
    watching = watch()
    assert [s for s, look in looks if watching.wants_picture(look, at(s))] == expected


def test_any_standing_vehicle_is_pictured() -> None:
    assert watch(STANDING).wants_picture(people(1), at(0))


def test_a_detector_that_is_not_installed_is_named_with_those_that_are() -> None:
    with pytest.raises(LookupError, match=r"'smoke' is not installed.*crowding.*illegal_parking"):
        detector_class("smoke")


EMPTY = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


def test_when_the_site_changes_zones_that_stay_go_on_with_what_they_know() -> None:
    site = load_site(ROOT / "deploy/demo")
    camera = site.cameras[0]
    watching = watch_camera(camera, site.policy, "objects@abc", ("person", "car"))
    watching.look(Frame(camera.id, at(0), VISIBLE), EMPTY)
    junction, *others = camera.zones
    moved = msgspec.structs.replace(junction, polygon=junction.polygon[1:])
    on_a_new_map = [msgspec.structs.replace(zone, map_version="new") for zone in others]
    changed = replace(camera, zones=(moved, *on_a_new_map))
    after = watch_camera(changed, site.policy, "objects@abc", ("person", "car"), watching)
    sightings = after.look(Frame(camera.id, at(1), VISIBLE), EMPTY)
    assert [s.hit.zone_id for s in sightings] == [junction.id]  # the others said so a second ago
    later = after.look(Frame(camera.id, at(11), VISIBLE), EMPTY)
    assert {s.hit.map_version for s in later[1:]} == {"new"}
    for old, new in zip(watching.zones[1:], after.zones[1:], strict=True):
        assert new.detector is old.detector


def test_a_rule_that_changed_is_looked_at_anew() -> None:
    site = load_site(ROOT / "deploy/demo")
    camera = site.cameras[0]
    watching = watch_camera(camera, site.policy, "objects@abc", ("person", "car"))
    watching.look(Frame(camera.id, at(0), VISIBLE), EMPTY)
    key = (camera.id, camera.zones[0].id)
    watch = site.policy.watches[key]
    rule = msgspec.structs.replace(watch.rule, raise_at=99)
    site.policy.watches[key] = msgspec.structs.replace(watch, rule=rule)
    after = watch_camera(camera, site.policy, "objects@abc", ("person", "car"), watching)
    assert [zone.sent_at for zone in after.zones] == [None, at(0), at(0), at(0)]


def test_a_covered_camera_makes_its_places_unknown_and_tells_the_desk() -> None:
    site = load_site(ROOT / "deploy/demo")
    camera = site.cameras[0]
    watching = watch_camera(camera, site.policy, "objects@abc", ("person", "car"))
    fold, told, offsets = Fold(site.policy), [], count()
    grey = np.full_like(VISIBLE, 90)
    for second in range(300):
        image = grey if 30 <= second < 150 else VISIBLE
        for sighting in watching.look(Frame(camera.id, at(second), image), EMPTY):
            hit = sighting.hit
            is_view = hit.zone_id == "view"
            lost = image is grey
            assert (hit.quality, hit.measure) == (
                (1.0, float(lost)) if is_view else (not lost, 0.0)
            )
            assert sighting.wants_picture <= (is_view and lost)
            done = fold.apply(0, next(offsets), hit.leaf_code.encode(), encode(hit))
            told += [alert.data for alert, _ in done.alerts]
    opened, resolved = told
    assert isinstance(opened.routing, Direct)
    assert opened.routing.assignee.role == opened.routing.reason == "duty_desk"
    assert f"监控{camera.id}画面被遮挡" in opened.text.headline
    assert "请值班席核实" in opened.text.notice
    assert (seconds_of(opened.opened_at), resolved.condition) == (
        pytest.approx(90, abs=11),
        "cleared",
    )
    assert watching.sight is Sight.CLEAR


def test_a_camera_makes_one_hit_a_zone_addressed_to_its_grid() -> None:
    site = load_site(ROOT / "deploy/demo")
    camera = site.cameras[0]
    watching = watch_camera(camera, site.policy, "objects@abc", ("person", "car"))
    sightings = watching.look(Frame(camera.id, at(0), VISIBLE), EMPTY)
    assert [s.hit.zone_id for s in sightings] == [z.id for z in camera.zones]
    for sighting, its_zone in zip(sightings, camera.zones, strict=True):
        hit = sighting.hit
        assert (hit.event_type, hit.place_id) == (its_zone.event_type, its_zone.place_id)
        assert hit.leaf_code == site.policy.places[its_zone.place_id].leaf_code
        assert (hit.measure, hit.model, sighting.wants_picture) == (0.0, "objects@abc", False)
    again = watching.look(Frame(camera.id, at(0.5), VISIBLE), EMPTY)
    assert again == []


def test_a_detector_that_compares_is_given_the_cameras_pictures_as_its_frames_are_seen(
    tmp_path, monkeypatch
) -> None:
    wires = open_wire_model(network(tmp_path, compares=True))
    made = partial(FlyingWire, model=wires)
    monkeypatch.setattr("pipeline.looks.detector_class", lambda name: made)
    cv2.imwrite(str(tmp_path / "day.png"), facade())
    site = load_site(ROOT / "deploy/demo")
    corner = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.2), (0.0, 0.2))
    camera = replace(
        site.cameras[0],
        zones=site.cameras[0].zones[:1],
        references=(tmp_path / "absent.png", tmp_path / "day.png"),
        privacy_masks=(corner,),
    )
    known = ("person", "bicycle")
    watching = watch_camera(camera, site.policy, "objects@abc", known)
    (sighting,) = watching.look(Frame(camera.id, at(0), facade()), EMPTY)
    assert sighting.hit.model == wires.model_id
    compared = watching.zones[0].detector.reference_bgr
    assert (compared == masked_image(facade(), (corner,))).all()
    size_wh = facade().shape[1::-1]
    assert watching.odd_reference(size_wh) is None
    odd = watching.odd_reference((640, 360))
    assert odd == f"day.png is {size_wh[0]} x {size_wh[1]} px"
    after = watch_camera(camera, site.policy, "objects@abc", known, watching)
    assert after.zones[0].detector is watching.zones[0].detector
    other = replace(camera, references=camera.references[1:])
    anew = watch_camera(other, site.policy, "objects@abc", known, watching)
    assert anew.zones[0].detector is not watching.zones[0].detector
    unseen = watch_camera(replace(camera, references=()), site.policy, "objects@abc", known)
    assert unseen.look(Frame(camera.id, at(0), facade()), EMPTY)[0].hit.quality == 0
