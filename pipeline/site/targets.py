"""What a zone or a sensor names: an event type, a place, and params that change the rule."""

from dataclasses import dataclass

import msgspec

from pipeline.incidents.policy import EventType, Rule, Watch
from pipeline.site.catalogue import Catalogue, rule_with
from pipeline.site.grid_map import GridMap, MapPlace
from pipeline.site.problems import Both, did_you_mean
from pipeline.site.tables import Node

Watches = dict[tuple[str, str], Watch]


class Watching(msgspec.Struct, forbid_unknown_fields=True):
    """What the row of every zone and sensor has."""

    event: str
    place: str
    params: dict[str, float | str | bool] = {}


@dataclass(frozen=True, slots=True)
class Target:
    """An event type, where and by which rule; no place where the one that was named is not good."""

    event: EventType
    place: MapPlace | None
    rule: Rule


@dataclass(frozen=True, slots=True)
class Targets:
    """The events and places there are; None where their file could not be read at all."""

    catalogue: Catalogue | None
    grid_map: GridMap | None

    def resolve(self, row: Node, named: Watching, owner: Both) -> Target | None:
        """What `named`, which stands in `row`, means; None, noted, without a good event type."""
        event = self._event(row, named.event)
        place = self._place(row, named.place, owner)
        return Target(event, place, rule_with(event, row, named.params)) if event else None

    def _event(self, row: Node, name: str) -> EventType | None:
        if self.catalogue is None:
            return None
        if name not in self.catalogue.names:
            row.add("R007", "event", event=name, hint=did_you_mean(name, self.catalogue.names))
        return self.catalogue.events.get(name)

    def _place(self, row: Node, name: str, owner: Both) -> MapPlace | None:
        if self.grid_map is None:
            return None
        if self.grid_map.lacks(name):
            hint = did_you_mean(name, self.grid_map.places)
            row.add("R015", "place", owner=owner, place=name, hint=hint)
        return self.grid_map.places.get(name)
