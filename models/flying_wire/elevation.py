"""The elevation of an apartment house: windows, grilles, balconies and doors, floor over floor.

Drawn in the wall's own plane, before a camera sees it aside.
"""

from dataclasses import dataclass, field

import numpy as np

from models.flying_wire.shapes import Bgr, Image, Rng, colour

_GLASS: tuple[Bgr, ...] = ((70, 62, 50), (95, 75, 45), (75, 85, 60), (45, 42, 40), (120, 105, 90))
_FRAMES: tuple[Bgr, ...] = ((225, 228, 230), (200, 203, 205), (60, 75, 95), (70, 70, 72))
_STEEL: tuple[Bgr, ...] = ((205, 208, 210), (160, 165, 170), (60, 70, 95), (235, 236, 238))


def muted(rng: Rng, low: float, high: float, spread: float = 14.0) -> Bgr:
    """A colour near grey, as paint and cloth outdoors are."""
    blue, green, red = np.clip(rng.uniform(low, high) + rng.normal(0, spread, 3), 5, 250)
    return float(blue), float(green), float(red)


@dataclass(slots=True)
class Elevation:
    bgr: Image
    lines: Image
    scale: float
    windows: list[tuple[float, float, float, float]] = field(default_factory=list)

    def box(self, x0: float, y0: float, x1: float, y1: float, bgr: Bgr, alpha: float = 1.0) -> None:
        """Fill a rectangle of at least one pixel."""
        height, width = self.lines.shape
        left, top = max(0, round(x0)), max(0, round(y0))
        right, bottom = (
            min(width, max(round(x1), round(x0) + 1)),
            min(height, max(round(y1), round(y0) + 1)),
        )
        if left >= right or top >= bottom:
            return
        part = self.bgr[top:bottom, left:right]
        if alpha >= 1:
            part[:] = bgr
        else:
            part += (colour(bgr) - part) * np.float32(alpha)
        self.lines[top:bottom, left:right] *= 1 - alpha

    def bar(self, x0: float, y0: float, x1: float, y1: float, bgr: Bgr) -> None:
        """A bar of a grille or railing: thinner than a pixel is fainter; counts as a line."""
        alpha = min(1.0, max(0.25, min(x1 - x0, y1 - y0)))
        self.box(x0, y0, x1, y1, bgr, alpha)
        top, left = max(0, round(y0)), max(0, round(x0))
        self.lines[top : max(round(y1), top + 1), left : max(round(x1), left + 1)] = alpha


@dataclass(frozen=True, slots=True)
class _Look:
    """What the windows of one façade have in common."""

    frame: Bgr
    glass: Bgr
    steel: Bgr
    panes: int
    sill_m: float
    high_m: float
    grilles: float
    canopies: float
    railing: str

    @classmethod
    def random(cls, rng: Rng) -> "_Look":
        return cls(
            _FRAMES[rng.integers(len(_FRAMES))],
            _GLASS[rng.integers(len(_GLASS))],
            _STEEL[rng.integers(len(_STEEL))],
            int(rng.integers(1, 5)),
            rng.uniform(0.7, 1.1),
            rng.uniform(1.2, 1.8),
            float(rng.choice([0.0, 0.35, 0.85])),
            float(rng.choice([0.0, 0.25, 0.6])),
            str(rng.choice(["solid", "bars", "glazed"])),
        )


def draw_storeys(rng: Rng, wall: Elevation, foot: float) -> None:
    """Windows and balconies in bays, floor over floor, up from the foot of the wall."""
    s = wall.scale
    floor_px, bay_px = rng.uniform(2.7, 3.2) * s, rng.uniform(2.4, 4.6) * s
    width = wall.lines.shape[1]
    bays = int(width / bay_px) + 2
    shift = rng.uniform(-1, 0) * bay_px
    kinds = [str(rng.choice(["window", "window", "balcony", "small"])) for _ in range(3)]
    look = _Look.random(rng)
    ground_floor = rng.choice(["same", "doors", "raised"])
    lift = (rng.uniform(0.3, 1.2) if ground_floor == "raised" else 0.0) * s
    if rng.random() < 0.3:
        for floor in range(1, 6):
            y = foot - lift - floor * floor_px
            wall.box(0, y - 0.06 * s, width, y + 0.06 * s, (190, 190, 188), 0.5)
    for floor in range(6):
        bottom = foot - lift - floor * floor_px
        if bottom < -floor_px:
            break
        for bay in range(bays):
            x = shift + bay * bay_px
            kind = kinds[bay % len(kinds)]
            if floor == 0 and ground_floor == "doors" and rng.random() < 0.5:
                _door(rng, wall, x + 0.25 * bay_px, foot)
            else:
                _opening(rng, wall, look, kind, (x, bottom, bay_px, floor_px))


