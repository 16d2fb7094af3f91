"""cameras/*.toml: the cameras, where their pictures come from, and their zones."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from detectors.hits import Ground, Polygon, Zone
from pipeline.incidents.policy import Watch
from pipeline.messages import whole_ms
from pipeline.site.camera_location import read_location
from pipeline.site.detectors import check_detector
from pipeline.site.files import SiteFiles
from pipeline.site.flying_wire import FLYING_WIRE, check_flying_wires
from pipeline.site.hours import with_windows
from pipeline.site.lines import Path as Steps
from pipeline.site.model import VIEW, Camera
from pipeline.site.problems import Both, say
from pipeline.site.settings import holds_password
from pipeline.site.tables import Ids, Instant, Node, Row, read, rows
from pipeline.site.targets import Targets, Watches, Watching
from pipeline.site.zones import check_ground, check_polygon

NO_ZONE = "R025"  # it can still be drawn: `gridalert site draw`
Fps = Annotated[float, Meta(gt=0, le=240)]
_Hfov = Annotated[float, Meta(ge=1, le=179)]
_OF_CABLES = ("windows", "charging")
_SOURCES = ("video", "frames", "stream", "from_topic")
_STREAM = re.compile(r"(rtsps?|https?|rtmps?)://[^\s/@]*@?[^\s/@]+(/\S*)?")
_GB_CAMERAS, _GB_OTHERS = ("131", "132"), ("111", "118", "134", "200")


class _File(Row):
    camera: list[Any]


class _Camera(Row):
    id: str
    name: str
    zones: list[Any] | None = None
    gb_device_id: str | int | None = None
    video: str | None = None
    frames: str | None = None
    stream: str | None = None
    from_topic: bool = False
    start: Instant | None = None
    fps: Fps | None = None
    sample_fps: Fps = 2.0
    privacy_masks: tuple[Polygon, ...] = ()
    reference: str | None = None
    references: tuple[str, ...] = ()
    hfov_deg: _Hfov | None = None
    ground: Ground | None = None
    location: dict[str, Any] | None = None
    synthetic: bool = False


class _Zone(Watching, kw_only=True):
    id: str
    polygon: Polygon
    exclude: tuple[Polygon, ...] = ()
    windows: tuple[Polygon, ...] = ()
    charging: tuple[Polygon, ...] = ()


CAMERA_KEYS, ZONE_KEYS = _Camera.__struct_fields__, _Zone.__struct_fields__


def read_cameras(files: SiteFiles, targets: Targets, ids: Ids) -> tuple[list[Camera], Watches]:
    """The good cameras of every file, and what their zones may say; the rest is noted."""
    reader = _Reader(files, targets, ids)
    for name in files.camera_files():
        node = files.toml(name)
        if node is not None:
            read(node, _File)
            for row in rows(node, "camera"):
                reader.camera(row)
    return reader.cameras, reader.watches


class _Reader:
    """Adds one camera after the other."""

    def __init__(self, files: SiteFiles, targets: Targets, ids: Ids) -> None:
        self.cameras: list[Camera] = []
        self.watches: Watches = {}
        self._folder = files.folder
        self._targets = targets
        self._ids = ids

    def camera(self, row: Node) -> None:
        camera = read(row, _Camera)
        name = camera.id if camera else str(row.value.get("id"))
        zones = self._zones(row, name, camera.ground if camera else None)
        if camera is None or not self._ids.claim(row):
            return
        self._check_source(row, camera)
        _check_polygons(row, "privacy_masks", camera.privacy_masks, say("camera", camera=camera.id))
        if camera.ground is not None:
            check_ground(row["ground"], camera.id, camera.ground)
        pictures = {steps: self._folder / name for steps, name in _pictures(camera).items()}
        there = {steps: path for steps, path in pictures.items() if _is_there(path, "reference")}
        check_flying_wires(row, zones, camera.hfov_deg, there)
        self.cameras.append(
            Camera(
                id=camera.id,
                name=camera.name,
                gb_device_id=_gb_id(row, camera.gb_device_id),
                video=self._folder / camera.video if camera.video else None,
                frames=self._folder / camera.frames if camera.frames else None,
                start=whole_ms(camera.start) if camera.start else None,
                fps=camera.fps,
                sample_fps=camera.sample_fps,
                zones=tuple(zones),
                privacy_masks=camera.privacy_masks,
                stream=camera.stream,
                from_topic=camera.from_topic,
                reference=pictures.get(("reference",)),
                references=tuple(pictures.values()),
                location=read_location(row, camera.id, zones, self._targets.grid_map),
                synthetic=camera.synthetic,
            )
        )

    def _zones(self, row: Node, camera: str, ground: Ground | None) -> list[Zone]:
        ids = Ids(say("camera_zone", camera=camera))
        if row.value.get("zones", []) == []:
            row.add(NO_ZONE, "zones", camera=camera)
        read_zones = [self._zone(zone, camera, ids, ground) for zone in rows(row, "zones")]
        zones = [zone for zone in read_zones if zone is not None]
        return zones + self._view(camera, zones)

    def _view(self, camera: str, zones: list[Zone]) -> list[Zone]:
        """What nobody has to write: whether the camera sees, told at the place of its first zone,
        where the catalogue has such an event and no zone of this name is there.
        """
        events = [e for e in self._targets.catalogue.events.values() if e.detector == VIEW]
        if not events or not zones or VIEW in (zone.id for zone in zones):
            return []
        event, first = events[0], zones[0]
        self.watches[camera, VIEW] = Watch(event.type, first.place_id, event.rule)
        return [
            msgspec.structs.replace(
                first,
                id=VIEW,
                event_type=event.type,
                detector=VIEW,
                polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),
                params={},
                exclude=(),
                windows=(),
                charging=(),
                ground=None,
            )
        ]

    def _zone(self, row: Node, camera: str, ids: Ids, ground: Ground | None) -> Zone | None:
        row = with_windows(row)
        read_zone = read(row, _Zone)
        if read_zone is None or not ids.claim(row):
            return None
        owner = say("zone", camera=camera, zone=read_zone.id)
        check_polygon(row["polygon"], owner, read_zone.polygon)
        for key in ("exclude", *_OF_CABLES):
            _check_polygons(row, key, getattr(read_zone, key), owner)
        target = self._targets.resolve(row, read_zone, owner)
        if target is None or target.place is None:
            return None
        event, place = target.event, target.place
        for key in _OF_CABLES:
            if getattr(read_zone, key) and target.detector != FLYING_WIRE:
                row.add("F004", key, key=key, hint=say("of_cables"))
        self.watches[camera, read_zone.id] = target.watch
        zone = Zone(
            id=read_zone.id,
            event_type=event.type,
            detector=target.detector,
            place_id=place.id,
            leaf_code=place.parent,
            map_version=place.map_version,
            polygon=read_zone.polygon,
            params=target.params,
            exclude=read_zone.exclude,
            windows=read_zone.windows,
            charging=read_zone.charging,
            ground=ground,
        )
        check_detector(row, owner, target.detector, zone)
        return zone

    def _check_source(self, row: Node, camera: _Camera) -> None:
        given = [key for key in _SOURCES if getattr(camera, key)]
        if len(given) != 1:
            row.add("R014", *given[1:2], camera=camera.id, given=", ".join(given) or "-")
        live = {"stream", "from_topic"} & set(given)
        for key in ("start", "fps"):
            if live and getattr(camera, key) is not None:
                row.add("R023", key, key=key, camera=camera.id)
        if not live and camera.start is None:
            row.add("F005", key="start", expected=say("datetime"))
        elif camera.start and camera.start.tzinfo and not 1970 < camera.start.year < 2100:
            row.wrong("start", say("start_year"))
        if camera.frames is not None and camera.fps is None:
            row.add("F005", "frames", key="fps", expected=say("no_times"))
        self._check_where(row, camera)

    def _check_where(self, row: Node, camera: _Camera) -> None:
        if camera.stream and holds_password(camera.stream):
            row.add("R011", "stream", key="stream")
        elif camera.stream and not _STREAM.fullmatch(camera.stream):
            row.wrong("stream", say("stream_url"))
        for key in ("video", "frames"):
            if getattr(camera, key) is not None:
                self._check_path(row, (key,), getattr(camera, key), camera.id)
        for steps, value in _pictures(camera).items():
            self._check_path(row, steps, value, camera.id)

    def _check_path(self, row: Node, steps: Steps, value: str, camera: str) -> None:
        key = str(steps[0])
        if holds_password(value):
            row.add("R011", *steps, key=key)
            return
        if not _is_there(self._folder / value, key):
            kind = "folder" if key == "frames" else "file"
            shown = key in _SOURCES
            lost = say("lost_pictures" if shown else "lost_reference", camera=camera)
            row.add("R013", *steps, key=key, value=value, kind=kind, lost=lost)


def _is_there(path: Path, key: str) -> bool:
    try:
        return path.is_dir() if key == "frames" else path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _pictures(camera: _Camera) -> dict[Steps, str]:
    """The reference pictures by where they stand in the camera's row, `reference` first."""
    named: dict[Steps, str] = {} if camera.reference is None else {("reference",): camera.reference}
    return named | {("references", index): name for index, name in enumerate(camera.references)}


def _check_polygons(row: Node, key: str, polygons: Sequence[Polygon], owner: Both) -> None:
    for index, polygon in enumerate(polygons):
        check_polygon(row[key][index], say(key, owner=owner, n=index + 1), polygon)


def _gb_id(row: Node, value: str | int | None) -> str | None:
    """`value` as a GB/T 28181 id of a camera: 20 digits, 11 to 13 of which say which device."""
    if value is None:
        return None
    text = str(value)
    if isinstance(value, int) or not re.fullmatch("[0-9]{20}", text):
        digits = sum(character.isdigit() for character in text)
        shown = text if isinstance(value, int) else f'"{text}"'
        row.add("R005", "gb_device_id", value=shown, digits=digits)
    elif text[10:13] not in _GB_CAMERAS:
        meaning = say(f"gb_{text[10:13]}" if text[10:13] in _GB_OTHERS else "nothing")
        row.add("R006", "gb_device_id", type=text[10:13], meaning=meaning)
    return text
