"""The map: its levels, shapes and places, and what is wrong with them, by line."""

import json
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, box

from pipeline.alerts import AdminUnit, Location
from pipeline.site.files import SiteFiles
from pipeline.site.gcj02 import wgs84
from pipeline.site.grid_map import GridMap, Unit, read_map
from pipeline.site.load import check_site, load_site
from pipeline.site.locate import Locator
from pipeline.site.map_check import check_map
from pipeline.site.problems import Findings, Spot

STREET = [
    ("city", "510100", None),
    ("district", "510117", "510100"),
    ("street", "510117001", "510117"),
]
COMMUNITY, GRID = "510117001003", "510117001003001"


def line(level: str, code: str, parent: str | None, shape: object = None, **more: object) -> str:
    """A line of map.geojsonl; `shape`: anything of shapely's, or a geometry as it stands."""
    properties = {"level": level, "code": code, "name": "名", "parent": parent, **more}
    geometry = getattr(shape, "__geo_interface__", shape)
    return json.dumps({"type": "Feature", "properties": properties, "geometry": geometry})


def square(x: int, y: int, wide: int = 1, high: int = 1) -> Polygon:
    """A rectangle of cells of 0.001 degrees, about 100 m."""
    x0, y0 = 103 + x / 1000, 30 + y / 1000
    return box(x0, y0, x0 + wide / 1000, y0 + high / 1000)


def told(folder: Path, *lines: str, community: object = None) -> tuple[GridMap, list[str]]:
    """A map of `lines` in one community, and its problems: line and code."""
    first = [line(level, code, parent) for level, code, parent in STREET]
    first.append(line("community", COMMUNITY, "510117001", community))
    (folder / "map.geojsonl").write_text("\n".join([*first, *lines]), "utf-8")
    found = Findings()
    grid_map = read_map(SiteFiles(folder, found))
    assert grid_map is not None
    check_map(grid_map, found)
    return grid_map, [f"{problem.line} {problem.code}" for problem in found.all]


def test_a_city_names_its_own_levels(tiny: Path) -> None:
    with (tiny / "gridalert.toml").open("a", encoding="utf-8") as file:
        file.write('[levels]\nstreet = "一级网格"\ngrid = "三级网格"\n')
    address = load_site(tiny).policy.leaves["510117001003002001"].address
    assert address.street == AdminUnit("510117001", "示例街道", "一级网格")
    assert address.grid.label == "三级网格"
    assert address.community.label == ""


def test_two_polygons_with_a_hole_are_one_grid(tmp_path: Path) -> None:
    ring, hole = square(0, 0, 3, 3).exterior, square(1, 1).exterior
    shape = MultiPolygon([Polygon(ring, [hole]), square(9, 9)])
    grid_map, problems = told(tmp_path, line("grid", GRID, COMMUNITY, shape))
    assert problems == []
    assert grid_map.locator.within(103.0095, 30.0095) == GRID
    assert grid_map.locator.within(103.0005, 30.0005) == GRID
    assert grid_map.locator.within(103.0015, 30.0015) is None


def test_heights_mean_nothing(tmp_path: Path) -> None:
    ring = [[x, y, 500.0] for x, y in square(0, 0).exterior.coords]
    shape = {"type": "Polygon", "coordinates": [ring]}
    grid_map, problems = told(tmp_path, line("grid", GRID, COMMUNITY, shape))
    assert problems == []
    assert grid_map.shapes[GRID].equals(square(0, 0))


def test_each_wrong_shape_is_told_at_its_line(tmp_path: Path) -> None:
    flat = Polygon([(103, 30), (103.1, 30), (103.2, 30), (103, 30)])
    bow = Polygon([(103, 30), (103.1, 30.1), (103.1, 30), (103, 30.1)])
    swapped = Polygon([(y, x) for x, y in square(5, 5).exterior.coords])
    wrong = [
        {"type": "Polygon", "coordinates": [[[103, 30], [103.1, 30], [103.1, 30.1]]]},
        {"type": "Polygon", "coordinates": [[[103], [103, 30], [103, 31], [103]]]},
        {"type": "Polygon", "coordinates": []},
        {"type": "MultiPolygon", "coordinates": [[]]},
        {"type": "Polygon", "coordinates": [["x"]]},
        {"type": "Polygone", "coordinates": []},
        flat, bow, swapped,
        MultiPolygon([square(7, 7), swapped]),
        MultiPolygon([square(7, 7), square(7, 7, 2, 2)]),
    ]  # fmt: skip
    lines = [line("grid", f"{GRID}{n:02}", COMMUNITY, shape) for n, shape in enumerate(wrong)]
    good = line("grid", f"{GRID}99", COMMUNITY, square(0, 0))
    grid_map, problems = told(tmp_path, *lines, good)
    codes = ["G004", "R009", "G004", "G004", "F006", "F008", "G004", "G004", "R009", "R009", "G004"]
    assert problems == [f"{number} {code}" for number, code in enumerate(codes, start=5)]
    assert grid_map.locator.codes == [f"{GRID}99"]


