"""Places so near to each other that they are one for an event."""

from collections.abc import Iterable

from pipeline.site.grid_map import MapPlace
from pipeline.site.locate import apart_m

Spots = dict[str, tuple[float, float]]  # (lon, lat) in degrees, by place id


def merged_places(places: Iterable[MapPlace], merge_m: float) -> dict[str, str]:
    """The place that stands for each of those that lie together, by place id; others are left out.

    Together are places of one leaf grid of which every two are at most `merge_m` apart (0: none
    are), so that a street of shops is not one place. Taken in order of id, each goes to the first
    group that it fits; the smallest id stands for its group.
    """
    groups: dict[str, list[Spots]] = {}
    for place in sorted(places, key=lambda place: place.id) if merge_m > 0 else ():
        if place.point is not None:
            _add(groups.setdefault(place.parent, []), place.id, place.point.coords[0], merge_m)
    together = (group for here in groups.values() for group in here if len(group) > 1)
    return {id_: next(iter(group)) for group in together for id_ in group}


def _add(groups: list[Spots], id_: str, spot: tuple[float, float], merge_m: float) -> None:
    for group in groups:
        if all(apart_m(spot, other) <= merge_m for other in group.values()):
            group[id_] = spot
            return
    groups.append({id_: spot})
