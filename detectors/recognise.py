"""What an unknown detection network is: told from its shapes and from what it says of a picture."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.decoders import corners
from detectors.manifest import Layout

Shape = tuple[int | str, ...]
_Floats = NDArray[np.float32]
SIZE_PX = 640  # where a network leaves its size open

# Strides of the families' heads: the usual ones, with a coarser one (P6), with a finer one (P2).
_STRIDES_PX = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
_SATURATED_SHARE = 0.25  # of cells that are sure of something; a crowded street has 2 %
_SURE = 0.5


class NotRecognised(ValueError):  # noqa: N818 -- what happened, as users read it
    """A network that can't be used, or not in this way: what was found, and what to try."""


def input_of(inputs: Mapping[str, Shape]) -> tuple[str, tuple[int, int] | None]:
    """The name of the one picture that a network takes and its size, None where left open."""
    if len(inputs) != 1:
        raise NotRecognised(
            f"it takes {len(inputs)} inputs ({', '.join(inputs)}). GridAlert gives a network one "
            "picture: export it without further inputs."
        )
    ((name, shape),) = inputs.items()
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
        hint = "Export it as NCHW (channels first)" if shape[-1:] == (3,) else "Is it a detector?"
        raise NotRecognised(
            f"its input {name!r} is {shape}; a picture is (1, 3, height, width). {hint}."
        )
    if isinstance(shape[0], int) and shape[0] != 1:
        raise NotRecognised(
            f"its input {name!r} is {shape}, {shape[0]} pictures at once. "
            "Export it with a batch of 1, or with an open batch."
        )
    _, _, height_px, width_px = shape
    if isinstance(height_px, int) and isinstance(width_px, int):
        return name, (width_px, height_px)
    return name, None


def check_outputs(outputs: Mapping[str, tuple[int, ...]]) -> None:
    """Raises NotRecognised where none of these shapes can hold boxes; real ones, after a run."""
    if not any(len(shape) == 3 and shape[0] == 1 for shape in outputs.values()):
        raw = any(len(shape) == 5 for shape in outputs.values())
        hint = "export it with its heads decoded" if raw else "is it a detector?"
        raise NotRecognised(f"no output holds boxes, it gives {_shown(outputs)}: {hint}")


def layout_of(
    outputs: Mapping[str, tuple[int, ...]], size_wh: tuple[int, int], labels: int
) -> tuple[str, Layout]:
    """The output that holds the boxes, and its layout. `outputs`: as in `check_outputs`.

    N of the three YOLOs follows from the input's size: a cell a stride, three anchors a cell for
    YOLOv5. YOLOX may turn out to be decoded: see `decoded`. Raises NotRecognised.
    """
    width_px, height_px = size_wh
    cells = [sum((width_px // s) * (height_px // s) for s in strides) for strides in _STRIDES_PX]
    for name, shape in outputs.items():
        if len(shape) != 3 or shape[0] != 1:
            continue
        _, rows, columns = shape
        found: tuple[Layout, int] | None = None  # and how many classes it has
        if columns in cells:
            found = "yolov8", rows - 4
        elif rows in [3 * count for count in cells]:
            found = "yolov5", columns - 5
        elif rows in cells:
            found = "yolox", columns - 5
        elif columns == 6:
            found = "end_to_end", labels
        if found and found[1] != labels:
            turned = " Or it is YOLOv8's transposed: export it without." * (columns == 4 + labels)
            raise NotRecognised(
                f"its output is {shape}, as of {found[0]}: that has {found[1]} classes, and "
                f"{labels} labels were given. Give its own list of classes (--labels).{turned}"
            )
        if found:
            return name, found[0]
    raise NotRecognised(
        f"it gives {_shown(outputs)}, and for {labels} labels at {width_px}x{height_px} it "
        f"should be (1, {4 + labels}, N) as YOLOv8 and 11, (1, N, {5 + labels}) as YOLOv5 or YOLOX "
        f"(N: {' or '.join(map(str, cells))}, and three times that of YOLOv5), or (1, N, 6) end to "
        "end. Export it as one of these."
    )


def _shown(outputs: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in outputs.items())


def decoded(layout: Layout, output: _Floats, size_wh: tuple[int, int]) -> Layout:
    """Centres of a raw YOLOX output are a few strides at most, of a decoded one up to the size;
    decoded it is as YOLOv5's.
    """
    raw = float(np.median(np.abs(output[0, :, 0:2]))) < min(size_wh) / 16
    return "yolov5" if layout == "yolox" and not raw else layout


def check_values(layout: Layout, output: _Floats, size_wh: tuple[int, int], labels: int) -> None:
    """Raises NotRecognised where numbers of a real picture can't be what `layout` says."""
    if not np.isfinite(output).all():
        raise NotRecognised(
            "it gives NaN or infinity: export it in float32, or correct --scale and --colour."
        )
    rows = output[0].T if layout == "yolov8" else output[0]
    scores = rows[:, 4:5] if layout == "end_to_end" else rows[:, 4:]
    low, high = float(scores.min(initial=0)), float(scores.max(initial=0))
    if low < -0.001 or high > 1.001:
        raise NotRecognised(
            f"its scores run from {low:.3g} to {high:.3g}, not within 0..1: export it with its last"
            " sigmoid, or the layout is another one."
        )
    if layout == "end_to_end":
        kinds = rows[rows[:, 4] > 0, 5]
        if not np.isin(kinds, np.arange(labels)).all():
            raise NotRecognised(
                f"the last of each box's six numbers is up to {kinds.max():g}, no class of the "
                f"{labels} labels: export it as x0, y0, x1, y1, score, class, or correct --labels."
            )
    best = scores.max(axis=1, initial=0) * (rows[:, 4] if layout in ("yolov5", "yolox") else 1)
    sure = rows[best >= 0.25, 0:4]
    if layout != "yolox" and len(sure):
        _check_px(sure if layout == "end_to_end" else corners(sure), size_wh)
    share = float((best >= _SURE).mean()) if len(rows) > 1000 else 0.0
    if share > _SATURATED_SHARE:
        raise NotRecognised(
            f"it is sure of something in {share:.0%} of the picture's cells: try another --scale "
            "or --colour; or the layout is another one."
        )


def _check_px(boxes_xyxy: _Floats, size_wh: tuple[int, int]) -> None:
    """Boxes of what it is sure of: in pixels, and not far outside the picture."""
    if float(np.abs(boxes_xyxy).max()) < 2:
        raise NotRecognised(
            "its boxes are fractions 0..1 of the picture: export it with boxes in pixels."
        )
    size_px = np.array(size_wh * 2)
    outside = (boxes_xyxy < -size_px / 2) | (boxes_xyxy > size_px * 1.5)
    if (boxes_xyxy[:, 2:4] < boxes_xyxy[:, 0:2]).any() or outside.any(axis=1).mean() > 0.1:
        raise NotRecognised(
            "its boxes lie outside the picture or are turned inside out: corners where the layout "
            "has centre and size, or the other way round. Export it as the layout says."
        )
