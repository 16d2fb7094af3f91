"""What is wrong with a site: where it stands, what, why and what to do, in English and Chinese."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

Lang = Literal["en", "zh"]
Sentence = tuple[str, str, str]
LONGEST_FACT = 400
MOST_COMPARED = 1000  # a city has 126 000 micro-grids; comparing each with each takes hours


class Spot(NamedTuple):
    """A line of a file; `file` is relative to the site's folder, `line` counts from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Both(NamedTuple):
    """The same words in both languages."""

    en: str
    zh: str


class ProblemWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence in three parts; a site starts in spite of a warning."""

    what: Both
    why: Both
    todo: Both
    warning: bool = False


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    problem: dict[str, ProblemWords]
    say: dict[str, Both]


WORDS = msgspec.toml.decode(Path(__file__).with_name("words.toml").read_bytes(), type=_Words)


def say(name: str, /, **facts: object) -> Both:
    """The part of a sentence that words.toml has under `name`, its blanks filled."""
    return _filled(WORDS.say[name], facts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a person has to mend (error) or should look at (warning)."""

    code: str
    severity: Literal["error", "warning"]
    file: str
    line: int
    en: Sentence
    zh: Sentence

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
    """Collects the problems of one site, those with a code in `apart_from` excepted; the same
    problem counts once.
    """

    def __init__(self, apart_from: Collection[str] = ()) -> None:
        self._problems: dict[Problem, None] = {}
        self._apart_from = apart_from

    def add(self, code: str, spot: Spot, /, **facts: object) -> None:
        """Note that `code` of words.toml is so at `spot`; `facts` fill the words' blanks."""
        if code in self._apart_from:
            return
        words = WORDS.problem[code]
        what, why, todo = (_filled(part, facts) for part in (words.what, words.why, words.todo))
        en, zh = (what.en, why.en, todo.en), (what.zh, why.zh, todo.zh)
        problem = Problem(code, "warning" if words.warning else "error", *spot, en, zh)
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
        return say("many_known", count=len(known))
    names = sorted(known)
    # Officer numbers lose their zero in spreadsheets; difflib alone finds "8" unlike "08".
    near = [k for k in names if k.lstrip("0") == name.lstrip("0")] or difflib.get_close_matches(
        name, names, n=1
    )
    if near:
        return say("near", name=near[0])
    if not names:
        return say("none_known")
    return say("known", names=", ".join(names[:8]) + (", …" if len(names) > 8 else ""))


def _filled(words: Both, facts: Mapping[str, object]) -> Both:
    en = {name: _shown(fact.en if isinstance(fact, Both) else fact) for name, fact in facts.items()}
    zh = {name: _shown(fact.zh if isinstance(fact, Both) else fact) for name, fact in facts.items()}
    return Both(words.en.format(**en), words.zh.format(**zh))


def _shown(fact: object) -> str:
    """A fact on one line: files hold anything, and one problem is one line of the answer."""
    text = str(fact)
    printable = "".join(c if c.isprintable() else "�" for c in text)
    return printable if len(printable) <= LONGEST_FACT else printable[:LONGEST_FACT] + "…"
