"""Scenes and episodes: what they promise to those who train and judge on them."""

import math

import cv2
import msgspec
import numpy as np
import pytest

from models.flying_wire.episodes import Episode, episode, read_episode, write_episode
from models.flying_wire.hanging import cord_path
from models.flying_wire.scenes import LIGHTS, Camera, Scene, make_scene, photograph
from models.flying_wire.shapes import PENS, catenary, straight, stroke

SIZE = (192, 256)


@pytest.fixture(scope="module")
def hung() -> list[Scene]:
    rng = np.random.default_rng(5)
    return [make_scene(rng, SIZE, cable=True) for _ in range(10)]


@pytest.fixture(scope="module")
def bare() -> list[Scene]:
    rng = np.random.default_rng(6)
    return [make_scene(rng, SIZE, cable=False) for _ in range(8)]


@pytest.fixture(scope="module")
def made() -> Episode:
    return episode(4, 0, (128, 160))


def test_a_catenary_hangs_between_its_ends_with_the_slack_it_was_given():
    path = catenary((10, 20), (150, 60), 1.2)
    steps = np.diff(path, axis=0)
    assert np.allclose(path[[0, -1]], [(10, 20), (150, 60)], atol=1e-6)
    assert np.hypot(*steps.T).sum() == pytest.approx(1.2 * math.hypot(140, 40), rel=0.01)
    assert path[:, 1].max() > 60  # it sags below its lower end


@pytest.mark.parametrize("pen", sorted(set(PENS)))
@pytest.mark.parametrize("width_px", [0.8, 1.5, 2.0, 3.0, 4.0])
def test_a_stroke_covers_as_much_as_its_width_says(pen, width_px):
    _, cover = stroke(straight((20, 10), (32, 60)), width_px, (64, 70), pen=pen)
    assert cover.sum() / math.hypot(12, 50) == pytest.approx(
        width_px, rel=0.4 if pen == "plain" else 0.15
    )


def test_every_way_of_hanging_leads_from_the_top_to_the_bottom():
    rng = np.random.default_rng(2)
    for _ in range(40):
        path = cord_path(rng, (60.0, 20.0), (90.0, 200.0), 50.0)
        assert np.allclose(path[0], (60, 20), atol=1.5)
        assert np.hypot(*(path[-1] - (90, 200))) < 20  # a coil ends beside the socket


def _near(polygons, point, px):
    return any(cv2.pointPolygonTest(p, point, True) >= -px for p in polygons)


def test_a_cable_begins_at_a_window_and_ends_where_bikes_are_charged(hung):
    for scene in hung:
        top, bottom = scene.ends
        boxes = [np.array([[a, b], [c, b], [c, d], [a, d]]) for a, b, c, d in scene.two_wheelers]
        assert _near(scene.windows, top, 12)
        assert _near([*scene.charging, *boxes], bottom, 30)
        assert bottom[1] - top[1] > 0.12 * SIZE[1]


def test_what_is_told_of_a_cable_is_what_was_drawn(hung):
    for scene in hung:
        cable, changed = scene.cable, np.abs(scene.now_bgr - scene.before_bgr).mean(2)
        length = np.hypot(*np.diff(cable.path_xy_px, axis=0).T).sum()
        assert scene.drop.min() >= 0
        assert scene.drop.max() <= 1.001
        assert 0.25 * cable.width_px < scene.drop.sum() / length < 1.6 * cable.width_px + 0.3
        assert np.median(changed[scene.drop > 0.6 * scene.drop.max()]) > 4


def test_without_a_cable_there_is_none_in_it(bare):
    for scene in bare:
        assert scene.cable is None
        assert scene.ends is None
        assert not scene.drop.any()
        assert (scene.now_bgr != scene.before_bgr).any() or not scene.confusers
    assert sum(bool(scene.confusers) for scene in bare) > 4
    assert any(scene.other.any() for scene in bare)


