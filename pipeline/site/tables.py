"""Reads rows of any file into structs, key by key, so that one wrong key hides no other."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from pipeline.incidents.calibration import Probable
from pipeline.site.lines import Path
from pipeline.site.problems import WORDS, Both, Findings, Spot, did_you_mean, say

S = TypeVar("S", bound=msgspec.Struct)
# A limit's title is what words.toml calls what is wrong.
Instant = Annotated[datetime, Meta(tz=True, title="offset")]
Said = Annotated[str, Meta(pattern=r"\S", title="not_empty")]
# "|" and "@" separate the parts of hit and alert ids; blanks hide in tables.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_MISMATCH = (msgspec.ValidationError, OverflowError)


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """What a table of a file is read into."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a file, where it and what is in it stand, and where its problems are noted."""

    value: Any
    file: str
    lines: Mapping[Path, int]
    found: Findings
    path: Path = ()

    def __getitem__(self, step: str | int) -> "Node":
        """The value under a key or index that is there."""
        return Node(self.value[step], self.file, self.lines, self.found, (*self.path, step))

    def spot(self, *steps: str | int) -> Spot:
        """Where what is under `steps` stands, or else the nearest thing around it."""
        path = (*self.path, *steps)
        while path not in self.lines and path:
            path = path[:-1]
        return Spot(self.file, self.lines.get(path, 1))

    def add(self, code: str, /, *steps: str | int, **facts: object) -> None:
        """Note that `code` of words.toml is so where what is under `steps` stands."""
        self.found.add(code, self.spot(*steps), **facts)

    def wrong(self, key: str, must: Both, *index: int) -> None:
        """Note that the value of `key`, or an item of it, is not what it must be."""
        value = self.value.get(key)
        for step in index:
            value = value[step]
        self.add("F007", key, *index, key=key, value=_short(value), must=must)


class Ids:
    """The ids of one kind given so far, and where each was given first."""

    def __init__(self, kind: Both) -> None:
        self._kind = kind
        self._first: dict[str, Spot] = {}

    def claim(self, row: Node, key: str = "id") -> bool:
        """Whether `row` has a good id that nothing else of this kind has; noted where not."""
        name, spot = row.value[key], row.spot(key)
        if not _ID.fullmatch(name):
            row.wrong(key, say("id"))
            return False
        first = self._first.setdefault(name, spot)
        if first != spot:
            row.add("R004", key, kind=self._kind, id=name, first=first)
        return first == spot


def rows(node: Node, key: str) -> Iterator[Node]:
    """The tables of the array `key` of `node`; whatever else stands there is a problem."""
    items = node.value.get(key, [])
    if not isinstance(items, list):
        return  # `read` of the whole table says so
    for index, item in enumerate(items):
        if isinstance(item, dict):
            yield node[key][index]
        else:
            node.add("F006", key, index, key=key, value=item, expected=say("a_row", key=key))


def read(node: Node, kind: type[S]) -> S | None:
    """`node` as a `kind`, which forbids unknown fields; None where it is not one.

    Every problem is noted. With a key too many, or a number out of its limits, the rest can still
    be used to find others.
    """
    try:
        return msgspec.convert(node.value, kind)
    except _MISMATCH:
        return _read_by_key(node, kind)


def read_value(row: Node, key: str, kind: Any) -> Any:
    """The value of `key` as a `kind`; None, noted, where it is of another kind.

    A number out of its limits is noted and can still be used.
    """
    value = _value(row, key, kind)
    return None if value is _WRONG else value


def _read_by_key(node: Node, kind: type[S]) -> S | None:
    if not isinstance(node.value, dict):
        name = str(node.path[-1]) if node.path else node.file
        node.add("F006", key=name, value=_short(node.value), expected=say("dict"))
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key in node.value.keys() - fields.keys():
        node.add("F004", key, key=key, hint=did_you_mean(key, fields))
    values: dict[str, Any] = {}
    for key, field in fields.items():
        if key in node.value:
            values[field.name] = _value(node, key, field.type)
        elif field.required:
            node.add("F005", key=key, expected=_expected(field.type))
            values[field.name] = _WRONG
    return kind(**values) if _WRONG not in values.values() else None


_WRONG = object()


def _value(node: Node, key: str, kind: Any) -> Any:
    """The value of `key` as a `kind`; `_WRONG`, which is noted, where it is of another kind."""
    raw = node.value[key]
    if _is_struct(kind):
        inner = read(node[key], kind)
        return _WRONG if inner is None else inner
    if isinstance(raw, list) and get_origin(kind) is tuple and _is_struct(get_args(kind)[0]):
        items = [read(node[key][index], get_args(kind)[0]) for index in range(len(raw))]
        return _WRONG if None in items else tuple(items)
    if isinstance(raw, dict) and get_origin(kind) is dict and _is_struct(get_args(kind)[1]):
        named = {name: read(node[key][name], get_args(kind)[1]) for name in raw}
        return _WRONG if None in named.values() else named
    bare, limits = _without_limits(kind)
    try:
        value = msgspec.convert(raw, bare)
    except _MISMATCH:
        _note_mismatch(node, key, bare)
        return _WRONG
    if limits is not None:
        _check_limits(node, key, value, limits)
    return value


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _check_limits(node: Node, key: str, value: Any, limits: Meta) -> None:
    """Note a value that is not within `limits`; their title is what words.toml calls them."""
    kind: Any = Annotated[type(value), limits]
    try:
        msgspec.convert(value, kind)
    except _MISMATCH:
        set_ = {name: getattr(limits, name) for name in ("ge", "gt", "le", "lt")}
        bounds = {name: f"{bound:g}" for name, bound in set_.items() if bound is not None}
        node.wrong(key, say(limits.title or "_".join(bounds), **bounds))


def _without_limits(kind: Any) -> tuple[Any, Meta | None]:
    """A kind of value, and its limits, of which at most one kind of a union has some."""
    if get_origin(kind) is Annotated:
        bare, limits = get_args(kind)
        return bare, limits
    if get_origin(kind) in (Union, UnionType):
        parts = [_without_limits(part) for part in get_args(kind)]
        limits = next((limits for _, limits in parts if limits is not None), None)
        return Union[tuple(bare for bare, _ in parts)], limits  # noqa: UP007
    return kind, None


def _note_mismatch(node: Node, key: str, kind: Any) -> None:
    raw, choices = node.value[key], _choices(kind)
    if choices and isinstance(raw, str):
        listed, hint = ", ".join(choices), did_you_mean(raw, choices)
        node.add("F008", key, key=key, value=raw, choices=listed, hint=hint)
    else:
        node.add("F006", key, key=key, value=_short(raw), expected=_expected(kind))


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    return [choice for part in get_args(kind) for choice in _choices(part)]


def _expected(kind: Any) -> Both:
    """The kind of value in a person's words."""
    kind, _ = _without_limits(kind)
    choices = _choices(kind)
    if choices:
        return say("one_of", choices=Both(", ".join(choices), "、".join(choices)))
    if get_origin(kind) in (Union, UnionType):
        first, *others = (_expected(part) for part in get_args(kind) if part is not NoneType)
        for other in others:
            first = say("or", a=first, b=other)
        return first
    if any(get_origin(part) is tuple for part in get_args(kind)):
        return say("points")
    if get_origin(kind) is tuple and get_args(kind) == (Probable, Probable):
        return say("two_probabilities")
    name = (get_origin(kind) or kind).__name__.replace("tuple", "list")
    return say(name if name in WORDS.say else "dict")


def _short(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:60] + "…"
