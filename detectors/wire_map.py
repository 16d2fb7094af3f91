"""The network that marks hanging cables, and the map that it makes of a picture."""

import hashlib
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.manifest import ManifestError, load_weights
from detectors.runtime import Session, open_session

FOLDER = Path(__file__).parents[1] / "models" / "flying_wire"
STRIDE = 2  # px of the picture for one of its map
_MULTIPLE = 16
# Larger pictures are cut: the model card's time and memory are of one tile.
TILE_WH, OVERLAP = (1024, 576), 64
# research/flying-wire.md B.6 (5): new is what the reference's own map, made wider, says less of.
NEW_BELOW, WIDER_PX = 0.25, 7

Image = NDArray[np.uint8]
Map = NDArray[np.float32]


class WireModel:
    """Maps a picture: where, and how surely, a cable hangs that is not in the reference.

    `model_id`: name@sha256. The network's input: `pictures`, float32 (1, 6, H, W), a picture and
    its reference, each BGR, 0..1, sides multiples of 16; or `image` (1, 3, H, W), the picture
    alone. Its output: `logits` (1, C, H/2, W/2). Raises ManifestError when it has others.
    """

    def __init__(self, session: Session, model_id: str) -> None:
        named = list(session.inputs)
        if named not in (["pictures"], ["image"]) or "logits" not in session.outputs:
            raise ManifestError(
                f"{model_id}: it has {', '.join([*session.inputs, *session.outputs])}. "
                "Name its input pictures (picture and reference) or image, its output logits."
            )
        self._session, self.model_id = session, model_id
        self._compares = named == ["pictures"]

    def drop_map(self, image_bgr: Image, reference_bgr: Image) -> Map:
        """Probabilities (C, ceil(H/2), ceil(W/2)) of a picture (H, W, 3) of at least 1 x 1.

        Channels: 0 a new drop cable, 1 another line, and where C is 4: 2 a cable's top end, 3 its
        bottom end. `reference_bgr`: the same view without it, of the same size, registered to
        whole pixels. A network that takes no reference maps that too: what is in both is not new.
        """
        height, width = image_bgr.shape[:2]
        down, right = -height % _MULTIPLE, -width % _MULTIPLE
        image, reference = (
            np.asarray(cv2.copyMakeBorder(one, 0, down, 0, right, cv2.BORDER_REFLECT_101), np.uint8)
            for one in (image_bgr, reference_bgr)
        )
        tiles = [
            (y // STRIDE, x // STRIDE, self._map(_tile(image, x, y), _tile(reference, x, y)))
            for y in _starts(height + down, TILE_WH[1])
            for x in _starts(width + right, TILE_WH[0])
        ]
        sides = (height + down) // STRIDE, (width + right) // STRIDE
        found = np.zeros((len(tiles[0][2]), *sides), np.float32)
        for y, x, tile in tiles:
            under = found[:, y : y + tile.shape[1], x : x + tile.shape[2]]
            np.maximum(under, tile, out=under)
        return found[:, : -(-height // STRIDE), : -(-width // STRIDE)]

    def _map(self, image: Image, reference: Image) -> Map:
        if self._compares:
            return self._run("pictures", image, reference)
        found, before = self._run("image", image), self._run("image", reference)
        wider = cv2.dilate(before[0], np.ones((WIDER_PX, WIDER_PX), np.uint8))
        found[0][wider >= NEW_BELOW] = 0
        return found

    def _run(self, name: str, *pictures: Image) -> Map:
        logits = self._session.run("logits", {name: _planes(*pictures)})[0]
        maps: Map = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
        return maps


@cache
def open_wire_model(path: Path = FOLDER) -> WireModel:
    """The network of a folder with a manifest, or an ONNX file alone; one for the whole process.

    Raises ManifestError when the folder is not whole, and what onnxruntime raises.
    """
    if path.is_dir() or not path.suffix:
        manifest = load_weights(path)
        weights, model_id = path / manifest.file, manifest.model_id
    else:
        weights = path
        model_id = f"{path.stem}@{hashlib.sha256(path.read_bytes()).hexdigest()}"
    # One thread, as the object model has: the cores are for other cameras.
    return WireModel(open_session(weights, 1, (64, 64)), model_id)


def _tile(picture: Image, x: int, y: int) -> Image:
    return picture[y : y + TILE_WH[1], x : x + TILE_WH[0]]


def _planes(*pictures: Image) -> Map:
    """Pictures of one size as the network takes them: (1, 3 each, H, W), 0..1."""
    height, width, channels = pictures[0].shape
    planes = np.empty((1, channels * len(pictures), height, width), np.float32)
    for plane, channel in zip(planes[0], (c for p in pictures for c in cv2.split(p)), strict=True):
        np.multiply(channel, np.float32(1 / 255), out=plane)
    return planes


def _starts(size: int, tile: int) -> list[int]:
    """Where tiles begin: evenly, in steps of the network's, and overlapping enough."""
    if size <= tile:
        return [0]
    count = -(-(size - OVERLAP) // (tile - OVERLAP))
    return [round(k * (size - tile) / (count - 1) / _MULTIPLE) * _MULTIPLE for k in range(count)]
