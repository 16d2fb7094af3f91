"""Where grids and places lie on the ground: overlaps, and positions that contradict the map."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from shapely import Geometry, Point, STRtree, transform

from pipeline.site.grid_map import GridMap, MapPlace, Unit
from pipeline.site.problems import Both, Findings

OVERLAP_M2 = 1.0
EDGE_M = 1.0
_METRES_A_DEGREE = math.radians(6_371_008.8)


class Ground:
    """The leaf grids in metres on the ground, flat near the map's middle."""

    def __init__(self, drawn: Sequence[Unit]) -> None:
        self._units = drawn
        latitudes = [unit.polygon.centroid.y for unit in drawn if unit.polygon is not None]
        self._shrink = math.cos(math.radians(sum(latitudes) / len(latitudes)))
        self._shapes = [self._metres(unit.polygon) for unit in drawn]
        self._tree = STRtree(self._shapes)

    def _metres(self, geometry: Geometry) -> Geometry:
        scale = np.array([self._shrink * _METRES_A_DEGREE, _METRES_A_DEGREE])

        def project(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
            metres: NDArray[np.float64] = degrees * scale
            return metres

        return transform(geometry, project)

    def check_overlaps(self, found: Findings) -> None:
        """Note every two grids that share more than their border."""
        for i, shape in enumerate(self._shapes):
            for j in sorted(self._tree.query(shape, predicate="intersects")):
                area = shape.intersection(self._shapes[j]).area if j > i else 0
                if area > OVERLAP_M2:
                    a, b = self._units[i], self._units[j]
                    other = f"{b.spot.file}:{b.spot.line}"
                    facts = {"a": a.code, "b": b.code, "area": f"{area:.0f}", "other": other}
                    found.add("G002", a.spot, **facts)

    def check_position(self, place: MapPlace, grid_map: GridMap, found: Findings) -> None:
        """Note a place whose point lies not in the grid that it names."""
        parent = grid_map.units.get(place.parent)
        if place.point is None or parent is None or parent.polygon is None:
            return
        point = self._metres(place.point)
        away_m = self._metres(parent.polygon).distance(point)
        if away_m <= EDGE_M:
            return
        inside = self._grid_at(point)
        if inside is not None:
            found.add(
                "R010",
                place.spot,
                place=place.id,
                grid=parent.code,
                other=inside.code,
                metres=f"{away_m:.0f}",
            )
            return
        x, y = place.point.x, place.point.y
        correction = self._swapped(x, y) or Both(
            f"it is {away_m:.0f} m from grid {parent.code}: correct it",
            f"距网格 {parent.code} {away_m:.0f} 米，请改正",
        )
        found.add("R009", place.spot, owner=place.id, x=x, y=y, correction=correction)

    def _grid_at(self, point: Geometry) -> Unit | None:
        """The grid there; on a shared border the smallest code, so that all agree."""
        there = [self._units[i] for i in self._tree.query(point, predicate="intersects")]
        return min(there, key=lambda unit: unit.code, default=None)

    def _swapped(self, x: float, y: float) -> Both | None:
        inside = self._grid_at(self._metres(Point(y, x)))
        if inside is None:
            return None
        return Both(
            f"swapped longitude and latitude? ({y}, {x}) lies in {inside.name}",
            f"经纬度颠倒？({y}, {x}) 位于{inside.name}",
        )
