"""Whether a camera can show the cords that its flying-wire zones look for: optics decide first."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import floor, radians, tan
from pathlib import Path
from typing import Annotated, BinaryIO

from msgspec import Meta
from shapely import MultiPoint

from detectors.hits import Zone
from pipeline.site.lines import Path as Steps
from pipeline.site.problems import Both, say
from pipeline.site.tables import Node, read_value, rows

FLYING_WIRE = "flying_wire"  # the detector
CORD_MM = 8.0  # detectors.md A.4
LEAST_PX = 1.0  # A.4: below it the rule refuses
SURE_PX = 1.5  # from here on recall was measured
TAIL_BYTES = 65536  # some cameras pad their pictures with zeros
ONE_VIEW = 0.01  # by how much the proportions of two pictures of one view may differ
_Metres = Annotated[float, Meta(gt=0, le=1000)]
_CordMm = Annotated[float, Meta(gt=0, le=30)]


def focal_px(width_px: int, hfov_deg: float) -> float:
    """The focal length, in pixels, of a picture `width_px` wide that shows `hfov_deg` from side to
    side, through a lens that bends no lines: research, detectors.md A.4.
    """
    return width_px / 2 / tan(radians(hfov_deg) / 2)


def cord_px(cord_mm: float, distance_m: float, f_px: float) -> float:
    """How wide, in pixels, a cord is at that distance: w = d * f_px / Z of detectors.md A.4."""
    return cord_mm / 1000 * f_px / distance_m


def check_flying_wires(
    row: Node, zones: Sequence[Zone], hfov_deg: float | None, pictures: Mapping[Steps, Path]
) -> None:
    """Note what keeps a camera from showing the cords that its zones of FLYING_WIRE look for.

    `row`: the camera's. `pictures`: its reference pictures by where they stand in `row`, but for
    those that are not there: R013 tells of them.
    """
    wires = [zone for zone in zones if zone.detector == FLYING_WIRE]
    if not wires:
        return
    camera = say("camera", camera=row.value["id"])
    _need("hfov_deg", hfov_deg, row, camera, say("needs_hfov"))
    _need("reference", row.value.get("reference"), row, camera, say("needs_reference"))
    width_px = _check_pictures(row, camera, pictures)
    f_px = focal_px(width_px, hfov_deg) if width_px and hfov_deg and 1 <= hfov_deg <= 179 else None
    for zone in wires:
        node = next(node for node in rows(row, "zones") if node.value.get("id") == zone.id)
        owner = say("zone", camera=row.value["id"], zone=zone.id)
        if not zone.windows:
            node.add("R031", owner=owner, camera=row.value["id"])
        elif layout := _finds_nothing(zone):
            node.add("R032", owner=owner, layout=layout, camera=row.value["id"])
        _need("distance_m", zone.params.get("distance_m"), node, owner, say("needs_distance"))
        params = replace(node, value=zone.params, path=(*node.path, "params"))
        distance_m = _number(params, "distance_m", _Metres)
        cord_mm = _number(params, "cord_mm", _CordMm) if "cord_mm" in zone.params else CORD_MM
        if f_px and distance_m and cord_mm:
            seen = f"{width_px} px, {hfov_deg:g}°"
            _check_width(params, owner, (cord_mm, distance_m, f_px), seen)


def _need(key: str, value: object, row: Node, owner: Both, expected: Both) -> None:
    if value is None:
        row.add("R028", owner=owner, key=key, expected=expected)


def _finds_nothing(zone: Zone) -> Both | None:
    """Why no cable can lead from a window of the zone down to where it charges; None: it can."""
    left, top, right, bottom = MultiPoint(zone.polygon).bounds
    boxes = [MultiPoint(window).bounds for window in zone.windows]
    if all(x1 < left or x0 > right or y1 < top or y0 > bottom for x0, y0, x1, y1 in boxes):
        return say("windows_outside")
    lowest = MultiPoint([point for area in zone.charging for point in area]).bounds[3]
    return say("charging_above") if lowest <= min(y0 for _, y0, _, _ in boxes) else None


def _number(params: Node, key: str, kind: object) -> float | None:
    """A number above 0; None, noted where it is there and is none."""
    number: float | None = read_value(params, key, kind) if key in params.value else None
    return number if number and number > 0 else None


def _check_width(params: Node, owner: Both, cord: tuple[float, float, float], seen: str) -> None:
    """Note a cord (mm, at m, at so many px of focal length) that is too thin to be found."""
    width_px = cord_px(*cord)
    if width_px >= SURE_PX:
        return
    code, least_px = ("R026", LEAST_PX) if width_px < LEAST_PX else ("R027", SURE_PX)
    cord_mm, distance_m, f_px = cord
    most_m = cord_px(cord_mm, 1.0, f_px) / least_px
    facts = {"cord": f"{cord_mm:g}", "distance": f"{distance_m:g}", "seen": seen}
    facts |= {"wide": _rounded_down(width_px), "most": _rounded_down(most_m)}
    params.add(code, "distance_m", owner=owner, least=f"{least_px:g}", **facts)


def _rounded_down(value: float) -> str:
    """With one decimal: what is said to be enough must be enough."""
    return f"{floor(value * 10) / 10:.1f}"


def _check_pictures(row: Node, camera: Both, pictures: Mapping[Steps, Path]) -> int | None:
    """The width in pixels of the first that is a picture; noted: those that are none, and those
    whose proportions say that they are not of the same view.
    """
    first: tuple[int, int] | None = None
    for steps, path in pictures.items():
        size = picture_size(path)
        key = str(steps[0])
        if size is None:
            row.add("R029", *steps, owner=camera, key=key, name=path.name)
        elif first is None:
            first = size
        elif abs(size[0] * first[1] / (size[1] * first[0]) - 1) > ONE_VIEW:
            facts = {"size": "×".join(map(str, size)), "first": "×".join(map(str, first))}
            row.add("R030", *steps, owner=camera, name=path.name, **facts)
    return first[0] if first else None


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels, as the head of a JPEG or PNG says; None where it is neither, or
    does not end as one: it was cut short.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - TAIL_BYTES, 0))
            end = file.read().rstrip(b"\0")
            file.seek(0)
            start = file.read(24)
            if start.startswith(b"\x89PNG\r\n\x1a\n") and b"IEND" in end[-12:]:
                size: tuple[int, int] = struct.unpack(">II", start[16:24])
            elif start.startswith(b"\xff\xd8") and end.endswith(b"\xff\xd9"):
                file.seek(2)
                size = _jpeg_size(file)
            else:
                return None
    except (OSError, struct.error):
        return None
    return size if all(size) else None


def _jpeg_size(file: BinaryIO) -> tuple[int, int]:
    """From the first frame header (ITU-T T.81 B.2.2) on. Raises struct.error where there is none
    before the file ends, or what is there is no segment.
    """
    while True:
        mark, code, length = struct.unpack(">BBH", file.read(4))
        if mark != 0xFF:
            raise struct.error("no segment")
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            _, height, width = struct.unpack(">BHH", file.read(5))
            return width, height
        file.seek(length - 2, 1)
