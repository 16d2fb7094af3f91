"""A model folder's manifest."""

import hashlib
from pathlib import Path

import pytest

from detectors.manifest import ManifestError, load_manifest

MODELS = Path(__file__).parents[3] / "models"
GOOD = """
name = "tiny"
version = "1"
file = "tiny.onnx"
sha256 = "SHA"
source = "made here"
licence = "Apache-2.0"
labels = ["person", "car"]
faint_threshold = 0.15
input = { name = "images", size_wh = [64, 64], colour = "rgb", pad = 114 }
output = { name = "output0", layout = "yolov8" }
[[groups]]
labels = ["person"]
score_threshold = 0.4
nms_iou = 0.6
nms_inside = 0.7
""".replace("SHA", hashlib.sha256(b"weights").hexdigest())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.onnx").write_bytes(b"weights")
    return tmp_path


def test_a_good_manifest_names_its_weights(folder):
    (folder / "manifest.toml").write_text(GOOD)
    manifest = load_manifest(folder)
    assert manifest.model_id == f"tiny@{hashlib.sha256(b'weights').hexdigest()}"
    assert manifest.input.size_wh == (64, 64)


def test_the_shipped_model_is_the_one_of_its_manifest():
    manifest = load_manifest(MODELS / "objects")
    assert len(manifest.labels) == 80
    assert [group.labels for group in manifest.groups] == [
        ("person",),
        ("car", "bus", "truck"),
        ("bicycle", "motorcycle"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(
            'name = "tiny"', "name = ", "{toml}: Invalid value (at line 2, column 8)."
            " Compare with the manifest of models/objects.", id="not TOML",
        ),
        pytest.param(
            "pad = 114", "pad = 300", "{toml}: Expected `int` <= 255 - at `$.input.pad`."
            " Compare with the manifest of models/objects.", id="a value out of range",
        ),
        pytest.param(
            'version = "1"', 'verzion = "1"', "{toml}: Object contains unknown field `verzion`."
            " Compare with the manifest of models/objects.", id="an unknown field",
        ),
        pytest.param(
            'labels = ["person"]', 'labels = ["persons"]', "{toml}: groups: 'persons' is none of"
            " labels. Spell it as labels does.", id="a group of an unknown label",
        ),
        pytest.param(
            'labels = ["person"]', 'labels = ["car", "car"]', "{toml}: groups: 'car' is there"
            " twice. Leave it in one group.", id="a label in two groups",
        ),
        pytest.param(
            "faint_threshold = 0.15", "faint_threshold = 0.5", "{toml}: faint_threshold is 0.5, a"
            " score_threshold 0.4. Set it no higher than the lowest of them.",
            id="a faint threshold above the sure one",
        ),
        pytest.param(
            'file = "tiny.onnx"', 'file = "other.onnx"', "{folder}/other.onnx: No such file or"
            " directory. Put the weights there, or correct `file` in {toml}.", id="no weights",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_mending(folder, old, new, message):
    (folder / "manifest.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(ManifestError) as error:
        load_manifest(folder)
    assert str(error.value) == message.format(toml=folder / "manifest.toml", folder=folder)


def test_changed_weights_are_refused(folder):
    (folder / "manifest.toml").write_text(GOOD)
    (folder / "tiny.onnx").write_bytes(b"other weights")
    with pytest.raises(ManifestError, match=r"tiny\.onnx: sha256 is .* says .* Fetch the file"):
        load_manifest(folder)


def test_a_folder_without_manifest_is_named(tmp_path):
    with pytest.raises(ManifestError, match=r"manifest\.toml: .*No such file"):
        load_manifest(tmp_path)
