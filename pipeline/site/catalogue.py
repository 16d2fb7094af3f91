"""catalogue.toml: the event types, their rules and how sure one must be of them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, get_args

from msgspec import structs

from detectors.hits import Params
from pipeline.incidents.calibration import Calibration, Probable
from pipeline.incidents.in_force import changed
from pipeline.incidents.policy import EventType, Over, Rule
from pipeline.reports import Channel
from pipeline.site.detectors import installed, looks_at_zones
from pipeline.site.files import SiteFiles
from pipeline.site.hours import with_windows
from pipeline.site.model import VIEW
from pipeline.site.problems import did_you_mean, say
from pipeline.site.tables import Ids, Node, Row, read, read_value, rows

ONLY_DETECTOR = "detector"
# What params and profiles may set: the type of each, with its limits.
RULE_FIELDS = {field.name: field.type for field in structs.fields(Rule) if field.name != "over"}
# Their defaults are for what people alone report; where a detector looks they must be said.
_LOOKED_FOR = {"measure", "unit", "measure_zh", "rule", "calibration"}
_CHANNELS = get_args(Channel)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The event types by name; `names` also holds those whose row has problems of its own.

    `whole` is False where the file could not be read: what seems unknown may be there.
    """

    version: str
    events: dict[str, EventType]
    names: frozenset[str]
    whole: bool = True

    def event(self, name: str, row: Node, *steps: str) -> EventType | None:
        """The event type that stands under `steps` of `row`; None, noted, where there is none."""
        if self.whole and name not in self.names:
            row.add("R007", *steps, event=name, hint=did_you_mean(name, self.names))
        return self.events.get(name)


class _File(Row):
    version: str
    event: list[Any]


def read_catalogue(files: SiteFiles) -> Catalogue:
    """The catalogue with every good row; the rest is noted."""
    node = files.toml("catalogue.toml", "needs_catalogue")
    if node is None:
        return Catalogue("", {}, frozenset(), whole=False)
    head = read(node, _File)
    ids = Ids(say("event"))
    events: dict[str, EventType] = {}
    names: set[str] = set()
    for row in rows(node, "event"):
        names.add(str(row.value.get("type")))
        event = read(with_windows(row), EventType)
        if event is not None and ids.claim(row, "type"):
            _check_event(row, event)
            events[event.type] = event
    catalogue = Catalogue(head.version if head else "", events, frozenset(names))
    for row in rows(node, "event"):
        event = events.get(str(row.value.get("type")))
        for sensor in event.calibration.sensors if event else ():
            _check_sensor(row, sensor, catalogue)
    return catalogue


def _check_sensor(row: Node, sensor: str, catalogue: Catalogue) -> None:
    """Note an event that cannot tell of that of `row`: its own, or one of no readings."""
    steps = ("calibration", "sensors", sensor)
    other = catalogue.event(sensor, row, *steps)
    if other is None:
        return
    own, detector = other.type == row.value["type"], other.detector
    with suppress(ImportError):  # check_detector says so
        if own or detector in (None, VIEW) or looks_at_zones(detector):
            row.add("C009", *steps, event=row.value["type"], sensor=sensor)


def _check_event(row: Node, event: EventType) -> None:
    _check_grades(row, event)
    if "rule" in row.value:
        _check_rule(row["rule"], event.rule, {name: name for name in RULE_FIELDS})
    if "calibration" in row.value:
        _check_calibration(row["calibration"], event.calibration)
    for param, target in event.params.items():
        if target not in (*RULE_FIELDS, ONLY_DETECTOR):
            facts = {"param": param, "event": event.type, "target": target}
            row.add("C001", "params", param, **facts, targets=", ".join(RULE_FIELDS))
    for kind, params in event.kinds.items():
        _rule_with(event, row["kinds"][kind], params, event.rule)
    if event.detector is not None:
        check_installed(row, event.detector, event.type)
        for key in _LOOKED_FOR - row.value.keys():
            expected = say("dict" if key in ("rule", "calibration") else "str")
            row.add("F005", "detector", key=key, expected=expected)


