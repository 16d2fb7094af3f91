"""One HTML page on what was measured, for a person who wants to see why; pictures lie beside it."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from detectors.runtime import ObjectModel
from pipeline.proof.figures import COLUMNS, Figures, figures, row
from pipeline.proof.measure import Result, ZoneResult, count_of, figures_of
from pipeline.proof.strips import Strip, draw_shots, strips
from pipeline.proof.timeline import NAMES, timeline

_STYLE = Path(__file__).with_name("page.css")


def write_page(folder: Path, results: list[Result], model: ObjectModel) -> Path:
    """Write index.html and its pictures into `folder`. Raises OSError."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    parts = [_head(), _summary(results)]
    for number, result in enumerate(results, 1):
        parts.append(f"<section><h2>{escape(result.scenario.name)}</h2>{_facts(result)}")
        wanted = []
        for zone in result.zones:
            told = list(strips(result, zone))
            parts.append(_zone(result, zone))
            for which, strip in enumerate(told, 1):
                stem = f"{number}-{zone.zone}-{which}"
                shots = [(at_s, hit, f"{stem}-{at_s:.1f}.jpg") for at_s, hit in strip.shots]
                wanted += [(hit, pictures / name) for _, hit, name in shots]
                parts += _strip(strip, [(at_s, hit.measure, name) for at_s, hit, name in shots])
        draw_shots(result, wanted, model)
        parts.append("</section>")
    page = folder / "index.html"
    page.write_text("\n".join((*parts, "</main></body></html>\n")), "utf-8")
    return page


def _head() -> str:
    style = _STYLE.read_text("utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<title>gridalert evaluate</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style}</style></head><body><main><h1>Alerts against what happened</h1>"
    )


def _summary(results: list[Result]) -> str:
    total, detectors = figures_of(results)
    rows = [_row(name, of) for name, of in (*detectors.items(), ("all", total))]
    rate = total.false_alerts_per_camera_day
    doubt = f"{total.false_alerts} false alerts in {total.hours:.2f} camera hours"
    if rate.value is not None:
        doubt += f": {rate.value:g} a camera and day, 95 % interval {rate.low:g} to {rate.high:g}"
    names = "".join(f"<th>{name}</th>" for name in COLUMNS)
    return (
        f'<div class="wide"><table><thead><tr><th></th>{names}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div><p>{doubt}</p>"
    )


def _row(name: str, of: Figures) -> str:
    cells = "".join(f"<td>{cell}</td>" for cell in row(of))
    return f"<tr><th>{escape(name)}</th>{cells}</tr>"


def _facts(result: Result) -> str:
    speed = result.frames / result.looking_s if result.looking_s else 0.0
    broken = f", {result.unreadable} unreadable" if result.unreadable else ""
    return (
        f"<p>{escape(str(result.scenario.file))}: {result.length_s:.1f} s, {result.frames} frames "
        f"looked at{broken}, {speed:.1f} a second.</p>"
    )


def _zone(result: Result, zone: ZoneResult) -> str:
    of = figures([count_of(result, [zone])])
    camera, policy = result.scenario.site.cameras[0].id, result.scenario.site.policy
    rule = policy.watches[camera, zone.zone].rule
    counts = f"{of.found} of {of.true_incidents} found"
    counts += f", {of.false_alerts} false" if of.false_alerts else ""
    counts += f", {of.duplicates} told again" if of.duplicates else ""
    ruled = f"at least {rule.raise_at:g} for {rule.hold_s:g} s"
    return (
        f"<h3>{escape(zone.zone)} <small>{escape(zone.detector)}, {ruled}: {counts}</small></h3>"
        f'<div class="wide">{timeline(zone, rule, result.length_s)}</div>'
    )


def _strip(strip: Strip, shots: list[tuple[float, float, str]]) -> Iterator[str]:
    yield (
        f'<div class="strip {strip.outcome}"><h4>{NAMES[strip.outcome]}: {strip.from_s:.1f} to '
        f'{strip.to_s:.1f} s</h4><div class="shots">'
    )
    for at_s, measure, name in shots:
        source = f"pictures/{escape(name)}"
        yield (
            f'<figure><a href="{source}"><img src="{source}" loading="lazy" alt="{at_s:.1f} s"></a>'
            f"<figcaption>{at_s:.1f} s: {measure:g}</figcaption></figure>"
        )
    yield '</div><p class="key">Red: counted. Blue: seen by the model. Amber: the zone.</p><ul>'
    for reason in strip.reasons:
        when = f"{reason.from_s:.1f} to {reason.to_s:.1f} s, {reason.looks} looks"
        words = f"{escape(reason.words.en)} <span>{escape(reason.words.zh)}</span>"
        yield f"<li><b>{when}</b> {words}</li>"
    yield "</ul></div>"
