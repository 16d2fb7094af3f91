"""Which leaf grid a position lies in, and how far apart positions are."""

from collections.abc import Mapping
from math import cos, hypot, radians
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

By = Literal["map", "nearest"]

NEAREST_M = 50.0  # farther from every grid a position is outside the map (research: domain.md 5)
_METRES_A_DEGREE = radians(6_371_008.8)  # the mean radius of the earth
_HERE = shapely.Point(0, 0)


class Locator:
    """The polygons of the leaf grids, indexed."""

    def __init__(self, shapes: Mapping[str, shapely.MultiPolygon]) -> None:
        """`shapes`: in WGS84 degrees (lon, lat), by code."""
        self.codes = sorted(shapes)
        self.shapes: NDArray[Any] = np.array([shapes[code] for code in self.codes], dtype=object)
        self.tree = shapely.STRtree(self.shapes)

    def at(self, lon: float, lat: float) -> tuple[str, By] | None:
        """The leaf grid at a position in WGS84 degrees, or the nearest; None outside the map."""
        inside = self.within(lon, lat)
        if inside is not None:
            return inside, "map"
        east, north = NEAREST_M / metres_a_degree(lat)
        near = self.tree.query(shapely.box(lon - east, lat - north, lon + east, lat + north))
        away_m = distances_m(self.shapes[near], lon, lat)
        metres, index = min(zip(away_m, near, strict=True), default=(np.inf, 0))
        return (self.codes[index], "nearest") if metres <= NEAREST_M else None

    def within(self, lon: float, lat: float) -> str | None:
        """The leaf grid there; on a shared border the smallest code, so that all agree."""
        found = self.tree.query(shapely.Point(lon, lat), predicate="intersects")
        return self.codes[min(found)] if len(found) else None


def metres_a_degree(lat: float) -> NDArray[np.float64]:
    """How long a degree of longitude and one of latitude are there."""
    return np.array([cos(radians(lat)), 1.0]) * _METRES_A_DEGREE


def distances_m(shapes: Any, lon: float, lat: float) -> Any:
    """From a position to a shape in degrees, or each of some; flat near the position; 0 inside."""
    scale = metres_a_degree(lat)
    around = shapely.transform(shapes, lambda points: (points - [lon, lat]) * scale)
    return shapely.distance(around, _HERE)


def apart_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Between two positions (lon, lat) some kilometres apart at most; the same from both ends."""
    east = (b[0] - a[0]) * cos(radians((a[1] + b[1]) / 2))
    return hypot(east, b[1] - a[1]) * _METRES_A_DEGREE
