"""Make readings*.jsonl: invented readings of two sensors, for the demo; no sensor measured them.

python -m deploy.demo.make_readings deploy/demo

readings.jsonl: residual current in mA every 5 s: about 40, from 15 s to 55 s above 300, then about
40 again. readings-power.jsonl: the power in W of a circuit, every minute from an hour before: about
12, and from when the cable of make_wire.py hangs, that of an e-bike that charges too, a curve of
models/charging.
"""

import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from models.charging.curves import STEP_S, charge

START = datetime(2026, 6, 1, tzinfo=UTC)
FIRST_MIN, PLUGGED_MIN, LAST_MIN = -60, 8, 49


def main(folder: str) -> None:
    """Write the readings into the site's folder; the same bytes each time."""
    for name, readings in ("readings", leaking()), ("readings-power", charging()):
        lines = "".join(json.dumps(reading) + "\n" for reading in readings)
        (Path(folder) / f"{name}.jsonl").write_text(lines, encoding="utf-8")


def leaking() -> Iterator[dict[str, object]]:
    """The residual current of a socket."""
    chance = random.Random(22)  # noqa: S311 -- invented data, no secret
    for n in range(20):
        leaks = 15 <= 5 * n <= 55
        result = chance.gauss(330 if leaks else 40, 8 if leaks else 2)
        yield _reading(("ebike-sock-22", "residual_current", "mA"), n, 5 * n, result)


def charging() -> Iterator[dict[str, object]]:
    """The power of a circuit, means of a minute."""
    rng, a_minute = np.random.default_rng(25), 60 // STEP_S
    minutes = LAST_MIN - FIRST_MIN
    watts = rng.normal(12, 0.2, minutes * a_minute)
    plugged = (PLUGGED_MIN - FIRST_MIN) * a_minute
    watts[plugged:] += charge(rng, "lithium")[0][: len(watts) - plugged]
    means = watts.reshape(minutes, a_minute).mean(axis=1)
    for n, mean in enumerate(means.tolist()):
        yield _reading(("breaker-5-2-03", "power", "W"), n, 60 * (FIRST_MIN + n + 1), mean)


def _reading(of: tuple[str, str, str], n: int, after_s: float, result: float) -> dict[str, object]:
    """The `n`th reading of a sensor's datastream in its unit, so long after the start."""
    sensor, datastream, unit = of
    at = START + timedelta(seconds=after_s)
    return {
        "reading_id": f"made/{sensor}/{datastream}/{int(at.timestamp() * 1000)}",
        "sensor_id": sensor,
        "datastream": datastream,
        "phenomenon_time": at.isoformat().replace("+00:00", "Z"),
        "result": round(result, 1),
        "unit": unit,
        "quality": "good",
        "sequence": n,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
