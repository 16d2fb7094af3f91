"""Loads a site: every file, checked on its own and against the others; all problems at once."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from pipeline.alerts import Location
from pipeline.incidents.policy import DeadlineProfile, EventType, Leaf, Place, Policy
from pipeline.site.cameras import read_cameras
from pipeline.site.catalogue import read_catalogue
from pipeline.site.deadlines import read_deadlines
from pipeline.site.files import SiteFiles
from pipeline.site.grid_map import GridMap, read_map
from pipeline.site.map_check import check_map
from pipeline.site.model import Settings, Site
from pipeline.site.neighbours import merged_places
from pipeline.site.officers import Roster, check_roster, read_officers
from pipeline.site.orders import read_profiles, read_silences
from pipeline.site.problems import Findings, Problem, SiteError, Spot, say
from pipeline.site.sensors import SENSORS_FILE, read_sensors
from pipeline.site.settings import read_settings
from pipeline.site.tables import Ids
from pipeline.site.targets import Targets
from pipeline.site.work_calendar import read_calendar


def load_site(folder: Path, *, apart_from: Collection[str] = ()) -> Site:
    """The site in `folder`. Raises SiteError, with every problem found, where it has an error, but
    for those with a code in `apart_from`.
    """
    site, problems = check_site(folder, apart_from=apart_from)
    if site is None:
        raise SiteError(problems)
    return site


def check_site(
    folder: Path, *, apart_from: Collection[str] = ()
) -> tuple[Site | None, tuple[Problem, ...]]:
    """The site, None where it has an error, and every error and warning by file and line, but for
    those with a code in `apart_from`.
    """
    found = Findings(apart_from)
    if not folder.is_dir():
        found.add("F001", Spot(str(folder), 1), file=folder, reason=say("needs_folder"))
        return None, found.all
    # Resolved, a camera's files stay where they are when the process moves.
    return site_of(SiteFiles(folder.resolve(), found))


def site_of(files: SiteFiles) -> tuple[Site | None, tuple[Problem, ...]]:
    """As `check_site`, of files however they are read."""
    found, parts = files.found, _Parts(files)
    # The settings come last: of them only what decides, or is written, is in the policy's version.
    digest = files.digest(parts.calendar.id)
    settings = read_settings(files, {z.detector for c in parts.cameras for z in c.zones})
    if settings is None or parts.deadlines is None or found.errors:
        return None, found.all
    policy = parts.policy(settings, parts.deadlines, digest)
    cameras, sensors = tuple(parts.cameras), tuple(parts.sensors)
    return Site(files.folder, settings, policy, cameras, sensors, parts.grid_map.locator), found.all


class _Parts:
    """Everything but the settings, read and checked against each other. Of a file that could not
    be read there is an empty one, which finds no fault with the others.
    """

    def __init__(self, files: SiteFiles) -> None:
        self.catalogue = read_catalogue(files)
        self.grid_map = read_map(files)
        self.roster = read_officers(files)
        self.deadlines = read_deadlines(files)
        self.calendar = read_calendar(files)
        targets = Targets(self.catalogue, self.grid_map)
        sources = Ids(say("source"))
        self.cameras, seen = read_cameras(files, targets, sources)
        self.sensors, felt = read_sensors(files, targets, sources)
        self.watches = {**seen, **felt}
        self.silences = read_silences(files, self.catalogue, self.grid_map)
        self.profile = read_profiles(files, self.catalogue, self.watches)
        check_map(self.grid_map, files.found)
        check_roster(self.roster, self.grid_map, files.found)
        if not files.camera_files() and not files.has(SENSORS_FILE):
            files.found.add("F010", Spot("cameras", 1))

    def policy(self, settings: Settings, deadlines: DeadlineProfile, digest: str) -> Policy:
        """What the fold decides by. `digest`: of all files but the settings."""
        self.grid_map.labels = settings.levels
        named = [digest, settings.tenant, settings.source_uri, sorted(settings.levels.items())]
        return Policy(
            version=hashlib.sha256(msgspec.json.encode(named)).hexdigest()[:16],
            tenant=settings.tenant,
            source_uri=settings.source_uri,
            map_version=self.grid_map.version,
            catalogue_version=self.catalogue.version,
            events=self.catalogue.events,
            places=_places(self.grid_map, self.catalogue.events.values()),
            watches=self.watches,
            deadlines=deadlines,
            calendar=self.calendar,
            leaves=_Leaves(self.grid_map, self.roster),
            officers=self.roster.officers,
            silences=self.silences,
            profile=self.profile,
        )


class _Leaves(Mapping[str, Leaf]):
    """The leaf grids by code, each made when it is first asked for: a city has 126 000."""

    def __init__(self, grid_map: GridMap, roster: Roster) -> None:
        self._grid_map = grid_map
        self._roster = roster
        self._made: dict[str, Leaf | None] = {leaf.code: None for leaf in grid_map.leaves()}

    def __getitem__(self, code: str) -> Leaf:
        leaf = self._made[code]
        if leaf is None:
            address = self._grid_map.address(code)
            chain = self._roster.chain(address) if address is not None else ()
            if address is None or not chain:
                raise KeyError(code)  # never on a map and roster without errors
            leaf = self._made[code] = Leaf(address, chain)
        return leaf

    def __contains__(self, code: object) -> bool:
        return code in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def _places(grid_map: GridMap, events: Iterable[EventType]) -> dict[str, Place]:
    merged = {
        event.type: merged_places(grid_map.places.values(), event.merge_m)
        for event in events
        if event.merge_m > 0
    }
    return {
        place.id: Place(
            id=place.id,
            name=place.name,
            leaf_code=place.parent,
            location=Location(place.point.x, place.point.y) if place.point else None,
            merged_into={
                event: groups[place.id] for event, groups in merged.items() if place.id in groups
            },
        )
        for place in grid_map.places.values()
    }
