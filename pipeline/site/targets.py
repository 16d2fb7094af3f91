"""What a zone or a sensor names: an event type, a place, and params that change the rule."""

from dataclasses import dataclass

import msgspec

from pipeline.incidents.policy import EventType, Schedule, Watch
from pipeline.site.catalogue import Catalogue, with_kind
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
    """An event type, who looks for it, where, and what the source may say of it there; no place
    where the one that was named is not good. `params`: the source's own over those of its kind.
    """

    event: EventType
    detector: str
    place: MapPlace | None
    watch: Watch
    params: dict[str, float | str | bool]


@dataclass(frozen=True, slots=True)
class Targets:
    """The events and places there are."""

    catalogue: Catalogue
    grid_map: GridMap

    def resolve(self, row: Node, named: Watching, owner: Both) -> Target | None:
        """What `named`, which stands in `row`, means; None, noted, without a good event type."""
        if self.grid_map.lacks(named.place):
            hint = did_you_mean(named.place, self.grid_map.places)
            row.add("R015", "place", owner=owner, place=named.place, hint=hint)
        place = self.grid_map.places.get(named.place)
        event = self.catalogue.event(named.event, row, "event")
        if event is None:
            return None
        if event.detector is None:
            row.add("R021", "event", owner=owner, event=event.type)
            return None
        rule, params = with_kind(event, row, named.params)
        watch = Watch(event.type, named.place, rule, named.schedule)
        return Target(event, event.detector, place, watch, params)