def _opening(
    rng: Rng, wall: Elevation, look: _Look, kind: str, cell: tuple[float, float, float, float]
) -> None:
    """One window or balcony in its cell (left, bottom, width, height), all px."""
    s = wall.scale
    left, bottom, bay, floor = cell
    if rng.random() < 0.06:
        return
    if kind == "balcony":
        _balcony(rng, wall, look, (left + 0.08 * bay, bottom, left + 0.92 * bay, floor))
        return
    wide = 0.6 * s if kind == "small" else min(bay * 0.72, rng.uniform(1.3, 2.3) * s)
    high = look.high_m * s * (0.6 if kind == "small" else 1)
    x0 = left + (bay - wide) / 2
    y1 = bottom - look.sill_m * s
    _window(rng, wall, look, (x0, y1 - high, x0 + wide, y1))
    if rng.random() < look.grilles:
        _grille(rng, wall, look, (x0, y1 - high, x0 + wide, y1))
    if rng.random() < look.canopies:
        awning = muted(rng, 90, 210, 25)
        wall.box(x0 - 0.1 * s, y1 - high - 0.22 * s, x0 + wide + 0.1 * s, y1 - high, awning, 0.8)
        wall.box(x0, y1 - high, x0 + wide, y1 - high + 0.15 * s, (0, 0, 0), 0.3)


def _window(rng: Rng, wall: Elevation, look: _Look, box: tuple[float, float, float, float]) -> None:
    s = wall.scale
    x0, y0, x1, y1 = box
    edge = max(1.0, 0.06 * s)
    wall.box(x0 - edge, y0 - edge, x1 + edge, y1 + edge, look.frame)
    pane = (x1 - x0) / look.panes
    for i in range(look.panes):
        left, right = x0 + i * pane + edge / 2, x0 + (i + 1) * pane - edge / 2
        shade = rng.uniform(0.6, 1.4)
        glass: Bgr = (look.glass[0] * shade, look.glass[1] * shade, look.glass[2] * shade)
        wall.box(left, y0, right, y1, glass)
        if rng.random() < 0.35:  # a curtain
            cloth = muted(rng, 90, 215)
            side = rng.uniform(0.2, 1.0) * (right - left)
            wall.box(left, y0, left + side, y1, cloth, 0.6)
        if rng.random() < 0.5:  # the sky in it
            split = y0 + rng.uniform(0.1, 0.6) * (y1 - y0)
            wall.box(left, y0, right, split, (215, 205, 190), rng.uniform(0.1, 0.45))
    if rng.random() < 0.5:
        split = y0 + 0.3 * (y1 - y0)
        wall.box(x0, split, x1, split + edge * 0.7, look.frame)
    wall.box(x0 - 2 * edge, y1 + edge, x1 + 2 * edge, y1 + 2.2 * edge, (195, 198, 200))
    wall.box(x0 - 2 * edge, y1 + 2.2 * edge, x1 + 2 * edge, y1 + 3.5 * edge, (0, 0, 0), 0.25)
    wall.windows.append((x0 - edge, y0, x1 + edge, y1 + 2.2 * edge))


def _grille(rng: Rng, wall: Elevation, look: _Look, box: tuple[float, float, float, float]) -> None:
    """A burglar grille (防盗网): a cage of bars, some with a deep bottom for flower pots."""
    s = wall.scale
    x0, y0, x1, y1 = box
    out = rng.uniform(0, 0.18) * s
    x0, x1, y1 = x0 - out, x1 + out, y1 + out
    gap = max(2.5, rng.uniform(0.08, 0.16) * s)
    thin = max(0.6, 0.018 * s)
    for x in np.arange(x0, x1, gap):
        wall.bar(x, y0, x + thin, y1, look.steel)
    for y in np.linspace(y0, y1, int(rng.integers(2, 5))):
        wall.bar(x0, y, x1, y + thin * 1.4, look.steel)
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 4))):
            x, w = rng.uniform(x0, x1 - 0.2 * s), rng.uniform(0.15, 0.35) * s
            wall.box(x, y1 - w, x + w, y1, (60, rng.uniform(50, 130), rng.uniform(40, 120)))


