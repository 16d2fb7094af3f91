"""What hangs, grows and stands about a façade without being a charging cable.

Each maker gives the paints of one thing at a place; PERMANENT and NEW are the ones to choose from.
"""

import math
from collections.abc import Callable

import cv2
import numpy as np

from models.flying_wire.facade import Facade
from models.flying_wire.lines import (
    Paints,
    ac_hose,
    block,
    cord,
    dark,
    drain_pipe,
    ladder,
    lightning_strap,
    pale,
    service_drop,
    shadow_line,
    utility_lines,
    wall_bundle,
    wall_point,
)  # fmt: skip
from models.flying_wire.shapes import (
    Bgr,
    Image,
    Paint,
    Path,
    Rng,
    Size,
    catenary,
    colour,
    line,
    moved,
    noise,
    polygon_cover,
    straight,
)  # fmt: skip
from models.flying_wire.strays import cobweb, leaning_pole, pole

Maker = Callable[[Rng, Facade], Paints]

_CLOTH: tuple[Bgr, ...] = (
    (235, 235, 238), (60, 50, 45), (60, 60, 200), (190, 110, 60), (150, 130, 220), (90, 170, 110),
    (70, 190, 230), (40, 40, 45), (200, 190, 160), (120, 70, 130),
)  # fmt: skip


def clothes_line(rng: Rng, f: Facade) -> Paints:
    """A line or pole with clothes and quilts, before a window or between two things."""
    s = f.scale
    x, y = wall_point(rng, f, 0.1, 0.85)
    reach = float(rng.uniform(1.0, 4.0)) * s
    path = catenary(
        (x, y), (x + reach, y + float(rng.normal(0, 0.05)) * s), float(rng.uniform(1.0005, 1.02))
    )
    tint = dark(rng) if rng.random() < 0.5 else pale(rng)
    paints = cord(
        rng, path, float(np.clip(rng.uniform(0.006, 0.035) * s, 0.7, 4)), tint, f.size_wh, "line"
    )
    for _ in range(int(rng.integers(0, 7))):
        hang = path[rng.integers(len(path))]
        paints += _garment(rng, f, (float(hang[0]), float(hang[1])))
    return paints


def _garment(rng: Rng, f: Facade, at: tuple[float, float]) -> Paints:
    s, (x, y) = f.scale, at
    wide, high = float(rng.uniform(0.25, 0.9)) * s, float(rng.uniform(0.35, 1.1)) * s
    shapes = {
        "shirt": [
            (0.25, 0),
            (0.75, 0),
            (1, 0.3),
            (0.8, 0.38),
            (0.78, 1),
            (0.22, 1),
            (0.2, 0.38),
            (0, 0.3),
        ],
        "trousers": [(0.15, 0), (0.85, 0), (0.95, 1), (0.58, 1), (0.5, 0.35), (0.42, 1), (0.05, 1)],
        "sheet": [(0, 0), (1, 0), (1, 0.95), (0.5, 1), (0, 0.96)],
    }
    points = np.array(shapes[str(rng.choice(list(shapes)))]) * (wide, high) + (x - wide / 2, y)
    place, cover = polygon_cover(points, f.size_wh)
    if not cover.size:
        return []
    fold = 1 + 0.13 * np.sin(np.arange(cover.shape[1]) * rng.uniform(0.3, 1.0) + rng.uniform(0, 6))
    bgr = (
        colour(_CLOTH[rng.integers(len(_CLOTH))])[None, None]
        * fold.astype(np.float32)[None, :, None]
    )
    bgr = np.broadcast_to(bgr, (*cover.shape, 3))
    hook = line(straight((x, y - 0.08 * s), (x, y), 4), max(0.6, 0.01 * s), dark(rng), f.size_wh)
    return [Paint(place, cover, np.ascontiguousarray(bgr)), hook]


