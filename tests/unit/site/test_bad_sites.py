"""Each fault of a site is told once, at its line, in exactly these words in both languages."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.site.load import check_site
from pipeline.site.words import WARNINGS, WORDS

SITES = Path(__file__).parents[2] / "data/sites"
NAMES = sorted(path.name for path in SITES.iterdir() if path.name != "good")
# Its fault needs a detector that is not installed: see test_catalogue.
ELSEWHERE = {"C005"}


@pytest.mark.parametrize("name", NAMES)
def test_says_exactly_this(name: str, bad_site: Callable[[str], Path]) -> None:
    site, problems = check_site(bad_site(name))
    english = [problem.line_of_text("en") for problem in problems]
    chinese = [problem.line_of_text("zh") for problem in problems]
    expected = (SITES / name / "expected.txt").read_text(encoding="utf-8").split("\n\n")
    assert english == expected[0].splitlines()
    assert chinese == expected[1].splitlines()
    assert name.split("-", maxsplit=1)[0] in {problem.code for problem in problems}
    assert (site is not None) == all(problem.severity == "warning" for problem in problems)


def test_every_code_has_a_bad_site() -> None:
    assert {name.split("-")[0] for name in NAMES} == set(WORDS) - ELSEWHERE


def test_both_languages_fill_the_same_blanks() -> None:
    for code, (english, chinese) in WORDS.items():
        assert len(english) == len(chinese) == 3, code
    assert set(WORDS) >= WARNINGS
