"""What decoding a quiet camera costs, with and without keyframe gating, as a ratio in one run.

python -m tests.benchmarks.decode [--seconds 60]: 1080p25 H.264 with sensor noise and a keyframe
every two seconds through the reader of streams (packets, decoder, motion, the pixels of looks), as
fast as it goes. CPU seconds of this process for a second of film = the share of a core it takes.
"""

# ruff: noqa: T201

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry

from pipeline.metrics import IngestMetrics, LastFrameAge
from pipeline.site.load import load_site
from pipeline.sources.inbox import Inbox
from pipeline.sources.motion import Gate
from pipeline.sources.readers import Tally
from tests.integration.films import Picture, muxed
from tests.integration.played import Ungated, play

ROOT = Path(__file__).parents[2]
FPS, WIDTH, HEIGHT, KEYFRAME_S = 25, 1920, 1080, 2.0


def quiet(seconds: float) -> Iterator[Picture]:
    """A street of blocks, and noise."""
    random = np.random.default_rng(7)
    blocks = random.integers(60, 190, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    ground = np.kron(blocks, np.ones((8, 8, 1), np.uint8))
    noises = [random.integers(0, 13, ground.shape, np.uint8) for _ in range(7)]
    for n in range(round(seconds * FPS)):
        yield ground + noises[n % 7]


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("--seconds", type=float, default=60.0)
    seconds = ask.parse_args().seconds
    camera = load_site(ROOT / "deploy/demo").cameras[0]
    camera = replace(camera, video=None, stream="rtsp://camera.example/1", sample_fps=1.0)
    shares = {}
    with tempfile.TemporaryDirectory() as folder:
        film = muxed(Path(folder) / "quiet.ts", quiet(seconds), every_s=KEYFRAME_S, fps=FPS)
        print(f"{film.stat().st_size * 8e-6 / seconds:.1f} Mbit/s")
        for gate in (Ungated, Gate):
            registry = CollectorRegistry()
            tally = Tally(IngestMetrics(registry), LastFrameAge(time.monotonic))
            began_s = time.process_time()
            play(film, FPS, camera, Inbox(), tally, gate)
            shares[gate] = (time.process_time() - began_s) / seconds
            decoded = registry.get_sample_value("gridalert_frames_in_total") or 0.0
            print(f"{gate.__name__:8} {shares[gate]:.3f} of a core, {decoded:.0f} pictures decoded")
    print(f"ratio {shares[Gate] / shares[Ungated]:.3f}")


if __name__ == "__main__":
    main()
