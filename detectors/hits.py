"""The words detectors speak: Frame, Detections, Zone, Reading, Look and Hit."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

HIT_NAMESPACE = uuid.UUID("6f1c1c54-0d1e-5c1b-9d4e-2f5b8b8f7a10")
MAX_OBJECTS = 50
MAX_POINTS = 16  # of an object's path

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]  # RFC 3339 with Z or an offset
Xyxy = tuple[float, float, float, float]
Params = Mapping[str, float | str | bool]
Xy = tuple[float, float]
Polygon = tuple[Xy, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of one camera.

    `image_bgr`: uint8, (height_px, width_px, 3), blue-green-red. `at`: event time, UTC,
    when it was captured, whole milliseconds.
    """

    camera_id: str
    at: datetime
    image_bgr: NDArray[np.uint8]

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image_bgr.shape[1], self.image_bgr.shape[0]


@dataclass(frozen=True, slots=True)
class Detections:
    """A model's boxes for one frame, in supervision's words, best first.

    `xyxy`: float32 (N, 4), x_min, y_min, x_max, y_max in pixels of the frame; `confidence`:
    float32 (N,), 0..1; `class_id`: int64 (N,). N may be 0. Raises ValueError when they disagree.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.confidence)
        if self.xyxy.shape != (n, 4) or self.class_id.shape != (n,):
            raise ValueError(
                f"xyxy {self.xyxy.shape}, confidence {self.confidence.shape}, class_id "
                f"{self.class_id.shape}: expected (N, 4), (N,), (N,)"
            )

    def __len__(self) -> int:
        return len(self.confidence)

    def where(self, keep: NDArray[np.bool_]) -> "Detections":
        """Those for which `keep` (N,) is true."""
        return Detections(self.xyxy[keep], self.confidence[keep], self.class_id[keep])


class Ground(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where four points of a camera's picture lie on the ground, no three of them in a line.

    `points`: (x, y) as fractions 0..1 of the picture. `metres`: (x, y) of the same points on level
    ground, from any origin and along any axes.
    """

    points: tuple[Xy, Xy, Xy, Xy]
    metres: tuple[Xy, Xy, Xy, Xy]


