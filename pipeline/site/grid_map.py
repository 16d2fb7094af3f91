"""map.geojsonl: the administrative units from city to micro-grid, and the places in them."""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from shapely import MultiPolygon, Point

from pipeline.alerts import Address, AdminUnit
from pipeline.incidents.policy import LEVELS
from pipeline.site.files import SiteFiles
from pipeline.site.geojson import Outlines, read_point
from pipeline.site.locate import Locator
from pipeline.site.problems import Findings, Spot, say
from pipeline.site.tables import Ids, Node, Row, read

MAP_FILE = "map.geojsonl"
GRIDS = ("grid", "micro_grid")
Name = Annotated[str, Meta(pattern=r"\S", title="named")]
HOUSEHOLDS = (300, 500)  # the usual size of a grid, as Sare was divided (research: domain.md 1.B3)
_NEEDED = frozenset(LEVELS[:5])
_CODES = {
    "city": r"[1-9]\d{5}",
    "district": r"[1-9]\d{5}",
    "street": r"[1-9]\d{8}",
    "community": r"[1-9]\d{11}(\d{3})?",  # GA/T 2000.33-2020 went from 12 to 15 digits
    "grid": r"[1-9]\d{11}[0-9A-Z]{2,8}",
    "micro_grid": r"[1-9]\d{11}[0-9A-Z]{4,12}",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """One administrative unit; `drawn`: whether the file gives a geometry, good or bad."""

    level: str
    code: str
    name: str
    parent: str | None
    drawn: bool
    spot: Spot


@dataclass(frozen=True, slots=True)
class MapPlace:
    """A spot people have a name for; `parent` is the code of its leaf grid."""

    id: str
    name: str
    parent: str
    map_version: str
    point: Point | None
    spot: Spot


@dataclass(slots=True)
class GridMap:
    """The units by code and the places by id.

    `shapes`: the good polygons by code, in WGS84 degrees. `locator`: those of the leaf grids.
    `labels`: what the city calls the levels. `names`: also the codes and ids of broken lines.
    `whole` is False when a line did not even tell its name: what seems unknown may be there.
    `drawn` is False when a leaf grid has no good polygon: what seems outside may be in it.
    """

    version: str
    units: dict[str, Unit] = field(default_factory=dict)
    places: dict[str, MapPlace] = field(default_factory=dict)
    shapes: dict[str, MultiPolygon] = field(default_factory=dict)
    locator: Locator = field(default_factory=lambda: Locator({}))
    labels: Mapping[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    whole: bool = True
    drawn: bool = True
    _above: dict[str, dict[str, AdminUnit]] = field(default_factory=dict)

    def leaves(self) -> Iterator[Unit]:
        """The grids without micro-grids, and the micro-grids."""
        parents = {unit.parent for unit in self.units.values()}
        return (u for u in self.units.values() if u.level in GRIDS and u.code not in parents)

    def lacks(self, name: str) -> bool:
        """Whether `name` is certainly no code and no place of this map."""
        return self.whole and name not in self.names

    def address(self, leaf_code: str) -> Address | None:
        """The levels from city to the leaf grid; None where one of them is missing."""
        leaf = self.units.get(leaf_code)
        parent = leaf.parent or "" if leaf else ""
        if parent not in self._above:  # the grids of a street share it
            self._above[parent] = self._levels_from(parent)
        found = {**self._above[parent], **self._levels_from(leaf_code, up=False)}
        if not found.keys() >= _NEEDED:
            return None
        return Address(
            **found, leaf_code=leaf_code, map_version=self.version, resolved_by="zone_config"
        )

    def _levels_from(self, code: str, *, up: bool = True) -> dict[str, AdminUnit]:
        """A unit by its level, and those above it."""
        found: dict[str, AdminUnit] = {}
        unit = self.units.get(code)
        while unit is not None and unit.level not in found:
            found[unit.level] = AdminUnit(unit.code, unit.name, self.labels.get(unit.level, ""))
            unit = self.units.get(unit.parent or "") if up else None
        return found


class _Feature(Row):
    type: Literal["Feature"]
    properties: dict[str, Any]
    geometry: dict[str, Any] | None = None
    id: str | None = None


class _Unit(Row):
    level: Literal["city", "district", "street", "community", "grid", "micro_grid"]
    code: str
    name: Name
    parent: str | None = None
    households: int | None = None


class _Place(Row):
    level: Literal["place"]
    id: str
    name: Name
    parent: str


def read_map(files: SiteFiles) -> GridMap:
    """The map with every line that can be read; the rest is noted."""
    content = files.content(MAP_FILE, "needs_map")
    if content is None:
        return GridMap("", whole=False, drawn=False)
    version = f"map-{files.digest_of(MAP_FILE)[:8]}"
    reader = _Reader(GridMap(version), files.found)
    for number, line in enumerate(io.BytesIO(content), start=1):
        if line.strip():
            try:
                value = msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError) as error:
                files.found.add("F003", Spot(MAP_FILE, number), format="JSON", error=error)
                reader.map.whole = False
            else:
                reader.feature(Node(value, MAP_FILE, {(): number}, files.found))
    return reader.finished()


class _Reader:
    """Adds one line after the other to the map."""

    def __init__(self, grid_map: GridMap, found: Findings) -> None:
        self.map = grid_map
        self._codes = Ids(say("grid_map"))
        self._outlines = Outlines(found)

    def finished(self) -> GridMap:
        """The map, with the shapes of all its units."""
        self._outlines.build()
        shapes = self.map.shapes = self._outlines.shapes
        leaves = [leaf.code for leaf in self.map.leaves()]
        self.map.locator = Locator({code: shapes[code] for code in leaves if code in shapes})
        self.map.drawn = len(self.map.locator.codes) == len(leaves)
        return self.map

    def feature(self, node: Node) -> None:
        feature = read(node, _Feature)
        properties = feature.properties if feature is not None else {}
        is_place = properties.get("level") == "place"
        name = properties.get("id" if is_place else "code")
        if isinstance(name, str):
            self.map.names.add(name)
        else:
            self.map.whole = False
        if feature is None:
            return
        level = properties.get("level")
        if is_place:
            self._place(node, node["properties"])
        elif isinstance(level, str) and level not in LEVELS:
            choices = ", ".join([*LEVELS, "place"])
            facts = {"value": level, "choices": choices, "hint": say("english_levels")}
            node["properties"].add("F008", "level", key="level", **facts)
        else:
            self._unit(node, node["properties"])

    def _unit(self, node: Node, row: Node) -> None:
        unit = read(row, _Unit)
        if unit is None:
            return
        if not re.fullmatch(_CODES[unit.level], unit.code):
            row.wrong("code", say(f"{unit.level}_code"))
        elif self._codes.claim(row, "code"):
            spot = row.spot()
            drawn = self._outlines.add(node, unit.code, spot)
            self.map.units[unit.code] = Unit(
                unit.level, unit.code, unit.name, unit.parent, drawn, spot
            )
            if unit.level == "grid" and unit.households is not None:
                _check_households(row, unit.code, unit.households)

    def _place(self, node: Node, row: Node) -> None:
        place = read(row, _Place)
        if place is None:
            return
        first = self.map.places.get(place.id)
        if first is not None and first.parent != place.parent:
            facts = {"place": place.id, "a": first.parent, "b": place.parent}
            row.add("R012", **facts, first=first.spot)
        elif self._codes.claim(row):
            point = read_point(node, place.id)
            self.map.places[place.id] = MapPlace(
                place.id, place.name, place.parent, self.map.version, point, row.spot()
            )


def _check_households(row: Node, code: str, households: int) -> None:
    fewest, most = HOUSEHOLDS
    if not fewest <= households <= most:
        row.add("G005", code=code, households=households, fewest=fewest, most=most)
