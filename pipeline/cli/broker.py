"""`gridalert broker`: a local Kafka, or the topics on an existing one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import click
from click.core import ParameterSource

from pipeline.broker import LocalBroker
from pipeline.cli.shared import write_json
from pipeline.connection import Connection, KafkaProblem
from pipeline.topics import TopicReport, ensure_topics

_PASSWORD = "GRIDALERT_SASL_PASSWORD"  # noqa: S105 -- the name of a variable
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_EXAMPLES = """\b
Examples:
  gridalert broker
  gridalert broker --port 19092 --data ~/grid-data
  GRIDALERT_SASL_PASSWORD=... gridalert broker --bootstrap-servers kafka.example:9093 \\
      --security-protocol SASL_SSL --sasl-mechanism SCRAM-SHA-512 --sasl-username grid
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9092, show_default=True,
    help="Listen on 127.0.0.1 on this port; 0 picks a free one.",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path),
    help="Keep data in this directory between runs; without it they go when the broker stops.",
)  # fmt: skip
@click.option(
    "--bootstrap-servers",
    help="HOST:PORT[,HOST:PORT...] of a cluster that runs: start nothing, make its topics.",
)
@click.option("--security-protocol", help="PLAINTEXT (default), SSL, SASL_PLAINTEXT or SASL_SSL.")
@click.option("--sasl-mechanism", help="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")
@click.option("--sasl-username", help=f"The password is read from {_PASSWORD}.")
@click.option("--ssl-cafile", help="PEM file of the authority that signed the brokers.")
@click.option("--ssl-certfile", help="PEM file of our certificate, where the cluster asks for it.")
@click.option("--ssl-keyfile", help="PEM file of its key, unencrypted.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path),
    help="Write address and topics to this file once the broker serves.",
)  # fmt: skip
@click.pass_context
def command(
    context: click.Context,
    /,
    port: int,
    data: Path | None,
    json_file: Path | None,
    bootstrap_servers: str | None,
    **security: str | None,
) -> None:
    """Run a real Apache Kafka on this machine with all of GridAlert's topics.

    One node, reachable from this machine only, without passwords: for the demo, tests and
    development. Needs Java 17 and, the first time, Maven. Ctrl-C stops it.
    """
    try:
        if bootstrap_servers is None:
            _refuse(context, set(security), "needs --bootstrap-servers")
            _run_local(port, data, json_file)
        else:
            _refuse(context, {"port", "data"}, "does not go with --bootstrap-servers")
            connection = _connection(bootstrap_servers, security)
            _report(connection.bootstrap_servers, ensure_topics(connection), json_file)
    except KafkaProblem as problem:
        raise click.ClickException(str(problem)) from problem


def _refuse(context: click.Context, names: set[str], why: str) -> None:
    """A usage error for the first of `names` that was given: it would be ignored silently."""
    for name in sorted(names):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name.replace('_', '-')} {why}")


def _connection(servers: str, security: dict[str, str | None]) -> Connection:
    given = {name: value for name, value in security.items() if value is not None}
    if given.get("security_protocol", "").startswith("SASL_"):
        # Never an option: a command line can be read by every user of the machine.
        given["sasl_password"] = os.environ.get(_PASSWORD, "")
    try:
        return Connection(servers, **given)
    except ValueError as error:
        hint = f" (set the variable {_PASSWORD})" if "sasl_password is" in str(error) else ""
        raise click.UsageError(f"{error}{hint}") from error


def _run_local(port: int, data: Path | None, json_file: Path | None) -> None:
    broker = LocalBroker(data, port, tell=lambda words: click.echo(words, err=True))
    with _ended_by_signals(broker), broker:
        _report(broker.bootstrap, ensure_topics(broker.connection), json_file)
        kept = f"data kept in {data}" if data else "data go when it stops"
        try:
            # Inside: who reads this line may send the signal before the next one runs.
            click.echo(f"Kafka listens on {broker.bootstrap}; {kept}. Ctrl-C stops it.")
            broker.wait()
        except SystemExit:
            # To stop a broker that serves is its normal end, not a failure.
            click.echo("stopping", err=True)


@contextmanager
def _ended_by_signals(broker: LocalBroker) -> Iterator[None]:
    """Turn signals into SystemExit, except while the broker is being stopped in order."""

    def leave(number: int, _: FrameType | None) -> None:
        if not broker.closing:
            raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report(servers: str, topics: list[TopicReport], json_file: Path | None) -> None:
    click.echo(f"{'topic':28} {'partitions':>10}  {'kept':>9}  cleanup")
    for topic in topics:
        made = "created" if topic.created else "there"
        click.echo(
            f"{topic.name:28} {topic.partitions:>10}  {_age(topic.retention_ms):>9}  "
            f"{topic.cleanup_policy} ({made})"
        )
    if json_file is None:
        return
    document = {"bootstrap_servers": servers, "topics": [asdict(topic) for topic in topics]}
    # Renamed when whole: scripts wait for this file to learn the address.
    partial = json_file.with_name(json_file.name + ".part")
    write_json(partial, document)
    partial.replace(json_file)


def _age(milliseconds: int) -> str:
    if milliseconds < 0:
        return "for ever"
    minutes = milliseconds // 60_000
    return f"{minutes // 1440} d" if minutes >= 1440 else f"{minutes} min"
