"""How well it works: python -m models.charging.measure TRACEBASE [--days N] [--seed S].

Real traces of appliances, made days without and with a charger: each reading goes through the
detector, and its looks through the rule of `charging_load` in deploy/demo/catalogue.toml.
"""

import argparse
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np

from detectors.electricity import ChargingSignature
from detectors.hits import Hit, Look, Reading, Source
from models.charging.curves import APPLIANCES, CHARGERS, Day, make_day
from models.charging.traces import TRAINED_ON, read_trace, traces
from pipeline.incidents import persistence
from pipeline.incidents.policy import Rule
from pipeline.proof.figures import wilson

CATALOGUE = Path(__file__).parents[2] / "deploy" / "demo" / "catalogue.toml"
START = datetime(2026, 6, 1, tzinfo=UTC)
LATE_S = 3600  # after the battery is full an alarm should have ended


@dataclass(frozen=True, slots=True)
class Seen:
    """`alarms`: seconds from and to. `probability`: minute and what was said then."""

    alarms: tuple[tuple[float, float], ...]
    probability: tuple[tuple[int, float], ...]


def rule_of_catalogue() -> Rule:
    rows = tomllib.loads(CATALOGUE.read_text("utf-8"))["event"]
    return msgspec.convert(next(r for r in rows if r["type"] == "charging_load")["rule"], Rule)


def watched(readings: Iterable[tuple[float, float]], rule: Rule) -> Seen:
    """What detector and rule make of readings, (seconds, W) in order of time."""
    detector, track = ChargingSignature({}), None
    alarms: list[tuple[float, float]] = []
    said: list[tuple[int, float]] = []
    began_s, minute = None, -1
    for at_s, watts in readings:
        at = START + timedelta(seconds=at_s)
        look = detector.look(Reading("r", "s", "power", at, watts, "W", "good"))
        if int(at_s // 60) == minute:
            continue  # nothing new is said within a minute
        minute = int(at_s // 60)
        track = persistence.look(track, _hit(look, at), rule, 0.0)
        if look.quality > 0:
            said.append((minute - 1, look.measure))
        if track.present and began_s is None:
            began_s = at_s
        if not track.present and began_s is not None:
            alarms.append((began_s, at_s))
            began_s = None
    if began_s is not None:
        alarms.append((began_s, at_s))
    return Seen(tuple(alarms), tuple(said))


def _hit(look: Look, at: datetime) -> Hit:
    return Hit(
        "h", "charging_load", "charging_signature", Source("sensor", "s"), "power", "p", "l", "m",
        at, look.measure, "1", look.score, look.quality, "charging",
    )  # fmt: skip


def share(hits: int, of: int) -> str:
    """Hits of how many, and the 95 % interval."""
    low, high = wilson(hits, of)
    return f"{hits}/{of} ({low:.3f} .. {high:.3f})"


def real(folder: Path, rule: Rule) -> None:
    """Days with an alarm by appliance; there is no e-bike in any of them."""
    days: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    for appliance, path in traces(folder):
        name = f"{appliance} (trained on)" if path.name in TRAINED_ON else appliance
        at_s, watts = read_trace(path)
        order = np.argsort(at_s, kind="stable")
        seen = watched(zip(at_s[order].tolist(), watts[order].tolist(), strict=True), rule)
        most = max((p for _, p in seen.probability), default=0.0)
        days[name].append((bool(seen.alarms), most))
        if seen.alarms:
            print(f"  false alarm: {name} {path.name}", *(f"{b - a:.0f} s" for a, b in seen.alarms))
    print("real appliances: days with a false alarm (95 %), highest probability")
    for name, told in sorted(days.items()):
        false, most = sum(alarm for alarm, _ in told), max(p for _, p in told)
        print(f"  {name}: {share(false, len(told))}, {most:.2f}")


def _found(day: Day, seen: Seen) -> bool:
    """Whether an alarm came while it charged."""
    charging = np.flatnonzero(day.truth == 1) * 60
    return any(a <= charging[-1] + 60 and b >= charging[0] for a, b in seen.alarms)


def made(title: str, days: Sequence[Day], rule: Rule) -> None:
    """Recall of the days that have a charge, false alarms of those that have none."""
    found: list[bool] = []
    false: list[bool] = []
    phases: dict[str, list[float]] = defaultdict(list)
    for day in days:
        seen = watched(zip(day.at_s.tolist(), day.watts.tolist(), strict=True), rule)
        charging = np.flatnonzero(day.truth == 1)
        if not len(charging):
            false.append(bool(seen.alarms))
            continue
        found.append(_found(day, seen))
        over = np.flatnonzero(day.truth != 0)[-1]
        for minute, probability in seen.probability:
            if charging[0] <= minute <= charging[-1]:
                left = (charging[-1] - minute) / (charging[-1] - charging[0] + 1)
                phases["first half" if left > 0.5 else "end"].append(probability)
            elif minute > over + LATE_S // 60:
                phases["an hour after"].append(probability)
    parts = [f"recall {share(sum(found), len(found))}"] if found else []
    parts += [f"false {share(sum(false), len(false))}"] if false else []
    parts += [f"{phase} {np.median(said):.2f}" for phase, said in phases.items()]
    print(f"  {title}: {'; '.join(parts)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the network of charging e-bikes.")
    parser.add_argument("tracebase", type=Path)
    parser.add_argument("--days", type=int, default=100, help="made days of each sort")
    parser.add_argument("--seed", type=int, default=1000)
    arguments = parser.parse_args()
    rule, n = rule_of_catalogue(), arguments.days
    real(arguments.tracebase, rule)
    rng = np.random.default_rng(arguments.seed)
    names = list(APPLIANCES)

    def mixed() -> list[str]:
        return [str(x) for x in rng.choice(names, int(rng.integers(2, 7)), replace=False)]

    print("made days (95 %); after it the median probability in each part of a charge")
    for kind in CHARGERS:
        made(f"{kind}, alone", [make_day(rng, kind, []) for _ in range(n)], rule)
        made(f"{kind}, among others", [make_day(rng, kind, mixed()) for _ in range(n)], rule)
    made("2 to 6 appliances", [make_day(rng, None, mixed()) for _ in range(n)], rule)
    for name in names:
        made(name, [make_day(rng, None, [name]) for _ in range(max(1, n // 4))], rule)


if __name__ == "__main__":
    main()
