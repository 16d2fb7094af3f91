"""Geometries of GeoJSON (RFC 7946): WGS84 degrees, longitude first."""

from collections.abc import Iterable
from typing import Any, Literal

from shapely import Point, Polygon, is_valid_reason, linearrings, polygons

from pipeline.site.problems import say
from pipeline.site.tables import Node, Row, read

_Position = tuple[float, ...]


class _Polygon(Row):
    type: Literal["Polygon"]
    coordinates: list[list[_Position]]


class _Point(Row):
    type: Literal["Point"]
    coordinates: _Position


def read_point(feature: Node, place: str) -> Point | None:
    """The point of a feature; None where it has none, or a wrong one, which is noted."""
    if feature.value.get("geometry") is None:
        return None
    node = feature["geometry"]
    point = read(node, _Point)
    if point is None or not _on_earth(node, place, [point.coordinates]):
        return None
    return Point(point.coordinates[:2])


def read_polygon(feature: Node, code: str) -> Polygon | None:
    """The polygon of a feature; None where it has none, or a wrong one, which is noted."""
    if feature.value.get("geometry") is None:
        return None
    node = feature["geometry"]
    given = read(node, _Polygon)
    if given is None or not given.coordinates:
        return None
    for ring in given.coordinates:
        if not _on_earth(node, code, ring):
            return None
        if len(ring) < 4 or ring[0] != ring[-1]:
            todo = say("close_ring", first=list(ring[0]) if ring else "…")
            node.add("G004", code=code, fault=say("not_closed"), todo=todo)
            return None
    # Half the time of Polygon(points): a city has 126 000 of them.
    shell, *holes = (linearrings([xy[:2] for xy in ring]) for ring in given.coordinates)
    polygon = polygons(shell, holes or None)
    if not polygon.is_valid or polygon.area == 0:
        reason = "no area" if polygon.is_valid else is_valid_reason(polygon)
        node.add("G004", code=code, fault=say("crosses", reason=reason), todo=say("walk_round"))
        return None
    return polygon


def _on_earth(node: Node, owner: str, positions: Iterable[_Position]) -> bool:
    """Whether all are on earth; the first that is not is noted with a guess at the mistake."""
    for position in positions:
        if len(position) >= 2 and abs(position[0]) <= 180 and abs(position[1]) <= 90:
            continue
        shown: tuple[Any, ...] = (*position, "?", "?")
        x, y = shown[:2]
        correction = say("swapped", x=x, y=y) if len(position) >= 2 else say("two_numbers")
        node.add("R009", owner=owner, x=x, y=y, correction=correction)
        return False
    return True