def banner_rope(rng: Rng, f: Facade) -> Paints:
    """A banner on ropes: across the view, or hung down the wall from a window."""
    s = f.scale
    tint = pale(rng) if rng.random() < 0.6 else dark(rng)
    width = float(rng.uniform(0.7, 2.0))
    red: Bgr = (
        float(rng.uniform(20, 60)),
        float(rng.uniform(20, 60)),
        float(rng.uniform(170, 230)),
    )
    x, y = wall_point(rng, f, 0.05, 0.4)
    if rng.random() < 0.5:
        reach = float(rng.uniform(2, 6)) * s
        rope = catenary((x, y), (x + reach, y + float(rng.normal(0, 0.3)) * s), 1.004)
        high = float(rng.uniform(0.3, 0.7)) * s
        cloth = np.concatenate([rope[8:-8], moved(rope[8:-8][::-1], 0, high)])
        place, cover = polygon_cover(cloth, f.size_wh)
        return [Paint(place, cover, colour(red)), *cord(rng, rope, width, tint, f.size_wh, "line")]
    long_px = min(float(rng.uniform(0.8, 2.5)) * s, 0.7 * (f.foot_at(x) - y))
    wide = float(rng.uniform(0.3, 0.7)) * s
    paints = [block(x, y + 0.3 * s, x + wide, y + long_px, red)]
    for side in (x, x + wide):
        foot = (
            side + float(rng.normal(0, 0.1)) * s,
            y + long_px + float(rng.uniform(0.1, 0.6)) * s,
        )
        paints += cord(rng, straight((side, y), foot), width, tint, f.size_wh, "line")
    return paints


def railing(rng: Rng, f: Facade) -> Paints:
    """A fence or guard rail on the ground or before the wall."""
    s = f.scale
    x = float(rng.uniform(-0.1, 0.8)) * f.size_wh[0]
    y = f.foot_at(x) + float(rng.uniform(0.0, 1.0)) * s
    count, gap, high = (
        int(rng.integers(5, 26)),
        float(rng.uniform(0.08, 0.2)) * s,
        float(rng.uniform(0.6, 1.2)) * s,
    )
    thin = max(0.7, float(rng.uniform(0.015, 0.04)) * s)
    tone = float(rng.choice([40, 90, 190, 220]))
    tint: Bgr = (tone, tone, tone) if rng.random() < 0.7 else (60, 120, 50)
    bars = [straight((x + i * gap, y - high), (x + i * gap, y), 2) for i in range(count)]
    rails = [straight((x, y - k * high), (x + count * gap, y - k * high), 2) for k in (1.0, 0.15)]
    return [line(path, thin, tint, f.size_wh) for path in bars + rails]


def branch(rng: Rng, f: Facade, sway_px: float = 0.0) -> Paints:
    """A tree's branches with leaves; `sway_px`: how far the wind has moved their tips."""
    width, height = f.size_wh
    x = float(rng.uniform(-0.1, 1.1)) * width
    y = max(f.foot_at(x) + 2, float(rng.uniform(0.75, 1.1)) * height)
    segments: list[tuple[float, float, float, float, float]] = []
    stack = [
        (
            x,
            y,
            -math.pi / 2 + float(rng.normal(0, 0.25)),
            float(rng.uniform(0.06, 0.16)) * height,
            float(rng.uniform(2, 7)),
            0,
        )
    ]
    while stack and len(segments) < 260:
        x0, y0, angle, reach, thick, depth = stack.pop(0)
        x1, y1 = x0 + reach * math.cos(angle), y0 + reach * math.sin(angle)
        segments.append((x0, y0, x1, y1, thick))
        if depth < 6:
            for _ in range(int(rng.integers(1, 4))):
                turn = angle + float(rng.normal(0, 0.5))
                stack.append(
                    (x1, y1, turn, reach * float(rng.uniform(0.6, 0.9)), thick * 0.68, depth + 1)
                )
    lines = np.array(segments)
    for column, row in ((0, 1), (2, 3)):
        lines[:, column] += sway_px * ((y - lines[:, row]) / height) ** 2 * 4
    tint = colour((35, 45, 55)) * np.float32(rng.uniform(0.6, 1.6))
    paints = [_twigs(lines, tint, f.size_wh)]
    if rng.random() < 0.6:
        paints += _leaves(rng, lines, f.size_wh)
    return paints


