"""GCJ-02 (火星坐标), in which Chinese map apps and phones give positions, to WGS84."""

from math import cos, pi, radians, sin, sqrt
from typing import Literal

from pipeline.alerts import Location

Crs = Literal["WGS84", "CGCS2000", "GCJ-02"]

# Where positions are shifted, as everyone who does it has it: a rectangle, degrees.
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271
# The ellipsoid of Krasovsky 1940: half its long axis in metres, and its eccentricity squared.
_AXIS_M, _E2 = 6_378_245.0, 0.006_693_421_622_965_943
_CLOSE_ENOUGH = 1e-9  # degrees, 0.1 mm
_MOST_STEPS = 20  # four are enough anywhere in the rectangle
_LON_WAVES = ((20, 6), (20, 2), (20, 1), (40, 1 / 3), (150, 1 / 12), (300, 1 / 30))
_LAT_WAVES = ((20, 1), (40, 1 / 3), (160, 1 / 12), (320, 1 / 30))


def wgs84(lon: float, lat: float, crs: Crs) -> Location:
    """Degrees of any of the three systems, to 6 decimals (0.1 m); CGCS2000 is WGS84 within 1 m."""
    lon, lat = to_wgs84(lon, lat) if crs == "GCJ-02" else (lon, lat)
    return Location(round(lon, 6), round(lat, 6))


def to_wgs84(lon: float, lat: float) -> tuple[float, float]:
    """What GCJ-02 degrees are in WGS84; outside China they are the same.

    The shift has no closed inverse: guess, shift the guess, and correct it by what it missed.
    """
    if not (_WEST <= lon <= _EAST and _SOUTH <= lat <= _NORTH):
        return lon, lat
    x, y = lon, lat
    for _ in range(_MOST_STEPS):
        shift_x, shift_y = shift(x, y)
        miss_x, miss_y = x + shift_x - lon, y + shift_y - lat
        x, y = x - miss_x, y - miss_y
        if max(abs(miss_x), abs(miss_y)) < _CLOSE_ENOUGH:
            break
    return x, y


def shift(lon: float, lat: float) -> tuple[float, float]:
    """What GCJ-02 adds to WGS84 degrees in China.

    The formula that EmQ's Converter.java made public in 2010, used by all since, as in
    github.com/googollee/eviltransform: a polynomial and waves in metres around (105, 35).
    """
    x, y = lon - 105.0, lat - 35.0
    both = 0.1 * x * y
    east_m = 300 + x + 2 * y + 0.1 * x * x + both + 0.1 * sqrt(abs(x))
    north_m = -100 + 2 * x + 3 * y + 0.2 * y * y + both + 0.2 * sqrt(abs(x))
    east_m += _waves(_LON_WAVES, x)
    north_m += _waves(_LON_WAVES[:2], x) + _waves(_LAT_WAVES, y)
    flat = 1 - _E2 * sin(radians(lat)) ** 2
    metres_a_radian_east = _AXIS_M / sqrt(flat) * cos(radians(lat))
    metres_a_radian_north = _AXIS_M * (1 - _E2) / flat**1.5
    return east_m / metres_a_radian_east * 180 / pi, north_m / metres_a_radian_north * 180 / pi


def _waves(waves: tuple[tuple[float, float], ...], at: float) -> float:
    return sum(height * sin(at * times * pi) for height, times in waves) * 2 / 3
