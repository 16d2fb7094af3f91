"""Looking at sensor readings: a hit, or a refusal that says how to mend it."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.electricity import ChargingSignature
from detectors.hits import Hit, Reading
from detectors.measured import Measured
from pipeline.messages import MAX_RECORD_BYTES, DeadLetter, Reason, encode
from pipeline.readings import Watched, look_at_reading, watch_sensors
from pipeline.site.load import check_site, load_site
from pipeline.site.model import Sensor
from tests.builders import T0, at

DEMO = Path(__file__).parents[3] / "deploy" / "demo"
SENSOR = Sensor("sock-22", "充电插座", "residual_current", "mA", "residual_current", "measured",
                "pl-0934", "510117001003002009", {"alarm_ma": 300})  # fmt: skip
WATCHED = {(SENSOR.id, SENSOR.datastream): Watched(SENSOR, "map-1", Measured({}))}


def value(**fields: object) -> bytes:
    """A good reading with some of its fields changed."""
    good = Reading("r-1", "sock-22", "residual_current", T0, 412.5, "mA", "good", 7)
    raw = encode(good).decode()
    for name, wrong in fields.items():
        before = raw.split(f'"{name}":')[1].split(",")[0].rstrip("}")
        raw = raw.replace(f'"{name}":{before}', f'"{name}":{wrong}')
    return raw.encode()


def look(content: bytes | None, now_s: float = 0, max_skew_s: float = 300) -> Hit | DeadLetter:
    return look_at_reading(content, WATCHED, at(now_s), max_skew_s)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, Reason.UNDECODABLE, id="a record without a value"),
        pytest.param(b"", Reason.UNDECODABLE, id="an empty value"),
        pytest.param(b"x" * (MAX_RECORD_BYTES + 1), Reason.TOO_LARGE, id="an oversized value"),
        pytest.param(b"about 420 mA", Reason.UNDECODABLE, id="text that is no JSON"),
        pytest.param(b"\xff\xfe\x00", Reason.UNDECODABLE, id="bytes that are no text"),
        pytest.param(value(unit='"\xff"').decode().encode("latin-1"), Reason.UNDECODABLE,
                     id="a field that is no UTF-8"),
        pytest.param(value(result="NaN"), Reason.UNDECODABLE, id="a result that is NaN"),
        pytest.param(value(result="Infinity"), Reason.UNDECODABLE, id="a result without end"),
        pytest.param(value(result="1e999"), Reason.SCHEMA_INVALID, id="a result past any float"),
        pytest.param(value(result='"420"'), Reason.SCHEMA_INVALID, id="a result as text"),
        pytest.param(value(result="null"), Reason.SCHEMA_INVALID, id="no result"),
        pytest.param(value(quality='"fine"'), Reason.SCHEMA_INVALID, id="an unknown quality"),
        pytest.param(b"[" * 20_000, Reason.SCHEMA_INVALID, id="a list instead of a reading"),
        pytest.param(value()[:-1] + b',"x":' + b"[" * 20_000, Reason.UNDECODABLE,
                     id="brackets in brackets, thousands deep"),
        pytest.param(value(phenomenon_time='"2026-06-01T00:00:00"'), Reason.SCHEMA_INVALID,
                     id="a time without zone"),
        pytest.param(value(phenomenon_time='"yesterday"'), Reason.SCHEMA_INVALID,
                     id="a time that is none"),
        pytest.param(value(sensor_id='"sock-23"'), Reason.UNKNOWN_SENSOR, id="an unknown sensor"),
        pytest.param(value(datastream='"power"'), Reason.UNKNOWN_SENSOR,
                     id="another datastream of a known sensor"),
        pytest.param(value(unit='"A"'), Reason.WRONG_UNIT, id="another unit"),
    ],
)  # fmt: skip
def test_what_is_no_usable_reading_is_refused_by_name(
    content: bytes | None, reason: Reason
) -> None:
    seen = look(content)
    assert isinstance(seen, DeadLetter)
    assert (seen.reason, seen.stage) == (reason, "relay")
    assert seen.message.startswith("grid.readings.v1: ")
    assert seen.mend


@pytest.mark.parametrize(
    "name", ["reading_id", "sensor_id", "datastream", "phenomenon_time", "result", "unit"]
)
def test_a_reading_that_lacks_a_field_is_refused_naming_it(name: str) -> None:
    seen = look(value().replace(f'"{name}"'.encode(), b'"other"'))
    assert isinstance(seen, DeadLetter)
    assert seen.reason is Reason.SCHEMA_INVALID
    assert name in seen.message


@pytest.mark.parametrize(
    ("late_s", "max_skew_s", "taken"),
    [
        pytest.param(300, 300, True, id="five minutes late is taken"),
        pytest.param(301, 300, False, id="a second more is not"),
        pytest.param(-301, 300, False, id="from the future is not"),
        pytest.param(10**8, 0, True, id="years late is taken where any time is"),
    ],
)
def test_a_reading_whose_clock_is_off(late_s: float, max_skew_s: float, taken: bool) -> None:
    seen = look(value(), now_s=late_s, max_skew_s=max_skew_s)
    reason = seen.reason if isinstance(seen, DeadLetter) else None
    assert reason == (None if taken else Reason.CLOCK_SKEW)


@pytest.mark.parametrize("max_skew_s", [0, 300], ids=["any time is taken", "five minutes are"])
@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "1970-01-01T00:00:00Z"]
)
def test_a_time_that_no_clock_shows_is_never_taken(time: str, max_skew_s: float) -> None:
    seen = look(value(phenomenon_time=f'"{time}"'), max_skew_s=max_skew_s)
    assert isinstance(seen, DeadLetter)
    assert seen.reason is Reason.CLOCK_SKEW


def test_a_good_reading_is_a_hit_at_the_sensors_place() -> None:
    seen = look(value())
    assert isinstance(seen, Hit)
    assert (seen.measure, seen.unit, seen.score, seen.quality) == (412.5, "mA", 1.0, 1.0)
    assert (seen.source.kind, seen.source.id, seen.zone_id) == (
        "sensor", "sock-22", "residual_current",
    )  # fmt: skip
    assert (seen.place_id, seen.leaf_code) == ("pl-0934", "510117001003002009")
    assert (seen.model, seen.map_version) == ("measured", "map-1")


def test_event_time_is_utc_in_whole_milliseconds() -> None:
    seen = look(value(phenomenon_time='"2026-06-01T08:00:00.123456+08:00"'))
    assert isinstance(seen, Hit)
    assert seen.occurred_at == T0 + timedelta(milliseconds=123)
    assert seen.occurred_at.utcoffset() == timedelta(0)


def test_the_same_reading_is_the_same_hit() -> None:
    assert look(value()) == look(value(), now_s=200)


def test_a_reading_of_bad_quality_could_not_see() -> None:
    seen = look(value(quality='"bad"'))
    assert isinstance(seen, Hit)
    assert (seen.measure, seen.quality) == (0.0, 0.0)


def test_what_a_network_makes_of_readings_is_a_hit_in_its_own_unit() -> None:
    sensor = replace(SENSOR, unit="W", event_type="charging_load")
    detector = ChargingSignature({})
    watched = {(sensor.id, sensor.datastream): Watched(sensor, "map-1", detector)}
    seen = look_at_reading(value(unit='"W"'), watched, T0, 300)
    assert isinstance(seen, Hit)
    assert (seen.unit, seen.model, seen.quality) == ("1", detector.model, 0.0)


def test_a_sensor_that_did_not_change_goes_on_with_what_it_knows_after_a_reload() -> None:
    site = load_site(DEMO)
    before = watch_sensors(site)
    other = replace(site.sensors[0], name="another name")
    after = watch_sensors(site, before)
    anew = watch_sensors(replace(site, sensors=(other,)), before)
    key = other.id, other.datastream
    assert after[key].detector is before[key].detector
    assert anew[key].detector is not before[key].detector


@pytest.mark.parametrize(("unit", "taken"), [("W", True), ("1", False)])
def test_a_meter_reads_watts_though_its_event_is_ruled_in_probability(
    tmp_path: Path, unit: str, taken: bool
) -> None:
    site = tmp_path / "site"
    shutil.copytree(DEMO, site)
    with (site / "sensors.toml").open("a", encoding="utf-8") as sensors:
        sensors.write(
            f'\n[[sensor]]\nid = "meter-1"\nname = "电表"\ndatastream = "power"\nunit = "{unit}"\n'
            'event = "charging_load"\nplace = "pl-0934"\n'
        )
    _, problems = check_site(site)
    wrong = [problem.code for problem in problems if problem.severity != "warning"]
    assert wrong == ([] if taken else ["R017"])


@given(st.binary(max_size=300))
def test_no_bytes_stop_the_relay(content: bytes) -> None:
    assert isinstance(look(content), DeadLetter)
