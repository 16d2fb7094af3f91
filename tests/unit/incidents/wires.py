"""A yard with cameras that look for flying wires and breakers, by the demo's own catalogue."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from detectors.hits import Hit, Polygon, SeenObject, Source, hit_id_of
from pipeline.incidents.policy import EventType, Over, Place, Policy, Rule, Watch
from pipeline.incidents.reviews import Reviews
from pipeline.incidents.state import LeafState
from tests.builders import LEAF, at, event_type, hit, policy
from tests.unit.incidents.timeline import Timeline

_DEMO = Path(__file__).parents[3] / "deploy" / "demo" / "catalogue.toml"
SHIPPED = next(
    msgspec.convert(row, EventType)
    for row in tomllib.loads(_DEMO.read_text("utf-8"))["event"]
    if row["type"] == "flying_wire"
)
# Six looks in five minutes, as the worked example has it.
BRIEF = msgspec.structs.replace(SHIPPED.rule, hold_s=300, share=0.5)
LOAD = Rule(
    Over.PROBABILITY, raise_at=0.5, clear_below=0.35, hold_s=0, share=0.6, gap_s=600, clear_s=600
)
UNSURE = msgspec.structs.replace(SHIPPED.calibration, sensors={}, review_at=1.0, direct_at=1.0)
EVIDENCE = ("charging_load", "residual_current")
PLACES = ("yard", "shed", "gate")  # the shed is merged with the yard for wires
CABLE: Polygon = ((0.30, 0.20), (0.31, 0.50), (0.30, 0.80))
OTHER: Polygon = ((0.70, 0.20), (0.72, 0.50), (0.70, 0.80))


def yard(**calibration: Any) -> Policy:
    """Two cameras over the yard; each place has two breakers and a leakage relay."""
    wire = msgspec.structs.replace(
        SHIPPED,
        rule=BRIEF,
        calibration=msgspec.structs.replace(SHIPPED.calibration, **calibration),
    )
    kinds = {
        name: event_type(name, LOAD, calibration=UNSURE, label_zh=f"{name}电", label_en=name)
        for name in EVIDENCE
    }
    merged = {"flying_wire": "yard"}
    places = {
        name: Place(name, name, LEAF, merged_into=merged if name in ("yard", "shed") else {})
        for name in PLACES
    }
    sensors = {
        (f"{kind}-{place}-{n}", "z"): Watch(kind, place, LOAD)
        for kind in EVIDENCE
        for place in PLACES
        for n in (1, 2)
    }
    cameras = {(name, "z"): Watch("flying_wire", "yard", BRIEF) for name in ("cam", "cam-b")}
    return policy(
        events={"flying_wire": wire, **kinds}, places=places, watches={**cameras, **sensors}
    )


def wire(
    second: float, sure: float = 0.7, *paths: Polygon, source: str = "cam", quality: float = 0.8
) -> Hit:
    """One look of a camera at the yard; each further path is a candidate a little less sure."""
    objects = tuple(
        SeenObject("cable", sure - 0.01 * n, (0.2, 0.2, 0.4, 0.8), path=path)
        for n, path in enumerate(paths or ((CABLE,) if sure else ()))
    )
    return _hit(second, sure, "flying_wire", Source("camera", source), "yard", quality=quality,
                score=sure, objects=objects)  # fmt: skip


def load(
    second: float, says: float, place: str = "yard", kind: str = "charging_load", n: int = 1,
    quality: float = 1.0,
) -> Hit:  # fmt: skip
    """What a sensor of a place says."""
    source = Source("sensor", f"{kind}-{place}-{n}")
    return _hit(second, says, kind, source, place, quality=quality, score=says)


def _hit(second: float, measure: float, kind: str, source: Source, place: str, **more: Any) -> Hit:
    id_ = hit_id_of(source.id, "z", kind, at(second), kind)
    return hit(second, measure, kind, source=source, place_id=place, leaf_code=LEAF, hit_id=id_,
               **more)  # fmt: skip


def six_looks(start: float = 0, **fields: Any) -> list[Hit]:
    """As in the worked example: six in five minutes."""
    return [wire(start + 60 * n, **fields) for n in range(6)]


def of_camera(confirmed: int, rejected: int, when: float = 0, name: str = "cam") -> LeafState:
    """A leaf whose camera has been reviewed so often, all at second `when`."""
    said = Reviews(at(when), confirmed, rejected, confirmed, confirmed + rejected)
    return LeafState(reviews={f"flying_wire/{name}": said})


def begun(state: LeafState | None = None, site: Policy | None = None) -> Timeline:
    """A fold that goes on from this state of the leaf."""
    line = Timeline(site or yard())
    if state is not None:
        line.states[LEAF] = state
    return line


def sure_of(line: Timeline) -> dict[str, float]:
    """What the last alert's confidence is made of."""
    return {one.name: one.log_odds for one in line.last.contributions}
