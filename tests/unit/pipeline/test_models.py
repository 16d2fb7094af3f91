"""`gridalert models add`, on the shipped weights as other exporters would have written them."""

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

import cv2
import onnx
import pytest
from click.testing import CliRunner, Result

from detectors import runtime
from detectors.manifest import load_manifest
from detectors.runtime import Session, open_object_model, open_session
from pipeline.cli import models
from pipeline.cli.main import main
from tests.unit.detectors import relayout

ROOT = Path(__file__).parents[3]
CAMPUS = ROOT / "tests/data/campus.jpg"
LABELS = tomllib.loads((ROOT / "models/objects/manifest.toml").read_text())["labels"]
SAID = ("--licence", "Apache-2.0", "--source", 'made "here"')
ULTRALYTICS = {
    "names": str(dict(enumerate(LABELS))),
    "license": "AGPL-3.0",
    "description": "Ultralytics YOLO11n",
    "task": "detect",
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped network, its metadata gone."""
    return relayout.save(onnx.load(relayout.SHIPPED), tmp_path_factory.mktemp("w") / "mine.onnx")


@pytest.fixture(scope="module", autouse=True)
def opened_once() -> Iterator[None]:
    """Each network is opened once for all of these tests, not twice a command."""
    sessions: dict[tuple, Session] = {}

    def opened(path: Path, threads: int, size_wh: tuple[int, int]) -> Session:
        key = (hashlib.sha256(path.read_bytes()).hexdigest(), threads, size_wh)
        if key not in sessions:
            sessions[key] = open_session(path, threads, size_wh)
        return sessions[key]

    with pytest.MonkeyPatch.context() as patch:
        for module in (models, runtime):
            patch.setattr(module, "open_session", opened)
        yield


def add(file: Path, into: Path, *options: object) -> Result:
    command = ["models", "add", file, "--into", into, "--picture", CAMPUS, *options]
    return CliRunner().invoke(main, [str(part) for part in command])


def listed(path: Path, labels: list[str]) -> Path:
    path.write_text("\n".join(labels))
    return path


def test_a_yolo_of_ultralytics_needs_no_word(tmp_path: Path) -> None:
    file = relayout.save(relayout.end_to_end(), tmp_path / "yolo11n.onnx", **ULTRALYTICS)
    result = add(file, tmp_path / "models")
    assert result.exit_code == 0, result.output
    assert "end_to_end, 640x640, rgb 0..1, centre:" in result.output
    assert "ms a picture on one thread" in result.output
    folder = tmp_path / "models/yolo11n"
    assert f'model = "{folder}"' in result.output
    model = open_object_model(folder, threads=1)
    assert model.manifest.licence == "AGPL-3.0"
    assert model.manifest.source == "Ultralytics YOLO11n"
    drawn, plain = cv2.imread(str(folder / "boxes.jpg")), cv2.imread(str(CAMPUS))
    assert drawn.shape == plain.shape
    assert (drawn[..., 2].astype(int) - plain[..., 2] > 100).sum() > 500  # red lines
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["yolo11n"]


def test_a_raw_yolox_is_shown_what_yolox_is_shown(tmp_path: Path) -> None:
    made = relayout.shown_otherwise(relayout.with_objectness(raw=True), like_yolox=True)
    file = relayout.save(made, tmp_path / "x.onnx", names=",".join(LABELS))
    assert add(file, tmp_path, *SAID).exit_code == 0
    manifest = load_manifest(tmp_path / "x")
    assert manifest.output.layout == "yolox"
    assert (manifest.input.colour, manifest.input.scale) == ("bgr", "0..255")
    assert manifest.source == 'made "here"'


def test_classes_of_other_names_are_seen_by_our_detectors(weights: Path, tmp_path: Path) -> None:
    other = ["pedestrian", "bicycle", "van", "motorcycle", *LABELS[4:]]
    names = listed(tmp_path / "names.txt", other)
    options = ("--labels", names, "--person", "pedestrian", "--vehicle", "van, truck", *SAID)
    result = add(weights, tmp_path, *options)
    assert result.exit_code == 0, result.output
    manifest = load_manifest(tmp_path / "mine")
    assert manifest.labels[:4] == ("person", "bicycle", "car", "motorcycle")
    assert [group.labels for group in manifest.groups] == [("person",), ("car", "truck")]
    assert "person" in result.output.splitlines()[-3]


SWAPPED = ["car", "bicycle", "person", *LABELS[3:]]


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        pytest.param(LABELS[:79], SAID, "80 classes, and 79 labels", id="wrong number of names"),
        pytest.param(SWAPPED, SAID, "classes are in another order", id="wrong order of names"),
        pytest.param(
            LABELS, (*SAID, "--scale", "0..255"), "--colour rgb --scale 0..1 it is", id="scale"
        ),
        pytest.param(LABELS, (*SAID, "--size", "320"), "is 640x640: leave --size", id="size"),
        pytest.param(LABELS, SAID[:2], r"give --source", id="nobody to ask for the source"),
        pytest.param(
            ["pedestrian", *LABELS[1:]], SAID, r"give --person", id="nobody to ask who is a person"
        ),
        pytest.param(
            LABELS, (*SAID, "--person", "man"), "'man' is none of its classes", id="no such class"
        ),
        pytest.param(
            LABELS,
            (*SAID, "--person", "", "--vehicle", ""),
            "neither people nor vehicles",
            id="nothing to report",
        ),
    ],
)
def test_a_wrong_choice_is_a_clear_error_and_leaves_nothing(
    labels: list[str], options: tuple, message: str, weights: Path, tmp_path: Path
) -> None:
    names = listed(tmp_path / "names.txt", labels)
    result = add(weights, tmp_path / "models", "--labels", names, *options)
    assert result.exit_code != 0
    assert message in result.output
    assert not (tmp_path / "models").exists()


def test_a_picture_without_anything_proves_nothing(weights: Path, tmp_path: Path) -> None:
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), cv2.imread(str(CAMPUS))[:40, :40])
    names = listed(tmp_path / "names.txt", LABELS)
    result = add(weights, tmp_path / "m", "--labels", names, "--picture", grey, *SAID)
    assert "sees no person and no vehicle on this picture" in result.output
    text = add(weights, tmp_path / "m", "--labels", names, "--picture", names, *SAID)
    assert "is no picture. Give a JPEG or PNG" in text.output


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"hello", "Is it an ONNX file"), (b"", "Is it an ONNX file")],
)
def test_what_is_no_network_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(content)
    result = add(tmp_path / "a.onnx", tmp_path)
    assert result.exit_code == 1
    assert message in result.output


def test_another_task_and_a_name_that_is_taken_are_refused(tmp_path: Path) -> None:
    made = onnx.load(relayout.SHIPPED)
    file = relayout.save(made, tmp_path / "pose.onnx", **(ULTRALYTICS | {"task": "pose"}))
    assert "made for the task 'pose'" in add(file, tmp_path / "models").output
    (tmp_path / "pose").mkdir()
    assert "Give another --name" in add(file, tmp_path).output
