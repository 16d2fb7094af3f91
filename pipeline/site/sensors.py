"""sensors.toml: the sensors' datastreams, and the place and event each speaks of."""

from typing import Any

from pipeline.incidents.policy import Watch
from pipeline.site.catalogue import check_installed
from pipeline.site.detectors import check_detector, unit_read_by
from pipeline.site.files import SiteFiles
from pipeline.site.hours import with_windows
from pipeline.site.model import Sensor
from pipeline.site.problems import say
from pipeline.site.tables import Ids, Node, Row, read, rows
from pipeline.site.targets import Targets, Watches, Watching

SENSORS_FILE = "sensors.toml"


class _File(Row):
    sensor: list[Any]


class _Sensor(Watching, kw_only=True):
    id: str
    name: str
    datastream: str
    unit: str
    detector: str | None = None
    synthetic: bool = False


def read_sensors(files: SiteFiles, targets: Targets, ids: Ids) -> tuple[list[Sensor], Watches]:
    """The good datastreams, and what they may say; the rest is noted.

    `ids`: those of the cameras. A sensor may have several rows, one for each datastream.
    """
    sensors: list[Sensor] = []
    watches: Watches = {}
    node = files.toml(SENSORS_FILE)
    if node is None:
        return sensors, watches
    read(node, _File)
    streams: dict[str, Ids] = {}
    for row in map(with_windows, rows(node, "sensor")):
        sensor = read(row, _Sensor)
        if sensor is None:
            continue
        if sensor.id not in streams:
            streams[sensor.id] = Ids(say("datastream", sensor=sensor.id))
            ids.claim(row)
        known = _resolved(row, sensor, targets)
        if streams[sensor.id].claim(row, "datastream") and known is not None:
            sensors.append(known[0])
            watches[sensor.id, sensor.datastream] = known[1]
    return sensors, watches


def _resolved(row: Node, sensor: _Sensor, targets: Targets) -> tuple[Sensor, Watch] | None:
    owner = say("sensor", sensor=sensor.id)
    target = targets.resolve(row, sensor, owner)
    if target is None:
        return None
    event, place = target.event, target.place
    detector = sensor.detector or target.detector
    wanted = unit_read_by(detector) or event.unit
    if sensor.unit != wanted:
        facts = {"sensor": sensor.id, "unit": sensor.unit, "event": event.type}
        row.add("R017", "unit", **facts, wanted=wanted)
    if sensor.detector is not None:  # the event's own is told in the catalogue
        check_installed(row, detector, event.type)
    check_detector(row, owner, detector, target.params)
    if place is None:
        return None
    loaded = Sensor(
        id=sensor.id,
        name=sensor.name,
        datastream=sensor.datastream,
        unit=sensor.unit,
        event_type=event.type,
        detector=detector,
        place_id=place.id,
        leaf_code=place.parent,
        params=target.params,
        synthetic=sensor.synthetic,
    )
    return loaded, target.watch
