"""The figures of a measurement, and how far a few cases allow to trust them."""

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

Z_95 = 1.959964  # of the normal distribution, two sides
HOURS_A_DAY = 24


class Count(msgspec.Struct, frozen=True):
    """What was counted of some zones. `delays_s`: of each found truth, from its beginning until it
    was told. `hours`: of the cameras that looked. `looking_s`: that it took.
    """

    true_incidents: int = 0
    false_alerts: int = 0
    duplicates: int = 0
    delays_s: tuple[float, ...] = ()
    hours: float = 0.0
    frames: int = 0
    looking_s: float = 0.0


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


def figures(counts: Sequence[Count]) -> Figures:
    """The figures of all of these together."""
    delays_s = [delay_s for one in counts for delay_s in one.delays_s]
    found, truths = len(delays_s), sum(one.true_incidents for one in counts)
    wrong = sum(one.false_alerts for one in counts)
    again = sum(one.duplicates for one in counts)
    hours, frames = sum(one.hours for one in counts), sum(one.frames for one in counts)
    episodes = found + wrong + again
    return Figures(
        true_incidents=truths,
        found=found,
        missed=truths - found,
        false_alerts=wrong,
        duplicates=again,
        precision=_share(found, episodes),
        recall=_share(found, truths),
        f1=_share(2 * found, episodes + truths),
        time_to_alert_s=Percentiles(_percentile(delays_s, 50), _percentile(delays_s, 95)),
        hours=round(hours, 4),
        false_alerts_per_camera_day=rate_a_day(wrong, hours / HOURS_A_DAY),
        frames=frames,
        frames_per_s=_share(frames, sum(one.looking_s for one in counts)),
    )


def rate_a_day(events: int, days: float) -> Rate:
    """`events` in `days`, a day. Exact Poisson interval (Garwood 1936): `low` is the mean at which
    as many or more have 2.5 %, `high` the one at which as many or fewer have 2.5 %.
    """
    if days <= 0:
        return Rate(None, None, None)
    low = _mean_at(lambda mean: 1 - _at_most(events - 1, mean), 0.025) if events else 0.0
    high = _mean_at(lambda mean: 1 - _at_most(events, mean), 0.975)
    return Rate(round(events / days, 4), round(low / days, 4), round(high / days, 4))


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share `hits` / `of` (Wilson 1927); 0..1 of nothing."""
    if of == 0:
        return 0.0, 1.0
    share, z2 = hits / of, Z_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z_95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _at_most(events: int, mean: float) -> float:
    """The probability of at most `events` of a Poisson distribution."""
    if mean == 0:
        return 1.0
    log = math.log(mean)
    return sum(math.exp(k * log - mean - math.lgamma(k + 1)) for k in range(events + 1))


def _mean_at(rising: Callable[[float], float], probability: float) -> float:
    """The mean at which `rising` reaches the probability."""
    low, high = 0.0, 1.0
    while rising(high) < probability:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < probability else (low, middle)
    return high


def _share(part: float, of: float) -> float | None:
    return round(part / of, 4) if of else None


def _percentile(values_s: Sequence[float], percent: float) -> float | None:
    return round(float(np.percentile(values_s, percent)), 3) if values_s else None
