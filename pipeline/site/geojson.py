"""Geometries of GeoJSON (RFC 7946): WGS84 degrees, longitude first."""

from array import array
from itertools import chain
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from pipeline.site.problems import Findings, Spot, say
from pipeline.site.tables import Node, Row, read

_Position = tuple[float, ...]
_Ring = list[_Position]
_EARTH = (180.0, 90.0)
BLOCK = 4096  # shapes that are handled at once: all of a city's at once would fill a gigabyte


class _Polygon(Row):
    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[_Ring]


class _MultiPolygon(Row):
    type: Literal["MultiPolygon"]
    coordinates: list[list[_Ring]]


class _Point(Row):
    type: Literal["Point"]
    coordinates: _Position


def read_point(feature: Node, place: str) -> shapely.Point | None:
    """The point of a feature; None where it has none, or a wrong one, which is noted."""
    if feature.value.get("geometry") is None:
        return None
    node = feature["geometry"]
    point = read(node, _Point)
    if point is None:
        return None
    position = point.coordinates
    if len(position) < 2 or abs(position[0]) > _EARTH[0] or abs(position[1]) > _EARTH[1]:
        _note_off_earth(node.found, node.spot(), place, position)
        return None
    return shapely.Point(position[:2])


class Outlines:
    """The polygons of a file, built many at once: one by one takes much longer.

    `shapes`: the good ones so far, by code; what is wrong with the others is noted in `found`.
    """

    def __init__(self, found: Findings) -> None:
        self.shapes: dict[str, shapely.MultiPolygon] = {}
        self._found = found
        self._clear()

    def _clear(self) -> None:
        self._owners: list[tuple[str, Spot]] = []
        self._degrees = array("d")  # lon, lat, lon, lat, …
        # Where each ring begins in the points, each part in the rings, each shape in the parts.
        self._rings, self._parts, self._shapes = [0], [0], [0]

    def add(self, feature: Node, code: str, spot: Spot) -> bool:
        """Whether `feature` has a geometry; what is wrong with it is noted, now or when built."""
        if feature.value.get("geometry") is None:
            return False
        node = feature["geometry"]
        parts = _parts_of(node)
        if parts is not None and _all_closed(node, code, parts):
            for part in parts:
                for ring in part:
                    flat = ring if {2}.issuperset(map(len, ring)) else (xy[:2] for xy in ring)
                    self._degrees.extend(chain.from_iterable(flat))
                    self._rings.append(len(self._degrees) // 2)
                self._parts.append(len(self._rings) - 1)
            self._shapes.append(len(self._parts) - 1)
            self._owners.append((code, spot))
        if len(self._owners) >= BLOCK:
            self.build()
        return True

    def build(self) -> None:
        """Make shapes of all that was added since the last time."""
        points = np.asarray(self._degrees).reshape(-1, 2)
        rings, parts, shapes = (np.array(ends) for ends in (self._rings, self._parts, self._shapes))
        offsets = (rings, parts, shapes)
        built = shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, points, offsets)
        good = self._on_earth(points, rings[parts[shapes]])
        simple = shapely.is_valid(built)
        areas = simple & (shapely.area(built) > 0)
        for index in np.flatnonzero(good & ~areas):
            code, spot = self._owners[index]
            reason = "no area" if simple[index] else shapely.is_valid_reason(built[index])
            fault = say("crosses", reason=reason)
            self._found.add("G004", spot, code=code, fault=fault, todo=say("walk_round"))
        for index in np.flatnonzero(good & areas):
            self.shapes[self._owners[index][0]] = built[index]
        self._clear()

    def _on_earth(
        self, points: NDArray[np.float64], starts: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which shapes are; the first point of each other one is noted."""
        off = np.flatnonzero((np.abs(points) > _EARTH).any(axis=1))
        owners, first = np.unique(np.searchsorted(starts, off, side="right") - 1, return_index=True)
        for index, point in zip(owners, off[first], strict=True):
            code, spot = self._owners[index]
            _note_off_earth(self._found, spot, code, tuple(points[point].tolist()))
        good = np.ones(len(self._owners), dtype=bool)
        good[owners] = False
        return good


def _parts_of(node: Node) -> list[list[_Ring]] | None:
    if node.value.get("type") == "MultiPolygon":
        several = read(node, _MultiPolygon)
        return several.coordinates if several is not None else None
    one = read(node, _Polygon)
    return [one.coordinates] if one is not None else None


def _all_closed(node: Node, code: str, parts: list[list[_Ring]]) -> bool:
    """Whether all rings are; the first that is not is noted."""
    if not parts or not all(parts):
        node.add("G004", code=code, fault=say("crosses", reason="no area"), todo=say("walk_round"))
        return False
    for ring in chain.from_iterable(parts):
        shortest: _Position = min(ring, key=len, default=())
        if ring and len(shortest) < 2:
            _note_off_earth(node.found, node.spot(), code, shortest)
            return False
        if len(ring) < 4 or ring[0] != ring[-1]:
            todo = say("close_ring", first=list(ring[0]) if ring else "…")
            node.add("G004", code=code, fault=say("not_closed"), todo=todo)
            return False
    return True


def _note_off_earth(found: Findings, spot: Spot, owner: str, position: _Position) -> None:
    """Note a position that is not on earth, with a guess at the mistake."""
    shown: tuple[Any, ...] = (*position, "?", "?")
    x, y = shown[:2]
    correction = say("swapped", x=x, y=y) if len(position) >= 2 else say("two_numbers")
    found.add("R009", spot, owner=owner, x=x, y=y, correction=correction)
