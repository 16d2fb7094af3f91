"""Reads rows of any file into structs, key by key, so that one wrong key hides no other."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from pipeline.site.lines import Path
from pipeline.site.problems import Both, Findings, Spot, did_you_mean

S = TypeVar("S", bound=msgspec.Struct)

_TYPE_WORDS: dict[Any, Both] = {
    str: Both('a text in quotes "…"', "带引号的文本“…”"),
    int: Both("a whole number", "整数"),
    float: Both("a number", "数字"),
    bool: Both("true or false", "true 或 false"),
    date: Both("a day such as 2026-10-10", "日期，如 2026-10-10"),
    datetime: Both(
        "a time such as 2026-06-01T08:00:00+08:00", "时间，如 2026-06-01T08:00:00+08:00"
    ),
    dict: Both("a table", "一张表 [..]"),
    list: Both("a list […]", "列表 […]"),
    tuple: Both("a list […]", "列表 […]"),
}


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a file, and where it and what is in it stand."""

    value: Any
    file: str
    lines: Mapping[Path, int]
    path: Path = ()

    def __getitem__(self, step: str | int) -> "Node":
        """The value under a key or index that is there."""
        return Node(self.value[step], self.file, self.lines, (*self.path, step))

    def spot(self, *steps: str | int) -> Spot:
        """Where what is under `steps` stands, or else the nearest thing around it."""
        path = (*self.path, *steps)
        while path not in self.lines and path:
            path = path[:-1]
        return Spot(self.file, self.lines.get(path, 1))


def rows(node: Node, key: str, found: Findings) -> Iterator[Node]:
    """The tables of the array `key` of `node`; whatever else stands there is a problem."""
    items = node.value.get(key, [])
    if not isinstance(items, list):
        return  # `read` of the whole table says so
    for index, item in enumerate(items):
        if isinstance(item, dict):
            yield node[key][index]
        else:
            expected = Both(f"a table: [[{key}]]", f"一张表：[[{key}]]")
            found.add("F006", node.spot(key, index), key=key, value=item, expected=expected)


def read(node: Node, kind: type[S], found: Findings) -> S | None:
    """`node` as a `kind`; None, with every problem noted, where it is not one.

    A key too many is a problem too, but the rest can still be used to find others.
    """
    if not isinstance(node.value, dict):
        name = str(node.path[-1]) if node.path else node.file
        found.add(
            "F006", node.spot(), key=name, value=_short(node.value), expected=_TYPE_WORDS[dict]
        )
        return None
    fields = _fields(kind)
    whole = True
    for key in node.value.keys() - fields.keys():
        found.add("F004", node.spot(key), key=key, hint=did_you_mean(key, fields))
    values: dict[str, Any] = {}
    for key, spec in fields.items():
        if key not in node.value:
            if spec.required:
                found.add("F005", node.spot(), key=key, expected=_expected(spec.type))
                whole = False
            continue
        value = _value(node, key, spec.type, found)
        whole = whole and value is not _WRONG
        values[spec.name] = value
    return kind(**values) if whole else None


_WRONG = object()


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _value(node: Node, key: str, kind: Any, found: Findings) -> Any:
    raw = node.value[key]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        inner = read(node[key], kind, found)
        return _WRONG if inner is None else inner
    try:
        value = msgspec.convert(raw, kind)
    except (msgspec.ValidationError, OverflowError):
        _note_mismatch(node, key, kind, found)
        return _WRONG
    if not _finite(value):
        must = Both("it must be a finite number", "必须是有限的数字")
        found.add("F007", node.spot(key), key=key, value=_short(raw), must=must)
        return _WRONG
    return value


def _note_mismatch(node: Node, key: str, kind: Any, found: Findings) -> None:
    raw = node.value[key]
    choices = _choices(kind)
    if choices and isinstance(raw, str):
        found.add(
            "F008",
            node.spot(key),
            key=key,
            value=raw,
            choices=", ".join(choices),
            hint=did_you_mean(raw, choices),
        )
    else:
        found.add("F006", node.spot(key), key=key, value=_short(raw), expected=_expected(kind))


def _finite(value: Any) -> bool:
    """Whether no number in `value` is NaN or infinite; tables inside it are read on their own."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_finite(item) for item in value.values() if isinstance(item, float))
    if isinstance(value, list | tuple):
        return all(_finite(item) for item in value if not isinstance(item, dict))
    return True


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    return [choice for part in get_args(kind) for choice in _choices(part)]


def _expected(kind: Any) -> Both:
    """The kind of value in a person's words."""
    choices = _choices(kind)
    if choices:
        return Both("one of " + ", ".join(choices), "以下之一：" + "、".join(choices))
    if get_origin(kind) in (Union, UnionType):
        parts = [_expected(part) for part in get_args(kind) if part is not NoneType]
        return Both(" or ".join(p.en for p in parts), "或".join(p.zh for p in parts))
    if any(get_origin(part) is tuple for part in get_args(kind)):
        return Both("a list of points [[x, y], …]", "点的列表 [[x, y], …]")
    return _TYPE_WORDS.get(get_origin(kind) or kind, _TYPE_WORDS[dict])


def _short(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:60] + "…"
