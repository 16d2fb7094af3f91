"""What a demo shows and leaves: a table of alerts, and files that others can check."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from rich import box
from rich.table import Table

from pipeline.alerts import CloudEvent, Direct, decode_alert
from pipeline.incidents.wording import SUREST


def latest(alerts: Sequence[bytes]) -> list[CloudEvent]:
    """The newest state of each incident, in order of first appearance."""
    oldest_first = sorted(map(decode_alert, alerts), key=lambda event: event.data.sequence)
    return list({event.data.alert_id: event for event in oldest_first}.values())


def table(alerts: Sequence[bytes]) -> Table:
    """One row an incident, as a dispatch service would list them; pictures are numbered."""
    rows = Table(title="grid.alerts.v1", show_lines=True, box=box.HORIZONTALS)
    rows.add_column("event, place", min_width=16, overflow="fold")
    for name in ("seen", "due", "officer", "lv.", "conf.", "pic."):
        rows.add_column(name, no_wrap=True)
    shown = pictures(alerts)
    for event in latest(alerts):
        alert, zone = event.data, ZoneInfo("Asia/Shanghai")
        due = alert.deadline.due_at
        to = alert.routing
        officer = to.assignee if isinstance(to, Direct) else to.proposed
        rows.add_row(
            f"{alert.place.name}\n{alert.event.label} {alert.measures[0].value:g}\n"
            f"{alert.event.label_en}, {type(alert).__name__.lower()}"
            + ("\n合成演示 (made)" if alert.exercise else "")
            + "".join(
                f"\n{x.log_odds:+.2f} by sensor\n{x.source}" for x in alert.contributions if x.label
            ),
            f"{alert.first_seen_at.astimezone(zone):%m-%d %H:%M:%S}\n"
            f"{alert.last_seen_at.astimezone(zone):%m-%d %H:%M:%S}",
            "-" if due is None else f"{due.astimezone(zone):%m-%d %H:%M}",
            f"{officer.number}\n{'direct' if isinstance(to, Direct) else 'queue'}",
            str(alert.event_level),
            f"{min(alert.confidence, SUREST):.2f}",
            f"[{shown.index(event) + 1}]" if event in shown else "-",
        )
    return rows


def pictures(alerts: Sequence[bytes]) -> list[CloudEvent]:
    """The newest states that have a picture."""
    return [event for event in latest(alerts) if event.data.evidence]


def picture_paths(alerts: Sequence[bytes], folder: Path) -> list[Path]:
    """Where the numbered pictures of the table are."""
    stored = folder / "evidence" / "sha256"
    return [stored / f"{event.data.evidence[0].sha256}.jpg" for event in pictures(alerts)]


def one_page(pages: Mapping[str, str]) -> str:
    """Several processes' metrics as one page that Prometheus takes, labelled by process."""
    families: dict[str, Metric] = {}
    for process, page in sorted(pages.items()):
        for found in text_string_to_metric_families(page):
            kind = families.setdefault(
                found.name, Metric(found.name, found.documentation, found.type)
            )
            for sample in found.samples:
                labels = {"process": process, **sample.labels}
                kind.add_sample(sample.name, labels, sample.value)
    registry = CollectorRegistry()
    registry.register(_Given(list(families.values())))
    return generate_latest(registry).decode()


class _Given(Collector):
    """Metrics that were collected elsewhere."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """Called by prometheus-client."""
        return self._families


def write(folder: Path, alerts: Sequence[bytes], log: Sequence[bytes], metrics: str) -> None:
    """alerts.jsonl, log.jsonl and metrics.prom."""
    (folder / "alerts.jsonl").write_bytes(b"".join(value + b"\n" for value in alerts))
    (folder / "log.jsonl").write_bytes(b"".join(line + b"\n" for line in log))
    (folder / "metrics.prom").write_text(metrics, "utf-8")
