"""Masks: the lines that a person called no cable, and what of a look lies on them.

A mask is the path of a rejected candidate, kept by camera and zone for good; it goes when a person
calls something along it real. Lengths are in heights of a picture of 16:9: the fold knows no
picture's size, and where it is 4:3 a mask is a quarter narrower from side to side.
"""

from collections.abc import Iterator
from itertools import pairwise
from math import hypot

import msgspec

from detectors.hits import MAX_OBJECTS, MAX_POINTS, Hit, Polygon, SeenObject, Xy
from pipeline.incidents.policy import Over, Rule

NEAR = 6 / 1080  # B.6 (7) of research/flying-wire.md: 6 px of a picture 1080 px high
ON_IT = 0.6  # so much of a path's length lies on a mask: it is the same line
MAX_MASKS = 32  # of one zone
MAX_ZONES = 16  # of one leaf grid that have masks, and of one incident whose paths are kept
MAX_PATHS = 8  # of one zone that an incident rests on
_ASPECT = 16 / 9
_SAMPLES = 40  # of a path, evenly along it: shares are exact to 1/40
_DECIMALS = 4  # of a fraction: a fifth of a pixel

Paths = dict[str, tuple[Polygon, ...]]  # by source and zone, oldest first


def unmasked(hit: Hit, masks: tuple[Polygon, ...], rule: Rule) -> Hit:
    """The hit without the candidates that lie on a mask: as sure as the best of the others."""
    if rule.over is not Over.PROBABILITY or not masks:
        return hit
    left = tuple(one for one in hit.objects if not _is_masked(one, masks))
    if left == hit.objects:
        return hit
    best = max((one.confidence for one in left), default=0.0)
    return msgspec.structs.replace(hit, objects=left, measure=best, score=best)


def supporting(paths: Paths, key: str, hit: Hit, rule: Rule) -> Paths:
    """The paths that an incident rests on, with those of one more look that was sure enough."""
    if rule.over is not Over.PROBABILITY or hit.quality <= 0.0:
        return paths
    if key not in paths and len(paths) >= MAX_ZONES:
        return paths
    of_zone = paths.get(key, ())
    for one in hit.objects[:MAX_OBJECTS]:
        points = one.path[:MAX_POINTS]
        path = tuple((round(x, _DECIMALS), round(y, _DECIMALS)) for x, y in points)
        if len(path) < 2 or one.confidence < rule.raise_at or path in of_zone:
            continue
        if not any(lies_on(path, known) for known in of_zone):
            of_zone = (*of_zone, path)[-MAX_PATHS:]
    return {**paths, key: of_zone} if of_zone != paths.get(key, ()) else paths


def after_word(masks: Paths, paths: Paths, result: str | None) -> Paths:
    """The masks of a leaf grid after a person's last word on an alert that rests on `paths`.

    Not real: its lines are masks. Real: the masks that run along its lines are no longer any.
    """
    if result is None:
        return masks
    masks = dict(masks)
    for key, of_alert in paths.items():
        left = tuple(m for m in masks.pop(key, ()) if not any(_along(m, p) for p in of_alert))
        if result == "false":
            left = (*left, *of_alert)[-MAX_MASKS:]
        if left:
            masks[key] = left
    return dict(list(masks.items())[-MAX_ZONES:])


def lies_on(path: Polygon, mask: Polygon) -> bool:
    """Whether ON_IT of a path's length lies within NEAR of a mask's line."""
    ours, theirs = _scaled(path), _scaled(mask)
    if not _boxes_meet(ours, theirs):
        return False
    sides = list(pairwise(theirs))
    near = sum(any(_apart(point, *side) <= NEAR for side in sides) for point in _along_it(ours))
    return near >= ON_IT * _SAMPLES


def _along(a: Polygon, b: Polygon) -> bool:
    return lies_on(a, b) or lies_on(b, a)


def _is_masked(one: SeenObject, masks: tuple[Polygon, ...]) -> bool:
    return len(one.path) > 1 and any(lies_on(one.path, mask) for mask in masks)


def _scaled(path: Polygon) -> list[Xy]:
    return [(x * _ASPECT, y) for x, y in path]


def _boxes_meet(a: list[Xy], b: list[Xy]) -> bool:
    return all(
        min(p[n] for p in a) <= max(p[n] for p in b) + NEAR
        and min(p[n] for p in b) <= max(p[n] for p in a) + NEAR
        for n in (0, 1)
    )


def _along_it(path: list[Xy]) -> Iterator[Xy]:
    """_SAMPLES points in the middles of as many equal lengths of the path."""
    sides = list(pairwise(path))
    lengths = [hypot(b[0] - a[0], b[1] - a[1]) for a, b in sides]
    step = sum(lengths) / _SAMPLES
    side, before = 0, 0.0
    for n in range(_SAMPLES):
        at = (n + 0.5) * step
        while side < len(sides) - 1 and before + lengths[side] < at:
            before += lengths[side]
            side += 1
        (ax, ay), (bx, by) = sides[side]
        share = min(1.0, (at - before) / lengths[side]) if lengths[side] else 0.0
        yield ax + share * (bx - ax), ay + share * (by - ay)


def _apart(point: Xy, a: Xy, b: Xy) -> float:
    """How far a point is from the line between two others."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    px, py = point[0] - a[0], point[1] - a[1]
    square = dx * dx + dy * dy
    share = min(1.0, max(0.0, (px * dx + py * dy) / square)) if square else 0.0
    return hypot(px - share * dx, py - share * dy)
