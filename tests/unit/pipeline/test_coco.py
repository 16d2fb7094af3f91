"""AP50 as pycocotools has it, and annotations that can't be used."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.runtime import ObjectModel, open_object_model
from pipeline.proof.coco import (
    KINDS,
    CocoUnusable,
    Seen,
    ap50,
    evaluate_coco,
    read_annotations,
)
from tests.benchmarks.coco_reference import pycocotools_ap50, reference

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "models/objects"
COCO = ROOT.parent / "shared/data/coco/tiny_coco"


@pytest.fixture(scope="module")
def model() -> ObjectModel:
    return open_object_model(MODEL, threads=1)


def random_pictures(seed: int) -> list[Seen]:
    """Up to five pictures of up to 25 truths, some of them crowds, and boxes near and far."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(rng.integers(1, 6)):
        low = rng.uniform(0, 80, (rng.integers(0, 25), 2))
        truth = np.concatenate([low, low + rng.uniform(2, 40, low.shape)], axis=1)
        near = truth[rng.integers(0, len(truth), 3 * len(truth))] if len(truth) else truth
        far = np.tile(rng.uniform(0, 80, (rng.integers(0, 120), 2)), 2) + np.array([0, 0, 15, 15])
        found = np.concatenate([near + rng.normal(0, 2, near.shape), far])
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
        # Few scores, so that many are equal.
        scores = rng.integers(1, 30, len(found)) / 30
        pictures.append(Seen(truth, rng.random(len(truth)) < 0.15, found, scores))
    return pictures


def xywh(box: np.ndarray) -> list[float]:
    return [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()]


def by_pycocotools(pictures: list[Seen]) -> float | None:
    truths = [
        {"image_id": n, "bbox": xywh(b), "iscrowd": int(crowd)}
        for n, seen in enumerate(pictures, 1)
        for b, crowd in zip(seen.truth_xyxy, seen.is_crowd, strict=True)
    ]
    for number, truth in enumerate(truths, 1):
        truth |= {"id": number, "category_id": 1, "area": truth["bbox"][2] * truth["bbox"][3]}
    results = [
        {"image_id": n, "category_id": 1, "bbox": xywh(b), "score": float(score)}
        for n, seen in enumerate(pictures, 1)
        for b, score in zip(seen.found_xyxy, seen.scores, strict=True)
    ]
    known = {
        "images": [{"id": n} for n in range(1, len(pictures) + 1)],
        "annotations": truths,
        "categories": [{"id": k, "name": kind} for k, kind in enumerate(KINDS, 1)],
        "info": {},
    }
    if not results:
        return 0.0 if any(not truth["iscrowd"] for truth in truths) else None
    value = pycocotools_ap50(known, results)["person"]
    return None if value < 0 else value


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_ap50_is_pycocotools(seed: int) -> None:
    pictures = random_pictures(seed)
    expected = by_pycocotools(pictures)
    ours = ap50(pictures)
    assert (ours is None) == (expected is None)
    assert ours == pytest.approx(expected, abs=1e-4)


@pytest.mark.skipif(not COCO.is_dir(), reason=f"{COCO} is absent (real pictures)")
def test_real_pictures_lose_nothing_on_the_way_through_ours(model: ObjectModel) -> None:
    annotations, images = COCO / "annotations/instances_val2017.json", COCO / "images/val2017"
    done: list[tuple[int, int]] = []
    result = evaluate_coco(model, annotations, images, lambda *at: done.append(at))
    plain = reference(annotations, images, MODEL / "model.onnx")
    assert result.ap50["person"] == pytest.approx(plain["person"], abs=0.02)
    assert result.ap50["vehicle"] is None  # these six pictures show none
    assert done == [(n, 6) for n in range(1, 7)]
    assert result.model == model.manifest.model_id


GOOD = {
    "images": [{"id": 1, "file_name": "one.jpg", "height": 480, "width": 640}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 0}],
    "categories": [{"id": 1, "name": "person"}],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"images": []}, "length >= 1 - at `\\$.images`", id="no pictures"),
        pytest.param({"annotations": []}, "length >= 1 - at `\\$.annotations`", id="no truths"),
        pytest.param(
            {"annotations": [{"image_id": 1, "category_id": 1}]}, "missing .* `bbox`", id="captions"
        ),
        pytest.param(
            {"annotations": [GOOD["annotations"][0] | {"image_id": 7}]},
            "annotations of image 7, which is none of images",
            id="another set's",
        ),
        pytest.param(
            {"categories": [{"id": 1, "name": "cat"}]}, "no category is person, car", id="cats"
        ),
    ],
)
def test_other_annotations_are_named(change: dict, message: str, tmp_path: Path) -> None:
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(GOOD | change))
    with pytest.raises(CocoUnusable, match=message):
        read_annotations(path)


def test_a_text_is_no_annotations(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    with pytest.raises(CocoUnusable, match=r"a\.json is not annotations.*Name an instances_"):
        read_annotations(tmp_path / "a.json")


def test_missing_and_broken_pictures_are_named(model: ObjectModel, tmp_path: Path) -> None:
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(GOOD))
    with pytest.raises(CocoUnusable, match=r"one\.jpg is missing, or .* --images must be"):
        evaluate_coco(model, path, tmp_path, lambda *_: None)
    (tmp_path / "one.jpg").write_bytes(b"no picture")
    with pytest.raises(CocoUnusable, match=r"one\.jpg is missing, or no picture"):
        evaluate_coco(model, path, tmp_path, lambda *_: None)
    cv2.imwrite(str(tmp_path / "one.jpg"), np.full((480, 640, 3), 90, np.uint8))
    assert evaluate_coco(model, path, tmp_path, lambda *_: None).ap50 == {
        "person": 0.0,
        "vehicle": None,
    }
