"""Why a deadline is when it is: each day from the start to the last, and whether it counts."""

from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click
import msgspec

from pipeline.alerts import Deadline, NoDeadline
from pipeline.incidents.deadlines import COUNTED, Step, deadline, reckon, reminders
from pipeline.incidents.policy import DeadlineProfile, DeadlineRule, WorkCalendar
from pipeline.messages import is_plausible
from pipeline.site.deadlines import EVENT_LEVELS, read_deadlines, shipped, shipped_names
from pipeline.site.files import SiteFiles
from pipeline.site.problems import Both, Findings, Lang, did_you_mean, say
from pipeline.site.work_calendar import notices, read_calendar

_MOST_LINES, _LAST_LINES = 40, 10


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

    def local(self, at: datetime) -> datetime:
        """An instant by the profile's clock."""
        return at.astimezone(ZoneInfo(self.profile.timezone))


def ask(text: str, site: Path | None, lang: Lang) -> Asked:
    """PROFILE:LEVEL:TIME, by the deadlines and the calendar of `site` and those shipped.

    Raises click.BadParameter (exit code 2) with one sentence where it is wrong, ClickException
    (1) where the site's files are.
    """
    name, _, rest = text.partition(":")
    level, _, at = rest.partition(":")
    if not at:
        raise _wrong(say("due_shape", value=text), lang)
    own, calendar = _of_site(site, lang) if site is not None else (None, notices())
    names = {*shipped_names(), *([own.name] if own is not None else [])}
    if name not in names:
        raise _wrong(say("due_profile", name=name, hint=did_you_mean(name, names)), lang)
    if level not in EVENT_LEVELS:
        raise _wrong(say("due_level", level=level), lang)
    start = _time(at, lang)
    profile = own if own is not None and own.name == name else shipped(name)
    steps = list(reckon(profile.levels[int(level)], start, profile, calendar))
    due = deadline(int(level), start, profile, calendar)
    return Asked(int(level), start, profile, calendar, due, steps)


def as_json(asked: Asked) -> dict[str, Any]:
    """The deadline as alerts have it, and the way to it; `reached` in the unit of the amount."""
    unit = timedelta(hours=1) if "hours" in asked.rule.basis else timedelta(days=1)
    steps = [{**step._asdict(), "reached": step.reached / unit} for step in asked.steps]
    due_local = written(asked.local(asked.due.due_at), end=True) if asked.due.due_at else None
    answer: dict[str, Any] = msgspec.to_builtins(
        {
            "profile": asked.profile.name,
            "event_level": asked.level,
            "deadline": asked.due,
            "due_local": due_local,
            "reminders": reminders(asked.due, asked.profile),
            "steps": steps,
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
        start=written(asked.local(asked.start)),
        timezone=asked.profile.timezone,
    )
    widest = len(_reached(asked.steps[-1], asked)) if asked.steps else 0
    days = [_line(step, asked, widest, lang) for step in asked.steps]
    if len(days) > _MOST_LINES:
        left_out = getattr(say("more_days", n=len(days) - _MOST_LINES), lang)
        days[_MOST_LINES - _LAST_LINES : -_LAST_LINES] = [f"  … {left_out}"]
    return [getattr(title, lang), *days, *(getattr(line, lang) for line in _answer(asked))]


def _line(step: Step, asked: Asked, widest: int, lang: Lang) -> str:
    """`  2026-10-08 Thu  1/5  working day`; of working hours, from when to when."""
    counts = step.why in COUNTED
    weekday = getattr(say("weekdays"), lang).split()[step.day.weekday()]
    columns = [f"  {step.day} {weekday}"]
    if asked.rule.basis == "working_hours":
        span = [written(asked.local(step.begins)), written(asked.local(step.ends), end=True)]
        columns.append(f"{'-'.join(at[11:] for at in span) if counts else '':11}")
    columns.append(f"{_reached(step, asked) if counts else '':>{widest}}")
    why: str = getattr(say(step.why), lang)
    if step.calendar_status == "provisional":
        why += getattr(say("provisional_day"), lang)
    return "  ".join([*columns, why])


def _reached(step: Step, asked: Asked) -> str:
    """`3/5` days, `2:30/4:00` hours."""
    if "hours" not in asked.rule.basis:
        return f"{step.reached.days}/{asked.rule.amount}"
    minutes = step.reached // timedelta(minutes=1)
    return f"{minutes // 60}:{minutes % 60:02}/{asked.rule.amount}:00"


def _answer(asked: Asked) -> list[Both]:
    if isinstance(asked.due, NoDeadline):
        return [say("never_due")]
    due_at = asked.local(asked.due.due_at)
    utc = due_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    *early, _ = reminders(asked.due, asked.profile)
    told = [
        f"{written(asked.local(at))} ({share * 100:g}%)"
        for at, share in zip(early, asked.profile.remind_at, strict=True)
    ]
    due = written(due_at, end=True)
    lines = [say("due_at", due=due, instant=due_at.isoformat(), utc=utc)]
    if told:
        lines.append(say("told_again", times=", ".join(told)))
    if asked.due.calendar_status != "not_needed":
        lines.append(say("due_calendar", id=asked.calendar.id, years=_years(asked.calendar)))
    if asked.due.calendar_status == "provisional":
        years = {s.day.year for s in asked.steps if s.calendar_status == "provisional"}
        lines.append(say("due_provisional", years=", ".join(map(str, sorted(years)))))
    return lines


def _years(calendar: WorkCalendar) -> str:
    """The years with a notice, `2004–2026, 2028`: one between them may have none."""
    runs = groupby(enumerate(sorted(calendar.published)), key=lambda nth: nth[1] - nth[0])
    ends = ([year for _, year in run] for _, run in runs)
    return ", ".join("–".join(map(str, sorted({run[0], run[-1]}))) for run in ends)


def _of_site(site: Path, lang: Lang) -> tuple[DeadlineProfile | None, WorkCalendar]:
    found = Findings()
    files = SiteFiles(site, found)
    own, calendar = read_deadlines(files), read_calendar(files)
    if found.errors:
        lines = "\n".join(problem.line_of_text(lang) for problem in found.all)
        raise click.ClickException(f"{site}:\n{lines}")
    return own, calendar


def _time(text: str, lang: Lang) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _wrong(say("due_time", time=text, must=say("an_instant")), lang) from None
    if at.tzinfo is None:
        raise _wrong(say("due_time", time=text, must=say("offset")), lang)
    if not is_plausible(at):
        raise _wrong(say("due_time", time=text, must=say("plausible_year")), lang)
    return at


def _wrong(words: Both, lang: Lang) -> click.BadParameter:
    return click.BadParameter(getattr(words, lang), param_hint="--due")


def written(local: datetime, *, end: bool = False) -> str:
    """As people write it: the end of a day is its 24:00."""
    if end and local.time() == time(0):
        return f"{local.date() - timedelta(days=1)} 24:00"
    precise = "auto" if local.second or local.microsecond else "minutes"
    return local.replace(tzinfo=None).isoformat(" ", precise)
