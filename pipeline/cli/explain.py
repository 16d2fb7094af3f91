"""gridalert explain: why there is an alert, why there is none, and why a deadline is when it is."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from pipeline.cli.shared import JSON, LANG, connection_of, load_or_exit, write_json
from pipeline.connection import KafkaProblem
from pipeline.explain import due as deadlines
from pipeline.explain.asked import explain, fold_of
from pipeline.explain.log import Log, Recorded
from pipeline.explain.page import SHOWN, Page, as_json
from pipeline.explain.story import Told
from pipeline.replay import read_log
from pipeline.site.model import Site
from pipeline.site.problems import Lang, SiteError
from pipeline.topic_reader import Taken, reading

_MANY = 5_000  # records, from which on a person wants to see that it goes on
_EPILOG = """\b
Examples:
  gridalert explain 510117-20260601080007-3f2a --site /etc/gridalert
  gridalert explain 7/48213 --site /etc/gridalert --lang zh
  gridalert explain 510117-20260601080007-3f2a --log out/log.jsonl --all --json why.json
  gridalert explain --due zhenhai:3:2026-09-30T10:00+08:00
  gridalert explain --due gbt30428-example:2:2026-09-30T16:00+08:00 --site /etc/gridalert --lang zh
"""


@click.command("explain", epilog=_EPILOG)
@click.argument("asked", metavar="ALERT|RECORD", required=False)
@click.option(
    "--due",
    metavar="PROFILE:LEVEL:TIME",
    help="When an event of this level, counted from this time, is due, and why, day by day.",
)
@click.option(
    "--site",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that says what is watched, and where Kafka is [default: deploy/demo]; with "
    "--due its deadlines and calendar, else only what is shipped.",
)
@click.option(
    "--log",
    "log_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ask a recorded log, as gridalert demo leaves it, instead of the site's Kafka.",
)
@click.option("--all", "show_all", is_flag=True, help="Show every record of an alert.")
@LANG
@JSON
def command(  # noqa: PLR0913, PLR0917 -- one a flag
    asked: str | None,
    due: str | None,
    site: Path | None,
    log_file: Path | None,
    show_all: bool,
    lang: Lang,
    json_file: Path | None,
) -> None:
    """Explain an ALERT back to every record that went into it, or a RECORD forward to what came of
    it and why; or a deadline, day by day.

    ALERT is an alert's id, its number, or the id of one of its messages. RECORD is PARTITION/OFFSET
    of grid.hits.v1, or the id of a hit, a report or feedback.
    """
    if (asked is None) == (due is None):
        wrong = "name an ALERT or a RECORD, or ask for a deadline with --due; not both"
        raise click.UsageError(wrong)
    if due is not None:
        question = _ask(due, site, lang)
        lines, answer = deadlines.as_lines(question, lang), deadlines.as_json(question)
    else:
        loaded = load_or_exit(site or Path("deploy/demo"))
        with _log(loaded, log_file) as log:
            told = explain(log, loaded, str(asked))
        if not isinstance(told, Told):
            raise click.ClickException(getattr(told, lang))
        lines = list(Page(loaded.policy, lang).told(told, None if show_all else SHOWN))
        answer = as_json(told)
    for line in lines:
        click.echo(line)
    if json_file is not None:
        write_json(json_file, answer)


def _ask(due: str, site: Path | None, lang: Lang) -> deadlines.Asked:
    try:
        return deadlines.ask(due, site)
    except deadlines.Unclear as error:
        raise click.BadParameter(getattr(error.args[0], lang), param_hint="--due") from error
    except SiteError as error:
        lines = "\n".join(problem.line_of_text(lang) for problem in error.problems)
        raise click.ClickException(f"{site}:\n{lines}") from error


@contextmanager
def _log(site: Site, recorded: Path | None) -> Iterator[Log]:
    """Where to look; what is wrong there ends the command with a sentence."""
    try:
        if recorded is not None:
            records = [line.record() for line in read_log(recorded)]
            yield Log(Recorded(records, fold_of(site)), _watched, str(recorded))
            return
        with reading(connection_of(site)) as reader:
            yield Log(reader, _watched)
    except (KafkaProblem, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _watched(records: Iterable[Taken], total: int) -> Iterable[Taken]:
    """Shows a person how far it is, where there is much to read."""
    console = Console(stderr=True)
    if total < _MANY or not console.is_terminal:
        return records
    return track(records, "grid.hits.v1", total=total, console=console, transient=True)
