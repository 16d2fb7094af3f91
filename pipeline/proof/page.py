"""One HTML page on what was measured, for a person who wants to see why; pictures lie beside it."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from detectors.runtime import ObjectModel
from pipeline.proof.figures import COLUMNS, Figures, row
from pipeline.proof.measure import Looked, Result, ZoneResult, by_detector, by_zone, figures_of
from pipeline.proof.strips import Strip, draw_shots, strips
from pipeline.proof.timeline import NAMES, timeline

_STYLE = Path(__file__).with_name("page.css")


def write_page(folder: Path, results: list[Result], model: ObjectModel) -> None:
    """Write index.html and its pictures into `folder`. Raises OSError."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    parts = [_head(results)]
    for number, result in enumerate(results, 1):
        name = escape(result.scenario.camera.name)
        parts.append(f"<section><h2>{name}</h2>{_facts(result)}")
        wanted: list[tuple[Looked, Path]] = []
        for _, zone, of in by_zone([result]):
            parts.append(_zone(zone, of, result.length_s))
            for which, strip in enumerate(strips(zone, result.length_s), 1):
                stem = f"{number}-{zone.zone}-{which}"
                shots = [(look, f"{stem}-{look.at_s:.1f}.jpg") for look in strip.shots]
                wanted += [(look, pictures / file) for look, file in shots]
                parts += _strip(strip, shots)
        draw_shots(result, wanted, model)
        parts.append("</section>")
    page = "\n".join((*parts, "</main></body></html>\n"))
    (folder / "index.html").write_text(page, "utf-8")


def _head(results: list[Result]) -> str:
    total = figures_of(results)
    rows = [_row(name, of) for name, of in (*by_detector(results).items(), ("all", total))]
    rate = total.false_alerts_per_camera_day
    doubt = f"{total.false_alerts} false alerts in {total.hours:.2f} camera hours"
    if rate.value is not None:
        doubt += f": {rate.value:g} a camera and day, 95 % interval {rate.low:g} to {rate.high:g}"
    names = "".join(f"<th>{name}</th>" for name in COLUMNS)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<title>gridalert evaluate</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE.read_text('utf-8')}</style></head><body><main>"
        f'<h1>Alerts against what happened</h1><div class="wide"><table><thead><tr><th></th>{names}'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div><p>{doubt}</p>"
    )


def _row(name: str, of: Figures) -> str:
    cells = "".join(f"<td>{cell}</td>" for cell in row(of))
    return f"<tr><th>{escape(name)}</th>{cells}</tr>"


def _facts(result: Result) -> str:
    broken = f", {result.unreadable} unreadable" if result.unreadable else ""
    return (
        f"<p>{escape(str(result.scenario.file))}: {result.length_s:.1f} s, {result.frames} frames "
        f"looked at{broken}, {result.frames / result.looking_s:.1f} a second.</p>"
    )


def _zone(zone: ZoneResult, of: Figures, length_s: float) -> str:
    counts = f"{of.found} of {of.true_incidents} found"
    counts += f", {of.false_alerts} false" if of.false_alerts else ""
    counts += f", {of.duplicates} told again" if of.duplicates else ""
    ruled = f"at least {zone.rule.raise_at:g} for {zone.rule.hold_s:g} s"
    return (
        f"<h3>{escape(zone.zone)} <small>{escape(zone.detector)}, {ruled}: {counts}</small></h3>"
        f'<div class="wide">{timeline(zone, length_s)}</div>'
    )


def _strip(strip: Strip, shots: list[tuple[Looked, str]]) -> Iterator[str]:
    yield (
        f'<div class="strip {strip.outcome}"><h4>{NAMES[strip.outcome]}: {strip.from_s:.1f} to '
        f'{strip.to_s:.1f} s</h4><div class="shots">'
    )
    for look, file in shots:
        source, at = f"pictures/{escape(file)}", f"{look.at_s:.1f} s"
        yield (
            f'<figure><a href="{source}"><img src="{source}" loading="lazy" alt="{at}"></a>'
            f"<figcaption>{at}: {look.hit.measure:g}</figcaption></figure>"
        )
    yield (
        '</div><p class="key">Red: counted. Blue: seen by the model. Grey: too faint for it to '
        "count, with its score. Amber: the zone.</p><ul>"
    )
    for when, en, zh in strip.reasons():
        yield f"<li><b>{when}</b> {escape(en)} <span>{escape(zh)}</span></li>"
    yield "</ul></div>"
