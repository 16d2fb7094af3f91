"""Hours of the catalogue and of zones, from the file to the minute."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.incidents.in_force import is_on
from pipeline.incidents.policy import Window
from pipeline.site.hours import minutes_of
from pipeline.site.load import check_site, load_site

SHANGHAI = ZoneInfo("Asia/Shanghai")
WORKDAYS = '[{ days = "workday", hours = "07:00-22:00" }]'
NIGHTS = '[{ days = "all", hours = "22:00-06:00" }, { days = "holiday", hours = "00:00-24:00" }]'


def insert(file: Path, before: str, line: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, f"{line}\n{before}", 1), encoding="utf-8")


def test_the_zones_schedule_is_in_minutes_and_wins(tiny: Path) -> None:
    insert(tiny / "catalogue.toml", "params =", f"schedule = {WORKDAYS}")
    insert(tiny / "cameras/one.toml", "params =", f"schedule = {NIGHTS}")
    policy = load_site(tiny).policy
    assert policy.events["crowding"].schedule == (Window("workday", 420, 1320),)
    watch = policy.watches["cam-7", "east-gate"]
    assert watch.schedule == (Window("all", 1320, 360), Window("holiday", 0, 1440))
    assert policy.watches["socket-1", "residual_current"].schedule == ()


@pytest.mark.parametrize(
    ("at", "on"),
    [
        pytest.param("2026-10-10T12:00", True, id="a make-up Saturday"),
        pytest.param("2026-10-11T12:00", False, id="a Sunday"),
        pytest.param("2026-10-08T06:59", False, id="before opening"),
        pytest.param("2026-10-08T07:00", True, id="the first day after the holidays"),
        pytest.param("2026-10-07T12:00", False, id="the last day of the holidays"),
    ],
)
def test_workdays_are_those_of_the_state_council(tiny: Path, at: str, on: bool) -> None:
    insert(tiny / "catalogue.toml", "params =", f"schedule = {WORKDAYS}")
    policy = load_site(tiny).policy
    local = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)
    assert is_on("crowding", policy.watches["cam-7", "east-gate"].schedule, policy, local) is on


@pytest.mark.parametrize(
    ("schedule", "code"),
    [
        ('"07:00-22:00"', "F006"),
        ("[1]", "F006"),
        ('[{ days = "workday" }]', "F005"),
        ('[{ days = "workday", hours = "07:00-22:00", note = "" }]', "F004"),
        ('[{ days = "weekend", hours = "07:00-22:00" }]', "F008"),
        ('[{ days = "all", hours = "25:00-26:00" }]', "F007"),
    ],
)
def test_no_schedule(tiny: Path, schedule: str, code: str) -> None:
    for file in ("catalogue.toml", "cameras/one.toml", "sensors.toml"):
        before = "unit =" if file == "sensors.toml" else "params ="
        insert(tiny / file, before, f"schedule = {schedule}")
    site, problems = check_site(tiny)
    assert site is None
    assert [(problem.file, problem.code) for problem in problems] == [
        ("cameras/one.toml", code), ("catalogue.toml", code), ("sensors.toml", code),
    ]  # fmt: skip


@given(st.integers(0, 1439), st.integers(0, 1440))
def test_hours_are_read_as_they_are_written(from_min: int, to_min: int) -> None:
    def clock(minute: int) -> str:
        return f"{minute // 60:02}:{minute % 60:02}"

    assert minutes_of(f"{clock(from_min)}-{clock(to_min)}") == (from_min, to_min)


@given(st.text("0123456789:- \n٣", max_size=12))
def test_nothing_else_is_hours(text: str) -> None:
    minutes = minutes_of(text)
    if minutes is not None:
        assert len(text) == 11
        assert text.isascii()
        assert 0 <= minutes[0] < 1440
        assert 0 <= minutes[1] <= 1440
