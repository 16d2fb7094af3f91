import json
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from pipeline.cli.check import command


def test_a_good_site_is_summed_up(demo: Path, tmp_path: Path) -> None:
    target = tmp_path / "check.json"
    result = CliRunner().invoke(command, [str(demo), "--json", str(target)])
    assert result.exit_code == 0
    assert "2 cameras, 4 zones, 2 sensors, 18 event types, 5 places in 4 grids" in result.output
    assert "pl-0931 北路口 → officer 08, term-08 (grid 510117001003002007;" in result.output
    answer = json.loads(target.read_text(encoding="utf-8"))
    assert answer["ok"] is True
    assert answer["summary"]["policy_version"] in result.output


def test_a_bad_site_exits_1_with_a_line_for_each_problem(
    bad_site: Callable[[str], Path], tmp_path: Path
) -> None:
    site = bad_site("R013-no-video")
    (site / "deadlines.toml").unlink()
    target = tmp_path / "check.json"
    result = CliRunner().invoke(command, [str(site), "--json", str(target)])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0].startswith('cameras/one.toml:5 R013 "video" is "clip.mp5"')
    assert lines[1].startswith("deadlines.toml:1 F001 ")
    assert lines[2:] == ["errors: 2, warnings: 0; the site does not start"]
    answer = json.loads(target.read_text(encoding="utf-8"))
    assert [problem["code"] for problem in answer["problems"]] == ["R013", "F001"]
    assert answer["problems"][0]["zh"]["todo"].startswith("请放入该文件")


def test_chinese(bad_site: Callable[[str], Path]) -> None:
    result = CliRunner().invoke(command, [str(bad_site("O006-no-substitute")), "--lang", "zh"])
    assert result.exit_code == 0
    assert "officers.csv:3 O006 网格员“a-11”没有替班人" in result.output
    assert "警告：1" in result.output


def test_no_such_folder(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "F001" in result.output


def test_json_that_cannot_be_written(tiny: Path) -> None:
    result = CliRunner().invoke(command, [str(tiny), "--json", str(tiny / "none/check.json")])
    assert result.exit_code == 1
    assert "cannot write" in result.output


def test_help_shows_an_example() -> None:
    assert "gridalert check deploy/demo" in CliRunner().invoke(command, ["--help"]).output
