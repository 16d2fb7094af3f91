"""Façades of apartment compounds as a camera sees them: the wall, and the ground before it.

A wall is drawn in its own plane at `scale` px per metre and then seen by a camera that stands a
little aside; the ground is drawn below the foot of the wall.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from models.flying_wire.elevation import Elevation, draw_stains, draw_storeys
from models.flying_wire.shapes import Bgr, Image, Path, Rng, Size, colour, noise, polygon_cover

WALLS: tuple[Bgr, ...] = (
    (205, 212, 218), (170, 185, 200), (150, 175, 200), (140, 150, 190), (120, 140, 175),
    (190, 205, 215), (225, 228, 230), (165, 165, 165), (130, 135, 140), (95, 115, 160),
    (70, 85, 135), (185, 200, 190), (200, 190, 175), (110, 150, 185), (205, 225, 235),
)  # fmt: skip
_GROUND: tuple[Bgr, ...] = ((150, 155, 158), (120, 124, 128), (95, 98, 102), (130, 142, 160))


@dataclass(slots=True)
class Facade:
    """What a camera sees before anything is put there.

    `bgr` (H, W, 3) 0..255, `lines` (H, W) coverage of bars; `windows` polygons (4, 2) px;
    `foot` y of the foot of the wall at the left and right edge; `scale` px per metre.
    """

    bgr: Image
    lines: Image
    windows: list[Path]
    foot: tuple[float, float]
    scale: float

    @property
    def size_wh(self) -> Size:
        """Width and height in px."""
        return self.bgr.shape[1], self.bgr.shape[0]

    def foot_at(self, x: float) -> float:
        """y of the foot of the wall at `x`."""
        left, right = self.foot
        return float(left + (right - left) * x / max(1, self.bgr.shape[1] - 1))


def make_facade(rng: Rng, size_wh: Size) -> Facade:
    """A façade that fills the upper part of a picture of this size."""
    width, height = size_wh
    scale = height / math.exp(rng.uniform(math.log(4.5), math.log(13.0)))
    foot = height * rng.uniform(0.66, 0.9)
    pad = round(0.14 * max(size_wh))
    plane = (width + 2 * pad, round(foot) + pad)
    wall = Elevation(_skin(rng, plane, scale), np.zeros(plane[::-1], np.float32), scale)
    draw_storeys(rng, wall, plane[1])
    draw_stains(rng, wall)
    view = _view(rng, size_wh, plane, pad)
    bgr = cv2.warpPerspective(wall.bgr, view, size_wh, borderMode=cv2.BORDER_REFLECT)
    lines = cv2.warpPerspective(wall.lines, view, size_wh)
    ends = _seen(view, np.array([[pad, plane[1]], [pad + width, plane[1]]], float))
    slope = (ends[1, 1] - ends[0, 1]) / (ends[1, 0] - ends[0, 0])
    left = ends[0, 1] - slope * ends[0, 0]
    feet = (float(left), float(left + slope * (width - 1)))
    facade = Facade(bgr, lines, _window_polygons(wall, view, size_wh), feet, scale)
    lay_ground(rng, facade)
    return facade


def _window_polygons(wall: Elevation, view: Path, size_wh: Size) -> list[Path]:
    found = []
    for x0, y0, x1, y1 in wall.windows:
        corners = _seen(view, np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float))
        clipped = np.clip(corners, 0, np.array(size_wh, float) - 1)
        if np.ptp(clipped, 0).min() > 4 and cv2.contourArea(clipped.astype(np.float32)) > 60:
            found.append(clipped)
    return found


def _seen(view: Path, points: Path) -> Path:
    return np.asarray(cv2.perspectiveTransform(points[None], view)[0], float)


def _view(rng: Rng, size_wh: Size, plane: Size, pad: int) -> Path:
    """The homography from the wall's plane to the picture: mild keystone, tilt and obliqueness."""
    width, height = size_wh
    x0, y0, x1, y1 = float(pad), float(pad), float(pad + width), float(plane[1])
    source = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    target = source - (pad, pad)
    keystone = rng.normal(0, 0.03) * width
    oblique = rng.choice([0.0, 1.0], p=[0.35, 0.65]) * rng.normal(0, 0.07) * height
    tilt = rng.normal(0, 0.012) * height
    target += np.array([[keystone, -oblique], [-keystone, oblique], [0, 0], [0, 0]])
    target += np.array([[0, tilt], [0, -tilt], [0, -tilt - oblique / 3], [0, tilt + oblique / 3]])
    return np.asarray(
        cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32)), float
    )


