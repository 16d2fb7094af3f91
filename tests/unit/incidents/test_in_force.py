"""What is in force at an instant: profiles, hours of a rule, silences."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.incidents.in_force import (
    calibration_at,
    changed,
    is_on,
    profile_at,
    profile_name,
    rule_at,
    silence_at,
)
from pipeline.incidents.policy import (
    DeadlineProfile,
    Matcher,
    Override,
    Policy,
    Profile,
    Schedule,
    Silence,
    Window,
    WorkCalendar,
)
from tests.builders import COUNT, event_type

SHANGHAI = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 6, 1, 8, 0, tzinfo=SHANGHAI)
END = BEGIN + timedelta(hours=4)
INSTANT = timedelta(milliseconds=1)
YEAR = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
CALENDAR = WorkCalendar(
    "test",
    frozenset({2026}),
    {day: chinese_calendar.is_workday(day) for day in YEAR},
)
OFFICE: Schedule = (Window("workday", 7 * 60, 22 * 60),)
NIGHTS: Schedule = (Window("workday", 22 * 60, 6 * 60),)


def policy(**fields: Any) -> Policy:
    whole: dict[str, Any] = {
        "version": "p1",
        "tenant": "test",
        "source_uri": "urn:t",
        "map_version": "map-1",
        "catalogue_version": "1",
        "events": {"crowding": event_type("crowding", COUNT), "leak": event_type("leak", COUNT)},
        "places": {},
        "watches": {},
        "deadlines": DeadlineProfile("zhenhai", "Asia/Shanghai", {}),
        "calendar": CALENDAR,
        "leaves": {},
        "officers": {},
    }
    return Policy(**{**whole, **fields})


def emergency(**override: Any) -> Policy:
    events = {"crowding": Override(**override)}
    return policy(profile=Profile("emergency", "王", "flood", BEGIN, END, events))


def local(day: str, time: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=SHANGHAI).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "name"),
    [
        (BEGIN - INSTANT, "normal"),
        (BEGIN, "emergency"),
        (END - INSTANT, "emergency"),
        (END, "normal"),
    ],
)
def test_a_profile_begins_and_ends_by_itself(at: datetime, name: str) -> None:
    site = emergency()
    assert profile_name(site, at) == name
    assert (profile_at(site, at) is None) == (name == "normal")
    assert profile_name(policy(), at) == "normal"


def test_a_profile_changes_the_rule_of_the_zone_while_it_is_in_force() -> None:
    site = emergency(rule={"hold_s": 1.0, "min_hits": 2.0})
    zone = changed(COUNT, {"raise_at": 10})
    now = rule_at("crowding", zone, site, BEGIN)
    assert (now.hold_s, now.min_hits, now.raise_at) == (1.0, 2, 10)
    assert isinstance(now.min_hits, int)
    assert rule_at("crowding", zone, site, END) is zone
    assert rule_at("leak", zone, site, BEGIN) is zone
    assert rule_at("crowding", zone, emergency(review_at=0.3), BEGIN) is zone


def test_clear_below_keeps_its_share_of_raise_at() -> None:
    assert changed(COUNT, {"raise_at": 10}).clear_below == 7
    assert changed(COUNT, {"raise_at": 10, "clear_below": 4}).clear_below == 4
    assert changed(COUNT, {"hold_s": 1}).clear_below == COUNT.clear_below


def test_a_profile_changes_the_thresholds_it_gives() -> None:
    site = emergency(review_at=0.3)
    was = site.events["crowding"].calibration
    now = calibration_at("crowding", site, BEGIN)
    assert (now.review_at, now.direct_at, now.prior) == (0.3, was.direct_at, was.prior)
    assert calibration_at("crowding", emergency(direct_at=0.6), BEGIN).direct_at == 0.6
    assert calibration_at("crowding", site, END) is was
    assert calibration_at("leak", site, BEGIN) is site.events["leak"].calibration


@pytest.mark.parametrize(
    ("schedule", "day", "time", "on"),
    [
        pytest.param(OFFICE, "2026-10-09", "06:59:59", False, id="before it opens"),
        pytest.param(OFFICE, "2026-10-09", "07:00:00", True, id="as it opens"),
        pytest.param(OFFICE, "2026-10-09", "21:59:59", True, id="its last second"),
        pytest.param(OFFICE, "2026-10-09", "22:00:00", False, id="as it shuts"),
        pytest.param(OFFICE, "2026-10-10", "12:00:00", True, id="a make-up Saturday is worked"),
        pytest.param(OFFICE, "2026-10-11", "12:00:00", False, id="a Sunday is not"),
        pytest.param(OFFICE, "2026-10-01", "12:00:00", False, id="National Day is not"),
        pytest.param(NIGHTS, "2026-10-10", "23:00:00", True, id="the night of a worked Saturday"),
        pytest.param(NIGHTS, "2026-10-11", "05:59:59", True, id="goes on into its Sunday"),
        pytest.param(NIGHTS, "2026-10-11", "22:00:00", False, id="Sunday night has none"),
        pytest.param(NIGHTS, "2026-10-12", "03:00:00", False, id="nor has Monday before dawn"),
        pytest.param(NIGHTS, "2026-10-12", "22:00:00", True, id="Monday night has"),
        pytest.param((Window("holiday", 0, 1440),), "2026-10-07", "23:59:59", True, id="whole day"),
        pytest.param((Window("all", 480, 480),), "2026-10-07", "08:00:00", False, id="empty"),
        pytest.param((), "2026-10-07", "03:00:00", True, id="no schedule is always"),
    ],
)
def test_hours(schedule: Schedule, day: str, time: str, on: bool) -> None:
    assert is_on("crowding", schedule, policy(), local(day, time)) is on


def test_the_profiles_schedule_wins_over_the_watchs_and_that_over_the_event_types() -> None:
    lunch, dusk = (Window("all", 720, 780),), (Window("all", 1080, 1140),)
    site = policy(events={"crowding": event_type("crowding", COUNT, schedule=lunch)})
    noon, dark = local("2026-06-01", "12:30:00"), local("2026-06-01", "18:30:00")
    assert [is_on("crowding", (), site, at) for at in (noon, dark)] == [True, False]
    assert [is_on("crowding", dusk, site, at) for at in (noon, dark)] == [False, True]
    during, breakfast = BEGIN + timedelta(minutes=30), (Window("all", 480, 540),)
    assert is_on("crowding", dusk, emergency(schedule=()), during)
    assert is_on("crowding", dusk, emergency(schedule=breakfast), during)
    assert not is_on("crowding", dusk, emergency(rule={"hold_s": 1}), during)


windows = st.builds(
    Window,
    st.sampled_from(["all", "workday", "holiday"]),
    st.integers(0, 1439),
    st.integers(1, 1440),
)


@given(
    schedule=st.lists(windows, min_size=1, max_size=3),
    minutes=st.integers(1440, 364 * 1440),
)
@example(
    schedule=[Window("workday", 1200, 480)], minutes=(date(2026, 10, 11) - YEAR[0]).days * 1440
)
@settings(max_examples=50)
def test_a_window_is_open_from_its_beginning_on_its_day(
    schedule: list[Window], minutes: int
) -> None:
    at = datetime(2026, 1, 1, tzinfo=SHANGHAI) + timedelta(minutes=minutes)

    def begun(window: Window, day: date) -> bool:
        kind = {"workday": True, "holiday": False}.get(window.days)
        if kind is not None and chinese_calendar.is_workday(day) != kind:
            return False
        midnight = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
        length = window.to_min - window.from_min
        start = midnight + timedelta(minutes=window.from_min)
        return start <= at < start + timedelta(minutes=length if length >= 0 else length + 1440)

    expected = any(
        begun(window, at.date() - timedelta(days=back)) for window in schedule for back in (0, 1)
    )
    assert is_on("crowding", tuple(schedule), policy(), at.astimezone(UTC)) == expected


def silenced(*matchers: Matcher, **when: datetime) -> Policy:
    times = {"starts_at": BEGIN, "ends_at": END, **when}
    return policy(silences=(Silence("s-1", matchers, "李", "market day", **times),))


def is_silent(site: Policy, at: datetime = BEGIN, place: str = "pl-0931") -> bool:
    return silence_at("crowding", place, "510117001003002007", site, at) is not None


Op = Literal["=", "!=", "=~", "!~"]


@pytest.mark.parametrize(
    ("label", "op", "value", "silent"),
    [
        ("event_type", "=", "crowding", True),
        ("event_type", "=", "crowd", False),
        ("event_type", "!=", "crowding", False),
        ("event_type", "!=", "leak", True),
        ("event_type", "=~", "crowding|leak", True),
        ("event_type", "=~", "crowd", False),  # the whole label, as in Alertmanager
        ("event_type", "=", "crowd.*", False),  # no pattern
        ("place", "=~", "pl-09.*", True),
        ("place", "=~", "09", False),
        ("place", "!~", "pl-09.*", False),
        ("place", "!~", "09", True),
        ("grid", "=~", "510117001.*", True),
        ("grid", "!~", "510117002.*", True),
        ("grid", "=", "510117001003002007", True),
    ],
)
def test_a_matcher(
    label: Literal["event_type", "place", "grid"], op: Op, value: str, silent: bool
) -> None:
    assert is_silent(silenced(Matcher(label, op, value))) is silent


def test_every_matcher_must_match() -> None:
    crowd, street = Matcher("event_type", "=", "crowding"), Matcher("place", "=~", "pl-09.*")
    site = silenced(crowd, street)
    assert is_silent(site)
    assert not is_silent(site, place="pl-1000")


def test_a_silence_ends_by_itself_and_the_first_in_force_tells() -> None:
    crowd = Matcher("event_type", "=", "crowding")
    site = silenced(crowd)
    assert [is_silent(site, at) for at in (BEGIN - INSTANT, BEGIN, END - INSTANT, END)] == [
        False, True, True, False,
    ]  # fmt: skip
    later = Silence("s-2", (crowd,), "李", "", END, END + timedelta(hours=1))
    both = policy(silences=(*site.silences, later))
    for at, name in ((BEGIN, "s-1"), (END, "s-2")):
        got = silence_at("crowding", "pl", "5", both, at)
        assert got is not None
        assert got.id == name


labels = st.text("ab-1.", min_size=1, max_size=6)


@given(label=labels, pattern=st.sampled_from([".*", "a", "[ab]+", "(a|b).*", r"a\.1", "-"]))
@settings(max_examples=50)
def test_a_pattern_and_its_negation_never_agree(label: str, pattern: str) -> None:
    matched = [
        is_silent(silenced(Matcher("place", op, pattern)), place=label) for op in ("=~", "!~")
    ]
    whole = re.match(rf"(?:{pattern})\Z", label) is not None
    assert matched == [whole, not whole]
