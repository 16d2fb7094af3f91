"""Places of one leaf grid that lie so near to each other that they are one."""

import random
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from shapely import Point

from pipeline.site.grid_map import MapPlace
from pipeline.site.locate import apart_m
from pipeline.site.neighbours import merged_places
from pipeline.site.problems import Spot


def place(id_: str, north_m: float | None, grid: str = "g", east_m: float = 0) -> MapPlace:
    """A place so many metres from one corner of the world."""
    point = None if north_m is None else Point(104 + east_m / 95_500, 30.8 + north_m / 111_195.08)
    return MapPlace(id_, id_, grid, "m", point, Spot("map.geojsonl", 1))


def test_a_gate_seen_from_both_sides_is_one_place() -> None:
    places = [place("gate-b", 0), place("gate-a", 19), place("yard", 80)]
    assert merged_places(places, 20) == {"gate-a": "gate-a", "gate-b": "gate-a"}


def test_a_street_of_shops_is_not_one_place() -> None:
    shops = [place(f"shop-{n}", n * 15) for n in range(6)]
    merged = merged_places(shops, 20)
    assert [merged[f"shop-{n}"] for n in range(6)] == [
        "shop-0", "shop-0", "shop-2", "shop-2", "shop-4", "shop-4",
    ]  # fmt: skip


def test_grids_are_never_merged_nor_places_without_a_point() -> None:
    places = [place("a", 0, "g1"), place("b", 1, "g2"), place("c", None, "g1")]
    assert merged_places(places, 20) == {}


def test_without_a_distance_nothing_is_merged() -> None:
    assert merged_places([place("a", 0), place("b", 0)], 0) == {}


PLACES = st.lists(
    st.tuples(st.sampled_from("gh"), st.integers(0, 60), st.integers(0, 60)), max_size=25
)


@given(PLACES, st.integers(1, 40), st.randoms(use_true_random=False))
def test_groups_are_close_and_the_same_in_any_order(
    spots: list[tuple[str, int, int]], merge_m: int, chance: random.Random
) -> None:
    places = [place(f"p{n:02}", y, grid, x) for n, (grid, x, y) in enumerate(spots)]
    merged = merged_places(places, merge_m)
    chance.shuffle(places)
    assert merged_places(places, merge_m) == merged
    assert all(merged[main] == main <= id_ for id_, main in merged.items())
    where = {one.id: (one.parent, one.point.coords[0]) for one in places if one.point is not None}
    for a, b in combinations(sorted(where), 2):
        (grid_a, spot_a), (grid_b, spot_b) = where[a], where[b]
        apart = grid_a != grid_b or apart_m(spot_a, spot_b) > merge_m
        together = a in merged and merged[a] == merged.get(b)
        assert not (together and apart)
        assert together or apart or a in merged or b in merged  # two alone could be one
