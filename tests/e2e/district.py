"""A small district to test with: the demo's site and 24 more micro-grids with a sensor each."""

import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
PARENT = "510117001003002"
SENSORS = 24
READINGS = 60
START = datetime(2026, 6, 1, tzinfo=UTC)


def make_district(folder: Path, seed: int) -> Path:
    """A site in `folder` whose readings rise and fall at random, by seed."""
    made = shutil.ignore_patterns("made.toml", "wire.*", "readings-power.jsonl")
    shutil.copytree(DEMO, folder, ignore=made)  # one camera is enough
    for path in (folder / "cameras").glob("*.toml"):  # half the looks: a run has many ingests
        text = path.read_text("utf-8")
        path.write_text(text.replace("sample_fps = 2.0", "sample_fps = 1.0"), "utf-8")
    units, officers, sensors = [], [], []
    for n in range(SENSORS):
        code, place = f"{PARENT}{100 + n}", f"pl-s{n:02d}"
        units.append(_feature(_square(n), level="micro_grid", code=code, name=f"第{100 + n}微网格"))
        units.append(_feature(None, level="place", id=place, name=f"{n}号配电箱", parent=code))
        officers.append(f"officer-{n:02d},{n:02d},grid_officer,{code},term-{n:02d},,24h")
        sensors.append(
            f'[[sensor]]\nid = "sensor-{n:02d}"\nname = "插座 {n}"\n'
            f'datastream = "residual_current"\nunit = "mA"\nplace = "{place}"\n'
            f'event = "residual_current"\n'
        )
    _append(folder / "map.geojsonl", units)
    _append(folder / "officers.csv", officers)
    _append(folder / "sensors.toml", sensors)
    _append(folder / "readings.jsonl", _readings(random.Random(seed)))
    return folder


def _readings(rng: random.Random) -> list[str]:
    """One every 10 s from each sensor, in order of time; above 300 mA for some minutes at times."""
    level = dict.fromkeys(range(SENSORS), 40.0)
    lines = []
    for step in range(READINGS):
        at = START + timedelta(seconds=10 * step)
        for n in range(SENSORS):
            if rng.random() < 0.15:
                level[n] = rng.choice([40.0, 330.0, 420.0, 700.0])
            lines.append(
                json.dumps(
                    {
                        "reading_id": f"made/sensor-{n:02d}/{step}",
                        "sensor_id": f"sensor-{n:02d}",
                        "datastream": "residual_current",
                        "phenomenon_time": at.isoformat(),
                        "result": round(level[n] + rng.uniform(-20, 20), 1),
                        "unit": "mA",
                        "quality": "good",
                    }
                )
            )
    return lines


def _square(n: int) -> dict[str, object]:
    west, south = 103.90 + 0.002 * (n % 6), 30.80 + 0.002 * (n // 6)
    ring = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    corners = [[round(west + 0.0015 * x, 4), round(south + 0.0015 * y, 4)] for x, y in ring]
    return {"type": "Polygon", "coordinates": [corners]}


def _feature(geometry: dict[str, object] | None, **properties: str) -> str:
    if properties["level"] == "micro_grid":
        properties["parent"] = PARENT
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    return json.dumps(feature, ensure_ascii=False)


def _append(path: Path, lines: list[str]) -> None:
    with path.open("a", encoding="utf-8") as out:
        out.write("\n".join(["", *lines]).lstrip("\n") + "\n")
