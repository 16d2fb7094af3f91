"""`gridalert check`: everything that is wrong with a site, at once."""

import json
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.text import Text

from pipeline.site.load import check_site
from pipeline.site.problems import Problem
from pipeline.site.summary import summary_of

_EPILOG = """\b
Example:
  gridalert check deploy/demo
  gridalert check /etc/gridalert --lang zh --json check.json
"""
_WORDS = {
    "en": {
        "good": "the site is good",
        "bad": "errors: {errors}, warnings: {warnings}; the site does not start",
        "warned": "warnings: {warnings}; the site starts",
        "counts": "{cameras} cameras, {zones} zones, {sensors} sensors, {events} event types, "
        "{places} places in {grids} grids with {officers} officers",
        "versions": "policy {policy_version}, {map_version}",
        "goes_to": "{place} {name} → officer {officer}, {terminal} (grid {grid}; {watchers})",
        "nobody": "no camera or sensor",
    },
    "zh": {
        "good": "站点配置正确",
        "bad": "错误：{errors}，警告：{warnings}；站点不能启动",
        "warned": "警告：{warnings}；站点可以启动",
        "counts": "{cameras} 台摄像机，{zones} 个区域，{sensors} 个传感器，{events} 种事件，"
        "{grids} 个网格内 {places} 个地点，{officers} 名网格员",
        "versions": "策略版本 {policy_version}，{map_version}",
        "goes_to": "{place} {name} → {officer}号网格员，{terminal}（网格 {grid}；{watchers}）",
        "nobody": "没有摄像机或传感器",
    },
}


@click.command("check", epilog=_EPILOG)
@click.argument("site", type=click.Path(path_type=Path), default=Path("deploy/demo"))
@click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language."
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the answer as JSON to this file.",
)
def command(site: Path, lang: Literal["en", "zh"], json_file: Path | None) -> None:
    """Check the folder SITE (default: deploy/demo): every problem at once.

    Each is one line: file:line CODE what · why · what to do. Exits 1 when there is an error.
    """
    loaded, problems = check_site(site)
    summary = summary_of(loaded) if loaded is not None else None
    # Paths and sentences stay on one line each: other programs read them.
    console = Console(soft_wrap=True, highlight=False)
    for problem in problems:
        console.print(_line(problem, lang))
    _conclude(console, problems, summary, lang)
    if json_file is not None:
        _write(json_file, site, problems, summary)
    if summary is None:
        raise SystemExit(1)


def _line(problem: Problem, lang: Literal["en", "zh"]) -> Text:
    colour = "red" if problem.severity == "error" else "yellow"
    return Text.assemble(
        (f"{problem.file}:{problem.line}", "bold"),
        " ",
        (problem.code, colour),
        f" {problem.text(lang)}",
    )


def _conclude(
    console: Console, problems: tuple[Problem, ...], summary: dict[str, Any] | None, lang: str
) -> None:
    words = _WORDS[lang]
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    if summary is None:
        console.print(Text(words["bad"].format(errors=errors, warnings=warnings), "bold red"))
        return
    verdict = words["warned"].format(warnings=warnings) if problems else words["good"]
    console.print(Text(verdict, "bold green"))
    console.print(Text(words["counts"].format(**summary)))
    console.print(Text(words["versions"].format(**summary)))
    for place in summary["goes_to"]:
        watchers = ", ".join(place["watched_by"]) or words["nobody"]
        console.print(Text("  " + words["goes_to"].format(**place, watchers=watchers)))


def _write(
    json_file: Path, site: Path, problems: tuple[Problem, ...], summary: dict[str, Any] | None
) -> None:
    answer = {
        "site": str(site),
        "ok": summary is not None,
        "problems": [_as_json(problem) for problem in problems],
        "summary": summary,
    }
    text = json.dumps(answer, ensure_ascii=False, indent=2) + "\n"
    try:
        json_file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {json_file}: {error.strerror}") from error


def _as_json(problem: Problem) -> dict[str, Any]:
    place = {"code": problem.code, "severity": problem.severity}
    words = {
        lang: dict(zip(("what", "why", "todo"), texts, strict=True))
        for lang, texts in (("en", problem.en), ("zh", problem.zh))
    }
    return {**place, "file": problem.file, "line": problem.line, **words}
