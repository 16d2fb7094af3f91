"""Episodes of which the truth is known, by a real network that sees whatever has changed."""

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper

from detectors.hits import SeenObject
from models.flying_wire.episodes import Episode, write_episode
from models.flying_wire.scenes import Cable
from pipeline.cli.main import main
from pipeline.proof.episode_figures import Outcome, as_json
from pipeline.proof.episodes import lies_on, made, measure, raise_at, written

SIZE_WH = (128, 192)
HERE, THERE = 40, 90  # x of a cable
WINDOWS = (((0.0, 0.0), (1.0, 0.0), (1.0, 0.25), (0.0, 0.25)),)
CHARGING = (((0.0, 0.75), (1.0, 0.75), (1.0, 1.0), (0.0, 1.0)),)
RATE = {"value", "low", "high", "of"}


def changes(path: Path, name: str = "pictures") -> Path:
    """A network that takes for a cable, and its ends, whatever is darker than in the reference."""
    weights = {"by": np.float32(60), "less": np.float32(-6), "none": np.float32(-10)}
    weights["axes"] = np.array([1])
    nodes = [
        helper.make_node("Split", [name], ["image", "reference"], axis=1, num_outputs=2),
        helper.make_node("Sub", ["reference", "image"], ["change"]),
        helper.make_node("ReduceMean", ["change", "axes"], ["grey"], keepdims=1),
        helper.make_node("MaxPool", ["grey"], ["half"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Mul", ["half", "by"], ["steep"]),
        helper.make_node("Add", ["steep", "less"], ["drop"]),
        helper.make_node("Min", ["drop", "none"], ["no"]),
        helper.make_node("Concat", ["drop", "no", "drop", "drop"], ["logits"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 6, "h", "w"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    constants = [numpy_helper.from_array(np.array(one), key) for key, one in weights.items()]
    graph = helper.make_graph(nodes, "changes", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)
    return path


def one(name: str, shown_at: int | None, cable_at: int | None, width_px: float) -> Episode:
    """A grey wall, a dark line on it or none, and where the cable truly is, if anywhere."""
    wall = np.full((SIZE_WH[1], SIZE_WH[0], 3), 170, np.uint8)
    now = wall.copy()
    if shown_at is not None:
        cv2.line(now, (shown_at, 30), (shown_at + 8, 170), (20, 20, 20), 2)
    path = np.array([[cable_at, 30], [cable_at + 8, 170]], np.float32) if cable_at else None
    return Episode(
        id=name,
        light="night" if shown_at is None else "day",
        history=[wall],
        fresh=[(30.0 * i, now) for i in range(6)],
        windows=WINDOWS,
        charging=CHARGING,
        two_wheelers=[np.empty((0, 4), np.float32)] * 6,
        truth=None if path is None else Cable(path, width_px, (20.0, 20.0, 20.0)),
        confusers=("laundry",) if cable_at is None else (),
    )


EPISODES = [
    one("found", HERE, HERE, 2.0),
    one("thin", None, HERE, 1.2),
    one("missed", None, HERE, 1.5),
    one("elsewhere", THERE, HERE, 3.0),
    one("false", HERE, None, 0.0),
    one("quiet", None, None, 0.0),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Those episodes, written, and the network beside."""
    root = tmp_path_factory.mktemp("episodes")
    changes(root / "changes.onnx")
    for number, episode in enumerate(EPISODES):
        write_episode(root / "written" / f"{number}", episode)
    return root


def run(*asked: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, asked)])


@pytest.fixture(scope="module")
def ran(folder) -> tuple[str, dict, Path]:
    """What the command said and wrote."""
    files = ["--json", folder / "out.json", "--report", folder / "report"]
    done = run("--episodes", folder / "written", "--model", folder / "changes.onnx", *files)
    assert done.exit_code == 0, done.output
    return done.output, json.loads((folder / "out.json").read_text("utf-8")), folder / "report"


def test_the_figures(ran):
    answer = ran[1]
    assert (answer["episodes"], answer["positives"]) == (6, 4)
    recall = answer["recall_ge_1_5px"]
    assert (recall["found"], recall["of"], recall["value"]) == (1, 3, 0.3333)
    assert (recall["low"], recall["high"]) == pytest.approx((0.0615, 0.7923), abs=1e-4)  # Wilson
    wrong = answer["false_episode_rate"]
    assert (wrong["false"], wrong["of"], wrong["value"]) == (1, 2, 0.5)
    assert answer["false_beside_cable"]["false"] == 1
    assert answer["model"].startswith("changes@")
    assert (answer["threshold"], answer["seed"]) == (raise_at(), None)


def test_by_what_was_there(ran):
    answer = ran[1]
    widths = {name: of["recall"] for name, of in answer["by_width"].items()}
    assert {name: (of["found"], of["of"]) for name, of in widths.items()} == {
        "0.8-1.5": (0, 1),
        "1.5-2.5": (1, 2),
        "2.5-4": (0, 1),
    }
    assert set(answer["by_light"]) == {"day", "night"}
    assert set(answer["by_confuser"]) == {"laundry", "none"}
    day, laundry = answer["by_light"]["day"], answer["by_confuser"]["laundry"]
    assert (day["recall_ge_1_5px"]["of"], day["false_episode_rate"]["of"]) == (2, 1)
    assert laundry["false_episode_rate"]["value"] == 0.5
    assert laundry["recall_ge_1_5px"]["value"] is None
    for rate in (*widths.values(), *day.values(), *laundry.values()):
        assert set(rate) > RATE


def test_a_person_reads_the_same_and_what_is_not_counted(ran):
    text = ran[0]
    assert re.search(r"all\s+1 of 3\s+0\.33 \(0\.06 to 0\.79\)\s+1 of 2\s+0\.50", text)
    assert "persistence, merging and scoring come after it" in text


def test_the_page_shows_what_went_wrong(ran):
    page = (ran[2] / "index.html").read_text("utf-8")
    assert re.findall(r"<h4>(\w+): (\w+)", page) == [
        ("missed", "missed"),
        ("elsewhere", "missed"),
        ("false", "false"),
    ]
    shown = set(re.findall(r'src="([^"]+)"', page))
    assert shown == {f"pictures/{path.name}" for path in (ran[2] / "pictures").iterdir()}
    assert not re.search(r"(?:src|href|url)\W+(?:https?:)?//", page)
    # Reference, fresh and map beside each other; the map is bright where the line is.
    picture = cv2.imread(str(ran[2] / "pictures/00004.jpg"))
    assert picture.shape == (SIZE_WH[1], 3 * SIZE_WH[0], 3)
    assert picture[100, 2 * SIZE_WH[0] + HERE + 4].min() > 150
    assert picture[100, 2 * SIZE_WH[0] + THERE].max() < 50


def test_one_worker_says_the_same_as_several(folder, ran):
    alone = list(measure(written(folder / "written"), 0.5, folder / "changes.onnx", workers=1))
    assert [outcome.id for outcome in alone] == [episode.id for episode in EPISODES]
    told = as_json(alone)
    assert told == {key: ran[1][key] for key in told}


def test_made_episodes_have_a_cable_in_every_other_one(folder):
    told = list(measure(made(11, 2), 0.5, folder / "changes.onnx", workers=1))
    assert [outcome.id for outcome in told] == ["s11-00000", "s11-00001"]
    assert [outcome.width_px is None for outcome in told] == [False, True]


@pytest.mark.parametrize(
    ("off_px", "lies"), [(0, True), (3.9, True), (5, False)], ids=["on", "beside", "off"]
)
def test_a_path_lies_on_a_cable(off_px, lies):
    cable = Cable(np.array([[40, 20], [40, 180]], np.float32), 1.5, (0.0, 0.0, 0.0))
    path = tuple(((40 + off_px) / 128, y / 192) for y in (40, 160))
    assert lies_on(SeenObject("cable", 0.9, (0, 0, 1, 1), path=path), cable, SIZE_WH) is lies
    wide = replace(cable, width_px=3.0)  # near is 6 px then
    assert lies_on(SeenObject("cable", 0.9, (0, 0, 1, 1), path=path), wide, SIZE_WH)


def test_half_of_a_path_must_lie_on_it():
    cable = Cable(np.array([[40, 20], [40, 100]], np.float32), 1.0, (0.0, 0.0, 0.0))
    for end_y, lies in ((178, True), (190, False)):
        path = ((40 / 128, 20 / 192), (40 / 128, end_y / 192))
        assert lies_on(SeenObject("cable", 0.9, (0, 0, 1, 1), path=path), cable, SIZE_WH) is lies


def test_a_width_belongs_to_the_band_it_begins():
    widths = [0.7, 0.8, 1.5, 2.49, 4.0, 9.0]
    outcomes = [Outcome(str(w), "day", (), w, "found", 0, {}) for w in widths]
    told = as_json(outcomes)
    bands = {name: of["recall"]["of"] for name, of in told["by_width"].items()}
    assert bands == {"<0.8": 1, "0.8-1.5": 1, "1.5-2.5": 2, "2.5-4": 1, ">4": 1}
    assert told["recall_ge_1_5px"]["of"] == 4
    assert told["false_episode_rate"]["value"] is None


def test_what_cannot_be_measured_is_said(folder, tmp_path):
    model = folder / "changes.onnx"
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken/x").mkdir(parents=True)
    (tmp_path / "broken/x/episode.json").write_text('{"id": 5}')
    short = replace(EPISODES[0], fresh=EPISODES[0].fresh[:5], two_wheelers=[np.empty((0, 4))] * 5)
    write_episode(tmp_path / "short/x", short)
    (tmp_path / "text.onnx").write_text("no network")
    nameless = changes(tmp_path / "other.onnx", "picture")
    asked = "--episodes", folder / "written", "--model"
    said = {
        ("--episodes", 0): "Invalid value for --episodes: 0 is not in the range 1<=x<=",
        ("--episodes", -3): "-3 is not in the range",
        ("--episodes", "nowhere"): "nowhere: --episodes takes a number from 1 on, or a folder",
        ("--episodes", tmp_path / "empty"): "episode.json each",
        ("--episodes", tmp_path / "broken", "--model", model): "episode.json: Expected `str`",
        ("--episodes", tmp_path / "short", "--model", model): "it needs 6 of them, 30 s apart",
        (*asked, tmp_path / "none"): "manifest.toml: No such file",
        (*asked, tmp_path / "none.onnx"): "none.onnx",
        (*asked, tmp_path / "text.onnx"): "text.onnx: onnxruntime can't run it",
        (*asked, nameless): "Name its input pictures (picture and reference) or image, its output",
        ("--episodes", folder / "written", "--seed", 1): "--seed goes with a number of --episodes",
        ("--seed", 1): "--seed goes with --episodes N",
        ("--episodes", 2, "--images", tmp_path): "goes without scenarios, --coco and --images",
        ("--episodes", 2, folder / "out.json"): "goes without scenarios, --coco and --images",
    }
    for options, told in said.items():
        done = run(*options)
        assert done.exit_code != 0, options
        assert told in " ".join(done.output.split()), (options, done.output)
        assert "Traceback" not in done.output
