"""gridalert worker: the log to grid alerts."""

import signal
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
from prometheus_client import CollectorRegistry

from pipeline.cli.quiet import log_quietly
from pipeline.cli.shared import SITE, connection_of, load_or_exit
from pipeline.connection import KafkaProblem
from pipeline.metrics import (
    Books,
    CalendarEnds,
    MetricsUnavailable,
    SiteMetrics,
    WorkerMetrics,
    serve,
)
from pipeline.reload import Reload, stamp_of
from pipeline.shell import Parts
from pipeline.site.versions import Shelf, VersionNotKept, keep_version
from pipeline.topics import ensure_topics
from pipeline.worker import build_app, run_worker
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
    Change the site while it runs: a right one is taken within seconds (SIGHUP: at once), a wrong
    one is refused and the old one runs on.
    """
    stamp = stamp_of(site)
    loaded = load_or_exit(site)
    log_quietly()
    registry = CollectorRegistry()
    try:
        connection = connection_of(loaded)
        click.echo(f"Kafka at {connection.bootstrap_servers}")
        ensure_topics(connection)
        versions = loaded.folder / loaded.settings.worker.versions_folder
        keep_version(loaded, versions)
        reload = Reload(
            site,
            loaded,
            stamp,
            loaded.settings.worker.reload_s,
            SiteMetrics(registry),
            partial(keep_version, folder=versions),
        )
        parts = _parts(reload, versions, registry)
        app, progress = build_app(connection, parts)
        port, stop_serving = serve(registry, loaded.settings.worker.metrics_port)
    except (
        KafkaProblem,
        EvidenceUnavailable,
        MetricsUnavailable,
        VersionNotKept,
        LookupError,
    ) as error:
        raise click.ClickException(str(error)) from error
    signal.signal(signal.SIGHUP, lambda *_: reload.ask())
    registry.register(Books(progress.all_states, lambda: parts.shelf.policies))
    registry.register(CalendarEnds(lambda: parts.shelf.policies.current, parts.now))
    click.echo(f"policy {loaded.policy.version}; metrics on http://127.0.0.1:{port}/metrics")
    try:
        status = run_worker(app)
    finally:
        stop_serving()
    raise SystemExit(status)


def _parts(reload: Reload, versions: Path, registry: CollectorRegistry) -> Parts:
    site, rules = reload.site, reload.site.settings.evidence
    return Parts(
        reload=reload,
        shelf=Shelf(site.policy, versions),
        evidence=FolderEvidence(site.folder / rules.folder, rules.base_uri),
        metrics=WorkerMetrics(registry),
        now=lambda: datetime.now(UTC),
    )
