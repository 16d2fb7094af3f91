import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.site.lines import Path as KeyPath
from pipeline.site.lines import toml_lines

ROOT = Path(__file__).parents[3]
FILES = sorted([*ROOT.glob("deploy/demo/**/*.toml"), ROOT / "pyproject.toml"])

NASTY = '''\
# [not.a.table]
title = "a # no comment [[x]] \\" = 1"   # a comment = 2
literal = 'C:\\[x]'
text = """
[[camera]]
id = "not here"
""" # after
raw = \'\'\'
x = 1\'\'\'\'
"quoted key" = { a = 1, "b c" = [1, { d = 2 }] }
dotted.key . deep = 1979-05-27 07:32:00

[[event]]   # first
type = "one"
  [event.rule]
  hold_s = 3
[[event]]
type = "two"
list = [
  1, # one
  [2,
   3],

  "]",
]
[[event.zones]]
id = 1
[[event.zones]]
id = 2
[a."b.c".d]
x = true
'''


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for step, inner in items:
        yield from paths(inner, (*path, step))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("literal",), 3),
        (("text",), 4),
        (("raw",), 8),
        (("quoted key", "b c", 1, "d"), 10),
        (("dotted", "key", "deep"), 11),
        (("event",), 13),
        (("event", 0), 13),
        (("event", 0, "rule"), 15),
        (("event", 0, "rule", "hold_s"), 16),
        (("event", 1, "type"), 18),
        (("event", 1, "list", 0), 20),
        (("event", 1, "list", 1, 1), 22),
        (("event", 1, "list", 2), 24),
        (("event", 1, "zones", 1, "id"), 29),
        (("a", "b.c", "d", "x"), 31),
    ],
)
def test_finds_the_line(path: KeyPath, line: int) -> None:
    assert toml_lines(NASTY)[path] == line


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_knows_just_what_tomllib_knows(newline: str) -> None:
    text = NASTY.replace("\n", newline)
    assert set(toml_lines(text)) == set(paths(tomllib.loads(text)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_real_files(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines = toml_lines(text)
    assert set(lines) == set(paths(tomllib.loads(text)))
    for path, line in lines.items():
        if path and isinstance(path[-1], str):
            assert path[-1] in text.splitlines()[line - 1]
