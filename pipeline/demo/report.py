"""What a demo shows and leaves: a table of alerts, and files that others can check."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.table import Table

from pipeline.messages import CloudEvent, Direct, NoDeadline, decode_alert


def latest(alerts: Sequence[bytes]) -> list[CloudEvent]:
    """The newest state of each incident, in order of first appearance."""
    by_id: dict[str, CloudEvent] = {}
    for event in map(decode_alert, alerts):
        known = by_id.setdefault(event.data.alert_id, event)
        if event.data.sequence > known.data.sequence:
            by_id[event.data.alert_id] = event
    return list(by_id.values())


def table(alerts: Sequence[bytes], folder: Path) -> Table:
    """One row an incident, as a dispatch service would list them."""
    rows = Table(title="grid.alerts.v1", show_lines=True)
    for name in ("place", "event", "seen", "confidence", "level", "due", "officer", "picture"):
        rows.add_column(name, overflow="fold")
    for event in latest(alerts):
        alert = event.data
        zone = ZoneInfo("Asia/Shanghai") if isinstance(alert.deadline, NoDeadline) else None
        zone = zone or ZoneInfo(alert.deadline.timezone)  # type: ignore[union-attr]
        first, last = (t.astimezone(zone) for t in (alert.first_seen_at, alert.last_seen_at))
        measure = alert.measures[0]
        due = alert.deadline.due_at
        to = alert.routing
        officer = to.assignee if isinstance(to, Direct) else to.proposed
        rows.add_row(
            alert.place.name,
            f"{alert.event.label} {alert.event.label_en}\n{measure.value:g} {measure.unit}, "
            f"{type(alert).__name__.lower()}",
            f"{first:%m-%d %H:%M:%S}\n{last:%m-%d %H:%M:%S}",
            f"{alert.confidence:.2f}",
            str(alert.event_level),
            "-" if due is None else f"{due.astimezone(zone):%m-%d %H:%M}",
            f"{officer.number}号 {to.__struct_config__.tag}",
            str(picture(event, folder) or "-"),
        )
    return rows


def picture(event: CloudEvent, folder: Path) -> Path | None:
    """The file of an alert's picture."""
    if not event.data.evidence:
        return None
    return folder / "evidence" / "sha256" / f"{event.data.evidence[0].sha256}.jpg"


def write(folder: Path, alerts: Sequence[bytes], log: Sequence[bytes], metrics: str) -> None:
    """alerts.jsonl, log.jsonl and metrics.prom."""
    (folder / "alerts.jsonl").write_bytes(b"".join(value + b"\n" for value in alerts))
    (folder / "log.jsonl").write_bytes(b"".join(line + b"\n" for line in log))
    (folder / "metrics.prom").write_text(metrics, "utf-8")


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """summary.json."""
    text = json.dumps(summary, ensure_ascii=False, indent=2)
    (folder / "summary.json").write_text(text + "\n", "utf-8")


def counts(decisions: Counter[tuple[str, str]]) -> dict[str, int]:
    """Decisions by outcome/reason."""
    return {f"{outcome}/{reason}": n for (outcome, reason), n in sorted(decisions.items())}
