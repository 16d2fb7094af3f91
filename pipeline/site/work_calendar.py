"""Which days are worked: the State Council's notices, and a site's own calendar.toml over them."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version

from chinese_calendar import constants

from pipeline.incidents.policy import WorkCalendar
from pipeline.site.files import SiteFiles
from pipeline.site.problems import say
from pipeline.site.tables import Node, Row, read

_CALENDAR_FILE = "calendar.toml"
# A year has at least 260 weekdays, and never had more than 23 of them off; with 100 worked every
# deadline ends within MOST_DAYS of pipeline/incidents/deadlines.py.
_MOST_CLOSED = 160


class _File(Row):
    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()
    published: tuple[int, ...] = ()


def notices() -> WorkCalendar:
    """Chinesecalendar's years: the notices of the State Council."""
    # `constants` holds the notices themselves; asking the package about other years raises.
    exceptions = {day: False for day in constants.holidays if day.weekday() < 5}
    exceptions |= {day: True for day in constants.workdays if day.weekday() >= 5}
    published = frozenset(day.year for day in constants.holidays)
    return WorkCalendar(f"chinesecalendar-{version('chinesecalendar')}", published, exceptions)


def read_calendar(files: SiteFiles) -> WorkCalendar:
    """The notices with the site's overlay, if it has one, on top."""
    base = notices()
    node = files.toml(_CALENDAR_FILE)
    overlay = read(node, _File) if node is not None else None
    if node is None or overlay is None:
        return base
    exceptions = dict(base.exceptions)
    exceptions |= dict.fromkeys(overlay.holidays, False) | dict.fromkeys(overlay.workdays, True)
    differ = {day: worked for day, worked in exceptions.items() if worked != (day.weekday() < 5)}
    _check(node, overlay, differ)
    name = f"{base.id}+{files.digest_of(_CALENDAR_FILE)[:8]}"
    return WorkCalendar(name, base.published | set(overlay.published), differ)


def _check(node: Node, overlay: _File, exceptions: Mapping[date, bool]) -> None:
    holidays = frozenset(overlay.holidays)
    for index, day in enumerate(overlay.workdays):
        if day in holidays:
            node.add("D003", "workdays", index, day=day)
    for index, year in enumerate(overlay.published):
        if not 2000 <= year <= 2100:
            node.wrong("published", say("published_year"), index)
    closed = Counter(day.year for day, worked in exceptions.items() if not worked)
    for year, days in closed.items():
        if days > _MOST_CLOSED:
            node.add("D004", "holidays", year=year, days=days, most=_MOST_CLOSED)
