"""Make readings.jsonl: invented readings of one sensor, for the demo; no sensor measured them.

python deploy/demo/make_readings.py deploy/demo/readings.jsonl

Residual current in mA every 5 s: about 40, from 15 s to 55 s above 300, then about 40 again.
"""

import json
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 6, 1, tzinfo=UTC)


def main(target: str) -> None:
    """Write the readings; the same bytes each time."""
    chance = random.Random(22)  # noqa: S311 -- invented data, no secret
    lines = [json.dumps(reading(n, chance), ensure_ascii=False) for n in range(20)]
    Path(target).write_text("\n".join(lines) + "\n", encoding="utf-8")


def reading(sequence: int, chance: random.Random) -> dict[str, object]:
    """The reading 5 s * `sequence` after the start."""
    at = START + timedelta(seconds=5 * sequence)
    leaking = 15 <= 5 * sequence <= 55
    result = round(chance.gauss(330 if leaking else 40, 8 if leaking else 2), 1)
    return {
        "reading_id": f"made/ebike-sock-22/residual_current/{int(at.timestamp() * 1000)}",
        "sensor_id": "ebike-sock-22",
        "datastream": "residual_current",
        "phenomenon_time": at.isoformat().replace("+00:00", "Z"),
        "result": result,
        "unit": "mA",
        "quality": "good",
        "sequence": sequence,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