class Zone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A polygon on a camera's picture, belonging to one place.

    `polygon`: 3..64 points (x, y) as fractions 0..1 of the picture, origin top left, not closed.
    `exclude`: polygons in which nothing counts, by the same point of a box as the zone's own.
    `windows`, `charging`: where a cable may begin (windows, balconies) and end (where e-bikes are
    charged). `ground`: the camera's, where it was measured. `leaf_code` and `map_version`: the grid
    that the place lies in, resolved when the site loads.
    """

    id: str
    event_type: str
    detector: str
    place_id: str
    leaf_code: str
    map_version: str
    polygon: Polygon
    params: dict[str, float | str | bool] = {}
    exclude: tuple[Polygon, ...] = ()
    windows: tuple[Polygon, ...] = ()
    charging: tuple[Polygon, ...] = ()
    ground: Ground | None = None


class Reading(msgspec.Struct, frozen=True):
    """One value of one sensor, as on grid.readings.v1 (names of OGC SensorThings)."""

    reading_id: str
    sensor_id: str
    datastream: str
    phenomenon_time: Instant
    result: float
    unit: str
    quality: Literal["good", "uncertain", "bad"]
    sequence: int | None = None


class Source(msgspec.Struct, frozen=True):
    """Who saw it; `channel`: how a report came in; `sight`: what keeps a camera from seeing."""

    kind: Literal["camera", "sensor", "report"]
    id: str
    gb_device_id: str | None = None
    channel: str | None = None
    sight: str | None = None


class SeenObject(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object of a hit; `xyxy` as fractions 0..1 of the picture. `arrived_at`: since when it is
    there, where it was seen to arrive. `path`: the line that a cable takes, from top to bottom, at
    most MAX_POINTS points as fractions 0..1.
    """

    label: str
    confidence: float
    xyxy: Xyxy
    arrived_at: Instant | None = None
    path: Polygon = ()


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stored picture and its metadata; `uri` of ours ends in sha256/<hex>.jpg. `photo`: a
    reporter's. `after`: of what is still there after a person has closed the alert.
    """

    kind: Literal["snapshot", "crop", "photo", "after"]
    uri: str
    media_type: str
    sha256: str
    captured_at: Instant
    redaction: tuple[Literal["person_top_quarter", "vehicle_lower_band"], ...]
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class Look:
    """What one detector saw in one zone in one look.

    `measure`: how much is there (people, standing vehicles, mA); 0 = looked and saw nothing.
    `score`: 0..1, the model's raw belief in what was counted, 0 when measure is 0.
    `quality`: view quality 0..1; 0 = could not see, which proves nothing.
    """

    measure: float
    score: float
    quality: float = 1.0
    objects: tuple[SeenObject, ...] = field(default=())


class Hit(msgspec.Struct, frozen=True, tag="hit", tag_field="kind"):
    """What one detector saw at one place in one look, as on grid.hits.v1.

    `score`, `quality` and `measure` as in `Look`. `model`: name@sha256 of the weights, or the name
    of a detector without any. `occurred_at`: event time, UTC.
    """

    hit_id: str
    event_type: str
    detector: str
    source: Source
    zone_id: str
    place_id: str
    leaf_code: str
    map_version: str
    occurred_at: Instant
    measure: float
    unit: str
    score: Share
    quality: Share
    model: str
    objects: tuple[SeenObject, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    synthetic: bool = False


class FrameDetector(Protocol):
    """One rule of sight for one zone of one camera; built once, called for each sampled frame.

    `labels`: the classes of the shared object model it wants, given to it in pixels of the frame.
    `look` is called with event times that never go back, from one thread, and only with pictures
    that can be seen (the camera's view is judged once for all zones, and its quality is multiplied
    into the look's); it must not block, keeps at most minutes of soft state, and raises nothing.
    """

    unit: str
    labels: frozenset[str]

    def __init__(self, zone: Zone) -> None: ...

    def look(self, frame: Frame, detections: Detections, labels: Sequence[str]) -> Look:
        """What is in the zone now; `labels[class_id]` names a class."""
        ...


@runtime_checkable
class Comparing(Protocol):
    """What a FrameDetector that compares with earlier pictures, or runs a network of its own, has
    besides. `model`: name@sha256 of that network. `reference_bgr`: the picture, as large as the
    frame, that the last look was compared with.
    """

    model: str
    reference_bgr: NDArray[np.uint8] | None

    def compare_with(self, pictures_bgr: Sequence[NDArray[np.uint8]]) -> None:
        """Pictures of the same view, whole and at the size of its frames, in which nothing of what
        it looks for is to be seen; called once, before the first look, with one at least.
        """
        ...


class ReadingDetector(Protocol):
    """One rule of sight over the readings of one sensor, in whatever unit the site says; `look` as
    in `FrameDetector`.
    """

    def __init__(self, params: Params) -> None: ...

    def look(self, reading: Reading) -> Look:
        """What the reading says."""
        ...


@runtime_checkable
class Inferring(Protocol):
    """What a ReadingDetector that runs a network of its own has besides. `reads`: the unit of the
    readings that it takes; `unit`: of its measure; `model`: name@sha256 of that network.
    """

    reads: str
    unit: str
    model: str


def hit_id_of(source_id: str, zone_id: str, event_type: str, at: datetime, detector: str) -> str:
    """The same look always has the same id: UUIDv5 of source, zone, event, time and detector."""
    name = f"{source_id}|{zone_id}|{event_type}|{int(at.timestamp() * 1000)}|{detector}"
    return str(uuid.uuid5(HIT_NAMESPACE, name))
