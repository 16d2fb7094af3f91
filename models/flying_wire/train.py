"""Train the network on made scenes: python -m models.flying_wire.train OUT_FOLDER [--minutes M].

    renderers, a process each ──> shards of photographed scenes on disk ──> crops ──> network

They go on rendering while it learns. Needs PyTorch and onnx (README); uses a GPU where there is
one. Ctrl-C ends it as if the time were up.
"""

import argparse
import itertools
import json
import math
import multiprocessing
import shutil
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.flying_wire.light import LIGHTS, Camera
from models.flying_wire.net import OUTPUTS, WireNet
from models.flying_wire.scenes import Scene, make_scene

STILLS = Path(__file__).parent / "stills"
SIDE_PX, CROP_PX, PER_SHARD = 512, 256, 24
VISIBLE_FROM = 0.25  # coverage of a pixel from which a line is to be found there
LIGHT_SHARES = (0.24, 0.22, 0.32, 0.22)  # most in infrared, where most was missed
JITTER_PX = 0.35  # what is left of a shake after registering by whole pixels
_POSITIVE_WEIGHTS = (3.0, 2.0, 6.0, 6.0)
_OTHER_LINE_WEIGHT = 4.0  # of taking another line for a cable: one false alarm costs a visit
_DICE_WEIGHTS = (1.0, 0.5, 0.0, 0.0)
_NEW_FROM, _NEW_PIXELS = 25, 20  # levels, pixels: another line that was not there before
_AVERAGED_OVER = 0.998  # of the weights, a step


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
    """The newest shards, in memory; `most` of them."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._shards: dict[Path, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}
        self._taken: set[Path] = set()

    def refresh(self, at_most: int) -> int:
        """Take in new shards; how many there are."""
        new = [p for p in sorted(self._folder.glob("*.npz")) if p not in self._taken]
        for path in new[:at_most]:
            with np.load(path) as shard:
                self._shards[path] = shard["images"], shard["targets"]
            self._taken.add(path)
            if len(self._shards) > self._most:
                del self._shards[next(iter(self._shards))]
        return len(self._shards)

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """(N, 6, CROP_PX, CROP_PX), 0..1, and targets (N, 4, half, half)."""
        shards = list(self._shards.values())
        pairs = [self._crop(*shards[rng.integers(len(shards))], rng) for _ in range(size)]
        images = torch.from_numpy(np.stack([image for image, _ in pairs]))
        targets = torch.from_numpy(np.stack([target for _, target in pairs]))
        return images.permute(0, 3, 1, 2).float().div(255), targets.float()

    def _crop(
        self, images: NDArray[np.uint8], targets: NDArray[np.uint8], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        one = rng.integers(len(images))
        target = np.unpackbits(targets[one], axis=-1)
        for _ in range(4):  # most of a picture is empty: look for a new line a few times
            x, y = 2 * rng.integers(0, (SIDE_PX - CROP_PX) // 2 + 1, 2)
            near = target[:, y // 2 : (y + CROP_PX) // 2, x // 2 : (x + CROP_PX) // 2]
            image = images[one, y : y + CROP_PX, x : x + CROP_PX]
            green = image[::2, ::2, 1::3].astype(np.int16)
            new = np.abs(green[..., 0] - green[..., 1]) > _NEW_FROM
            if near[0].any() or (new & (near[1] > 0)).sum() > _NEW_PIXELS or rng.random() < 0.25:
                break
        if rng.random() < 0.5:
            image, near = image[:, ::-1], near[:, :, ::-1]
        return image.copy(), near.copy()


def varied(images: Tensor) -> Tensor:
    """Exposure and colours once more, of picture and reference apart."""
    n = len(images)
    gain = 1 + 0.3 * (torch.rand(n, 2, 1) - 0.5)
    factor = (gain * (1 + 0.12 * (torch.rand(n, 2, 3) - 0.5))).reshape(n, 6, 1, 1)
    shift = (0.12 * (torch.rand(n, 2, 1) - 0.5)).expand(n, 2, 3).reshape(n, 6, 1, 1)
    return images.mul_(factor.to(images.device)).add_(shift.to(images.device)).clamp_(0, 1)


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Weighted cross entropy, and Dice of the lines."""
    weights = torch.tensor(_POSITIVE_WEIGHTS, device=logits.device).view(1, -1, 1, 1)
    weight = 1 + (weights - 1) * targets
    other_line = targets[:, 1] * (1 - targets[:, 0])
    weight[:, 0] += (_OTHER_LINE_WEIGHT - 1) * other_line
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, weight=weight)
    seen = torch.sigmoid(logits)
    both = (seen * targets).sum((0, 2, 3))
    dice = 1 - (2 * both + 1) / ((seen + targets).sum((0, 2, 3)) + 1)
    return 8 * entropy + (dice * torch.tensor(_DICE_WEIGHTS, device=logits.device)).sum()


