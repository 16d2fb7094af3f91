"""Cords, wires, pipes and hoses on a wall, and the units that hoses hang from."""

import itertools
import math

import cv2
import numpy as np

from models.flying_wire.facade import Facade
from models.flying_wire.shapes import (
    PENS,
    Bgr,
    Kind,
    Paint,
    Path,
    Rng,
    Size,
    bezier,
    catenary,
    colour,
    line,
    moved,
    polygon_cover,
    straight,
    stroke,
    wavy,
)  # fmt: skip

Paints = list[Paint]


def dark(rng: Rng) -> Bgr:
    """The colour of an old wire."""
    tone = float(rng.uniform(15, 85))
    return (tone, tone, tone * float(rng.uniform(0.95, 1.1)))


def pale(rng: Rng) -> Bgr:
    """White or beige plastic, older or newer."""
    tone = float(rng.uniform(140, 240))
    return (tone * float(rng.uniform(0.85, 1.0)), tone * 0.98, tone)


def cord(rng: Rng, path: Path, width_px: float, bgr: Bgr, size_wh: Size, kind: Kind) -> Paints:
    """A cord with its cast shadow and a lighter side, by a pen of chance."""
    pen = PENS[rng.integers(len(PENS))]
    at, cover = stroke(path, width_px, size_wh, pen=pen, taper=float(rng.choice([1, 1, 0.8, 1.3])))
    alpha = np.float32(rng.uniform(0.85, 1.0))
    paints: Paints = []
    if rng.random() < 0.35:
        dx, dy = rng.integers(-5, 6), rng.integers(0, 5)
        soft = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.6, 1.8)) if cover.size else cover
        shade = soft * np.float32(rng.uniform(0.1, 0.35))
        paints.append(Paint((at[0] + int(dx), at[1] + int(dy)), shade, colour((0, 0, 0)), "shade"))
    paints.append(Paint(at, cover * alpha, colour(bgr), kind))
    if width_px > 1.6 and rng.random() < 0.6:
        side = moved(path, float(rng.uniform(-0.25, 0.25)) * width_px, -0.1 * width_px)
        at, cover = stroke(side, width_px * 0.35, size_wh)
        light = np.minimum(colour(bgr) + 60, 255)
        paints.append(Paint(at, cover * np.float32(rng.uniform(0.1, 0.5)), light, "shade"))
    return paints


def block(x0: float, y0: float, x1: float, y1: float, bgr: Bgr, kind: Kind = "thing") -> Paint:
    """A filled rectangle with soft corners of half a pixel."""
    w, h = max(1, round(x1 - x0)), max(1, round(y1 - y0))
    return Paint((round(x0), round(y0)), np.ones((h, w), np.float32), colour(bgr), kind)


def wall_point(rng: Rng, f: Facade, low: float = 0.05, high: float = 0.9) -> tuple[float, float]:
    x = float(rng.uniform(0.03, 0.97)) * f.size_wh[0]
    return x, float(rng.uniform(low, high)) * f.foot_at(x)


def between_windows(rng: Rng, f: Facade) -> float:
    """Where a pipe runs down the wall: nobody lays one across a window if there is another way."""
    spots = rng.uniform(0.02, 0.98, 12) * f.size_wh[0]
    spans = [(window[:, 0].min(), window[:, 0].max()) for window in f.windows]
    free = [x for x in spots if not any(low - 2 < x < high + 2 for low, high in spans)]
    return float(free[0] if free else spots[0])


def utility_lines(rng: Rng, f: Facade) -> Paints:
    """Overhead lines across the whole view."""
    width, height = f.size_wh
    y, rise = float(rng.uniform(0, 0.6)) * height, float(rng.normal(0, 0.18)) * height
    thick, slack = float(rng.uniform(0.6, 2.6)), float(rng.uniform(1.0005, 1.01))
    paints: Paints = []
    for _ in range(int(rng.integers(1, 6))):
        y += float(rng.uniform(3, 20))
        path = catenary((-12, y - rise / 2), (width + 12, y + rise / 2), slack)
        paints += [line(path, thick, dark(rng), f.size_wh, pen=PENS[rng.integers(len(PENS))])]
    return paints


