"""gridalert worker: the log to grid alerts."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import click
from prometheus_client import CollectorRegistry

from pipeline.cli.shared import SITE, connection_of, load_or_exit
from pipeline.connection import KafkaProblem
from pipeline.looks import detector_class
from pipeline.metrics import OpenIncidents, serve, worker_metrics
from pipeline.readings import watch_sensors
from pipeline.topics import ensure_topics
from pipeline.worker import Parts, build_app, run_worker
from sinks.evidence import EvidenceUnavailable, FolderEvidence

NOISY = ("aiokafka", "faust", "mode", "asyncio")


@click.command("worker")
@SITE
def command(site: Path) -> None:
    r"""Fold the log into incidents and send grid alerts, until Ctrl-C. Start as many as you like.

    \b
    gridalert worker --site deploy/demo

    Kill it at any moment: the next one goes on where it was and sends nothing that is not the same.
    """
    loaded = load_or_exit(site)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    registry = CollectorRegistry()
    rules = loaded.settings.evidence
    try:
        connection = connection_of(loaded)
        ensure_topics(connection)
        parts = Parts(
            site=loaded,
            watched=watch_sensors(loaded, detector_class),
            evidence=FolderEvidence(loaded.folder / rules.folder, rules.base_uri),
            metrics=worker_metrics(registry),
            now=lambda: datetime.now(UTC),
        )
        app, progress = build_app(connection, parts)
    except (KafkaProblem, EvidenceUnavailable, LookupError) as error:
        raise click.ClickException(str(error)) from error
    registry.register(OpenIncidents(progress.all_states, loaded.policy))
    port, stop_serving = serve(registry, loaded.settings.worker.metrics_port)
    click.echo(f"policy {loaded.policy.version}; metrics on http://127.0.0.1:{port}/metrics")
    try:
        status = run_worker(app)
    finally:
        stop_serving()
    raise SystemExit(status)
