"""Networks on the fastest device that is really there, and the shared object model on them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from detectors.decoders import decode, yolox_cells
from detectors.hits import Detections
from detectors.manifest import Manifest, ManifestError, load_manifest
from detectors.preprocess import Letterbox, Placement

# Fastest first. The last is always there.
_PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")


@dataclass(frozen=True, slots=True)
class Session:
    """An ONNX session that has run once already.

    `provider`: the execution provider that really runs it. `notes`: sentences for whoever starts
    it to say aloud: each faster provider that is not used, and why. `dtypes`: of the inputs.
    `metadata`: what the network's maker wrote into the file. One thread at a time may run
    it; on the CPU the same input gives the same bytes in every run with the same `threads`.
    """

    provider: str
    threads: int
    notes: tuple[str, ...]
    inputs: dict[str, tuple[int | str, ...]]
    outputs: dict[str, tuple[int | str, ...]]
    dtypes: dict[str, str]
    metadata: dict[str, str]
    _onnx: onnxruntime.InferenceSession

    def run(self, output: str, tensors: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """The named output for the named inputs, whatever type of number the network works in."""
        given = {name: t.astype(self.dtypes[name], copy=False) for name, t in tensors.items()}
        result: NDArray[np.float32] = self._onnx.run([output], given)[0]
        return result.astype(np.float32, copy=False)


def open_session(
    model_path: Path, threads: int, open_size_wh: tuple[int, int] = (640, 640)
) -> Session:
    """A warmed-up session on TensorRT, CUDA or the CPU, whichever is there, in this order.

    `threads`: CPU threads for one inference, 0 = one a core. `open_size_wh`: of the picture to warm
    up with, where the network leaves its size open. TensorRT builds its engine here, which can
    take minutes. Raises what onnxruntime raises when not even the CPU can run the file.
    """
    listed = onnxruntime.get_available_providers()
    notes: list[str] = []
    for provider in _PROVIDERS[:-1]:
        if provider not in listed:
            notes.append(f"{provider} is not in this onnxruntime")
            continue
        try:
            onnx = _open_on(provider, model_path, threads, open_size_wh)
        except Exception as error:  # noqa: BLE001  a listed provider fails in its own many ways
            notes.append(f"{provider} is listed but does not start: {_first_line(error)}")
            continue
        if onnx.get_providers()[0] == provider:
            return _session(onnx, threads, notes)
        notes.append(f"{provider} is listed but its libraries do not load")
    onnx = _open_on(_PROVIDERS[-1], model_path, threads, open_size_wh)
    return _session(onnx, threads, notes)


def _open_on(
    provider: str, model_path: Path, threads: int, open_size_wh: tuple[int, int]
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    # Threads that wait by spinning take the cores from the decoder between two frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    onnx = onnxruntime.InferenceSession(str(model_path), options, [provider])
    # A session can open and still fail at its first kernel, so it has to run once to count.
    onnx.run(None, {i.name: _zeros(i, open_size_wh) for i in onnx.get_inputs()})
    return onnx


def _zeros(tensor: onnxruntime.NodeArg, open_size_wh: tuple[int, int]) -> NDArray[Any]:
    """What an input takes; of a picture (N, 3, height, width) the size may be left open."""
    open_sizes = (1, 3, *open_size_wh[::-1]) if len(tensor.shape) == 4 else (1,) * 9
    shape = [s if isinstance(s, int) else o for s, o in zip(tensor.shape, open_sizes, strict=False)]
    return np.zeros(shape, _dtype(tensor))


def _dtype(tensor: onnxruntime.NodeArg) -> str:
    """Numpy's name of an input's type, onnxruntime's being like tensor(float16)."""
    name = str(tensor.type).removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(name, name)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def _session(onnx: onnxruntime.InferenceSession, threads: int, notes: list[str]) -> Session:
    return Session(
        provider=onnx.get_providers()[0],
        threads=threads,
        notes=tuple(notes),
        inputs={i.name: tuple(i.shape) for i in onnx.get_inputs()},
        outputs={o.name: tuple(o.shape) for o in onnx.get_outputs()},
        dtypes={i.name: _dtype(i) for i in onnx.get_inputs()},
        metadata=dict(onnx.get_modelmeta().custom_metadata_map),
        _onnx=onnx,
    )


