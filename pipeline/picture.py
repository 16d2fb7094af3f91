"""The evidence picture: what a grid officer sees on a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import NamedTuple

import cv2
import numpy as np

from detectors.hits import Detections, Look, SeenObject, Zone
from pipeline.canvas import AMBER, INK, PALE, RED, WHITE, blank, centred, resized
from pipeline.lettering import fitted, width_of, write
from pipeline.picture_compare import cables_of, compared, trace
from pipeline.redaction import Image, Redaction, pixels, redact

Box = tuple[int, int, int, int]

_MAX_BYTES = 300_000
_MAX_HEIGHT = 1920
_REDACTION_TEXT: dict[Redaction, str] = {
    "person_top_quarter": "人员头部",
    "vehicle_lower_band": "车辆下部",
}


@dataclass(frozen=True, slots=True)
class Caption:
    """The words around the picture, all in the reader's language.

    `headline`: event and measure, 人员聚集 5人. `place` and `address`: the spot, and the tail of
    its grid address. `at_local`: as `local_time` gives it. `score`: 0..1, what the model believed.
    """

    headline: str
    place: str
    address: str
    at_local: str
    camera: str
    score: float


class Labelled(NamedTuple):
    """A whole picture, privacy masks painted, and all that the object model finds in it, down to
    `redaction.REDACT_FROM`, whatever a detector counts; `labels[class_id]` names a class.
    """

    image_bgr: Image
    detections: Detections
    labels: Sequence[str]


class Picture(NamedTuple):
    """A finished picture and what was made unreadable in it, as `Evidence` wants it."""

    jpeg: bytes
    redaction: tuple[Redaction, ...]


def draw(
    now: Labelled, zone: Zone, look: Look, caption: Caption, before: Labelled | None = None
) -> Picture:
    """The picture of one look: caption above, what was seen, a close view and details below.

    `before`: what the look was compared with, as large as `now`; shown beside a cable. Redacts the
    pixels first; hides nothing of the scene under words. JPEG, 720..1280 pixels wide, 1920 high at
    most, under 300 kB; the same input gives the same bytes. Called for each look worth showing,
    from any thread; raises nothing; takes 10 to 30 ms, with a cable about 100.
    """
    image, redaction = redact(*now, look.objects)
    scene = _scene(image, zone)
    width = max(720, scene.shape[1])
    beside: list[Image] = []
    close: Image | None
    if cables := cables_of(look.objects):
        was = redact(*before, ())[0] if before else None
        trace(scene, cables, width // 100, width // 240)
        beside, close = compared(was, image, cables[0], width)
    else:
        close = _close_view(image, look.objects, width)
        _mark(scene, _boxes(look.objects, scene), look.objects if close is None else ())
    parts = [_header(caption, width), centred(scene, width), *beside]
    parts += _below(_details(caption, redaction), close, width)
    return Picture(_jpeg(np.vstack(parts)), redaction)


def local_time(at: datetime, zone: tzinfo) -> str:
    """An event time as people of that time zone write it: 2026-06-01 08:00:12."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _scene(image: Image, zone: Zone) -> Image:
    """The whole view at the size it is shown, with the zone marked."""
    longer = max(image.shape[:2])
    scene = resized(image, min(max(longer, 1080), 1280) / longer)
    outline = [pixels(zone.polygon, scene)]
    tint = scene.copy()
    cv2.fillPoly(tint, outline, AMBER)
    cv2.addWeighted(tint, 0.12, scene, 0.88, 0, dst=scene)
    cv2.polylines(scene, outline, True, INK, 6, cv2.LINE_AA)
    cv2.polylines(scene, outline, True, AMBER, 3, cv2.LINE_AA)
    return scene


