"""Looking at people's reports: their leaf grid and place, or a refusal that says how to mend it."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts import Location
from pipeline.messages import MAX_RECORD_BYTES, DeadLetter, Reason, Reported, encode
from pipeline.replay import Fold
from pipeline.reporting import look_at_report, report_map
from pipeline.site.gcj02 import shift
from pipeline.site.load import load_site

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
# Its place "gate" is watched for crowding, "yard" for leaks; the second has no point.
GOOD = Path(__file__).parents[2] / "data/sites/good"
MAP = report_map(load_site(GOOD))
GATE = (103.885, 30.805)
WEST, EAST = "510117001003001", "510117001003002001"
METRE = 1 / 111_195.08  # in degrees of latitude


def value(
    lon: float = GATE[0], lat: float = GATE[1], crs: str = "WGS84", **fields: object
) -> bytes:
    """A good report with some of its fields changed; None leaves one out."""
    point = {"lon": lon, "lat": lat, "crs": crs}
    good = {"report_id": "r-1", "event_type": "crowding", "channel": "citizen_photo",
            "at": "2026-06-01T16:00:00+08:00", "point": point, "words": "门口人很多"}  # fmt: skip
    return json.dumps({k: v for k, v in {**good, **fields}.items() if v is not None}).encode()


def look(content: bytes | None, max_skew_s: float = 300) -> Reported | DeadLetter:
    return look_at_report(content, MAP, NOW, max_skew_s)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, Reason.UNDECODABLE, id="a record without a value"),
        pytest.param(b"", Reason.UNDECODABLE, id="an empty value"),
        pytest.param(b"x" * (MAX_RECORD_BYTES + 1), Reason.TOO_LARGE, id="an oversized value"),
        pytest.param(b"help!", Reason.UNDECODABLE, id="text that is no JSON"),
        pytest.param(b"\xff\xfe\x00", Reason.UNDECODABLE, id="bytes that are no text"),
        pytest.param(value(lon=float("nan")), Reason.UNDECODABLE, id="a longitude that is NaN"),
        pytest.param(b"[]", Reason.SCHEMA_INVALID, id="a list instead of a report"),
        pytest.param(value(point=None), Reason.SCHEMA_INVALID, id="no point"),
        pytest.param(value(point={"lon": 103.885, "lat": 30.805}), Reason.SCHEMA_INVALID,
                     id="a point without crs"),
        pytest.param(value(crs="BD-09"), Reason.SCHEMA_INVALID, id="a crs that is not known"),
        pytest.param(value(lon=30.805, lat=103.885), Reason.SCHEMA_INVALID, id="swapped"),
        pytest.param(value(channel="fax"), Reason.SCHEMA_INVALID, id="an unknown channel"),
        pytest.param(value(words="人" * 501), Reason.SCHEMA_INVALID, id="a long story"),
        pytest.param(value(at="2026-06-01T16:00:00"), Reason.SCHEMA_INVALID,
                     id="a time without zone"),
        pytest.param(value(event_type="croding"), Reason.UNKNOWN_EVENT, id="an unknown event"),
        pytest.param(value(lat=30.80 - 51 * METRE), Reason.OUTSIDE_MAP, id="51 m off the map"),
        pytest.param(value(lon=-74.0, lat=40.7), Reason.OUTSIDE_MAP, id="another country"),
    ],
)  # fmt: skip
def test_what_is_no_usable_report_is_refused_by_name(content: bytes | None, reason: Reason) -> None:
    seen = look(content)
    assert isinstance(seen, DeadLetter)
    assert (seen.reason, seen.stage) == (reason, "relay")
    assert seen.message.startswith("grid.reports.v1: ")
    assert seen.mend


@pytest.mark.parametrize("max_skew_s", [0, 300], ids=["any time is taken", "five minutes are"])
@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "1970-01-01T00:00:00Z"]
)
def test_a_time_that_no_clock_shows_is_never_taken(time: str, max_skew_s: float) -> None:
    seen = look(value(at=time), max_skew_s)
    assert isinstance(seen, DeadLetter)
    assert seen.reason is Reason.CLOCK_SKEW


@pytest.mark.parametrize(
    ("late_s", "max_skew_s", "taken"),
    [
        pytest.param(-300, 300, True, id="five minutes in the future is taken"),
        pytest.param(-301, 300, False, id="a second more is not"),
        pytest.param(-(10**7), 0, True, id="unless any time is"),
        pytest.param(3 * 86_400, 300, True, id="days late is welcome"),
    ],
)
def test_a_report_may_be_late_but_not_early(late_s: int, max_skew_s: float, taken: bool) -> None:
    seen = look(value(at=(NOW - timedelta(seconds=late_s)).isoformat()), max_skew_s)
    reason = seen.reason if isinstance(seen, DeadLetter) else None
    assert reason == (None if taken else Reason.CLOCK_SKEW)


def seen_at(content: bytes) -> tuple[str, str, str | None]:
    """Leaf grid, how it was found, and the place."""
    seen = look(content)
    assert isinstance(seen, Reported)
    return seen.leaf_code, seen.resolved_by, seen.place_id


def test_a_report_at_the_gate_is_of_the_gate() -> None:
    assert seen_at(value()) == (WEST, "map", "gate")


@pytest.mark.parametrize(
    ("content", "place_id"),
    [
        pytest.param(value(lat=GATE[1] + 29 * METRE), "gate", id="29 m away"),
        pytest.param(value(lat=GATE[1] + 31 * METRE), None, id="31 m away"),
        pytest.param(value(event_type="leak"), "gate", id="of what nothing watches there"),
        pytest.param(value(lon=103.895, event_type="leak"), None, id="near a place without point"),
    ],
)
def test_only_a_near_place_is_meant(content: bytes, place_id: str | None) -> None:
    assert seen_at(content)[2] == place_id


@pytest.mark.parametrize(
    ("event_type", "metres", "place_id"),
    [
        pytest.param("crowding", 25, "gate", id="the watched one though another is nearer"),
        pytest.param("crowding", 31, "shop", id="another where the watched one is too far"),
        pytest.param("leak", 25, "shop", id="the nearest where none is watched for it"),
        pytest.param("leak", 5, "gate", id="the nearest on the other side"),
    ],
)
def test_of_several_near_places_one_that_is_watched_is_meant(
    event_type: str, metres: int, place_id: str, tmp_path: Path
) -> None:
    """`shop`, 30 m north of the gate, is watched for nothing."""
    site = Path(shutil.copytree(GOOD, tmp_path / "site"))
    properties = {"level": "place", "id": "shop", "name": "商铺", "parent": WEST}
    point = {"type": "Point", "coordinates": [GATE[0], GATE[1] + 30 * METRE]}
    line = {"type": "Feature", "properties": properties, "geometry": point}
    with (site / "map.geojsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    where = report_map(load_site(site))
    content = value(lat=GATE[1] + metres * METRE, event_type=event_type)
    seen = look_at_report(content, where, NOW, 300)
    assert isinstance(seen, Reported)
    assert seen.place_id == place_id


def test_what_people_alone_report_at_a_place_is_told_with_its_name() -> None:
    site = load_site(GOOD)
    seen = look(value(event_type="leak", channel="grid_patrol"))
    assert isinstance(seen, Reported)
    done = Fold(site.policy).apply(0, 0, seen.leaf_code.encode(), encode(seen))
    (alert,) = done.alerts
    assert alert[0].data.place.name == "东门"
    assert alert[0].data.location == Location(*GATE)


def test_where_places_are_merged_from_afar_reports_are_too(tmp_path: Path) -> None:
    site = Path(shutil.copytree(GOOD, tmp_path / "site"))
    catalogue = (site / "catalogue.toml").read_text("utf-8")
    catalogue = catalogue.replace('type = "crowding"', 'type = "crowding"\nmerge_m = 80', 1)
    (site / "catalogue.toml").write_text(catalogue, "utf-8")
    where = report_map(load_site(site))
    for metres, place_id in ((79, "gate"), (81, None)):
        seen = look_at_report(value(lat=GATE[1] + metres * METRE), where, NOW, 300)
        assert isinstance(seen, Reported)
        assert seen.place_id == place_id


def test_a_place_of_another_grid_is_not_meant() -> None:
    """Two officers would be asked otherwise."""
    assert seen_at(value(lon=103.89 + 1e-5)) == (EAST, "map", None)


def test_just_outside_the_map_the_nearest_grid_is_taken() -> None:
    assert seen_at(value(lat=30.80 - 49 * METRE)) == (WEST, "nearest", None)


def test_gcj02_is_converted_and_the_original_kept() -> None:
    east, north = shift(*GATE)
    lon, lat = GATE[0] + east, GATE[1] + north
    seen = look(value(lon, lat, crs="GCJ-02"))
    assert isinstance(seen, Reported)
    assert seen.location == Location(*GATE)
    assert (seen.report.point.lon, seen.report.point.crs) == (lon, "GCJ-02")
    assert seen.place_id == "gate"
    # The same numbers taken for WGS84 would lie elsewhere.
    assert seen_at(value(lon, lat))[2] is None


def test_event_time_is_utc_in_whole_milliseconds_and_the_point_in_decimetres() -> None:
    seen = look(value(lon=103.88500012345, at="2026-06-01T16:00:00.123456+08:00"))
    assert isinstance(seen, Reported)
    assert seen.report.at == NOW + timedelta(milliseconds=123)
    assert seen.report.at.utcoffset() == timedelta(0)
    assert seen.location == Location(*GATE)


@given(st.binary(max_size=300))
def test_no_bytes_stop_the_relay(content: bytes) -> None:
    assert isinstance(look(content), DeadLetter)


@given(st.floats(-180, 180), st.floats(-90, 90), st.sampled_from(["WGS84", "CGCS2000", "GCJ-02"]))
def test_no_point_stops_the_relay(lon: float, lat: float, crs: str) -> None:
    assert isinstance(look(value(lon, lat, crs)), Reported | DeadLetter)
