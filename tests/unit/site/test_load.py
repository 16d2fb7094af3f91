import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipeline.alerts import AdminUnit
from pipeline.incidents.policy import Window
from pipeline.site.load import check_site, load_site
from pipeline.site.problems import SiteError


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_demo_is_good(demo: Path) -> None:
    site, problems = check_site(demo)
    assert problems == ()
    assert site is not None
    assert site.settings.worker.tick_s == 0
    leaves = [site.policy.leaves[place.leaf_code] for place in site.policy.places.values()]
    assert [leaf.chain[0].officer.number for leaf in leaves] == ["08", "11", "12", "15", "15"]
    camera = site.cameras[0]
    assert camera.video == demo / "campus.mp4"
    assert camera.start == datetime(2026, 6, 1, tzinfo=UTC)
    assert {zone.map_version for zone in camera.zones} == {site.policy.map_version}


def test_an_address_has_all_levels(demo: Path) -> None:
    policy = load_site(demo).policy
    address = policy.leaves[policy.places["pl-0931"].leaf_code].address
    assert address.city == AdminUnit("510100", "成都市")
    assert address.grid == AdminUnit("510117001003002", "第二网格")
    assert address.micro_grid == AdminUnit("510117001003002007", "第七微网格")
    assert address.leaf_code == "510117001003002007"


def test_no_micro_grid_no_sixth_level(tiny: Path) -> None:
    policy = load_site(tiny).policy
    address = policy.leaves[policy.places["gate"].leaf_code].address
    assert address.micro_grid is None
    assert address.leaf_code == address.grid.code


def test_params_change_the_rule_and_keep_its_proportions(tiny: Path) -> None:
    watches = load_site(tiny).policy.watches
    assert watches["cam-7", "east-gate"].rule.raise_at == 10
    assert watches["cam-7", "east-gate"].rule.clear_below == 7
    assert watches["socket-1", "residual_current"].rule.raise_at == 300


def test_a_zone_keeps_all_its_params(tiny: Path) -> None:
    replace(tiny / "cameras/one.toml", "min_people = 10", 'min_people = 10, mode = "count"')
    (zone,) = load_site(tiny).cameras[0].zones
    assert zone.params == {"min_people": 10.0, "mode": "count"}


def test_a_param_must_fit_the_rule(tiny: Path) -> None:
    replace(tiny / "cameras/one.toml", "min_people = 10", "min_people = 0, hold_s = true")
    _, problems = check_site(tiny)
    assert [(p.code, p.line) for p in problems] == [("F006", 19), ("F007", 19)]


def test_leaves_are_the_leaf_grids_and_each_is_made_once(demo: Path) -> None:
    leaves = load_site(demo).policy.leaves
    code = "510117001003002007"
    assert code in leaves
    assert leaves[code] is leaves[code]
    assert len(leaves) == len(list(leaves)) == 4
    for other in ("510117001003002", "510117", "nowhere"):  # grids with micro-grids are none
        assert other not in leaves
        with pytest.raises(KeyError):
            leaves[other]
    assert {leaf.address.leaf_code for leaf in leaves.values()} == set(leaves)


def test_places_that_touch_are_merged_for_the_event_types_that_say_so(tiny: Path) -> None:
    line = (
        '{"type": "Feature", "properties": {"level": "place", "id": "arch", "name": "牌坊", '
        '"parent": "510117001003001"}, "geometry": {"type": "Point", "coordinates": '
        "[103.8851, 30.805]}}\n"  # 9.6 m east of the gate
    )
    with (tiny / "map.geojsonl").open("a", encoding="utf-8") as file:
        file.write(line)
    assert load_site(tiny).policy.places["gate"].merged_into == {}
    replace(tiny / "catalogue.toml", 'measure_zh = "人"', 'measure_zh = "人"\nmerge_m = 20')
    places = load_site(tiny).policy.places
    assert places["gate"].merged_into == places["arch"].merged_into == {"crowding": "arch"}
    assert places["yard"].merged_into == {}


