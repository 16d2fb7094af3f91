"""What a view is like: its light, and its scene against the one that is known."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from detectors.view import Sight, View, Visibility
from tests.unit.detectors.scene import grey_picture

Image = np.ndarray
ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared/data"
START = datetime(2026, 6, 1, tzinfo=UTC)
FPS = 7.0


def pictures(clip: Path, fps: float, every_s: float = 1.0) -> list[Image]:
    """The pictures of a clip, one each `every_s` seconds."""
    video, out, count = cv2.VideoCapture(str(clip)), [], 0
    while video.grab():
        if count % round(fps * every_s) == 0:
            out.append(video.retrieve()[1])
        count += 1
    return out


@pytest.fixture(scope="module")
def campus() -> list[Image]:
    """A minute of walkers and a parked van, a picture each second."""
    return pictures(ROOT / "deploy/demo/campus.mp4", FPS)[:60]


def watched(images: Iterable[Image], view: View | None = None) -> list[Visibility]:
    view = view or View()
    return [
        view.look(START + timedelta(seconds=index), image) for index, image in enumerate(images)
    ]


def lost(seen: list[Visibility]) -> dict[int, Sight]:
    """By second, what kept it from being seen."""
    return {index: one.sight for index, one in enumerate(seen) if one.quality == 0}


def warped(
    image: Image, dx: float = 0.0, dy: float = 0.0, zoom: float = 1.0, turn: float = 0.0
) -> Image:
    """As if the camera had moved: shares of the width, a factor, degrees."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, zoom)
    matrix[:, 2] += (dx * width, dy * width)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize(
    ("image_bgr", "expected"),
    [
        pytest.param(grey_picture(5, spread=6), Visibility(0.0, Sight.DARK), id="black"),
        pytest.param(grey_picture(26, spread=6), Visibility(0.5, Sight.DARK), id="dusk"),
        pytest.param(grey_picture(41, spread=6), Visibility(1.0, Sight.CLEAR), id="dim"),
        pytest.param(grey_picture(209, spread=6), Visibility(1.0, Sight.CLEAR), id="light"),
        pytest.param(grey_picture(227, spread=6), Visibility(0.51, Sight.BRIGHT), id="glare"),
        pytest.param(grey_picture(247, spread=9), Visibility(0.0, Sight.BRIGHT), id="white"),
        pytest.param(grey_picture(120, spread=2), Visibility(0.0, Sight.COVERED), id="one grey"),
        pytest.param(np.empty((0, 0, 3), np.uint8), Visibility(0.0, Sight.COVERED), id="empty"),
        pytest.param(np.full((1, 1, 3), 128, np.uint8), Visibility(0.0, Sight.COVERED), id="pixel"),
        pytest.param(grey_picture(120, width_px=4000), Visibility(1.0, Sight.CLEAR), id="wide"),
    ],
)
def test_light(image_bgr: Image, expected: Visibility) -> None:
    seen = View().look(START, image_bgr)
    assert (seen.quality, seen.sight) == (pytest.approx(expected.quality, abs=0.03), expected.sight)


def test_a_third_of_it_saturated_is_seen_badly() -> None:
    image = grey_picture(120)
    image[:100] = 255
    assert View().look(START, image) == Visibility(0.3, Sight.BRIGHT)


