"""What docs/site.md says of a site's files, held against what reads them."""

import re
from pathlib import Path

import msgspec
import pytest

from pipeline.incidents.policy import Calibration, EventType, Grade, Override, Rule
from pipeline.site import cameras, deadlines, grid_map, officers, orders, sensors, work_calendar
from pipeline.site.load import check_site
from pipeline.site.model import (
    EvidenceSettings,
    IngestSettings,
    KafkaSettings,
    Settings,
    WorkerSettings,
)

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/site.md").read_text("utf-8")
FILES: dict[str, list[type[msgspec.Struct]]] = {
    "gridalert.toml": [Settings, KafkaSettings, EvidenceSettings, WorkerSettings, IngestSettings],
    "catalogue.toml": [EventType, Rule, Calibration, Grade],
    "cameras/\\*.toml": [cameras._Camera, cameras._Zone],
    "sensors.toml": [sensors._Sensor],
    "map.geojsonl": [grid_map._Unit, grid_map._Place],
    "officers.csv": [officers._Officer],
    "deadlines.toml": [deadlines._Own, deadlines._Taken],
    "calendar.toml": [work_calendar._File],
    "silences.toml": [orders._Silence],
    "profiles.toml": [orders._Active, Override],
}


def test_its_examples_are_a_site_without_a_problem(tmp_path: Path) -> None:
    (tmp_path / "cameras").mkdir()
    (tmp_path / "gate.mp4").touch()
    blocks = re.findall(r"<!-- site: (\S+) -->\n```\w+\n(.*?)```", TEXT, re.S)
    assert len(blocks) == len(FILES)
    for name, content in blocks:
        (tmp_path / name).write_text(content, "utf-8")
    site, problems = check_site(tmp_path)
    assert [problem.line_of_text("en") for problem in problems] == []
    assert site is not None
    assert len(site.policy.watches) == 2


@pytest.mark.parametrize("name", FILES)
def test_each_key_of_a_file_stands_in_its_section(name: str) -> None:
    section = TEXT.split(f"\n## {name}\n")[1].split("\n## ")[0]
    keys = [field.encode_name for kind in FILES[name] for field in msgspec.structs.fields(kind)]
    assert [key for key in keys if not re.search(rf"\b{key}\b", section)] == []


def test_its_defaults_are_those_of_the_code() -> None:
    rows = [row.split("|") for row in TEXT.splitlines() if row.startswith("|")]
    kinds: list[type[msgspec.Struct]] = [WorkerSettings, IngestSettings, EvidenceSettings, Rule]
    for kind in kinds:
        for field in msgspec.structs.fields(kind):
            if isinstance(field.default, int | float):
                told = {word for _, keys, default, *_ in rows if f"`{field.name}`" in keys
                        for word in re.findall(r"[\d.]+", default)}  # fmt: skip
                assert f"{field.default:g}" in told, field.name
