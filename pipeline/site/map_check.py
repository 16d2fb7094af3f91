"""Whether the map holds together: who lies in whom, on paper and on the ground."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from pipeline.incidents.policy import LEVELS
from pipeline.site.grid_map import GridMap, MapPlace, Unit
from pipeline.site.problems import Findings, Spot, did_you_mean, say

OVERLAP_M2 = 1.0
EDGE_M = 1.0
_METRES_A_DEGREE = math.radians(6_371_008.8)


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
    drawn = [unit for unit in tree.leaves.values() if unit.polygon is not None]
    if drawn:
        ground = _Ground(drawn, found)
        ground.check_overlaps()
        for place in grid_map.places.values():
            ground.check_position(place, grid_map.units.get(place.parent))


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


class _Ground:
    """The leaf grids in metres on the ground, flat near the map's middle."""

    def __init__(self, drawn: Sequence[Unit], found: Findings) -> None:
        self._units = drawn
        self._found = found
        shapes = np.array([unit.polygon for unit in drawn])
        middle = math.radians(shapely.get_y(shapely.centroid(shapes)).mean())
        self._scale = np.array([math.cos(middle), 1.0]) * _METRES_A_DEGREE
        self._shapes = self._metres(shapes)
        self._tree = shapely.STRtree(self._shapes)

    def _metres(self, degrees: Any) -> Any:
        return shapely.transform(degrees, lambda points: points * self._scale)

    def check_overlaps(self) -> None:
        """Note every two grids that share more than their border."""
        first, second = self._tree.query(self._shapes, predicate="intersects")
        once = second > first
        first, second = first[once], second[once]
        # Most only touch, which is told three times faster than what they share.
        more = ~shapely.touches(self._shapes[first], self._shapes[second])
        first, second = first[more], second[more]
        areas = shapely.area(shapely.intersection(self._shapes[first], self._shapes[second]))
        for i, j, area in zip(first, second, areas, strict=True):
            if area > OVERLAP_M2:
                a, b = self._units[i], self._units[j]
                facts = {"a": a.code, "b": b.code, "area": f"{area:.0f}", "other": b.spot}
                self._found.add("G002", a.spot, **facts)

    def check_position(self, place: MapPlace, parent: Unit | None) -> None:
        """Note a place whose point lies not in the grid that it names."""
        if place.point is None or parent is None or parent.polygon is None:
            return
        point = self._metres(place.point)
        away_m = self._metres(parent.polygon).distance(point)
        if away_m <= EDGE_M:
            return
        metres, inside = f"{away_m:.0f}", self._grid_at(point)
        if inside is not None:
            facts = {"place": place.id, "grid": parent.code, "other": inside.code, "metres": metres}
            self._found.add("R010", place.spot, **facts)
            return
        x, y = place.point.x, place.point.y
        swapped = self._grid_at(self._metres(shapely.Point(y, x)))
        if swapped is not None:
            correction = say("swapped_in", x=x, y=y, name=swapped.name)
        else:
            correction = say("away", metres=metres, grid=parent.code)
        self._found.add("R009", place.spot, owner=place.id, x=x, y=y, correction=correction)

    def _grid_at(self, point: Any) -> Unit | None:
        """The grid there; on a shared border the smallest code, so that all agree."""
        there = [self._units[i] for i in self._tree.query(point, predicate="intersects")]
        return min(there, key=lambda unit: unit.code, default=None)