def _close_view(image: Image, objects: tuple[SeenObject, ...], width: int) -> Image | None:
    """What was seen and a little around it, 3:2, marked, on all of `width` or half of it.

    None when there is nothing to show, or it would be hardly larger than in the whole view.
    """
    if not objects:
        return None
    boxes = np.array(_boxes(objects, image))
    (x1, y1), (x2, y2) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    # Room to recognise the surroundings: a third of the largest object on every side.
    around = 0.7 * (boxes[:, 2:] - boxes[:, :2]).max()
    wide = int(max(x2 - x1 + around, (y2 - y1 + around) * 3 / 2, 48))
    high, share = wide * 2 // 3, wide / image.shape[1]
    if share > 0.7 or high > image.shape[0]:
        return None
    left = int(min(max(0, (x1 + x2 - wide) // 2), image.shape[1] - wide))
    top = int(min(max(0, (y1 + y2 - high) // 2), image.shape[0] - high))
    scale = (width / 2 if share < 1 / 3 else width) / wide
    view = resized(image[top : top + high, left : left + wide], scale)
    moved = np.rint((boxes - (left, top, left, top)) * scale).astype(int).tolist()
    _mark(view, [(a, b, c, d) for a, b, c, d in moved], objects)
    return view


def _mark(view: Image, boxes: list[Box], scored: tuple[SeenObject, ...]) -> None:
    """Boxes, and the score of each of `scored` where there is room that no other score has."""
    height, width = view.shape[:2]
    for x1, y1, x2, y2 in boxes:
        cv2.rectangle(view, (x1, y1), (x2, y2), INK, 4, cv2.LINE_AA)
        cv2.rectangle(view, (x1, y1), (x2, y2), RED, 2, cv2.LINE_AA)
    taken: list[Box] = []
    for item, (x1, y1, _, y2) in zip(scored, boxes, strict=False):
        text, size = f"{item.confidence:.2f}", 24
        wide, high = width_of(text, size) + 8, size + 6
        left = min(max(0, x1 - 2), width - wide)
        for top in (y1 - high - 2, y2 + 2):
            spot = (left, top, left + wide, top + high)
            if top >= 0 and top + high <= height and not any(_overlap(spot, t) for t in taken):
                taken.append(spot)
                cv2.rectangle(view, spot[:2], spot[2:], RED, cv2.FILLED)
                write(view, text, (left + 4, top + size), size, WHITE)
                break


def _header(caption: Caption, width: int) -> Image:
    big, small, edge = width // 17, width // 27, width // 40
    header = blank(big + small + 3 * edge, width)
    cv2.rectangle(header, (0, 0), (edge // 2, header.shape[0]), RED, cv2.FILLED)
    room = width - 2 * edge
    text, size = fitted(caption.headline, room, big, 28)
    write(header, text, (edge, edge // 2 + big), size, WHITE)
    text, size = fitted(f"{caption.place} · {caption.address}", room, small, 24)
    write(header, text, (edge, 2 * edge + big + small * 3 // 4), size, WHITE)
    return header


def _details(caption: Caption, redaction: tuple[Redaction, ...]) -> list[str]:
    hidden = "、".join(_REDACTION_TEXT[name] for name in redaction)
    return [
        caption.at_local,
        f"画面置信度 {caption.score:.2f}",
        caption.camera,
        f"自动打码：{hidden}" if hidden else "未打码",
    ]


def _below(details: list[str], close: Image | None, width: int) -> list[Image]:
    """The close view and the details: side by side where there is room, else one below another."""
    size, edge = width // 32, width // 40
    if close is not None and close.shape[1] < width:
        panel = blank(close.shape[0] + edge, width)
        panel[edge // 2 : edge // 2 + close.shape[0], : close.shape[1]] = close
        left = close.shape[1] + edge
        _list(panel, details, [(left, edge + i * (size + 2 * edge)) for i in range(4)], size)
        return [panel]
    panel = blank(2 * (size + edge) + edge, width)
    columns = (edge, width // 2 + edge)
    _list(panel, details, [(columns[i % 2], edge + i // 2 * (size + edge)) for i in range(4)], size)
    return [panel] if close is None else [blank(edge // 2, width), close, panel]


def _list(panel: Image, lines: list[str], spots: list[tuple[int, int]], size: int) -> None:
    """Write each line from its spot (left, top) on, over half of the panel."""
    half = panel.shape[1] // 2 - panel.shape[1] // 20
    for line, (left, top) in zip(lines, spots, strict=True):
        text, fits = fitted(line, half, size, 22)
        write(panel, text, (left, top + size * 7 // 8), fits, PALE)


def _boxes(objects: tuple[SeenObject, ...], image: Image) -> list[Box]:
    """Boxes in whole pixels inside the picture, whatever their numbers are."""
    right, bottom = image.shape[1] - 1, image.shape[0] - 1
    inside = [[float(v) for v in np.clip(np.nan_to_num(item.xyxy), 0, 1)] for item in objects]
    return [
        (round(x1 * right), round(y1 * bottom), round(x2 * right), round(y2 * bottom))
        for x1, y1, x2, y2 in inside
    ]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _jpeg(canvas: Image) -> bytes:
    """As good as fits: mobile networks, and a month of pictures, ask for limits."""
    if canvas.shape[0] > _MAX_HEIGHT:
        canvas = resized(canvas, _MAX_HEIGHT / canvas.shape[0])
    for quality in (85, 75, 65, 50, 35, 20):
        encoded = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        if encoded.size <= _MAX_BYTES:
            break
    return bytes(encoded.tobytes())