def _twigs(lines: Path, tint: Image, size_wh: Size) -> Paint:
    ends = np.concatenate([lines[:, :2], lines[:, 2:4]])
    low = np.maximum(np.floor(ends.min(0)) - 6, -8).astype(int)
    high = np.minimum(np.ceil(ends.max(0)) + 6, np.array(size_wh) + 8).astype(int)
    high = np.maximum(high, low + 1)
    patch = np.zeros(((high[1] - low[1]) * 2, (high[0] - low[0]) * 2), np.uint8)
    for x0, y0, x1, y1, thick in lines:
        start = (round((x0 - low[0]) * 32), round((y0 - low[1]) * 32))
        end = (round((x1 - low[0]) * 32), round((y1 - low[1]) * 32))
        strength = min(255, round(255 * max(0.45, thick)))
        cv2.line(patch, start, end, strength, max(1, round(thick * 2)), cv2.LINE_AA, 4)
    small = cv2.resize(
        patch, (patch.shape[1] // 2, patch.shape[0] // 2), interpolation=cv2.INTER_AREA
    )
    return Paint((int(low[0]), int(low[1])), small.astype(np.float32) / 255, tint, "line")


def _leaves(rng: Rng, lines: Path, size_wh: Size) -> Paints:
    tips = lines[lines[:, 4] < 2.0]
    if not len(tips):
        return []
    patch = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    spread, size = float(rng.uniform(2, 9)), int(rng.integers(1, 4))
    for tip in tips[rng.integers(len(tips), size=int(rng.integers(60, 400)))]:
        middle = tip[2:4] + rng.normal(0, spread, 2)
        cv2.circle(
            patch, (round(float(middle[0])), round(float(middle[1]))), size, 255, -1, cv2.LINE_AA
        )
    green = colour((50, float(rng.uniform(80, 130)), float(rng.uniform(60, 110))))
    tone = noise(rng, size_wh, 4.0)[..., None] * 14 + green
    cover = patch.astype(np.float32) * np.float32(0.95 / 255)
    return [Paint((0, 0), cover, tone)]


def charging_box(rng: Rng, f: Facade, at: tuple[float, float]) -> Paints:
    """A wall box that sells electricity, with sockets."""
    s, (x, y) = f.scale, at
    case: Bgr = (60, 150, 60) if rng.random() < 0.4 else pale(rng)
    paints = [block(x, y, x + 0.35 * s, y + 0.45 * s, case)]
    for i in range(3):
        left = x + (0.05 + 0.1 * i) * s
        paints.append(block(left, y + 0.28 * s, left + 0.06 * s, y + 0.35 * s, (60, 60, 60)))
    paints.append(block(x + 0.05 * s, y + 0.05 * s, x + 0.3 * s, y + 0.2 * s, (200, 190, 90)))
    return paints


def shed(rng: Rng, f: Facade, left: float, right: float) -> Paints:
    """A bike shed: a thin roof on posts, before the wall."""
    s = f.scale
    y = f.foot_at((left + right) / 2)
    top = y - float(rng.uniform(2.0, 2.5)) * s
    tone = float(rng.uniform(110, 220))
    post: Bgr = (tone, tone, tone)
    roof: Bgr = (190, 130, 70) if rng.random() < 0.5 else (150, 155, 160)
    paints: Paints = []
    for x in np.linspace(left, right, int(rng.integers(2, 5))):
        path = straight((x, top), (x, y + 0.4 * s), 2)
        paints.append(line(path, max(1.2, 0.05 * s), post, f.size_wh))
    corners = np.array(
        [
            [left - 0.2 * s, top - 0.15 * s],
            [right + 0.2 * s, top - 0.15 * s],
            [right + 0.3 * s, top + 0.12 * s],
            [left - 0.3 * s, top + 0.12 * s],
        ]
    )
    place, cover = polygon_cover(corners, f.size_wh)
    return [*paints, Paint(place, cover * np.float32(0.96), colour(roof))]


PERMANENT: dict[str, Maker] = {
    "utility lines": utility_lines,
    "service drop": service_drop,
    "wall bundle": wall_bundle,
    "drain pipe": drain_pipe,
    "air-conditioner hose": ac_hose,
    "lightning strap": lightning_strap,
    "clothes line": clothes_line,
    "banner rope": banner_rope,
    "pole": pole,
    "shadow line": shadow_line,
    "railing": railing,
}
NEW: dict[str, Maker] = {
    "air-conditioner hose": ac_hose,
    "laundry": clothes_line,
    "banner rope": banner_rope,
    "moved shadow": shadow_line,
    "service drop": service_drop,
    "wall bundle": wall_bundle,
    "utility lines": utility_lines,
    "drain pipe": drain_pipe,
    "ladder": ladder,
    "pole": pole,
    "cobweb": cobweb,
    "leaning pole": leaning_pole,
}
