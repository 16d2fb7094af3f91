"""Deadlines as the Civil Code counts them, over the State Council's real calendar."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pipeline.alerts import CalendarDays, NoDeadline, SameDay, WorkingDays
from pipeline.incidents.deadlines import deadline, is_working_day
from pipeline.incidents.policy import DeadlineProfile, WorkCalendar
from pipeline.site.files import SiteFiles
from pipeline.site.problems import Findings
from pipeline.site.work_calendar import read_calendar
from tests.builders import policy

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def calendar(tmp_path_factory: pytest.TempPathFactory) -> WorkCalendar:
    """That of a site without a calendar.toml of its own."""
    found = Findings()
    return read_calendar(SiteFiles(tmp_path_factory.mktemp("site"), found))


@pytest.fixture(scope="module")
def zhenhai() -> DeadlineProfile:
    return policy().deadlines


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=SHANGHAI)  # type: ignore[misc,arg-type]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


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
    start: datetime,
    level: int,
    due_at: datetime | None,
    status: str | None,
    zhenhai: DeadlineProfile,
    calendar: WorkCalendar,
) -> None:
    got = deadline(level, start, zhenhai, calendar)
    assert got.due_at == due_at
    assert getattr(got, "calendar_status", None) == status


@pytest.mark.parametrize(
    ("level", "kind", "amount"),
    [(1, SameDay, 0), (2, CalendarDays, 3), (3, WorkingDays, 5)],
    ids=["level 1 is closed on the day", "level 2 in days", "level 3 in working days"],
)
def test_a_deadline_says_what_it_rests_on(
    level: int, kind: type, amount: int, zhenhai: DeadlineProfile, calendar: WorkCalendar
) -> None:
    start = local(2026, 11, 23, 10)
    got = deadline(level, start, zhenhai, calendar)
    assert isinstance(got, kind)
    assert not isinstance(got, NoDeadline)
    assert (got.rule, got.amount) == (f"zhenhai.level{level}", amount)
    assert (got.counted_from, got.status) == (start, "provisional")
    assert (got.calendar, got.timezone) == (calendar.id, "Asia/Shanghai")


def test_level_4_names_the_rule_that_gives_it_no_time(
    zhenhai: DeadlineProfile, calendar: WorkCalendar
) -> None:
    assert deadline(4, local(2026, 1, 1), zhenhai, calendar) == NoDeadline(rule="zhenhai.level4")


def test_an_ordinary_week_has_five_working_days(calendar: WorkCalendar) -> None:
    week = [local(2026, 11, 23 + day).date() for day in range(7)]
    assert [is_working_day(day, calendar) for day in week] == [True] * 5 + [False] * 2