AFTER_LEARNING = 20
CHANGES: dict[str, tuple[Callable[[Image], Image], Sight]] = {
    "right": (lambda image: warped(image, dx=0.03), Sight.MOVED),
    "left": (lambda image: warped(image, dx=-0.03), Sight.MOVED),
    "up": (lambda image: warped(image, dy=-0.03), Sight.MOVED),
    "down": (lambda image: warped(image, dy=0.03), Sight.MOVED),
    "aslant": (lambda image: warped(image, dx=-0.0212, dy=0.0212), Sight.MOVED),
    "far": (lambda image: warped(image, dx=0.3), Sight.MOVED),
    "zoomed in": (lambda image: warped(image, zoom=1.05), Sight.MOVED),
    "zoomed out": (lambda image: warped(image, zoom=0.95), Sight.MOVED),
    "turned": (lambda image: warped(image, turn=3.0), Sight.MOVED),
    "upside down": (lambda image: image[::-1, ::-1], Sight.MOVED),
    "out of focus": (lambda image: cv2.GaussianBlur(image, (0, 0), 4), Sight.BLURRED),
    "quite out of focus": (lambda image: cv2.GaussianBlur(image, (0, 0), 12), Sight.BLURRED),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_for_good_is_lost_at_the_third_check_and_comes_back(
    campus: list[Image], change: str
) -> None:
    changed, sight = CHANGES[change]
    seen = watched(changed(i) if 20 <= n < 40 else i for n, i in enumerate(campus))
    assert lost(seen) == dict.fromkeys(range(26, 44), sight)  # checks are at 18, 22, 24, 26


def cloth(image: Image, share: float) -> Image:
    """So much of the picture, from the left, behind a cloth out of focus, with soft folds."""
    covered, wide = image.copy(), int(image.shape[1] * share)
    folds = 110 + 30 * np.sin(np.arange(wide) / 60)
    covered[:, :wide] = folds[None, :, None]
    return covered


@pytest.mark.parametrize("share", [0.65, 0.8, 1.0])
def test_a_cloth_over_most_of_it_is_a_cover(campus: list[Image], share: float) -> None:
    seen = watched(cloth(i, share) if 20 <= n < 40 else i for n, i in enumerate(campus))
    assert lost(seen) == dict.fromkeys(range(26, 44), Sight.COVERED)


def test_a_lorry_over_a_third_of_it_is_none(campus: list[Image]) -> None:
    assert lost(watched(cloth(i, 0.33) if n >= 20 else i for n, i in enumerate(campus))) == {}


def test_two_checks_are_no_proof(campus: list[Image]) -> None:
    seen = watched(warped(i, dx=0.1) if 20 <= n < 26 else i for n, i in enumerate(campus))
    assert lost(seen) == {}


def test_a_slow_turn_is_found_however_the_light_changes(campus: list[Image]) -> None:
    """0.005 of the width a minute: each renewal alone would take it for standing still."""

    def turning(n: int) -> Image:
        image = campus[n % 60]
        return warped((image * (1 - min(n, 600) / 1200)).astype(np.uint8), dx=n / 12000)

    begun = min(lost(watched(turning(n) for n in range(420))))
    assert 280 <= begun <= 345  # 0.026 of the width after 312 s


def shaken(n: int, image: Image) -> Image:
    dx, dy = np.random.default_rng(n).uniform(-0.0106, 0.0106, 2)
    return warped(image, dx=dx, dy=dy)


def dusk(n: int, image: Image) -> Image:
    """Four minutes from day to night, with noise and head lights."""
    night = min(1.0, n / 200)
    dim = 255 * (image / 255.0) ** (1 + 1.5 * night) * (1 - 0.5 * night)
    dim += np.random.default_rng(n).normal(0, 10 * night, image.shape)
    if n % 7 < 3:
        lamp = np.zeros(image.shape[:2], np.float32)
        cv2.circle(
            lamp, (n * 37 % image.shape[1], image.shape[0] // 2), image.shape[1] // 10, 1, -1
        )
        dim += cv2.GaussianBlur(lamp, (0, 0), image.shape[1] / 25)[..., None] * 200
    return np.clip(dim, 0, 255).astype(np.uint8)


def rain(n: int, image: Image) -> Image:
    """250 streaks, at other places in each picture."""
    streaks = np.zeros(image.shape[:2], np.uint8)
    rng = np.random.default_rng(n)
    for x, y in rng.integers(0, (image.shape[1], image.shape[0]), (250, 2)):
        cv2.line(streaks, (int(x), int(y)), (int(x) + 4, int(y) + 25), 90, 1)
    return np.clip(image.astype(int) + streaks[..., None], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("weather", [shaken, dusk, rain])
def test_wind_dusk_and_rain_lose_nothing(
    campus: list[Image], weather: Callable[[int, Image], Image]
) -> None:
    assert lost(watched(weather(n, campus[n % 60]) for n in range(240))) == {}


@pytest.mark.parametrize(
    ("clip", "fps"),
    [
        ("mot/PETS09-S2L1/vtest.avi", 7.0),
        ("videos/intel_car-detection.mp4", 12.0),
        ("videos/intel_one-by-one-person-detection.mp4", 12.0),
        ("videos/intel_person-bicycle-car-detection.mp4", 12.0),
    ],
)
def test_what_passes_by_loses_nothing(clip: str, fps: float) -> None:
    if not (DATA / clip).is_file():
        pytest.skip(f"real clips are not there: {clip} beside the project, in shared/data")
    assert lost(watched(pictures(DATA / clip, fps))) == {}


def test_next_to_no_structure_cannot_tell(campus: list[Image]) -> None:
    wall = np.clip(campus[0][:1, :1] + np.linspace(0, 60, 400)[None, :, None], 0, 255)
    wall = wall.astype(np.uint8).repeat(300, axis=0)
    seen = watched([wall] * 10 + [wall[:, ::-1]] * 20)
    assert lost(seen) == {}


def test_a_picture_of_the_site_finds_a_wrong_view_from_the_start(campus: list[Image]) -> None:
    reference = cv2.resize(campus[0], (1920, 1440))
    assert lost(watched(campus, View(reference))) == {}
    wrong = lost(watched([warped(image, dx=0.04) for image in campus], View(reference)))
    assert wrong == dict.fromkeys(range(4, 60), Sight.MOVED)


def test_another_resolution_is_the_same_view_and_another_shape_is_learned_anew(
    campus: list[Image],
) -> None:
    smaller = [cv2.resize(image, (480, 360)) for image in campus]
    assert lost(watched([*campus[:20], *smaller])) == {}
    wider = [image[:432] for image in campus]
    shifted = [warped(image, dx=0.03) for image in wider]
    seen = watched([*campus[:20], *wider[:20], *shifted])
    assert min(lost(seen)) - 40 in range(4, 9)
    assert min(lost(watched(wider, View(campus[0])))) == 4  # the site says how it should look


def test_privacy_masks_hold_nothing_in_place(campus: list[Image]) -> None:
    """Their corners are the strongest of the picture, and stand still however it turns."""
    squares = [(x, y) for x in range(60, 760, 200) for y in range(40, 560, 150)]
    hidden = tuple(
        tuple(((x + dx) / 768, (y + dy) / 576) for dx, dy in ((0, 0), (24, 0), (24, 24), (0, 24)))
        for x, y in squares
    )

    def masked(image: Image) -> Image:
        for polygon in hidden:
            points = np.rint(np.array(polygon) * (768, 576)).astype(np.int32)
            cv2.fillPoly(image, [points], (128, 128, 128))
        return image

    seen = watched(
        (masked(warped(i, dx=0.05) if n >= 20 else i.copy()) for n, i in enumerate(campus)),
        View(None, hidden),
    )
    assert min(lost(seen)) == 26


def plain(width_px: int) -> Image:
    """A gradient and three grey boxes: fewer structures than a street has."""
    height_px = width_px * 9 // 16
    grey = np.linspace(60, 180, width_px)[None, :, None].repeat(height_px, axis=0)
    image = grey.astype(np.uint8).repeat(3, axis=2)
    for left, top, value in ((0.1, 0.2, 20), (0.5, 0.55, 230), (0.75, 0.15, 40)):
        x, y = int(left * width_px), int(top * height_px)
        image[y : y + height_px // 5, x : x + width_px // 8] = value
    return image


def rolled(image: Image, dx: float, dy: float) -> Image:
    """Shares of the width and of the height; what leaves on one side comes in on the other."""
    height, width = image.shape[:2]
    return np.roll(image, (round(dy * height), round(dx * width)), axis=(0, 1))


@pytest.mark.parametrize("scene", [plain, lambda width: grey_picture(width_px=width)])
@pytest.mark.parametrize("width_px", [320, 1920, 3840])
@pytest.mark.parametrize("shift", [(0.03, 0.0), (0.0, -0.03), (-0.07, 0.07)])
def test_synthetic_pictures_of_any_size_are_lost_when_they_shift_and_only_then(
    scene: Callable[[int], Image], width_px: int, shift: tuple[float, float]
) -> None:
    image = scene(width_px)
    turned = rolled(image, *shift)
    seen = watched(turned if 20 <= n < 40 else image for n in range(60))
    assert lost(seen) == dict.fromkeys(range(26, 44), Sight.MOVED)
