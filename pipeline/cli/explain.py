"""gridalert explain: why there is an alert, why there is none, and why a deadline is when it is."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from pipeline.cli.explain_due import as_json, as_lines, ask
from pipeline.cli.explain_told import SHOWN, Page
from pipeline.cli.explain_told import as_json as told_json
from pipeline.cli.shared import JSON, LANG, connection_of, load_or_exit, write_json
from pipeline.connection import KafkaProblem
from pipeline.explain_sources import KafkaLog, RecordedLog
from pipeline.explained import Again, Source, explain
from pipeline.explaining import Told
from pipeline.site.model import Site
from pipeline.site.problems import Lang
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
    if asked is not None and due is not None:
        raise click.UsageError("give either an ALERT or a RECORD, or --due: not both")
    if asked is None and due is None:
        raise click.UsageError("name an ALERT or a RECORD, or ask for a deadline with --due")
    if due is not None:
        question = ask(due, site, lang)
        lines, answer = as_lines(question, lang), as_json(question)
    else:
        loaded = load_or_exit(site or Path("deploy/demo"))
        with _source(loaded, log_file) as source:
            told = explain(source, loaded, str(asked))
            if not isinstance(told, Told):
                raise click.ClickException(getattr(told, lang))
        lines = list(Page(loaded.policy, lang).told(told, None if show_all else SHOWN))
        answer = told_json(told)
    for line in lines:
        click.echo(line)
    if json_file is not None:
        write_json(json_file, answer)


@contextmanager
def _source(site: Site, log_file: Path | None) -> Iterator[Source]:
    """Where to look; what is wrong there ends the command with a sentence."""
    try:
        if log_file is not None:
            yield RecordedLog(log_file, lambda: Again(site))
            return
        with reading(connection_of(site)) as reader:
            yield KafkaLog(reader, _watched)
    except (KafkaProblem, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _watched(records: Iterable[Taken], total: int) -> Iterable[Taken]:
    """Shows a person how far it is, where there is much to read."""
    console = Console(stderr=True)
    if total < _MANY or not console.is_terminal:
        return records
    return track(records, "grid.hits.v1", total=total, console=console, transient=True)
