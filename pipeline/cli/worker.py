"""gridalert worker: the log to grid alerts."""

from datetime import UTC, datetime
from pathlib import Path

import click
from prometheus_client import CollectorRegistry

from pipeline.cli.quiet import log_quietly
from pipeline.cli.shared import SITE, connection_of, load_or_exit
from pipeline.connection import KafkaProblem
from pipeline.metrics import MetricsUnavailable, OpenIncidents, serve, worker_metrics
from pipeline.readings import watch_sensors
from pipeline.topics import ensure_topics
from pipeline.worker import Parts, build_app, run_worker
from sinks.evidence import EvidenceUnavailable, FolderEvidence

_EPILOG = """\b
Example:
  gridalert worker --site deploy/demo
"""


@click.command("worker", epilog=_EPILOG)
@SITE
def command(site: Path) -> None:
    """Fold the log into incidents and send grid alerts, until Ctrl-C. Start as many as you like.

    Kill it at any moment: the next one goes on where it was and sends nothing that is not the same.
    """
    loaded = load_or_exit(site)
    log_quietly()
    registry = CollectorRegistry()
    rules = loaded.settings.evidence
    try:
        connection = connection_of(loaded)
        click.echo(f"Kafka at {connection.bootstrap_servers}")
        ensure_topics(connection)
        parts = Parts(
            site=loaded,
            watched=watch_sensors(loaded),
            evidence=FolderEvidence(loaded.folder / rules.folder, rules.base_uri),
            metrics=worker_metrics(registry),
            now=lambda: datetime.now(UTC),
        )
        app, progress = build_app(connection, parts)
        port, stop_serving = serve(registry, loaded.settings.worker.metrics_port)
    except (KafkaProblem, EvidenceUnavailable, MetricsUnavailable, LookupError) as error:
        raise click.ClickException(str(error)) from error
    registry.register(OpenIncidents(progress.all_states, loaded.policy))
    click.echo(f"policy {loaded.policy.version}; metrics on http://127.0.0.1:{port}/metrics")
    try:
        status = run_worker(app)
    finally:
        stop_serving()
    raise SystemExit(status)
