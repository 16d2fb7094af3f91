"""The site that a scenario stands for: the shipped one, its camera, and a place for each zone."""

import json
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from pipeline.site.detectors import detector_class, installed
from pipeline.site.lines import Path as Steps
from pipeline.site.model import VIEW

SHIPPED = Path(__file__).parents[2] / "deploy" / "demo"
_COPIED = ("gridalert.toml", "catalogue.toml", "officers.csv", "deadlines.toml")
_NAMED = {"id": "name", "event": "detector"}  # what the scenario calls a site's key


def events_by_detector() -> dict[str, str]:
    """The first event type of the shipped catalogue that each detector of pictures sees."""
    shipped = tomllib.loads((SHIPPED / "catalogue.toml").read_text("utf-8"))["event"]
    events: dict[str, str] = {}
    for row in shipped:
        detector = row.get("detector")
        if detector == VIEW:  # a camera's own, which is never drawn
            continue
        if detector in installed() and hasattr(detector_class(detector), "labels"):
            events.setdefault(detector, row["type"])
    return events


def write_site(
    folder: Path, camera: Mapping[str, Any], zones: Iterable[tuple[int, dict[str, Any]]]
) -> list[Steps]:
    """Write it; for each line of its camera's file, where that stands in the scenario.

    `zones`: as a site has them, without a place, each with its number in the scenario.
    """
    (folder / "cameras").mkdir(parents=True, exist_ok=True)
    for name in _COPIED:
        shutil.copyfile(SHIPPED / name, folder / name)
    units, leaf = _units()
    lines = [("[[camera]]", Steps())]
    lines += [
        (_pair(key, value), (_NAMED.get(key, key),))
        for key, value in camera.items()
        if key != "zones" or not isinstance(value, list)
    ]
    places = []
    for number, zone in zones:
        lines.append(("[[camera.zones]]", ("zones", number)))
        place = {"level": "place", "id": f"pl-{number}", "name": f"zone {zone.get('id')}"}
        places.append({**place, "parent": leaf})
        for key, value in {**zone, "place": f"pl-{number}"}.items():
            lines.append((_pair(key, value), ("zones", number, _NAMED.get(key, key))))
    (folder / "cameras" / "clip.toml").write_text("\n".join(text for text, _ in lines), "utf-8")
    # Places without a point are never taken for one.
    units += [{"type": "Feature", "properties": place, "geometry": None} for place in places]
    (folder / "map.geojsonl").write_text("\n".join(map(json.dumps, units)), "utf-8")
    return [steps for _, steps in lines]


def _units() -> tuple[list[dict[str, Any]], str]:
    """The shipped map without its places, and the code of its last leaf grid."""
    lines = (SHIPPED / "map.geojsonl").read_text("utf-8").splitlines()
    features: list[dict[str, Any]] = [json.loads(line) for line in lines]
    units = [one for one in features if one["properties"]["level"] != "place"]
    return units, units[-1]["properties"]["code"]


def _pair(key: str, value: Any) -> str:
    """A line of TOML."""
    return f"{json.dumps(key)} = {_toml(value)}"


def _toml(value: Any) -> str:
    """A value of a TOML file as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(_pair(key, item) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")
