"""silences.toml and profiles.toml: good ones; tests/data/sites has those with faults."""

import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.incidents.in_force import calibration_at, is_on, profile_name, rule_at, silence_at
from pipeline.incidents.policy import Matcher
from pipeline.site.load import check_site, load_site
from pipeline.site.model import Site
from pipeline.site.orders import EVER
from tests.unit.site.test_fuzz import garbled

GATE, YARD = "510117001003001", "510117001003002001"
ENDS = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
BEFORE, AFTER = ENDS - timedelta(seconds=1), ENDS
SILENCE = """
[[silence]]
id = "{id}"
matchers = {matchers}
author = "李"
comment = "庙会"
ends_at = 2026-06-01T20:00:00+08:00
"""
ACTIVE = """
[active]
profile = "emergency"
author = "王"
comment = "防汛"
starts_at = 2026-06-01T08:00:00+08:00
ends_at = 2026-06-01T20:00:00+08:00
"""
EMERGENCY = """
[profiles.emergency.events.crowding]
rule = { hold_s = 1, raise_at = 4, min_hits = 2 }
review_at = 0.3
schedule = [{ days = "all", hours = "00:00-12:00" }]

[profiles.fair.events.leak]
direct_at = 1
"""


def site_with(folder: Path, name: str, text: str) -> Site:
    (folder / name).write_text(text, encoding="utf-8")
    return load_site(folder)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("event_type=crowding", Matcher("event_type", "=", "crowding")),
        (" event_type = crowding ", Matcher("event_type", "=", "crowding")),
        ('event_type != "leak"', Matcher("event_type", "!=", "leak")),
        ('place=~"ga.*"', Matcher("place", "=~", "ga.*")),
        ("grid!~.*002001", Matcher("grid", "!~", ".*002001")),
        ('place=~"gate|no such"', Matcher("place", "=~", "gate|no such")),
    ],
)
def test_a_matcher_is_written_as_in_alertmanager(tiny: Path, written: str, read: Matcher) -> None:
    text = SILENCE.format(id="s", matchers=f"['{written}']")
    (silence,) = site_with(tiny, "silences.toml", text).policy.silences
    assert silence.matchers == (read,)
    assert (silence.author, silence.comment) == ("李", "庙会")
    assert (silence.starts_at, silence.ends_at) == (EVER, ENDS)
    assert check_site(tiny)[1] == ()


def test_a_silence_holds_where_it_should_until_it_ends(tiny: Path) -> None:
    text = SILENCE.format(id="a", matchers="""["event_type=leak", "grid=~510117001003.*"]""")
    text += SILENCE.format(id="b", matchers="""['place=~"ga.*"']""")
    policy = site_with(tiny, "silences.toml", text).policy

    def who(event: str, place: str, leaf: str, at: datetime = BEFORE) -> str | None:
        silence = silence_at(event, place, leaf, policy, at)
        return None if silence is None else silence.id

    assert who("leak", "yard", YARD) == "a"
    assert who("leak", "gate", GATE) == "a"
    assert who("crowding", "gate", GATE) == "b"
    assert who("crowding", "yard", YARD) is None
    assert who("leak", "gate", GATE, AFTER) is None


def test_naming_the_only_thing_there_is_no_silence_of_everything(tiny: Path) -> None:
    text = SILENCE.format(id="s", matchers='["place=gate"]')
    (tiny / "map.geojsonl").write_text(
        "\n".join(
            line
            for line in (tiny / "map.geojsonl").read_text(encoding="utf-8").splitlines()
            if '"yard"' not in line
        ),
        encoding="utf-8",
    )
    (tiny / "sensors.toml").unlink()
    assert site_with(tiny, "silences.toml", text).policy.silences[0].id == "s"


@pytest.mark.parametrize("name", ["silences.toml", "profiles.toml"])
def test_an_empty_file_orders_nothing(tiny: Path, name: str) -> None:
    policy = site_with(tiny, name, "# nothing now\n").policy
    assert (policy.silences, policy.profile) == ((), None)


def test_a_profile_is_in_force_by_time_alone(tiny: Path) -> None:
    policy = site_with(tiny, "profiles.toml", ACTIVE + EMERGENCY).policy
    zone = policy.watches["cam-7", "east-gate"].rule
    names = [profile_name(policy, at) for at in (BEFORE - timedelta(days=1), BEFORE, AFTER)]
    assert names == ["normal", "emergency", "normal"]
    rule = rule_at("crowding", zone, policy, BEFORE)
    assert (rule.raise_at, rule.clear_below, rule.hold_s, rule.min_hits) == (4, 2.8, 1, 2)
    assert rule_at("crowding", zone, policy, AFTER) is zone
    assert calibration_at("crowding", policy, BEFORE).review_at == 0.3
    assert calibration_at("crowding", policy, AFTER).review_at == 0.45
    assert calibration_at("leak", policy, BEFORE).direct_at == 0.8  # the other profile's
    assert not is_on("crowding", (), policy, BEFORE)  # 19:59 in Shanghai
    assert is_on("crowding", (), policy, BEFORE - timedelta(hours=8))
    assert is_on("crowding", (), policy, AFTER)


def test_a_profile_without_an_order_is_only_checked(tiny: Path) -> None:
    assert site_with(tiny, "profiles.toml", EMERGENCY).policy.profile is None
    (tiny / "profiles.toml").write_text(EMERGENCY.replace("leak", "leek"), encoding="utf-8")
    assert [problem.code for problem in check_site(tiny)[1]] == ["R007"]


@pytest.mark.parametrize(
    "order",
    ["", 'profile = "emergency"\n', 'author = "王"\n', "ends_at = 2026-06-01T20:00:00+08:00\n"],
)
def test_an_order_says_everything(tiny: Path, order: str) -> None:
    text = f"[active]\n{order}{EMERGENCY}"
    (tiny / "profiles.toml").write_text(text, encoding="utf-8")
    lacking = {"profile", "author", "comment", "ends_at"} - {order.split(" ", maxsplit=1)[0]}
    told = [problem.en[0] for problem in check_site(tiny)[1]]
    assert sorted(told) == sorted(f'"{key}" is missing' for key in lacking)


def test_the_examples_of_the_demo_are_good_once_uncommented(demo: Path) -> None:
    for name in ("silences.toml", "profiles.toml"):
        text = (demo / name).read_text(encoding="utf-8")
        used = re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)
        (demo / name).write_text(used, encoding="utf-8")
    site, problems = check_site(demo)
    assert problems == ()
    assert site is not None
    assert len(site.policy.silences) == 1
    assert site.policy.profile is not None


@pytest.mark.parametrize("name", ["silences.toml", "profiles.toml"])
def test_each_line_deleted_or_garbled(tiny: Path, name: str) -> None:
    silence = SILENCE.format(id="s", matchers="""['place=~"ga.*"', "grid!=5"]""")
    lines = (silence if name == "silences.toml" else ACTIVE + EMERGENCY).split("\n")
    chance = random.Random(name)
    for index, line in enumerate(lines):
        for mutant in garbled(line, chance):
            text = "\n".join([*lines[:index], mutant, *lines[index + 1 :]])
            (tiny / name).write_text(text, encoding="utf-8")
            site, problems = check_site(tiny)
            errors = [problem for problem in problems if problem.severity == "error"]
            assert (site is None) == bool(errors), f"line {index + 1}: {mutant!r}"
            assert {problem.file for problem in problems} <= {name}
