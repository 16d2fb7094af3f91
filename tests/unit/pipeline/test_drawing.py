"""The page on which zones are drawn: what is in it, and its core in Node."""

import base64
import json
import random
import re
import shutil
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from detectors.hits import Ground
from pipeline import drawing
from pipeline.cli.main import main
from pipeline.site.load import check_site, load_site
from pipeline.site.problems import Both, Findings, say
from pipeline.site.tables import Node
from pipeline.site.zones import check_ground, check_polygon
from tests.unit.pipeline.clips import clip

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "deploy/demo"
CAMERA = "cam-510117-000007"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="the page's core runs in node: not on PATH")
# Ends a script, a string, an attribute and a TOML string, wherever one of them is not escaped.
NASTY = "</script><script>alert(1)</script>\"'`${x}{{data}}<!--\u2028&amp;"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the demo that a test may change."""
    return Path(shutil.copytree(DEMO, tmp_path / "site"))


def drawn(site: Path, *words: object) -> Result:
    out = site.parent / "zones.html"
    command = ["site", "draw", CAMERA, "--site", site, "--out", out, *words]
    return CliRunner().invoke(main, [str(word) for word in command])


class Parts(HTMLParser):
    """The attributes of each element, and the text of each script, of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)


def page_of(site: Path) -> Parts:
    result = drawn(site)
    assert result.exit_code == 0, result.output
    parts = Parts((site.parent / "zones.html").read_text("utf-8"))
    assert parts.open == []
    return parts


