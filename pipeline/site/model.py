"""What a loaded site is."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from detectors.hits import Polygon, Zone
from pipeline.alerts import Location
from pipeline.incidents.policy import NotNegative, Policy
from pipeline.site.locate import Locator
from pipeline.site.tables import Said

VIEW = "view"  # the detector that says whether a camera sees; each camera has a zone for it
Port = Annotated[int, Meta(ge=0, le=65535, title="port")]
Positive = Annotated[int, Meta(ge=1)]


class KafkaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the cluster is. Passwords come from the environment: `sasl_password_env` names it."""

    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password_env: str = "GRIDALERT_SASL_PASSWORD"  # noqa: S105 -- the name of a variable
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None


class EvidenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where pictures are kept and for how long. `folder` is relative to the site."""

    folder: str = "evidence"
    base_uri: str = "file:evidence"
    keep_days: Positive = 30
    unreferenced_hours: Positive = 24


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`tick_s`: seconds between clock ticks; 0 = none, for recorded material whose time is past.
    `max_clock_skew_s`: how far a reading's time may be from now; 0 = any, for recordings.
    `metrics_port`: 0 takes a free one, for several workers on one machine. `reload_s`: seconds
    between looks whether the site changed; 0 = on SIGHUP only. `versions_folder`: where versions of
    the site are kept, relative to it.
    """

    tick_s: NotNegative = 10.0
    max_clock_skew_s: NotNegative = 300.0
    metrics_port: Port = 9101
    reload_s: NotNegative = 5.0
    versions_folder: str = "versions"


class IngestSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`threads`: of the model's inference; 0 = as many as it likes. `reload_s`: as the worker's.
    `model`: the folder of the object model, relative to the site; empty = the shipped one.
    """

    model: str = ""
    metrics_port: Port = 9102
    reload_s: NotNegative = 5.0
    threads: Annotated[int, Meta(ge=0)] = 0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """gridalert.toml. `levels`: what this city calls the levels, by level (street = "一级网格")."""

    tenant: Said
    source_uri: Annotated[str, Meta(pattern=r"^\S+$", title="uri")]
    levels: dict[str, str] = {}
    kafka: KafkaSettings = KafkaSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    worker: WorkerSettings = WorkerSettings()
    ingest: IngestSettings = IngestSettings()


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera, where its pictures come from, and its zones.

    Exactly one of: `video`, a file; `frames`, a folder of pictures (both absolute once loaded);
    `stream`, a URL whose ${NAME} stand for environment variables; `from_topic`, frames that come on
    grid.frames.v1. Of the first two event time is `start` + index / `fps` when `fps` is given, else
    `start` + the file's own timestamps; the others have none of the three. `sample_fps`: looks a
    second, at most. `reference`: a picture of the view that its zones were drawn on. `references`:
    that one and further ones of the same view, as by night; none shows what is looked for.
    `synthetic`: its pictures are made; what it leads to is marked as an exercise.
    """

    id: str
    name: str
    gb_device_id: str | None
    video: Path | None
    frames: Path | None
    start: datetime | None
    fps: float | None
    sample_fps: float
    zones: tuple[Zone, ...]
    privacy_masks: tuple[Polygon, ...] = ()
    location: Location | None = None
    stream: str | None = None
    from_topic: bool = False
    reference: Path | None = None
    references: tuple[Path, ...] = ()
    synthetic: bool = False

    @property
    def is_live(self) -> bool:
        """Whether its frames come when they are captured, and cannot wait."""
        return self.stream is not None or self.from_topic


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor's datastream: readings of `unit` at one place, seen by `detector`. `synthetic`: they
    are made; what they lead to is marked as an exercise.
    """

    id: str
    name: str
    datastream: str
    unit: str
    event_type: str
    detector: str
    place_id: str
    leaf_code: str
    params: dict[str, float | str | bool]
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """A whole, checked site; nothing in it can be wrong on its own any more. `locator`: of the leaf
    grids that a reported point may lie in.
    """

    folder: Path
    settings: Settings
    policy: Policy
    cameras: tuple[Camera, ...]
    sensors: tuple[Sensor, ...]
    locator: Locator
