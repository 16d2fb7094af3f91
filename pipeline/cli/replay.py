"""gridalert replay: a recorded log through the same fold, without Kafka."""

from pathlib import Path

import click

from pipeline.cli.shared import SITE, load_or_exit, write, write_json
from pipeline.explain.words import phrase
from pipeline.replay import Fold, begun_by, distinct_alerts, read_log, replay

_EPILOG = """\b
Examples:
  gridalert replay out/log.jsonl --site deploy/demo --out replayed.jsonl
  cmp out/alerts.jsonl replayed.jsonl
"""


@click.command("replay", epilog=_EPILOG)
@click.argument("log", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@SITE
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write alerts here.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write counts as JSON.")
def command(log: Path, site: Path, out: Path | None, json_file: Path | None) -> None:
    """Decide a recorded log again: the same site gives the same alerts, byte for byte.

    Where the site was changed while the log was written, each record is decided by the version that
    was in force, as long as the site's folder of versions has it.
    """
    loaded = load_or_exit(site)
    fold = Fold(loaded.policy, loaded.folder / loaded.settings.worker.versions_folder)
    try:
        fold.begin(begun_by(line.record() for line in read_log(log)))
        alerts = distinct_alerts(replay(read_log(log), fold))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if out:
        write(out, b"".join(value + b"\n" for value in alerts))
    for version in fold.missing:
        words = phrase("not_kept", version=version, current=loaded.policy.version)
        click.echo(f"Warning: {words.en}", err=True)
    counts = fold.counts()
    if json_file:
        write_json(json_file, {"alerts": len(alerts), "decisions": counts})
    click.echo(f"{sum(counts.values())} records, {len(alerts)} alerts")
    for name, count in counts.items():
        click.echo(f"  {name:32} {count}")