def service_drop(rng: Rng, f: Facade) -> Paints:
    """A line from a pole outside the view that ends high on the wall."""
    width, height = f.size_wh
    start = (float(rng.choice([-8, width + 8])), float(rng.uniform(-0.1, 0.35)) * height)
    end = wall_point(rng, f, 0.05, 0.55)
    path = catenary(start, end, float(rng.uniform(1.001, 1.04)))
    return cord(rng, path, float(rng.uniform(0.7, 2.6)), dark(rng), f.size_wh, "line")


def wall_bundle(rng: Rng, f: Facade) -> Paints:
    """Wires that run along the wall from clip to clip, and one that turns down."""
    x, y = wall_point(rng, f)
    step = float(rng.choice([-1, 1])) * float(rng.uniform(0.5, 1.5)) * f.scale
    corners = [(x + i * step, y + float(rng.normal(0, 3))) for i in range(int(rng.integers(2, 7)))]
    if rng.random() < 0.5:
        last = corners[-1]
        corners.append((last[0], last[1] + float(rng.uniform(0.3, 1.6)) * f.scale))
    tint = dark(rng) if rng.random() < 0.6 else pale(rng)
    paints: Paints = []
    for i in range(int(rng.integers(1, 4))):
        sags = [
            catenary(a, b, float(rng.uniform(1.0005, 1.03)), 14)
            for a, b in itertools.pairwise(corners)
        ]
        path = moved(np.concatenate(sags), 0, 3 * i)
        paints += cord(rng, path, float(rng.uniform(0.7, 2.4)), tint, f.size_wh, "line")
    return paints


def drain_pipe(rng: Rng, f: Facade) -> Paints:
    """A downspout or conduit with brackets; also a thin one, straight from end to end."""
    x = between_windows(rng, f)
    top, foot = float(rng.uniform(-0.1, 0.4)) * f.size_wh[1], f.foot_at(x)
    bottom = foot - float(rng.choice([0.0, rng.uniform(0.05, 0.4)])) * f.scale
    thick = max(1.5, float(rng.choice([0.03, 0.05, 0.08, 0.11])) * f.scale)
    tint = pale(rng) if rng.random() < 0.7 else dark(rng)
    path = straight((x, top), (x + float(rng.normal(0, 2)), bottom))
    paints = cord(rng, path, thick, tint, f.size_wh, "line")
    if thick > 3:
        shade = (tint[0] * 0.8, tint[1] * 0.8, tint[2] * 0.8)
        paints.append(line(moved(path, thick * 0.33, 0), thick * 0.3, shade, f.size_wh))
    for y in np.arange(top, bottom, float(rng.uniform(0.6, 1.6)) * f.scale):
        clip = (tint[0] * 0.7, tint[1] * 0.7, tint[2] * 0.7)
        paints.append(block(x - thick * 0.8, y, x + thick * 0.8 + 1, y + max(1, thick / 3), clip))
    return paints


def lightning_strap(rng: Rng, f: Facade) -> Paints:
    """A flat earthing strap, straight down the wall into the ground."""
    x = between_windows(rng, f)
    path = straight((x, -8), (x + float(rng.normal(0, 1.5)), f.foot_at(x)))
    tone = float(rng.uniform(60, 170))
    return cord(rng, path, max(0.8, 0.025 * f.scale), (tone, tone, tone), f.size_wh, "line")


def ac_unit(rng: Rng, f: Facade, at: tuple[float, float]) -> Paints:
    """An outdoor unit on brackets, `at` its upper left corner."""
    s, (x, y) = f.scale, at
    wide, high = 0.8 * s, 0.55 * s
    case = pale(rng)
    paints = [
        block(x + 0.04 * s, y + high, x + wide + 0.06 * s, y + high + 0.1 * s, (0, 0, 0), "shade"),
        block(x, y, x + wide, y + high, case),
    ]
    paints[0] = Paint(paints[0].at, paints[0].cover * np.float32(0.35), paints[0].bgr, "shade")
    r = 0.21 * s
    middle = np.array([x + 0.36 * wide, y + 0.5 * high])
    turn = np.linspace(0, 2 * math.pi, 24)
    ring = middle + r * np.stack([np.cos(turn), np.sin(turn)], 1)
    place, cover = polygon_cover(ring, f.size_wh)
    paints.append(Paint(place, cover, colour((70, 72, 74))))
    paints.append(line(ring, max(0.8, 0.02 * s), case, f.size_wh, kind="thing"))
    paints.append(block(x + 0.8 * wide, y + 2, x + 0.82 * wide, y + high - 2, (150, 150, 150)))
    for side in (0.1, 0.85):
        paints.append(
            block(
                x + side * wide,
                y + high,
                x + (side + 0.05) * wide,
                y + high + 0.06 * s,
                (80, 82, 85),
            )
        )
    return paints


