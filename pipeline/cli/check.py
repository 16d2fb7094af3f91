"""`gridalert check`: everything that is wrong with a site, at once."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from pipeline.cli.shared import JSON, LANG, write_json
from pipeline.site.load import check_site
from pipeline.site.model import VIEW, Site
from pipeline.site.problems import WORDS, Lang, Problem

_EPILOG = """\b
Example:
  gridalert check deploy/demo
  gridalert check /etc/gridalert --lang zh --json check.json
"""


@click.command("check", epilog=_EPILOG)
@click.argument("site", type=click.Path(path_type=Path), default=Path("deploy/demo"))
@LANG
@JSON
def command(site: Path, lang: Lang, json_file: Path | None) -> None:
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
        told = [_as_json(problem) for problem in problems]
        answer = {"site": str(site), "ok": summary is not None, "problems": told}
        write_json(json_file, answer | {"summary": summary})
    if summary is None:
        raise SystemExit(1)


def _line(problem: Problem, lang: Lang) -> Text:
    colour = "red" if problem.severity == "error" else "yellow"
    return Text.assemble(
        (f"{problem.file}:{problem.line}", "bold"),
        " ",
        (problem.code, colour),
        f" {problem.text(lang)}",
    )


def _conclude(
    console: Console, problems: tuple[Problem, ...], summary: dict[str, Any] | None, lang: Lang
) -> None:
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors

    def words(name: str) -> str:
        return WORDS.say[name].zh if lang == "zh" else WORDS.say[name].en

    if summary is None:
        counted = words("bad").format(errors=errors, warnings=warnings)
        console.print(Text(counted, "bold red"))
        return
    verdict = words("warned" if problems else "good").format(warnings=warnings)
    console.print(Text(verdict, "bold green"))
    console.print(Text(words("counts").format(**summary)))
    console.print(Text(words("versions").format(**summary)))
    for place in summary["goes_to"]:
        watchers = ", ".join(place["watched_by"]) or words("nobody")
        console.print(Text(words("goes_to").format(**place, watchers=watchers)))


def summary_of(site: Site) -> dict[str, Any]:
    """Counts, versions and each place's officer, for people and machines.

    `grids` and `officers` are those that have places; the keys are what `--json` writes.
    """
    places = site.policy.places.values()
    leaves = site.policy.leaves
    firsts = {place.leaf_code: leaves[place.leaf_code].chain[0].officer for place in places}
    watchers: dict[str, list[str]] = {place.id: [] for place in places}
    for (source, zone), watch in sorted(site.policy.watches.items()):
        watchers[watch.place_id].append(f"{source}/{zone}")
    return {
        "tenant": site.settings.tenant,
        "policy_version": site.policy.version,
        "map_version": site.policy.map_version,
        "cameras": len(site.cameras),
        "zones": sum(zone.detector != VIEW for camera in site.cameras for zone in camera.zones),
        "sensors": len(site.sensors),
        "events": len(site.policy.events),
        "places": len(places),
        "grids": len({place.leaf_code for place in places}),
        "officers": len({officer.id for officer in firsts.values()}),
        "goes_to": [
            {
                "place": place.id,
                "name": place.name,
                "grid": place.leaf_code,
                "officer": firsts[place.leaf_code].number,
                "terminal": firsts[place.leaf_code].terminal_id,
                "watched_by": watchers[place.id],
            }
            for place in places
        ],
    }


def _as_json(problem: Problem) -> dict[str, Any]:
    place = {"code": problem.code, "severity": problem.severity}
    words = {
        lang: dict(zip(("what", "why", "todo"), texts, strict=True))
        for lang, texts in (("en", problem.en), ("zh", problem.zh))
    }
    return {**place, "file": problem.file, "line": problem.line, **words}
