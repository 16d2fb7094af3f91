"""Scenarios: a clip, its zones, and what happened there; each becomes a whole site, checked as one.

NAME.toml ──> a site in a folder of its own ──load_site──> Scenario
              (the shipped catalogue, its map, a place for each zone)
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from detectors.hits import Frame
from pipeline.incidents.policy import NotNegative
from pipeline.proof.matching import Truth
from pipeline.proof.scenario_site import events_by_detector, write_site
from pipeline.site.cameras import CAMERA_KEYS, ZONE_KEYS
from pipeline.site.files import SiteFiles
from pipeline.site.load import check_site
from pipeline.site.model import Site
from pipeline.site.problems import Both, Findings, Spot, did_you_mean
from pipeline.site.tables import Ids, Node, Row, Said, read, rows
from pipeline.sources.video import PICTURES, frames

START = datetime.fromisoformat("2026-06-01T08:00:00+08:00")  # where a scenario names no start
_OF_A_SITE = {"id", "gb_device_id", "location", "stream", "from_topic"}  # a clip has none of these
_KEYS = {*CAMERA_KEYS, "truth"} - _OF_A_SITE
_KEYS_OF_ZONE = {*ZONE_KEYS, "detector"} - {"event", "place"}
_PATHS = ("video", "frames", "reference")
_TOLD_HERE = {"R013", "R025"}  # no such file, no zone: in the scenario's own words
_NUMBER = re.compile(r"%(?:0(\d+))?d")  # of a printf pattern
_MAY_BE_BROKEN = 100  # frames that are tried until one can be read


@dataclass(frozen=True, slots=True)
class Scenario:
    """A clip as the one camera of a site, and what happened in its zones."""

    name: str
    file: Path
    site: Site
    truths: tuple[Truth, ...]


class _Own(Row):
    name: Said
    truth: tuple[Any, ...] = ()


class _Truth(Row):
    zone: str
    from_s: NotNegative
    to_s: NotNegative


def read_scenarios(files: Collection[Path], folder: Path) -> tuple[list[Scenario], list[str]]:
    """The good scenarios, whose sites lie in the empty `folder` then, and a line for each thing
    that is wrong with the others: where, what, why and what to do.
    """
    names = Ids(Both("scenario", "场景"))
    scenarios: list[Scenario] = []
    wrong: list[str] = []
    for number, file in enumerate(files):
        reader = _Reader(file, folder / str(number))
        scenario = reader.scenario(names)
        wrong += dict.fromkeys(f"{spot} {text}" for spot, text in sorted(reader.wrong))
        if scenario is not None:
            scenarios.append(scenario)
    return scenarios, wrong


class _Reader:
    """Reads one scenario; what is wrong with it is noted."""

    def __init__(self, file: Path, folder: Path) -> None:
        self.wrong: list[tuple[Spot, str]] = []
        self._file, self._folder = file, folder
        self._found = Findings()

    def scenario(self, names: Ids) -> Scenario | None:
        node = SiteFiles(Path(), self._found).toml(str(self._file))
        if node is None:
            self._note_found()
            return None
        given = _known(node, _KEYS)
        own = read(replace(node, value=_only(given, _Own.__struct_fields__)), _Own)
        named = own is not None and names.claim(node, "name")
        truths = tuple(self._truths(node))
        camera = {k: v for k, v in given.items() if k != "truth"}
        camera["id"] = given["name"] if named else "unnamed"
        camera.setdefault("start", START)
        site = self._site(node, self._with_paths(node, camera))
        self._note_found()
        if self.wrong or site is None or own is None:
            return None
        self._try(node, site)
        return None if self.wrong else Scenario(own.name, self._file, site, truths)

    def _note_found(self) -> None:
        errors = (one for one in self._found.all if one.severity == "error")
        self.wrong += [(Spot(e.file, e.line), f"{e.code} {e.text('en')}") for e in errors]

    def _note(self, node: Node, text: str, *steps: str | int) -> None:
        self.wrong.append((node.spot(*steps), text))

    def _truths(self, node: Node) -> Iterator[Truth]:
        zones = [str(zone.value.get("id")) for zone in rows(node, "zones")]
        for row in rows(node, "truth"):
            truth = read(row, _Truth)
            if truth is None:
                continue
            if truth.zone not in zones:
                hint = did_you_mean(truth.zone, zones).en
                told = f'the truth is of zone "{truth.zone}", which the scenario has not'
                self._note(row, f"{told} · {hint}", "zone")
            if truth.to_s <= truth.from_s:
                told = f"the truth ends at {truth.to_s:g} s but begins at {truth.from_s:g} s"
                self._note(row, f"{told} · correct from_s or to_s", "to_s")
            yield Truth(truth.zone, truth.from_s, truth.to_s)

    def _with_paths(self, node: Node, camera: dict[str, Any]) -> dict[str, Any]:
        """The camera with paths that hold wherever its site lies."""
        for key in _PATHS:
            value = camera.get(key)
            if not isinstance(value, str):
                continue
            path = self._file.parent.resolve() / value
            try:
                if key == "frames" and _NUMBER.search(path.name):
                    path = self._numbered(path)
                there = path.is_dir() if key == "frames" else path.is_file()
            except (OSError, ValueError):  # a name that no file can have
                there = False
            if not there:
                told = f'"{key}" is "{value}", and there is no such file'
                todo = "put it there, or correct the path: it is relative to this file"
                self._note(node, f"{told} · {todo}", key)
            camera[key] = str(path)
        return camera

    def _numbered(self, pattern: Path) -> Path:
        """A folder of links to the pictures whose names fit, in order of their numbers."""
        digits = _NUMBER.sub(lambda m: rf"(\d{{{m[1] or 1},}})", re.escape(pattern.name))
        fitting = [
            (int(found[1]), path)
            for path in pattern.parent.iterdir()
            if (found := re.fullmatch(digits, path.name)) and path.suffix.lower() in PICTURES
        ]
        folder = self._folder / "frames"
        folder.mkdir(parents=True)
        for number, path in fitting:
            (folder / f"{number:020}{path.suffix}").symlink_to(path)
        return folder if fitting else pattern

    def _site(self, node: Node, camera: dict[str, Any]) -> Site | None:
        """The scenario's site; what a site does not take is noted where it stands in the file."""
        steps = write_site(self._folder, camera, list(self._zones(node)))
        site, problems = check_site(self._folder)
        for one in problems:
            if one.severity == "error" and one.code not in _TOLD_HERE:
                where = steps[one.line - 1] if one.file.startswith("cameras") else ()
                self._note(node, f"{one.code} {one.text('en')}", *where)
        return site

    def _zones(self, node: Node) -> Iterator[tuple[int, dict[str, Any]]]:
        """The zones as a site has them, each with its number in the file."""
        events = events_by_detector()
        if not node.value.get("zones"):
            self._note(
                node, "the scenario has no zone · nothing would be looked for · add [[zones]]"
            )
        for row in rows(node, "zones"):
            zone = _known(row, _KEYS_OF_ZONE)
            detector = zone.pop("detector", None)
            if detector is None:
                row.add("F005", key="detector", expected=Both(", ".join(events), "、".join(events)))
            elif str(detector) not in events:
                facts = {"key": "detector", "value": detector, "choices": ", ".join(events)}
                row.add("F008", "detector", **facts, hint=did_you_mean(str(detector), events))
            if str(detector) not in events:  # the rest can still be checked, but for its params
                zone.pop("params", None)
            zone["event"] = events.get(str(detector), next(iter(events.values()), ""))
            yield int(row.path[-1]), zone

    def _try(self, node: Node, site: Site) -> None:
        """Note a clip without a picture."""
        (camera,) = site.cameras
        key = "video" if camera.video else "frames"
        try:
            first = islice(frames(camera, lambda: None), _MAY_BE_BROKEN)
            plays = any(isinstance(frame, Frame) for frame in first)
        except OSError:
            plays = False
        if not plays:
            value = node.value[key]
            self._note(
                node, f'no picture can be read of "{key}", "{value}" · try ffprobe on it', key
            )


def _known(node: Node, keys: Collection[str]) -> dict[str, Any]:
    """What stands under `keys`; other keys are noted."""
    for key in node.value.keys() - keys:
        node.add("F004", key, key=key, hint=did_you_mean(key, keys))
    return _only(node.value, keys)


def _only(value: dict[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key in keys}
