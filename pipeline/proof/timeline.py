"""A zone's time line as SVG: what happened, what was told, and the measure that led to it."""

from html import escape

from pipeline.proof.measure import ZoneResult

_LEFT, _RIGHT, _WIDE = 70, 990, 1000
_TRUTHS, _ALERTS, _BAR = 8, 36, 20  # tops of the two rows of bars, and their height
_TOP, _BOTTOM, _HIGH = 72, 176, 200  # of the curve, and of it all
_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
NAMES = {"found": "found", "missed": "missed", "false": "false alert", "duplicate": "told again"}


def timeline(zone: ZoneResult, length_s: float) -> str:
    """The picture. `length_s`: of the clip."""
    title = escape(f"Time line of {zone.zone}: truth, alerts and measure")
    parts = [f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{title}">']
    parts += [_name("truth", _TRUTHS + 15), _name("alerts", _ALERTS + 15)]
    for truth in zone.truths:
        outcome = "missed" if truth in zone.missed else "found"
        parts.append(_bar(outcome, truth.from_s, truth.to_s, _TRUTHS, length_s))
    for one in zone.matches:
        end_s = one.episode.until(length_s)
        parts.append(_bar(one.outcome, one.episode.from_s, end_s, _ALERTS, length_s))
    parts += [*_curve(zone, length_s), *_axis(length_s), "</svg>"]
    return "".join(parts)


def _x(at_s: float, length_s: float) -> float:
    share = min(max(at_s / max(length_s, 1.0), 0.0), 1.0)
    return round(_LEFT + share * (_RIGHT - _LEFT), 1)


def _bar(outcome: str, from_s: float, to_s: float, top: int, length_s: float) -> str:
    left, name = _x(from_s, length_s), NAMES[outcome]
    wide = max(_x(to_s, length_s) - left, 3.0)
    text = f'<text class="on" x="{left + 4}" y="{top + 15}">{name}</text>'
    return (
        f'<g class="{outcome}"><title>{name}: {from_s:.1f} to {to_s:.1f} s</title>'
        f'<rect x="{left}" y="{top}" width="{wide:.1f}" height="{_BAR}" rx="3"/>'
        f"{text if wide > 9 * len(name) else ''}</g>"
    )


def _curve(zone: ZoneResult, length_s: float) -> list[str]:
    """The measure of each look until the next, the levels it is held against, and blind times."""
    rule = zone.rule
    most = max([1.25 * rule.raise_at, *(look.hit.measure for look in zone.looks)])

    def y(measure: float) -> float:
        return round(_BOTTOM - measure / most * (_BOTTOM - _TOP), 1)

    parts = [_name("0", _BOTTOM + 4)]
    for level, name in {rule.clear_below: "clear", rule.raise_at: "raise"}.items():
        parts += [_level(name, y(level)), _name(f"{name} {level:g}", y(level) + 4)]
    path = ""
    ends_s = [look.at_s for look in zone.looks[1:]] + [length_s]
    for (at_s, hit, _), end_s in zip(zone.looks, ends_s, strict=False):
        left, right = _x(at_s, length_s), _x(end_s, length_s)
        path += f"{'V' if path else f'M{left} '}{y(hit.measure if hit.quality > 0 else 0)}H{right}"
        if hit.quality == 0:
            parts.append(
                f'<rect class="blind" x="{left}" y="{_TOP}" width="{right - left:.1f}" '
                f'height="{_BOTTOM - _TOP}"><title>could not see</title></rect>'
            )
    return [*parts, f'<path class="measure" d="{path}"/>']


def _axis(length_s: float) -> list[str]:
    step_s = next((step for step in _STEPS_S if length_s / step <= 12), _STEPS_S[-1])
    parts = [_level("axis", _BOTTOM)]
    for at_s in range(0, int(length_s) + 1, step_s):
        text = f"{at_s} s" if length_s < 600 else f"{at_s // 60}:{at_s % 60:02}"
        parts.append(f'<text class="tick" x="{_x(at_s, length_s)}" y="{_HIGH - 6}">{text}</text>')
    return parts


def _level(name: str, y: float) -> str:
    return f'<line class="{name}" x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}"/>'


def _name(text: str, y: float) -> str:
    return f'<text class="name" x="{_LEFT - 8}" y="{y}">{text}</text>'
