"""sensors.toml: the sensors' datastreams, and the place and event each speaks of."""

from typing import Any

import msgspec

from pipeline.incidents.policy import EventType, Watch
from pipeline.site.cameras import Watches
from pipeline.site.files import SiteFiles
from pipeline.site.ids import Ids
from pipeline.site.model import Sensor
from pipeline.site.problems import Both, Findings, Spot
from pipeline.site.tables import Node, read, rows
from pipeline.site.targets import Targets, rule_with

SENSORS_FILE = "sensors.toml"


class _File(msgspec.Struct):
    sensor: list[Any]


class _Sensor(msgspec.Struct):
    id: str
    name: str
    datastream: str
    unit: str
    event: str
    place: str
    params: dict[str, float | str | bool] = {}


def read_sensors(
    files: SiteFiles, targets: Targets, ids: Ids, found: Findings
) -> tuple[list[Sensor], Watches]:
    """The good datastreams, and what they may say; the rest is noted.

    `ids`: those of the cameras. A sensor may have several rows, one for each datastream.
    """
    sensors: list[Sensor] = []
    watches: Watches = {}
    node = files.toml(SENSORS_FILE)
    if node is None:
        return sensors, watches
    read(node, _File, found)
    streams: dict[str, Ids] = {}
    for row in rows(node, "sensor", found):
        sensor = read(row, _Sensor, found)
        if sensor is None:
            continue
        if sensor.id not in streams:
            kind = Both(f'sensor "{sensor.id}": datastream', f"传感器“{sensor.id}”的数据流")
            streams[sensor.id] = Ids(kind, found)
            ids.claim(sensor.id, row.spot("id"))
        known = _resolved(row, sensor, targets, found)
        named = streams[sensor.id].claim(sensor.datastream, row.spot("datastream"), "datastream")
        if named and known is not None:
            sensors.append(known[0])
            watches[sensor.id, sensor.datastream] = known[1]
    return sensors, watches


def _resolved(
    row: Node, sensor: _Sensor, targets: Targets, found: Findings
) -> tuple[Sensor, Watch] | None:
    event = targets.event(row, sensor.event, found)
    owner = Both(f'sensor "{sensor.id}"', f"传感器“{sensor.id}”")
    place = targets.place(row, sensor.place, owner, found)
    if event is None:
        return None
    _check_unit(row.spot("unit"), sensor, event, found)
    rule = rule_with(event, row, sensor.params, found)
    if place is None:
        return None
    loaded = Sensor(
        id=sensor.id,
        name=sensor.name,
        datastream=sensor.datastream,
        unit=sensor.unit,
        event_type=event.type,
        detector=event.detector,
        place_id=place.id,
        leaf_code=place.parent,
        params=sensor.params,
    )
    return loaded, Watch(event.type, place.id, rule)


def _check_unit(spot: Spot, sensor: _Sensor, event: EventType, found: Findings) -> None:
    if sensor.unit != event.unit:
        found.add(
            "R017", spot, sensor=sensor.id, unit=sensor.unit, event=event.type, wanted=event.unit
        )
