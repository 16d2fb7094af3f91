"""Scenarios: a clip, its zones, and what happened there.

Each is read as the one camera of the shipped site, with a place for each zone: whatever `gridalert
check` would say of a camera is said of it, where it stands in the scenario's own file.
"""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from detectors.hits import Frame
from pipeline.incidents.policy import NotNegative
from pipeline.proof.matching import Truth
from pipeline.site.cameras import NO_ZONE
from pipeline.site.detectors import looks_at_zones
from pipeline.site.files import SiteFiles
from pipeline.site.grid_map import MAP_FILE
from pipeline.site.load import load_site, site_of
from pipeline.site.model import Camera, Site
from pipeline.site.problems import Both, Findings, Spot, did_you_mean
from pipeline.site.tables import Node, Row, read, read_value, rows
from pipeline.sources.video import PICTURES, frames

START = datetime.fromisoformat("2026-06-01T08:00:00+08:00")  # where a scenario names no start
SHIPPED = Path(__file__).parents[2] / "deploy" / "demo"
_TAKEN = ("gridalert.toml", "catalogue.toml", "officers.csv", "deadlines.toml", MAP_FILE)
_OF_A_SITE = {"id", "gb_device_id", "location", "stream", "from_topic"}  # a clip has none of these
_NUMBER = re.compile(r"%(?:0(\d+))?d")  # of a printf pattern
_MAY_BE_BROKEN = 100  # frames that are tried until one can be read
_NO_PICTURE = Both(
    "no picture can be read of it: try ffprobe on it", "无法读取画面，请用 ffprobe 检查"
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A clip as the one camera, which has the scenario's name, of a site; what happened in it."""

    file: Path
    site: Site
    truths: tuple[Truth, ...]

    @property
    def camera(self) -> Camera:
        """The clip."""
        return self.site.cameras[0]


class _Truth(Row):
    zone: str
    from_s: NotNegative
    to_s: NotNegative


def read_scenarios(files: Collection[Path], folder: Path) -> tuple[list[Scenario], list[str]]:
    """The good scenarios, for some of which links lie in the empty `folder` then, and a line for
    each thing that is wrong with the others: where, what, why and what to do.
    """
    names: dict[str, Spot] = {}
    scenarios: list[Scenario] = []
    wrong: list[str] = []
    for number, file in enumerate(files):
        found = Findings(apart_from=(NO_ZONE,))
        scenario = _scenario(file, folder / str(number), names, found)
        wrong += [one.line_of_text("en") for one in found.all if one.severity == "error"]
        if scenario is not None and not found.errors:
            scenarios.append(scenario)
    return scenarios, wrong


def _scenario(file: Path, links: Path, names: dict[str, Spot], found: Findings) -> Scenario | None:
    node = SiteFiles(Path(), found).toml(str(file))
    if node is None:
        return None
    _claim(node, names)
    if not node.value.get("zones"):
        node.add("F005", key="zones", expected=Both("[[zones]]", "[[zones]]"))
    truths = tuple(_truths(node))
    camera = _camera(node, f"clip-{links.name}")
    pattern = camera.value.get("frames")
    if isinstance(pattern, str) and _NUMBER.search(Path(pattern).name):
        camera.value["frames"] = _numbered(file.parent.resolve() / pattern, links) or pattern
    site, _ = site_of(
        _Files(Node({"camera": [camera.value]}, node.file, camera.lines, found), file)
    )
    if site is not None and not _plays(site.cameras[0]):
        node.wrong("video" if "video" in node.value else "frames", _NO_PICTURE)
    return Scenario(file, _apart(site, links), truths) if site else None


def _apart(site: Site, links: Path) -> Site:
    """The site with its pictures of evidence in a folder beside `links`, not by the scenario."""
    folder = str(links.with_name(f"evidence-{links.name}"))
    evidence = msgspec.structs.replace(site.settings.evidence, folder=folder)
    return replace(site, settings=msgspec.structs.replace(site.settings, evidence=evidence))


def _claim(node: Node, names: dict[str, Spot]) -> None:
    """Note a name that another scenario has."""
    name, spot = str(node.value.get("name")), node.spot("name")
    if (first := names.setdefault(name, spot)) != spot and "name" in node.value:
        node.add("R004", "name", kind=Both("scenario", "场景"), id=name, first=first)


class _Files(SiteFiles):
    """The shipped site's, but for `camera` in place of its own, and a place for each zone of it."""

    def __init__(self, camera: Node, file: Path) -> None:
        super().__init__(file.parent.resolve(), camera.found)
        self._camera = camera

    def camera_files(self) -> list[str]:
        return [self._camera.file]

    def toml(self, name: str, needed_for: str | None = None) -> Node | None:
        return self._camera if name == self._camera.file else super().toml(name, needed_for)

    def content(self, name: str, needed_for: str | None = None) -> bytes | None:
        if name not in _TAKEN:
            return None
        content = (SHIPPED / name).read_bytes()
        if name == MAP_FILE:
            *_, leaf = _shipped().policy.leaves
            for zone in rows(self._camera["camera"][0], "zones"):
                place = {"level": "place", "id": zone.value["place"], "parent": leaf}
                place["name"] = f"zone {zone.value.get('id')}"
                feature = {"type": "Feature", "properties": place, "geometry": None}
                content += f"\n{json.dumps(feature)}".encode()
        self._bytes[name] = content
        return content


@cache
def _shipped() -> Site:
    return load_site(SHIPPED)


def _truths(node: Node) -> Iterator[Truth]:
    if "truth" in node.value:
        read_value(node, "truth", list[Any])
    zones = [str(zone.value.get("id")) for zone in rows(node, "zones")]
    for row in rows(node, "truth"):
        truth = read(row, _Truth)
        if truth is None:
            continue
        if truth.zone not in zones:
            facts = {"key": "zone", "value": truth.zone, "choices": ", ".join(zones)}
            row.add("F008", "zone", **facts, hint=did_you_mean(truth.zone, zones))
        if truth.to_s <= truth.from_s:
            row.wrong("to_s", Both("it must be later than from_s", "必须晚于 from_s"))
        yield Truth(truth.zone, truth.from_s, truth.to_s)


def _camera(node: Node, camera_id: str) -> Node:
    """The scenario as a row of cameras/*.toml, and where its parts stand."""
    _refuse(node, _OF_A_SITE, ("video", "frames"))
    given = {key: value for key, value in node.value.items() if key != "truth"}
    camera = {"start": START, **given, "id": camera_id}
    if isinstance(zones := given.get("zones"), list):
        camera["zones"] = [
            _zone(node["zones"][n]) if isinstance(zone, dict) else zone
            for n, zone in enumerate(zones)
        ]
    lines = {
        ("camera", 0, *("event" if step == "detector" else step for step in path)): line
        for path, line in node.lines.items()
    }
    return replace(node, value=camera, lines=lines)


def _zone(row: Node) -> dict[str, Any]:
    """A zone as a site has it."""
    _refuse(row, {"event", "place"}, ("detector",))
    events = {
        event.detector: event.type
        for event in reversed(_shipped().policy.events.values())
        if event.detector and looks_at_zones(event.detector)
    }
    zone = dict(row.value)
    detector, choices = str(zone.pop("detector", "")), ", ".join(sorted(events))
    if detector not in events:
        hint = did_you_mean(detector, events)
        row.add("F008", "detector", key="detector", value=detector, choices=choices, hint=hint)
        zone.pop("params", None)  # the rest can still be checked
    event = events.get(detector, events["crowding"])
    return zone | {"event": event, "place": f"pl-{row.path[-1]}"}


def _refuse(row: Node, keys: Collection[str], rather: Collection[str]) -> None:
    for key in row.value.keys() & keys:
        row.add("F004", key, key=key, hint=did_you_mean(key, rather))


def _numbered(pattern: Path, links: Path) -> str | None:
    """A folder of links to the pictures whose names fit, in order of number; None of none."""
    digits = _NUMBER.sub(lambda m: rf"(\d{{{m[1] or 1},}})", re.escape(pattern.name))
    for path in pattern.parent.glob("*"):
        if (fits := re.fullmatch(digits, path.name)) and path.suffix.lower() in PICTURES:
            links.mkdir(parents=True, exist_ok=True)
            (links / f"{int(fits[1]):020}{path.suffix}").symlink_to(path)
    return str(links) if links.exists() else None


def _plays(camera: Camera) -> bool:
    """Whether the clip has a picture."""
    try:
        return any(
            isinstance(frame, Frame)
            for frame in islice(frames(camera, lambda: None), _MAY_BE_BROKEN)
        )
    except OSError:
        return False
