"""Who is asked about a leaf grid and in which order, and rosters that lead nowhere."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.incidents.policy import Officer
from pipeline.site.grid_map import GridMap
from pipeline.site.load import check_site, load_site
from pipeline.site.officers import LONGEST_CHAIN, Roster, check_roster
from pipeline.site.problems import Findings, Spot
from tests.builders import address

HEADER = "id,number,role,grids,terminal_id,substitute,duty\n"
MICRO, GRID = "510117001003002001", "510117001003002"
REST = "z,99,grid_officer,510117001003001,t-99,zz,24h\nzz,98,duty_desk,,t-98,,24h\n"


def chain(site: Path, rows: str, leaf: str = MICRO) -> list[tuple[str, str]]:
    """Who is asked about a leaf of the smallest good site, by this roster."""
    (site / "officers.csv").write_text(HEADER + rows + REST, encoding="utf-8")
    return [(call.officer.id, call.by) for call in load_site(site).policy.leaves[leaf].chain]


def test_the_order_is_own_officer_substitutes_parents_officer_desks(tiny: Path) -> None:
    rows = (
        f"far,00,duty_desk,510117,t,,24h\n"
        f"near,01,duty_desk,{GRID},t,,24h\n"
        f"other,03,duty_desk,510117001003001,t,,24h\n"
        f"own,08,grid_officer,{MICRO},t,s1,24h\n"
        f"s1,09,grid_officer,,t,s2,24h\n"
        f"s2,10,micro_grid_leader,,t,,24h\n"
        f"parent,02,grid_officer,{GRID},t,s3,24h\n"
        f"s3,11,grid_officer,,t,,24h\n"
    )
    assert chain(tiny, rows) == [
        ("own", "leaf_grid"),
        ("s1", "substitute"),
        ("s2", "substitute"),
        ("parent", "parent_grid"),
        ("near", "duty_desk"),
        ("far", "duty_desk"),
    ]
    assert chain(tiny, rows, "510117001003001") == [
        ("z", "leaf_grid"),
        ("zz", "substitute"),
        ("other", "duty_desk"),
        ("far", "duty_desk"),
    ]


def test_the_parent_grids_officer_serves_a_micro_grid_without_one(tiny: Path) -> None:
    rows = f"p,02,grid_officer,{GRID},t,s,24h\ns,11,grid_officer,,t,,24h\n"
    assert chain(tiny, rows) == [("p", "parent_grid"), ("s", "substitute")]


def test_everyone_is_asked_once_and_eight_at_most(tiny: Path) -> None:
    rows = f"o,08,grid_officer,{MICRO};{GRID},t,d1,24h\nd1,01,duty_desk,{GRID};510117,t,,24h\n"
    assert chain(tiny, rows) == [("o", "leaf_grid"), ("d1", "substitute")]
    for n in range(2, 12):
        rows += f"d{n},{n:02},duty_desk,510117001,t,,24h\n"
    assert len(chain(tiny, rows)) == LONGEST_CHAIN


@pytest.mark.parametrize(
    ("duty", "minutes"),
    [
        ("24h", None),
        ("08:00-20:00", (480, 1200)),
        ("20:00-08:00", (1200, 480)),
        ("16:00-24:00", (960, 1440)),
    ],
)
def test_duty_hours(tiny: Path, duty: str, minutes: tuple[int, int] | None) -> None:
    file = tiny / "officers.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("08:00-20:00", duty))
    policy = load_site(tiny).policy
    assert policy.officers["a-11"].duty == minutes
    assert policy.leaves[MICRO].chain[0].officer.duty == minutes
    assert set(policy.officers) == {"a-08", "a-11", "a-00"}


@pytest.mark.parametrize("duty", ["", "24:00-08:00", "08:00-08:00", "8:00-20:00", "08:00-24:01"])
def test_hours_that_are_none(tiny: Path, duty: str) -> None:
    file = tiny / "officers.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("08:00-20:00", duty))
    assert [(p.code, p.line) for p in check_site(tiny)[1]] == [("F007", 3)]


def roster_of(substitutes: list[int | None]) -> Roster:
    """Officer n, who is in line n, has the substitute substitutes[n]."""
    roster = Roster()
    for n, other in enumerate(substitutes):
        name = None if other is None else f"o{other:02}"
        roster.officers[f"o{n:02}"] = Officer(f"o{n:02}", f"{n:02}", "duty_desk", "t", name)
        roster.spots[f"o{n:02}"] = Spot("officers.csv", n)
    return roster


@given(st.lists(st.none() | st.integers(0, 7), min_size=8, max_size=8))
@settings(max_examples=50)
def test_each_loop_of_substitutes_is_told_once_and_no_chain_goes_round(
    substitutes: list[int | None],
) -> None:
    roster, found = roster_of(substitutes), Findings()
    check_roster(roster, GridMap("", whole=False), found)
    loops = set()
    for start in range(8):
        at: int | None = start
        for _ in range(8):  # after eight steps whoever is not at an end is in a loop
            at = substitutes[at] if at is not None else None
        loop: set[int] = set()
        while at is not None and at not in loop:
            loop.add(at)
            at = substitutes[at]
        if loop:
            loops.add(frozenset(loop))
    told = [(problem.code, problem.line) for problem in found.all]
    assert told == sorted(("O004", min(loop)) for loop in loops)
    roster.grids[address().leaf_code] = ["o00"]
    asked = [call.officer.id for call in roster.chain(address())]
    assert asked[0] == "o00"
    assert len(asked) == len(set(asked)) <= LONGEST_CHAIN


def test_a_grid_officer_has_grids_not_communities(tiny: Path) -> None:
    rows = f"own,08,grid_officer,{MICRO};{GRID[:12]},t,,24h\n"
    (tiny / "officers.csv").write_text(HEADER + rows + REST, encoding="utf-8")
    _, problems = check_site(tiny)
    assert "O005" in [problem.code for problem in problems]
