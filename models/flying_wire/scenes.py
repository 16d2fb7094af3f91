"""Scenes: one view of a façade before, and later, with or without a charging cable (飞线).

façade ─ permanent things ─────────────────────────────── front ─> before
                      └─ new confusers ─ two-wheelers ─ cable ─ front ─> now
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.flying_wire import lines, things
from models.flying_wire.hanging import Cable, as_seen, cord_path, visible
from models.flying_wire.light import LIGHTS, Camera, photograph
from models.flying_wire.shapes import Image, Rng, Size, catenary
from models.flying_wire.stage import Stage, high_enough, set_stage, stand, standing_bike
from models.flying_wire.wheels import car, person

__all__ = ["LIGHTS", "Cable", "Camera", "Scene", "make_scene", "photograph"]


@dataclass(frozen=True, slots=True)
class Scene:
    """One view before and now.

    `before_bgr`, `now_bgr` float32 (H, W, 3) 0..255; `drop`, `other` float32 (H, W) coverage 0..1
    of the cable, and of every other line-like thing, in `now_bgr`. `windows`, `charging`: polygons
    (N, 2) px, where a cable may begin and end. `two_wheelers` float32 (N, 4) xyxy px, now.
    `confusers`: what is new in `now_bgr` besides a cable.
    """

    before_bgr: Image
    now_bgr: Image
    drop: Image
    other: Image
    cable: Cable | None
    windows: tuple[NDArray[np.float32], ...]
    charging: tuple[NDArray[np.float32], ...]
    two_wheelers: NDArray[np.float32]
    confusers: tuple[str, ...]

    @property
    def ends(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """The cable's top and bottom (x, y) px."""
        if self.cable is None:
            return None
        (x0, y0), (x1, y1) = self.cable.path_xy_px[0], self.cable.path_xy_px[-1]
        return (float(x0), float(y0)), (float(x1), float(y1))


def make_scene(
    rng: Rng,
    size_wh: Size,
    *,
    cable: bool | None = None,
    stills: Sequence[NDArray[np.uint8]] = (),
) -> Scene:
    """A scene of this size with a cable, without, or by chance (None: half).

    `stills`: real photographs BGR uint8 of any size, the backgrounds of STILLS_SHARE of the scenes.
    """
    with_cable = bool(rng.random() < 0.5) if cable is None else cable
    stage = set_stage(rng, size_wh, stills)
    _furnish(rng, stage)
    stage.now = stage.before.copy()
    new = 0.9 if not with_cable else 0.5
    if rng.random() < new:
        _change(rng, stage)
    made = _hang(rng, stage) if with_cable else None
    _front(rng, stage)
    return Scene(
        stage.before.bgr,
        stage.now.bgr,
        stage.now.drop,
        stage.now.other,
        as_seen(made, stage.now.drop) if made else None,
        tuple(w.astype(np.float32) for w in stage.facade.windows),
        (stage.charging.astype(np.float32),),
        np.array([b.box for b in stage.bikes], np.float32).reshape(-1, 4),
        tuple(stage.confusers),
    )


def _furnish(rng: Rng, stage: Stage) -> None:
    """The permanent things: pipes, lines, units with hoses, parked bikes, a shed."""
    f = stage.facade
    names = list(things.PERMANENT)
    for name in rng.choice(names, int(rng.integers(0, 5))):
        stage.always(things.PERMANENT[str(name)](rng, f))
    for _ in range(int(rng.integers(0, 4))):
        at = lines.ac_place(rng, f)
        stage.always(lines.ac_unit(rng, f, at))
        if rng.random() < 0.6:
            start = (at[0] + 0.4 * f.scale, at[1] + 0.5 * f.scale)
            stage.always(lines.ac_hose(rng, f, start))
    left, right = float(stage.charging[0, 0]), float(stage.charging[1, 0])
    if rng.random() < 0.15:
        stage.always(things.shed(rng, f, left, right))
    if rng.random() < 0.25:
        at = (float(rng.uniform(left, right)), f.foot_at(left) - 1.3 * f.scale)
        stage.always(things.charging_box(rng, f, at))
    count = int(rng.choice([0, 1, 2, 4], p=[0.5, 0.25, 0.15, 0.1]))
    parked = [standing_bike(rng, stage) for _ in range(count)]
    parked.sort(key=lambda bike: float(bike.box[3]))
    for bike in parked:
        stage.always(bike.paints)
        stage.bikes.append(bike)


def _change(rng: Rng, stage: Stage) -> None:
    """New things that are no cable."""
    f = stage.facade
    for _ in range(int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))):
        name = str(
            rng.choice([*things.NEW, "parked two-wheelers", "person", "parked car", "charger lead"])
        )
        if name in things.NEW:
            stage.later(name, things.NEW[name](rng, f))
        elif name == "person":
            stage.later(name, person(rng, stand(rng, stage), 1.7 * f.scale).paints)
        elif name == "parked car":
            stage.later(name, car(rng, stand(rng, stage), 1.45 * f.scale).paints)
        elif name == "charger lead":
            _lead(rng, stage)
        else:
            for _ in range(int(rng.integers(1, 4))):
                bike = standing_bike(rng, stage)
                stage.later(name, bike.paints)
                stage.bikes.append(bike)


