"""What the catalogue says of sensors that tell of other events."""

import shutil
from pathlib import Path

import pytest

from pipeline.site.load import check_site

GOOD = Path(__file__).parents[2] / "data" / "sites" / "good"

TWO = "write two probabilities above 0 and below 1, [P, P]"


@pytest.mark.parametrize(
    ("sensors", "says"),
    [
        ("leak = { yes = [0.8, 0.05], no = [0.2, 0.95] }", []),
        ("leek = { yes = [0.8, 0.05] }", ['R007 event "leek" is not in the catalogue']),
        ("leak = { yes = [0.8, 0.0] }", [TWO]),
        ("leak = { yes = [0.8] }", [TWO]),
        ("leak = { yes = [0.8, 0.05], no = [0.2, 0.5, 0.3] }", [TWO]),
        ("leak = { no = [0.8, 0.05] }", ["F005"]),
        ("leak = { yes = [0.8, 0.05], silent_after_s = 0 }", ["it must be above 0"]),
        ("flying_wire = { yes = [0.8, 0.05] }", ["C009"]),
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
