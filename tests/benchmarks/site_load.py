"""How long a city's map takes to load, and how much memory: `python tests/benchmarks/site_load.py`.

Micro-grids of 37 points each, with jagged borders, around the smallest good site. Chengdu has
126 000 micro-grids.
"""

# ruff: noqa: T201
import json
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from math import sin
from pathlib import Path
from time import perf_counter, process_time

from pipeline.site.load import load_site

GOOD = Path(__file__).parents[1] / "data/sites/good"
SIDE = 0.001  # degrees, about 100 m
POINTS_A_SIDE = 9
STEP = SIDE / POINTS_A_SIDE
DISTRICT = "510117"


def unit(level: str, code: str, parent: str | None, ring: list[list[float]] | None = None) -> str:
    """One line of map.geojsonl."""
    properties = {"level": level, "code": code, "name": f"单元{code[-5:]}", "parent": parent}
    geometry = {"type": "Polygon", "coordinates": [ring]} if ring else None
    return json.dumps({"type": "Feature", "properties": properties, "geometry": geometry})


def ring_of(number: int, columns: int) -> list[list[float]]:
    """A square with jagged sides, each shared to the last digit with a neighbour."""
    there = range(POINTS_A_SIDE)
    back = range(POINTS_A_SIDE, 0, -1)
    points = [(n, 0) for n in there] + [(POINTS_A_SIDE, n) for n in there]
    points += [(n, POINTS_A_SIDE) for n in back] + [(0, n) for n in back] + [(0, 0)]
    x, y = number % columns * POINTS_A_SIDE, number // columns * POINTS_A_SIDE
    return [position(x + u, y + v) for u, v in points]


def position(u: int, v: int) -> list[float]:
    """Where a point of the lattice of all borders lies, a few metres off its line."""
    off = sin(u * 12.9898 + v * 78.233) * 0.2
    return [round(103.5 + (u + off) * STEP, 6), round(30.5 + (v - off) * STEP, 6)]


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
        began, worked = perf_counter(), process_time()
        load_site(site)
        took_s, cpu_s = perf_counter() - began, process_time() - worked
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = f"{took_s:.1f} s, {cpu_s:.1f} s of them on a core"
    print(f"{micro_grids} micro-grids: {took}, {peak_mb:.0f} MB at most")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 126_000)
