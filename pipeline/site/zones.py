"""Polygons on a camera's picture: fractions 0..1, origin top left."""

from itertools import combinations, pairwise

from shapely import LineString, Polygon

from pipeline.site.problems import Both, Findings, Spot
from pipeline.site.tables import Node

Points = tuple[tuple[float, float], ...]
SMALLEST = 0.001
MOST_POINTS = 64


def check_polygon(node: Node, owner: Both, points: Points, found: Findings) -> None:
    """Note what keeps `points`, which stand in `node`, from being a polygon on a picture."""
    if not 3 <= len(points) <= MOST_POINTS:
        found.add("R016", node.spot(), owner=owner, n=len(points))
        return
    for index, (x, y) in enumerate(points):
        if not (0 <= x <= 1 and 0 <= y <= 1):
            _note_outside(node.spot(index), owner, index, points, found)
            return
    repeated = _repeated(points)
    if repeated is not None:
        found.add("R018", node.spot(), owner=owner, a=repeated[0], b=repeated[1])
        return
    crossing = _crossing(points)
    if crossing is not None:
        a, b, c, d = crossing
        found.add("R002", node.spot(), owner=owner, a=a, b=b, c=c, d=d)
        return
    area = Polygon(points).area
    if area < SMALLEST:
        found.add("R003", node.spot(), owner=owner, percent=f"{area * 100:.3f}")


def _note_outside(spot: Spot, owner: Both, index: int, points: Points, found: Findings) -> None:
    x, y = points[index]
    if max(max(point) for point in points) <= 2 or min(min(point) for point in points) < 0:
        pixels = Both("", "")
        correction = Both("move the point into the picture", "请把该点移入画面")
    else:
        pixels = Both("; these look like pixels", "；这些像是像素值")
        correction = _in_fractions(points)
    found.add(
        "R001",
        spot,
        owner=owner,
        n=index + 1,
        x=f"{x:g}",
        y=f"{y:g}",
        pixels=pixels,
        correction=correction,
    )


def _in_fractions(points: Points) -> Both:
    """The whole polygon as it would be on the smallest common picture that holds it."""
    widest, highest = max(x for x, _ in points), max(y for _, y in points)
    for width, height in ((1920, 1080), (3840, 2160)):
        if widest <= width and highest <= height:
            text = ", ".join(f"[{x / width:.3f}, {y / height:.3f}]" for x, y in points)
            return Both(
                "the picture's size is not known here: divide x by its width and y by its "
                f"height; for a {width}×{height} picture write [{text}]",
                "此处不知道画面尺寸：请用 x 除以宽、y 除以高；"
                f"若画面为 {width}×{height}，请写 [{text}]",
            )
    return Both(
        "divide x by the picture's width and y by its height", "请用 x 除以画面宽、y 除以画面高"
    )


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


def _repeated(points: Points) -> tuple[int, int] | None:
    first: dict[tuple[float, float], int] = {}
    for number, point in enumerate(points, start=1):
        if point in first:
            return first[point], number
        first[point] = number
    return None
