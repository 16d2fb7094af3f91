"""Train the network: python -m models.charging.train TRACEBASE [--days N] [--seed S].

    made days (+ three real ones) ──> windows at any minute ──> network ──> model.onnx, manifest

Needs PyTorch and onnx; one core, some minutes. The same seed gives the same days.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch.nn import functional

from detectors.electricity import FOLDER, Minutes, is_enough, planes_of
from models.charging.curves import APPLIANCES, CHARGERS, CONFUSERS, Day, Watts, make_day
from models.charging.net import ChargingNet, export, parameters_of
from models.charging.traces import TRAINED_ON, as_steps, read_trace, traces

WINDOWS, EPOCHS, BATCH = 14, 10, 128
_MANIFEST = """\
# What GridAlert must know of this model to run it. The card is README.md.
name = "charging"
version = "1.0.0"
file = "model.onnx"
sha256 = "{sha256}"
source = "models/charging/train.py: made curves, and three days of tracebase (NOTICE)"
licence = "Apache-2.0"
"""


def random_day(rng: np.random.Generator, real: Sequence[Watts]) -> Day:
    """With a charger in half of them, and mostly with other appliances."""
    kind = str(rng.choice(list(CHARGERS))) if rng.random() < 0.5 else None
    many = int(rng.integers(0 if kind else 1, 7))
    weights = np.array([3.0 if name in CONFUSERS else 1.0 for name in APPLIANCES])
    chosen = rng.choice(list(APPLIANCES), many, replace=False, p=weights / weights.sum())
    traced = [real[int(rng.integers(len(real)))]] if real and rng.random() < 0.1 else []
    return make_day(rng, kind, [str(name) for name in chosen], traced)


def windows_of(day: Day, rng: np.random.Generator) -> tuple[list[NDArray[np.float32]], list[int]]:
    """Windows (MINUTES,) as the detector would have them at some minutes, and what is true then.

    In most days with a charge, half of them while it charges.
    """
    known = np.flatnonzero(day.truth >= 0)
    wanted = {int(m) for m in rng.choice(known, WINDOWS)}
    charging = np.flatnonzero(day.truth == 1)
    if len(charging):
        wanted |= {int(m) for m in rng.choice(charging, WINDOWS)}
    minutes, seen, truth = Minutes(), [], []
    for at_s, watts in zip(day.at_s.tolist(), day.watts.tolist(), strict=True):
        if minutes.add(at_s, watts) and (now := int(at_s // 60) - 1) in wanted:
            window = minutes.watts()
            if is_enough(window):
                seen.append(window)
                truth.append(int(day.truth[now]))
    return seen, truth


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the network of charging e-bikes.")
    parser.add_argument("tracebase", type=Path, help="folder with the days of TRAINED_ON")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--days", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    paths = [path for _, path in traces(arguments.tracebase) if path.name in TRAINED_ON]
    if len(paths) != len(TRAINED_ON):
        parser.error(f"{arguments.tracebase} has not each of {', '.join(TRAINED_ON)}")
    real = [as_steps(*read_trace(path)) for path in paths]
    windows: list[NDArray[np.float32]] = []
    truth: list[int] = []
    for _ in range(arguments.days):
        seen, told = windows_of(random_day(rng, real), rng)
        windows += seen
        truth += told
    print(f"{len(windows)} windows, {np.mean(truth):.2f} charging")
    net = learnt(np.stack(windows), np.array(truth, np.float32))
    write(net, arguments.out, np.stack([planes_of(window) for window in windows[:200]]))


def learnt(windows: NDArray[np.float32], truth: NDArray[np.float32]) -> ChargingNet:
    """The network after EPOCHS over the windows (N, MINUTES); the last tenth is held back."""
    planes = torch.from_numpy(np.stack([planes_of(w).astype(np.float16) for w in windows]))
    target, held = torch.from_numpy(truth)[:, None], len(planes) // 10
    train_n = len(planes) - held
    net = ChargingNet()
    print(f"{parameters_of(net)} parameters")
    best = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    steps = EPOCHS * (train_n // BATCH + 1)
    rate = torch.optim.lr_scheduler.OneCycleLR(best, 4e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        net.train()
        for rows in torch.randperm(train_n).split(BATCH):
            loss = functional.binary_cross_entropy_with_logits(
                net(planes[rows].float()), target[rows]
            )
            best.zero_grad()
            loss.backward()
            best.step()
            rate.step()
        net.eval()
        with torch.no_grad():
            logits = net(planes[train_n:].float())
            loss = functional.binary_cross_entropy_with_logits(logits, target[train_n:])
            right = ((logits > 0) == (target[train_n:] > 0.5)).float().mean()
        print(f"epoch {epoch + 1}: held back: loss {loss:.3f}, right {right:.3f}", flush=True)
    return net


def write(net: ChargingNet, folder: Path, planes: NDArray[np.float32]) -> None:
    """model.onnx and manifest.toml; prints by how much ONNX Runtime differs on planes (N, 4, W)."""
    path = folder / "model.onnx"
    export(net, str(path))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = net(torch.from_numpy(planes)).numpy()
    found = np.concatenate([session.run(None, {"load": one[None]})[0] for one in planes])
    print(f"ONNX Runtime differs from PyTorch by at most {np.abs(found - wanted).max():.1e}")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.toml").write_text(_MANIFEST.format(sha256=sha256), "utf-8")


if __name__ == "__main__":
    main()
