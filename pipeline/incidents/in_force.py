"""What is in force at an instant: the operating profile, a rule's hours, and silences."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from pipeline.incidents.calibration import Calibration
from pipeline.incidents.deadlines import is_working_day
from pipeline.incidents.policy import (
    NORMAL,
    Matcher,
    Override,
    Policy,
    Profile,
    Rule,
    Schedule,
    Silence,
    Window,
)


def profile_at(policy: Policy, at: datetime) -> Profile | None:
    """The profile in force at `at`; None when it is the normal one. Its end is exclusive."""
    profile = policy.profile
    if profile is None or not profile.starts_at <= at < profile.ends_at:
        return None
    return profile


def profile_name(policy: Policy, at: datetime) -> str:
    """The name of the profile in force at `at`."""
    profile = profile_at(policy, at)
    return NORMAL if profile is None else profile.name


def rule_at(event_type: str, rule: Rule, policy: Policy, at: datetime) -> Rule:
    """`rule`, of the catalogue or a zone, with what the profile in force changes of it."""
    override = _override(event_type, policy, at)
    return changed(rule, override.rule) if override is not None and override.rule else rule


def changed(rule: Rule, changes: Mapping[str, float]) -> Rule:
    """`rule` with `changes` by field; `clear_below` keeps its share of `raise_at` unless given."""
    fields = dict(changes)
    if "raise_at" in fields and "clear_below" not in fields and rule.raise_at > 0:
        fields["clear_below"] = rule.clear_below * fields["raise_at"] / rule.raise_at
    if "min_hits" in fields:
        fields["min_hits"] = int(fields["min_hits"])
    return msgspec.structs.replace(rule, **fields)


def calibration_at(event_type: str, policy: Policy, at: datetime) -> Calibration:
    """The event type's calibration with the thresholds of the profile in force."""
    calibration = policy.events[event_type].calibration
    override = _override(event_type, policy, at)
    if override is None:
        return calibration
    review_at, direct_at = override.review_at, override.direct_at
    return msgspec.structs.replace(
        calibration,
        review_at=calibration.review_at if review_at is None else review_at,
        direct_at=calibration.direct_at if direct_at is None else direct_at,
    )


def is_on(event_type: str, schedule_of_watch: Schedule, policy: Policy, at: datetime) -> bool:
    """Whether the event type counts at `at`: by the schedule of the profile in force, else of the
    watch, else of the event type. No schedule is always.
    """
    override = _override(event_type, policy, at)
    schedule = override.schedule if override is not None else None
    if schedule is None:
        schedule = schedule_of_watch or policy.events[event_type].schedule
    if not schedule:
        return True
    local = at.astimezone(ZoneInfo(policy.deadlines.timezone))
    return any(_holds(window, local, policy) for window in schedule)


def silence_at(
    event_type: str, place_id: str, leaf_code: str, policy: Policy, at: datetime
) -> Silence | None:
    """The first silence in force at `at` all of whose matchers match. Its end is exclusive."""
    labels = {"event_type": event_type, "place": place_id, "grid": leaf_code}
    for silence in policy.silences:
        if silence.starts_at <= at < silence.ends_at and all(
            is_matched(matcher, labels[matcher.label]) for matcher in silence.matchers
        ):
            return silence
    return None


def is_matched(matcher: Matcher, label: str) -> bool:
    """Whether the value of the matcher's label is one that it asks for."""
    if matcher.op in ("=", "!="):
        same = label == matcher.value
    else:
        same = _pattern(matcher.value).fullmatch(label) is not None
    return same == (matcher.op in ("=", "=~"))


def _override(event_type: str, policy: Policy, at: datetime) -> Override | None:
    profile = profile_at(policy, at)
    return None if profile is None else profile.events.get(event_type)


def _holds(window: Window, local: datetime, policy: Policy) -> bool:
    """Whether a window is open; one over midnight belongs to the day on which it begins."""
    minute = local.hour * 60 + local.minute
    if window.from_min <= window.to_min:
        return window.from_min <= minute < window.to_min and _is_day(window, local, policy)
    if minute >= window.from_min:
        return _is_day(window, local, policy)
    return minute < window.to_min and _is_day(window, local - timedelta(days=1), policy)


def _is_day(window: Window, local: datetime, policy: Policy) -> bool:
    if window.days == "all":
        return True
    return is_working_day(local.date(), policy.calendar) == (window.days == "workday")


@lru_cache(maxsize=4096)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
