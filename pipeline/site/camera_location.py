"""Where a camera hangs: its coordinate system, whether on the map, and near what it watches."""

from collections.abc import Iterable

from detectors.hits import Zone
from pipeline.alerts import Location
from pipeline.site.gcj02 import Crs, wgs84
from pipeline.site.grid_map import GridMap
from pipeline.site.locate import apart_m
from pipeline.site.map_check import swapped
from pipeline.site.problems import say
from pipeline.site.tables import Node, Row, read

FAR_M = 500.0


class _Location(Row):
    lon: float
    lat: float
    crs: Crs


def read_location(
    row: Node, camera: str, zones: Iterable[Zone], grid_map: GridMap
) -> Location | None:
    """The `location` of a camera's row in WGS84; None where it has none, or none that is good.

    What is wrong with it is noted, and if it is far from the place of one of the camera's `zones`.
    """
    if row.value.get("location") is None:
        return None
    node = row["location"]
    if "crs" not in node.value:
        row.add("R008", "location", camera=camera)
        return None
    given = read(node, _Location)
    if given is None:
        return None
    location = wgs84(given.lon, given.lat, given.crs)
    if grid_map.locator.at(location.lon, location.lat) is not None:
        _check_far(row, camera, location, zones, grid_map)
        return location
    guess = swapped(grid_map, given.lon, given.lat, given.crs)
    if guess is not None or grid_map.drawn:
        facts = {"owner": say("camera", camera=camera), "x": given.lon, "y": given.lat}
        row.add("R009", "location", **facts, correction=guess or say("move_camera"))
    return None


def _check_far(
    row: Node, camera: str, location: Location, zones: Iterable[Zone], grid_map: GridMap
) -> None:
    for zone in zones:
        place = grid_map.places[zone.place_id]
        if place.point is not None:
            away_m = apart_m((location.lon, location.lat), place.point.coords[0])
            if away_m > FAR_M:
                facts = {"zone": zone.id, "place": place.id, "metres": f"{away_m:.0f}"}
                row.add("R022", "location", camera=camera, most=f"{FAR_M:.0f}", **facts)
