"""The page on which zones are drawn, in a real Chromium, by real clicks and keys."""

import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.cli.main import main
from pipeline.site.load import check_site
from tests.unit.pipeline.browser import CHROMIUM, Page, chromium

DEMO = Path(__file__).parents[3] / "deploy/demo"
CAMERA_FILE = "cameras/510117001.toml"
CAMERA = "cam-510117-000007"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian: chromium)")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the demo that a test may change."""
    return Path(shutil.copytree(DEMO, tmp_path / "site"))


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with chromium(tmp_path / "profile") as opened:
        yield opened


class Hand:
    """Draws on a page as a person does; points are fractions of the picture."""

    def __init__(self, page: Page, site: Path) -> None:
        self.page, self._file = page, site.parent / "zones.html"
        words = ["site", "draw", CAMERA, "--site", str(site), "--out", str(self._file)]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output

    def open(self, width: int, height: int, *, mobile: bool = False) -> None:
        self.page.open(self._file, width, height, mobile=mobile)

    def box(self, element: str) -> list[float]:
        """Left, top, width and height of the element with that id, in pixels of the screen."""
        sides = "['x', 'y', 'width', 'height'].map"
        found = self.page.run(f"{sides}((side) => $('{element}').getBoundingClientRect()[side])")
        return [float(side) for side in found]

    def at(self, x: float, y: float) -> tuple[float, float]:
        left, top, width, height = self.box("picture")
        return left + x * width, top + y * height

    def click(self, *points: tuple[float, float]) -> None:
        for x, y in points:
            self.page.click(*self.at(x, y))

    def double_click(self, x: float, y: float) -> None:
        for clicks in (1, 2):
            self.page.click(*self.at(x, y), clicks)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse("Pressed", *self.at(*start))
        self.page.mouse("Moved", *self.at(*end))
        self.page.mouse("Released", *self.at(*end))

    def press(self, button: str) -> None:
        """A real click on the button with that id."""
        self.page.run(f"$('{button}').scrollIntoView({{ block: 'center' }})")
        left, top, _, _ = self.box(button)
        self.page.click(left + 5, top + 5)
        self.page.run("scrollTo(0, 0)")

    def choose(self, selector: str, value: str) -> None:
        """An entry of a list."""
        node = f"document.querySelector('{selector}')"
        self.page.run(f"{node}.value = '{value}', {node}.dispatchEvent(new Event('change'))")

    def type(self, selector: str, text: str, index: int = 0) -> None:
        """Over what the field holds."""
        node = f"document.querySelectorAll('{selector}')[{index}]"
        self.page.run(f"{node}.focus({{ preventScroll: true }}), {node}.select()")
        self.page.call("Input.insertText", text=text)

    @property
    def faults(self) -> list[str]:
        """What the page says is wrong with what is chosen."""
        found: list[str] = self.page.run("[...$('faults').children].map((p) => p.textContent)")
        return found

    @property
    def toml(self) -> str:
        return str(self.page.run("$('toml').value"))

    @property
    def camera(self) -> dict[str, Any]:
        """The camera's tables as the page writes them."""
        camera: dict[str, Any] = tomllib.loads(f"[[camera]]\n{self.toml}")["camera"][0]
        return camera


def with_kind(site: Path) -> None:
    """See that parking has the kind fire_lane."""
    file = site / "catalogue.toml"
    text = file.read_text("utf-8")
    if "fire_lane" not in text:
        kinds = "kinds = { fire_lane = { dwell_s = 60 } }\nparams = { dwell_s"
        file.write_text(text.replace("params = { dwell_s", kinds), "utf-8")


def near(points: list[list[float]], off: float = 0.002) -> Any:
    return [pytest.approx(point, abs=off) for point in points]


def draw_zone(hand: Hand) -> None:
    page = hand.page
    # A zone, closed by its first point; one point was a mistake, another is moved.
    hand.click((0.30, 0.30), (0.70, 0.30), (0.9, 0.9))
    page.key("Escape")
    hand.click((0.70, 0.80), (0.30, 0.80), (0.30, 0.30))
    hand.drag((0.30, 0.80), (0.25, 0.85))
    assert [fault.split(" · ")[0] for fault in hand.faults] == ["缺少“event”", "缺少“place”"]
    hand.type("#event-filter", "违停 illegal")
    assert page.run("$('event').options.length") == 2  # "choose", and the one that fits
    hand.choose("#event", "illegal_parking")
    hand.choose("#place", "pl-0932")
    hand.type("#id", "gate")
    hand.choose("#kind", "fire_lane")
    assert page.run("$('param-dwell_s').placeholder") == "默认 60"
    hand.type("#param-clear_s", "45")
    assert hand.faults == []


def draw_the_rest(hand: Hand) -> None:
    page = hand.page
    # Inside it an exclude polygon, closed by a double click.
    hand.press("new")
    hand.click((0.40, 0.40), (0.50, 0.40))
    hand.double_click(0.45, 0.55)
    hand.choose("#form select", "exclude")
    # A mask, begun outside the picture, which is its edge, and closed by Enter.
    hand.press("new")
    hand.click((-0.01, -0.01), (0.15, 0), (0.15, 0.15))
    page.key("Enter")
    hand.choose("#form select", "mask")
    hand.press("new")
    hand.choose("#form select", "ground")
    hand.click((0.1, 0.9), (0.9, 0.9), (0.8, 0.6), (0.2, 0.6))
    assert "ground" in hand.faults[0]  # all at 0 m, 0 m
    for index, metres in enumerate((0, 0, 8, 0, 8, 12.5, 0, 12.5)):
        hand.type("#form input", str(metres), index)
    assert hand.faults == []