def _lead(rng: Rng, stage: Stage) -> None:
    """A bike at a charging box: a short lead that comes from no window."""
    f = stage.facade
    bike = standing_bike(rng, stage)
    x = float(np.clip(bike.ports[0][0] + rng.normal(0, 0.6) * f.scale, 4, f.size_wh[0] - 4))
    at = (x, f.foot_at(x) - float(rng.uniform(0.9, 1.3)) * f.scale)
    if any(cv2.pointPolygonTest(w.astype(np.float32), at, True) > -12 for w in f.windows):
        return
    start = (at[0] + 0.15 * f.scale, at[1] + 0.35 * f.scale)
    path = catenary(start, bike.ports[rng.integers(len(bike.ports))], float(rng.uniform(1.01, 1.4)))
    width = float(rng.uniform(0.8, 2.5))
    stage.later("charger lead", things.charging_box(rng, f, at))
    stage.later("", bike.paints)
    stage.later("", lines.cord(rng, path, width, lines.dark(rng), f.size_wh, "line"))
    stage.bikes.append(bike)


def _hang(rng: Rng, stage: Stage) -> Cable:
    """Hang a cable from a window to a bike or to the charging zone."""
    f = stage.facade
    width, height = f.size_wh
    windows = [w for w in f.windows if high_enough(f, w)]
    window = windows[rng.integers(len(windows))]
    (x0, y0), (x1, y1) = window.min(0), window.max(0)
    x = float(np.clip(rng.uniform(x0, x1), 0.03 * width, 0.97 * width))
    top = (x, float(y1 - rng.uniform(0, 0.35) * (y1 - y0)))
    fall = f.foot_at(top[0]) - top[1]
    aside = float(np.clip(rng.normal(0, 0.17) * height, -0.8 * fall, 0.8 * fall))
    bottom = _bottom(rng, stage, float(np.clip(top[0] + aside, 0.06 * width, 0.94 * width)))
    path = cord_path(rng, top, bottom, f.scale)
    path[:, 0] = np.clip(path[:, 0], 1, width - 2)
    path[:, 1] = np.clip(path[:, 1], 0, height - 1)
    thick = math.exp(rng.uniform(math.log(0.8), math.log(4.0)))
    tint = visible(rng, path, thick, stage.now.bgr, stage.light)
    paints = lines.cord(rng, path, thick, tint, f.size_wh, "cable")
    if rng.random() < 0.25:
        x, y = path[-1]
        size = max(2.0, 0.05 * f.scale)
        paints.append(lines.block(x - size, y - size / 2, x + size, y + size / 2, lines.pale(rng)))
    stage.later("", paints)
    return Cable(path.astype(np.float32), thick, tint)


def _bottom(rng: Rng, stage: Stage, x: float) -> tuple[float, float]:
    """Where the cable ends: at a two-wheeler (70 %) or elsewhere in the charging zone."""
    f = stage.facade
    if rng.random() < 0.7:
        near = [b for b in stage.bikes if abs((b.box[0] + b.box[2]) / 2 - x) < 0.3 * f.size_wh[1]]
        known = bool(near) and rng.random() < 0.4
        bike = near[rng.integers(len(near))] if known else standing_bike(rng, stage, x)
        if not known:
            stage.bikes.append(bike)
            stage.later("", bike.paints)
        return bike.ports[rng.integers(len(bike.ports))]
    (left, top), (right, bottom) = stage.charging.min(0), stage.charging.max(0)
    x = float(np.clip(x, left + 4, right - 4))
    high = rng.uniform(0.0, 0.7) * f.scale if rng.random() < 0.5 else 0.0
    y = f.foot_at(x) + rng.uniform(0.05, 0.6) * f.scale - high
    return x, float(np.clip(y, top + 4, bottom - 4))


def _front(rng: Rng, stage: Stage) -> None:
    """What stands before everything, before and now: branches that sway, railings, a bike."""
    f = stage.facade
    kind = str(rng.choice(["none", "branch", "railing", "bike"], p=[0.55, 0.2, 0.15, 0.1]))
    if kind == "none":
        return
    seed = int(rng.integers(1 << 31))
    if kind == "branch":
        sway = float(rng.choice([0.0, rng.normal(0, 0.012)])) * f.size_wh[1]
        stage.before.lay(things.branch(np.random.default_rng(seed), f), stage.light)
        name = "branch" if abs(sway) > 1 else ""
        stage.later(name, things.branch(np.random.default_rng(seed), f, sway))
        return
    if kind == "railing":
        paints = things.railing(rng, f)
    else:
        bike = standing_bike(rng, stage)
        stage.bikes.append(bike)
        paints = list(bike.paints)
    stage.before.lay(paints, stage.light)
    stage.now.lay(paints, stage.light)
