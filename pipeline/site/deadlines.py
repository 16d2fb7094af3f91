"""deadlines.toml: how long each event level has, in which time zone."""

from typing import Any
from zoneinfo import ZoneInfo

from pipeline.incidents.policy import DeadlineProfile, DeadlineRule
from pipeline.site.files import SiteFiles
from pipeline.site.problems import say
from pipeline.site.tables import Node, Row, read

EVENT_LEVELS = ("1", "2", "3", "4")
_COUNTED = ("calendar_days", "working_days")


class _File(Row):
    name: str
    timezone: str
    levels: dict[str, Any]


def read_deadlines(files: SiteFiles) -> DeadlineProfile | None:
    """The profile; None, with the problems noted, where it is not right."""
    node = files.toml("deadlines.toml", "needs_deadlines")
    profile = read(node, _File) if node is not None else None
    if node is None or profile is None:
        return None
    try:
        ZoneInfo(profile.timezone)
    except (ValueError, OSError, LookupError):  # a path, a folder of zones, no such zone
        node.wrong("timezone", say("timezone"))
    levels = {}
    for level in profile.levels:
        rule = _level(node["levels"], level)
        if rule is not None:
            levels[int(level)] = rule
    for level in EVENT_LEVELS:
        if level not in profile.levels:
            node.add("D002", "levels", level=level)
    return DeadlineProfile(profile.name, profile.timezone, levels)


def _level(levels: Node, level: str) -> DeadlineRule | None:
    if level not in EVENT_LEVELS:
        levels.add("F007", level, key="levels", value=level, must=say("event_level"))
        return None
    rule = read(levels[level], DeadlineRule)
    if rule is None:
        return None
    counted = rule.basis in _COUNTED
    if rule.amount >= 1 if counted else rule.amount == 0:
        return rule
    must = say("days_amount" if counted else "no_amount", basis=rule.basis)
    levels.add("F007", level, "amount", key="amount", value=rule.amount, must=must)
    return None
