"""`gridalert explain --due`, as someone types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.explain import command

NATIONAL_DAY = """\
zhenhai, event level 3, working days: 5; counted from 2026-09-30 10:00 (Asia/Shanghai)
  2026-09-30 Wed       first day, not counted
  2026-10-01 Thu       holiday, not counted
  2026-10-02 Fri       holiday, not counted
  2026-10-03 Sat       weekend, not counted
  2026-10-04 Sun       weekend, not counted
  2026-10-05 Mon       holiday, not counted
  2026-10-06 Tue       holiday, not counted
  2026-10-07 Wed       holiday, not counted
  2026-10-08 Thu  1/5  working day
  2026-10-09 Fri  2/5  working day
  2026-10-10 Sat  3/5  make-up working day
  2026-10-11 Sun       weekend, not counted
  2026-10-12 Mon  4/5  working day
  2026-10-13 Tue  5/5  working day
due 2026-10-13 24:00, that is before 2026-10-14T00:00:00+08:00 (2026-10-13T16:00:00Z)
told again 2026-10-07 05:00 (50%), 2026-10-11 06:48 (80%), and when due
"""


def explain(due: str, *words: object) -> Result:
    return CliRunner().invoke(command, ["--due", due, *map(str, words)])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A city with its own levels, and a calendar over the notices."""
    (tmp_path / "deadlines.toml").write_text(
        'name = "city"\ntimezone = "Asia/Shanghai"\nworking_hours = ["08:00-12:00"]\n'
        "remind_at = []\n[levels]\n"
        '1 = { basis = "working_hours", amount = 6 }\n'
        '2 = { basis = "working_days", amount = 366 }\n'
        '3 = { basis = "none" }\n4 = { basis = "none" }\n'
    )
    (tmp_path / "calendar.toml").write_text(
        "published = [2028]\nholidays = [2026-10-08]\nworkdays = []\n"
    )
    return tmp_path


def test_five_working_days_over_national_day() -> None:
    result = explain("zhenhai:3:2026-09-30T10:00+08:00")
    assert result.exit_code == 0
    assert result.output.startswith(NATIONAL_DAY)
    *_, calendar = result.output.splitlines()
    assert calendar.startswith("calendar chinesecalendar-1.")
    assert ", with notices for 2004–20" in calendar


def test_in_chinese_into_a_year_without_a_notice() -> None:
    result = explain("zhenhai:3:2098-12-30T10:00+08:00", "--lang", "zh")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "zhenhai，事件等级 3，5 个工作日；自 2098-12-30 10:00 起算（Asia/Shanghai）"
    assert lines[2] == "  2098-12-31 周三  1/5  工作日（暂定）"
    assert lines[-1] == "暂定：2098, 2099 年放假通知尚未发布，按周一至周五为工作日计算"


@pytest.mark.parametrize(
    ("due", "lines"),
    [
        pytest.param("gbt30428-example:2:2026-10-10T16:00+08:00", [
            "  2026-10-10 Sat  16:00-17:30  1:30/4:00  make-up working day",
            "  2026-10-11 Sun                          weekend, not counted",
            "  2026-10-12 Mon  09:00-11:30  4:00/4:00  working day",
            "due 2026-10-12 11:30, that is before 2026-10-12T11:30:00+08:00 (2026-10-12T03:30:00Z)",
        ], id="working hours, span by span"),
        pytest.param("gbt30428-example:1:2026-09-30T23:30+08:00", [
            "  2026-09-30 Wed  2:00/2:00  every hour counts",
            "due 2026-10-01 01:30, that is before 2026-10-01T01:30:00+08:00 (2026-09-30T17:30:00Z)",
        ], id="hours by the clock"),
        pytest.param("zhenhai:1:2026-09-30T16:00:05Z", [
            "  2026-10-01 Thu       the same day",
            "due 2026-10-01 24:00, that is before 2026-10-02T00:00:00+08:00 (2026-10-01T16:00:00Z)",
        ], id="the same day, by the city's clock"),
        pytest.param("zhenhai:4:2026-09-30T10:00+08:00", ["no deadline"], id="no deadline"),
    ],
)  # fmt: skip
def test_each_way_to_count(due: str, lines: list[str]) -> None:
    result = explain(due)
    assert result.exit_code == 0
    assert result.output.splitlines()[1 : 1 + len(lines)] == lines


