"""The site a demo runs on: deploy/demo with its own ports and folders, or the user's own clip."""

import json
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pipeline.broker import free_port

WRITTEN_BY = "# Written by gridalert demo."
CLIP_CAMERA = "cameras/own.toml"


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of the two processes' metrics."""

    worker: int
    ingest: int


def free_ports() -> Ports:
    """Two ports that nobody uses now."""
    worker = free_port()
    return Ports(worker, ingest=free_port(apart_from=worker))


def prepare(source: Path, target: Path, bootstrap: str, ports: Ports, video: Path | None) -> Path:
    """A copy of `source` in `target` that runs here; its decisions are those of `source`.

    `video`: the user's own clip instead of the site's cameras, its whole picture as zones.
    """
    shutil.copytree(source, target, dirs_exist_ok=True)
    given = tomllib.loads((source / "gridalert.toml").read_text("utf-8"))
    (target / "gridalert.toml").write_text(_settings(given, bootstrap, ports), "utf-8")
    if video is not None:
        _own_clip(target, video)
    return target


def readings_of(site: Path) -> list[Path]:
    """The files of recorded readings in a site's folder."""
    return sorted(site.glob("readings*.jsonl"))


def _settings(given: dict[str, object], bootstrap: str, ports: Ports) -> str:
    return f"""{WRITTEN_BY}
tenant = "{given["tenant"]}"
source_uri = "{given["source_uri"]}"

[kafka]
bootstrap_servers = "{bootstrap}"

[evidence]
folder = "../evidence"

[worker]
tick_s = 0  # recorded time is past: the clock must not hurry it on
max_clock_skew_s = 0
metrics_port = {ports.worker}

[ingest]
metrics_port = {ports.ingest}
"""


def _text(value: str) -> str:
    """As a TOML string, quotes and all."""
    return json.dumps(value, ensure_ascii=False)


def _own_clip(target: Path, video: Path) -> None:
    """Each zone of the site's first camera keeps its event and place, but looks everywhere."""
    folder = target / "cameras"
    first = tomllib.loads(sorted(folder.glob("*.toml"))[0].read_text("utf-8"))["camera"][0]
    for path in folder.glob("*.toml"):
        path.unlink()
    seen: set[str] = set()
    for path in readings_of(target):
        path.unlink()  # what was made belongs to our clips
    zones = ""
    for zone in first["zones"]:
        if zone["event"] in seen:
            continue
        seen.add(zone["event"])
        params = ", ".join(
            f"{name} = {json.dumps(value)}" for name, value in zone["params"].items()
        )
        zones += f"""
[[camera.zones]]
id = "whole-{zone["event"].replace("_", "-")}"
event = "{zone["event"]}"
place = "{zone["place"]}"
polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
params = {{ {params} }}
"""
    (target / CLIP_CAMERA).write_text(
        f"""{WRITTEN_BY}
[[camera]]
id = "{first["id"]}"
name = {_text(video.name)}
video = {_text(str(video.resolve()))}
start = {first["start"].isoformat()}
sample_fps = {first["sample_fps"]}
{zones}""",
        "utf-8",
    )
