"""Whether the map holds together: who lies in whom, on paper and on the ground."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from pipeline.incidents.policy import LEVELS
from pipeline.site.gcj02 import Crs, wgs84
from pipeline.site.geojson import BLOCK
from pipeline.site.grid_map import GridMap, MapPlace, Unit
from pipeline.site.locate import Locator, distances_m, metres_a_degree
from pipeline.site.problems import Both, Findings, Spot, did_you_mean, say

OVERLAP_M2 = 1.0
EDGE_M = 1.0
GAP_SHARE = 0.001


def check_map(grid_map: GridMap, found: Findings) -> None:
    """Note every unit and place that cannot lie where the map says."""
    tree = _Tree(grid_map, found)
    for unit in grid_map.units.values():
        tree.check_parent(unit)
    for place in grid_map.places.values():
        tree.check_grid_of(place)
    for unit in tree.leaves.values():
        if not unit.drawn:
            found.add("G007", unit.spot, code=unit.code)
    _check_overlaps(grid_map, found)
    if grid_map.drawn:
        _check_gaps(grid_map, found)
    for place in grid_map.places.values():
        _check_position(place, grid_map, found)


def swapped(grid_map: GridMap, lon: float, lat: float, crs: Crs = "WGS84") -> Both | None:
    """The guess that longitude and latitude are swapped, where a grid lies there; else None."""
    there = wgs84(lat, lon, crs)
    code = grid_map.locator.within(there.lon, there.lat)
    if code is None:
        return None
    return say("swapped_in", x=lon, y=lat, name=grid_map.units[code].name)


class _Tree:
    """The units as they lie in each other; what belongs nowhere is noted in `found`."""

    def __init__(self, grid_map: GridMap, found: Findings) -> None:
        self.leaves = {unit.code: unit for unit in grid_map.leaves()}
        self._map = grid_map
        self._found = found
        self._codes: dict[str, list[str]] = {level: [] for level in LEVELS}
        for unit in grid_map.units.values():
            self._codes[unit.level].append(unit.code)

    def check_parent(self, unit: Unit) -> None:
        if unit.level == "city":
            if unit.parent is not None:
                facts = {"key": "parent", "value": f'"{unit.parent}"', "must": say("highest")}
                self._found.add("F007", unit.spot, **facts)
            return
        wanted = LEVELS[LEVELS.index(unit.level) - 1]
        parent = self._map.units.get(unit.parent or "")
        if parent is None or parent.level != wanted:
            child = {"level": say(unit.level), "code": unit.code, "wanted": say(wanted)}
            self._note(unit.spot, unit.parent or "", self._codes[wanted], child)
            return
        # A city's code ends in 00 where its districts have their own digits.
        front = parent.code[:4] if parent.level == "city" else parent.code
        if not unit.code.startswith(front):
            facts = {"level": say(unit.level), "code": unit.code, "parent": parent.code}
            self._found.add("G001", unit.spot, **facts)

    def check_grid_of(self, place: MapPlace) -> None:
        if place.parent not in self.leaves:
            child = {"level": say("place"), "code": place.id, "wanted": say("leaf")}
            self._note(place.spot, place.parent, self.leaves, child)

    def _note(
        self, spot: Spot, parent: str, codes: Collection[str], child: Mapping[str, object]
    ) -> None:
        """Note that `parent` is none of `codes`, unless it is in a line with its own problem."""
        there = self._map.units.get(parent)
        if there is not None:
            fault = say("is_a", level=say(there.level))
        elif self._map.lacks(parent):
            fault = say("not_on_map")
        else:
            return
        hint = did_you_mean(parent, codes)
        self._found.add("G006", spot, parent=parent, fault=fault, hint=hint, **child)


def _check_overlaps(grid_map: GridMap, found: Findings) -> None:
    """Note every two grids that share more than their border."""
    locator = grid_map.locator
    first, second = _that_overlap(locator, _unpaired(locator.shapes))
    if len(first):
        first, second = _that_overlap(locator, np.arange(len(locator.shapes)))
    areas = shapely.area(shapely.intersection(locator.shapes[first], locator.shapes[second]))
    for i, j, area in zip(first, second, areas, strict=True):
        a, b = grid_map.units[locator.codes[i]], grid_map.units[locator.codes[j]]
        area_m2 = area * metres_a_degree(locator.shapes[i].bounds[1]).prod()
        if area_m2 > OVERLAP_M2:
            facts = {"a": a.code, "b": b.code, "area": f"{area_m2:.0f}", "other": b.spot}
            found.add("G002", a.spot, **facts)


def _that_overlap(locator: Locator, some: NDArray[np.intp]) -> tuple[NDArray[np.intp], ...]:
    """The pairs of shapes, one of them of `some`, whose insides have common ground (DE-9IM)."""
    first, second = locator.tree.query(locator.shapes[some])
    first = some[first]
    once = (second > first) | ((second < first) & ~np.isin(second, some))
    first, second = first[once], second[once]
    more = shapely.relate_pattern(locator.shapes[first], locator.shapes[second], "2********")
    return np.minimum(first, second)[more], np.maximum(first, second)[more]


def _unpaired(shapes: NDArray[Any]) -> NDArray[np.intp]:
    """The shapes with a side that does not lie between two; points within 1 cm are the same.

    Where shapes overlap, more than one covers a point. How many do changes only across sides that
    are not walked as often one way as the other, with every shape's inside on the left. So wherever
    there is an overlap, one of these has a part in it, and a city's map that is whole has few.
    """
    if not len(shapes):
        return np.array([], dtype=np.intp)
    blocks = (_sides(shapes[i : i + BLOCK], i) for i in range(0, len(shapes), BLOCK))
    low, high, way, owner = map(np.concatenate, zip(*blocks, strict=True))
    order = np.lexsort((low, high))
    low, high = low[order], high[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    uneven = np.add.reduceat(way[order], np.flatnonzero(new), dtype=np.intp) != 0
    return np.unique(owner[order[uneven[np.cumsum(new) - 1]]])


def _sides(shapes: NDArray[Any], number: int) -> tuple[NDArray[Any], ...]:
    """Of every side its two ends, the lower first, which way it is walked, and the shape's number,
    the first being `number`.
    """
    parts, shape_of = shapely.get_parts(shapely.orient_polygons(shapes), return_index=True)
    rings, part_of = shapely.get_rings(parts, return_index=True)
    points, ring_of = shapely.get_coordinates(rings, return_index=True)
    spots = (points * 1e7).round().astype(np.int64) @ [1 << 32, 1]
    within = np.diff(ring_of) == 0
    start, end = spots[:-1][within], spots[1:][within]
    owner = shape_of[part_of[ring_of[1:][within]]] + number
    way = np.sign(end - start).astype(np.int8)
    return np.minimum(start, end), np.maximum(start, end), way, owner.astype(np.int32)


def _check_gaps(grid_map: GridMap, found: Findings) -> None:
    """Note every community that has a polygon with ground in it that is in no leaf grid."""
    units = [unit for unit in grid_map.units.values() if unit.level == "community"]
    units = [unit for unit in units if unit.code in grid_map.shapes]
    whole = np.array([grid_map.shapes[unit.code] for unit in units], dtype=object)
    leaves, tree = grid_map.locator.shapes, grid_map.locator.tree
    covered = np.zeros(len(units))
    owner, leaf = tree.query(whole, predicate="covers")
    np.add.at(covered, owner, shapely.area(leaves[leaf]))
    inside = owner * len(leaves) + leaf
    owner, leaf = tree.query(whole, predicate="intersects")
    partly = ~np.isin(owner * len(leaves) + leaf, inside)
    owner, leaf = owner[partly], leaf[partly]
    np.add.at(covered, owner, shapely.area(shapely.intersection(whole[owner], leaves[leaf])))
    for unit, share in zip(units, 1 - covered / shapely.area(whole), strict=True):
        if share > GAP_SHARE:
            found.add("G003", unit.spot, code=unit.code, name=unit.name, percent=f"{share:.1%}")


def _check_position(place: MapPlace, grid_map: GridMap, found: Findings) -> None:
    """Note a place whose point lies not in the grid that it names."""
    shape = grid_map.shapes.get(place.parent)
    if place.point is None or shape is None:
        return
    x, y = place.point.x, place.point.y
    away_m = distances_m(shape, x, y)
    if away_m <= EDGE_M:
        return
    metres, inside = f"{away_m:.0f}", grid_map.locator.within(x, y)
    if inside is not None:
        facts = {"place": place.id, "grid": place.parent, "other": inside, "metres": metres}
        found.add("R010", place.spot, **facts)
        return
    correction = swapped(grid_map, x, y) or say("away", metres=metres, grid=place.parent)
    found.add("R009", place.spot, owner=place.id, x=x, y=y, correction=correction)
