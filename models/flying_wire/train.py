"""Train the network on made scenes: python -m models.flying_wire.train OUT_FOLDER [--minutes M].

    renderers, a process each ──> shards of photographed scenes on disk ──> crops ──> network

They go on rendering while it learns. Needs PyTorch and onnx (README); uses a GPU where there is
one. Ctrl-C ends it; what it saved last stays.
"""

import argparse
import json
import math
import multiprocessing
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.flying_wire.crops import NEW_PIXELS, Pool, render
from models.flying_wire.net import WireNet

STILLS = Path(__file__).parent / "stills"
_POSITIVE_WEIGHTS = (3.0, 2.0, 6.0, 6.0)
_OTHER_LINE_WEIGHT = 4.0  # of taking another line for a cable: one false alarm costs a visit
_NEW_LINE_WEIGHT = 12.0  # of taking one that was not there before: no reference tells it apart
_NEW_LINE_END_WEIGHT = 4.0  # of marking a cable's end on one
_DICE_WEIGHTS = (1.0, 0.5, 0.0, 0.0)
_AVERAGED_OVER = 0.998  # of the weights, a step


def varied(images: Tensor) -> Tensor:
    """Exposure and colours once more, of picture and reference apart."""
    n = len(images)
    gain = 1 + 0.3 * (torch.rand(n, 2, 1) - 0.5)
    factor = (gain * (1 + 0.12 * (torch.rand(n, 2, 3) - 0.5))).reshape(n, 6, 1, 1)
    shift = (0.12 * (torch.rand(n, 2, 1) - 0.5)).expand(n, 2, 3).reshape(n, 6, 1, 1)
    return images.mul_(factor.to(images.device)).add_(shift.to(images.device)).clamp_(0, 1)


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Weighted cross entropy, and Dice of the lines; `targets` as Pool.batch gives them."""
    targets, new_line = targets[:, :-1], targets[:, -1:]
    weights = torch.tensor(_POSITIVE_WEIGHTS, device=logits.device).view(1, -1, 1, 1)
    weight = 1 + (weights - 1) * targets
    other_line = targets[:, 1] * (1 - targets[:, 0])
    weight[:, 0] += (_OTHER_LINE_WEIGHT - 1) * other_line
    weight[:, 0] += (_NEW_LINE_WEIGHT - _OTHER_LINE_WEIGHT) * new_line[:, 0]
    weight[:, 2:] += (_NEW_LINE_END_WEIGHT - 1) * new_line * (1 - targets[:, 2:])
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, weight=weight)
    seen = torch.sigmoid(logits)
    both = (seen * targets).sum((0, 2, 3))
    dice = 1 - (2 * both + 1) / ((seen + targets).sum((0, 2, 3)) + 1)
    return 8 * entropy + (dice * torch.tensor(_DICE_WEIGHTS, device=logits.device)).sum()


def mistaken(logits: Tensor, targets: Tensor) -> Tensor:
    """(N,) how strongly each picture's new other lines were taken for a cable where it was worst,
    0..1.
    """
    seen = torch.sigmoid(logits[:, 0]) * targets[:, -1]
    return seen.flatten(1).topk(NEW_PIXELS).values.mean(1)


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
    """Until the time is up; model.onnx and weights.pt in `out`, how it goes as lines of JSON."""
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
        places, images, targets = pool.batch(options.batch, rng)
        targets = targets.to(device)
        images = varied(images.to(device)).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16):
            logits = network(images)
        loss = loss_of(logits.float(), targets)
        hard = pool.judge(places, mistaken(logits.detach().float(), targets))
        steps.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        steps.step()
        mean.update_parameters(network)
        lost, step = lost + loss.item(), step + 1
        if step % 50 == 0:
            line = {"step": step, "minutes": round(spent, 1), "loss": round(lost / 50, 4)}
            line |= {"shards": pool.refresh(0), "hard": hard}
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
