"""gridalert ingest: frames through the detectors to hits on the log."""

import os
import signal
import threading
from pathlib import Path

import click
from prometheus_client import CollectorRegistry, write_to_textfile

from detectors.manifest import ManifestError
from detectors.runtime import open_object_model
from pipeline.cli.quiet import log_quietly
from pipeline.cli.shared import SITE, connection_of, load_or_exit, model_folder
from pipeline.connection import KafkaProblem
from pipeline.ingest import SourceFailed, ingest, parts_of
from pipeline.metrics import MetricsUnavailable, SiteMetrics, serve
from pipeline.reload import Reload, stamp_of
from pipeline.topics import DEAD_LETTERS, ensure_topics
from sinks.contract import MessageRefused, SinkUnavailable
from sinks.evidence import EvidenceUnavailable
from sinks.kafka import KafkaSink

_EPILOG = """\b
Example:
  gridalert ingest --site deploy/demo
"""


@click.command("ingest", epilog=_EPILOG)
@SITE
@click.option(
    "--metrics-out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the metrics here when the sources end, for Prometheus' textfile collector.",
)
def command(site: Path, metrics_out: Path | None) -> None:
    """Look at every camera of the site until its source ends, or until Ctrl-C (twice: at once).

    Started again after a crash it makes the same hits again; the worker knows them by their time.
    Change the site while it runs: a right one is taken within seconds (SIGHUP: at once), a wrong
    one is refused and the old one runs on.
    """
    stop = threading.Event()

    def asked_to_stop(number: int, _: object) -> None:
        if stop.is_set():  # while Kafka is away a send takes minutes to fail; a kill loses nothing
            os._exit(128 + number)
        stop.set()

    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, asked_to_stop)
    stamp = stamp_of(site)
    loaded = load_or_exit(site)
    log_quietly()
    registry = CollectorRegistry()
    every_s = loaded.settings.ingest.reload_s
    reload = Reload(site, loaded, stamp, every_s, SiteMetrics(registry))
    signal.signal(signal.SIGHUP, lambda *_: reload.ask())
    try:
        looked = _run(reload, registry, stop)
    except (
        ManifestError,
        KafkaProblem,
        SinkUnavailable,
        MessageRefused,
        MetricsUnavailable,
        EvidenceUnavailable,
        SourceFailed,
        LookupError,
        ValueError,
    ) as error:
        raise click.ClickException(str(error)) from error
    finally:
        written = metrics_out is None or _written(metrics_out, registry)
    click.echo(f"looked at {looked} frames of {len(reload.site.cameras)} cameras")
    for reason, count in _refused(registry).items():
        click.echo(f"  {count} could not be used ({reason}): {DEAD_LETTERS} says which and why")
    if not written:
        raise SystemExit(1)


def _written(path: Path, registry: CollectorRegistry) -> bool:
    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        click.echo(f"Error: cannot write {path}: {error.strerror}", err=True)
        return False
    return True


def _refused(registry: CollectorRegistry) -> dict[str, int]:
    return {
        sample.labels["reason"]: int(sample.value)
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "gridalert_dead_letters_total"
    }


def _run(reload: Reload, registry: CollectorRegistry, stop: threading.Event) -> int:
    site = reload.site
    model = open_object_model(model_folder(site), site.settings.ingest.threads)
    session = model.session
    click.echo(f"{model.manifest.name} runs on {session.provider}")
    for note in session.notes:
        click.echo(f"  {note}")
    connection = connection_of(site)
    click.echo(f"Kafka at {connection.bootstrap_servers}")
    ensure_topics(connection)
    sink = KafkaSink(**connection.kafka_python())
    parts = parts_of(site, sink, model, registry, connection)
    port, stop_serving = serve(registry, site.settings.ingest.metrics_port)
    click.echo(f"metrics on http://127.0.0.1:{port}/metrics")
    try:
        looked = ingest(site, parts, stop, reload)
    finally:
        sink.close()
        stop_serving()
    return looked
