"""map.geojsonl: the administrative units from city to micro-grid, and the places in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from shapely import Point, Polygon

from pipeline.incidents.policy import LEVELS
from pipeline.messages import Address, AdminUnit
from pipeline.site.files import SiteFiles
from pipeline.site.geojson import read_geometry
from pipeline.site.ids import Ids
from pipeline.site.problems import Both, Findings, Spot
from pipeline.site.tables import Node, read

MAP_FILE = "map.geojsonl"
GRIDS = ("grid", "micro_grid")
LEVEL_WORDS = {
    "city": Both("city", "市"),
    "district": Both("district", "区县"),
    "street": Both("street", "街道"),
    "community": Both("community", "社区"),
    "grid": Both("grid", "网格"),
    "micro_grid": Both("micro-grid", "微网格"),
    "place": Both("place", "地点"),
}
_NEEDED = Both("it says which grid a place lies in", "其中规定地点属于哪个网格")
_CODES = {
    "city": (r"[1-9]\d{5}", Both("a city code has 6 digits", "市编码为 6 位数字")),
    "district": (r"[1-9]\d{5}", Both("a district code has 6 digits", "区县编码为 6 位数字")),
    "street": (r"[1-9]\d{8}", Both("a street code has 9 digits", "街道编码为 9 位数字")),
    # GA/T 2000.33-2020 went from 12 to 15 digits.
    "community": (
        r"[1-9]\d{11}(\d{3})?",
        Both("a community code has 12 or 15 digits", "社区编码为 12 或 15 位数字"),
    ),
    "grid": (
        r"[1-9]\d{11}[0-9A-Z]{2,8}",
        Both("a grid code is 14 to 20 digits or capitals", "网格编码为 14 到 20 位数字或大写字母"),
    ),
    "micro_grid": (
        r"[1-9]\d{11}[0-9A-Z]{4,12}",
        Both(
            "a micro-grid code is 16 to 24 digits or capitals",
            "微网格编码为 16 到 24 位数字或大写字母",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Unit:
    """One administrative unit; `polygon` in WGS84 degrees (lon, lat), None also when it is bad.

    `drawn`: whether the file gives a geometry at all.
    """

    level: str
    code: str
    name: str
    parent: str | None
    polygon: Polygon | None
    drawn: bool
    spot: Spot


@dataclass(frozen=True, slots=True)
class MapPlace:
    """A spot people have a name for; `parent` is the code of its leaf grid."""

    id: str
    name: str
    parent: str
    point: Point | None
    spot: Spot


@dataclass(slots=True)
class GridMap:
    """The units by code and the places by id.

    `names`: also the codes and ids of broken lines. `whole` is False when a line did not even
    tell its name: what seems unknown may be there.
    """

    version: str
    units: dict[str, Unit]
    places: dict[str, MapPlace]
    names: set[str]
    whole: bool = True

    def leaves(self) -> Iterator[Unit]:
        """The grids without micro-grids, and the micro-grids."""
        parents = {unit.parent for unit in self.units.values()}
        return (u for u in self.units.values() if u.level in GRIDS and u.code not in parents)

    def lacks(self, name: str) -> bool:
        """Whether `name` is certainly no code and no place of this map."""
        return self.whole and name not in self.names

    def address(self, leaf_code: str) -> Address | None:
        """The levels from city to the leaf grid; None where one of them is missing."""
        found: dict[str, AdminUnit] = {}
        unit = self.units.get(leaf_code)
        while unit is not None and unit.level not in found:
            found[unit.level] = AdminUnit(unit.code, unit.name)
            unit = self.units.get(unit.parent or "")
        if any(level not in found for level in LEVELS[:5]):
            return None
        return Address(
            **found, leaf_code=leaf_code, map_version=self.version, resolved_by="zone_config"
        )


class _Feature(msgspec.Struct):
    type: Literal["Feature"]
    properties: dict[str, Any]
    geometry: dict[str, Any] | None = None
    id: str | None = None


class _UnitProperties(msgspec.Struct):
    level: Literal["city", "district", "street", "community", "grid", "micro_grid"]
    code: str
    name: str
    parent: str | None = None


class _PlaceProperties(msgspec.Struct):
    level: Literal["place"]
    id: str
    name: str
    parent: str


def read_map(files: SiteFiles, found: Findings) -> GridMap | None:
    """The map with every line that can be read; None where the file is missing."""
    text = files.text(MAP_FILE, _NEEDED)
    if text is None:
        return None
    version = f"map-{files.digest_of(MAP_FILE)[:8]}"
    reader = _Reader(GridMap(version, {}, {}, set()), found)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            reader.line(number, line)
    return reader.map


class _Reader:
    """Adds one line after the other to the map."""

    def __init__(self, grid_map: GridMap, found: Findings) -> None:
        self.map = grid_map
        self._found = found
        self._codes = Ids(Both("grid map", "网格地图"), found)

    def line(self, number: int, line: str) -> None:
        spot = Spot(MAP_FILE, number)
        try:
            node = Node(msgspec.json.decode(line), MAP_FILE, {(): number})
        except (msgspec.DecodeError, RecursionError) as error:
            self._found.add("F003", spot, format="JSON", error=error)
            self.map.whole = False
            return
        feature = read(node, _Feature, self._found)
        if feature is None:
            self.map.whole = False
            return
        self._name(feature.properties)
        if feature.properties.get("level") == "place":
            self._place(node, spot)
        else:
            self._unit(node, spot)

    def _name(self, properties: dict[str, Any]) -> None:
        name = properties.get("id" if properties.get("level") == "place" else "code")
        if isinstance(name, str):
            self.map.names.add(name)
        else:
            self.map.whole = False

    def _check_name(self, name: str, spot: Spot) -> None:
        if not name.strip():
            must = Both("officers know places by their names", "网格员靠名称认地方")
            self._found.add("F007", spot, key="name", value=f'"{name}"', must=must)

    def _unit(self, node: Node, spot: Spot) -> None:
        unit = read(node["properties"], _UnitProperties, self._found)
        if unit is None:
            return
        self._check_name(unit.name, spot)
        pattern, must = _CODES[unit.level]
        if not re.fullmatch(pattern, unit.code):
            self._found.add("F007", spot, key="code", value=f'"{unit.code}"', must=must)
        elif self._codes.claim(unit.code, spot, "code"):
            shape = read_geometry(node, "Polygon", unit.code, self._found)
            polygon = shape if isinstance(shape, Polygon) else None
            drawn = node.value.get("geometry") is not None
            self.map.units[unit.code] = Unit(
                unit.level, unit.code, unit.name, unit.parent, polygon, drawn, spot
            )

    def _place(self, node: Node, spot: Spot) -> None:
        place = read(node["properties"], _PlaceProperties, self._found)
        if place is None:
            return
        self._check_name(place.name, spot)
        first = self.map.places.get(place.id)
        if first is not None and first.parent != place.parent:
            self._found.add(
                "R012",
                spot,
                place=place.id,
                a=first.parent,
                b=place.parent,
                first=f"{first.spot.file}:{first.spot.line}",
            )
        elif self._codes.claim(place.id, spot):
            shape = read_geometry(node, "Point", place.id, self._found)
            point = shape if isinstance(shape, Point) else None
            self.map.places[place.id] = MapPlace(place.id, place.name, place.parent, point, spot)
