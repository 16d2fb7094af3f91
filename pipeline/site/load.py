"""Loads a site: every file, checked on its own and against the others; all problems at once."""

from pathlib import Path

from pipeline.alerts import Location
from pipeline.incidents.policy import Place, Policy
from pipeline.site.cameras import read_cameras
from pipeline.site.catalogue import read_catalogue
from pipeline.site.deadlines import read_deadlines
from pipeline.site.files import SiteFiles
from pipeline.site.grid_map import GridMap, read_map
from pipeline.site.map_check import check_map
from pipeline.site.model import Settings, Site
from pipeline.site.officers import Roster, check_coverage, check_roster, read_officers
from pipeline.site.problems import Findings, Problem, SiteError, Spot, say
from pipeline.site.sensors import SENSORS_FILE, read_sensors
from pipeline.site.settings import read_settings
from pipeline.site.tables import Ids
from pipeline.site.targets import Targets
from pipeline.site.work_calendar import read_calendar


def load_site(folder: Path) -> Site:
    """The site in `folder`. Raises SiteError, with every problem found, where it has an error."""
    site, problems = check_site(folder)
    if site is None:
        raise SiteError(problems)
    return site


def check_site(folder: Path) -> tuple[Site | None, tuple[Problem, ...]]:
    """The site, None where it has an error, and every error and warning by file and line."""
    found = Findings()
    if not folder.is_dir():
        found.add("F001", Spot(str(folder), 1), file=folder, reason=say("needs_folder"))
        return None, found.all
    folder = folder.resolve()  # a camera's files stay where they are when the process moves
    files = SiteFiles(folder, found)
    parts = _Parts(files)
    # The settings come last: the policy's version is the hash of all that was read before them.
    version = files.digest(parts.calendar.id)[:16]
    settings = read_settings(files)
    policy = parts.policy(settings, version) if settings is not None else None
    if policy is None or settings is None or found.errors:
        return None, found.all
    site = Site(folder, settings, policy, tuple(parts.cameras), tuple(parts.sensors))
    return site, found.all


class _Parts:
    """Everything but the settings, read and checked against each other."""

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
        if self.grid_map is not None:
            check_map(self.grid_map, files.found)
        if self.roster is not None:
            check_roster(self.roster, self.grid_map, files.found)
        if self.roster is not None and self.grid_map is not None:
            check_coverage(self.roster, self.grid_map, files.found)
        if not files.camera_files() and not files.has(SENSORS_FILE):
            files.found.add("F010", Spot("cameras", 1))

    def policy(self, settings: Settings, version: str) -> Policy | None:
        """What the fold decides by; None where one of the files could not be used."""
        if (
            self.catalogue is None
            or self.grid_map is None
            or self.roster is None
            or self.deadlines is None
        ):
            return None
        return Policy(
            version=version,
            tenant=settings.tenant,
            source_uri=settings.source_uri,
            map_version=self.grid_map.version,
            catalogue_version=self.catalogue.version,
            events=self.catalogue.events,
            places=_places(self.grid_map, self.roster),
            watches=self.watches,
            deadlines=self.deadlines,
            calendar=self.calendar,
        )


def _places(grid_map: GridMap, roster: Roster) -> dict[str, Place]:
    """The places that have an address and an officer; on a map without errors all have."""
    places: dict[str, Place] = {}
    for place in grid_map.places.values():
        leaf = grid_map.units.get(place.parent)
        address = grid_map.address(place.parent)
        officer = roster.officer_of(leaf) if leaf is not None else None
        if address is None or officer is None:
            continue
        places[place.id] = Place(
            id=place.id,
            name=place.name,
            address=address,
            officer=officer,
            fallback=roster.fallback_of(officer),
            location=Location(place.point.x, place.point.y) if place.point else None,
        )
    return places
