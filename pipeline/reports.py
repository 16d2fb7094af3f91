"""What citizens and officers report (随手拍), as on grid.reports.v1."""

from typing import Annotated, Literal

import msgspec

from detectors.hits import Instant

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Channel = Literal["grid_patrol", "citizen_photo", "hotline", "mini_program", "police", "other"]


class Point(msgspec.Struct, frozen=True):
    """Degrees; `crs` has no default: GCJ-02 read as WGS84 lies some 400 m off."""

    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    crs: Literal["WGS84", "CGCS2000", "GCJ-02"]


class Photo(msgspec.Struct, frozen=True):
    """A picture in the reporter's own store."""

    uri: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    media_type: Annotated[str, msgspec.Meta(pattern="^image/[a-z0-9.+-]+$")]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    expires_at: Instant


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person says that an event is at a point. `words`: no names, telephone or plate numbers."""

    report_id: Id
    event_type: Id
    channel: Channel
    at: Instant
    point: Point
    words: Annotated[str, msgspec.Meta(max_length=500)] = ""
    photo: Photo | None = None
