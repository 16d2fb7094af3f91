"""The detectors that are installed, by the names that catalogue.toml uses."""

from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Any, Literal

from detectors.hits import Params, Zone
from pipeline.site.model import VIEW
from pipeline.site.problems import Both, say
from pipeline.site.tables import Node

GROUP = "gridalert.detectors"
LooksAt = Literal["pictures", "readings"]


@cache
def _found() -> EntryPoints:
    return entry_points(group=GROUP)  # reads many files: a site has thousands of zones


def installed() -> set[str]:
    """The names there are; none in a plain checkout."""
    return _found().names


def detector_class(name: str) -> Any:
    """The class behind a detector's entry-point name. Raises LookupError naming what there is."""
    if name not in installed():
        raise LookupError(
            f"detector {name!r} is not installed; there are {', '.join(sorted(installed()))}. "
            "Correct catalogue.toml, or add its entry-point line and run make env"
        )
    return _found()[name].load()


def looks_at_zones(name: str) -> bool:
    """Whether a detector looks at zones that people draw; a camera has its VIEW of its own."""
    return name in installed() and name != VIEW and hasattr(detector_class(name), "labels")


def unit_read_by(name: str) -> str | None:
    """The unit of the readings that a detector takes; None where it is the event type's."""
    unit: str | None = None
    if name in installed():
        with suppress(ImportError):  # check_detector says so
            unit = getattr(detector_class(name), "reads", None)
    return unit


def check_detector(row: Node, owner: Both, name: str, watched: Zone | Params) -> None:
    """Note where the detector cannot be made for what `row` has it watch: a zone, or a sensor."""
    if name not in installed():
        return  # the catalogue's check says so
    wanted: LooksAt = "pictures" if isinstance(watched, Zone) else "readings"
    try:
        made = detector_class(name)
        looks_at: LooksAt = "pictures" if hasattr(made, "labels") else "readings"
        if looks_at != wanted:
            facts = {"event": row.value["event"], "detector": name, "other": say(looks_at)}
            row.add("R020", "event", owner=owner, **facts)
        else:
            made(watched)
    except (ValueError, TypeError, ImportError, AttributeError) as error:
        row.add("R019", "params", owner=owner, detector=name, error=error)
