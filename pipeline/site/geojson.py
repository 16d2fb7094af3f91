"""Geometries of GeoJSON (RFC 7946): WGS84 degrees, longitude first."""

import math
from typing import Any, Literal

import msgspec
from shapely import Point, Polygon, is_valid_reason

from pipeline.site.problems import Both, Findings
from pipeline.site.tables import Node, read

_Ring = list[tuple[float, ...]]


class _Polygon(msgspec.Struct):
    type: Literal["Polygon"]
    coordinates: list[_Ring]


class _Point(msgspec.Struct):
    type: Literal["Point"]
    coordinates: tuple[float, ...]


def read_geometry(
    feature: Node, kind: Literal["Polygon", "Point"], code: str, found: Findings
) -> Polygon | Point | None:
    """The geometry of a feature; None where it has none, or a wrong one, which is noted."""
    if feature.value.get("geometry") is None:
        return None
    node = feature["geometry"]
    if kind == "Point":
        point = read(node, _Point, found)
        good = point is not None and _on_earth(node, code, list(point.coordinates), found)
        return Point(point.coordinates[:2]) if point is not None and good else None
    polygon = read(node, _Polygon, found)
    if polygon is None or not polygon.coordinates:
        return None
    return _checked(node, code, polygon.coordinates, found)


def _checked(node: Node, code: str, rings: list[_Ring], found: Findings) -> Polygon | None:
    if not all(_on_earth(node, code, list(p), found) for ring in rings for p in ring):
        return None
    for ring in rings:
        if len(ring) < 4 or ring[0] != ring[-1]:
            _note_open(node, code, ring, found)
            return None
    polygon = Polygon([p[:2] for p in rings[0]], [[p[:2] for p in ring] for ring in rings[1:]])
    if not polygon.is_valid or polygon.area == 0:
        reason = "no area" if polygon.is_valid else is_valid_reason(polygon)
        fault = Both(f"crosses itself or is flat ({reason})", f"自相交或面积为零（{reason}）")
        todo = Both(
            "give the points in the order in which you would walk round it", "请按绕行顺序排列各点"
        )
        found.add("G004", node.spot(), code=code, fault=fault, todo=todo)
        return None
    return polygon


def _note_open(node: Node, code: str, ring: _Ring, found: Findings) -> None:
    fault = Both("is not closed", "没有闭合")
    first = list(ring[0]) if ring else "…"
    todo = Both(
        f"write the first point again at the end: {first} (4 points or more in all)",
        f"请在末尾重复第一个点：{first}（共至少 4 个点）",
    )
    found.add("G004", node.spot(), code=code, fault=fault, todo=todo)


def _on_earth(node: Node, code: str, position: list[Any], found: Findings) -> bool:
    """Whether the position is one on earth; noted, with a guess at the mistake, where not."""
    if len(position) >= 2 and all(math.isfinite(c) for c in position):
        x, y = position[:2]
        if abs(x) <= 180 and abs(y) <= 90:
            return True
        correction = Both(
            f"swapped longitude and latitude? write ({y}, {x})", f"经纬度颠倒？请写 ({y}, {x})"
        )
    else:
        x, y = (*position, "?", "?")[:2]
        correction = Both("write two numbers", "请写两个数字")
    found.add("R009", node.spot(), owner=code, x=x, y=y, correction=correction)
    return False
