"""Look at sensors: a record of grid.readings.v1 in, a hit for the log or a dead letter out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import msgspec

from detectors.hits import Hit, Inferring, Reading, ReadingDetector, Source, hit_id_of
from pipeline.messages import DeadLetter, Reason, is_plausible, whole_ms
from pipeline.relayed import message_of, refused
from pipeline.site.detectors import detector_class
from pipeline.site.model import Sensor, Site
from pipeline.topics import READINGS

_SEND = "send one Reading, see docs/contracts; NaN and Infinity are no JSON"
_decoder = msgspec.json.Decoder(Reading)
_refuse = partial(refused, READINGS)


@dataclass(frozen=True, slots=True)
class Watched:
    """A sensor's datastream and the detector that reads it."""

    sensor: Sensor
    map_version: str
    detector: ReadingDetector


def watch_sensors(
    site: Site, before: Mapping[tuple[str, str], Watched] | None = None
) -> dict[tuple[str, str], Watched]:
    """Every sensor of the site with its detector, by sensor id and datastream.

    `before`: those until the site changed; a sensor that did not goes on with what it knows.
    """
    watched = {}
    for sensor in site.sensors:
        key = sensor.id, sensor.datastream
        known = (before or {}).get(key)
        if known is not None and known.sensor == sensor:
            detector = known.detector
        else:
            detector = detector_class(sensor.detector)(sensor.params)
        watched[key] = Watched(sensor, site.policy.map_version, detector)
    return watched


def look_at_reading(
    value: bytes | None,
    watched: Mapping[tuple[str, str], Watched],
    now: datetime,
    max_skew_s: float,
) -> Hit | DeadLetter:
    """What a reading says. `watched`: by sensor id and datastream; `max_skew_s` 0 takes any time.

    Never raises on any bytes.
    """
    reading = message_of(READINGS, value, _decoder.decode, _SEND)
    if isinstance(reading, DeadLetter):
        return reading
    entry = watched.get((reading.sensor_id, reading.datastream))
    if entry is None:
        return _refuse(
            Reason.UNKNOWN_SENSOR, f"{_name(reading)}: not in the site", "add it to sensors.toml"
        )
    return _wrong(reading, entry, now, max_skew_s) or _hit(reading, entry)


def _name(reading: Reading) -> str:
    return f"sensor {reading.sensor_id}, datastream {reading.datastream}"


def _wrong(reading: Reading, entry: Watched, now: datetime, max_skew_s: float) -> DeadLetter | None:
    if reading.unit != entry.sensor.unit:
        return _refuse(
            Reason.WRONG_UNIT,
            f"{_name(reading)}: unit {reading.unit!r}, the site says {entry.sensor.unit!r}",
            "convert it at the gateway or correct sensors.toml",
        )
    skew_s = abs((reading.phenomenon_time - now).total_seconds())
    if not is_plausible(reading.phenomenon_time) or (max_skew_s and skew_s > max_skew_s):
        return _refuse(
            Reason.CLOCK_SKEW,
            f"{_name(reading)}: its time, {reading.phenomenon_time.isoformat()}, is {skew_s:.0f} s "
            "from now",
            "set the device's clock (NTP), or max_clock_skew_s in gridalert.toml",
        )
    return None


def _hit(reading: Reading, entry: Watched) -> Hit:
    sensor = entry.sensor
    at = whole_ms(reading.phenomenon_time)
    look = entry.detector.look(reading)
    network = entry.detector if isinstance(entry.detector, Inferring) else None
    return Hit(
        hit_id=hit_id_of(sensor.id, sensor.datastream, sensor.event_type, at, sensor.detector),
        event_type=sensor.event_type,
        detector=sensor.detector,
        source=Source(kind="sensor", id=sensor.id),
        zone_id=sensor.datastream,
        place_id=sensor.place_id,
        leaf_code=sensor.leaf_code,
        map_version=entry.map_version,
        occurred_at=at,
        measure=look.measure,
        unit=network.unit if network else sensor.unit,
        score=look.score,
        quality=look.quality,
        model=network.model if network else sensor.detector,
        synthetic=sensor.synthetic,
    )
