"""Why a deadline is when it is: each day from the start to the last, and whether it counts."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from pipeline.alerts import Deadline, NoDeadline
from pipeline.incidents.deadlines import COUNTED, Step, deadline, reckon, reminders
from pipeline.incidents.policy import DeadlineProfile, DeadlineRule, WorkCalendar
from pipeline.messages import is_plausible
from pipeline.site.deadlines import EVENT_LEVELS, read_deadlines, shipped, shipped_names
from pipeline.site.files import SiteFiles
from pipeline.site.problems import Both, Findings, Lang, SiteError, did_you_mean, say
from pipeline.site.work_calendar import notices, read_calendar

_MOST_LINES, _LAST_LINES = 40, 10


class Unclear(ValueError):  # noqa: N818 -- what is wrong, not a Python error
    """A question that cannot be answered; its one argument, in both languages, says why."""


class Asked(NamedTuple):
    """What somebody wants to know, and the answer: the deadline and the way to it."""

    level: int
    start: datetime
    profile: DeadlineProfile
    calendar: WorkCalendar
    due: Deadline
    steps: list[Step]

    @property
    def rule(self) -> DeadlineRule:
        """The time that the level has."""
        return self.profile.levels[self.level]

    def local(self, at: datetime, *, end: bool = False) -> str:
        """An instant as people write it, by the profile's clock."""
        return written(at, self.profile.timezone, end=end)


def ask(text: str, site: Path | None) -> Asked:
    """PROFILE:LEVEL:TIME, by the deadlines and the calendar of `site` and those shipped.

    Raises Unclear where it is wrong, SiteError where the site's files are.
    """
    name, _, rest = text.partition(":")
    level, _, at = rest.partition(":")
    if not at:
        raise Unclear(say("due_shape", value=text))
    own, calendar = _of_site(site) if site is not None else (None, notices())
    names = {*shipped_names(), *([own.name] if own is not None else [])}
    if name not in names:
        raise Unclear(say("due_profile", name=name, hint=did_you_mean(name, names)))
    if level not in EVENT_LEVELS:
        raise Unclear(say("due_level", level=level))
    start, profile = _time(at), own if own is not None and own.name == name else shipped(name)
    steps = list(reckon(profile.levels[int(level)], start, profile, calendar))
    due = deadline(int(level), start, profile, calendar)
    return Asked(int(level), start, profile, calendar, due, steps)


def as_json(asked: Asked) -> dict[str, Any]:
    """The deadline as alerts have it, and the way to it; `reached` in the unit of the amount."""
    unit = timedelta(hours=1) if "hours" in asked.rule.basis else timedelta(days=1)
    answer: dict[str, Any] = msgspec.to_builtins(
        {
            "profile": asked.profile.name,
            "event_level": asked.level,
            "deadline": asked.due,
            "due_local": asked.local(asked.due.due_at, end=True) if asked.due.due_at else None,
            "reminders": reminders(asked.due, asked.profile),
            "steps": [{**x._asdict(), "reached": x.reached / unit} for x in asked.steps],
        }
    )
    return answer


def as_lines(asked: Asked, lang: Lang) -> list[str]:
    """For people: the question, a line a day (the middle of many left out), and the answer."""
    title = say(
        "due_title",
        profile=asked.profile.name,
        level=asked.level,
        time_given=say(asked.rule.basis, n=asked.rule.amount),
        start=asked.local(asked.start),
        timezone=asked.profile.timezone,
    )
    widest = len(_reached(asked.steps[-1], asked)) if asked.steps else 0
    days = [_line(step, asked, widest, lang) for step in asked.steps]
    if len(days) > _MOST_LINES:
        left_out = getattr(say("more_days", n=len(days) - _MOST_LINES), lang)
        days[_MOST_LINES - _LAST_LINES : -_LAST_LINES] = [f"  … {left_out}"]
    return [getattr(title, lang), *days, *(getattr(line, lang) for line in _answer(asked))]


def written(at: datetime, timezone: str, *, end: bool = False) -> str:
    """An instant as people write it, by a local clock: the end of a day is its 24:00."""
    local = at.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    if end and local.time() == time(0):
        return f"{local.date() - timedelta(days=1)} 24:00"
    return local.isoformat(" ", "auto" if local.second or local.microsecond else "minutes")


def _line(step: Step, asked: Asked, widest: int, lang: Lang) -> str:
    """`  2026-10-08 Thu  1/5  working day`; of working hours, from when to when."""
    counts = step.why in COUNTED
    weekdays = getattr(say("weekdays"), lang).split()
    columns = [f"  {step.day} {weekdays[step.day.weekday()]}"]
    if asked.rule.basis == "working_hours":
        span = asked.local(step.begins)[11:], asked.local(step.ends, end=True)[11:]
        columns.append(f"{'-'.join(span) if counts else '':11}")
    columns.append(f"{_reached(step, asked) if counts else '':>{widest}}")
    also = ["provisional_day"] if step.calendar_status == "provisional" else []
    why = "".join(getattr(say(name), lang) for name in (step.why, *also))
    return "  ".join([*columns, why])


def _reached(step: Step, asked: Asked) -> str:
    """`3/5` days, `2:30/4:00` hours."""
    if "hours" not in asked.rule.basis:
        return f"{step.reached.days}/{asked.rule.amount}"
    minutes = step.reached // timedelta(minutes=1)
    return f"{minutes // 60}:{minutes % 60:02}/{asked.rule.amount}:00"


def _answer(asked: Asked) -> Iterator[Both]:
    if isinstance(asked.due, NoDeadline):
        yield say("never_due")
        return
    at, status = asked.due.due_at, asked.due.calendar_status
    instant = at.astimezone(ZoneInfo(asked.profile.timezone)).isoformat()
    utc = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    yield say("due_at", due=asked.local(at, end=True), instant=instant, utc=utc)
    shares = zip(reminders(asked.due, asked.profile), asked.profile.remind_at, strict=False)
    if told := ", ".join(f"{asked.local(at)} ({share * 100:g}%)" for at, share in shares):
        yield say("told_again", times=told)
    if status != "not_needed":
        yield say("due_calendar", id=asked.calendar.id, years=_years(asked.calendar))
    if status == "provisional":
        years = {s.day.year for s in asked.steps if s.calendar_status == "provisional"}
        yield say("due_provisional", years=", ".join(map(str, sorted(years))))


def _years(calendar: WorkCalendar) -> str:
    """The years with a notice, `2004–2026, 2028`: one between them may have none."""
    runs = groupby(enumerate(sorted(calendar.published)), key=lambda nth: nth[1] - nth[0])
    ends = ([year for _, year in run] for _, run in runs)
    return ", ".join("–".join(map(str, sorted({run[0], run[-1]}))) for run in ends)


def _of_site(site: Path) -> tuple[DeadlineProfile | None, WorkCalendar]:
    found = Findings()
    files = SiteFiles(site, found)
    own, calendar = read_deadlines(files), read_calendar(files)
    if found.errors:
        raise SiteError(found.all)
    return own, calendar


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Unclear(say("due_time", time=text, must=say("an_instant"))) from None
    if at.tzinfo is None or not is_plausible(at):
        must = say("offset" if at.tzinfo is None else "plausible_year")
        raise Unclear(say("due_time", time=text, must=must))
    return at
