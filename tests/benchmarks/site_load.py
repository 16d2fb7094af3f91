"""How long a city's map takes to load, and how much memory: `python tests/benchmarks/site_load.py`.

Square micro-grids of 36 points each, 30 to a grid and 300 to a community, under the cameras of
the smallest good site. Chengdu has 126 000 micro-grids.
"""

import json
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[2]))

from pipeline.site.load import load_site

GOOD = Path(__file__).parents[1] / "data/sites/good"
SIDE = 0.001  # degrees, about 100 m
POINTS_A_SIDE = 9
DISTRICT = "510117"


def unit(level: str, code: str, parent: str | None, ring: list[list[float]] | None = None) -> str:
    """One line of map.geojsonl."""
    properties = {"level": level, "code": code, "name": f"单元{code[-5:]}"}
    properties |= {"parent": parent} if parent else {}
    geometry = {"type": "Polygon", "coordinates": [ring]} if ring else None
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    return json.dumps(feature, ensure_ascii=False)


def ring_of(number: int, columns: int) -> list[list[float]]:
    """A square that touches its neighbours, with more points than a square needs."""
    x, y = 103.5 + number % columns * SIDE, 30.5 + number // columns * SIDE
    steps = [SIDE * n / POINTS_A_SIDE for n in range(POINTS_A_SIDE)]
    points = [(x + s, y) for s in steps] + [(x + SIDE, y + s) for s in steps]
    points += [(x + SIDE - s, y + SIDE) for s in steps] + [(x, y + SIDE - s) for s in steps]
    return [[round(a, 6), round(b, 6)] for a, b in [*points, points[0]]]


def map_lines(micro_grids: int) -> Iterator[str]:
    """The whole map, with the places of the good site in its first two micro-grids."""
    columns = int(micro_grids**0.5) + 1
    yield unit("city", "510100", None)
    yield unit("district", DISTRICT, "510100")
    for number in range(micro_grids):
        street = f"{DISTRICT}{number // 3000 + 1:03d}"
        community = f"{street}{number // 300 % 10 + 1:03d}"
        grid = f"{community}{number // 30 % 10 + 1:03d}"
        if number % 3000 == 0:
            yield unit("street", street, DISTRICT)
        if number % 300 == 0:
            yield unit("community", community, street)
        if number % 30 == 0:
            yield unit("grid", grid, community)
        code = f"{grid}{number % 30 + 1:03d}"
        yield unit("micro_grid", code, grid, ring_of(number, columns))
        if number < 2:
            place = {"level": "place", "id": ("gate", "yard")[number], "name": "门", "parent": code}
            yield json.dumps({"type": "Feature", "properties": place})


def main(micro_grids: int) -> None:
    """Print the seconds and the peak of this process's memory."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(shutil.copytree(GOOD, Path(folder) / "site"))
        grids = []
        with (site / "map.geojsonl").open("w", encoding="utf-8") as file:
            for line in map_lines(micro_grids):
                file.write(f"{line}\n")
                if '"level": "grid"' in line:
                    grids.append(json.loads(line)["properties"]["code"])
        head = "id,number,role,grids,terminal_id,substitute,duty\n"
        desk = "a-00,00,duty_desk,,t-00,,24h\n"
        officer = f"a-08,08,grid_officer,{';'.join(grids)},t-08,a-00,24h\n"
        (site / "officers.csv").write_text(head + desk + officer, "utf-8")
        began = perf_counter()
        load_site(site)
        took_s = perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{micro_grids} micro-grids: {took_s:.1f} s, {peak_mb:.0f} MB at most")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 126_000)
