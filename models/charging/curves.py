"""Made days of one circuit, with and without an e-bike charging: no meter measured them.

appliances (W every 10 s) + at most one charger ──> a meter's readings: interval, noise, gaps
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP_S, DAY_S = 10, 86_400
STEPS = DAY_S // STEP_S
Watts = NDArray[np.float64]
Random = np.random.Generator
Range = tuple[float, float]
# Of its peak: from here down it no longer charges (detectors.md A.7), and surely has ended.
FALLING, ENDED = 0.30, 0.08
UNSURE_MIN = 15  # after the plug went in nobody can know


@dataclass(frozen=True, slots=True)
class Charger:
    """`flat_w`: power while the current is constant, for `flat_h`. `decay_min`: time constant after
    that. `float_w`: when the battery is full (research: detectors.md A.7). Each from, to.
    """

    flat_w: Range
    flat_h: Range
    decay_min: Range
    float_w: Range


CHARGERS = {
    "lead_acid": Charger((60, 180), (2, 6), (15, 45), (1, 5)),
    "lithium": Charger((80, 240), (1, 5), (6, 25), (1, 4)),
    "fast": Charger((220, 400), (1, 2.5), (5, 20), (1, 5)),
}


@dataclass(frozen=True, slots=True)
class Day:
    """What a meter said in 24 h. `at_s`, `watts`: (N,), its readings. `truth`: (1440,) by minute:
    1 an e-bike charges, 0 none does, -1 nobody can know. `kind`: of the charger, None without.
    """

    at_s: NDArray[np.float64]
    watts: Watts
    truth: NDArray[np.int8]
    kind: str | None
    appliances: tuple[str, ...]


def charge(rng: Random, kind: str) -> tuple[Watts, int]:
    """One charge until the plug is pulled, and when the battery was as good as full, in steps.

    At constant current the power follows the voltage of the pack, which rises by up to 18 %.
    """
    of = CHARGERS[kind]
    s = np.linspace(0, 1, _steps(rng, of.flat_h))
    rise, early = rng.uniform(0.02, 0.18), rng.uniform(0, 0.35)
    shape = early * (1 - np.exp(-12 * s)) + (0.75 - early) * s + 0.25 * s**4
    flat = rng.uniform(*of.flat_w) * (1 - rise * (1 - shape))
    tau = rng.uniform(*of.decay_min) * 60 / STEP_S
    tail = flat[-1] * np.exp(-np.arange(int(tau * rng.uniform(1.3, 3.5))) / tau)
    full = len(flat) + int(np.argmax(np.append(tail < FALLING * flat[-1], True)))
    floating = np.full(_steps(rng, (0, 10)), rng.uniform(*of.float_w))
    watts = np.concatenate([flat, tail, floating])
    watts *= 1 + rng.normal(0, rng.uniform(0.001, 0.008), len(watts))
    if rng.random() < 0.2:  # pulled out before it was full
        end = int(full * rng.uniform(0.4, 1))
        return watts[:end], end
    return watts, full


def _steps(rng: Random, hours: Range) -> int:
    return int(rng.uniform(*hours) * 3600 / STEP_S)


def _runs(rng: Random, many: tuple[int, int], hours: Range) -> list[tuple[int, int]]:
    """So many times on: from and to, in steps."""
    starts = rng.integers(-STEPS // 6, STEPS, rng.integers(many[0], many[1] + 1))
    return [(int(start), int(start) + max(1, _steps(rng, hours))) for start in starts]


def _put(day: Watts, start: int, run: Watts) -> None:
    """Add what runs from `start` on, as far as it lies within the day."""
    first, last = max(start, 0), min(start + len(run), len(day))
    if last > first:
        day[first:last] += run[first - start : last - start]


def _wander(rng: Random, n: int, over_s: float) -> Watts:
    """Noise of mean 0 and deviation 1 that takes about `over_s` to change."""
    knots = max(4, int(n * STEP_S / over_s) + 2)
    return np.interp(np.linspace(0, knots - 1, n), np.arange(knots), rng.normal(size=knots))


def _flat(many: tuple[int, int], watts: Range, hours: Range, settle: Range) -> "Appliance":
    """On at one power; `settle`: share by which it falls while it warms up. The mains wander."""

    def make(rng: Random) -> Watts:
        day = np.zeros(STEPS)
        for start, end in _runs(rng, many, hours):
            t = np.arange(end - start) * STEP_S
            warm = 1 + rng.uniform(*settle) * np.exp(-t / rng.uniform(120, 1500))
            noise = rng.normal(0, rng.uniform(0.0005, 0.006), len(t))
            noise += rng.uniform(0, 0.012) * _wander(rng, len(t), 2400)
            _put(day, start, rng.uniform(*watts) * (warm + noise))
        return day

    return make


def _restless(many: tuple[int, int], watts: Range, hours: Range, noise: Range) -> "Appliance":
    """On, and what it draws changes with what it shows or computes."""

    def make(rng: Random) -> Watts:
        day = np.full(STEPS, rng.uniform(0, 6))
        for start, end in _runs(rng, many, hours):
            n, share = end - start, rng.uniform(*noise)
            slow = _wander(rng, n, rng.uniform(60, 1800)) + 0.5 * rng.normal(size=n)
            bursts = np.repeat(rng.random(n // 30 + 1) < 0.1, 30)[:n] * rng.uniform(0, 4)
            _put(day, start, rng.uniform(*watts) * np.clip(1 + share * (slow + bursts), 0.2, 3))
        return day

    return make


def _cycling(
    many: tuple[int, int], watts: Range, hours: Range, on_min: Range, off_min: Range
) -> "Appliance":
    """On and off by a thermostat while it runs, with an inrush each time."""

    def make(rng: Random) -> Watts:
        day = np.zeros(STEPS)
        for start, end in _runs(rng, many, hours):
            power, inrush, sag = rng.uniform(*watts), rng.uniform(1, 2.5), rng.uniform(0, 0.15)
            on, off = rng.uniform(*on_min), rng.uniform(*off_min)
            at = start
            while at < end:
                n = max(1, int(on * rng.uniform(0.7, 1.4) * 60 / STEP_S))
                run = power * (1 + sag * np.exp(-np.arange(n) * STEP_S / 200))
                run[0] *= inrush
                _put(day, at, run)
                at += n + max(1, int(off * rng.uniform(0.7, 1.4) * 60 / STEP_S))
        return day

    return make


def _battery(watts: Range, flat_h: Range, decay_min: Range) -> "Appliance":
    """A small device that charges, and may be used meanwhile."""

    def make(rng: Random) -> Watts:
        day = np.zeros(STEPS)
        for start, _ in _runs(rng, (1, 3), (1, 1)):
            n, tau = _steps(rng, flat_h), rng.uniform(*decay_min) * 60 / STEP_S
            shape = np.concatenate([np.ones(n), np.exp(-np.arange(int(4 * tau)) / tau)])
            used = np.abs(_wander(rng, len(shape), 300)) * rng.choice([0, 0.1, 0.3])
            idle = np.full(_steps(rng, (0, 6)), rng.uniform(0, 0.04))
            _put(day, start, rng.uniform(*watts) * np.append(shape * (1 - used / 2) + used, idle))
        return day

    return make


def _inverter(rng: Random) -> Watts:
    """An air conditioner that slows down as the room gets cool."""
    day = np.zeros(STEPS)
    for start, end in _runs(rng, (1, 3), (1, 9)):
        n, calm = end - start, rng.uniform(120, 400)
        slowing = np.exp(-np.arange(n) * STEP_S / rng.uniform(300, 3000))
        level = calm + rng.uniform(300, 1200) * slowing
        swing = 1 + rng.uniform(0.02, 0.2) * _wander(rng, n, rng.uniform(120, 1500))
        _put(day, start, level * np.clip(swing, 0.3, 2))
    return day


Appliance = Callable[[Random], Watts]
APPLIANCES: dict[str, Appliance] = {
    "fridge": _cycling((1, 1), (60, 180), (40, 40), (8, 40), (15, 70)),
    "kettle": _flat((1, 6), (1200, 2200), (0.03, 0.1), (0, 0.01)),
    "iron": _cycling((1, 2), (900, 2200), (0.2, 1), (0.2, 1), (0.3, 3)),
    "lights": _flat((1, 6), (4, 60), (0.2, 6), (0, 0.1)),
    "lamp": _flat((1, 2), (60, 300), (0.7, 8), (-0.02, 0.06)),
    "heater": _flat((1, 2), (60, 400), (0.5, 8), (-0.02, 0.02)),
    "fan": _flat((1, 3), (30, 90), (0.5, 9), (0, 0.06)),
    "phone": _battery((5, 22), (0.5, 2), (10, 40)),
    "laptop": _battery((28, 90), (0.3, 1.5), (10, 40)),
    "tv": _restless((1, 3), (50, 250), (0.5, 6), (0.01, 0.15)),
    "computer": _restless((1, 3), (40, 250), (0.5, 9), (0.02, 0.3)),
    "router": _flat((1, 1), (5, 25), (60, 60), (0, 0.02)),
    "rice_cooker": _cycling((1, 2), (500, 900), (0.4, 0.8), (3, 12), (0.2, 2)),
    "keeps_warm": _cycling((1, 2), (30, 120), (1, 5), (0.3, 4), (0.5, 8)),
    "air_conditioner": _cycling((1, 3), (700, 1400), (1, 8), (5, 25), (4, 20)),
    "inverter": _inverter,
    "water_heater": _cycling((1, 3), (1200, 3000), (0.3, 1.5), (10, 40), (5, 60)),
    "dehumidifier": _cycling((1, 2), (150, 400), (2, 9), (20, 90), (5, 30)),
    "washing": _restless((1, 1), (150, 600), (0.7, 2), (0.3, 0.9)),
    "dishwasher": _restless((1, 2), (40, 120), (0.7, 2), (0.01, 0.1)),
    "microwave": _flat((1, 4), (900, 1500), (0.02, 0.15), (0, 0.02)),
}

# What most resembles a charger, and stands in more homes than one.
CONFUSERS = ("lamp", "heater", "fan", "tv", "computer", "laptop", "dishwasher", "dehumidifier")


def make_day(
    rng: Random, kind: str | None, appliances: Sequence[str], real: Sequence[Watts] = ()
) -> Day:
    """A day of a circuit with a charger of a `kind`, made appliances, and `real` ones (STEPS,)."""
    load = np.zeros(STEPS)
    for name in appliances:
        load += APPLIANCES[name](rng)
    for trace in real:
        load += np.roll(trace, int(rng.integers(STEPS)))
    truth = np.zeros(DAY_S // 60, np.int8)
    if kind is not None:
        watts, full = charge(rng, kind)
        start = int(rng.integers(0, STEPS * 3 // 4))
        _put(load, start, watts)
        _tell(truth, start, full, watts)
    at_s, readings = _metered(rng, load)
    return Day(at_s, readings, truth, kind, tuple(appliances))


def _tell(truth: NDArray[np.int8], start: int, full: int, watts: Watts) -> None:
    """Write into `truth` when it charges; where it begins and fades nobody can know."""
    a_minute = 60 // STEP_S
    ended = np.flatnonzero(watts[full:] < ENDED * watts[:full].max())
    over = full + (int(ended[0]) if len(ended) else len(watts) - full)
    truth[start // a_minute : (start + over) // a_minute + 5] = -1
    truth[start // a_minute + UNSURE_MIN : (start + full) // a_minute] = 1


def _metered(rng: Random, load: Watts) -> tuple[NDArray[np.float64], Watts]:
    """What a meter says of it: interval, mean or instant, noise, coarse numbers, gaps."""
    every = int(rng.choice([10, 30, 60, 60, 120, 300])) // STEP_S
    n = len(load) // every
    steps = np.arange(n) * every
    kept = load[: n * every].reshape(n, every)
    watts = kept.mean(1) if rng.random() < 0.5 else kept[:, 0]
    watts = watts * rng.uniform(0.97, 1.03) * (1 + rng.normal(0, rng.uniform(0, 0.006), n))
    watts += rng.normal(0, rng.choice([0.05, 0.3, 1.0]), n)
    coarse = float(rng.choice([0.1, 1, 1, 5, 10]))
    watts = np.maximum(np.round(watts / coarse) * coarse, 0)
    there = rng.random(n) >= rng.choice([0, 0, 0.01, 0.05])
    for _ in range(rng.poisson(0.5)):
        start = rng.integers(n)
        there[start : start + int(rng.exponential(40 * 60 / STEP_S / every))] = False
    jitter = rng.uniform(0, min(5, every * STEP_S / 4), n)
    return (steps * STEP_S + jitter)[there], watts[there]
