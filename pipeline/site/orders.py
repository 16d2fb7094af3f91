"""silences.toml and profiles.toml: what somebody orders for a time, why and until when.

A silence: what is not told. A profile: what changes in an emergency (平时/战时).
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints

import msgspec

from pipeline.incidents.in_force import is_matched
from pipeline.incidents.policy import EventType, Matcher, Override, Profile, Silence
from pipeline.site.catalogue import RULE_FIELDS, Catalogue, changed_rule, check_thresholds
from pipeline.site.files import SiteFiles
from pipeline.site.grid_map import GridMap
from pipeline.site.hours import with_windows
from pipeline.site.problems import did_you_mean, say
from pipeline.site.tables import Ids, Instant, Node, Row, Said, read, rows
from pipeline.site.targets import Watches

EVER = datetime(1970, 1, 1, tzinfo=UTC)
_LABELS = get_args(get_type_hints(Matcher)["label"])
_MATCHER = re.compile(r"\s*(\w+)\s*(=~|!~|!=|=)\s*(?:\"([^\"]*)\"|([^\"\s]*))\s*")

Known = Mapping[str, Collection[str]]


class _Order(Row, kw_only=True):
    """What a silence and an active profile have: who wants it, why, and until when."""

    author: Said
    comment: Said
    starts_at: Instant | None = None
    ends_at: Instant


class _Silences(Row):
    silence: tuple[Any, ...] = ()


class _Silence(_Order, kw_only=True):
    id: str
    matchers: tuple[str, ...]


class _Profiles(Row):
    active: dict[str, Any] | None = None
    profiles: dict[str, Any] = msgspec.field(default_factory=dict)


class _Active(_Order, kw_only=True):
    profile: str


class _Profile(Row):
    events: dict[str, Any]


def read_silences(files: SiteFiles, catalogue: Catalogue, grid_map: GridMap) -> tuple[Silence, ...]:
    """The good silences in the order of the file, which need not be there; the rest is noted."""
    node = files.toml("silences.toml")
    if node is None:
        return ()
    read(node, _Silences)
    known = {
        "event_type": catalogue.names,
        "place": grid_map.places,
        "grid": [leaf.code for leaf in grid_map.leaves()],
    }
    ids = Ids(say("silence"))
    silences = (_silence(row, ids, known) for row in rows(node, "silence"))
    return tuple(silence for silence in silences if silence is not None)


def _silence(row: Node, ids: Ids, known: Known) -> Silence | None:
    silence = read(row, _Silence)
    if silence is None or not ids.claim(row):
        return None
    span = _span(row, silence)
    found = [_matcher(row, index, text) for index, text in enumerate(silence.matchers)]
    matchers = tuple(matcher for matcher in found if matcher is not None)
    if span is None or len(matchers) < len(found):
        return None
    _check_reach(row, silence.id, matchers, known)
    return Silence(silence.id, matchers, silence.author, silence.comment, *span)


def _matcher(row: Node, index: int, text: str) -> Matcher | None:
    """A matcher as Alertmanager writes it: label, operator, and a value with or without quotes."""
    match = _MATCHER.fullmatch(text)
    if match is None:
        row.add("S001", "matchers", index, matcher=text)
        return None
    label, op, quoted, bare = match.groups()
    value = bare if quoted is None else quoted
    if label not in _LABELS:
        row.add("S002", "matchers", index, label=label, hint=did_you_mean(label, _LABELS))
        return None
    try:
        re.compile(value if "~" in op else "")
    except (re.error, OverflowError, RecursionError) as error:
        row.add("S003", "matchers", index, value=value, error=error)
        return None
    return msgspec.convert({"label": label, "op": op, "value": value}, Matcher)


def _check_reach(row: Node, name: str, matchers: tuple[Matcher, ...], known: Known) -> None:
    """Note a silence that leaves nothing of the site, and a matcher that takes nothing of it."""
    everything = True
    for index, matcher in enumerate(matchers):
        values = known[matcher.label]
        taken = sum(is_matched(matcher, value) for value in values)
        if values and not taken:
            row.add("S005", "matchers", index, label=matcher.label, value=matcher.value)
        # One who names a thing means it, even where the site has no other.
        everything &= taken == len(values) > 0 and matcher.op != "="
    if everything:
        row.add("S004", "matchers", silence=name)


def read_profiles(files: SiteFiles, catalogue: Catalogue, watches: Watches) -> Profile | None:
    """The active profile, whenever it is in force; None where there is none, or no such file.

    Every profile is checked, so that the one that is not active can be when it is needed.
    """
    node = files.toml("profiles.toml")
    file = read(node, _Profiles) if node is not None else None
    if node is None or file is None:
        return None
    profiles = {
        name: _overrides(node["profiles"][name], catalogue, watches) for name in file.profiles
    }
    if file.active is None:
        return None
    row = node["active"]
    active = read(row, _Active)
    span = _span(row, active) if active is not None else None
    if active is None or span is None:
        return None
    if active.profile not in profiles:
        hint = did_you_mean(active.profile, profiles)
        row.add("S007", "profile", profile=active.profile, hint=hint)
        return None
    return Profile(active.profile, active.author, active.comment, *span, profiles[active.profile])


def _overrides(row: Node, catalogue: Catalogue, watches: Watches) -> dict[str, Override]:
    """What one profile changes, by event type; the rest is noted."""
    profile = read(row, _Profile)
    overrides: dict[str, Override] = {}
    for name in profile.events if profile is not None else ():
        table = row["events"][name]
        override = read(with_windows(table), Override)
        event = catalogue.event(name, table)
        if override is not None and event is not None:
            _check_override(table, override, event, watches)
            overrides[name] = override
    return overrides


def _check_override(table: Node, override: Override, event: EventType, watches: Watches) -> None:
    """Note what the profile may not set, or what would then be wrong in any rule in use."""
    for field in override.rule.keys() - RULE_FIELDS:
        table.add("F004", "rule", field, key=field, hint=did_you_mean(field, RULE_FIELDS))
    targets = {field: field for field in override.rule if field in RULE_FIELDS}
    in_use = [watch.rule for watch in watches.values() if watch.event_type == event.type]
    for rule in dict.fromkeys([event.rule, *in_use]) if targets else ():
        changed_rule(table["rule"], rule, targets)
    given = event.calibration
    check_thresholds(
        table,
        given.review_at if override.review_at is None else override.review_at,
        given.direct_at if override.direct_at is None else override.direct_at,
    )


def _span(row: Node, order: _Order) -> tuple[datetime, datetime] | None:
    """From when (ever, where it is not said) until when; None, noted, where that is never."""
    starts_at = order.starts_at or EVER
    if starts_at.tzinfo is None or order.ends_at.tzinfo is None:
        return None  # told as a time without an offset
    if order.ends_at <= starts_at:
        times = {"starts_at": starts_at.isoformat(), "ends_at": order.ends_at.isoformat()}
        row.add("S006", "ends_at", **times)
        return None
    return starts_at, order.ends_at
