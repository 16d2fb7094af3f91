"""Write docs/accuracy.md from the figures of `gridalert evaluate --json FILE`."""

import json
import sys
from pathlib import Path
from typing import Any

from pipeline.proof.figures import wilson

PAGE = Path(__file__).with_name("accuracy.md")
HEAD = "| | truths | found | false | again | precision | recall | F1 | s to alert, p50 and p95 |"
TEXT = """# How right the alerts are

Written by `make accuracy`, which runs `gridalert evaluate scenarios/*.toml` on the clips of
`../shared/data`, with the code of ingest and worker and the shipped catalogue and model; do not
edit. `out/accuracy/index.html` has a time line for each zone, and pictures of all that went wrong.
What a truth is, and where the truths come from: `scenarios/README.md`. In brackets: 95 % intervals
(Wilson; exact Poisson for the rate). Precision counts an alert told twice as wrong.

{detectors}

False alerts a camera and day: {value} [{low}, {high}], {false} in {hours} camera hours. Minutes of
clip cannot show a rate as low as a city needs (0.2 or less): that takes weeks of real cameras.

## By zone

{zones}

## What was not measured

- Night, rain, snow, fog, low sun, headlights; dirty, shaking or turned cameras.
- Dense crowds: the most people at once in these clips is 8. Where people hide each other, fewer are
  seen than there are.
- Real streams, their gaps and broken pictures: these are files.
- People so near that they fill half of the picture: the shipped model sees few of them.
- Traffic lights, queues at crossings, loading bays, bus stops; more than one vehicle that stands.
- Other views than these four; any camera of a real deployment. The campus is also the clip that the
  catalogue's values were chosen on: its figures are too good.
- Flying wire: no real picture of it was found.
"""


def table(rows: list[tuple[str, dict[str, Any]]]) -> str:
    """Figures by name as Markdown."""
    lines = [HEAD, "|---|" + "---:|" * 8]
    for name, of in rows:
        found, truths, late = of["found"], of["true_incidents"], of["time_to_alert_s"]
        told = found + of["false_alerts"] + of["duplicates"]
        cells = [truths, found, of["false_alerts"], of["duplicates"]]
        cells += [share(found, told), share(found, truths)]
        cells.append("-" if of["f1"] is None else f"{of['f1']:.2f}")
        cells.append("-" if late["p50"] is None else f"{late['p50']:.1f}, {late['p95']:.1f}")
        lines.append(f"| {name} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def share(hits: int, of: int) -> str:
    """A share and its interval."""
    low, high = wilson(hits, of)
    return f"{hits / of:.2f} [{low:.2f}, {high:.2f}]" if of else "-"


def main(measured: str) -> None:
    """Write the page."""
    answer = json.loads(Path(measured).read_text("utf-8"))
    total, rate = answer["total"], answer["total"]["false_alerts_per_camera_day"]
    zones = [
        (f"{scenario['name']}, {zone['id']} ({zone['detector']})", zone)
        for scenario in answer["scenarios"]
        for zone in scenario["zones"]
    ]
    PAGE.write_text(
        TEXT.format(
            detectors=table([*answer["detectors"].items(), ("all", total)]),
            zones=table(zones),
            false=total["false_alerts"],
            hours=f"{total['hours']:.2f}",
            **{name: f"{rate[name]:.3g}" for name in ("value", "low", "high")},
        ),
        "utf-8",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