class ObjectModel:
    """The object model that all detectors of a process share: one inference a frame.

    Keeps its buffers: call it from one thread. Raises ManifestError when the network is not the one
    that the manifest describes.
    """

    def __init__(self, manifest: Manifest, session: Session) -> None:
        _check_names(manifest, session)
        self.manifest = manifest
        self.session = session
        self._letterbox = Letterbox(manifest.input)
        self._sure_from = np.full(len(manifest.labels), np.inf, np.float32)
        for group in manifest.groups:
            ours = [label in group.labels for label in manifest.labels]
            self._sure_from[ours] = group.score_threshold
        self._check_output()

    def _check_output(self) -> None:
        """Its shape is known for sure only once it has run."""
        output, _ = self.raw(np.zeros((1, 1, 3), np.uint8))
        first, *row = self.manifest.output.shape(len(self.manifest.labels))
        if self.manifest.output.layout == "yolox":
            first = len(yolox_cells(self.manifest.input.size_wh)[1])
        name = f"output {self.manifest.output.name!r}"
        _check_shape(self.manifest, name, output.shape, (1, first, *row))

    def detect(self, image_bgr: NDArray[np.uint8]) -> Detections:
        """The objects of a picture (height_px, width_px, 3), in its pixels, best first.

        Down to `manifest.faint_threshold`: enough to hide a face, too little to count; detectors
        are shown `sure(...)` of it. `class_id` counts in `manifest.labels`. An empty picture has
        none.
        """
        height_px, width_px = image_bgr.shape[:2]
        if height_px == 0 or width_px == 0:
            return Detections(
                np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64)
            )
        output, placement = self.raw(image_bgr)
        return decode(
            self.manifest.output.layout,
            output,
            self.manifest.labels,
            self.manifest.groups,
            self.manifest.faint_threshold,
            placement,
        )

    def raw(self, image_bgr: NDArray[np.uint8]) -> tuple[NDArray[np.float32], Placement]:
        """What the network says of a picture of at least 1 x 1, and where that lay in its input."""
        tensor, placement = self._letterbox(image_bgr)
        output = self.session.run(self.manifest.output.name, {self.manifest.input.name: tensor})
        return output, placement

    def sure(self, detections: Detections) -> Detections:
        """Those that reach their group's score threshold.

        The same as if nothing fainter had been looked at, for a faint box never hides a better one.
        """
        return detections.where(detections.confidence >= self._sure_from[detections.class_id])


def open_object_model(folder: Path, threads: int) -> ObjectModel:
    """The object model of a folder, checked against its manifest and warmed up."""
    manifest = load_manifest(folder)
    session = open_session(folder / manifest.file, threads, manifest.input.size_wh)
    return ObjectModel(manifest, session)


def _check_names(manifest: Manifest, session: Session) -> None:
    """Input and output must be there, and the input's size as the manifest says, or left open."""
    name, (width_px, height_px) = manifest.input.name, manifest.input.size_wh
    for end, wanted, there in (
        ("input", name, session.inputs),
        ("output", manifest.output.name, session.outputs),
    ):
        if wanted not in there:
            raise ManifestError(
                f"{manifest.name}: {end} {wanted!r} is not in {manifest.file}, which has "
                f"{', '.join(there)}. Correct {end}.name in manifest.toml."
            )
    expected = (1, 3, height_px, width_px)
    _check_shape(manifest, f"input {name!r}", session.inputs[name], expected)


def _check_shape(
    manifest: Manifest, end: str, found: tuple[int | str, ...], expected: tuple[int, ...]
) -> None:
    """The sizes must be the expected ones; -1 and a name stand for any."""
    fits = len(found) == len(expected) and all(
        isinstance(f, str) or e in (-1, f) for f, e in zip(found, expected, strict=True)
    )
    if not fits:
        wanted = ", ".join("N" if size < 0 else str(size) for size in expected)
        raise ManifestError(
            f"{manifest.name}: {end} of {manifest.file} is {found}, the manifest says ({wanted}). "
            "Correct size_wh, layout or labels there."
        )
