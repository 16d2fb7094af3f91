"""When the loop must be closed: a level's time, counted as the Civil Code counts (arts. 201, 203).

The first day is not counted and the last one ends at 24:00, written as the next local midnight.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pipeline.alerts import CalendarDays, Deadline, NoDeadline, SameDay, WorkingDays
from pipeline.incidents.policy import DeadlineProfile, WorkCalendar

_KINDS: dict[str, type[SameDay] | type[CalendarDays] | type[WorkingDays]] = {
    "same_day": SameDay,
    "calendar_days": CalendarDays,
    "working_days": WorkingDays,
}


def deadline(
    level: int, counted_from: datetime, profile: DeadlineProfile, calendar: WorkCalendar
) -> Deadline:
    """The deadline of an event of this level, counted from an instant; provisional."""
    rule = profile.levels[level]
    name = f"{profile.name}.level{level}"
    if rule.basis == "none":
        return NoDeadline(rule=name)
    zone = ZoneInfo(profile.timezone)
    day = counted_from.astimezone(zone).date()
    status: Literal["published", "provisional", "not_needed"] = "not_needed"
    if rule.basis == "calendar_days":
        day += timedelta(days=rule.amount)
    elif rule.basis == "working_days":
        day, published = _add_working_days(day, rule.amount, calendar)
        status = "published" if published else "provisional"
    end = datetime.combine(day + timedelta(days=1), time(0), zone)
    return _KINDS[rule.basis](
        due_at=end.astimezone(UTC),
        rule=name,
        amount=rule.amount,
        counted_from=counted_from,
        status="provisional",
        calendar=calendar.id,
        calendar_status=status,
        timezone=profile.timezone,
    )


def is_working_day(day: date, calendar: WorkCalendar) -> bool:
    """Monday to Friday, but for the calendar's holidays and make-up working days."""
    return calendar.exceptions.get(day, day.weekday() < 5)


def _add_working_days(day: date, amount: int, calendar: WorkCalendar) -> tuple[date, bool]:
    """The last of `amount` working days after `day`, and whether every year met is published."""
    published = True
    while amount:
        day += timedelta(days=1)
        published &= day.year in calendar.published
        amount -= is_working_day(day, calendar)
    return day, published
