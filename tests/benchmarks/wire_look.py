"""What a look for flying wires costs on one core: the network alone, and everything around it.

PYTHONPATH=. python tests/benchmarks/wire_look.py
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from time import process_time

import click
import cv2
import numpy as np

from detectors.flying_wire import LOOK_EVERY_S, FlyingWire
from detectors.hits import Detections, Frame, Zone
from detectors.runtime import open_session
from detectors.wire_map import FOLDER, open_wire_model
from models.flying_wire.episodes import episode

WH = (1024, 576)
RUNS = 15
ALL = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def cost_ms(run: Callable[[], object]) -> float:
    """CPU time of one of RUNS, the one in the middle."""
    spent = []
    for _ in range(RUNS):
        began = process_time()
        run()
        spent.append((process_time() - began) * 1e3)
    return median(spent)


def main() -> None:
    """Print it."""
    cv2.setNumThreads(1)
    made = episode(1, 0, WH)
    picture, before = made.fresh[0][1], made.history[0]
    session = open_session(FOLDER / "model.onnx", 1, (64, 64))
    planes = np.concatenate((picture, before), 2).transpose(2, 0, 1)[None].astype(np.float32) / 255
    bare = cost_ms(lambda: session.run("logits", {"pictures": planes}))
    mapped = cost_ms(lambda: open_wire_model().drop_map(picture, before))
    wire = FlyingWire(Zone("z", "flying_wire", "flying_wire", "p", "l", "m", ALL, charging=(ALL,)))
    wire.compare_with(made.history)
    none = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))
    times = (
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=LOOK_EVERY_S * k) for k in range(99)
    )
    look = cost_ms(lambda: wire.look(Frame("c", next(times), picture), none, ()))
    click.echo(f"{WH[0]} x {WH[1]} px, one thread, CPU time, median of {RUNS}:")
    click.echo(f"session.run {bare:.0f} ms; tensors and probabilities with it {mapped / bare:.2f}")
    click.echo(f"times that; reference, registering, averaging and tracing {look / bare:.2f} times")


if __name__ == "__main__":
    main()
