"""The real object model on the CPU."""

from pathlib import Path

import cv2
import msgspec
import numpy as np
import onnxruntime
import pytest

from detectors import runtime
from detectors.manifest import ManifestError
from detectors.runtime import ObjectModel, open_object_model, open_session

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "models/objects"
WEIGHTS = MODEL / "model.onnx"
CAMPUS = ROOT / "tests/data/campus.jpg"
SHARED_COCO = ROOT.parent / "shared/data/coco/tiny_coco/images/val2017"


@pytest.fixture(scope="module")
def model() -> ObjectModel:
    return open_object_model(MODEL, threads=1)


def test_the_campus_has_its_people_and_both_parked_vehicles(model):
    found = model.sure(model.detect(cv2.imread(str(CAMPUS))))
    labels = [model.manifest.labels[i] for i in found.class_id]
    assert labels.count("person") in (5, 6, 7)  # 6 by the clip's ground truth
    vehicles = found.xyxy[[label in {"car", "bus", "truck"} for label in labels]]
    for expected_xyxy in ((652, 43, 724, 101), (733, 48, 768, 95)):
        assert np.abs(vehicles - expected_xyxy).max(axis=1).min() < 8


def test_the_same_picture_gives_the_same_bytes_in_every_run(model):
    image_bgr = cv2.imread(str(CAMPUS))
    again = open_object_model(MODEL, threads=1)
    runs = [model.detect(image_bgr), model.detect(image_bgr), again.detect(image_bgr)]
    model.detect(image_bgr[:100])  # a frame of another shape between
    runs.append(model.detect(image_bgr))
    assert (
        len({(r.xyxy.tobytes(), r.confidence.tobytes(), r.class_id.tobytes()) for r in runs}) == 1
    )


@pytest.mark.parametrize(
    "image_bgr",
    [
        pytest.param(np.empty((0, 0, 3), np.uint8), id="an empty picture"),
        pytest.param(np.zeros((1, 1, 3), np.uint8), id="one pixel"),
        pytest.param(np.zeros((3, 2000, 3), np.uint8), id="a line"),
        pytest.param(np.full((500, 300, 3), 255, np.uint8), id="a white picture"),
    ],
)
def test_odd_pictures_have_no_objects(model, image_bgr):
    assert len(model.sure(model.detect(image_bgr))) == 0


def test_what_is_faint_is_kept_but_not_sure_and_changes_nothing_of_what_is(model):
    image_bgr = cv2.imread(str(CAMPUS))
    faint = model.detect(image_bgr)
    sure = model.sure(faint)
    assert len(faint) > len(sure)
    assert faint.confidence.min() >= np.float32(model.manifest.faint_threshold)
    strict = msgspec.structs.replace(model.manifest, faint_threshold=0.42)
    only_sure = model.sure(ObjectModel(strict, model.session).detect(image_bgr))
    assert only_sure.xyxy.tobytes() == sure.xyxy.tobytes()
    assert only_sure.class_id.tolist() == sure.class_id.tolist()


def test_it_says_which_provider_runs_and_why_no_faster_one(model):
    assert model.session.provider in onnxruntime.get_available_providers()
    if model.session.provider == "CPUExecutionProvider":
        assert len(model.session.notes) == 2


class _Broken:
    """Stands in for a GPU build of onnxruntime on a machine without the libraries."""

    def __init__(self, path: str, options: object, providers: list[str]) -> None:
        if providers == ["TensorrtExecutionProvider"]:
            raise RuntimeError("libnvinfer.so.10: cannot open shared object file\nand more")
        self._onnx = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])

    def __getattr__(self, name: str) -> object:
        return getattr(self._onnx, name)


def test_a_listed_provider_without_its_libraries_is_passed_over_with_a_reason(monkeypatch):
    real = runtime.onnxruntime

    class Gpu:
        InferenceSession = _Broken
        get_available_providers = staticmethod(lambda: list(runtime._PROVIDERS))

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    monkeypatch.setattr(runtime, "onnxruntime", Gpu())
    session = open_session(WEIGHTS, threads=1)
    assert session.provider == "CPUExecutionProvider"
    assert session.notes == (
        "TensorrtExecutionProvider is listed but does not start: "
        "RuntimeError: libnvinfer.so.10: cannot open shared object file",
        "CUDAExecutionProvider is listed but its libraries do not load",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"size_wh": (416, 416)}, r"is \(1, 3, 640, 640\).*3, 416, 416", id="size"),
        pytest.param({"name": "image"}, "'image' is not in .*, which has images", id="name"),
    ],
)  # fmt: skip
def test_a_network_that_the_manifest_does_not_describe_is_refused(model, change, message):
    wrong_input = msgspec.structs.replace(model.manifest.input, **change)
    manifest = msgspec.structs.replace(model.manifest, input=wrong_input)
    with pytest.raises(ManifestError, match=message):
        ObjectModel(manifest, model.session)


@pytest.mark.skipif(not SHARED_COCO.is_dir(), reason=f"{SHARED_COCO} is absent (real pictures)")
def test_boxes_lie_inside_real_pictures(model):
    for path in sorted(SHARED_COCO.glob("*.jpg")):
        image_bgr = cv2.imread(str(path))
        found = model.detect(image_bgr)
        height_px, width_px = image_bgr.shape[:2]
        assert (found.xyxy >= 0).all()
        assert (found.xyxy <= (width_px, height_px, width_px, height_px)).all()
        assert (np.diff(found.confidence) <= 0).all()
