"""Lines that belong to no façade: poles, one that leans, a spider's threads on the lens."""

import cv2
import numpy as np

from models.flying_wire.facade import Facade
from models.flying_wire.lines import Paints, block, cord, dark, pale
from models.flying_wire.shapes import Bgr, Paint, Rng, bezier, colour, straight, stroke


def cobweb(rng: Rng, f: Facade) -> Paints:
    """Threads on the lens: pale, out of focus, from anywhere to anywhere."""
    width, height = f.size_wh
    paints: Paints = []
    for _ in range(int(rng.integers(1, 5))):
        points = rng.uniform(-0.1, 1.1, (int(rng.integers(3, 5)), 2)) * (width, height)
        at, cover = stroke(bezier(points), float(rng.uniform(1.0, 4.0)), f.size_wh)
        if cover.size:
            soft = cv2.GaussianBlur(cover, (0, 0), float(rng.uniform(0.6, 2.5)))
            paints.append(
                Paint(at, soft * np.float32(rng.uniform(0.2, 0.7)), colour(pale(rng)), "line")
            )
    return paints


def leaning_pole(rng: Rng, f: Facade) -> Paints:
    """A mop or a broom: straight, from the ground up the wall."""
    x = float(rng.uniform(0.03, 0.97)) * f.size_wh[0]
    foot = f.foot_at(x) + float(rng.uniform(0.0, 0.6)) * f.scale
    high, lean = float(rng.uniform(1.1, 1.7)) * f.scale, float(rng.normal(0, 0.3)) * f.scale
    wood: Bgr = (60, float(rng.uniform(90, 150)), float(rng.uniform(130, 200)))
    tint = (wood, pale(rng), dark(rng))[rng.integers(3)]
    thick = max(0.8, float(rng.uniform(0.02, 0.045)) * f.scale)
    paints = cord(rng, straight((x + lean, foot - high), (x, foot)), thick, tint, f.size_wh, "line")
    if rng.random() < 0.5:
        wide = 0.15 * f.scale
        paints.append(block(x - wide, foot - 0.1 * f.scale, x + wide, foot, pale(rng)))
    return paints


def pole(rng: Rng, f: Facade) -> Paints:
    """A lamp post or utility pole before the wall."""
    width, height = f.size_wh
    x = float(rng.uniform(0, width))
    foot = min(height + 4.0, f.foot_at(x) + float(rng.uniform(0.1, 1.5)) * f.scale)
    path = straight(
        (x + float(rng.normal(0, 3)), float(rng.uniform(-0.1, 0.4)) * height), (x, foot)
    )
    tone = float(rng.uniform(60, 190))
    return cord(
        rng,
        path,
        max(2.0, float(rng.uniform(0.06, 0.2)) * f.scale),
        (tone, tone, tone),
        f.size_wh,
        "line",
    )