def check_installed(row: Node, detector: str, event: str) -> None:
    """Note a detector that is not there; a plain checkout knows none, and nothing can be said."""
    names = installed()
    if names and detector not in names:
        hint = did_you_mean(detector, names)
        row.add("C005", "detector", detector=detector, event=event, hint=hint)


def _check_calibration(row: Node, calibration: Calibration) -> None:
    for channel in calibration.reported:
        if channel in _CHANNELS:
            read_value(row["reported"], channel, Probable)
        else:
            hint = did_you_mean(channel, _CHANNELS)
            row.add("F004", "reported", channel, key=channel, hint=hint)
    check_thresholds(row, calibration.review_at, calibration.direct_at)


def check_thresholds(row: Node, review_at: float, direct_at: float) -> None:
    """Note thresholds, of a calibration or a profile, that are not in order."""
    if not 0 < review_at <= direct_at <= 1:
        row.add("C003", "review_at", review_at=review_at, direct_at=direct_at)


def _check_grades(row: Node, event: EventType) -> None:
    """Note grades that do not rise, the first from the row's own level."""
    measure_at, level = 0.0, event.event_level
    for index, grade in enumerate(event.grades):
        if grade.measure_at <= measure_at or grade.event_level < level:
            facts = {"n": index + 1, "measure_at": measure_at, "level": level}
            row.add("C006", "grades", index, **facts)
        measure_at, level = grade.measure_at, grade.event_level


def _check_rule(row: Node, rule: Rule, names: Mapping[str, str]) -> None:
    """Note fields of `rule` that contradict each other.

    `names`: the key of `row` that sets each rule field, where it is there.
    """
    raise_at = names.get("raise_at")
    if raise_at and rule.over is Over.PROBABILITY and rule.raise_at > 1:
        row.wrong(raise_at, say("probability"))
    set_by = names.get("clear_below") or raise_at
    if set_by and rule.clear_below > rule.raise_at:
        row.add("C002", set_by, clear_below=rule.clear_below, raise_at=rule.raise_at)


def with_kind(
    event: EventType, row: Node, named: Params
) -> tuple[Rule, dict[str, float | str | bool]]:
    """The event's rule, and the params, of what has the params `named`: its own over its kind's."""
    own = {name: value for name, value in named.items() if name != "kind"}
    kind = named.get("kind")
    if kind is not None and kind not in event.kinds:
        facts = {"kind": kind, "event": event.type, "hint": did_you_mean(str(kind), event.kinds)}
        row.add("C008", "params", "kind", **facts)
    of_kind = event.kinds.get(str(kind), {})
    set_by_kind = {
        event.params[name]: float(value)
        for name, value in of_kind.items()
        if event.params.get(name) in RULE_FIELDS and isinstance(value, int | float)
    }
    rule = changed(event.rule, set_by_kind)
    if own:
        rule = _rule_with(event, row["params"], own, rule)
    return rule, {**of_kind, **own}


def _rule_with(event: EventType, node: Node, params: Params, rule: Rule) -> Rule:
    """`rule` as `params`, of the table `node`, change it."""
    targets: dict[str, str] = {}
    for name in params:
        target = event.params.get(name)
        if target is None:
            hint = did_you_mean(name, event.params)
            node.add("C004", name, param=name, event=event.type, hint=hint)
        elif target in RULE_FIELDS:
            targets[name] = target
    return changed_rule(node, rule, targets) if targets else rule


def changed_rule(row: Node, rule: Rule, targets: Mapping[str, str]) -> Rule:
    """`rule` as the numbers of the table `row` change it.

    `targets`: keys of `row`, and the rule field that each sets.
    """
    changes: dict[str, float] = {}
    names: dict[str, str] = {}
    for name, target in targets.items():
        number: float | None = read_value(row, name, RULE_FIELDS[target])
        if number is not None:
            changes[target], names[target] = number, name
    after = changed(rule, changes)
    # A rule that is wrong in the catalogue is told there, not again at each zone.
    if names and rule.clear_below <= rule.raise_at:
        _check_rule(row, after, names)
    return after
