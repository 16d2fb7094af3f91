"""A zone's time line as SVG: what happened, what was told, and the measure that led to it."""

from collections.abc import Callable, Iterator
from html import escape

from detectors.hits import Hit
from pipeline.incidents.policy import Rule
from pipeline.proof.measure import ZoneResult

_LEFT, _RIGHT, _WIDE = 70, 990, 1000
_TRUTHS, _ALERTS, _BAR = 8, 36, 20  # tops of the two rows of bars, and their height
_TOP, _BOTTOM, _HIGH = 72, 176, 200  # of the curve, and of it all
_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
NAMES = {"found": "found", "missed": "missed", "false": "false alert", "duplicate": "told again"}


def timeline(zone: ZoneResult, rule: Rule, length_s: float) -> str:
    """The picture; `rule`: the zone's own, `length_s`: of the clip."""
    length_s = max(length_s, 1.0)

    def x(at_s: float) -> float:
        return round(_LEFT + min(max(at_s / length_s, 0.0), 1.0) * (_RIGHT - _LEFT), 1)

    title = escape(f"Time line of {zone.zone}: truth, alerts and measure")
    parts = [f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{title}">']
    parts += [_name("truth", _TRUTHS + 15), _name("alerts", _ALERTS + 15)]
    parts += _bars(zone, x, length_s)
    parts += _curve(zone, rule, x, length_s)
    parts += _axis(x, length_s)
    return "".join((*parts, "</svg>"))


def _bars(zone: ZoneResult, x: Callable[[float], float], length_s: float) -> Iterator[str]:
    for truth in zone.truths:
        outcome = "missed" if truth in zone.missed else "found"
        yield _bar(outcome, x(truth.from_s), x(truth.to_s), _TRUTHS, (truth.from_s, truth.to_s))
    for one in zone.matches:
        span = one.episode.from_s, one.episode.until(length_s)
        yield _bar(one.outcome, x(span[0]), x(span[1]), _ALERTS, span)


def _bar(outcome: str, left: float, right: float, top: int, span: tuple[float, float]) -> str:
    wide, name = max(right - left, 3.0), NAMES[outcome]
    tip = f"{name}: {span[0]:.1f} to {span[1]:.1f} s"
    text = f'<text class="on" x="{left + 4}" y="{top + 15}">{name}</text>'
    return (
        f'<g class="{outcome}"><title>{tip}</title><rect x="{left}" y="{top}" width="{wide:.1f}" '
        f'height="{_BAR}" rx="3"/>{text if wide > 9 * len(name) else ""}</g>'
    )


def _curve(
    zone: ZoneResult, rule: Rule, x: Callable[[float], float], length_s: float
) -> Iterator[str]:
    """The measure of each look until the next, the levels it is held against, and blind times."""
    looks = [(at_s, entry.record) for at_s, entry in zone.hits if isinstance(entry.record, Hit)]
    most = max([1.25 * rule.raise_at, *(hit.measure for _, hit in looks)])

    def y(measure: float) -> float:
        return round(_BOTTOM - measure / most * (_BOTTOM - _TOP), 1)

    for name, level in (("raise", rule.raise_at), ("clear", rule.clear_below)):
        if name == "raise" or level != rule.raise_at:
            yield _level(name, y(level))
            yield _name(f"{name} {level:g}", y(level) + 4)
    yield _name("0", _BOTTOM + 4)
    ends = [at_s for at_s, _ in looks[1:]] + [length_s]
    path = ""
    for (at_s, hit), end_s in zip(looks, ends, strict=False):
        if hit.quality > 0:
            path += f"{'V' if path else f'M{x(at_s)} '}{y(hit.measure)}H{x(end_s)}"
        else:
            wide = x(end_s) - x(at_s)
            yield (
                f'<rect class="blind" x="{x(at_s)}" y="{_TOP}" width="{wide:.1f}" '
                f'height="{_BOTTOM - _TOP}"><title>could not see</title></rect>'
            )
            path += f"{'V' if path else f'M{x(at_s)} '}{y(0)}H{x(end_s)}"
    yield f'<path class="measure" d="{path}"/>'


def _axis(x: Callable[[float], float], length_s: float) -> Iterator[str]:
    step_s = next((step for step in _STEPS_S if length_s / step <= 12), _STEPS_S[-1])
    yield _level("axis", _BOTTOM)
    for at_s in range(0, int(length_s) + 1, step_s):
        text = f"{at_s} s" if length_s < 600 else f"{at_s // 60}:{at_s % 60:02}"
        yield f'<text class="tick" x="{x(at_s)}" y="{_HIGH - 6}">{text}</text>'


def _level(name: str, y: float) -> str:
    return f'<line class="{name}" x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}"/>'


def _name(text: str, y: float) -> str:
    return f'<text class="name" x="{_LEFT - 8}" y="{y}">{escape(text)}</text>'
