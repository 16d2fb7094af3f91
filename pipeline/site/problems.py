"""What is wrong with a site: where it stands, what, why and what to do, in English and Chinese."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pipeline.site.words import WARNINGS, WORDS

Lang = Literal["en", "zh"]
LONGEST_FACT = 400
MOST_COMPARED = 1000  # a city has 126 000 micro-grids; comparing each with each takes hours


class Spot(NamedTuple):
    """A line of a file; `file` is relative to the site's folder, `line` counts from 1."""

    file: str
    line: int


class Both(NamedTuple):
    """The same words in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a person has to mend (error) or should look at (warning)."""

    code: str
    severity: Literal["error", "warning"]
    file: str
    line: int
    en: tuple[str, str, str]
    zh: tuple[str, str, str]

    @property
    def what(self) -> str:
        """What is wrong, in English."""
        return self.en[0]

    @property
    def why(self) -> str:
        """Why that is wrong, in English."""
        return self.en[1]

    @property
    def todo(self) -> str:
        """What to do about it, in English."""
        return self.en[2]

    def text(self, lang: Lang) -> str:
        """What, why and what to do in one line."""
        return " · ".join(self.zh if lang == "zh" else self.en)

    def line_of_text(self, lang: Lang) -> str:
        """`file:line CODE what · why · what to do`."""
        return f"{self.file}:{self.line} {self.code} {self.text(lang)}"


class SiteError(Exception):
    """A site that does not start; `problems` holds every error and warning found in it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        lines = (problem.line_of_text("en") for problem in problems)
        super().__init__("the site does not start:\n" + "\n".join(lines))


class Findings:
    """Collects the problems of one site; the same problem counts once."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}

    def add(self, code: str, spot: Spot, /, **facts: object) -> None:
        """Note that `code` of the words is so at `spot`; `facts` fill the words' blanks."""
        en, zh = WORDS[code]
        problem = Problem(
            code=code,
            severity="warning" if code in WARNINGS else "error",
            file=spot.file,
            line=spot.line,
            en=_filled(en, facts, "en"),
            zh=_filled(zh, facts, "zh"),
        )
        self._problems.setdefault(problem)

    @property
    def all(self) -> tuple[Problem, ...]:
        """Every problem, by file and line."""
        return tuple(sorted(self._problems, key=lambda p: (p.file, p.line, p.code, p.en)))

    @property
    def errors(self) -> bool:
        """Whether any of them keeps the site from starting."""
        return any(problem.severity == "error" for problem in self._problems)


def did_you_mean(name: str, known: Collection[str]) -> Both:
    """The nearest known name as a question; what is known when none is near; else nothing."""
    if len(known) > MOST_COMPARED:
        return Both(f"{len(known)} are known", f"已有 {len(known)} 个")
    names = sorted(known)
    # Officer numbers lose their zero in spreadsheets; difflib alone finds "8" unlike "08".
    near = [k for k in names if k.lstrip("0") == name.lstrip("0")] or difflib.get_close_matches(
        name, names, n=1
    )
    if near:
        return Both(f'did you mean "{near[0]}"?', f"是不是“{near[0]}”？")
    if not names:
        return Both("there is none yet: add it first", "目前一个也没有，请先添加")
    listed = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return Both(f"known: {listed}", f"已有：{listed}")


def _filled(
    words: tuple[str, str, str], facts: dict[str, object], lang: Lang
) -> tuple[str, str, str]:
    shown = {name: _shown(fact, lang) for name, fact in facts.items()}
    what, why, todo = (part.format(**shown) for part in words)
    return what, why, todo


def _shown(fact: object, lang: Lang) -> str:
    """A fact on one line: files hold anything, and one problem is one line of the answer."""
    text = str(getattr(fact, lang)) if isinstance(fact, Both) else str(fact)
    printable = "".join(c if c.isprintable() else "�" for c in text)
    return printable if len(printable) <= LONGEST_FACT else printable[:LONGEST_FACT] + "…"
