"""When the loop must be closed: a level's time, counted as the Civil Code counts (arts. 201, 203).

Days: the first is not counted and the last one ends at 24:00, written as the next local midnight.
Hours run from the instant itself.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from pipeline.alerts import (
    CalendarDays,
    ClockHours,
    Deadline,
    NoDeadline,
    SameDay,
    WorkingDays,
    WorkingHours,
)
from pipeline.incidents.policy import DeadlineProfile, DeadlineRule, WorkCalendar
from pipeline.messages import whole_ms

Why = Literal[
    "first_day", "same_day", "calendar_day", "working_day", "make_up_day", "weekend", "holiday",
    "after_hours", "every_hour",
]  # fmt: skip
CalendarStatus = Literal["published", "provisional", "not_needed"]
COUNTED = frozenset({"calendar_day", "working_day", "make_up_day", "every_hour"})
# Amounts and calendars of a site are checked so that no deadline gets there; a fold must end.
MOST_DAYS = 3660
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_MS = timedelta(milliseconds=1)
_KINDS: dict[str, type[SameDay | CalendarDays | WorkingDays | WorkingHours | ClockHours]] = {
    "same_day": SameDay,
    "calendar_days": CalendarDays,
    "working_days": WorkingDays,
    "working_hours": WorkingHours,
    "clock_hours": ClockHours,
}


class Step(NamedTuple):
    """A local day, or a stretch of one, on the way to the deadline, and why it counts or not.

    `begins`, `ends`: UTC, the end exclusive. `reached`: how much of the amount is over at its end.
    `calendar_status`: whether the day's year has a notice, where it matters.
    """

    day: date
    why: Why
    calendar_status: CalendarStatus
    begins: datetime
    ends: datetime
    reached: timedelta


def deadline(
    level: int,
    counted_from: datetime,
    profile: DeadlineProfile,
    calendar: WorkCalendar,
    status: Literal["provisional", "final"] = "provisional",
) -> Deadline:
    """The deadline of an event of this level, counted from an instant."""
    rule = profile.levels[level]
    name = f"{profile.name}.level{level}"
    if rule.basis == "none":
        return NoDeadline(rule=name)
    steps = list(reckon(rule, counted_from, profile, calendar))
    met = {step.calendar_status for step in steps}
    order: tuple[CalendarStatus, ...] = ("provisional", "published", "not_needed")
    return _KINDS[rule.basis](
        due_at=steps[-1].ends,
        rule=name,
        amount=rule.amount,
        counted_from=counted_from,
        status=status,
        calendar=calendar.id,
        calendar_status=next(kind for kind in order if kind in met),
        timezone=profile.timezone,
    )


def reminders(due: Deadline, profile: DeadlineProfile) -> tuple[datetime, ...]:
    """When an alert that is not done is told again: at shares of its time, and last when it is due.

    UTC, whole milliseconds, never falling; none without a deadline.
    """
    if isinstance(due, NoDeadline):
        return ()
    start = whole_ms(due.counted_from)
    whole = (due.due_at - start) // _MS
    return (*(start + round(share * whole) * _MS for share in profile.remind_at), due.due_at)


def reckon(
    rule: DeadlineRule, counted_from: datetime, profile: DeadlineProfile, calendar: WorkCalendar
) -> Iterator[Step]:
    """Each day, or stretch of hours, from the start to the one with which the time is over.

    Nothing where there is no deadline.
    """
    zone, start = ZoneInfo(profile.timezone), whole_ms(counted_from)
    if rule.basis == "working_hours":
        yield from _working_hours(rule.amount, start, profile, calendar)
    elif rule.basis == "clock_hours":
        time_given = rule.amount * _HOUR
        day = start.astimezone(zone).date()
        yield Step(day, "every_hour", "not_needed", start, start + time_given, time_given)
    elif rule.basis != "none":
        yield from _days(rule, start.astimezone(zone).date(), zone, calendar)


def is_working_day(day: date, calendar: WorkCalendar) -> bool:
    """Monday to Friday, but for the calendar's holidays and make-up working days."""
    return calendar.exceptions.get(day, day.weekday() < 5)


def _days(
    rule: DeadlineRule, first: date, zone: ZoneInfo, calendar: WorkCalendar
) -> Iterator[Step]:
    why: Why = "same_day" if rule.basis == "same_day" else "first_day"
    status: CalendarStatus = "not_needed"
    counted, begins = 0, _at(first, 0, zone)
    for passed in range(MOST_DAYS):
        day = first + passed * _DAY
        if passed:
            why, status = "calendar_day", "not_needed"
            if rule.basis == "working_days":
                why, status = _kind_of(day, calendar)
        counted += why in COUNTED
        ends = _at(day + _DAY, 0, zone)
        yield Step(day, why, status, begins, ends, counted * _DAY)
        if counted == rule.amount:
            return
        begins = ends


def _working_hours(
    amount: int, start: datetime, profile: DeadlineProfile, calendar: WorkCalendar
) -> Iterator[Step]:
    zone = ZoneInfo(profile.timezone)
    first = start.astimezone(zone).date()
    reached, time_given = timedelta(0), amount * _HOUR
    for passed in range(MOST_DAYS):
        day = first + passed * _DAY
        why, status = _kind_of(day, calendar)
        spans = list(_open(day, start, profile, zone)) if why in COUNTED else []
        if not spans:
            why = "after_hours" if why in COUNTED else why
            yield Step(day, why, status, _at(day, 0, zone), _at(day + _DAY, 0, zone), reached)
        for begins, until in spans:
            ends = min(until, begins + time_given - reached)
            reached += ends - begins
            yield Step(day, why, status, begins, ends, reached)
            if reached == time_given:
                return


def _open(
    day: date, start: datetime, profile: DeadlineProfile, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """The working hours of a day, UTC, as far as they are after `start`."""
    for from_min, to_min in profile.working_hours:
        begins, ends = max(_at(day, from_min, zone), start), _at(day, to_min, zone)
        if begins < ends:
            yield begins, ends


def _kind_of(day: date, calendar: WorkCalendar) -> tuple[Why, CalendarStatus]:
    status: CalendarStatus = "published" if day.year in calendar.published else "provisional"
    weekday = day.weekday() < 5
    if is_working_day(day, calendar):
        return ("working_day" if weekday else "make_up_day"), status
    return ("holiday" if weekday else "weekend"), status


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """UTC of a local minute of the day, 0 to 1440 = 24:00."""
    return (datetime.combine(day, time(0), zone) + minute * _MINUTE).astimezone(UTC)