@pytest.mark.parametrize(("households", "problems"), [
    (299, ["5 G005"]), (300, []), (500, []), (501, ["5 G005"]), (None, []), ("many", ["5 F006"]),
])  # fmt: skip
def test_a_grid_has_300_to_500_households(
    tmp_path: Path, households: object, problems: list[str]
) -> None:
    grid = line("grid", GRID, COMMUNITY, square(0, 0), households=households)
    assert told(tmp_path, grid)[1] == problems


def test_a_micro_grid_may_be_small(tmp_path: Path) -> None:
    grid = line("grid", GRID, COMMUNITY)
    micro_grid = line("micro_grid", f"{GRID}01", GRID, square(0, 0), households=60)
    assert told(tmp_path, grid, micro_grid)[1] == []


@pytest.mark.parametrize(("community", "problems"), [
    pytest.param(square(0, 0, 3), [], id="the grids fill it, and go beyond"),
    pytest.param(square(0, 0, 4), [], id="to the last metre"),
    pytest.param(box(103, 30, 103.004002, 30.001), [], id="half in a thousand are missing"),
    pytest.param(box(103, 30, 103.00401, 30.001), ["4 G003"], id="two in a thousand are"),
    pytest.param(square(0, 0, 4, 2), ["4 G003"], id="half is"),
    pytest.param(square(20, 20), ["4 G003"], id="no grid is near"),
])  # fmt: skip
def test_a_communitys_gap(tmp_path: Path, community: Polygon, problems: list[str]) -> None:
    one = line("grid", GRID, COMMUNITY)
    micro_grids = [
        line("micro_grid", f"{GRID}01", GRID, square(0, 0)),
        line("micro_grid", f"{GRID}02", GRID, square(1, 0)),
    ]
    two = line("grid", "510117001003002", COMMUNITY, square(2, 0, 2))
    assert told(tmp_path, one, *micro_grids, two, community=community)[1] == problems


@pytest.mark.parametrize(
    ("geometry", "code"), [(None, "G007"), ({"type": "Polygon", "coordinates": []}, "G004")]
)
def test_no_gap_is_told_where_a_grid_has_no_good_shape(
    tmp_path: Path, geometry: object, code: str
) -> None:
    good = line("grid", GRID, COMMUNITY, square(0, 0))
    bad = line("grid", "510117001003002", COMMUNITY, geometry)
    assert told(tmp_path, good, bad, community=square(0, 0, 2))[1] == [f"6 {code}"]


CELLS = st.tuples(st.integers(0, 3), st.integers(0, 3), st.just(1), st.just(1))
WIDE = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 3), st.integers(1, 3))


@given(st.lists(CELLS | WIDE, max_size=20), st.lists(st.booleans(), min_size=20, max_size=20))
def test_all_grids_that_overlap_are_told_and_no_others(
    cells: list[tuple[int, int, int, int]], clockwise: list[bool]
) -> None:
    squares = [square(*cell) for cell in cells]
    turned = [s.reverse() if turn else s for s, turn in zip(squares, clockwise, strict=False)]
    shapes = {f"{n:02}": MultiPolygon([shape]) for n, shape in enumerate(turned)}
    units = {c: Unit("grid", c, c, None, True, Spot("m", n)) for n, c in enumerate(shapes)}
    found = Findings()
    check_map(GridMap("m", units=units, shapes=shapes, locator=Locator(shapes)), found)
    pairs = {p.en[0].split(" overlap")[0] for p in found.all if p.code == "G002"}
    assert pairs == {
        f"grids {a} and {b}"
        for a, b in combinations(shapes, 2)
        if shapes[a].intersection(shapes[b]).area > 1e-9
    }


@pytest.mark.parametrize(("crs", "codes"), [
    ('"WGS84"', []),
    ('"CGCS2000"', []),
    ('"GCJ-02"', []),
    ('"gcj02"', ["F008"]),
    ('"WGS84", height = 5', ["F004"]),
    ("2000", ["F006"]),
])  # fmt: skip
def test_a_camera_says_its_coordinate_system(tiny: Path, crs: str, codes: list[str]) -> None:
    file = tiny / "cameras/one.toml"
    location = f"location = {{ lon = 103.885, lat = 30.805, crs = {crs} }}\nsample_fps"
    file.write_text(file.read_text("utf-8").replace("sample_fps", location), "utf-8")
    site, problems = check_site(tiny)
    assert [problem.code for problem in problems] == codes
    if site is not None:
        gcj02 = wgs84(103.885, 30.805, "GCJ-02")
        expected = gcj02 if "GCJ" in crs else Location(103.885, 30.805)
        assert site.cameras[0].location == expected