def test_a_site_has_its_own_profile_and_calendar(site: Path) -> None:
    own = explain("city:1:2026-09-30T10:00+08:00", "--site", site).output
    assert "  2026-10-08 Thu                          holiday, not counted\n" in own
    assert "  2026-10-09 Fri  08:00-12:00  6:00/6:00  working day\n" in own
    assert "told again" not in own
    assert "–2026, 2028\n" in own
    shipped = explain("zhenhai:3:2026-09-30T10:00+08:00", "--site", site).output
    assert "due 2026-10-14 24:00" in shipped


def test_a_long_way_is_shown_by_its_ends(site: Path, tmp_path: Path) -> None:
    target = tmp_path / "due.json"
    result = explain("city:2:2026-01-01T10:00+08:00", "--site", site, "--json", target)
    lines = result.output.splitlines()
    assert len(lines) < 50
    (left_out,) = [number for number, line in enumerate(lines) if line.startswith("  … ")]
    steps = json.loads(target.read_text(encoding="utf-8"))["steps"]
    assert int(lines[left_out].split()[1]) == len(steps) - 40
    assert "366/366  working day" in lines[left_out + 10]


def test_for_machines(tmp_path: Path) -> None:
    target = tmp_path / "due.json"
    assert explain("zhenhai:3:2026-09-30T10:00+08:00", "--json", target).exit_code == 0
    answer = json.loads(target.read_text(encoding="utf-8"))
    assert answer["due_local"] == "2026-10-13 24:00"
    assert answer["deadline"]["basis"] == "working_days"
    assert answer["deadline"]["due_at"] == "2026-10-13T16:00:00Z"
    assert answer["reminders"][-1] == answer["deadline"]["due_at"]
    reached = [step["reached"] for step in answer["steps"] if step["why"] == "make_up_day"]
    assert reached == [3.0]


@pytest.mark.parametrize(
    ("due", "says"),
    [
        ("nonsense", '"nonsense" is not PROFILE:LEVEL:TIME; write it like zhenhai:3:2026-'),
        ("", "write it like zhenhai:3:2026-09-30T10:00+08:00"),
        ("zhenhi:3:2026-09-30T10:00+08:00", 'profile "zhenhi"; did you mean "zhenhai"?'),
        ("zhenhai:7:2026-09-30T10:00+08:00", 'no event level "7"; write 1, 2, 3 or 4'),
        ("zhenhai:³:2026-09-30T10:00+08:00", 'no event level "³"'),
        ("zhenhai:3:2026-09-30T10:00", "without an offset it could be any hour"),
        ("zhenhai:3:2026-02-30T10:00+08:00", '"2026-02-30T10:00+08:00" is no time to count from'),
        ("zhenhai:3:9999-12-31T23:59+08:00", "the year must lie between 2000 and 2099"),
    ],
)
def test_what_is_typed_wrong_is_one_clear_sentence(due: str, says: str) -> None:
    result = explain(due)
    assert result.exit_code == 2
    (sentence,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert says in sentence
    assert "没有" in explain("zhenhi:3:2026-09-30T10:00+08:00", "--lang", "zh").output


def test_a_wrong_file_of_the_site_is_told_by_its_line(site: Path) -> None:
    (site / "calendar.toml").write_text("holidays = [2026-10-08]\nworkdays = [2026-10-08]\n")
    result = explain("city:1:2026-09-30T10:00+08:00", "--site", site)
    assert result.exit_code == 1
    assert "calendar.toml:2 D003 2026-10-08 is both a holiday and a workday" in result.output
