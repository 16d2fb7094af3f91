"""The shipped model as other exporters would have written it: the same boxes from other numbers."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto

from detectors.manifest import ManifestError
from detectors.runtime import ObjectModel, open_object_model, open_session
from tests.unit.detectors import relayout

ROOT = Path(__file__).parents[3]
CAMPUS = ROOT / "tests/data/campus.jpg"
COCO = ROOT.parent / "shared/data/coco/tiny_coco/images/val2017"
YOLOX = {"colour": "bgr", "scale": "0..255"}
HALF, BYTES = TensorProto.FLOAT16, TensorProto.UINT8


def shipped() -> onnx.ModelProto:
    return onnx.load(relayout.SHIPPED)


def as_yolox(raw: bool) -> onnx.ModelProto:
    return relayout.shown_otherwise(relayout.with_objectness(raw), like_yolox=True)


# How it is made, its layout, how its picture is given, and how far boxes may be off, in px.
CASES = [
    pytest.param(relayout.with_objectness, "yolov5", {}, 0.01, id="YOLOv5"),
    pytest.param(lambda: as_yolox(raw=True), "yolox", YOLOX, 0.01, id="YOLOX"),
    pytest.param(lambda: as_yolox(raw=False), "yolov5", YOLOX, 0.01, id="YOLOX decoded"),
    pytest.param(relayout.end_to_end, "end_to_end", {}, 0.01, id="end to end"),
    pytest.param(lambda: relayout.open_sizes(shipped()), "yolov8", {}, 0.0, id="open sizes"),
    pytest.param(
        lambda: relayout.shown_otherwise(shipped(), kind=HALF), "yolov8", {}, 1.0, id="float16"
    ),
    pytest.param(
        lambda: relayout.shown_otherwise(shipped(), kind=BYTES),
        "yolov8",
        {"scale": "0..255"},
        0.01,
        id="uint8",
    ),
]


@pytest.fixture(scope="module")
def model() -> ObjectModel:
    return open_object_model(ROOT / "models/objects", threads=1)


def opened(model: ObjectModel, path: Path, layout: str, shown: dict[str, str]) -> ObjectModel:
    """The network of `path` by the shipped manifest, changed where it must be."""
    session = open_session(path, threads=1)
    known = model.manifest
    (name,), (output,) = session.inputs, session.outputs
    manifest = msgspec.structs.replace(
        known,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        input=msgspec.structs.replace(known.input, name=name, **shown),
        output=msgspec.structs.replace(known.output, name=output, layout=layout),
    )
    return ObjectModel(manifest, session)


def pictures() -> list[Path]:
    """The campus, and others where they are."""
    return [CAMPUS, *sorted(COCO.glob("*.jpg"))[:3]]


@pytest.mark.parametrize(("make", "layout", "shown", "within_px"), CASES)
def test_the_same_boxes(
    make: Callable[[], onnx.ModelProto],
    layout: str,
    shown: dict[str, str],
    within_px: float,
    model: ObjectModel,
    tmp_path: Path,
) -> None:
    other = opened(model, relayout.save(make(), tmp_path / "other.onnx"), layout, shown)
    for path in pictures():
        image_bgr = cv2.imread(str(path))
        # Half the numbers' bits may turn the order of two that are next to each other.
        expected, found = (
            (f.xyxy[order], f.confidence[order], f.class_id[order])
            for f in (m.sure(m.detect(image_bgr)) for m in (model, other))
            for order in [np.lexsort((f.xyxy[:, 0].round(), f.class_id))]
        )
        assert found[2].tolist() == expected[2].tolist(), path.name
        assert np.abs(found[0] - expected[0]).max(initial=0) <= within_px * 2, path.name
        assert np.abs(found[1] - expected[1]).max(initial=0) <= 0.005, path.name
    assert len(model.sure(model.detect(cv2.imread(str(CAMPUS))))) >= 7


def test_a_centred_picture_gives_boxes_at_the_same_place(model: ObjectModel) -> None:
    shown = msgspec.structs.replace(model.manifest.input, place="centre")
    centred = ObjectModel(msgspec.structs.replace(model.manifest, input=shown), model.session)
    image_bgr = cv2.imread(str(CAMPUS))
    places = []
    for each in (model, centred):
        found = each.sure(each.detect(image_bgr))
        vehicles = found.xyxy[found.class_id != model.manifest.labels.index("person")]
        places.append(vehicles[vehicles[:, 0].argsort()])
    assert len(places[0]) == len(places[1]) == 2
    assert np.abs(places[0] - places[1]).max() < 8


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("yolov5", r"is \(1, 84, 8400\), the manifest says \(1, N, 85\)"),
        ("yolox", r"is \(1, 84, 8400\), the manifest says \(1, 8400, 85\)"),
        ("end_to_end", r"is \(1, 84, 8400\), the manifest says \(1, N, 6\)"),
    ],
)
def test_another_layout_than_its_own_is_refused(
    layout: str, message: str, model: ObjectModel
) -> None:
    with pytest.raises(ManifestError, match=message):
        opened(model, relayout.SHIPPED, layout, {})


def test_yolov5_is_not_taken_for_yolov8(model: ObjectModel, tmp_path: Path) -> None:
    path = relayout.save(relayout.with_objectness(times=3), tmp_path / "other.onnx")
    with pytest.raises(ManifestError, match=r"is \(1, 25200, 85\), .* \(1, 84, N\)"):
        opened(model, path, "yolov8", {})
