"""The demo's made readings are what their script makes, whoever runs it."""

import runpy
from pathlib import Path

DEMO = Path(__file__).parents[3] / "deploy/demo"


def test_readings_are_made_again_byte_for_byte(tmp_path: Path) -> None:
    runpy.run_path(str(DEMO / "make_readings.py"))["main"](str(tmp_path))
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in DEMO.glob("readings*.jsonl")}
