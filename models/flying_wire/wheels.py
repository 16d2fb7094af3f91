"""Two-wheelers, cars and people: small sprites with their box, and where a charger plugs in."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.flying_wire.elevation import muted
from models.flying_wire.shapes import Bgr, Paint, Rng

_DARK: Bgr = (30, 30, 32)
_RUBBER: Bgr = (38, 38, 40)
_CHROME: Bgr = (165, 168, 170)
_PAINTS: tuple[Bgr, ...] = (
    (35, 35, 38), (225, 228, 230), (40, 45, 190), (170, 95, 30), (60, 150, 215), (120, 165, 60),
    (150, 120, 190), (90, 95, 100), (200, 205, 150), (40, 90, 60), (30, 60, 120), (195, 170, 110),
)  # fmt: skip
_FINE = 3
Xy = tuple[float, float]


class _Sprite:
    """Drawing in the thing's own units: x forward, y up from the ground, 1 = its height."""

    def __init__(self, height_px: float, half_length: float, turn: tuple[float, float]) -> None:
        """`turn`: how much of the length is seen (-1 backwards .. 1), and its lean per length."""
        self.unit = height_px * _FINE
        self.turn, self.lean = turn
        self.half = half_length
        wide = int(2 * (half_length * abs(self.turn) + 0.35) * self.unit) + 4 * _FINE
        high = int((1.35 + 2 * half_length * abs(self.lean)) * self.unit) + 4 * _FINE
        self.size = (math.ceil(wide / _FINE), math.ceil(high / _FINE))
        self.origin = (wide / 2, (1.3 + half_length * abs(self.lean)) * self.unit)
        self.rgba = np.zeros((self.size[1] * _FINE, self.size[0] * _FINE, 4), np.uint8)

    def at(self, p: Xy) -> tuple[int, int]:
        x = self.origin[0] + p[0] * self.turn * self.unit
        y = self.origin[1] - (p[1] + p[0] * self.lean) * self.unit
        return round(x), round(y)

    def area(self, points: list[Xy], bgr: Bgr) -> None:
        corners = np.array([self.at(p) for p in points], np.int32)
        cv2.fillPoly(self.rgba, [corners], (*bgr, 255))

    def rod(self, points: list[Xy], width: float, bgr: Bgr) -> None:
        corners = np.array([self.at(p) for p in points], np.int32)
        cv2.polylines(self.rgba, [corners], False, (*bgr, 255), max(1, round(width * self.unit)))

    def wheel(self, centre: Xy, radius: float, tyre: float, hub: float, spokes: int) -> None:
        middle = self.at(centre)
        axes = (max(1, round(radius * abs(self.turn) * self.unit)), round(radius * self.unit))
        for i in range(spokes):
            a = math.pi * i / spokes
            rim = (centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a))
            rim2 = (centre[0] - radius * math.cos(a), centre[1] - radius * math.sin(a))
            self.rod([rim, rim2], 0.008, _CHROME)
        thick = max(1, round(tyre * self.unit))
        cv2.ellipse(self.rgba, middle, axes, 0, 0, 360, (*_RUBBER, 255), thick)
        inner = (max(1, round(axes[0] * hub)), max(1, round(axes[1] * hub)))
        cv2.ellipse(self.rgba, middle, inner, 0, 0, 360, (*_CHROME, 255), -1)

    def paint(self, foot: Xy, rng: Rng) -> tuple[Paint, NDArray[np.float32]]:
        """The sprite standing at `foot` (px), and its box xyxy."""
        small = cv2.resize(self.rgba, self.size, interpolation=cv2.INTER_AREA).astype(np.float32)
        cover = small[..., 3] / 255
        bgr = small[..., :3] / np.maximum(cover, 0.02)[..., None]
        shade = np.linspace(rng.uniform(1.0, 1.2), rng.uniform(0.65, 0.95), self.size[1])
        bgr *= shade.astype(np.float32)[:, None, None]
        bgr += rng.standard_normal(cover.shape, dtype=np.float32)[..., None] * 3
        x, y = round(foot[0] - self.origin[0] / _FINE), round(foot[1] - self.origin[1] / _FINE)
        rows, columns = np.flatnonzero(cover.max(1) > 0.3), np.flatnonzero(cover.max(0) > 0.3)
        if len(rows) == 0:
            rows = columns = np.array([0, 1])
        box = (x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1)
        return Paint((x, y), cover * np.float32(0.97), bgr), np.array(box, np.float32)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Paints from behind to front, box xyxy px, and points where a charging cord may end."""

    paints: tuple[Paint, ...]
    box: NDArray[np.float32]
    ports: tuple[Xy, ...]


def _ground_shade(box: NDArray[np.float32], rng: Rng) -> Paint:
    """The soft dark under whatever stands on the ground."""
    wide, high = float(box[2] - box[0]), float(box[3] - box[1])
    w, h = max(3, round(wide * 1.05)), max(3, round(high * 0.16))
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    r = ((x / w - 0.5) * 2) ** 2 + ((y / h - 0.5) * 2) ** 2
    cover = np.clip(1 - r, 0, 1) * np.float32(rng.uniform(0.2, 0.6))
    at = (round(float(box[0]) - 0.02 * wide), round(float(box[3]) - 0.55 * h))
    return Paint(at, cover.astype(np.float32), np.zeros(3, np.float32), "shade")


def two_wheeler(rng: Rng, foot: Xy, height_px: float) -> Vehicle:
    """An e-bike, scooter, bicycle or cargo tricycle standing at `foot` (middle of its wheels)."""
    kinds = {"scooter": 0.4, "light": 0.25, "covered": 0.1, "cycle": 0.12, "cargo": 0.13}
    kind = str(rng.choice(list(kinds), p=list(kinds.values())))
    seen = float(
        rng.choice([1.0, rng.uniform(0.6, 1.0), rng.uniform(0.25, 0.6)], p=[0.4, 0.4, 0.2])
    )
    turn = seen * float(rng.choice([-1, 1]))
    lean = float(rng.normal(0, 0.1)) * math.sqrt(max(0.0, 1 - seen * seen)) + rng.normal(0, 0.01)
    sprite = _Sprite(height_px, 0.95, (turn, lean))
    body = _PAINTS[rng.integers(len(_PAINTS))]
    draw = {"scooter": _scooter, "light": _light, "covered": _covered, "cycle": _cycle}
    draw.get(kind, _cargo)(sprite, rng, body)
    _extras(sprite, rng, seen)
    paint, box = sprite.paint(foot, rng)
    ports = [(-0.3, 0.42), (-0.05, 0.5), (0.2, 0.36), (-0.5, 0.55), (0.35, 0.7)]
    fine = [sprite.at(p) for p in ports]
    found = tuple((x / _FINE + paint.at[0], y / _FINE + paint.at[1]) for x, y in fine)
    return Vehicle((_ground_shade(box, rng), paint), box, found)


def _scooter(s: _Sprite, rng: Rng, body: Bgr) -> None:
    r = rng.uniform(0.19, 0.24)
    for x in (-0.55, 0.58):
        s.wheel((x, r), r * 0.85, r * 0.32, 0.35, 0)
    rear = rng.uniform(0.56, 0.66)
    s.area(
        [
            (-0.8, rear - 0.06),
            (-0.72, rear),
            (-0.1, rear),
            (-0.04, 0.33),
            (-0.35, 0.24),
            (-0.62, 0.36),
        ],
        body,
    )
    s.area(
        [(-0.12, 0.34), (0.32, 0.31), (0.34, 0.22), (-0.38, 0.2)],
        _DARK if rng.random() < 0.6 else body,
    )
    s.area([(0.26, 0.3), (0.38, 0.27), (0.52, 0.86), (0.43, 0.93), (0.36, 0.88)], body)
    s.area([(0.42, 0.5), (0.72, 0.42), (0.76, 0.36), (0.5, 0.4)], body)
    s.rod([(0.47, 0.75), (0.58, r)], 0.05, _CHROME)
    s.area(
        [
            (-0.76, rear),
            (-0.04, rear + 0.02),
            (-0.1, rear + 0.1),
            (-0.6, rear + 0.12),
            (-0.76, rear + 0.08),
        ],
        _DARK,
    )
    s.rod([(0.45, 0.92), (0.34, 1.0), (0.26, 0.99)], 0.05, _DARK)
    s.area([(0.47, 0.9), (0.56, 0.86), (0.53, 0.78), (0.45, 0.8)], (215, 220, 222))
    s.area(
        [(-0.84, rear), (-0.78, rear), (-0.76, rear - 0.08), (-0.84, rear - 0.06)], (40, 40, 190)
    )
    if rng.random() < 0.4:
        s.area(
            [(-0.95, 0.72), (-0.6, 0.72), (-0.6, 1.0), (-0.93, 0.98)],
            _PAINTS[rng.integers(len(_PAINTS))],
        )
    s.rod([(-0.35, 0.24), (-0.38, 0.02)], 0.03, _DARK)


def _light(s: _Sprite, rng: Rng, body: Bgr) -> None:
    r = rng.uniform(0.24, 0.29)
    for x in (-0.55, 0.55):
        s.wheel((x, r), r * 0.9, r * 0.16, 0.25, 3)
    s.rod([(-0.55, r), (-0.1, 0.25), (0.2, 0.33), (0.4, 0.85)], 0.06, body)
    s.rod([(-0.1, 0.25), (-0.25, 0.72)], 0.05, body)
    s.rod([(-0.55, r), (-0.22, 0.6)], 0.03, body)
    s.rod([(0.4, 0.9), (0.55, r)], 0.04, body)
    s.area([(-0.33, 0.62), (-0.16, 0.64), (-0.04, 0.3), (-0.2, 0.26)], _DARK)
    s.area([(-0.55, 0.7), (-0.05, 0.72), (-0.1, 0.8), (-0.5, 0.8)], _DARK)
    s.rod([(-0.75, 0.56), (-0.3, 0.58)], 0.03, _DARK)
    s.rod([(0.4, 0.9), (0.36, 1.0), (0.24, 1.0)], 0.04, _DARK)
    if rng.random() < 0.7:
        mesh = _CHROME if rng.random() < 0.4 else (60, 60, 62)
        s.area([(0.5, 0.92), (0.82, 0.9), (0.76, 0.62), (0.54, 0.62)], mesh)
    s.area([(-0.85, 0.4), (-0.6, 0.58), (-0.4, 0.54), (-0.6, 0.52)], body)


def _cycle(s: _Sprite, rng: Rng, body: Bgr) -> None:
    r = rng.uniform(0.28, 0.33)
    for x in (-0.5, 0.52):
        s.wheel((x, r), r * 0.95, r * 0.1, 0.12, 5)
    s.rod([(-0.5, r), (-0.12, 0.28), (0.35, 0.75), (-0.22, 0.7), (-0.12, 0.28)], 0.035, body)
    s.rod([(-0.5, r), (-0.22, 0.7), (-0.25, 0.82)], 0.03, body)
    s.rod([(0.52, r), (0.35, 0.78), (0.33, 0.95), (0.2, 0.98)], 0.03, _DARK)
    s.area([(-0.4, 0.8), (-0.1, 0.82), (-0.14, 0.88), (-0.38, 0.88)], _DARK)


def _covered(s: _Sprite, rng: Rng, body: Bgr) -> None:
    for x in (-0.55, 0.57):
        s.wheel((x, 0.21), 0.18, 0.07, 0.3, 0)
    low = rng.uniform(0.08, 0.35)
    s.area([(-0.88, low), (-0.8, 0.68), (-0.1, 0.74), (0.28, 1.02), (0.5, 0.98), (0.8, low)], body)
    dark: Bgr = (body[0] * 0.75, body[1] * 0.75, body[2] * 0.75)
    for _ in range(4):
        x = float(rng.uniform(-0.7, 0.6))
        s.rod([(x, low), (x + float(rng.normal(0, 0.1)), 0.65)], 0.03, dark)


def _cargo(s: _Sprite, rng: Rng, body: Bgr) -> None:
    for x in (-0.62, -0.3, 0.62):
        s.wheel((x, 0.22), 0.19, 0.06, 0.3, 0)
    high = rng.uniform(0.55, 0.95)
    s.area([(-0.92, 0.32), (-0.92, high), (-0.05, high), (-0.05, 0.32)], body)
    s.area(
        [(-0.88, 0.4), (-0.88, high - 0.05), (-0.09, high - 0.05), (-0.09, 0.4)],
        (body[0] * 0.8, body[1] * 0.8, body[2] * 0.8),
    )
    s.rod([(-0.1, 0.3), (0.3, 0.3), (0.5, 0.85)], 0.07, body)
    s.area([(-0.02, 0.6), (0.24, 0.6), (0.22, 0.68), (-0.02, 0.68)], _DARK)
    s.rod([(0.62, 0.22), (0.48, 0.9), (0.36, 1.0)], 0.05, _DARK)


def _extras(s: _Sprite, rng: Rng, seen: float) -> None:
    """Mirrors, a wind quilt, a plate, a helmet on the bar: what makes each bike its own."""
    wide = 0.5 * math.sqrt(max(0.0, 1 - seen * seen)) / max(seen, 0.25)
    if wide > 0.1:
        s.rod([(0.33 - wide * 0.5, 1.0), (0.33 + wide * 0.5, 0.99)], 0.05, _DARK)
    if rng.random() < 0.6:
        for dx in (-wide * 0.5, wide * 0.5):
            s.rod([(0.33 + dx, 0.98), (0.3 + dx, 1.15)], 0.02, _DARK)
            s.area(
                [(0.24 + dx, 1.12), (0.36 + dx, 1.12), (0.36 + dx, 1.2), (0.24 + dx, 1.2)], _DARK
            )
    if rng.random() < 0.25:
        quilt = muted(rng, 40, 200, 30)
        s.area([(0.24, 0.98), (0.5, 0.95), (0.62, 0.34), (0.2, 0.36)], quilt)
    if rng.random() < 0.4:
        plate: Bgr = (235, 238, 240) if rng.random() < 0.6 else (80, 160, 60)
        s.area([(-0.92, 0.5), (-0.8, 0.5), (-0.8, 0.42), (-0.92, 0.42)], plate)
    if rng.random() < 0.2:
        middle = s.at((0.34, 0.9))
        helmet = muted(rng, 30, 230, 50)
        cv2.circle(s.rgba, middle, max(1, round(0.1 * s.unit)), (*helmet, 255), -1)


def car(rng: Rng, foot: Xy, height_px: float) -> Vehicle:
    """A parked car, seen from its side."""
    turn = float(rng.choice([-1, 1])) * float(rng.uniform(0.55, 1.0))
    s = _Sprite(height_px, 1.6, (turn, float(rng.normal(0, 0.01))))
    body = _PAINTS[rng.integers(len(_PAINTS))]
    s.area(
        [
            (-1.5, 0.2),
            (-1.5, 0.6),
            (-1.1, 0.66),
            (-0.7, 1.0),
            (0.3, 1.0),
            (0.75, 0.64),
            (1.4, 0.55),
            (1.5, 0.2),
        ],
        body,
    )
    s.area([(-0.95, 0.66), (-0.66, 0.94), (-0.22, 0.94), (-0.22, 0.66)], (70, 62, 55))
    s.area([(-0.16, 0.66), (-0.16, 0.94), (0.26, 0.94), (0.62, 0.66)], (80, 70, 60))
    for x in (-0.95, 0.95):
        s.wheel((x, 0.2), 0.16, 0.09, 0.55, 0)
    s.area([(1.38, 0.5), (1.5, 0.48), (1.5, 0.42), (1.38, 0.42)], (220, 225, 228))
    s.area([(-1.5, 0.56), (-1.42, 0.56), (-1.42, 0.44), (-1.5, 0.44)], (40, 40, 180))
    paint, box = s.paint(foot, rng)
    return Vehicle((_ground_shade(box, rng), paint), box, ())


def person(rng: Rng, foot: Xy, height_px: float) -> Vehicle:
    """Somebody who stands or walks by."""
    s = _Sprite(height_px, 0.25, (1.0, 0.0))
    coat = muted(rng, 25, 200, 25)
    legs = muted(rng, 20, 100)
    step = float(rng.uniform(0.02, 0.14))
    s.rod([(0, 0.5), (-step, 0.02)], 0.09, legs)
    s.rod([(0, 0.5), (step, 0.02)], 0.09, legs)
    s.area([(-0.11, 0.82), (0.11, 0.82), (0.1, 0.45), (-0.1, 0.45)], coat)
    s.rod([(-0.11, 0.8), (-0.14 - step * 0.4, 0.48)], 0.06, coat)
    s.rod([(0.11, 0.8), (0.14 + step * 0.4, 0.48)], 0.06, coat)
    cv2.circle(s.rgba, s.at((0, 0.91)), max(1, round(0.075 * s.unit)), (130, 160, 200, 255), -1)
    cv2.ellipse(
        s.rgba,
        s.at((0, 0.94)),
        (max(1, round(0.075 * s.unit)), max(1, round(0.06 * s.unit))),
        0,
        180,
        360,
        (25, 25, 30, 255),
        -1,
    )
    paint, box = s.paint(foot, rng)
    return Vehicle((_ground_shade(box, rng), paint), box, ())
