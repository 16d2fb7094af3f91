"""What a zone or a sensor names: an event type, a place, and params that change the rule."""

from dataclasses import dataclass

import msgspec

from pipeline.incidents.policy import EventType, Rule, Schedule, Watch
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
    schedule: Schedule = ()


@dataclass(frozen=True, slots=True)
class Target:
    """An event type, who looks for it, where, when and by which rule; no place where the one that
    was named is not good.
    """

    event: EventType
    detector: str
    place: MapPlace | None
    rule: Rule
    schedule: Schedule

    def watch(self, place: MapPlace) -> Watch:
        """What the source may say of `place`."""
        return Watch(self.event.type, place.id, self.rule, self.schedule)


@dataclass(frozen=True, slots=True)
class Targets:
    """The events and places there are; None where their file could not be read at all."""

    catalogue: Catalogue | None
    grid_map: GridMap | None

    def resolve(self, row: Node, named: Watching, owner: Both) -> Target | None:
        """What `named`, which stands in `row`, means; None, noted, without a good event type."""
        place = self._place(row, named.place, owner)
        event = self.catalogue.event(named.event, row, "event") if self.catalogue else None
        if event is None:
            return None
        if event.detector is None:
            row.add("R021", "event", owner=owner, event=event.type)
            return None
        rule = rule_with(event, row, named.params)
        return Target(event, event.detector, place, rule, named.schedule)

    def _place(self, row: Node, name: str, owner: Both) -> MapPlace | None:
        if self.grid_map is None:
            return None
        if self.grid_map.lacks(name):
            hint = did_you_mean(name, self.grid_map.places)
            row.add("R015", "place", owner=owner, place=name, hint=hint)
        return self.grid_map.places.get(name)