def data_of(site: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(page_of(site).scripts[0])
    return data


def in_core(data: Any, script: str) -> Any:
    """What `script`, which knows `data` and the page's core, returns."""
    core = (ROOT / "pipeline/drawing.js").read_text("utf-8")
    run = f"const answer = () => {{ const data = {json.dumps(data)}; {script} }};"
    program = f"{core}\n{run}\nconsole.log(JSON.stringify(answer()));"
    done = subprocess.run(
        [str(NODE), "-"], input=program, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_everything_is_in_the_page_and_nothing_is_fetched(site: Path) -> None:
    parts = page_of(site)
    links = [a[key] for _, a in parts.elements for key in ("src", "href") if key in a]
    assert [link and link[:23] for link in links] == ["data:image/jpeg;base64,"]
    policy = next(a["content"] for _, a in parts.elements if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    data = json.loads(parts.scripts[0])
    assert [zone["id"] for zone in data["zones"]] == ["junction", "double-yellow", "walkers-path"]
    # Only what looks at pictures can be drawn.
    types = {event["type"] for event in data["events"]}
    assert types >= {"crowding", "illegal_parking"}
    assert not types & {"residual_current", "street_vending", "coverage_lost"}
    assert data["places"][0] == {"id": "pl-0931", "name": "北路口", "grid": "第七微网格"}


def test_names_cannot_break_out(site: Path) -> None:
    for path in (site / "map.geojsonl", site / "cameras/510117001.toml"):
        text = path.read_text("utf-8")
        path.write_text(
            text.replace('"北路口', json.dumps(NASTY, ensure_ascii=False)[:-1]), "utf-8"
        )
    parts = page_of(site)
    assert len(parts.scripts) == 3  # the data, the core, the page: none more
    assert not set("<>&\u2028") & set(parts.scripts[0])  # browsers end scripts in more ways
    data = json.loads(parts.scripts[0])
    assert data["places"][0]["name"] == NASTY
    assert data["camera"]["name"] == f"{NASTY} 1 号"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """A test's output is its own."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address under which the files of `tmp_path` are served, with a user and a password."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://admin:${{CAM_PASSWORD}}@127.0.0.1:{server.server_port}"
        server.shutdown()


def made_live(site: Path, source: str) -> None:
    """The camera as a live one."""
    file = site / "cameras/510117001.toml"
    text = re.sub("video = .*", lambda _: source, file.read_text("utf-8"))
    file.write_text(re.sub(r"(?m)^(start|fps) = .*\n", "", text), "utf-8")


def test_a_live_stream_gives_a_picture_and_keeps_its_secrets(
    site: Path, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAM_PASSWORD", "s3cret")
    clip(site.parent / "live.ts", [index / 5 for index in range(100)], noise=8)
    made_live(site, f'stream = "{served}/live.ts"')
    result = drawn(site)
    assert result.exit_code == 0, result.output
    page = (site.parent / "zones.html").read_text("utf-8")
    assert not re.search(r"s3cret|CAM_PASSWORD|admin|127\.0\.0\.1|live\.ts", page)
    file = site / "cameras/510117001.toml"
    file.write_text(file.read_text("utf-8").replace("live.ts", "none.ts"), "utf-8")
    result = drawn(site)
    assert result.exit_code == 1
    assert "/none.ts cannot be reached" in result.output
    assert "s3cret" not in result.output


def test_a_camera_of_the_frames_topic_wants_a_picture(site: Path) -> None:
    made_live(site, "from_topic = true")
    result = drawn(site)
    assert result.exit_code == 1
    assert "give one of them with --picture" in result.output
    assert drawn(site, "--picture", ROOT / "tests/data/campus.jpg").exit_code == 0


def test_a_privacy_mask_hides_what_it_hides(site: Path) -> None:
    file = site / "cameras/510117001.toml"
    mask = "privacy_masks = [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]\nsample_fps"
    file.write_text(file.read_text("utf-8").replace("sample_fps", mask), "utf-8")
    loaded = load_site(site)
    white = np.full((100, 200, 3), 255, np.uint8)
    picture = site.parent / "white.png"
    cv2.imwrite(str(picture), white)
    frame = drawing.picture_in(picture, loaded.cameras[0])
    page = Parts(drawing.page(loaded, loaded.cameras[0], frame))
    uri = next(a["href"] for tag, a in page.elements if tag == "image")
    assert uri is not None
    encoded = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    shown = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert shown is not None
    assert abs(int(shown[50, 40, 0]) - 128) < 4
    assert shown[50, 160, 0] > 250


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--picture", "missing.png"), "missing.png: No such file or directory"),
        (("--picture", DEMO / "gridalert.toml"), "gridalert.toml: no picture"),
        (("--out", DEMO / "nowhere/zones.html"), "cannot write "),
    ],
)
def test_says_why_there_is_no_page(site: Path, words: tuple[object, ...], says: str) -> None:
    result = drawn(site, *words)
    assert (result.exit_code, says in result.output) == (1, True), result.output


def test_says_that_there_is_no_such_camera(site: Path) -> None:
    out = site.parent / "zones.html"
    command = ["site", "draw", "cam-510117-00007", "--site", str(site), "--out", str(out)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert f'did you mean "{CAMERA}"?' in result.output
    assert not out.exists()


def test_a_clip_that_is_none_is_told(site: Path) -> None:
    (site / "campus.mp4").write_bytes(b"no video")
    result = drawn(site)
    assert result.exit_code == 1
    assert "campus.mp4: no video that can be read" in result.output


def test_a_camera_without_zones_can_be_drawn(site: Path) -> None:
    file = site / "cameras/510117001.toml"
    file.write_text(file.read_text("utf-8").partition("[[camera.zones]]")[0], "utf-8")
    assert [problem.code for problem in check_site(site)[1]] == ["R025"]
    assert data_of(site)["zones"] == []


# ---- the core, in Node


def told(points: list[list[float]], owner: Both) -> list[list[list[str]]]:
    """What `gridalert check` says of a polygon: [what, why, todo], each [English, Chinese]."""
    found = Findings()
    check_polygon(Node(points, "x", {}, found), owner, tuple((x, y) for x, y in points))
    return [[list(part) for part in zip(p.en, p.zh, strict=True)] for p in found.all]


@needs_node
def test_a_polygon_is_judged_in_the_words_of_check(site: Path) -> None:
    data = data_of(site)
    dice = random.Random(4)
    # Eighths are whole in both counts: points on sides, repeated points, sides on each other.
    grids = [(8, 0.125), (10_000, 1e-4), (600, 1e-4)]
    zones = []
    for index in range(600):
        steps, step = grids[index % 3]
        count = dice.randint(2, 7) if index else 65
        points = [[round(dice.randint(0, steps) * step, 4) for _ in "xy"] for _ in range(count)]
        zones.append(
            {"id": f"z-{index}", "event": "crowding", "place": "pl-0931", "polygon": points}
        )
    script = "return [...faultsOf(shapesOf(data), data).values()];"
    answers = in_core({**data, "zones": zones}, script)
    seen = set()
    for zone, answer in zip(zones, answers, strict=True):
        owner = say("zone", camera=CAMERA, zone=zone["id"])
        expected = told(zone["polygon"], owner)
        assert answer == expected, zone
        seen.add(expected[0][1][0] if expected else "good")
    assert len(seen) == 5  # good, number of points, the same twice, crosses itself, too small


@needs_node
def test_masks_exclude_polygons_and_ground_are_named_as_check_names_them(site: Path) -> None:
    tiny = [[0.1, 0.1], [0.11, 0.1], [0.11, 0.11]]
    line = {
        "points": [[0, 0], [0.5, 0], [1, 0], [0, 1]],
        "metres": [[0, 0], [5, 0], [5, 5], [0, 5]],
    }
    data = {**data_of(site), "privacy_masks": [tiny], "ground": line}
    data["zones"][1] |= {"exclude": [tiny, tiny], "windows": [tiny], "charging": [tiny]}
    answers = in_core(data, "return [...faultsOf(shapesOf(data), data).values()].flat();")
    zone = say("zone", camera=CAMERA, zone="double-yellow")
    owners = [say("exclude", owner=zone, n=1), say("exclude", owner=zone, n=2)]
    owners += [say("windows", owner=zone, n=1), say("charging", owner=zone, n=1)]
    owners.append(say("privacy_masks", owner=say("camera", camera=CAMERA), n=1))
    expected = [fault for owner in owners for fault in told(tiny, owner)]
    found = Findings()
    ground = Ground(**{key: tuple(map(tuple, four)) for key, four in line.items()})
    check_ground(Node({"points": 0, "metres": 0}, "x", {}, found), CAMERA, ground)
    expected += [[list(part) for part in zip(p.en, p.zh, strict=True)] for p in found.all]
    assert answers == expected


@needs_node
def test_ids_are_judged_in_the_words_of_check(site: Path) -> None:
    data = data_of(site)
    for zone, name in zip(data["zones"], ["a", "a", "a b"], strict=True):
        zone["id"] = name
    script = "return [...faultsOf(shapesOf(data), data).values()].flat().map((parts) => parts[0]);"
    kind = say("camera_zone", camera=CAMERA)
    assert in_core(data, script) == [
        [f'{kind.en} id "a" is used twice; first at #1', f"{kind.zh}编号“a”重复，首次出现在 #1"],
        ['"id" is "a b"', '“id”的值是 "a b"'],
    ]


@needs_node
def test_what_was_not_touched_comes_out_as_it_went_in(site: Path) -> None:
    data = data_of(site)
    zone = data["zones"][0]
    square = [[0.0, 0.0], [0.1234, 0.0], [0.1, 1.0]]
    zone |= {"exclude": [square, square], "windows": [square], "charging": [square, square]}
    zone["params"] = {"min_people": 8, "mode": NASTY + "\x7f\x01\n\\", "share.of": 0.5, "on": True}
    zone["schedule"] = [{"days": "all", "hours": "18:00-02:00"}]
    data["privacy_masks"] = [square]
    data["ground"] = {
        "points": [*square, [1.0, 1.0]],
        "metres": [[0, 0], [-3.5, 0], [3, 1e-9], [0, 4]],
    }
    written = in_core(data, "return tomlOf(shapesOf(data));")
    camera = tomllib.loads(f"[[camera]]\n{written}")["camera"][0]
    assert camera == {key: data[key] for key in ("privacy_masks", "ground", "zones")}


@needs_node
def test_points_are_fractions_with_four_decimals(site: Path) -> None:
    data = data_of(site)
    data["zones"][0]["polygon"] = [[1 / 3, 0], [1.2, 0.123456], [0.5, -3]]
    written = in_core(data, "return tomlOf(shapesOf(data));")
    assert "polygon = [[0.3333, 0.0000], [1.0000, 0.1235], [0.5000, 0.0000]]" in written
