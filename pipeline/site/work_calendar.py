"""Which days are worked: the State Council's notices, and a site's own calendar.toml over them."""

from datetime import date
from importlib.metadata import version

from chinese_calendar import constants

from pipeline.incidents.policy import WorkCalendar
from pipeline.site.files import SiteFiles
from pipeline.site.problems import say
from pipeline.site.tables import Node, Row, read

_CALENDAR_FILE = "calendar.toml"


class _File(Row):
    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()
    published: tuple[int, ...] = ()


def read_calendar(files: SiteFiles) -> WorkCalendar:
    """Chinesecalendar's years with the site's overlay, if it has one, on top."""
    base = f"chinesecalendar-{version('chinesecalendar')}"
    # `constants` holds the notices themselves; asking the package about other years raises.
    exceptions = {day: False for day in constants.holidays if day.weekday() < 5}
    exceptions |= {day: True for day in constants.workdays if day.weekday() >= 5}
    published = frozenset(day.year for day in constants.holidays)
    node = files.toml(_CALENDAR_FILE)
    overlay = read(node, _File) if node is not None else None
    if node is None or overlay is None:
        return WorkCalendar(base, published, exceptions)
    _check(node, overlay)
    exceptions |= dict.fromkeys(overlay.holidays, False) | dict.fromkeys(overlay.workdays, True)
    name = f"{base}+{files.digest_of(_CALENDAR_FILE)[:8]}"
    differ = {day: worked for day, worked in exceptions.items() if worked != (day.weekday() < 5)}
    return WorkCalendar(name, published | set(overlay.published), differ)


def _check(node: Node, overlay: _File) -> None:
    for index, day in enumerate(overlay.workdays):
        if day in overlay.holidays:
            node.add("D003", "workdays", index, day=day)
    for index, year in enumerate(overlay.published):
        if not 2000 <= year <= 2100:
            node.wrong("published", say("published_year"), index)