def _skin(rng: Rng, plane: Size, scale: float) -> Image:
    """The wall itself: plaster, tile, brick or panels, with a second colour on some storeys."""
    base = colour(WALLS[rng.integers(len(WALLS))]) + rng.normal(0, 8, 3).astype(np.float32)
    base *= np.float32(rng.uniform(0.7, 1.05))
    skin = np.empty((plane[1], plane[0], 3), np.float32)
    skin[:] = base
    if rng.random() < 0.3:
        second = colour(WALLS[rng.integers(len(WALLS))])
        if rng.random() < 0.5:
            skin[-round(rng.uniform(0.8, 3.5) * scale) :] = second
        else:
            x, w = rng.uniform(0, plane[0]), rng.uniform(0.6, 4) * scale
            skin[:, max(0, round(x)) : max(1, round(x + w))] = second
    kind = rng.choice(["plaster", "tile", "brick", "panel"], p=[0.35, 0.35, 0.15, 0.15])
    tone = noise(rng, plane, 60) * rng.uniform(0.5, 4) + noise(rng, plane, 7) * rng.uniform(0, 2.5)
    tone += noise(rng, plane, 1.7) * rng.uniform(0.3, 3)
    if kind in ("tile", "brick"):
        tone += _courses(rng, plane, scale, kind == "brick")
    elif kind == "panel":
        tone += _courses(rng, plane, scale * rng.uniform(8, 16), rng.random() < 0.3) * 1.5
    skin += tone[..., None]
    return skin


def _courses(rng: Rng, plane: Size, scale: float, staggered: bool) -> Image:
    """Tiles or bricks as tone: each a little different, with joints darker or lighter."""
    width, height = plane
    high = max(2.0, rng.uniform(0.06, 0.12) * scale)
    wide = max(2.5, high * rng.uniform(1.0, 3.6))
    rows = np.arange(height) / high
    columns = np.arange(width)[None] / wide + (
        (rows.astype(int) % 2)[:, None] * 0.5 if staggered else np.zeros((height, 1))
    )
    row = rows.astype(int)
    column = columns.astype(int)
    tones = rng.normal(0, rng.uniform(1, 7), (row[-1] + 1, column.max() + 1)).astype(np.float32)
    tone = tones[row[:, None], column]
    joint = (((rows - row) * high < 1.0)[:, None]) | ((columns - column) * wide < 1.0)
    tone[joint] += np.float32(rng.choice([-1, -1, 1]) * rng.uniform(4, 22) * min(1, high / 6))
    return np.asarray(tone, np.float32)


def lay_ground(rng: Rng, facade: Facade) -> None:
    """Pavement below the foot of the wall: slabs, a kerb, a strip of planting."""
    width, height = facade.size_wh
    left, right = facade.foot
    corners = np.array([[-4, left], [width + 4, right], [width + 4, height + 4], [-4, height + 4]])
    (x, y), cover = polygon_cover(corners.astype(float), facade.size_wh)
    if cover.size == 0:
        return
    h, w = cover.shape
    base = colour(_GROUND[rng.integers(len(_GROUND))]) * np.float32(rng.uniform(0.75, 1.15))
    tone = noise(rng, (w, h), 40, 12) * 4 + noise(rng, (w, h), 2.0, 1.6) * rng.uniform(1, 6)
    ground = base + tone[..., None]
    _slabs(rng, ground, facade.scale)
    if rng.random() < 0.4:
        _planting(rng, ground, facade.scale)
    part = (slice(max(0, y), min(height, y + h)), slice(max(0, x), min(width, x + w)))
    inner = (slice(part[0].start - y, part[0].stop - y), slice(part[1].start - x, part[1].stop - x))
    alpha = cover[inner]
    facade.bgr[part] += (ground[inner] - facade.bgr[part]) * alpha[..., None]
    facade.lines[part] *= 1 - alpha


def _slabs(rng: Rng, ground: Image, scale: float) -> None:
    """Joints across, growing apart towards the camera, and a few that run towards it."""
    h, w = ground.shape[:2]
    if rng.random() < 0.55:
        y, step = rng.uniform(2, 6), rng.uniform(0.08, 0.2) * scale
        while y < h:
            ground[round(y) : round(y) + 1] *= np.float32(0.88)
            y, step = y + step, step * 1.25
        if rng.random() < 0.7:
            gap, middle = rng.uniform(0.3, 0.8) * scale, rng.uniform(-0.3, 1.3) * w
            mask = np.zeros((h, w), np.uint8)
            for i in np.arange(-w, 2 * w, gap):
                end = (round(middle + (i - middle) * 2.2), h)
                cv2.line(mask, (round(i), 0), end, 30, 1, cv2.LINE_AA)
            ground *= 1 - mask[..., None].astype(np.float32) / 255
    if rng.random() < 0.4:
        y = rng.uniform(0.15, 0.8) * h
        thick = max(2, round(0.07 * scale))
        ground[round(y) : round(y) + thick] = (190, 192, 194)
        ground[round(y) + thick : round(y) + 2 * thick] *= np.float32(0.6)


def _planting(rng: Rng, ground: Image, scale: float) -> None:
    h, w = ground.shape[:2]
    y0 = round(rng.choice([0.0, rng.uniform(0.3, 0.9)]) * h)
    strip = ground[y0 : y0 + max(3, round(rng.uniform(0.15, 0.5) * scale))]
    tone = noise(rng, (w, len(strip)), 3.0) * 14 + noise(rng, (w, len(strip)), 14) * 10
    strip[:] = colour((55, 95, 75)) + tone[..., None] * colour((0.7, 1.2, 0.9))