def test_every_error_at_once(tiny: Path) -> None:
    replace(tiny / "catalogue.toml", "event_level = 1", "event_level = 9")
    replace(tiny / "officers.csv", "t-08,a-11", "t-08,zz")
    replace(tiny / "cameras/one.toml", '"clip.mp4"', '"none.mp4"')
    (tiny / "deadlines.toml").unlink()
    with pytest.raises(SiteError) as caught:
        load_site(tiny)
    assert [(p.file, p.line, p.code) for p in caught.value.problems] == [
        ("cameras/one.toml", 5, "R013"),
        ("catalogue.toml", 8, "F007"),
        ("deadlines.toml", 1, "F001"),
        ("officers.csv", 2, "O003"),
    ]
    assert "officers.csv:2 O003 " in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "catalogue.toml",
        "cameras/one.toml",
        "sensors.toml",
        "officers.csv",
        "deadlines.toml",
        "silences.toml",
        "profiles.toml",
    ],
)
def test_each_file_of_the_policy_changes_its_version(tiny: Path, name: str) -> None:
    before = load_site(tiny).policy
    with (tiny / name).open("a") as file:
        file.write("\n")
    after = load_site(tiny).policy
    assert after.version != before.version
    assert after.map_version == before.map_version


def test_where_the_site_runs_and_its_video_are_not_in_the_version(tiny: Path) -> None:
    before = load_site(tiny).policy.version
    assert len(before) == 16
    (tiny / "clip.mp4").write_text("another")
    with (tiny / "gridalert.toml").open("a") as file:
        file.write('[kafka]\nbootstrap_servers = "kafka:9092"\n')
    assert load_site(tiny).policy.version == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('tenant = "t"', 'tenant = "u"'),
        ('"urn:t"', '"urn:u"'),
        ('"urn:t"', '"urn:t"\n[levels]\nstreet = "一级网格"'),
    ],
)
def test_what_alerts_say_of_the_site_is_in_the_version(tiny: Path, old: str, new: str) -> None:
    before = load_site(tiny).policy.version
    replace(tiny / "gridalert.toml", old, new)
    assert load_site(tiny).policy.version != before


def test_a_city_may_name_its_levels(tiny: Path) -> None:
    with (tiny / "gridalert.toml").open("a", encoding="utf-8") as file:
        file.write('[levels]\nstreet = "一级网格"\n')
    address = load_site(tiny).policy.leaves["510117001003001"].address
    assert (address.street.label, address.grid.label) == ("一级网格", "")


def test_the_map_version_is_the_hash_of_its_file(tiny: Path) -> None:
    digest = hashlib.sha256((tiny / "map.geojsonl").read_bytes()).hexdigest()
    assert load_site(tiny).policy.map_version == f"map-{digest[:8]}"


def test_calendar_knows_make_up_days_and_what_is_published(tiny: Path) -> None:
    calendar = load_site(tiny).policy.calendar
    assert calendar.exceptions[date(2026, 10, 10)] is True  # a working Saturday
    assert calendar.exceptions[date(2026, 10, 7)] is False
    assert date(2026, 10, 4) not in calendar.exceptions  # a Sunday all the same
    assert 2026 in calendar.published
    assert 2027 not in calendar.published


def test_calendar_overlay_wins(tiny: Path) -> None:
    (tiny / "calendar.toml").write_text(
        "holidays = [2027-01-01, 2026-10-10]\nworkdays = [2026-10-07]\npublished = [2027]\n"
    )
    calendar = load_site(tiny).policy.calendar
    assert calendar.exceptions[date(2027, 1, 1)] is False
    assert date(2026, 10, 10) not in calendar.exceptions  # a Saturday like any other again
    assert date(2026, 10, 7) not in calendar.exceptions
    assert {2026, 2027} <= calendar.published


def test_frames_need_their_rate(tiny: Path) -> None:
    (tiny / "pictures").mkdir()
    replace(tiny / "cameras/one.toml", 'video = "clip.mp4"', 'frames = "pictures"')
    _, problems = check_site(tiny)
    assert [(p.code, p.line) for p in problems] == [("F005", 5)]


