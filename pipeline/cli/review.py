"""gridalert review: what waits at the duty desk, and its answer."""

import sys
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.alerts import CloudEvent, GridAlert, Result
from pipeline.cli.shared import JSON, LANG, SITE, connection_of, load_or_exit, write_json
from pipeline.connection import Connection, KafkaProblem
from pipeline.explain.desk import ANSWERED_S, answer_to, answered, pictures_of, waiting
from pipeline.explain.log import published_of
from pipeline.explain.page import Page
from pipeline.feedback import Verdict
from pipeline.site.model import Site
from pipeline.site.problems import Lang
from pipeline.topic_reader import TopicReader, reading
from pipeline.topics import ALERTS, FEEDBACK
from sinks.contract import MessageRefused, SinkUnavailable
from sinks.kafka import KafkaSink

_KEYS: dict[str, Result] = {"t": "true", "f": "false", "c": "cannot_tell"}
_EPILOG = """\b
Examples:
  gridalert review --site /etc/gridalert
  gridalert review 510117-20260601080007-3f2a --true --site /etc/gridalert
  gridalert review 510117-20260601080007-3f2a --false --reason bad_picture --actor desk-2
  gridalert review --site /etc/gridalert --json waiting.json < /dev/null
"""


@click.command("review", epilog=_EPILOG)
@click.argument("alert", required=False)
@SITE
@click.option("--true", is_flag=True, help="It is real: on to the officer.")
@click.option("--false", is_flag=True, help="There is nothing: a false alarm.")
@click.option("--cannot-tell", is_flag=True, help="The picture can't say.")
@click.option("--reason", default="other", show_default=True, help="Why, in a word.")
@click.option(
    "--actor", default="desk", show_default=True, help="Who says so: an id, never a name."
)
@LANG
@JSON
def command(
    alert: str | None,
    site: Path,
    reason: str,
    actor: str,
    lang: Lang,
    json_file: Path | None,
    **answers: bool,
) -> None:
    """Show what waits at the duty desk, what is due first on top, and take the answer.

    ALERT is an alert's id or number; without an answer it is only shown. Without ALERT, on a
    terminal, each one is shown and asked for; anywhere else they are only listed.
    """
    results: list[Result] = [result for result in _KEYS.values() if answers[result]]
    if len(results) > 1:
        raise click.UsageError("give one answer: --true, --false or --cannot-tell, not several")
    if alert is None and results:
        raise click.UsageError("name the ALERT that --true, --false or --cannot-tell answers")
    loaded = load_or_exit(site)
    connection = connection_of(loaded)
    try:
        with reading(connection) as reader:
            desk = _Desk(loaded, connection, reader, actor, Page(loaded.policy, lang))
            if alert is not None and results:
                answer = desk.answer(desk.known(alert), Verdict(results[0], reason))
                found = {"alert": msgspec.to_builtins(answer)}
            elif alert is not None:
                found = {"alert": desk.show(desk.known(alert))}
            else:
                found = {"waiting": desk.ask_all(reason, interactive=sys.stdin.isatty())}
    except (KafkaProblem, SinkUnavailable, MessageRefused) as error:
        raise click.ClickException(str(error)) from error
    if json_file is not None:
        write_json(json_file, found)


@dataclass(frozen=True, slots=True)
class _Desk:
    """One person at the desk. `actor`: their id."""

    site: Site
    connection: Connection
    reader: TopicReader
    actor: str
    page: Page

    def known(self, text: str) -> GridAlert:
        """The alert that a person means, as it stands."""
        published = published_of(self.reader, text)
        if not published:
            raise click.ClickException(self.page.say("no_alert_known", text=text, topic=ALERTS))
        return published[-1].event.data

    def ask_all(self, reason: str, *, interactive: bool) -> list[dict[str, Any]]:
        """Show each that waits and, on a terminal, ask for it; all that waited, with pictures."""
        alerts = waiting(self.reader.everything(ALERTS))
        click.echo(self.page.say("waiting" if alerts else "none_wait", n=len(alerts)))
        for alert in alerts:
            for line in (*self.page.head(alert), *pictures_of(alert, self.site)):
                click.echo(line)
            if not interactive:
                continue
            choices = click.Choice([*_KEYS, "s", "q"])
            key = click.prompt(self.page.say("question"), type=choices, show_choices=False)
            if key == "q":
                break
            if key in _KEYS:
                self.answer(alert, Verdict(_KEYS[key], reason))
        return [self._described(alert) for alert in alerts]

    def show(self, alert: GridAlert) -> dict[str, Any]:
        """Show one as a person has to know it to answer; it, with its pictures."""
        for line in self.page.desk(alert, pictures_of(alert, self.site)):
            click.echo(line)
        return self._described(alert)

    def answer(self, alert: GridAlert, verdict: Verdict) -> GridAlert:
        """Send it, await what the worker makes of it, and show that. Exit code 1 if refused."""
        id_, now = str(uuid.uuid4()), datetime.now(UTC)
        value = answer_to(alert, verdict, self.actor, id_, now, self.site.settings.source_uri)
        with closing(KafkaSink(**self.connection.kafka_python())) as sink:
            send = partial(sink.send, FEEDBACK, alert.alert_id.encode(), value)
            found = answered(self.reader, alert.alert_id, id_, send, time.monotonic)
        if found is None:
            raise click.ClickException(self.page.say("no_answer", id=id_, seconds=ANSWERED_S))
        if not isinstance(found, CloudEvent):
            raise click.ClickException(self.page.say("refused", **found))
        for line in self.page.head(found.data):
            click.echo(line)
        return found.data

    def _described(self, alert: GridAlert) -> dict[str, Any]:
        return {**msgspec.to_builtins(alert), "pictures": pictures_of(alert, self.site)}
