"""Ours against an independent reference: what is lost on the way through our own pre- and
post-processing. `python tests/benchmarks/coco_reference.py ANNOTATIONS IMAGES`

The reference letterboxes a picture, runs the weights and suppresses doubles (IoU .6, person, and
car, bus, truck as one) in the plainest way, and pycocotools measures; it imports nothing of ours.
Ours is what `gridalert evaluate --coco` prints. Only the difference means anything on pictures
that a model was trained on.
"""

# ruff: noqa: T201
import argparse
import contextlib
import copy
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

KINDS = {"person": ("person",), "vehicle": ("car", "bus", "truck")}
SIZE_PX, SCORE_FROM, NMS_IOU = 640, 0.01, 0.6
MODEL = Path(__file__).parents[2] / "models/objects/model.onnx"


def look(session: onnxruntime.InferenceSession, path: Path) -> np.ndarray:
    """What the network says of a picture, (N, 4 + labels), boxes xywh in pixels of the picture."""
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    height, width = image.shape[:2]
    ratio = SIZE_PX / max(height, width)
    small = cv2.resize(image, (round(width * ratio), round(height * ratio)))
    canvas = np.full((SIZE_PX, SIZE_PX, 3), 114, np.float32)
    canvas[: small.shape[0], : small.shape[1]] = small
    tensor = (canvas / 255).transpose(2, 0, 1)[None].astype(np.float32)
    cells = session.run(None, {session.get_inputs()[0].name: tensor})[0][0].T
    cells[:, :2] -= cells[:, 2:4] / 2
    cells[:, :4] /= ratio
    return cells


def boxes_of(cells: np.ndarray, rows: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes xywh and scores of one kind, without doubles."""
    scores = cells[:, rows].max(axis=1)
    cells, scores = cells[scores >= SCORE_FROM], scores[scores >= SCORE_FROM]
    keep = cv2.dnn.NMSBoxes(cells[:, :4].tolist(), scores.tolist(), SCORE_FROM, NMS_IOU)
    keep = np.array(keep, int).reshape(-1)
    return cells[keep, :4], scores[keep]


def merged(truth: dict) -> dict:
    """The annotations of our kinds, each kind one category."""
    kinds = {name: k for k, names in enumerate(KINDS.values(), 1) for name in names}
    ids = {c["id"]: kinds[c["name"]] for c in truth["categories"] if c["name"] in kinds}
    truth = copy.deepcopy(truth) | {"info": {}, "licenses": []}
    truth["annotations"] = [
        a | {"category_id": ids[a["category_id"]]}
        for a in truth["annotations"]
        if a["category_id"] in ids
    ]
    truth["categories"] = [{"id": k, "name": kind} for k, kind in enumerate(KINDS, 1)]
    return truth


def pycocotools_ap50(truth: dict, results: list[dict]) -> dict[str, float]:
    """AP50 a kind by pycocotools. `results`: its rows of image_id, category_id, bbox, score."""
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO()
        known.dataset = truth
        known.createIndex()
        judge = COCOeval(known, known.loadRes(results), "bbox")
        judge.params.iouThrs = np.array([0.5])
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][0, :, :, 0, -1]  # recalls x kinds; all sizes, 100 boxes
    return {kind: float(precision[:, k].mean()) for k, kind in enumerate(KINDS)}


def reference(annotations: Path, images: Path, model: Path) -> dict[str, float]:
    """AP50 a kind of the plain way."""
    truth = json.loads(annotations.read_text("utf-8"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # more, waiting for each other, take longer on a busy machine
    session = onnxruntime.InferenceSession(str(model), options, ["CPUExecutionProvider"])
    labels = session.get_modelmeta().custom_metadata_map["names"].split(",")
    results = []
    for picture in truth["images"]:
        cells = look(session, images / picture["file_name"])
        for k, names in enumerate(KINDS.values(), 1):
            boxes, scores = boxes_of(cells, [4 + labels.index(name) for name in names])
            results += [
                {"image_id": picture["id"], "category_id": k, "bbox": b, "score": s}
                for b, s in zip(boxes.tolist(), scores.tolist(), strict=True)
            ]
    return pycocotools_ap50(merged(truth), results)


def ours(annotations: Path, images: Path) -> dict[str, float]:
    """What our own command says; -1, as pycocotools, where there is none to find."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        options = ["--coco", annotations, "--images", images, "--json", out]
        command = [sys.executable, "-m", "pipeline.cli.main", "evaluate", *map(str, options)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        answer = json.loads(out.read_text("utf-8"))["ap50"]
    return {kind: -1.0 if value is None else value for kind, value in answer.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("annotations", type=Path)
    parser.add_argument("images", type=Path)
    arguments = parser.parse_args()
    plain = reference(arguments.annotations, arguments.images, MODEL)
    mine = ours(arguments.annotations, arguments.images)
    print(f"{'AP50':8} {'ours':>7} {'plain':>7} {'ours - plain':>13}")
    for kind, value in plain.items():
        print(f"{kind:8} {mine[kind]:7.4f} {value:7.4f} {mine[kind] - value:+13.4f}")


if __name__ == "__main__":
    main()