def test_a_detector_nobody_installed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"crowd", "flying_wire", "measured"}
    monkeypatch.setattr("pipeline.site.catalogue.installed", lambda: there)
    _, problems = check_site(tiny)
    assert [problem.line_of_text("en") for problem in problems] == [
        'catalogue.toml:10 C005 detector "crowding" of event "crowding" is not installed · '
        'nothing could look for that event · install it; did you mean "crowd"?'
    ]


@pytest.mark.parametrize(
    ("sensors", "says"),
    [
        ("{ leak = { yes = [0.2, 0.05] } }", None),
        ("{ leak = { yes = [0.2, 1.5] } }", 'F006 "yes" is [0.2, 1.5]'),
        ("{ leak = { yes = [0.2, 0.05], on = 1 } }", 'F004 unknown key "on"'),
        ("{ leak = 3 }", 'F006 "leak" is 3'),
    ],
)
def test_what_sensors_tell_of_an_event(tiny: Path, sensors: str, says: str | None) -> None:
    replace(tiny / "catalogue.toml", "prior = 0.28", f"sensors = {sensors}, prior = 0.28")
    told = [problem.line_of_text("en").split(" · ")[0] for problem in check_site(tiny)[1]]
    assert told == ([f"catalogue.toml:53 {says}"] if says else [])


COUNTER = """
[[sensor]]
id = "counter-1"
name = "People counter"
datastream = "people"
unit = "1"
event = "crowding"
place = "gate"
detector = "measured"
params = { min_people = 12 }
schedule = [{ days = "holiday", hours = "09:00-18:00" }]
"""


def test_a_people_counter_speaks_of_what_cameras_look_for(tiny: Path) -> None:
    with (tiny / "sensors.toml").open("a") as file:
        file.write(COUNTER)
    site = load_site(tiny)
    counter = site.sensors[1]
    assert (counter.detector, counter.event_type, counter.unit) == ("measured", "crowding", "1")
    watch = site.policy.watches["counter-1", "people"]
    assert (watch.place_id, watch.rule.raise_at) == ("gate", 12)
    assert watch.schedule == (Window("holiday", 9 * 60, 18 * 60),)


@pytest.mark.parametrize(
    ("detector", "told"),
    [
        ("mesured", 'C005 detector "mesured" of event "crowding" is not installed'),
        ("crowding", 'R020 sensor "counter-1" has the event "crowding", whose detector crowding'),
    ],
)
def test_a_sensors_own_detector_must_be_one_of_readings(
    tiny: Path, detector: str, told: str
) -> None:
    with (tiny / "sensors.toml").open("a") as file:
        file.write(COUNTER.replace('"measured"', f'"{detector}"'))
    _, problems = check_site(tiny)
    assert [problem.line_of_text("en").split(" ", 1)[1][: len(told)] for problem in problems] == [
        told
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("cameras/510117001.toml", "{ min_people = 5 }", "{ min_confidence = 7 }", "R019 camera"),
        ("cameras/510117001.toml", 'event = "crowding"', 'event = "residual_current"', "R020"),
        ("sensors.toml", '"residual_current"\nplace', '"crowding"\nplace', "R020 sensor"),
    ],
)
def test_what_a_detector_refuses_is_told(
    demo: Path, file: str, old: str, new: str, told: str
) -> None:
    replace(demo / file, old, new)
    site, problems = check_site(demo)
    assert site is None
    assert any(problem.line_of_text("en").split(" ", 1)[1].startswith(told) for problem in problems)


def test_a_detector_that_does_not_load_is_told(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> None:
        raise ImportError(f"no module for {name}")

    monkeypatch.setattr("pipeline.site.detectors.detector_class", fails)
    _, problems = check_site(tiny)
    assert {problem.code for problem in problems} == {"R019"}
    assert "no module for crowding" in problems[0].en[0]


def test_a_byte_order_mark_means_nothing(tiny: Path) -> None:
    for name in ("officers.csv", "catalogue.toml", "map.geojsonl"):
        content = (tiny / name).read_bytes()
        (tiny / name).write_bytes(b"\xef\xbb\xbf" + content)
    assert check_site(tiny)[1] == ()
