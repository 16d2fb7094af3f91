"""deadlines.toml: how long each event level has; a city's own levels, or a shipped profile."""

from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from msgspec import Meta

from pipeline.incidents.policy import DeadlineProfile, DeadlineRule
from pipeline.site.files import SiteFiles
from pipeline.site.hours import minutes_of
from pipeline.site.problems import Findings, SiteError, did_you_mean, say
from pipeline.site.tables import Node, Row, read

EVENT_LEVELS = ("1", "2", "3", "4")
_SHIPPED = Path(__file__).with_name("deadline_profiles")
_LONGEST_DAYS = 366

Spans = tuple[tuple[int, int], ...]


class _Own(Row):
    name: Annotated[str, Meta(pattern=r"^[\w.-]{1,40}\Z", title="profile_name")]
    timezone: str
    levels: dict[str, Any]
    working_hours: tuple[str, ...] = ()
    remind_at: tuple[float, ...] = DeadlineProfile("", "", {}).remind_at


class _Taken(Row):
    profile: str


def shipped_names() -> list[str]:
    """The profiles that come with GridAlert."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def shipped(name: str) -> DeadlineProfile:
    """One of `shipped_names`."""
    found = Findings()
    node = SiteFiles(_SHIPPED, found).toml(f"{name}.toml", "needs_deadlines")
    profile = _read_own(node) if node is not None else None
    if profile is None or found.errors:
        raise SiteError(found.all)
    return profile


def read_deadlines(files: SiteFiles) -> DeadlineProfile | None:
    """The profile; None, with the problems noted, where it is not right."""
    node = files.toml("deadlines.toml", "needs_deadlines")
    if node is None:
        return None
    return _read_taken(node) if "profile" in node.value else _read_own(node)


def _read_taken(node: Node) -> DeadlineProfile | None:
    taken, names = read(node, _Taken), shipped_names()
    if taken is None:
        return None
    if taken.profile in names:
        return shipped(taken.profile)
    choices, hint = ", ".join(names), did_you_mean(taken.profile, names)
    node.add("F008", "profile", key="profile", value=taken.profile, choices=choices, hint=hint)
    return None


def _read_own(node: Node) -> DeadlineProfile | None:
    own = read(node, _Own)
    if own is None:
        return None
    try:
        ZoneInfo(own.timezone)
    except (ValueError, OSError, LookupError):  # a path, a folder of zones, no such zone
        node.wrong("timezone", say("timezone"))
    _check_shares(node, own.remind_at)
    spans = _spans(node, own.working_hours)
    levels = {}
    for level in own.levels:
        rule = _level(node["levels"], level, spans)
        if rule is not None:
            levels[int(level)] = rule
    for level in EVENT_LEVELS:
        if level not in own.levels:
            node.add("D002", "levels", level=level)
    if not own.working_hours and any(rule.basis == "working_hours" for rule in levels.values()):
        node.add("F005", "working_hours", key="working_hours", expected=say("spans"))
    return DeadlineProfile(own.name, own.timezone, levels, spans, own.remind_at)


def _level(levels: Node, level: str, spans: Spans) -> DeadlineRule | None:
    if level not in EVENT_LEVELS:
        levels.add("F007", level, key="levels", value=level, must=say("event_level"))
        return None
    rule = read(levels[level], DeadlineRule)
    if rule is None:
        return None
    most = _most(rule.basis, spans)
    if 1 <= rule.amount <= most if most else rule.amount == 0:
        return rule
    must = say("time_amount" if most else "no_amount", basis=rule.basis, most=most)
    levels.add("F007", level, "amount", key="amount", value=rule.amount, must=must)
    return None


def _most(basis: str, spans: Spans) -> int:
    """The largest amount: that of a leap year; 0 where the basis has none."""
    if basis in ("calendar_days", "working_days"):
        return _LONGEST_DAYS
    if basis == "clock_hours":
        return _LONGEST_DAYS * 24
    # Spans that are missing or wrong are told of on their own.
    day_min = sum(to_min - from_min for from_min, to_min in spans) or 1440
    return _LONGEST_DAYS * day_min // 60 if basis == "working_hours" else 0


def _spans(node: Node, texts: tuple[str, ...]) -> Spans:
    """Minutes since midnight, rising, as far as they are right."""
    spans: list[tuple[int, int]] = []
    for index, text in enumerate(texts):
        span = minutes_of(text)
        if span is not None and (spans[-1][1] if spans else 0) <= span[0] < span[1]:
            spans.append(span)
        else:
            node.wrong("working_hours", say("spans_must"), index)
    return tuple(spans)


def _check_shares(node: Node, shares: tuple[float, ...]) -> None:
    before = 0.0
    for index, share in enumerate(shares):
        if not before < share < 1:
            node.wrong("remind_at", say("shares"), index)
        before = share
