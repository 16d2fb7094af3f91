"""deadlines.toml: how long each event level has, in which time zone."""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from pipeline.incidents.policy import DeadlineProfile, DeadlineRule
from pipeline.site.files import SiteFiles
from pipeline.site.problems import Both, Findings
from pipeline.site.tables import Node, read

EVENT_LEVELS = ("1", "2", "3", "4")
_NEEDED = Both("it says by when an alert must be handled", "其中规定告警的办结时限")
_COUNTED = ("calendar_days", "working_days")


class _File(msgspec.Struct):
    name: str
    timezone: str
    levels: dict[str, Any]


def read_deadlines(files: SiteFiles, found: Findings) -> DeadlineProfile | None:
    """The profile; None, with the problems noted, where it is not right."""
    node = files.toml("deadlines.toml", _NEEDED)
    profile = read(node, _File, found) if node is not None else None
    if node is None or profile is None:
        return None
    _check_timezone(node, profile.timezone, found)
    levels = {}
    for level in profile.levels:
        rule = _level(node["levels"], level, found)
        if rule is not None:
            levels[int(level)] = rule
    for level in EVENT_LEVELS:
        if level not in profile.levels:
            found.add("D002", node.spot("levels"), level=level)
    return DeadlineProfile(profile.name, profile.timezone, levels)


def _level(levels: Node, level: str, found: Findings) -> DeadlineRule | None:
    if level not in EVENT_LEVELS:
        must = Both("event levels are 1 to 4", "事件等级为 1 到 4")
        found.add("F007", levels.spot(level), key="levels", value=level, must=must)
        return None
    rule = read(levels[level], DeadlineRule, found)
    if rule is None:
        return None
    if rule.basis in _COUNTED and rule.amount < 1:
        must = Both(f"{rule.basis} need an amount of 1 or more", f"{rule.basis} 至少为 1")
    elif rule.basis not in _COUNTED and rule.amount != 0:
        must = Both(f"{rule.basis} has no amount", f"{rule.basis} 没有数量")
    else:
        return rule
    found.add("F007", levels.spot(level, "amount"), key="amount", value=rule.amount, must=must)
    return None


def _check_timezone(node: Node, timezone: str, found: Findings) -> None:
    try:
        ZoneInfo(timezone)
    except (ValueError, OSError, LookupError):  # a path, a folder of zones, no such zone
        must = Both(
            "it is no IANA time zone such as Asia/Shanghai", "不是 IANA 时区，如 Asia/Shanghai"
        )
        found.add("F007", node.spot("timezone"), key="timezone", value=f'"{timezone}"', must=must)
