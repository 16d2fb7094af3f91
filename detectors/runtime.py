"""Networks on the fastest device that is really there, and the shared object model on them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from detectors.decoders import decode_yolov8
from detectors.hits import Detections
from detectors.manifest import Manifest, ManifestError, load_manifest
from detectors.preprocess import Letterbox

# Fastest first. The last is always there.
_PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")


@dataclass(frozen=True, slots=True)
class Session:
    """An ONNX session that has run once already.

    `provider`: the execution provider that really runs it. `notes`: sentences for whoever starts
    it to say aloud: each faster provider that is not used, and why. One thread at a time may run
    it; on the CPU the same input gives the same bytes in every run with the same `threads`.
    """

    provider: str
    threads: int
    notes: tuple[str, ...]
    inputs: dict[str, tuple[int | str, ...]]
    outputs: dict[str, tuple[int | str, ...]]
    _onnx: onnxruntime.InferenceSession

    def run(self, output: str, tensors: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """The named output for the named inputs."""
        result: NDArray[np.float32] = self._onnx.run([output], tensors)[0]
        return result


def open_session(model_path: Path, threads: int) -> Session:
    """A warmed-up session on TensorRT, CUDA or the CPU, whichever is there, in this order.

    `threads`: CPU threads for one inference, 0 = one a core. TensorRT builds its engine here, which
    can take minutes. Raises what onnxruntime raises when not even the CPU can run the file.
    """
    listed = onnxruntime.get_available_providers()
    notes: list[str] = []
    for provider in _PROVIDERS[:-1]:
        if provider not in listed:
            notes.append(f"{provider} is not in this onnxruntime")
            continue
        try:
            onnx = _open_on(provider, model_path, threads)
        except Exception as error:  # noqa: BLE001  a listed provider fails in its own many ways
            notes.append(f"{provider} is listed but does not start: {_first_line(error)}")
            continue
        if onnx.get_providers()[0] == provider:
            return _session(onnx, threads, notes)
        notes.append(f"{provider} is listed but its libraries do not load")
    return _session(_open_on(_PROVIDERS[-1], model_path, threads), threads, notes)


def _open_on(provider: str, model_path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    # Threads that wait by spinning take the cores from the decoder between two frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    onnx = onnxruntime.InferenceSession(str(model_path), options, [provider])
    # A session can open and still fail at its first kernel, so it has to run once to count.
    onnx.run(None, {i.name: np.zeros(_fixed(i.shape), np.float32) for i in onnx.get_inputs()})
    return onnx


def _fixed(shape: list[int | str]) -> list[int]:
    return [size if isinstance(size, int) else 1 for size in shape]


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def _session(onnx: onnxruntime.InferenceSession, threads: int, notes: list[str]) -> Session:
    return Session(
        provider=onnx.get_providers()[0],
        threads=threads,
        notes=tuple(notes),
        inputs={i.name: tuple(i.shape) for i in onnx.get_inputs()},
        outputs={o.name: tuple(o.shape) for o in onnx.get_outputs()},
        _onnx=onnx,
    )


class ObjectModel:
    """The object model that all detectors of a process share: one inference a frame.

    Keeps its buffers: call it from one thread. Raises ManifestError when the network is not the one
    that the manifest describes.
    """

    def __init__(self, manifest: Manifest, session: Session) -> None:
        _check_shapes(manifest, session)
        self.manifest = manifest
        self.session = session
        self._letterbox = Letterbox(manifest.input)
        self._sure_from = np.full(len(manifest.labels), np.inf, np.float32)
        for group in manifest.groups:
            self._sure_from[[manifest.labels.index(label) for label in group.labels]] = (
                group.score_threshold
            )

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
        tensor, scale = self._letterbox(image_bgr)
        output = self.session.run(self.manifest.output.name, {self.manifest.input.name: tensor})
        return decode_yolov8(
            output,
            self.manifest.labels,
            self.manifest.groups,
            self.manifest.faint_threshold,
            scale,
            (width_px, height_px),
        )

    def sure(self, detections: Detections) -> Detections:
        """Those that reach their group's score threshold.

        The same as if nothing fainter had been looked at, for a faint box never hides a better one.
        """
        return detections.where(detections.confidence >= self._sure_from[detections.class_id])


def open_object_model(folder: Path, threads: int) -> ObjectModel:
    """The object model of a folder, checked against its manifest and warmed up."""
    manifest = load_manifest(folder)
    return ObjectModel(manifest, open_session(folder / manifest.file, threads))


def _check_shapes(manifest: Manifest, session: Session) -> None:
    width_px, height_px = manifest.input.size_wh
    _check_shape(manifest, "input", session.inputs, manifest.input.name, (3, height_px, width_px))
    rows = 4 + len(manifest.labels)
    _check_shape(manifest, "output", session.outputs, manifest.output.name, (rows,))


def _check_shape(
    manifest: Manifest,
    end: str,
    found: dict[str, tuple[int | str, ...]],
    name: str,
    expected: tuple[int, ...],
) -> None:
    """The sizes after the batch must be the expected ones as far as they go, or left open."""
    if name not in found:
        raise ManifestError(
            f"{manifest.name}: {end} {name!r} is not in {manifest.file}, which has "
            f"{', '.join(found)}. Correct {end}.name in manifest.toml."
        )
    sizes = found[name][1 : 1 + len(expected)]
    if any(isinstance(s, int) and s != e for s, e in zip(sizes, expected, strict=True)):
        raise ManifestError(
            f"{manifest.name}: {end} {name!r} of {manifest.file} is {found[name]}, the manifest "
            f"says (1, {', '.join(map(str, expected))}...). Correct size_wh or labels there."
        )
