"""What is wrong with a scenario is told in its own words, where it stands."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.cli.main import main
from pipeline.proof.scenario import read_scenarios
from pipeline.sources.video import frames

CAMPUS = Path(__file__).parents[3] / "deploy" / "demo" / "campus.mp4"
ZONE = """
[[zones]]
id = "gate"
detector = "crowding"
polygon = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
"""
GOOD = f'name = "clip"\nvideo = "clip.mp4"\n{ZONE}'
TRUTH = '[[truth]]\nzone = "gate"\nfrom_s = 1\nto_s = 5\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a scenario lies, with its clip."""
    (tmp_path / "clip.mp4").symlink_to(CAMPUS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(folder, *texts):
    files = []
    for number, text in enumerate(texts, 1):
        files.append(Path(f"{number}.toml"))
        files[-1].write_text(text, "utf-8")
    return read_scenarios(files, folder / "made")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            GOOD.replace("video =", "vidio ="),
            [
                '1.toml:1 R014 camera "clip-0" has not one source of pictures but: - ',
                '1.toml:2 F004 unknown key "vidio" · it would be ignored in silence · remove it; '
                'did you mean "video"?',
            ],
        ),
        (
            GOOD.replace("clip.mp4", "no.mp4"),
            [
                '1.toml:2 R013 "video" is "no.mp4", and there is no such file · '
            ],
        ),
        (
            GOOD.replace("clip.mp4", "1.toml"),
            ['1.toml:2 F007 "video" is "1.toml" · no picture can be read of it: try ffprobe on it'],
        ),
        (
            GOOD.replace('"crowding"', '"crowd"'),
            [
                '1.toml:6 F008 "detector" is "crowd" · it must be one of crowd_density, crowding, '
            ],
        ),
        (
            GOOD.replace("0.9, 0.9", "0.9, 9.0"),
            [
                '1.toml:7 R001 camera "clip-0", zone "gate", point 3 (0.9, 9) is outside the '
            ],
        ),
        (
            GOOD + "params = { min_peple = 3 }",
            [
                '1.toml:8 C004 param "min_peple" is not one that event "crowding" has · the '
                "catalogue lists what a zone or sensor may set · remove it; did you mean "
                '"min_people"?'
            ],
        ),
        (
            GOOD + 'place = "here"',
            ['1.toml:8 F004 unknown key "place" · it would be ignored in silence · remove it; '],
        ),
        (
            GOOD + TRUTH.replace("gate", "gates"),
            [
                '1.toml:9 F008 "zone" is "gates" · it must be one of gate · choose one; '
                'did you mean "gate"?'
            ],
        ),
        (
            GOOD + TRUTH.replace("= 5", "= 1"),
            ['1.toml:11 F007 "to_s" is 1 · it must be later than from_s'],
        ),
        (
            GOOD + TRUTH.replace("= 5", '= "5"'),
            ['1.toml:11 F006 "to_s" is "5" · that is the wrong kind of value · write a number'],
        ),
        (GOOD + "fps = ", ["1.toml:8 F003 this is not TOML: Invalid value (at end of document)"]),
        (
            "",
            [
                '1.toml:1 F005 "name" is missing · it has no default · add name: a text in quotes',
                '1.toml:1 F005 "zones" is missing · it has no default · add zones: [[zones]]',
            ],
        ),
    ],
)  # fmt: skip
def test_one_thing_wrong(folder, text, lines):
    scenarios, wrong = read(folder, text)
    assert scenarios == []
    assert len(wrong) == len(lines), wrong
    for told, line in zip(wrong, lines, strict=True):
        assert told.startswith(line), told
        assert str(folder) not in told


def test_everything_wrong_is_told_at_once(folder):
    both = GOOD.replace("0.9, 0.9", "0.9, 9.0").replace("clip.mp4", "no.mp4") + "colour = 1"
    scenarios, wrong = read(folder, both.replace('"clip"', '"one"'), GOOD, GOOD)
    assert [one.split()[0] for one in wrong] == [
        "1.toml:2", "1.toml:7", "1.toml:8", "3.toml:1",
    ]  # fmt: skip
    assert "used twice; first at 2.toml:1" in wrong[-1]
    assert [one.file.name for one in scenarios] == ["2.toml"]


def test_a_zone_takes_what_a_site_takes(folder):
    text = f"""name = "clip"
video = "clip.mp4"
fps = 7.0
sample_fps = 4.0
start = 2026-06-03T22:00:00+08:00
privacy_masks = [[[0.0, 0.0], [0.1, 0.0], [0.1, 0.1]]]
{ZONE}
params = {{ min_people = 3, hold_s = 2 }}
schedule = [{{ days = "all", hours = "07:00-22:00" }}]
"""
    (scenario,), wrong = read(folder, text)
    assert wrong == []
    (camera,) = scenario.site.cameras
    assert (camera.fps, camera.sample_fps, camera.start.isoformat()) == (
        7.0, 4.0, "2026-06-03T14:00:00+00:00",
    )  # fmt: skip
    assert len(camera.privacy_masks) == 1
    watch = scenario.site.policy.watches["clip-0", "gate"]
    assert (watch.rule.raise_at, watch.rule.hold_s, len(watch.schedule)) == (3, 2, 1)


def test_frames_are_those_that_fit_the_pattern_in_order_of_their_numbers(folder):
    (folder / "shots").mkdir()
    for number in (9, 10, 2):
        grey = np.full((48, 64, 3), number, np.uint8)
        assert cv2.imwrite(str(folder / "shots" / f"{number}.png"), grey)
    assert cv2.imwrite(str(folder / "shots" / "thumb.png"), np.zeros((8, 8, 3), np.uint8))
    text = GOOD.replace('video = "clip.mp4"', 'frames = "shots/%d.png"\nfps = 1.0')
    (scenario,), wrong = read(folder, text)
    assert wrong == []
    seen = [
        int(frame.image_bgr[0, 0, 0]) for frame in frames(scenario.site.cameras[0], lambda: None)
    ]
    assert seen == [2, 9, 10]
    none, wrong = read_scenarios([_other(folder, text.replace("%d", "%06d"))], folder / "again")
    assert none == []
    assert "there is no such folder" in wrong[0]


def _other(folder, text):
    path = folder / "other.toml"
    path.write_text(text.replace('"clip"', '"other"'), "utf-8")
    return path


def test_the_command_exits_with_1_and_every_line(folder):
    Path("a.toml").write_text(GOOD.replace("clip.mp4", "no.mp4"), "utf-8")
    Path("b.toml").write_text("name = ", "utf-8")
    ran = CliRunner().invoke(main, ["evaluate", "a.toml", "b.toml", "--json", "out.json"])
    assert ran.exit_code == 1
    assert ran.exception is None or isinstance(ran.exception, SystemExit)
    assert "a.toml:2" in ran.output
    assert "b.toml:1" in ran.output
    assert not os.path.lexists("out.json")


def test_a_name_is_any_text(folder):
    named = [GOOD.replace('"clip"', f'"{name}"') for name in ("街道 路口", "Main St. / 2")]
    scenarios, wrong = read(folder, *named)
    assert wrong == []
    assert [one.camera.name for one in scenarios] == ["街道 路口", "Main St. / 2"]