def _balcony(
    rng: Rng, wall: Elevation, look: _Look, box: tuple[float, float, float, float]
) -> None:
    """Slab, parapet or railing, and a dark room or glazing behind; `box` x0, bottom, x1, height."""
    s = wall.scale
    x0, bottom, x1, floor = box
    rail, top = bottom - 1.05 * s, bottom - floor + 0.25 * s
    if look.railing == "glazed":
        _window(rng, wall, look, (x0, top, x1, rail))
    else:
        dark = rng.uniform(35, 90)
        wall.box(x0, top, x1, bottom, (dark, dark, dark * 1.05))
        inner = (x0 + 0.15 * (x1 - x0), top + 0.2 * s, x0 + 0.75 * (x1 - x0), rail)
        _window(rng, wall, look, inner)
        wall.windows.pop()
    if look.railing == "bars":
        gap, thin = max(2.5, rng.uniform(0.1, 0.16) * s), max(0.6, 0.025 * s)
        for x in np.arange(x0, x1, gap):
            wall.bar(x, rail, x + thin, bottom, look.steel)
        wall.bar(x0, rail - 0.03 * s, x1, rail + 0.03 * s, look.steel)
    else:
        tint = rng.uniform(0.8, 1.1)
        skin = wall.bgr[min(max(0, round(rail)), len(wall.bgr) - 1), 2]
        wall.box(x0, rail, x1, bottom, (skin[0] * tint, skin[1] * tint, skin[2] * tint))
    wall.box(x0 - 0.05 * s, bottom - 0.05 * s, x1 + 0.05 * s, bottom + 0.1 * s, (175, 178, 180))
    wall.box(x0, bottom + 0.1 * s, x1, bottom + 0.3 * s, (0, 0, 0), 0.25)
    wall.windows.append((x0, top, x1, bottom))


def _door(rng: Rng, wall: Elevation, x: float, foot: float) -> None:
    """A stairwell or shop door, a shutter, a sign over it."""
    s = wall.scale
    wide, high = rng.uniform(0.9, 2.6) * s, rng.uniform(2.0, 2.4) * s
    leaf = muted(rng, 40, 190)
    wall.box(x - 0.08 * s, foot - high - 0.08 * s, x + wide + 0.08 * s, foot, (110, 112, 115))
    wall.box(x, foot - high, x + wide, foot, leaf)
    if rng.random() < 0.5:
        for y in np.arange(foot - high, foot, max(3.0, 0.1 * s)):
            wall.box(x, y, x + wide, y + 1, (0, 0, 0), 0.2)
    if rng.random() < 0.4:
        sign = muted(rng, 40, 210, 60)
        wall.box(
            x - 0.2 * s, foot - high - 0.6 * s, x + wide + 0.2 * s, foot - high - 0.15 * s, sign
        )


def draw_stains(rng: Rng, wall: Elevation) -> None:
    """Rain runs under sills, damp at the foot, patches of newer paint."""
    height, width = wall.lines.shape
    s = wall.scale
    for x0, _, x1, y1 in wall.windows:
        if rng.random() < 0.35:
            x = rng.uniform(x0, x1)
            wall.box(
                x,
                y1,
                x + rng.uniform(1, 5),
                y1 + rng.uniform(0.2, 1.2) * s,
                (40, 45, 50),
                rng.uniform(0.05, 0.2),
            )
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        tone = float(rng.choice([0, 255]))
        wall.box(x, y, x + rng.uniform(0.3, 2) * s, y + rng.uniform(0.2, 1) * s, (tone,) * 3, 0.07)
    if rng.random() < 0.5:
        wall.box(0, height - rng.uniform(0.1, 0.5) * s, width, height, (50, 55, 58), 0.25)
