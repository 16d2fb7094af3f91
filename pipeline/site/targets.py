"""What a zone or a sensor names: an event type, a place, and params that change the rule."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from pipeline.incidents.policy import EventType, Rule
from pipeline.site.catalogue import RULE_FIELDS, Catalogue, check_rule
from pipeline.site.grid_map import GridMap, MapPlace
from pipeline.site.problems import Both, Findings, did_you_mean
from pipeline.site.tables import Node

Params = Mapping[str, float | str | bool]


@dataclass(frozen=True, slots=True)
class Targets:
    """The events and places there are; None where their file could not be read at all."""

    catalogue: Catalogue | None
    grid_map: GridMap | None

    def event(self, row: Node, name: str, found: Findings) -> EventType | None:
        """The event type of `name`; noted where the catalogue has none."""
        if self.catalogue is None:
            return None
        if name not in self.catalogue.names:
            hint = did_you_mean(name, self.catalogue.names)
            found.add("R007", row.spot("event"), event=name, hint=hint)
        return self.catalogue.events.get(name)

    def place(self, row: Node, name: str, owner: Both, found: Findings) -> MapPlace | None:
        """The place of `name`; noted where the map has none."""
        if self.grid_map is None:
            return None
        place = self.grid_map.places.get(name)
        if place is None and self.grid_map.whole and name not in self.grid_map.names:
            hint = did_you_mean(name, self.grid_map.places)
            found.add("R015", row.spot("place"), owner=owner, place=name, hint=hint)
        return place


def rule_with(event: EventType, row: Node, params: Params, found: Findings) -> Rule:
    """The event's rule as `params`, which stand in `row`, change it.

    `clear_below` keeps its share of `raise_at` unless it is set itself.
    """
    changes: dict[str, float] = {}
    names: dict[str, str] = {}
    for name, value in params.items():
        target = event.params.get(name)
        if target is None:
            hint = did_you_mean(name, event.params)
            found.add("C004", row.spot("params", name), param=name, event=event.type, hint=hint)
        elif target not in RULE_FIELDS:
            continue
        elif isinstance(value, float):
            changes[target] = value
            names[target] = name
        else:
            expected = Both("a number", "数字")
            found.add("F006", row.spot("params", name), key=name, value=value, expected=expected)
    rule = event.rule
    if "raise_at" in changes and "clear_below" not in changes and rule.raise_at > 0:
        changes["clear_below"] = rule.clear_below * changes["raise_at"] / rule.raise_at
    changed = msgspec.structs.replace(rule, **changes)
    # A rule that is wrong in the catalogue is told there, not again at each zone.
    if names and rule.clear_below <= rule.raise_at:
        check_rule(row["params"], changed, names, found)
    return changed
