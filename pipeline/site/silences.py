"""silences.toml: what is not to be told for a time, by order of whom, why and until when."""

import re
from collections.abc import Collection, Mapping
from typing import Any, get_args, get_type_hints

import msgspec

from pipeline.incidents.in_force import is_matched
from pipeline.incidents.policy import Matcher, Silence
from pipeline.site.catalogue import Catalogue
from pipeline.site.files import SiteFiles
from pipeline.site.grid_map import GridMap
from pipeline.site.hours import Order, read_span
from pipeline.site.problems import did_you_mean, say
from pipeline.site.tables import Ids, Node, Row, read, rows

_LABELS = get_args(get_type_hints(Matcher)["label"])
_MATCHER = re.compile(r"\s*(\w+)\s*(=~|!~|!=|=)\s*(?:\"([^\"]*)\"|([^\"\s]*))\s*")

Known = Mapping[str, Collection[str]]


class _File(Row):
    silence: tuple[Any, ...] = ()


class _Silence(Order, kw_only=True):
    id: str
    matchers: tuple[str, ...]


def read_silences(
    files: SiteFiles, catalogue: Catalogue | None, grid_map: GridMap | None
) -> tuple[Silence, ...]:
    """The good silences in the order of the file, which need not be there; the rest is noted."""
    node = files.toml("silences.toml")
    if node is None:
        return ()
    read(node, _File)
    known = {
        "event_type": catalogue.names if catalogue is not None else (),
        "place": grid_map.places if grid_map is not None else (),
        "grid": [leaf.code for leaf in grid_map.leaves()] if grid_map is not None else (),
    }
    ids = Ids(say("silence"))
    silences = (_silence(row, ids, known) for row in rows(node, "silence"))
    return tuple(silence for silence in silences if silence is not None)


def _silence(row: Node, ids: Ids, known: Known) -> Silence | None:
    silence = read(row, _Silence)
    if silence is None or not ids.claim(row):
        return None
    span = read_span(row, silence)
    found = [_matcher(row, index, text) for index, text in enumerate(silence.matchers)]
    matchers = tuple(matcher for matcher in found if matcher is not None)
    if span is None or len(matchers) < len(found):
        return None
    _check_reach(row, silence.id, matchers, known)
    return Silence(silence.id, matchers, silence.author, silence.comment, *span)


def _matcher(row: Node, index: int, text: str) -> Matcher | None:
    """A matcher as Alertmanager writes it: label, operator, and a value with or without quotes."""
    match = _MATCHER.fullmatch(text)
    if match is None:
        row.add("S001", "matchers", index, matcher=text)
        return None
    label, op, quoted, bare = match.groups()
    value = bare if quoted is None else quoted
    if label not in _LABELS:
        row.add("S002", "matchers", index, label=label, hint=did_you_mean(label, _LABELS))
        return None
    try:
        re.compile(value if "~" in op else "")
    except (re.error, OverflowError, RecursionError) as error:
        row.add("S003", "matchers", index, value=value, error=error)
        return None
    return msgspec.convert({"label": label, "op": op, "value": value}, Matcher)


def _check_reach(row: Node, name: str, matchers: tuple[Matcher, ...], known: Known) -> None:
    """Note a silence that leaves nothing of the site, and a matcher that takes nothing of it."""
    everything = True
    for index, matcher in enumerate(matchers):
        values = known[matcher.label]
        taken = sum(is_matched(matcher, value) for value in values)
        if values and not taken:
            row.add("S005", "matchers", index, label=matcher.label, value=matcher.value)
        # One who names a thing means it, even where the site has no other.
        everything &= taken == len(values) > 0 and matcher.op != "="
    if everything:
        row.add("S004", "matchers", silence=name)
