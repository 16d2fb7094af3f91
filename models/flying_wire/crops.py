"""What the network is trained on: shards of photographed scenes on disk, and crops of them."""

import itertools
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.flying_wire.light import LIGHTS, Camera
from models.flying_wire.net import OUTPUTS
from models.flying_wire.scenes import Scene, make_scene

SIDE_PX, CROP_PX, PER_SHARD = 512, 256, 24
VISIBLE_FROM = 0.25  # coverage of a pixel from which a line is to be found there
LIGHT_SHARES = (0.24, 0.22, 0.32, 0.22)  # most in infrared, where most was missed
JITTER_PX = 0.35  # what is left of a shake after registering by whole pixels
NEW_FROM, NEW_PIXELS = 25, 20  # levels, pixels: another line that was not there before
# Of a batch, so many are scenes whose new lines the network takes for cables, and so surely: one
# pole in some hundred fools it, and what it knows already teaches it nothing.
HARD_SHARE, HARD_FROM = 0.25, 0.1
HARD_FOR = 0.8  # what is left of that at a scene's next crop, which may not show the line

Place = tuple[Path, int]  # of a scene: its shard, and which one there


def photographed(
    scene: Scene, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A frame of the scene now, and a reference: the median of some of before, mostly of the same
    kind of light.
    """
    camera = _camera(rng)
    earlier = _camera(rng) if rng.random() < 0.15 else camera
    before = [earlier.frame(scene.before_bgr, rng) for _ in range(int(rng.choice([1, 3])))]
    return camera.frame(scene.now_bgr, rng), np.median(before, axis=0).astype(np.uint8)


def _camera(rng: np.random.Generator) -> Camera:
    light = str(rng.choice(LIGHTS, p=LIGHT_SHARES))
    return replace(Camera.random(rng, light), shake_px=JITTER_PX)


def target_of(scene: Scene) -> NDArray[np.uint8]:
    """(4, H / 2, W / 2), 0..255, in the order of OUTPUTS: lines, and spots at a cable's ends."""
    height, width = (side // 2 for side in scene.drop.shape)
    target = np.zeros((len(OUTPUTS), height, width), np.uint8)
    for channel, cover in enumerate((scene.drop, scene.other)):
        most = cover.reshape(height, 2, width, 2).max((1, 3))
        target[channel] = 255 * (most > VISIBLE_FROM)
    if scene.cable is not None:
        for channel, end in ((2, scene.cable.path_xy_px[0]), (3, scene.cable.path_xy_px[-1])):
            cv2.circle(target[channel], (int(end[0] / 2), int(end[1] / 2)), 3, 255, -1)
    return target


def render(folder: Path, seed: int, renderer: int, stills: Path) -> None:
    """Write shards without end, each with scenes of its own."""
    cv2.setNumThreads(1)
    pictures = [cv2.imread(str(path)) for path in sorted(stills.glob("*.jpg"))]
    for number in itertools.count():
        rng = np.random.default_rng((seed, renderer, number))
        images, targets = [], []
        for _ in range(PER_SHARD):
            scene = make_scene(rng, (SIDE_PX, SIDE_PX), stills=pictures)
            image, reference = photographed(scene, rng)
            images.append(np.concatenate((image, reference), 2))
            targets.append(target_of(scene))
        part = folder / f"{number:06d}-{renderer:03d}.part"
        with part.open("wb") as out:
            np.savez(out, images=np.stack(images), targets=np.packbits(np.stack(targets) > 0, -1))
        part.rename(part.with_suffix(".npz"))


class Pool:
    """The newest shards, in memory; `most` of them. Older ones are deleted."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._shards: dict[Path, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}
        self._hard: dict[Place, float] = {}
        self._taken: set[Path] = set()

    def refresh(self, at_most: int) -> int:
        """Take in new shards; how many there are."""
        new = [p for p in sorted(self._folder.glob("*.npz")) if p not in self._taken]
        for path in new[:at_most]:
            with np.load(path) as shard:
                self._shards[path] = shard["images"], shard["targets"]
            self._taken.add(path)
            if len(self._shards) > self._most:
                oldest = next(iter(self._shards))
                del self._shards[oldest]
                oldest.unlink()  # an hour's would fill the disk
        return len(self._shards)

    def batch(self, size: int, rng: np.random.Generator) -> tuple[list[Place], Tensor, Tensor]:
        """The scenes' places, (N, 6, CROP_PX, CROP_PX), 0..1, and targets (N, 5, half, half): the
        network's and other lines that are new.
        """
        places = [self._place(rng) for _ in range(size)]
        pairs = [self._crop(self._shards[path], one, rng) for path, one in places]
        images = torch.from_numpy(np.stack([image for image, _ in pairs]))
        targets = torch.from_numpy(np.stack([target for _, target in pairs]))
        return places, images.permute(0, 3, 1, 2).float().div(255), targets.float()

    def _place(self, rng: np.random.Generator) -> Place:
        hard = list(self._hard)
        if hard and rng.random() < HARD_SHARE:
            place = hard[rng.integers(len(hard))]
            if place[0] in self._shards:
                return place
            del self._hard[place]
        paths = list(self._shards)
        path = paths[rng.integers(len(paths))]
        return path, int(rng.integers(len(self._shards[path][0])))

    def judge(self, places: list[Place], mistaken: Tensor) -> int:
        """Take note of how much (N, 0..1) new lines were mistaken for cables; how many are hard."""
        for place, wrong in zip(places, mistaken.tolist(), strict=True):
            known = self._hard.pop(place, 0.0)
            if (hard := max(wrong, HARD_FOR * known)) > HARD_FROM:
                self._hard[place] = hard
        return len(self._hard)

    def _crop(
        self,
        shard: tuple[NDArray[np.uint8], NDArray[np.uint8]],
        one: int,
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        images, targets = shard
        target = np.unpackbits(targets[one], axis=-1)
        for _ in range(4):  # most of a picture is empty: look for a new line a few times
            x, y = 2 * rng.integers(0, (SIDE_PX - CROP_PX) // 2 + 1, 2)
            near = target[:, y // 2 : (y + CROP_PX) // 2, x // 2 : (x + CROP_PX) // 2]
            image = images[one, y : y + CROP_PX, x : x + CROP_PX]
            green = image[::2, ::2, 1::3].astype(np.int16)
            changed = np.abs(green[..., 0] - green[..., 1]) > NEW_FROM
            new = changed & (near[1] > 0) & (near[0] == 0)
            if near[0].any() or new.sum() > NEW_PIXELS or rng.random() < 0.25:
                break
        near = np.concatenate((near, new[None].astype(np.uint8)))
        if rng.random() < 0.5:
            image, near = image[:, ::-1], near[:, :, ::-1]
        return image.copy(), near.copy()
