"""How long a city's map takes to load, and how much memory: `python tests/benchmarks/site_load.py`.

Micro-grids of 36 points each around the smallest good site. Chengdu has 126 000 micro-grids.
"""

# ruff: noqa: T201
import json
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from pipeline.site.load import load_site

GOOD = Path(__file__).parents[1] / "data/sites/good"
SIDE = 0.001  # degrees, about 100 m
POINTS_A_SIDE = 9
DISTRICT = "510117"


def unit(level: str, code: str, parent: str | None, ring: list[list[float]] | None = None) -> str:
    """One line of map.geojsonl."""
    properties = {"level": level, "code": code, "name": f"单元{code[-5:]}", "parent": parent}
    geometry = {"type": "Polygon", "coordinates": [ring]} if ring else None
    return json.dumps({"type": "Feature", "properties": properties, "geometry": geometry})


def ring_of(number: int, columns: int) -> list[list[float]]:
    """A square that touches its neighbours, with more points than a square needs."""
    there = [n / POINTS_A_SIDE for n in range(POINTS_A_SIDE)]
    back = [1 - n for n in there]
    points = [(n, 0.0) for n in there] + [(1.0, n) for n in there]
    points += [(n, 1.0) for n in back] + [(0.0, n) for n in back] + [(0.0, 0.0)]
    x, y = number % columns, number // columns
    return [[round(103.5 + (x + u) * SIDE, 6), round(30.5 + (y + v) * SIDE, 6)] for u, v in points]


def map_lines(micro_grids: int) -> Iterator[str]:
    """The whole map, with the places of the good site in its first two micro-grids."""
    columns = int(micro_grids**0.5) + 1
    yield unit("city", "510100", None)
    yield unit("district", DISTRICT, "510100")
    for number in range(micro_grids):
        code = DISTRICT
        for level, below in (("street", 3000), ("community", 300), ("grid", 30), ("micro_grid", 1)):
            parent, code = code, f"{code}{100 + number // below % 100}"
            if number % below == 0:
                ring = ring_of(number, columns) if level == "micro_grid" else None
                yield unit(level, code, parent, ring)
        if number < 2:
            place = {"level": "place", "id": ("gate", "yard")[number], "name": "门", "parent": code}
            yield json.dumps({"type": "Feature", "properties": place})


def main(micro_grids: int) -> None:
    """Print the seconds and the peak of this process's memory."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(shutil.copytree(GOOD, Path(folder) / "site"))
        grids = set()
        with (site / "map.geojsonl").open("w", encoding="utf-8") as file:
            for line in map_lines(micro_grids):
                file.write(f"{line}\n")
                grids |= set(re.findall('"level": "grid", "code": "([0-9]+)"', line))
        head = "id,number,role,grids,terminal_id,substitute,duty\na-00,00,duty_desk,,t-00,,24h\n"
        officer = f"a-08,08,grid_officer,{';'.join(sorted(grids))},t-08,a-00,24h\n"
        (site / "officers.csv").write_text(head + officer, "utf-8")
        began = perf_counter()
        load_site(site)
        took_s = perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{micro_grids} micro-grids: {took_s:.1f} s, {peak_mb:.0f} MB at most")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 126_000)
