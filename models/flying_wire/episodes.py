"""Episodes of one fixed camera: pictures of the day before, then fresh ones, and what is true.

An episode is a folder that any other generator can write too:

    episode.json
    history/00.png ...   pictures of the day before, without a cable; PNG or JPEG
    fresh/00.png ...     pictures now, of the same size

episode.json, with every key:

    {"id": "s1-00004", "light": "day",            # day, night, infrared or rain: of the fresh ones
     "windows": [[[0.1, 0.1], [0.3, 0.1], [0.3, 0.4], [0.1, 0.4]]],   # polygons, fractions 0..1
     "charging": [[[0.2, 0.7], [0.8, 0.7], [0.8, 1.0], [0.2, 1.0]]],
     "history": ["history/00.png"],
     "fresh": [{"at_s": 0.0, "picture": "fresh/00.png",
                "two_wheelers": [[120.0, 300.0, 210.0, 360.0]]}],     # x0, y0, x1, y1 px
     "truth": {"path_xy_px": [[100.0, 60.0], [104.0, 300.0]], "width_px": 2.0,
               "colour": [25.0, 25.0, 25.0]},     # the cable, top to bottom, BGR; null: none
     "confusers": ["laundry"]}                    # what else is new in the fresh pictures

    python -m models.flying_wire.episodes OUT --episodes N --seed S
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from models.flying_wire.scenes import LIGHTS, Cable, Camera, Scene, make_scene

HISTORY, FRESH, EVERY_S = 8, 6, 30.0
OTHER_LIGHT_SHARE = 0.25  # of episodes: some of the history under another kind of light
Picture = NDArray[np.uint8]
Xy = tuple[float, float]
Outline = tuple[Xy, ...]


@dataclass(frozen=True, slots=True)
class Episode:
    """What a camera showed, and the truth about it.

    `history`: pictures (H, W, 3) uint8 BGR without a cable. `fresh`: (seconds, picture) of the same
    size. `windows`, `charging`: polygons as fractions of the picture. `two_wheelers`: for each
    fresh picture float32 (N, 4) xyxy px. `truth`: the cable in px, None without. `confusers`: what
    else is new.
    """

    id: str
    light: str
    history: list[Picture]
    fresh: list[tuple[float, Picture]]
    windows: tuple[Outline, ...]
    charging: tuple[Outline, ...]
    two_wheelers: list[NDArray[np.float32]]
    truth: Cable | None
    confusers: tuple[str, ...]


def episode(seed: int, index: int, size_wh: tuple[int, int] = (384, 512)) -> Episode:
    """Episode `index` of a seed: the same two, the same bytes. Those of even index have a cable."""
    rng = np.random.default_rng((seed, index))
    light = LIGHTS[int(rng.integers(len(LIGHTS)))]
    scene = make_scene(rng, size_wh, cable=index % 2 == 0)
    camera = Camera.random(rng, light)
    hour = float(rng.random())
    fresh = [camera.frame(scene.now_bgr, rng, hour=hour + 0.002 * i) for i in range(FRESH)]
    boxes = [scene.two_wheelers + _boxed(rng, scene) for _ in range(FRESH)]
    return Episode(
        f"s{seed}-{index:05d}",
        light,
        _history(rng, scene, camera),
        [(EVERY_S * i, picture) for i, picture in enumerate(fresh)],
        _fractions(scene.windows, size_wh),
        _fractions(scene.charging, size_wh),
        boxes,
        scene.cable,
        scene.confusers,
    )


def _boxed(rng: np.random.Generator, scene: Scene) -> NDArray[np.float32]:
    """How a detector's boxes differ from the truth."""
    return rng.normal(0, 1.5, scene.two_wheelers.shape).astype(np.float32)


def _history(rng: np.random.Generator, scene: Scene, camera: Camera) -> list[Picture]:
    """The day before: the sun elsewhere, brighter and darker, at times under another light."""
    other = Camera.random(rng, str(rng.choice([k for k in LIGHTS if k != camera.light])))
    mixed = rng.random() < OTHER_LIGHT_SHARE
    pictures = []
    for _ in range(HISTORY):
        used = other if mixed and rng.random() < 0.4 else camera
        used = replace(used, exposure=used.exposure * float(rng.uniform(0.8, 1.2)))
        pictures.append(used.frame(scene.before_bgr, rng))
    return pictures


