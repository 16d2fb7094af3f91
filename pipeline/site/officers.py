"""officers.csv: who handles a grid's alerts, and who takes over."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from pipeline.alerts import Address
from pipeline.incidents.policy import Officer, OnCall
from pipeline.site.files import SiteFiles
from pipeline.site.grid_map import GRIDS, GridMap
from pipeline.site.hours import minutes_of
from pipeline.site.problems import Both, Findings, Spot, did_you_mean, say
from pipeline.site.tables import Ids, Node, Row, Said, read

OFFICERS_FILE = "officers.csv"
LONGEST_CHAIN = 8
_ALWAYS = "24h"
By = Literal["leaf_grid", "substitute", "parent_grid", "duty_desk"]


class _Officer(Row):
    id: str
    number: Said
    role: Literal["grid_officer", "micro_grid_leader", "community_police", "duty_desk"]
    grids: str
    terminal_id: Said
    substitute: str
    duty: str


@dataclass(slots=True)
class Roster:
    """The officers by id, where each stands, the full-time officer of each grid code, and the duty
    desks of each code of any level.

    `whole` is False when a row could not be read: a grid without an officer may have that one.
    """

    officers: dict[str, Officer] = field(default_factory=dict)
    spots: dict[str, Spot] = field(default_factory=dict)
    grids: dict[str, list[str]] = field(default_factory=dict)
    desks: dict[str, list[str]] = field(default_factory=dict)
    whole: bool = True

    def chain(self, address: Address) -> tuple[OnCall, ...]:
        """Who is asked about a leaf grid, in this order: its full-time officer, that one's
        substitutes, the officer of the grid that it is a part of, and the duty desks, from its own
        up to the city's; each once, LONGEST_CHAIN at most. Empty where nobody is.
        """
        asked: dict[str, OnCall] = {}
        for id_, by in self._in_order(address):
            asked.setdefault(id_, OnCall(self.officers[id_], by))
        return tuple(islice(asked.values(), LONGEST_CHAIN))

    def _in_order(self, address: Address) -> Iterator[tuple[str, By]]:
        leaf, grid = address.leaf_code, address.grid.code
        own, parents = self.grids.get(leaf, [])[:1], self.grids.get(grid, [])[:1]
        for id_ in own or parents:
            yield id_, "leaf_grid" if own else "parent_grid"
            yield from ((other, "substitute") for other in _chain(id_, self.officers)[1:])
        yield from ((id_, "parent_grid") for id_ in parents)
        above = (address.community, address.street, address.district, address.city)
        for code in dict.fromkeys([leaf, grid, *(unit.code for unit in above)]):
            yield from ((id_, "duty_desk") for id_ in self.desks.get(code, ()))


def read_officers(files: SiteFiles) -> Roster:
    """The roster with every good row; the rest is noted."""
    text = files.text(OFFICERS_FILE, "needs_officers")
    if text is None:
        return Roster(whole=False)
    roster = Roster()
    ids = Ids(say("officer"))
    for node in _rows(text, roster, files.found):
        row = read(node, _Officer)
        if row is None:
            roster.whole = False
        elif ids.claim(node):
            _add(roster, row, node)
    return roster


def check_roster(roster: Roster, grid_map: GridMap, found: Findings) -> None:
    """Note grids that are not there, or have two officers or none, and substitutes that lead
    nowhere.
    """
    grid_codes = [unit.code for unit in grid_map.units.values() if unit.level in GRIDS]
    for has, known in ((roster.grids, grid_codes), (roster.desks, grid_map.units)):
        for code, ids in has.items():
            unit = grid_map.units.get(code)
            no_grid = unit is not None and known is grid_codes and unit.level not in GRIDS
            if no_grid or grid_map.lacks(code):
                hint = did_you_mean(code, known)
                for id_ in ids:
                    found.add("O005", roster.spots[id_], officer=id_, code=code, hint=hint)
    for code, ids in roster.grids.items():
        for other in ids[1:]:
            numbers = {"a": roster.officers[ids[0]].number, "b": roster.officers[other].number}
            found.add("O002", roster.spots[other], code=code, **numbers)
    for officer in roster.officers.values():
        _check_substitute(officer, roster, found)
    for leaf in grid_map.leaves():
        # The officer of a grid has also its micro-grids.
        grid = leaf.parent if leaf.level == "micro_grid" else None
        if roster.whole and leaf.code not in roster.grids and grid not in roster.grids:
            found.add("O001", leaf.spot, code=leaf.code, name=leaf.name)


def _rows(text: str, roster: Roster, found: Findings) -> Iterator[Node]:
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            spot = Spot(OFFICERS_FILE, reader.line_num)
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
            elif len(cells) != len(header):
                error = f"{len(cells)} columns, the first row has {len(header)}"
                found.add("F003", spot, format="CSV", error=error)
                roster.whole = False
            else:
                row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
                yield Node(row, OFFICERS_FILE, {(): reader.line_num}, found)
    except csv.Error as error:
        found.add("F003", Spot(OFFICERS_FILE, reader.line_num), format="CSV", error=error)
        roster.whole = False


def _add(roster: Roster, row: _Officer, node: Node) -> None:
    duty = minutes_of(row.duty)
    if row.duty != _ALWAYS and (duty is None or duty[0] == duty[1]):
        node.wrong("duty", say("duty"))
    roster.officers[row.id] = Officer(
        row.id, row.number, row.role, row.terminal_id, row.substitute or None, duty
    )
    roster.spots[row.id] = node.spot()
    has = {"grid_officer": roster.grids, "duty_desk": roster.desks}.get(row.role)
    for code in dict.fromkeys(part.strip() for part in row.grids.split(";")):
        if code and has is not None:
            has.setdefault(code, []).append(row.id)


def _check_substitute(officer: Officer, roster: Roster, found: Findings) -> None:
    spot = roster.spots[officer.id]
    if officer.substitute is None:
        if officer.role == "grid_officer":
            found.add("O006", spot, officer=officer.id)
        return
    if officer.substitute not in roster.officers:
        if roster.whole:
            hint = _officer_hint(officer.substitute, roster.officers)
            found.add("O003", spot, id=officer.substitute, officer=officer.id, hint=hint)
        return
    chain = _chain(officer.id, roster.officers)
    back = roster.officers[chain[-1]].substitute
    # Everyone in a loop sees it; the smallest id tells.
    if back == officer.id and officer.id == min(chain):
        found.add("O004", spot, chain=" → ".join([*chain, officer.id]))


def _officer_hint(name: str, officers: Mapping[str, Officer]) -> Both:
    """The id of the officer whose number was written, else the nearest id."""
    by_number = [o.id for o in officers.values() if o.number.lstrip("0") == name.lstrip("0")]
    if len(by_number) == 1:
        return say("near", name=by_number[0])
    return did_you_mean(name, officers)


def _chain(start: str, officers: Mapping[str, Officer]) -> list[str]:
    """The ids from `start` along the substitutes, until the end or where it would come round."""
    chain = [start]
    following = officers[start].substitute
    while following is not None and following in officers and following not in chain:
        chain.append(following)
        following = officers[following].substitute
    return chain
