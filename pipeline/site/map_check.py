"""Whether the map holds together: who lies in whom."""

from collections.abc import Collection, Mapping

from pipeline.incidents.policy import LEVELS
from pipeline.site.grid_map import LEVEL_WORDS, GridMap, MapPlace, Unit
from pipeline.site.ground import Ground
from pipeline.site.problems import Both, Findings, Spot, did_you_mean


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
        ground = Ground(drawn)
        ground.check_overlaps(found)
        for place in grid_map.places.values():
            ground.check_position(place, grid_map, found)


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
                must = Both("a city is the highest level", "市是最高一级")
                value = f'"{unit.parent}"'
                self._found.add("F007", unit.spot, key="parent", value=value, must=must)
            return
        level = LEVEL_WORDS[unit.level]
        wanted = LEVELS[LEVELS.index(unit.level) - 1]
        parent = self._map.units.get(unit.parent or "")
        if parent is None or parent.level != wanted:
            child = {"level": level, "code": unit.code, "wanted": LEVEL_WORDS[wanted]}
            self._note(unit.spot, unit.parent or "", self._codes[wanted], child)
            return
        # A city's code ends in 00 where its districts have their own digits.
        front = parent.code[:4] if parent.level == "city" else parent.code
        if not unit.code.startswith(front):
            facts = {"level": level, "code": unit.code, "parent": parent.code}
            self._found.add("G001", unit.spot, **facts)

    def check_grid_of(self, place: MapPlace) -> None:
        if place.parent in self.leaves:
            return
        wanted = Both("grid without micro-grids, or micro-grid", "不再细分的网格或微网格")
        child = {"level": LEVEL_WORDS["place"], "code": place.id, "wanted": wanted}
        self._note(place.spot, place.parent, self.leaves, child)

    def _note(
        self, spot: Spot, parent: str, codes: Collection[str], child: Mapping[str, object]
    ) -> None:
        """Note that `parent` is none of `codes`, unless it is in a line with its own problem."""
        there = self._map.units.get(parent)
        if there is not None:
            words = LEVEL_WORDS[there.level]
            fault = Both(f"is a {words.en}", f"是{words.zh}")
        elif self._map.lacks(parent):
            fault = Both("is not on the map", "不在地图上")
        else:
            return
        hint = did_you_mean(parent, codes)
        self._found.add("G006", spot, parent=parent, fault=fault, hint=hint, **child)