def _fractions(
    polygons: Sequence[NDArray[np.float32]], size_wh: tuple[int, int]
) -> tuple[Outline, ...]:
    whole = np.array(size_wh, float)
    shares = [np.clip(p / whole, 0, 1).round(5) for p in polygons]
    return tuple(tuple((float(x), float(y)) for x, y in share) for share in shares)


class _Fresh(msgspec.Struct, forbid_unknown_fields=True):
    at_s: float
    picture: str
    two_wheelers: list[tuple[float, float, float, float]]


class _Truth(msgspec.Struct, forbid_unknown_fields=True):
    path_xy_px: list[Xy]
    width_px: float
    colour: tuple[float, float, float]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    light: str
    windows: tuple[Outline, ...]
    charging: tuple[Outline, ...]
    history: list[str]
    fresh: list[_Fresh]
    truth: _Truth | None
    confusers: tuple[str, ...]


def write_episode(folder: Path, made: Episode) -> None:
    """Write an episode's folder, as the top of this file describes it."""
    history = {f"history/{i:02d}.png": p for i, p in enumerate(made.history)}
    fresh = {f"fresh/{i:02d}.png": p for i, (_, p) in enumerate(made.fresh)}
    for name, picture in (history | fresh).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), picture)
    shown = [
        _Fresh(at_s, name, [tuple(box) for box in boxes.tolist()])
        for name, (at_s, _), boxes in zip(fresh, made.fresh, made.two_wheelers, strict=True)
    ]
    cable = made.truth
    truth = None
    if cable is not None:
        path = [(float(x), float(y)) for x, y in cable.path_xy_px]
        truth = _Truth(path, cable.width_px, cable.colour)
    told = _File(
        made.id, made.light, made.windows, made.charging, list(history), shown, truth,
        made.confusers,
    )  # fmt: skip
    (folder / "episode.json").write_bytes(msgspec.json.format(msgspec.json.encode(told)))


def read_episode(folder: Path) -> Episode:
    """An episode from its folder. Raises ValueError: what is wrong, where, and how to mend it."""
    path = folder / "episode.json"
    try:
        told = msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; an episode is a folder with one") from None
    except msgspec.DecodeError as error:
        raise ValueError(
            f"{path}: {error}; the top of models/flying_wire/episodes.py has an example"
        ) from error
    if not told.history or not told.fresh:
        raise ValueError(f"{path}: history and fresh need at least one picture each; add them")
    history = [_picture(folder / name) for name in told.history]
    fresh = [(f.at_s, _picture(folder / f.picture)) for f in told.fresh]
    names = [*told.history, *(f.picture for f in told.fresh)]
    for name, picture in zip(names, [*history, *(p for _, p in fresh)], strict=True):
        if picture.shape != history[0].shape:
            raise ValueError(
                f"{folder / name}: {picture.shape[1]} x {picture.shape[0]} px, but {names[0]} has "
                f"{history[0].shape[1]} x {history[0].shape[0]}; one episode is one camera's view"
            )
    truth = None if told.truth is None else _cable(path, told.truth)
    boxes = [np.array(f.two_wheelers, np.float32).reshape(-1, 4) for f in told.fresh]
    return Episode(
        told.id, told.light, history, fresh, told.windows, told.charging, boxes, truth,
        told.confusers,
    )  # fmt: skip


def _cable(path: Path, told: _Truth) -> Cable:
    if len(told.path_xy_px) < 2 or told.width_px <= 0:
        raise ValueError(
            f"{path}: truth needs a path_xy_px of 2 or more points and a width_px above 0; "
            "write null where there is no cable"
        )
    return Cable(np.array(told.path_xy_px, np.float32), told.width_px, told.colour)


def _picture(path: Path) -> Picture:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{path}: no readable picture; put a PNG or JPEG there")
    return np.asarray(picture, np.uint8)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write episodes into folders of OUT."""
    parser = argparse.ArgumentParser(description="Write made flying-wire episodes.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--episodes", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args(arguments)
    for index in range(given.episodes):
        made = episode(given.seed, index)
        write_episode(given.out / made.id, made)


if __name__ == "__main__":
    main()
