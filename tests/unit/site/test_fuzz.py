"""Whatever a line of a site becomes, `check` answers with problems or a site, never a crash."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.site.load import check_site

FILES = [
    "gridalert.toml",
    "catalogue.toml",
    "cameras/510117001.toml",
    "sensors.toml",
    "deadlines.toml",
    "officers.csv",
    "map.geojsonl",
]
ODD = "\x00\x01\"'[]{}=,;.#\\ \t9a中�"
VALUES = ["nan", "{}", "[[[]]]", "9" * 30, '""', "1979-05-27", "true"]


def garbled(line: str, chance: random.Random) -> Iterator[str]:
    yield ""
    yield line[: len(line) // 2]
    yield f"{line}\n{line}"
    yield chance.choice(["null", "[]", '"x"', "{}"])
    yield line.replace("=", f"= {chance.choice(VALUES)} #")
    yield line.replace(chance.choice("0123456789"), chance.choice(["9", "-1", ""]))
    for _ in range(3):
        at = chance.randrange(len(line) + 1)
        yield line[:at] + chance.choice(ODD) + line[at + 1 :]


@pytest.mark.parametrize("name", FILES)
def test_each_line_deleted_or_garbled(name: str, demo: Path) -> None:
    file = demo / name
    chance = random.Random(name)
    lines = file.read_text(encoding="utf-8").split("\n")
    for line in dict.fromkeys(lines):  # of lines that are alike, the first stands for all
        index = lines.index(line)
        for mutant in dict.fromkeys(garbled(line, chance)):
            text = "\n".join([*lines[:index], mutant, *lines[index + 1 :]])
            file.write_text(text, encoding="utf-8")
            site, problems = check_site(demo)
            errors = [problem for problem in problems if problem.severity == "error"]
            assert (site is None) == bool(errors), f"line {index + 1}: {mutant!r}"
            for problem in problems:
                assert (demo / problem.file).exists() or problem.code == "F001"
                assert problem.line >= 1
                assert "\n" not in problem.text("en") + problem.text("zh")


@pytest.mark.parametrize("name", FILES)
def test_bytes_that_are_no_text(name: str, demo: Path) -> None:
    (demo / name).write_bytes(b"\xff\xfe\x00\x80")
    _, problems = check_site(demo)
    assert (name, "F002") in {(problem.file, problem.code) for problem in problems}


@pytest.mark.parametrize("name", [*FILES, "calendar.toml"])
def test_a_folder_in_place_of_a_file(name: str, demo: Path) -> None:
    (demo / name).unlink(missing_ok=True)
    (demo / name).mkdir()
    _, problems = check_site(demo)
    assert (name, "F002") in {(problem.file, problem.code) for problem in problems}


@pytest.mark.parametrize(("name", "text"), [
    ("catalogue.toml", "x = " + "[" * 100_000),
    ("sensors.toml", "x = " + "[" * 200 + "]" * 200),
    ("deadlines.toml", "x = " + "9" * 5000),
    ("map.geojsonl", "[" * 100_000),
    ("officers.csv", '"' + "x" * 200_000),
])  # fmt: skip
def test_absurd_files(name: str, text: str, demo: Path) -> None:
    (demo / name).write_text(text)
    site, problems = check_site(demo)
    assert site is None
    assert name in {problem.file for problem in problems}
