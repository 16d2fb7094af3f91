"""A scene being made: its façade or photograph, where things stand and where bikes are charged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from models.flying_wire.facade import Facade, make_facade
from models.flying_wire.shapes import Canvas, Image, Paint, Path, Rng, Size
from models.flying_wire.wheels import Vehicle, two_wheeler

_LEAST_SEEN_PX = 25.0  # of a confuser in the picture, to be named
STILLS_SHARE = 0.4  # of scenes, when there are stills


@dataclass(slots=True)
class Stage:
    """A scene being made."""

    facade: Facade
    light: Image | None
    before: Canvas
    now: Canvas
    charging: Path
    bikes: list[Vehicle] = field(default_factory=list)
    confusers: list[str] = field(default_factory=list)

    def always(self, paints: Sequence[Paint]) -> None:
        """Lay what was there before and still is."""
        self.before.lay(paints, self.light)

    def later(self, name: str, paints: Sequence[Paint]) -> None:
        """Lay what is new now, and name it if it shows."""
        self.now.lay(paints, self.light)
        seen = sum(paint.shown(self.facade.size_wh) for paint in paints)
        if name and seen > _LEAST_SEEN_PX and name not in self.confusers:
            self.confusers.append(name)


def set_stage(rng: Rng, size_wh: Size, stills: Sequence[NDArray[np.uint8]]) -> Stage:
    light = None
    if stills and rng.random() < STILLS_SHARE:
        facade = _photographed(rng, size_wh, stills[int(rng.integers(len(stills)))])
        grey = cv2.GaussianBlur(facade.bgr.mean(2), (0, 0), 12)
        light = np.clip(grey / 125, 0.3, 1.35).astype(np.float32)
    else:
        facade = make_facade(rng, size_wh)
    _need_window(rng, facade)
    before = Canvas(facade.bgr.copy(), np.zeros_like(facade.lines), facade.lines.copy())
    return Stage(facade, light, before, before, _charging_zone(rng, facade))


def _photographed(rng: Rng, size_wh: Size, still: NDArray[np.uint8]) -> Facade:
    """A piece of a photograph as façade: ground at the bottom, windows anywhere above."""
    width, height = size_wh
    rows, columns = still.shape[:2]
    fit = max(width / columns, height / rows)
    zoom = max(fit, math.exp(rng.uniform(math.log(fit), math.log(max(1.5, fit)))))
    w, h = min(columns, math.ceil(width / zoom)), min(rows, math.ceil(height / zoom))
    x, y = int(rng.integers(columns - w + 1)), int(rng.integers(rows - h + 1))
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    bgr = cv2.resize(still[y : y + h, x : x + w], size_wh, interpolation=way).astype(np.float32)
    if rng.random() < 0.5:
        bgr = np.ascontiguousarray(bgr[:, ::-1])
    foot = height * rng.uniform(0.72, 0.9)
    scale = height / math.exp(rng.uniform(math.log(4.5), math.log(13.0)))
    windows = []
    for low in (0.36, *rng.uniform(0.12, 0.55, int(rng.integers(1, 6)))):
        left, bottom = float(rng.uniform(0.0, 0.75)) * width, low * height
        right = left + float(rng.uniform(0.12, 0.25)) * width
        top = bottom - float(rng.uniform(0.1, 0.2)) * height
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        windows.append(np.array(corners).clip(0))
    return Facade(bgr, np.zeros((height, width), np.float32), windows, (foot, foot), scale)


def high_enough(f: Facade, window: Path) -> bool:
    low, middle = float(window[:, 1].max()), float(window[:, 0].mean())
    least = 0.2 * f.size_wh[1] + 0.4 * f.scale  # the bike's socket is above the ground
    return 0.02 * f.size_wh[1] < low < f.foot_at(middle) - least


def _need_window(rng: Rng, f: Facade) -> None:
    """A window that a cable may hang from, where the storeys happen to show none."""
    if any(high_enough(f, w) for w in f.windows):
        return
    width, height = f.size_wh
    x, y = float(rng.uniform(0.05, 0.7)) * width, float(rng.uniform(0.0, 0.12)) * height
    wide, high = float(rng.uniform(0.15, 0.3)) * width, float(rng.uniform(0.1, 0.2)) * height
    x0, y0, x1, y1 = round(x), round(y), round(x + wide), round(y + high)
    f.bgr[y0:y1, x0:x1] = (200, 203, 205)
    f.bgr[y0 + 2 : y1 - 3, x0 + 2 : x1 - 2] = rng.uniform(40, 110)
    f.bgr[y0:y1, (x0 + x1) // 2 : (x0 + x1) // 2 + 2] = (200, 203, 205)
    f.lines[y0:y1, x0:x1] = 0
    f.windows.append(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float))


def _charging_zone(rng: Rng, f: Facade) -> Path:
    """Where e-bikes are charged: a strip of ground along the wall, and a metre up."""
    width, height = f.size_wh
    wide = min(0.95 * width, rng.uniform(2.0, 5.0) * f.scale)
    left = rng.uniform(0, width - wide)
    y = f.foot_at(left + wide / 2)
    top, bottom = y - 0.9 * f.scale, min(height - 1.0, y + rng.uniform(0.7, 1.6) * f.scale)
    return np.array([[left, top], [left + wide, top], [left + wide, bottom], [left, bottom]])


def stand(rng: Rng, stage: Stage, x: float | None = None) -> tuple[float, float]:
    """Where something stands on the ground, mostly in the charging zone."""
    f = stage.facade
    width, height = f.size_wh
    left, right = stage.charging[0, 0], stage.charging[1, 0]
    if x is None:
        x = rng.uniform(left, right) if rng.random() < 0.7 else rng.uniform(0, width)
    y = f.foot_at(x) + rng.uniform(0.15, 1.3) * f.scale
    return float(x), float(min(y, height * rng.uniform(0.97, 1.03)))


def standing_bike(rng: Rng, stage: Stage, x: float | None = None) -> Vehicle:
    f = stage.facade
    high = float(
        np.clip(rng.uniform(0.95, 1.2) * f.scale, 0.08 * f.size_wh[1], 0.34 * f.size_wh[1])
    )
    return two_wheeler(rng, stand(rng, stage, x), high)
