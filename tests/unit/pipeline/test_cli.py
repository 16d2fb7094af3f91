"""The command line, as someone types it."""

import json
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from detectors.hits import Source
from pipeline.alerts import decode_alert
from pipeline.cli.demo import plays
from pipeline.cli.main import COMMANDS, main
from pipeline.messages import encode
from pipeline.replay import log_line
from pipeline.site.load import load_site
from tests.builders import at
from tests.builders import hit as built_hit
from tests.unit.pipeline.clips import clip

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "deploy/demo"


def gridalert(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_with_an_example(name: str) -> None:
    result = gridalert(name, "--help")
    assert result.exit_code == 0
    assert f"  gridalert {name}" in result.output
    assert result.output.startswith(f"Usage: main {name}")


def test_help_lists_every_command_with_what_it_does() -> None:
    output = gridalert("--help").output
    for name in COMMANDS:
        (line,) = [line for line in output.splitlines() if line.startswith(f"  {name} ")]
        assert len(line.split()) > 3


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["nonsense"], id="an unknown command"),
        pytest.param(["check", "--nonsense"], id="an unknown option"),
        pytest.param(["replay", "/nowhere/log.jsonl"], id="a log that is not there"),
        pytest.param(["demo", "--video", "/nowhere/clip.mp4"], id="a clip that is not there"),
    ],
)
def test_what_is_typed_wrong_exits_2_and_says_so(words: list[str]) -> None:
    result = gridalert(*words)
    assert result.exit_code == 2
    assert "Error: " in result.output


@pytest.fixture
def wrong_site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    shutil.copytree(DEMO, site, ignore=shutil.ignore_patterns("evidence"))
    cameras = site / "cameras/510117001.toml"
    cameras.write_text(cameras.read_text("utf-8").replace('"pl-0931"', '"pl-9999"'), "utf-8")
    return site


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["check"], id="check"),
        pytest.param(["worker", "--site"], id="worker"),
        pytest.param(["ingest", "--site"], id="ingest"),
        pytest.param(["replay", DEMO / "readings.jsonl", "--site"], id="replay"),
    ],
)
def test_a_wrong_site_never_starts_and_is_told_by_file_and_line(
    words: list[object], wrong_site: Path
) -> None:
    result = gridalert(*words, wrong_site)
    assert result.exit_code == 1
    text = (wrong_site / "cameras/510117001.toml").read_text("utf-8")
    line = text[: text.index('"pl-9999"')].count("\n") + 1
    assert f"cameras/510117001.toml:{line} " in result.output
    assert "pl-9999" in result.output


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An hour's crowd at the demo's junction, and a poison record."""
    policy = load_site(DEMO).policy
    place = policy.places["pl-0931"]
    seen = [(0, 6), (2, 6), (4, 6), (6, 0), (16, 0)]
    lines = []
    for offset, (second, people) in enumerate(seen):
        hit = built_hit(
            second, people, zone_id="junction", place_id="pl-0931",
            leaf_code=place.leaf_code, occurred_at=at(second),
            source=Source("camera", "cam-510117-000007"),
        )  # fmt: skip
        lines.append(log_line(0, offset, hit.leaf_code.encode(), encode(hit)))
    lines.append(log_line(0, len(seen), b"key", b"\xff"))
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_a_recorded_log_is_decided_again(log: Path, tmp_path: Path) -> None:
    out, counts = tmp_path / "alerts.jsonl", tmp_path / "counts.json"
    result = gridalert("replay", log, "--site", DEMO, "--out", out, "--json", counts)
    assert result.exit_code == 0
    assert result.output.startswith("6 records, 2 alerts\n")
    alerts = [decode_alert(line) for line in out.read_bytes().splitlines()]
    assert [alert.type.split(".")[-2] for alert in alerts] == ["opened", "resolved"]
    assert {alert.data.place.name for alert in alerts} == {"北路口"}
    answer = json.loads(counts.read_text("utf-8"))
    assert answer["alerts"] == 2
    assert sum(answer["decisions"].values()) == 6
    assert answer["decisions"]["refused/undecodable"] == 1


def test_deciding_again_gives_the_same_bytes(log: Path, tmp_path: Path) -> None:
    outs = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for out in outs:
        assert gridalert("replay", log, "--site", DEMO, "--out", out).exit_code == 0
    assert outs[0].read_bytes() == outs[1].read_bytes() != b""


def test_a_log_with_a_broken_line_exits_1_naming_it(log: Path) -> None:
    log.write_bytes(log.read_bytes() + b"what is this\n")
    result = gridalert("replay", log, "--site", DEMO)
    assert result.exit_code == 1
    assert f"{log}:7: no recorded record" in result.output


@pytest.mark.parametrize("option", ["--out", "--json"])
def test_a_result_that_cannot_be_written_exits_1_and_says_which(
    option: str, log: Path, tmp_path: Path
) -> None:
    result = gridalert("replay", log, "--site", DEMO, option, tmp_path / "none" / "file")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "none/file" in result.output


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi"])
def test_a_clip_is_one_whether_or_not_it_says_how_many_pictures_it_holds(
    tmp_path: Path, name: str
) -> None:
    assert plays(clip(tmp_path / name, [0.0, 0.2, 0.4]))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no video\n" * 1000, id="a text"),
        pytest.param(bytes(range(256)) * 400, id="bytes of no kind"),
    ],
)
def test_a_demo_of_what_is_no_clip_ends_at_once(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    result = gridalert("demo", "--out", tmp_path / "out", "--video", path)
    assert result.exit_code == 1
    assert "is no video that can be read" in result.output
    assert not (tmp_path / "out").exists()


def test_a_demo_that_cannot_write_its_folder_exits_1_and_says_which(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = gridalert("demo", "--out", tmp_path / "file" / "out")
    assert result.exit_code == 1
    assert f"Error: cannot write into {tmp_path}/file/out: " in result.output


def test_a_demo_leaves_alone_what_is_not_a_demos(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "mine").write_text("")
    result = gridalert("demo", "--out", tmp_path)
    assert result.exit_code == 1
    assert "is not a demo's: choose another --out" in result.output
    assert (tmp_path / "site" / "mine").exists()
