"""cameras/*.toml: the cameras, where their pictures come from, and their zones."""

from datetime import datetime
from typing import Any

import msgspec

from detectors.hits import Zone
from pipeline.incidents.policy import Watch
from pipeline.messages import whole_ms
from pipeline.site.files import SiteFiles
from pipeline.site.gb_ids import check_gb_id
from pipeline.site.ids import Ids
from pipeline.site.model import Camera
from pipeline.site.problems import Both, Findings
from pipeline.site.settings import holds_password
from pipeline.site.tables import Node, read, rows
from pipeline.site.targets import Targets, rule_with
from pipeline.site.zones import Points, check_polygon

Watches = dict[tuple[str, str], Watch]
MOST_FPS = 240


class _File(msgspec.Struct):
    camera: list[Any]


class _Camera(msgspec.Struct):
    id: str
    name: str
    start: datetime
    sample_fps: float
    zones: list[Any]
    gb_device_id: str | int | None = None
    video: str | None = None
    frames: str | None = None
    fps: float | None = None
    privacy_masks: tuple[Points, ...] = ()


class _Zone(msgspec.Struct):
    id: str
    event: str
    place: str
    polygon: Points
    params: dict[str, float | str | bool] = {}


def read_cameras(
    files: SiteFiles, targets: Targets, ids: Ids, found: Findings
) -> tuple[list[Camera], Watches]:
    """The good cameras of every file, and what their zones may say; the rest is noted."""
    reader = _Reader(files, targets, ids, found)
    for name in files.camera_files():
        node = files.toml(name)
        if node is not None:
            read(node, _File, found)
            for row in rows(node, "camera", found):
                reader.camera(row)
    return reader.cameras, reader.watches


class _Reader:
    """Adds one camera after the other."""

    def __init__(self, files: SiteFiles, targets: Targets, ids: Ids, found: Findings) -> None:
        self.cameras: list[Camera] = []
        self.watches: Watches = {}
        self._folder = files.folder
        self._targets = targets
        self._ids = ids
        self._found = found

    def camera(self, row: Node) -> None:
        camera = read(row, _Camera, self._found)
        name = camera.id if camera else str(row.value.get("id"))
        zones = self._zones(row, name)
        if camera is None or not self._ids.claim(camera.id, row.spot("id")):
            return
        self._check_numbers(row, camera)
        self._check_source(row, camera)
        for index, mask in enumerate(camera.privacy_masks):
            owner = Both(
                f'camera "{name}", privacy mask {index + 1}', f"摄像机“{name}”遮挡区 {index + 1}"
            )
            check_polygon(row["privacy_masks"][index], owner, mask, self._found)
        self.cameras.append(
            Camera(
                id=camera.id,
                name=camera.name,
                gb_device_id=check_gb_id(row, camera.gb_device_id, self._found),
                video=self._folder / camera.video if camera.video else None,
                frames=self._folder / camera.frames if camera.frames else None,
                start=self._start(row, camera.start),
                fps=camera.fps,
                sample_fps=camera.sample_fps,
                zones=tuple(zones),
                privacy_masks=camera.privacy_masks,
            )
        )

    def _zones(self, row: Node, camera: str) -> list[Zone]:
        ids = Ids(Both(f'camera "{camera}": zone', f"摄像机“{camera}”的区域"), self._found)
        zones = [self._zone(zone, camera, ids) for zone in rows(row, "zones", self._found)]
        if row.value.get("zones") == []:
            must = Both("a camera looks at one zone or more", "摄像机至少要有一个区域")
            self._found.add("F007", row.spot("zones"), key="zones", value="[]", must=must)
        return [zone for zone in zones if zone is not None]

    def _zone(self, row: Node, camera: str, ids: Ids) -> Zone | None:
        zone = read(row, _Zone, self._found)
        if zone is None or not ids.claim(zone.id, row.spot("id")):
            return None
        owner = Both(f'camera "{camera}", zone "{zone.id}"', f"摄像机“{camera}”，区域“{zone.id}”")
        check_polygon(row["polygon"], owner, zone.polygon, self._found)
        event = self._targets.event(row, zone.event, self._found)
        place = self._targets.place(row, zone.place, owner, self._found)
        rule = rule_with(event, row, zone.params, self._found) if event is not None else None
        grid_map = self._targets.grid_map
        if event is None or place is None or rule is None or grid_map is None:
            return None
        self.watches[camera, zone.id] = Watch(event.type, place.id, rule)
        return Zone(
            id=zone.id,
            event_type=event.type,
            detector=event.detector,
            place_id=place.id,
            leaf_code=place.parent,
            map_version=grid_map.version,
            polygon=zone.polygon,
            params=zone.params,
        )

    def _check_numbers(self, row: Node, camera: _Camera) -> None:
        must = Both(f"it must be above 0 and at most {MOST_FPS}", f"必须大于 0 且不超过 {MOST_FPS}")
        for key, value in (("fps", camera.fps), ("sample_fps", camera.sample_fps)):
            if value is not None and not 0 < value <= MOST_FPS:
                self._found.add("F007", row.spot(key), key=key, value=value, must=must)

    def _start(self, row: Node, start: datetime) -> datetime:
        if start.tzinfo is None:
            must = Both(
                "without an offset it could be any hour; write one like +08:00",
                "没有时区偏移就无法确定时刻，请加上，如 +08:00",
            )
        elif not 1970 < start.year < 2100:
            must = Both("the year must lie between 1971 and 2099", "年份应在 1971 到 2099 之间")
        else:
            return whole_ms(start)
        self._found.add("F007", row.spot("start"), key="start", value=start, must=must)
        return start

    def _check_source(self, row: Node, camera: _Camera) -> None:
        if (camera.video is None) == (camera.frames is None):
            both = Both("neither" if camera.video is None else "both", "")
            self._found.add("R014", row.spot(), camera=camera.id, both=both)
        if camera.video is not None:
            self._check_path(row, "video", camera.video, camera.id)
        if camera.frames is not None:
            self._check_path(row, "frames", camera.frames, camera.id)
            if camera.fps is None:
                expected = Both("pictures have no times of their own", "图片本身没有时间")
                self._found.add("F005", row.spot("frames"), key="fps", expected=expected)

    def _check_path(self, row: Node, key: str, value: str, camera: str) -> None:
        if holds_password(value):
            self._found.add("R011", row.spot(key), key=key)
            return
        path = self._folder / value
        try:
            there = path.is_dir() if key == "frames" else path.is_file()
        except (OSError, ValueError):  # a name that no file can have
            there = False
        if not there:
            kind = "folder" if key == "frames" else "file"
            facts = {"key": key, "value": value, "kind": kind, "camera": camera}
            self._found.add("R013", row.spot(key), **facts)
