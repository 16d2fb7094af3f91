"""profiles.toml: what changes in an emergency (平时/战时), and which profile is in force."""

from typing import Any

import msgspec

from pipeline.incidents.policy import EventType, Override, Profile
from pipeline.site.catalogue import RULE_FIELDS, Catalogue, changed_rule, check_thresholds
from pipeline.site.files import SiteFiles
from pipeline.site.hours import Order, read_span, with_windows
from pipeline.site.problems import did_you_mean
from pipeline.site.tables import Node, Row, read
from pipeline.site.targets import Watches


class _File(Row):
    active: dict[str, Any] | None = None
    profiles: dict[str, Any] = msgspec.field(default_factory=dict)


class _Active(Order, kw_only=True):
    profile: str


class _Profile(Row):
    events: dict[str, Any]


def read_profiles(
    files: SiteFiles, catalogue: Catalogue | None, watches: Watches
) -> Profile | None:
    """The active profile, whenever it is in force; None where there is none, or no such file.

    Every profile is checked, so that the one that is not active can be when it is needed.
    """
    node = files.toml("profiles.toml")
    file = read(node, _File) if node is not None else None
    if node is None or file is None:
        return None
    profiles = {
        name: _overrides(node["profiles"][name], catalogue, watches) for name in file.profiles
    }
    if file.active is None:
        return None
    row = node["active"]
    active = read(row, _Active)
    span = read_span(row, active) if active is not None else None
    if active is None or span is None:
        return None
    if active.profile not in profiles:
        hint = did_you_mean(active.profile, profiles)
        row.add("S007", "profile", profile=active.profile, hint=hint)
        return None
    return Profile(active.profile, active.author, active.comment, *span, profiles[active.profile])


def _overrides(row: Node, catalogue: Catalogue | None, watches: Watches) -> dict[str, Override]:
    """What one profile changes, by event type; the rest is noted."""
    profile = read(row, _Profile)
    overrides: dict[str, Override] = {}
    if profile is None or catalogue is None:
        return overrides
    for name in profile.events:
        table = row["events"][name]
        override = read(with_windows(table), Override)
        event = catalogue.event(name, table)
        if override is not None and event is not None:
            _check(table, override, event, watches)
            overrides[name] = override
    return overrides


def _check(table: Node, override: Override, event: EventType, watches: Watches) -> None:
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
