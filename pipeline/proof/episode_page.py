"""One HTML page on the episodes that went wrong: what was there, what was seen, and why."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.flying_wire import FlyingWire
from detectors.hits import Look
from detectors.wire_map import STRIDE
from models.flying_wire.episodes import Episode
from pipeline.proof.episode_figures import Outcome

_STYLE = Path(__file__).with_name("page.css")
_GREEN, _RED, _GREY = (80, 200, 60), (60, 60, 255), (190, 190, 190)  # BGR
_KEY = (
    "Left: the reference whose light is nearest. Middle: the last fresh frame; green, the cable; "
    "red, what the detector takes for one, with its probability; grey, lines that it rejects, with "
    "why. Right: the mean of its maps."
)
_NAMES = {"missed": "missed", "false": "false", "found": "found, and another line taken for one"}
Points = NDArray[np.floating[Any]]


def draw_episode(file: Path, one: Episode, detector: FlyingWire, look: Look) -> None:
    """Write the three pictures side by side, JPEG. Raises OSError."""
    shown = one.fresh[-1][1].copy()
    height, width = shown.shape[:2]
    if one.truth is not None:
        # Beside the cable, which would be hidden.
        _line(shown, one.truth.path_xy_px + np.array([max(3.0, one.truth.width_px), 0]), _GREEN, "")
    for line in detector.candidates:
        if line.rejected:
            _line(shown, line.path * STRIDE + STRIDE / 2, _GREY, str(line.rejected))
    for seen in look.objects:
        path = np.array(seen.path) * (width, height) - np.array([3, 0])
        _line(shown, path, _RED, f"{seen.confidence:.2f}")
    grey = np.clip(detector.mean_map[0] * 255, 0, 255).astype(np.uint8)
    mean = cv2.cvtColor(cv2.resize(grey, (width, height)), cv2.COLOR_GRAY2BGR)
    before = one.history[-1] if detector.reference_bgr is None else detector.reference_bgr
    jpeg = cv2.imencode(".jpg", np.hstack([before, shown, mean]))[1]
    file.write_bytes(jpeg.tobytes())


def _line(picture: NDArray[np.uint8], path_xy_px: Points, colour: Sequence[int], text: str) -> None:
    points = np.rint(path_xy_px).astype(np.int32)
    cv2.polylines(picture, [points], False, colour, 1, cv2.LINE_AA)
    x, y = points[0].tolist()
    cv2.putText(picture, text, (x + 4, y + 10), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1)


def write_page(folder: Path, wrong: Iterable[Outcome], summary: str) -> None:
    """Write index.html; the outcomes' pictures lie in pictures/ beside it. Raises OSError."""
    strips = "".join(map(_strip, wrong)) or "<p>Nothing went wrong.</p>"
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<title>gridalert evaluate --episodes</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE.read_text('utf-8')}</style></head><body><main>"
        f"<h1>Episodes that went wrong</h1><p>{escape(summary)}</p><p>{_KEY}</p>{strips}"
        "</main></body></html>\n"
    )
    (folder / "index.html").write_text(page, "utf-8")


def _strip(one: Outcome) -> str:
    facts = [one.light, *one.confusers]
    if one.width_px is not None:
        facts.insert(0, f"a cable of {one.width_px:.1f} px")
    why = ", ".join(f"{reason} {count}" for reason, count in one.reasons.items()) or "none"
    picture = f"pictures/{escape(one.picture or '')}"
    return (
        f'<div class="strip"><h4>{escape(one.id)}: {_NAMES[one.verdict]} '
        f"<small>{escape(', '.join(facts))}</small></h4>"
        f'<a href="{picture}"><img src="{picture}" loading="lazy" alt=""></a>'
        f"<p>Lines that it rejected, by why: {escape(why)}</p></div>"
    )
