"""Positions: in which leaf grid they lie, how far apart they are, and out of GCJ-02."""

from math import asin, cos, radians, sin, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, box

from pipeline.alerts import Location
from pipeline.site.gcj02 import shift, to_wgs84, wgs84
from pipeline.site.locate import NEAREST_M, Locator, apart_m

DEGREE_M = 111_195.08
# Three blocks of 0.01 degrees: "b" and "a" side by side, "c" 0.001 degrees north of "b".
SHAPES = {
    "b": MultiPolygon([box(103.88, 30.80, 103.89, 30.81)]),
    "a": MultiPolygon([box(103.89, 30.80, 103.90, 30.81)]),
    "c": MultiPolygon([box(103.88, 30.811, 103.89, 30.821)]),
}
LOCATOR = Locator(SHAPES)


def haversine_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """The great circle between (lon, lat) on the sphere of the earth's mean radius."""
    (x1, y1), (x2, y2) = (map(radians, a), map(radians, b))
    chord = sin((y2 - y1) / 2) ** 2 + cos(y1) * cos(y2) * sin((x2 - x1) / 2) ** 2
    return 2 * 6_371_008.8 * asin(sqrt(chord))


@pytest.mark.parametrize(("lon", "lat", "found"), [
    pytest.param(103.885, 30.805, ("b", "map"), id="inside"),
    pytest.param(103.89, 30.805, ("a", "map"), id="on a shared edge the smallest code wins"),
    pytest.param(103.89, 30.81, ("a", "map"), id="and at a shared corner"),
    pytest.param(103.88, 30.80, ("b", "map"), id="on the map's own edge"),
    pytest.param(103.8799, 30.805, ("b", "nearest"), id="ten metres outside"),
    pytest.param(103.885, 30.8104, ("b", "nearest"), id="in a gap, nearer to one"),
    pytest.param(103.885, 30.8106, ("c", "nearest"), id="nearer to the other"),
    pytest.param(103.885, 30.80 - 49 / DEGREE_M, ("b", "nearest"), id="49 m south"),
    pytest.param(103.885, 30.80 - 51 / DEGREE_M, None, id="51 m south"),
    pytest.param(103.90 + 49 / DEGREE_M / cos(radians(30.8)), 30.805, ("a", "nearest"),
                 id="49 m east"),
    pytest.param(103.90 + 51 / DEGREE_M / cos(radians(30.8)), 30.805, None, id="51 m east"),
    pytest.param(30.805, 103.885, None, id="swapped"),
    pytest.param(0, 90, None, id="at the pole"),
])  # fmt: skip
def test_the_leaf_grid_of_a_position(lon: float, lat: float, found: tuple[str, str] | None) -> None:
    assert LOCATOR.at(lon, lat) == found


def test_as_near_to_two_grids_the_smallest_code_wins() -> None:
    parts = {"z": SHAPES["b"], "y": MultiPolygon([box(103.87, 30.80, 103.88, 30.81)])}
    assert Locator(parts).at(103.88, 30.8102) == ("y", "nearest")


def test_a_map_without_shapes_has_nothing_anywhere() -> None:
    assert Locator({}).at(103.885, 30.805) is None


@given(st.floats(103.87, 103.91), st.floats(30.79, 30.83))
def test_the_nearest_grid_is_the_nearest(lon: float, lat: float) -> None:
    found = LOCATOR.at(lon, lat)
    inside = [code for code, shape in SHAPES.items() if shape.intersects(Point(lon, lat))]
    if inside:
        assert found == (min(inside), "map")
        return
    away_m = {}
    for code, shape in SHAPES.items():
        west, south, east, north = shape.bounds  # a box: its nearest point is the clamped one
        nearest = (min(max(lon, west), east), min(max(lat, south), north))
        away_m[code] = haversine_m((lon, lat), nearest)
    nearest_m = min(away_m.values())
    if abs(nearest_m - NEAREST_M) < 0.05:
        return  # flat and round earth may differ on which side of the limit it lies
    assert (found is not None) == (nearest_m < NEAREST_M)
    if found is not None:
        assert found[1] == "nearest"
        assert away_m[found[0]] == pytest.approx(nearest_m, abs=0.05)


@given(st.floats(73, 135), st.floats(4, 53), st.floats(-0.01, 0.01), st.floats(-0.01, 0.01))
def test_metres_apart(lon: float, lat: float, east: float, north: float) -> None:
    a, b = (lon, lat), (lon + east, lat + north)
    assert apart_m(a, b) == apart_m(b, a)
    assert apart_m(a, b) == pytest.approx(haversine_m(a, b), rel=1e-4, abs=0.01)


@pytest.mark.parametrize(("lat", "lon", "gcj_lat", "gcj_lon"), [
    # As published with github.com/googollee/eviltransform (python/test.py).
    pytest.param(31.1774276, 121.5272106, 31.17530398364597, 121.531541859215, id="Shanghai"),
    pytest.param(22.543847, 113.912316, 22.540796131694766, 113.9171764808363, id="Shenzhen"),
    pytest.param(39.911954, 116.377817, 39.91334545536069, 116.38404722455657, id="Beijing"),
])  # fmt: skip
def test_published_pairs(lat: float, lon: float, gcj_lat: float, gcj_lon: float) -> None:
    assert to_wgs84(gcj_lon, gcj_lat) == pytest.approx((lon, lat), abs=1e-7)


@given(st.floats(73, 135), st.floats(4, 53))
def test_there_and_back(lon: float, lat: float) -> None:
    east, north = shift(lon, lat)
    back = to_wgs84(lon + east, lat + north)
    assert haversine_m(back, (lon, lat)) < 0.5
    assert 1 < haversine_m((lon + east, lat + north), (lon, lat)) < 1500


@pytest.mark.parametrize(("lon", "lat"), [
    (-104.9903, 39.7392), (153.0251, -27.4698), (139.767125, 35.681236), (0, 0), (180, 90),
])  # fmt: skip
def test_outside_china_nothing_is_shifted(lon: float, lat: float) -> None:
    assert to_wgs84(lon, lat) == (lon, lat)


def test_only_gcj02_is_converted() -> None:
    assert wgs84(103.8850004, 30.805, "WGS84") == Location(103.885, 30.805)
    assert wgs84(103.885, 30.805, "CGCS2000") == Location(103.885, 30.805)
    moved = wgs84(103.885, 30.805, "GCJ-02")
    assert 300 < haversine_m((moved.lon, moved.lat), (103.885, 30.805)) < 700
