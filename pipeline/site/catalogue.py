"""catalogue.toml: the event types, their rules and how sure one must be of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import msgspec

from pipeline.incidents.policy import Calibration, EventType, Over, Rule
from pipeline.site.files import SiteFiles
from pipeline.site.ids import Ids
from pipeline.site.problems import Both, Findings, did_you_mean
from pipeline.site.tables import Node, read, rows

RULE_FIELDS = ("raise_at", "clear_below", "hold_s", "share", "gap_s", "clear_s")
ONLY_DETECTOR = "detector"
_NEEDED = Both("it says what an event is", "其中规定什么算作事件")
_OPEN_UNIT = Both("it must lie between 0 and 1, both excluded", "必须大于 0 且小于 1")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The event types by name; `names` also holds those whose row has problems of its own."""

    version: str
    events: dict[str, EventType]
    names: frozenset[str]


class _File(msgspec.Struct):
    version: str
    event: list[Any]


def read_catalogue(files: SiteFiles, found: Findings) -> Catalogue | None:
    """The catalogue with every good row; None where the file is missing or not TOML."""
    node = files.toml("catalogue.toml", _NEEDED)
    if node is None:
        return None
    head = read(node, _File, found)
    ids = Ids(Both("event", "事件"), found)
    installed = entry_points(group="gridalert.detectors").names
    events: dict[str, EventType] = {}
    names: set[str] = set()
    for row in rows(node, "event", found):
        names.add(str(row.value.get("type")))
        event = read(row, EventType, found)
        if event is not None and ids.claim(event.type, row.spot("type"), "type"):
            _check_event(row, event, installed, found)
            events[event.type] = event
    return Catalogue(head.version if head else "", events, frozenset(names))


def check_rule(row: Node, rule: Rule, names: Mapping[str, str], found: Findings) -> None:
    """Note what in `rule` cannot be.

    `names`: the rule fields that `row` sets, and the key that sets each; others are not looked at.
    """
    not_negative = Both("it must be 0 or more", "不能小于 0")
    ranges = {
        key: (getattr(rule, key) >= 0, not_negative)
        for key in ("clear_below", "hold_s", "gap_s", "clear_s")
    }
    ranges["raise_at"] = (rule.raise_at > 0, Both("it must be above 0", "必须大于 0"))
    ranges["share"] = (
        0 < rule.share <= 1,
        Both("it must be above 0 and at most 1", "必须大于 0 且不超过 1"),
    )
    if rule.over is Over.PROBABILITY and rule.raise_at > 1:
        ranges["raise_at"] = (False, Both("a probability is at most 1", "概率不超过 1"))
    for key, name in names.items():
        good, must = ranges[key]
        if not good:
            found.add("F007", row.spot(name), key=name, value=getattr(rule, key), must=must)
    set_by = names.get("clear_below") or names.get("raise_at")
    if set_by and rule.clear_below > rule.raise_at:
        facts = {"clear_below": rule.clear_below, "raise_at": rule.raise_at}
        found.add("C002", row.spot(set_by), **facts)


def _check_event(row: Node, event: EventType, installed: set[str], found: Findings) -> None:
    if event.event_level not in (1, 2, 3, 4):
        must = Both("event levels are 1 to 4", "事件等级为 1 到 4")
        found.add(
            "F007", row.spot("event_level"), key="event_level", value=event.event_level, must=must
        )
    check_rule(row["rule"], event.rule, {name: name for name in RULE_FIELDS}, found)
    _check_calibration(row["calibration"], event.calibration, found)
    for param, target in event.params.items():
        if target not in (*RULE_FIELDS, ONLY_DETECTOR):
            found.add(
                "C001",
                row.spot("params", param),
                param=param,
                event=event.type,
                target=target,
                targets=", ".join(RULE_FIELDS),
            )
    # Run from a plain checkout nothing is registered, and nothing can be said.
    if installed and event.detector not in installed:
        found.add(
            "C005",
            row.spot("detector"),
            detector=event.detector,
            event=event.type,
            hint=did_you_mean(event.detector, installed),
        )


def _check_calibration(row: Node, calibration: Calibration, found: Findings) -> None:
    ranges = {
        "prior": (0 < calibration.prior < 1, _OPEN_UNIT),
        "positives": (0 < calibration.positives < 1, _OPEN_UNIT),
        "correlation": (
            0 <= calibration.correlation <= 1,
            Both("it must lie in [0, 1]", "必须在 0 到 1 之间"),
        ),
        "platt_a": (
            calibration.platt_a > 0,
            Both("it must be above 0: a higher score is surer", "必须大于 0：分数越高越确定"),
        ),
    }
    for key, (good, must) in ranges.items():
        if not good:
            found.add("F007", row.spot(key), key=key, value=getattr(calibration, key), must=must)
    review_at, direct_at = calibration.review_at, calibration.direct_at
    if not 0 < review_at <= direct_at <= 1:
        spot = row.spot("review_at")
        found.add("C003", spot, review_at=review_at, direct_at=direct_at)