def test_before_differs_from_now_only_where_something_is_new():
    scenes = [make_scene(np.random.default_rng(seed), SIZE, cable=False) for seed in range(6)]
    still = [s for s in scenes if not s.confusers]
    assert all(np.array_equal(s.before_bgr, s.now_bgr) for s in still)


def test_photographs_serve_as_backgrounds():
    still = np.full((90, 140, 3), (10, 200, 90), np.uint8)
    scenes = [make_scene(np.random.default_rng(s), SIZE, stills=[still]) for s in range(5)]
    green = [np.median(np.abs(s.before_bgr - (10, 200, 90)), (0, 1)).max() < 2 for s in scenes]
    assert 0 < sum(green) < 5


@pytest.mark.parametrize("light", LIGHTS)
def test_a_camera_keeps_its_character_and_changes_its_noise(bare, light):
    picture = bare[0].now_bgr
    camera = Camera.random(np.random.default_rng(3), light)
    first, second, again = (
        camera.frame(picture, np.random.default_rng(s), hour=0.5) for s in (1, 2, 1)
    )
    assert (first.shape, first.dtype) == (picture.shape, np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert abs(float(first.mean()) - float(second.mean())) < 30
    if light == "infrared":
        assert np.abs(np.ptp(first.astype(int), axis=2)).mean() < 3
    assert photograph(picture, light, np.random.default_rng(1)).shape == picture.shape


def test_an_episode_is_the_same_bytes_each_time(made):
    again, other = episode(4, 0, (128, 160)), episode(4, 1, (128, 160))
    assert [p.tobytes() for _, p in made.fresh] == [p.tobytes() for _, p in again.fresh]
    assert [p.tobytes() for p in made.history] == [p.tobytes() for p in again.history]
    assert made.truth is not None
    assert other.truth is None
    assert (len(made.history), len(made.two_wheelers)) == (8, 6)
    assert [at for at, _ in made.fresh] == [0, 30, 60, 90, 120, 150]
    assert all(0 <= v <= 1 for p in (*made.windows, *made.charging) for xy in p for v in xy)


def test_an_episode_goes_into_a_folder_and_comes_back(tmp_path, made):
    write_episode(tmp_path, made)
    back = read_episode(tmp_path)
    assert (back.id, back.light, back.confusers) == (made.id, made.light, made.confusers)
    assert (back.windows, back.charging) == (made.windows, made.charging)
    assert np.allclose(back.truth.path_xy_px, made.truth.path_xy_px)
    for ours, theirs in zip(
        made.history + [p for _, p in made.fresh],
        back.history + [p for _, p in back.fresh],
        strict=True,
    ):
        assert np.array_equal(ours, theirs)
    for ours, theirs in zip(made.two_wheelers, back.two_wheelers, strict=True):
        assert np.allclose(ours, theirs)


def _told(folder, **changes):
    path = folder / "episode.json"
    path.write_bytes(msgspec.json.encode(msgspec.json.decode(path.read_bytes()) | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"light": 3}, r"Expected `str`, got `int` - at `\$.light`"),
        ({"lamp": "on"}, "unknown field `lamp`"),
        ({"history": []}, "at least one picture"),
        ({"history": ["history/77.png"]}, "77.png: no readable picture"),
        ({"truth": {"path_xy_px": [], "width_px": 1.0, "colour": [0, 0, 0]}}, "write null"),
    ],
)
def test_a_faulty_folder_is_refused_with_what_where_and_how(tmp_path, made, changes, said):
    write_episode(tmp_path, made)
    _told(tmp_path, **changes)
    with pytest.raises(ValueError, match=said):
        read_episode(tmp_path)


def test_a_folder_without_a_file_or_with_two_sizes_is_refused(tmp_path, made):
    with pytest.raises(ValueError, match="no such file"):
        read_episode(tmp_path)
    write_episode(tmp_path, made)
    cv2.imwrite(str(tmp_path / "fresh/02.png"), np.zeros((10, 12, 3), np.uint8))
    with pytest.raises(ValueError, match=r"12 x 10 px, but history/00\.png has 128 x 160"):
        read_episode(tmp_path)
