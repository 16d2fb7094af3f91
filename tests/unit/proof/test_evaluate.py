"""The command on a real clip: what it writes, and what a person sees."""

import json
import re
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import main

CAMPUS = Path(__file__).parents[3] / "deploy" / "demo" / "campus.mp4"
FIGURES = {
    "true_incidents", "found", "missed", "false_alerts", "duplicates", "precision", "recall", "f1",
    "time_to_alert_s", "hours", "false_alerts_per_camera_day", "frames", "frames_per_s",
}  # fmt: skip
SECONDS = 26  # of the clip, a picture each
# The van is there, but the scenario does not say so; nobody crowds before 3 s, but it does.
SCENARIO = """
name = "campus"
frames = "shots/%d.jpg"
fps = 1.0
[[zones]]
id = "junction"
detector = "crowding"
polygon = [
  [0.3255, 0.2604], [0.7292, 0.2257], [0.9115, 0.4514],
  [0.8333, 0.6944], [0.5469, 0.6250], [0.3906, 0.4514],
]
params = { min_people = 5 }
[[zones]]
id = "double-yellow"
detector = "illegal_parking"
polygon = [[0.8333, 0.1042], [0.9505, 0.1042], [0.9570, 0.1944], [0.8333, 0.1944]]
params = { dwell_s = 10 }
[[truth]]
zone = "junction"
from_s = 4.0
to_s = 19.3
[[truth]]
zone = "junction"
from_s = 0.0
to_s = 2.0
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[Result, dict, Path]:
    """What the command said and wrote."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "campus.toml").write_text(SCENARIO, "utf-8")
    (folder / "shots").mkdir()
    clip = cv2.VideoCapture(str(CAMPUS))
    for number in range(7 * SECONDS):
        shot = clip.read()[1]
        if number % 7 == 0:
            cv2.imwrite(str(folder / f"shots/{number}.jpg"), shot)
    files = ["--json", str(folder / "out.json"), "--report", str(folder / "report")]
    done = CliRunner().invoke(main, ["evaluate", str(folder / "campus.toml"), *files])
    assert done.exit_code == 0, done.output
    left = {path.name for path in folder.iterdir()}
    assert left == {"campus.toml", "shots", "out.json", "report"}
    return done, json.loads((folder / "out.json").read_text("utf-8")), folder / "report"


def test_the_figures(ran):
    answer = ran[1]
    assert set(answer) == {"total", "detectors", "scenarios"}
    crowding, parking = answer["detectors"]["crowding"], answer["detectors"]["illegal_parking"]
    assert set(crowding) == set(parking) == set(answer["total"]) == FIGURES
    assert (crowding["true_incidents"], crowding["found"], crowding["missed"]) == (2, 1, 1)
    assert (parking["true_incidents"], parking["false_alerts"], parking["recall"]) == (0, 1, None)
    assert (answer["total"]["f1"], answer["total"]["frames"]) == (0.5, SECONDS)
    assert answer["total"]["hours"] == pytest.approx((SECONDS - 1) / 3600, abs=1e-4)
    assert answer["total"]["false_alerts_per_camera_day"]["high"] > 1000
    assert 3 <= crowding["time_to_alert_s"]["p50"] <= 8  # it has to last 3 s


def test_a_scenario_has_its_zones_and_episodes(ran):
    (scenario,) = ran[1]["scenarios"]
    assert set(scenario) > FIGURES
    junction, yellow = scenario["zones"]
    (found,) = junction["episodes"]
    assert (found["outcome"], found["truth"]) == ("found", {"from_s": 4.0, "to_s": 19.3})
    assert 4 < found["from_s"] < found["to_s"]
    assert junction["missed_truths"] == [{"from_s": 0.0, "to_s": 2.0}]
    (van,) = yellow["episodes"]
    assert (van["outcome"], van["truth"], van["open_at_end"]) == ("false", None, True)


def test_the_page_shows_why_and_needs_no_network(ran):
    page = (ran[2] / "index.html").read_text("utf-8")
    assert "missed: 0.0 to 2.0 s" in page
    assert "false alert: " in page
    assert page.count("<svg") == 2
    assert not re.search(r"(?:src|href|url)\W+(?:https?:)?//", page)
    shown = set(re.findall(r'src="([^"]+)"', page))
    drawn = {f"pictures/{path.name}" for path in (ran[2] / "pictures").iterdir()}
    assert shown == drawn
    assert len(shown) >= 3
    assert "未发现情况。" in page  # why the fold told nobody of the crowd that was not there


def test_a_person_reads_a_line_for_each_zone(ran):
    text = ran[0].output
    assert re.search(r"campus, junction\s+2\s+1\s+1\s+0\s+0\s+1\.00\s+0\.50", text)
    assert "recall: 1 of 2, 95 % interval 0.09 to 0.91" in text
