"""The page on which a camera's zones are drawn: its picture, what the site has, and a program.

drawing.html and drawing.js beside this file become one page, which needs no network.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
from msgspec import structs

from detectors.hits import Frame
from pipeline.incidents.policy import EventType, Place, Policy
from pipeline.messages import Reason
from pipeline.redaction import masked
from pipeline.site.catalogue import RULE_FIELDS
from pipeline.site.detectors import looks_at_zones
from pipeline.site.files import SiteFiles
from pipeline.site.model import Camera, Site
from pipeline.site.problems import WORDS, Both, Findings
from pipeline.site.zones import MOST_POINTS, SMALLEST
from pipeline.sources.stream import Trouble, open_stream, packets, shown
from pipeline.sources.video import Unreadable, decoded, frames, pixels

_TEMPLATE = Path(__file__).with_name("drawing.html")
_CORE = Path(__file__).with_name("drawing.js")
_MOST_UNREADABLE = 20  # a stream that starts between two keyframes has some
_PROBLEMS = ("F005", "F007", "R002", "R003", "R004", "R016", "R018", "R024")
_POLYGONS = ("zone", "exclude", "windows", "charging", "privacy_masks")
_SAID = ("camera", "camera_zone", "id", "str", *_POLYGONS)


class NoPicture(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """There is no picture to draw on; says why."""


def picture_of(camera: Camera) -> Frame:
    """The first good picture of the camera's source. Raises NoPicture."""
    if camera.from_topic:
        raise NoPicture("they come on grid.frames.v1: give one of them with --picture")
    seen = _of_stream(camera) if camera.stream else frames(camera, lambda: None)
    unreadable = []
    try:
        for found in islice(seen, _MOST_UNREADABLE):
            if isinstance(found, Frame):
                return found
            unreadable.append(found.what)
    except Trouble as error:
        raise NoPicture(f"{shown(camera.stream or '')} {error}") from error
    except OSError as error:
        raise NoPicture(str(error)) from error
    raise NoPicture("; ".join(dict.fromkeys(unreadable)) or "it has none")


def picture_in(path: Path, camera: Camera) -> Frame:
    """The picture in a file. Raises NoPicture where it holds none."""
    try:
        image = decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise NoPicture(f"{path}: {error.strerror}") from error
    if isinstance(image, Unreadable):
        raise NoPicture(image.what)
    return Frame(camera.id, datetime.now(UTC), image)


def _of_stream(camera: Camera) -> Iterator[Frame | Unreadable]:
    """What a live stream shows from its next keyframe on. Raises Trouble."""
    with open_stream(camera.stream or "") as container:
        container.streams.video[0].codec_context.thread_count = 1  # more keep pictures back
        for packet in dropwhile(lambda packet: not packet.is_keyframe, packets(container)):
            try:
                seen = [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
            except av.error.FFmpegError as error:
                yield Unreadable(Reason.UNREADABLE_PICTURE, str(error.strerror))
                continue
            for frame in seen:
                if frame.is_corrupt:
                    yield Unreadable(Reason.UNREADABLE_PICTURE, "a torn picture")
                else:
                    yield Frame(camera.id, datetime.now(UTC), pixels(frame))


def page(site: Site, camera: Camera, frame: Frame) -> str:
    """The whole page in HTML. What the camera's privacy masks hide is grey in its picture too.

    Nothing of where the pictures come from is in it: a stream's URL may be secret.
    """
    image = masked(frame, camera.privacy_masks).image_bgr
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    template = _TEMPLATE.read_text("utf-8").replace("{{core}}", _CORE.read_text("utf-8"))
    facts = {
        "csp": _only_what_is_in(template),
        "title": html.escape(f"{camera.name} · {camera.id}"),
        "picture": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode(),
        "data": _in_script(_data(site, camera, frame)),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda blank: facts[blank[1]], template)


def _only_what_is_in(template: str) -> str:
    """A policy by which the browser runs the template's scripts and style, and fetches nothing."""

    def hashes(tag: str) -> str:
        bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", template, re.DOTALL)
        digests = (hashlib.sha256(body.encode()).digest() for body in bodies)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    allowed = f"script-src {hashes('script')}; style-src {hashes('style')}; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _in_script(data: dict[str, Any]) -> str:
    """JSON that ends no script and begins no comment, whatever names hold."""
    text = json.dumps(data, ensure_ascii=False, default=str)
    return re.sub("[<>&\u2028\u2029]", lambda sign: f"\\u{ord(sign[0]):04x}", text)


def _data(site: Site, camera: Camera, frame: Frame) -> dict[str, Any]:
    row, policy = _row_of(site, camera), site.policy
    return {
        "camera": {"id": camera.id, "name": camera.name},
        "size": frame.size_wh,
        "zones": row.get("zones", []),
        "privacy_masks": row.get("privacy_masks", []),
        "ground": row.get("ground"),
        "events": [
            _event(event)
            for event in policy.events.values()
            if event.detector and looks_at_zones(event.detector)
        ],
        "places": [_place(place, policy) for place in policy.places.values()],
        "words": {
            "problem": {code: structs.asdict(WORDS.problem[code]) for code in _PROBLEMS},
            "say": {name: WORDS.say[name] for name in _SAID},
        },
        "smallest": SMALLEST,
        "most_points": MOST_POINTS,
    }


def _row_of(site: Site, camera: Camera) -> dict[str, Any]:
    """The camera as its file has it: what the page does not change it leaves as it was written."""
    files = SiteFiles(site.folder, Findings())
    nodes = [files.toml(name) for name in files.camera_files()]
    rows = [row for node in nodes if node is not None for row in node.value["camera"]]
    found: dict[str, Any] = next(row for row in rows if row["id"] == camera.id)
    return found


def _event(event: EventType) -> dict[str, Any]:
    """`params`: their values where a zone sets none; None where only the detector knows it."""
    return {
        "type": event.type,
        "label": Both(event.label_en, event.label_zh),
        "kinds": event.kinds,
        "params": {
            name: getattr(event.rule, field) if field in RULE_FIELDS else None
            for name, field in event.params.items()
        },
    }


def _place(place: Place, policy: Policy) -> dict[str, str]:
    address = policy.leaves[place.leaf_code].address
    return {"id": place.id, "name": place.name, "grid": (address.micro_grid or address.grid).name}
