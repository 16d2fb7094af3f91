"""Polygons on a camera's picture: fractions 0..1, origin top left."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from math import dist

from shapely import LineString, Polygon

from detectors.hits import Ground, Xy
from detectors.hits import Polygon as Points
from pipeline.site.problems import Both, say
from pipeline.site.tables import Node

SMALLEST = 0.001
MOST_POINTS = 64
COMMON_PICTURES = ((1920, 1080), (3840, 2160))


def check_ground(node: Node, camera: str, ground: Ground) -> None:
    """Note four points that fix no plane: outside the picture, or three of them in a line."""
    for index, (x, y) in enumerate(ground.points):
        if not (0 <= x <= 1 and 0 <= y <= 1):
            _note_outside(node["points"], say("camera", camera=camera), index, ground.points)
            return
    for key, points in (("points", ground.points), ("metres", ground.metres)):
        # Three points of which the height of their triangle is 1 % of its longest side: in a line.
        if any(_is_flat(three) for three in combinations(points, 3)):
            node.add("R024", key, camera=camera, key=key)


def _is_flat(three: Sequence[Xy]) -> bool:
    longest = max(dist(a, b) for a, b in combinations(three, 2))
    return float(2 * Polygon(three).area) <= 0.01 * longest**2


def check_polygon(node: Node, owner: Both, points: Points) -> None:
    """Note the first thing that keeps `points`, which stand in `node`, from being a polygon."""
    if not 3 <= len(points) <= MOST_POINTS:
        node.add("R016", owner=owner, n=len(points))
        return
    for index, (x, y) in enumerate(points):
        if not (0 <= x <= 1 and 0 <= y <= 1):
            _note_outside(node, owner, index, points)
            return
    if len(set(points)) < len(points):
        a, b = _repeated(points)
        node.add("R018", owner=owner, a=a, b=b)
        return
    crossing = _crossing(points)
    area = Polygon(points).area
    if crossing is not None:
        node.add("R002", owner=owner, **dict(zip("abcd", crossing, strict=True)))
    elif area < SMALLEST:
        node.add("R003", owner=owner, percent=f"{area * 100:.3f}")


def _note_outside(node: Node, owner: Both, index: int, points: Points) -> None:
    x, y = points[index]
    in_pixels = max(map(max, points)) > 2 and min(map(min, points)) >= 0
    pixels = say("pixels" if in_pixels else "nothing")
    correction = _in_fractions(points) if in_pixels else say("move_point")
    facts = {"n": index + 1, "x": f"{x:g}", "y": f"{y:g}"}
    node.add("R001", index, owner=owner, **facts, pixels=pixels, correction=correction)


def _in_fractions(points: Points) -> Both:
    """The whole polygon as it would be on the smallest common picture that holds it."""
    widest, highest = max(x for x, _ in points), max(y for _, y in points)
    for width, height in COMMON_PICTURES:
        if widest <= width and highest <= height:
            text = ", ".join(f"[{x / width:.3f}, {y / height:.3f}]" for x, y in points)
            return say("divided", width=width, height=height, points=text)
    return say("divide")


def _crossing(points: Points) -> tuple[int, int, int, int] | None:
    """The numbers, from 1, of the ends of the first two sides that cross or lie on each other."""
    n = len(points)
    sides = [
        (i + 1, (i + 1) % n + 1, LineString(ends))
        for i, ends in enumerate(pairwise([*points, points[0]]))
    ]
    for (a, b, first), (c, d, second) in combinations(sides, 2):
        shared = first.intersection(second)
        # Neighbours always share their common point.
        neighbours = not {a, b}.isdisjoint({c, d})
        if shared.length > 0 or not (neighbours or shared.is_empty):
            return a, b, c, d
    return None


def _repeated(points: Points) -> tuple[int, int]:
    """The numbers, from 1, of the first point that was there before, and of what it repeats."""
    again = next(index for index, point in enumerate(points) if point in points[:index])
    return points.index(points[again]) + 1, again + 1
