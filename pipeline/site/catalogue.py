"""catalogue.toml: the event types, their rules and how sure one must be of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Meta

from detectors.hits import Params
from pipeline.incidents.policy import EventType, Over, Rule
from pipeline.site.detectors import installed
from pipeline.site.files import SiteFiles
from pipeline.site.problems import did_you_mean, say
from pipeline.site.tables import Ids, Node, Row, check_limits, read, rows

ONLY_DETECTOR = "detector"
_RULE_LIMITS = {
    "raise_at": Meta(gt=0),
    "clear_below": Meta(ge=0),
    "hold_s": Meta(ge=0),
    "share": Meta(gt=0, le=1),
    "gap_s": Meta(ge=0),
    "clear_s": Meta(ge=0),
}
_CALIBRATION_LIMITS = {
    "prior": Meta(gt=0, lt=1),
    "positives": Meta(gt=0, lt=1),
    "correlation": Meta(ge=0, le=1),
    "platt_a": Meta(gt=0, title="surer"),
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The event types by name; `names` also holds those whose row has problems of its own."""

    version: str
    events: dict[str, EventType]
    names: frozenset[str]


class _File(Row):
    version: str
    event: list[Any]


def read_catalogue(files: SiteFiles) -> Catalogue | None:
    """The catalogue with every good row; None where the file is missing or not TOML."""
    node = files.toml("catalogue.toml", "needs_catalogue")
    if node is None:
        return None
    head = read(node, _File)
    ids = Ids(say("event"))
    events: dict[str, EventType] = {}
    names: set[str] = set()
    for row in rows(node, "event"):
        names.add(str(row.value.get("type")))
        event = read(row, EventType)
        if event is not None and ids.claim(row, "type"):
            _check_event(row, event)
            events[event.type] = event
    return Catalogue(head.version if head else "", events, frozenset(names))


def _check_event(row: Node, event: EventType) -> None:
    check_limits(row, "event_level", event.event_level, Meta(ge=1, le=4, title="event_level"))
    _check_rule(row["rule"], event.rule, {name: name for name in _RULE_LIMITS})
    calibration = row["calibration"]
    for key, limits in _CALIBRATION_LIMITS.items():
        check_limits(calibration, key, getattr(event.calibration, key), limits)
    review_at, direct_at = event.calibration.review_at, event.calibration.direct_at
    if not 0 < review_at <= direct_at <= 1:
        calibration.add("C003", "review_at", review_at=review_at, direct_at=direct_at)
    for param, target in event.params.items():
        if target not in (*_RULE_LIMITS, ONLY_DETECTOR):
            facts = {"param": param, "event": event.type, "target": target}
            row.add("C001", "params", param, **facts, targets=", ".join(_RULE_LIMITS))
    # Run from a plain checkout nothing is registered, and nothing can be said.
    names = installed()
    if names and event.detector not in names:
        hint = did_you_mean(event.detector, names)
        row.add("C005", "detector", detector=event.detector, event=event.type, hint=hint)


def _check_rule(row: Node, rule: Rule, names: Mapping[str, str]) -> None:
    """Note what in `rule` cannot be.

    `names`: the rule fields that `row` sets, and the key that sets each; others are not looked at.
    """
    for key, name in names.items():
        limits = _RULE_LIMITS[key]
        if key == "raise_at" and rule.over is Over.PROBABILITY and rule.raise_at > 1:
            limits = Meta(le=1, title="probability")
        check_limits(row, name, getattr(rule, key), limits)
    set_by = names.get("clear_below") or names.get("raise_at")
    if set_by and rule.clear_below > rule.raise_at:
        row.add("C002", set_by, clear_below=rule.clear_below, raise_at=rule.raise_at)


def rule_with(event: EventType, row: Node, params: Params) -> Rule:
    """The event's rule as `params`, which stand in `row`, change it.

    `clear_below` keeps its share of `raise_at` unless it is set itself.
    """
    changes: dict[str, float] = {}
    names: dict[str, str] = {}
    for name, value in params.items():
        target = event.params.get(name)
        if target is None:
            hint = did_you_mean(name, event.params)
            row.add("C004", "params", name, param=name, event=event.type, hint=hint)
        elif target not in _RULE_LIMITS:
            continue
        elif isinstance(value, float):
            changes[target] = value
            names[target] = name
        else:
            row.add("F006", "params", name, key=name, value=value, expected=say("float"))
    rule = event.rule
    if "raise_at" in changes and "clear_below" not in changes and rule.raise_at > 0:
        changes["clear_below"] = rule.clear_below * changes["raise_at"] / rule.raise_at
    changed = msgspec.structs.replace(rule, **changes)
    # A rule that is wrong in the catalogue is told there, not again at each zone.
    if names and rule.clear_below <= rule.raise_at:
        _check_rule(row["params"], changed, names)
    return changed
