"""Façades with cables, and a real, if simple, network that finds them."""

from pathlib import Path

import cv2
import numpy as np
from onnx import TensorProto, helper

WIDTH_PX, HEIGHT_PX = 320, 256
CABLE_PX = ((160, 40), (156, 90), (150, 140), (148, 200))


def facade(seed: int = 3) -> np.ndarray:
    """Something with corners: boxes of grey, the same for a seed."""
    rng, picture = np.random.default_rng(seed), np.full((HEIGHT_PX, WIDTH_PX, 3), 120, np.uint8)
    for x, y, w, h, grey in rng.integers((0, 0, 8, 8, 90), (300, 240, 60, 60, 150), (60, 5)):
        picture[y : y + h, x : x + w] = grey
    return picture


def hung(picture: np.ndarray, points=CABLE_PX, width_px: int = 3) -> np.ndarray:
    line = np.array(points, np.int32)[:, None]
    return cv2.polylines(picture.copy(), [line], False, (10, 10, 10), width_px)


def network(folder: Path, *, compares: bool) -> Path:
    """logits = 60 x (how much the picture is unlike its reference, or unlike grey) - 6."""
    name, channels = ("pictures", 6) if compares else ("image", 3)
    taken = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, "h", "w"])
    apart = helper.make_node("Split", ["pictures"], ["image", "reference"], axis=1, num_outputs=2)
    grey = helper.make_tensor("grey", TensorProto.FLOAT, [1], [0.47])
    numbers = [grey, helper.make_tensor("gain", TensorProto.FLOAT, [1], [60.0])]
    numbers.append(helper.make_tensor("off", TensorProto.FLOAT, [1, 4, 1, 1], [-6, -60, -60, -60]))
    numbers.append(helper.make_tensor("axes", TensorProto.INT64, [1], [1]))
    numbers.append(helper.make_tensor("four", TensorProto.FLOAT, [1, 4, 1, 1], [1, 0, 0, 0]))
    nodes = [
        *([apart] if compares else []),
        helper.make_node("Sub", ["image", "reference" if compares else "grey"], ["unlike"]),
        helper.make_node("Abs", ["unlike"], ["off_by"]),
        helper.make_node("ReduceMean", ["off_by", "axes"], ["mean"], keepdims=1),
        helper.make_node("MaxPool", ["mean"], ["half"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Mul", ["half", "gain"], ["gained"]),
        helper.make_node("Mul", ["gained", "four"], ["channels"]),
        helper.make_node("Add", ["channels", "off"], ["logits"]),
    ]
    out = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 4, "h2", "w2"])
    graph = helper.make_graph(nodes, "unlike", [taken], [out], numbers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path = folder / f"unlike_{compares}.onnx"
    path.write_bytes(model.SerializeToString())
    return path
