"""The shipped model in the layouts of other exporters: the same boxes from other numbers."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from detectors.decoders import yolox_cells

SHIPPED = Path(__file__).parents[3] / "models/objects/model.onnx"
CELLS, LABELS = 8400, 80


def save(model: onnx.ModelProto, path: Path, **metadata: str) -> Path:
    """Writes a checked model, its own metadata replaced."""
    del model.metadata_props[:]
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
    return path


def node(op: str, inputs: list[str], output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op, inputs, [output], name=output, **attributes)


def constant(name: str, value: object, kind: type = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(value, kind), name)


def followed_by(
    nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], shape: list[int | str]
) -> onnx.ModelProto:
    """The shipped model, then nodes from `output0` to `out`."""
    model = onnx.load(SHIPPED)
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(constants)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("out", TensorProto.FLOAT, shape))
    return model


def transposed() -> onnx.ModelProto:
    return followed_by(
        [node("Transpose", ["output0"], "out", perm=[0, 2, 1])], [], [1, CELLS, 4 + LABELS]
    )


def with_objectness(raw: bool = False, times: int = 1) -> onnx.ModelProto:
    """(1, 8400, 85) as a decoded, or raw, YOLOX; three times the cells as YOLOv5.

    Objectness is the best class's score, and a class's score what is missing to its own: the
    product is what the shipped model says.
    """
    nodes = [
        node("Transpose", ["output0"], "rows", perm=[0, 2, 1]),
        node("Split", ["rows", "parts"], "boxes", axis=2),
        node("ReduceMax", ["scores", "last"], "objectness", keepdims=1),
        node("Div", ["scores", "objectness"], "share"),
    ]
    nodes[1].output.append("scores")
    constants = [constant("parts", [4, LABELS], np.int64), constant("last", [2], np.int64)]
    boxes = "boxes"
    if raw:
        corner_px, stride_px = yolox_cells((640, 640))
        constants += [
            constant("corner", corner_px[None]),
            constant("stride", stride_px[None, :, None]),
            constant("halves", [2, 2], np.int64),
        ]
        nodes += [
            helper.make_node("Split", ["boxes", "halves"], ["centre", "size"], axis=2),
            node("Sub", ["centre", "corner"], "from_corner"),
            node("Div", ["from_corner", "stride"], "xy"),
            node("Div", ["size", "stride"], "in_strides"),
            node("Log", ["in_strides"], "wh"),
            node("Concat", ["xy", "wh"], "raw", axis=2),
        ]
        boxes = "raw"
    nodes.append(node("Concat", [boxes, "objectness", "share"], "once", axis=2))
    nodes.append(node("Concat", ["once"] * times, "out", axis=1))
    return followed_by(nodes, constants, [1, CELLS * times, 5 + LABELS])


def end_to_end() -> onnx.ModelProto:
    """(1, 300, 6): the 300 surest cells, as of YOLOv10."""
    nodes = [
        helper.make_node("Split", ["output0", "parts"], ["boxes", "scores"], axis=1),
        node("ReduceMax", ["scores", "first"], "best", keepdims=0),
        node("ArgMax", ["scores"], "kind", axis=1, keepdims=0),
        node("Cast", ["kind"], "kind_float", to=TensorProto.FLOAT),
        helper.make_node("Split", ["boxes", "halves"], ["centre", "size"], axis=1),
        node("Mul", ["size", "half"], "reach"),
        node("Sub", ["centre", "reach"], "low"),
        node("Add", ["centre", "reach"], "high"),
        node("Unsqueeze", ["best", "first"], "best_row"),
        node("Unsqueeze", ["kind_float", "first"], "kind_row"),
        node("Concat", ["low", "high", "best_row", "kind_row"], "all", axis=1),
        helper.make_node("TopK", ["best", "most"], ["top", "which"], axis=1),
        node("Squeeze", ["which", "batch"], "cells"),
        node("Gather", ["all", "cells"], "columns", axis=2),
        node("Transpose", ["columns"], "out", perm=[0, 2, 1]),
    ]
    constants = [
        constant("parts", [4, LABELS], np.int64),
        constant("halves", [2, 2], np.int64),
        constant("first", [1], np.int64),
        constant("batch", [0], np.int64),
        constant("most", [300], np.int64),
        constant("half", 0.5),
    ]
    return followed_by(nodes, constants, [1, 300, 6])


def shown_otherwise(
    model: onnx.ModelProto, *, like_yolox: bool = False, kind: int = TensorProto.FLOAT
) -> onnx.ModelProto:
    """Takes BGR 0..255, not RGB 0..1; or float16, which it gives as well, or uint8 numbers."""
    before = [node("Cast", ["picture"], "numbers", to=TensorProto.FLOAT)]
    constants = []
    if like_yolox or kind == TensorProto.UINT8:
        constants = [constant("all_of_it", 255), constant("swap", [2, 1, 0], np.int64)]
        before.append(node("Div", ["numbers", "all_of_it"], "images" if not like_yolox else "bgr"))
    if like_yolox:
        before.append(node("Gather", ["bgr", "swap"], "images", axis=1))
    if len(before) == 1:
        before[0].output[0] = "images"
    nodes = [*before, *model.graph.node]
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.extend(nodes)
    used = {name for n in nodes for name in n.input}
    model.graph.initializer.extend([c for c in constants if c.name in used])
    model.graph.input.append(helper.make_tensor_value_info("picture", kind, [1, 3, 640, 640]))
    if kind == TensorProto.FLOAT16:
        (out,) = model.graph.output
        for n in model.graph.node:
            n.output[:] = ["as_float" if name == out.name else name for name in n.output]
        half = helper.make_node("Cast", ["as_float"], [out.name], to=TensorProto.FLOAT16)
        model.graph.node.append(half)
        out.type.tensor_type.elem_type = TensorProto.FLOAT16
    return model


def open_sizes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Declares batch, height and width as open, whatever the graph makes of others."""
    for end in (*model.graph.input, *model.graph.output):
        sizes = end.type.tensor_type.shape.dim
        sizes[0].dim_param = "batch"
        if len(sizes) == 4:
            sizes[2].dim_param, sizes[3].dim_param = "height", "width"
    return model