def test_what_is_drawn_by_hand_is_a_site_that_check_accepts(site: Path, page: Page) -> None:
    file = site / CAMERA_FILE
    head = file.read_text("utf-8").partition("[[camera.zones]]")[0]
    file.write_text(head, "utf-8")
    with_kind(site)
    hand = Hand(page, site)
    hand.open(1280, 800)
    draw_zone(hand)
    draw_the_rest(hand)
    hand.press("copy")
    assert page.run("$('copied').textContent") == "已复制"
    camera = hand.camera
    zone = camera["zones"][0]
    assert zone["polygon"] == near([[0.30, 0.30], [0.70, 0.30], [0.70, 0.80], [0.25, 0.85]])
    assert zone["exclude"] == [near([[0.40, 0.40], [0.50, 0.40], [0.45, 0.55]])]
    assert camera["privacy_masks"] == [near([[0, 0], [0.15, 0], [0.15, 0.15]])]
    assert camera["ground"]["metres"] == [[0, 0], [8, 0], [8, 12.5], [0, 12.5]]
    assert page.errors == []
    file.write_text(f"{head}\n{hand.toml}", "utf-8")
    loaded, problems = check_site(site)
    assert problems == ()
    assert loaded is not None
    watched = loaded.cameras[0].zones[0]
    assert (watched.id, watched.place_id) == ("gate", "pl-0932")
    assert zone["params"] == {"kind": "fire_lane", "clear_s": 45}
    assert watched.params == {"dwell_s": 60, "clear_s": 45}


def test_windows_follow_windows_and_a_charging_area_is_drawn(site: Path, page: Page) -> None:
    hand = Hand(page, site)
    hand.open(1280, 800)
    for kind, left in (("windows", 0.55), (None, 0.62), ("charging", 0.7)):
        hand.press("new")
        hand.click((left, 0.4), (left + 0.05, 0.4), (left + 0.05, 0.5))
        page.key("Enter")
        if kind is not None:  # the second window needs not be said to be one
            hand.choose("#form select", kind)
        assert hand.faults == []
    zone, *others = hand.camera["zones"]
    assert [polygon[0] for polygon in zone["windows"]] == near([[0.55, 0.4], [0.62, 0.4]])
    assert [polygon[0] for polygon in zone["charging"]] == near([[0.7, 0.4]])
    assert not any({"windows", "charging"} & other.keys() for other in others)
    assert page.errors == []


def test_zones_are_drawn_and_mended_by_keys_alone(site: Path, page: Page) -> None:
    hand = Hand(page, site)
    hand.open(1280, 800)
    page.run("$('stage').focus()")
    page.key(" ")
    for _ in range(30):
        page.key("ArrowRight")
    page.key(" ")
    assert any("有 2 个点 · 多边形应有 3 到 64 个点" in fault for fault in hand.faults)
    for _ in range(30):
        page.key("ArrowDown")
    page.key(" ")
    page.key("Enter")
    shape = near([[0.5, 0.5], [0.56, 0.5], [0.56, 0.56]])
    assert hand.camera["zones"][3]["polygon"] == shape
    # A point is chosen, moved and deleted; then the zone goes; then all of that is undone.
    for name in ("[", "[", "ArrowRight", "Delete", "Delete"):
        page.key(name)
    assert page.run("$('list').children.length") == 3
    for _ in range(3):
        hand.press("undo")
    assert hand.camera["zones"][3]["polygon"] == shape
    assert page.errors == []


def test_a_finger_draws_and_moves(site: Path, page: Page) -> None:
    hand = Hand(page, site)
    hand.open(390, 844, mobile=True)
    hand.press("new")
    for point in ((0.1, 0.5), (0.5, 0.5), (0.5, 0.9), (0.1, 0.5)):
        page.touch(hand.at(*point))
    # Straight up, which anywhere else on the page would scroll it.
    page.touch(*(hand.at(0.5, 0.9 - step / 50) for step in range(11)))
    shape = [[0.1, 0.5], [0.5, 0.5], [0.5, 0.7]]
    assert hand.camera["zones"][3]["polygon"] == near(shape, 0.005)
    assert page.errors == []


def test_a_phone_shows_all_of_it_in_both_languages(site: Path, page: Page) -> None:
    hand = Hand(page, site)
    hand.open(390, 844, mobile=True)
    for language in ("zh", "en"):
        assert page.run("document.documentElement.lang") == language
        for shape in range(3):
            page.run(f"document.querySelectorAll('#list button')[{shape}].click()")
            assert not page.run("/undefined|NaN|\\{\\w+\\}/.test(document.body.innerText)")
            assert page.run("document.documentElement.scrollWidth") == 390
        hand.press("language")
    assert page.errors == []
