"""Deadlines as the Civil Code counts them, over the State Council's real calendar."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerts import CalendarDays, ClockHours, NoDeadline, SameDay, WorkingDays, WorkingHours
from pipeline.incidents.deadlines import COUNTED, deadline, is_working_day, reckon, reminders
from pipeline.incidents.policy import Basis, DeadlineProfile, DeadlineRule, WorkCalendar
from pipeline.site.deadlines import read_deadlines, shipped
from pipeline.site.files import SiteFiles
from pipeline.site.problems import Findings
from pipeline.site.work_calendar import notices, read_calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
DEMO = Path(__file__).parents[3] / "deploy/demo"
ZHENHAI = shipped("zhenhai")
GBT30428 = shipped("gbt30428-example")  # 09:00-12:00, 13:30-17:30
CALENDAR = notices()


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=SHANGHAI)  # type: ignore[misc,arg-type]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def profile_of(basis: Basis, amount: int = 0, zone: str = "Asia/Shanghai") -> DeadlineProfile:
    rule = DeadlineRule(basis, amount)
    return DeadlineProfile("city", zone, {1: rule}, GBT30428.working_hours)


def due(
    basis: Basis, amount: int, start: datetime, calendar: WorkCalendar = CALENDAR
) -> datetime | None:
    return deadline(1, start, profile_of(basis, amount), calendar).due_at


# The nine cases of shared/contracts/deadline_reference.py.
@pytest.mark.parametrize(
    ("start", "level", "due_at", "status"),
    [
        pytest.param(local(2026, 11, 23, 14, 30), 1, utc(2026, 11, 23, 16), "not_needed",
                     id="level 1 is due at the end of the day"),
        pytest.param(local(2026, 11, 23, 23, 58), 1, utc(2026, 11, 23, 16), "not_needed",
                     id="level 1 two minutes before midnight is due at that midnight"),
        pytest.param(utc(2026, 11, 23, 17), 1, utc(2026, 11, 24, 16), "not_needed",
                     id="the day is the city's, not that of UTC"),
        pytest.param(local(2026, 11, 20, 9), 2, utc(2026, 11, 23, 16), "not_needed",
                     id="level 2 has three calendar days, the first not counted"),
        pytest.param(local(2026, 9, 30, 10), 3, utc(2026, 10, 13, 16), "published",
                     id="level 3 skips National Day and counts the make-up Saturday"),
        pytest.param(local(2026, 9, 18, 10), 3, utc(2026, 9, 24, 16), "published",
                     id="a make-up Sunday is a working day"),
        pytest.param(local(2026, 2, 13, 10), 3, utc(2026, 2, 27, 16), "published",
                     id="a make-up Saturday counts before Spring Festival"),
        pytest.param(local(2026, 12, 29, 10), 3, utc(2027, 1, 5, 16), "provisional",
                     id="into a year without a notice it is provisional"),
        pytest.param(local(2026, 11, 23, 10), 4, None, None, id="level 4 has no deadline"),
    ],
)  # fmt: skip
def test_a_level_is_due(
    start: datetime, level: int, due_at: datetime | None, status: str | None
) -> None:
    got = deadline(level, start, ZHENHAI, CALENDAR)
    assert got.due_at == due_at
    assert getattr(got, "calendar_status", None) == status


@pytest.mark.parametrize(
    ("start", "due_at"),
    [
        pytest.param(local(2026, 11, 23, 9), local(2026, 11, 23, 14, 30), id="over lunch"),
        pytest.param(local(2026, 11, 23, 12), local(2026, 11, 23, 17, 30), id="from lunch"),
        pytest.param(local(2026, 11, 23, 6), local(2026, 11, 23, 14, 30), id="before work"),
        pytest.param(local(2026, 11, 23, 17, 30), local(2026, 11, 24, 14, 30), id="after work"),
        pytest.param(local(2026, 11, 23, 15), local(2026, 11, 24, 10, 30), id="over night"),
        pytest.param(local(2026, 9, 30, 16), local(2026, 10, 8, 11, 30), id="over National Day"),
        pytest.param(local(2026, 10, 9, 16), local(2026, 10, 10, 11, 30), id="make-up Saturday"),
        pytest.param(local(2026, 11, 21, 11), local(2026, 11, 23, 14, 30), id="from a Saturday"),
    ],
)
def test_four_working_hours(start: datetime, due_at: datetime) -> None:
    assert due("working_hours", 4, start) == due_at


def test_a_span_that_is_used_up_ends_the_time() -> None:
    assert due("working_hours", 3, local(2026, 11, 23, 9)) == local(2026, 11, 23, 12)


def test_clock_hours_run_through_night_and_holiday() -> None:
    start = local(2026, 9, 30, 23, 15)
    assert due("clock_hours", 26, start) == local(2026, 10, 2, 1, 15)


def test_clock_hours_are_real_hours_where_clocks_change() -> None:
    new_york = ZoneInfo("America/New_York")
    start = datetime(2026, 3, 7, 22, tzinfo=new_york)  # clocks go forward at 02:00
    got = deadline(1, start, profile_of("clock_hours", 6, "America/New_York"), CALENDAR)
    assert got.due_at == datetime(2026, 3, 8, 5, tzinfo=new_york)


@pytest.mark.parametrize(
    ("basis", "kind", "amount", "status"),
    [
        ("same_day", SameDay, 0, "not_needed"),
        ("calendar_days", CalendarDays, 3, "not_needed"),
        ("working_days", WorkingDays, 5, "published"),
        ("working_hours", WorkingHours, 4, "published"),
        ("clock_hours", ClockHours, 2, "not_needed"),
    ],
)
def test_a_deadline_says_what_it_rests_on(
    basis: Basis, kind: type, amount: int, status: str
) -> None:
    start = local(2026, 11, 23, 10)
    got = deadline(1, start, profile_of(basis, amount), CALENDAR, "final")
    assert isinstance(got, kind)
    assert not isinstance(got, NoDeadline)
    assert (got.rule, got.amount, got.calendar_status) == ("city.level1", amount, status)
    assert (got.counted_from, got.status) == (start, "final")
    assert (got.calendar, got.timezone) == (CALENDAR.id, "Asia/Shanghai")


def test_level_4_names_the_rule_that_gives_it_no_time() -> None:
    got = deadline(4, local(2026, 1, 1), ZHENHAI, CALENDAR)
    assert got == NoDeadline(rule="zhenhai.level4")
    assert reminders(got, ZHENHAI) == ()


def test_an_ordinary_week_has_five_working_days() -> None:
    week = [local(2026, 11, 23 + day).date() for day in range(7)]
    assert [is_working_day(day, CALENDAR) for day in week] == [True] * 5 + [False] * 2


def test_told_again_at_shares_of_the_time_and_when_due() -> None:
    got = deadline(1, local(2026, 11, 23, 10), profile_of("clock_hours", 10), CALENDAR)
    due_at = utc(2026, 11, 23, 12)
    assert reminders(got, ZHENHAI) == (utc(2026, 11, 23, 7), utc(2026, 11, 23, 10), due_at)
    assert reminders(got, DeadlineProfile("x", "UTC", {}, remind_at=())) == (due_at,)


def test_an_instant_finer_than_a_millisecond_is_cut() -> None:
    start = datetime(2026, 11, 23, 10, 0, 0, 123_456, tzinfo=SHANGHAI)
    got = deadline(1, start, profile_of("clock_hours", 1), CALENDAR)
    assert got.due_at == datetime(2026, 11, 23, 11, 0, 0, 123_000, tzinfo=SHANGHAI)
    assert {at.microsecond % 1000 for at in reminders(got, ZHENHAI)} == {0}


def test_a_site_lays_its_own_days_over_the_notices(tmp_path: Path) -> None:
    (tmp_path / "calendar.toml").write_text(
        "published = [2027]\nholidays = [2027-01-01]\nworkdays = [2027-01-02]\n"
    )
    found = Findings()
    calendar = read_calendar(SiteFiles(tmp_path, found))
    assert found.all == ()
    start = local(2026, 12, 31, 10)
    assert due("working_days", 1, start) == local(2027, 1, 2)
    assert due("working_days", 1, start, calendar) == local(2027, 1, 3)
    got = deadline(1, start, profile_of("working_days", 1), calendar)
    assert not isinstance(got, NoDeadline)
    assert got.calendar_status == "published"
    assert got.calendar.startswith(f"{CALENDAR.id}+")


def test_the_demo_has_the_shipped_profile_in_full() -> None:
    assert read_deadlines(SiteFiles(DEMO, Findings())) == ZHENHAI


def test_a_site_may_take_a_shipped_profile(tmp_path: Path) -> None:
    (tmp_path / "deadlines.toml").write_text('profile = "gbt30428-example"\n')
    found = Findings()
    assert read_deadlines(SiteFiles(tmp_path, found)) == GBT30428
    assert found.all == ()


def test_a_calendar_without_a_working_day_ends_all_the_same() -> None:
    days = (date(2026, 1, 1) + timedelta(days=n) for n in range(20_000))
    never = WorkCalendar("never", frozenset(), dict.fromkeys(days, False))
    start = local(2026, 11, 23, 10)
    for basis in ("working_days", "working_hours"):
        due_at = due(basis, 1, start, never)
        assert due_at is not None
        assert start < due_at < start + timedelta(days=3661)


MINUTES = st.integers(0, 20 * 365 * 1440)
STARTS = MINUTES.map(lambda minute: utc(2005, 1, 1) + timedelta(minutes=minute))
RULES = st.one_of(
    st.just(DeadlineRule("same_day")),
    st.builds(DeadlineRule, st.just("calendar_days"), st.integers(1, 60)),
    st.builds(DeadlineRule, st.just("working_days"), st.integers(1, 60)),
    st.builds(DeadlineRule, st.just("working_hours"), st.integers(1, 60)),
    st.builds(DeadlineRule, st.just("clock_hours"), st.integers(1, 60)),
)


@given(rule=RULES, start=STARTS, later_s=st.integers(0, 10**6))
@settings(max_examples=50)
def test_due_after_the_start_and_never_earlier_for_a_later_one(
    rule: DeadlineRule, start: datetime, later_s: int
) -> None:
    first = due(rule.basis, rule.amount, start)
    second = due(rule.basis, rule.amount, start + timedelta(seconds=later_s))
    assert first is not None
    assert second is not None
    assert start < first <= second


@given(rule=RULES.filter(lambda rule: rule.amount > 0), start=STARTS)
@settings(max_examples=50)
def test_more_time_is_later(rule: DeadlineRule, start: datetime) -> None:
    less, more = (due(rule.basis, amount, start) for amount in (rule.amount, rule.amount + 1))
    assert less is not None
    assert more is not None
    assert less < more


@given(rule=RULES, start=STARTS)
@settings(max_examples=50)
def test_the_way_to_it_adds_up_and_has_no_hole(rule: DeadlineRule, start: datetime) -> None:
    profile = profile_of(rule.basis, rule.amount)
    steps = list(reckon(rule, start, profile, CALENDAR))
    assert steps[-1].ends == deadline(1, start, profile, CALENDAR).due_at
    unit = timedelta(hours=1) if "hours" in rule.basis else timedelta(days=1)
    assert steps[-1].reached == rule.amount * unit
    counted = [step.ends - step.begins for step in steps if step.why in COUNTED]
    assert sum(counted, timedelta(0)) == rule.amount * unit
    gaps = {(b.day - a.day).days for a, b in pairwise(steps)}
    assert gaps <= {0, 1}


@given(start=STARTS, amount=st.integers(1, 30))
@settings(max_examples=50)
def test_working_days_are_those_of_chinesecalendar(start: datetime, amount: int) -> None:
    due_at = due("working_days", amount, start)
    assert due_at is not None
    first = start.astimezone(SHANGHAI).date()
    last = due_at.astimezone(SHANGHAI).date() - timedelta(days=1)
    passed = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
    worked = [day for day in passed if chinese_calendar.is_workday(day)]
    assert len(worked) == amount
    assert worked[-1] == last


@given(start=STARTS, hours=st.integers(1, 20))
@settings(max_examples=25)
def test_working_hours_are_the_minutes_at_work(start: datetime, hours: int) -> None:
    due_at = due("working_hours", hours, start)
    assert due_at is not None
    at, worked, at_work = start.astimezone(SHANGHAI), 0, False
    while at < due_at:
        clock = at.hour * 60 + at.minute
        at_work = 540 <= clock < 720 or 810 <= clock < 1050
        at_work = at_work and chinese_calendar.is_workday(at.date())
        worked += at_work
        at += timedelta(minutes=1)
    assert worked == hours * 60
    assert at_work
