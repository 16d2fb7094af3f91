"""What the catalogue says of sensors that tell of other events."""

import shutil
from pathlib import Path

import pytest

from pipeline.site.load import check_site

GOOD = Path(__file__).parents[2] / "data" / "sites" / "good"


@pytest.mark.parametrize(
    ("sensors", "says"),
    [
        ("leak = { yes = [0.8, 0.05], no = [0.2, 0.95] }", []),
        ("leek = { yes = [0.8, 0.05] }", ['R007 event "leek" is not in the catalogue']),
        ("leak = { yes = [0.8, 1.05] }", ["F006"]),
        ("leak = { no = [0.8, 0.05] }", ["F005"]),
    ],
)
def test_sensors_of_an_event_are_event_types_with_probabilities(
    sensors: str, says: list[str], tmp_path: Path
) -> None:
    shutil.copytree(GOOD, tmp_path / "site")
    file = tmp_path / "site" / "catalogue.toml"
    text = file.read_text("utf-8").rstrip()
    assert text.endswith(" }")
    file.write_text(f"{text[:-2]}, sensors = {{ {sensors} }} }}\n", "utf-8")
    _, problems = check_site(tmp_path / "site")
    lines = [one.line_of_text("en") for one in problems]
    assert len(lines) == len(says), lines
    assert all(part in line for part, line in zip(says, lines, strict=True)), lines
