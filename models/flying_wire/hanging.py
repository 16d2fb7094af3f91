"""The charging cable itself: the ways in which people hang it, and a colour that can be seen."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.flying_wire.shapes import (
    Bgr,
    Image,
    Path,
    Rng,
    bezier,
    catenary,
    colour,
    straight,
    wavy,
)  # fmt: skip

_CORDS: tuple[Bgr, ...] = (
    (25, 25, 25), (30, 30, 32), (45, 42, 40), (230, 230, 230), (205, 210, 215), (215, 215, 210),
    (130, 130, 130), (165, 165, 165), (20, 90, 235), (30, 40, 200), (40, 200, 230), (200, 110, 30),
    (60, 140, 40), (70, 90, 120),
)  # fmt: skip
_LEAST_CONTRAST = 22.0  # levels between cord and wall, of 255: below, nobody sees it
_INVISIBLE_SHARE = 0.04


@dataclass(frozen=True, slots=True)
class Cable:
    """`path_xy_px` (N, 2), from window to bike, as far as it shows; `width_px`; `colour` BGR."""

    path_xy_px: NDArray[np.float32]
    width_px: float
    colour: tuple[float, float, float]


def cord_path(
    rng: Rng, top: tuple[float, float], bottom: tuple[float, float], scale: float
) -> Path:
    """One of the ways in which people hang a cord, from top to bottom."""
    (x0, y0), (x1, y1) = top, bottom
    fall = y1 - y0
    kind = str(
        rng.choice(
            ["hanging", "plumb", "hook", "bezier", "taut", "wall", "coil"],
            p=[0.27, 0.27, 0.12, 0.1, 0.1, 0.07, 0.07],
        )
    )
    wave = float(rng.uniform(0, 1.6))
    if kind == "taut":
        return straight(top, bottom, 40)
    if kind == "hanging":
        return wavy(catenary(top, bottom, 1.002 + abs(float(rng.normal(0, 0.06)))), rng, wave)
    if kind == "hook":
        hook = (x0 + float(rng.normal(0, 0.1)) * fall, y0 + float(rng.uniform(0.1, 0.6)) * fall)
        first = catenary(top, hook, float(rng.uniform(1.002, 1.15)), 30)
        return np.concatenate(
            [first, catenary(hook, bottom, float(rng.uniform(1.002, 1.12)), 40)[1:]]
        )
    if kind == "bezier":
        near = (x0 + float(rng.normal(0, 0.1)) * fall, y0 + float(rng.uniform(0.3, 0.8)) * fall)
        far = (x1 + float(rng.normal(0, 0.1)) * fall, y1 - float(rng.uniform(0, 0.3)) * fall)
        return bezier([top, near, far, bottom], 60)
    if kind == "wall":
        along = (x1 + float(rng.normal(0, 3)), y0 + float(rng.uniform(0.02, 0.12)) * fall)
        corner = bezier([straight(top, along, 3)[1], along, (along[0], along[1] + 0.08 * fall)], 10)
        return np.concatenate(
            [straight(top, corner[0], 12)[:-1], corner, straight(corner[-1], bottom, 30)[1:]]
        )
    x = x0 + float(rng.normal(0, 0.02)) * fall
    low = y0 + fall * float(rng.uniform(0.6, 0.97))
    plumb = straight(top, (x, low), 30)
    sweep = bezier([(x, low), (x, y1 + float(rng.uniform(0, 0.12)) * scale), bottom], 30)
    path = wavy(np.concatenate([plumb, sweep[1:]]), rng, wave)
    if kind == "coil":
        r, turns = float(rng.uniform(0.06, 0.16)) * scale, float(rng.uniform(1.0, 3.0))
        t = np.linspace(0, turns * 2 * math.pi, 40)
        loop = np.stack([r * np.sin(t), r * 0.45 * (1 - np.cos(t))], 1)
        path = np.concatenate([path, path[-1] + loop])
    return path


def visible(rng: Rng, path: Path, width_px: float, picture: Image, lit: Image | None) -> Bgr:
    """A cord's colour; nearly always one that differs from what is behind it."""
    base = colour(_CORDS[rng.integers(len(_CORDS))]) + rng.normal(0, 8, 3).astype(np.float32)
    height, width = picture.shape[:2]
    x = np.clip(np.round(path[:, 0]), 0, width - 1).astype(int)
    y = np.clip(np.round(path[:, 1]), 0, height - 1).astype(int)
    behind = picture[y, x]
    light = np.float32(1) if lit is None else lit[y, x, None]
    least = _LEAST_CONTRAST / min(1.0, width_px)
    if rng.random() < _INVISIBLE_SHARE:
        least = 6.0
    step = -8.0 if float(np.median(behind.mean(1))) > 110 else 8.0
    for _ in range(30):
        apart = np.abs((base * light - behind).mean(1))
        if float(np.median(apart)) >= least:
            break
        base = np.clip(base + np.float32(step), 8, 248)
    blue, green, red = np.clip(base, 8, 248)
    return float(blue), float(green), float(red)


def as_seen(cable: Cable, drop: Image) -> Cable:
    """The cable without the stretches at its ends that something hides."""
    height, width = drop.shape
    path = cable.path_xy_px
    x = np.clip(np.round(path[:, 0]), 1, width - 2).astype(int)
    y = np.clip(np.round(path[:, 1]), 1, height - 2).astype(int)
    near = [drop[y + dy, x + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    seen = np.flatnonzero(np.max(near, 0) > 0.25 * min(1.0, cable.width_px))
    if len(seen) < 2:
        return cable
    return Cable(path[seen[0] : seen[-1] + 1], cable.width_px, cable.colour)