def export(network: WireNet, path: Path) -> float:
    """Write it as ONNX; the largest difference to PyTorch on noise."""
    import onnxruntime  # noqa: PLC0415  only here

    network = network.float().eval().to("cpu", memory_format=torch.contiguous_format)
    noise = torch.rand(1, 6, 96, 160)
    sides = {2: "height", 3: "width"}
    torch.onnx.export(
        network,
        (noise,),
        str(path),
        input_names=["pictures"],
        output_names=["logits"],
        dynamic_axes={"pictures": sides, "logits": {2: "h", 3: "w"}},
        opset_version=17,
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {"pictures": noise.numpy()})[0]
    with torch.no_grad():
        return float((network(noise) - torch.from_numpy(found)).abs().max())


def averaged(network: WireNet) -> torch.optim.swa_utils.AveragedModel:
    """A copy whose weights follow the network's slowly."""
    follow = torch.optim.swa_utils.get_ema_multi_avg_fn(_AVERAGED_OVER)
    return torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=follow, use_buffers=True)


def train(pool: Pool, out: Path, options: argparse.Namespace) -> None:
    """Until the time is up; model.onnx, weights.pt and log.jsonl in `out`."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = WireNet()
    if options.start_from:
        network.load_state_dict(torch.load(options.start_from))
    network = network.to(device, memory_format=torch.channels_last)
    mean = averaged(network)
    steps = torch.optim.AdamW(network.parameters(), options.rate, weight_decay=1e-4)
    rng, began, saved, lost, step = (
        np.random.default_rng(options.seed),
        time.monotonic(),
        0.0,
        0.0,
        0,
    )
    while (spent := (time.monotonic() - began) / 60) < options.minutes:
        if step % 20 == 0:
            pool.refresh(20)
        done = spent / options.minutes
        rate = options.rate * (min(1, step / 100) * (0.5 + 0.5 * math.cos(math.pi * done)) + 0.01)
        for group in steps.param_groups:
            group["lr"] = rate
        images, targets = pool.batch(options.batch, rng)
        images = varied(images.to(device)).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16):
            logits = network(images)
        loss = loss_of(logits.float(), targets.to(device))
        steps.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        steps.step()
        mean.update_parameters(network)
        lost, step = lost + loss.item(), step + 1
        if step % 50 == 0:
            line = {"step": step, "minutes": round(spent, 1), "loss": round(lost / 50, 4)}
            line["shards"] = pool.refresh(0)
            print(json.dumps(line), flush=True)
            lost = 0.0
        if spent - saved >= options.save_every_min:
            saved = spent
            save(mean, out)
    save(mean, out)


def save(mean: torch.optim.swa_utils.AveragedModel, out: Path) -> None:
    """The averaged weights, for PyTorch and as ONNX."""
    state = {k: v.float().cpu() for k, v in mean.module.state_dict().items()}
    torch.save(state, out / "weights.pt")
    network = WireNet()
    network.load_state_dict(state)
    print(
        f"saved; ONNX differs from PyTorch by {export(network, out / 'model.onnx'):.1e}", flush=True
    )


def main() -> None:
    """Read the command line, start the renderers, train."""
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("out", type=Path)
    ask.add_argument("--minutes", type=float, default=60.0)
    ask.add_argument("--renderers", type=int, default=max(1, multiprocessing.cpu_count() // 2))
    ask.add_argument("--threads", type=int, default=max(1, multiprocessing.cpu_count() // 2))
    ask.add_argument("--batch", type=int, default=16)
    ask.add_argument("--rate", type=float, default=2e-3)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--keep", type=int, default=200, help="shards in memory, 40 MB each")
    ask.add_argument("--stills", type=Path, default=STILLS, help="a folder of .jpg for scenes")
    ask.add_argument("--start-from", type=Path, help="weights.pt of an earlier training")
    ask.add_argument("--save-every-min", type=float, default=5.0)
    options = ask.parse_args()
    shards = options.out / "shards"
    shutil.rmtree(shards, ignore_errors=True)  # of an earlier run: other scenes than today's
    shards.mkdir(parents=True)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    renderers = [
        multiprocessing.Process(
            target=render, args=(shards, options.seed, n, options.stills), daemon=True
        )
        for n in range(options.renderers)
    ]
    for renderer in renderers:
        renderer.start()
    pool = Pool(shards, options.keep)
    while pool.refresh(50) < min(4, options.keep):
        time.sleep(1)
    train(pool, options.out, options)
    for renderer in renderers:
        renderer.terminate()


if __name__ == "__main__":
    main()
