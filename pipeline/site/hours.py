"""Hours of a day as people write them (07:00-22:00)."""

import re
from dataclasses import replace
from typing import Literal

from pipeline.incidents.policy import Window
from pipeline.site.problems import say
from pipeline.site.tables import Node, Row, read, rows

_HOURS = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)", re.ASCII)


class _Window(Row):
    days: Literal["all", "workday", "holiday"]
    hours: str


def minutes_of(hours: str) -> tuple[int, int] | None:
    """From and to, in minutes since midnight; None where it is not hh:mm-hh:mm, 24:00 at most."""
    match = _HOURS.fullmatch(hours)
    if match is None:
        return None
    from_hour, from_minute, to_hour, to_minute = map(int, match.groups())
    from_min, to_min = from_hour * 60 + from_minute, to_hour * 60 + to_minute
    return (from_min, to_min) if from_min < 1440 and to_min <= 1440 else None


def with_windows(row: Node) -> Node:
    """`row` with the windows of its schedule in minutes, as Schedule has them, to be read on."""
    given = row.value.get("schedule") if isinstance(row.value, dict) else None
    if not isinstance(given, list):
        return row  # who reads the row says what is wrong
    read_windows = [_window(item) for item in rows(row, "schedule")]
    windows = [window for window in read_windows if window is not None]
    if windows and all(window.from_min == window.to_min for window in windows):
        row.add("C007", "schedule")
    return replace(row, value={**row.value, "schedule": windows})


def _window(row: Node) -> Window | None:
    window = read(row, _Window)
    if window is None:
        return None
    minutes = minutes_of(window.hours)
    if minutes is None:
        row.wrong("hours", say("hours"))
        return None
    return Window(window.days, *minutes)