def ac_place(rng: Rng, f: Facade) -> tuple[float, float]:
    """Where a unit would hang: beside or under a window, clear of the ground."""
    x, y = wall_point(rng, f, 0.05, 0.6)
    if f.windows and rng.random() < 0.8:
        window = f.windows[rng.integers(len(f.windows))]
        x = float(window[:, 0].max()) + 0.1 * f.scale if rng.random() < 0.5 else float(window[0, 0])
        y = float(window[:, 1].max()) + float(rng.uniform(0.0, 0.3)) * f.scale
    return x, min(y, f.foot_at(x) - 2.5 * f.scale)


def ac_hose(rng: Rng, f: Facade, start: tuple[float, float] | None = None) -> Paints:
    """A drain hose: hangs from its unit like a cable; ends on the wall or short of the ground."""
    s = f.scale
    paints: Paints = []
    if start is None:
        at = ac_place(rng, f)
        paints += ac_unit(rng, f, at)
        start = (at[0] + float(rng.uniform(0.1, 0.7)) * s, at[1] + 0.5 * s)
    lowest = f.foot_at(start[0]) - (1.7 if rng.random() < 0.7 else 0.3) * s
    end_y = start[1] + float(rng.uniform(0.25, 1.0)) * max(0.3 * s, lowest - start[1])
    end = (start[0] + float(rng.normal(0, 0.12)) * s, end_y)
    middle = (start[0] + float(rng.normal(0, 0.25)) * s, (start[1] + end_y) / 2)
    path = straight(start, end) if rng.random() < 0.3 else bezier([start, middle, end])
    path = wavy(path, rng, float(rng.uniform(0, 1.5)))
    width = float(np.clip(rng.uniform(0.012, 0.03) * s, 0.8, 5))
    tint = pale(rng) if rng.random() < 0.65 else dark(rng)
    return paints + cord(rng, path, width, tint, f.size_wh, "line")


def shadow_line(rng: Rng, f: Facade) -> Paints:
    """The shadow of a wire, a pole or an edge on the wall."""
    width, height = f.size_wh
    x = float(rng.uniform(0, width))
    lean = float(rng.normal(0, 0.25)) * height
    top, bottom = sorted(rng.uniform(-0.1, 1.1, 2) * height)
    if rng.random() < 0.35:  # of something outside of the view: from edge to edge
        top, bottom = -0.1 * height, 1.1 * height
    path = straight((x, top), (x + lean, max(bottom, top + 0.25 * height)))
    place, cover = stroke(wavy(path, rng, 1.0), float(rng.uniform(1, 9)), f.size_wh)
    if not cover.size:
        return []
    soft = cv2.GaussianBlur(cover, (0, 0), float(rng.uniform(0.6, 2.5)))
    return [Paint(place, soft * np.float32(rng.uniform(0.15, 0.5)), colour((0, 0, 0)), "line")]


def ladder(rng: Rng, f: Facade) -> Paints:
    """A ladder that leans at the wall: two rails and its rungs, often up to a window."""
    x, lean = float(rng.uniform(0.05, 0.95)) * f.size_wh[0], float(rng.normal(0, 0.6)) * f.scale
    foot = f.foot_at(x) + float(rng.uniform(0.0, 0.8)) * f.scale
    high, wide = (float(rng.uniform(*span)) * f.scale for span in ((1.8, 5.0), (0.3, 0.5)))
    thick = max(0.8, float(rng.uniform(0.03, 0.07)) * f.scale)
    tint = pale(rng) if rng.random() < 0.6 else dark(rng)
    top, narrower = (x + lean, foot - high), float(rng.uniform(0.7, 1.0))
    rails = [
        straight((top[0] + side * narrower * wide / 2, top[1]), (x + side * wide / 2, foot))
        for side in (-1, 1)
    ]
    rungs = [
        straight(tuple(left), tuple(right), 4)
        for left, right in zip(*(rail[1:-1] for rail in rails), strict=True)
    ]
    shown = rungs[:: max(1, round(len(rungs) * 0.3 * f.scale / high))]
    return [
        paint
        for path, width in [*((r, thick) for r in rails), *((r, thick * 0.8) for r in shown)]
        for paint in cord(rng, path, width, tint, f.size_wh, "line")
    ]
