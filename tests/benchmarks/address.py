"""How long an address takes on a city's map: `python tests/benchmarks/address.py [MICRO_GRIDS]`.

From a position in degrees to the leaf grid and its six levels, as for each report; on the map of
site_load.py.
"""

# ruff: noqa: T201
import random
import sys
import tempfile
from pathlib import Path
from time import process_time

from site_load import SIDE, map_lines

from pipeline.site.files import SiteFiles
from pipeline.site.grid_map import GridMap, read_map
from pipeline.site.problems import Findings

LOOKUPS = 20_000
ROUNDS = 5


def positions(wide: float, south: float, high: float, count: int) -> list[tuple[float, float]]:
    """Anywhere in a band of the map, in degrees."""
    share = random.Random(1).random
    return [(103.501 + share() * wide, south + share() * high) for _ in range(count)]


def time_us(grid_map: GridMap, spots: list[tuple[float, float]], by: str) -> float:
    """The mean of all lookups in microseconds of a core, in the best round of five."""
    rounds = []
    for _ in range(ROUNDS):
        began = process_time()
        for lon, lat in spots:
            found = grid_map.locator.at(lon, lat)
            if found is None or found[1] != by or grid_map.address(found[0]) is None:
                raise SystemExit(f"no address at {lon}, {lat}")
        rounds.append((process_time() - began) / len(spots) * 1e6)
    return min(rounds)


def main(micro_grids: int) -> None:
    """Print the microseconds a lookup, within the grids and just outside the map."""
    with tempfile.TemporaryDirectory() as folder:
        text = "\n".join(map_lines(micro_grids))
        (Path(folder) / "map.geojsonl").write_text(text, encoding="utf-8")
        grid_map = read_map(SiteFiles(Path(folder), Findings()))
    assert grid_map is not None
    side = (micro_grids**0.5 - 3) * SIDE
    inside = positions(side, 30.501, side, LOOKUPS)
    outside = positions(side, 30.4996, 0.0003, LOOKUPS)
    print(f"{len(grid_map.locator.codes)} micro-grids, mean of a lookup with its address:")
    print(f"  {time_us(grid_map, inside, 'map'):.1f} µs within a grid")
    print(f"  {time_us(grid_map, outside, 'nearest'):.1f} µs outside, the nearest within 50 m")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 126_025)
