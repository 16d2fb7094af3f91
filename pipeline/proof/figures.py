"""The figures of a measurement, and how far a few cases allow to trust them."""

import math
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from pipeline.proof.matching import Matched

Z_95 = 1.959964  # of the normal distribution, two sides


class Rate(msgspec.Struct, frozen=True):
    """A day of one camera; `low` and `high`: the exact Poisson interval, 95 %."""

    value: float | None
    low: float | None
    high: float | None


class Percentiles(msgspec.Struct, frozen=True):
    """Seconds; None where nothing was found."""

    p50: float | None
    p95: float | None


class Figures(msgspec.Struct, frozen=True):
    """As `gridalert evaluate --json` writes them; None where they are not defined.

    `precision`: of all episodes, duplicates too, those that found a truth. `f1` = 2 found /
    (episodes + truths). `frames`: looked at; `frames_per_s`: of this machine, everything included.
    """

    true_incidents: int
    found: int
    missed: int
    false_alerts: int
    duplicates: int
    precision: float | None
    recall: float | None
    f1: float | None
    time_to_alert_s: Percentiles
    hours: float
    false_alerts_per_camera_day: Rate
    frames: int
    frames_per_s: float | None


# What people read of them, and what it is called in a table.
COLUMNS = ("truths", "found", "missed", "false", "again", "precision", "recall", "F1", "s to alert")


def row(of: Figures) -> list[str]:
    """A row of such a table."""
    whole = (of.true_incidents, of.found, of.missed, of.false_alerts, of.duplicates)
    parts = (of.precision, of.recall, of.f1, of.time_to_alert_s.p50)
    return [*map(str, whole), *map(shown, parts)]


def shown(value: float | None) -> str:
    """A figure as people read it."""
    return "-" if value is None else f"{value:.2f}"


def figures(
    matches: Sequence[Matched], truths: int, *, hours: float, frames: int, looking_s: float
) -> Figures:
    """Of these episodes and so many truths. `hours`: of the cameras; `looking_s`: that it took."""
    outcomes = Counter(one.outcome for one in matches)
    delays_s = [
        one.episode.from_s - one.truth.from_s
        for one in matches
        if one.truth is not None and one.outcome == "found"
    ]
    found, wrong = outcomes["found"], outcomes["false"]
    return Figures(
        true_incidents=truths,
        found=found,
        missed=truths - found,
        false_alerts=wrong,
        duplicates=outcomes["duplicate"],
        precision=_share(found, len(matches)),
        recall=_share(found, truths),
        f1=_share(2 * found, len(matches) + truths),
        time_to_alert_s=Percentiles(_percentile(delays_s, 50), _percentile(delays_s, 95)),
        hours=round(hours, 4),
        false_alerts_per_camera_day=rate_a_day(wrong, hours / 24),
        frames=frames,
        frames_per_s=_share(frames, looking_s),
    )


def rate_a_day(events: int, days: float) -> Rate:
    """`events` in `days`, a day. Exact Poisson interval (Garwood 1936): `low` is the mean at which
    as many or more have 2.5 %, `high` the one at which as many or fewer have 2.5 %.
    """
    if days <= 0:
        return Rate(None, None, None)
    low = _mean_at(events - 1, 0.975) if events else 0.0
    high = _mean_at(events, 0.025)
    return Rate(round(events / days, 4), round(low / days, 4), round(high / days, 4))


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share `hits` / `of` (Wilson 1927); 0..1 of nothing."""
    if of == 0:
        return 0.0, 1.0
    share, z2 = hits / of, Z_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z_95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _mean_at(events: int, probability: float) -> float:
    """The mean of a Poisson distribution that has at most `events` with this probability."""
    low, high = 0.0, 10.0 + 2 * events
    for _ in range(60):
        mean = (low + high) / 2
        logs = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(events + 1))
        at_most = sum(map(math.exp, logs))
        low, high = (mean, high) if at_most > probability else (low, mean)
    return high


def _share(part: float, of: float) -> float | None:
    return round(part / of, 4) if of else None


def _percentile(values_s: Sequence[float], percent: float) -> float | None:
    return round(float(np.percentile(values_s, percent)), 3) if values_s else None
