"""Fit the weights of detectors/signs.py (ODDS) on made flying-wire episodes. From the root:

    PYTHONPATH=. python tests/benchmarks/wire_odds.py --episodes 600 --seed 7601 7602

So many of each seed, and those of folders of written episodes (--also), of other generators. A
logistic regression of what each line that is no reject shows, on whether it lies on a cable. Signs
that speak for a cable never get a weight below 0, those against it none above. Prints the weights,
and at 0.5 what they find of the very episodes that they were fitted on: measure others with
`gridalert evaluate`.
"""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from detectors.flying_wire import FlyingWire
from detectors.signs import Signs
from detectors.wire_map import FOLDER, open_wire_model
from pipeline.proof.episode_figures import WIDE_PX
from pipeline.proof.episodes import Make, last_look, lies_on, made, written, zone_of

FALSE_WEIGHT, RIDGE, STEPS, RATE = 8.0, 0.01, 6000, 0.3
Floats = NDArray[np.float64]


class Line(NamedTuple):
    """One that may be a cable: its signs, whether it is one, and the cable's width, 0 if there is
    none in its episode.
    """

    signs: Signs
    is_cable: bool
    width_px: float


def lines(make: Make) -> tuple[float, list[Line]]:
    """The width of an episode's cable, 0 without, and the lines that no rule rejects."""
    one = make()
    detector = FlyingWire(zone_of(one), open_wire_model(FOLDER))
    seen = last_look(detector, one).objects  # in the order of the candidates
    width, size_wh = one.truth.width_px if one.truth else 0.0, one.fresh[-1][1].shape[1::-1]
    is_cable = [one.truth is not None and lies_on(path, one.truth, size_wh) for path in seen]
    signs = [candidate.signs for candidate in detector.candidates if candidate.signs]
    # A look shows only the likeliest of very many candidates.
    return width, [Line(*line, width) for line in zip(signs, is_cable, strict=False)]


def fitted(signs: Floats, is_cable: NDArray[np.bool_]) -> tuple[float, Floats]:
    """What stands for nothing, and the weight of each sign."""
    mean, spread = signs.mean(0), signs.std(0) + 1e-6
    scaled = np.c_[np.ones(len(signs)), (signs - mean) / spread]
    sides = np.ones(signs.shape[1])
    sides[Signs._fields.index("as_other") :] = -1
    weight = np.where(is_cable, 1.0, FALSE_WEIGHT)
    found = np.zeros(scaled.shape[1])
    for _ in range(STEPS):
        off = (1 / (1 + np.exp(-scaled @ found)) - is_cable) * weight
        found -= RATE * (scaled.T @ off / len(off) + RIDGE * np.r_[0, found[1:]])
        found[1:] = sides * np.maximum(sides * found[1:], 0)
    of = found[1:] / spread
    return float(found[0] - of @ mean), of


def _told(all_lines: Sequence[Line], wide: int, without: int) -> Iterator[str]:
    signs = np.array([line.signs for line in all_lines], float)
    is_cable = np.array([line.is_cable for line in all_lines])
    width = np.array([line.width_px for line in all_lines])
    at_nothing, of = fitted(signs, is_cable)
    for name, value in zip(("at_nothing", *Signs._fields), (at_nothing, *of), strict=True):
        yield f"{name:16}{value:7.2f}"
    told = at_nothing + signs @ of >= 0
    found = int((told & is_cable & (width >= WIDE_PX)).sum())
    false = int((told & (width == 0)).sum())
    yield f"lines: {len(told)}; found {found} of {wide}; false {false} in {without} episodes"


def main() -> None:
    """Read the command line, look at every episode, fit."""
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--episodes", type=int, required=True)
    ask.add_argument("--seed", type=int, nargs="+", required=True)
    ask.add_argument("--also", type=Path, nargs="*", default=[], metavar="FOLDER")
    asked = ask.parse_args()
    makes = [make for seed in asked.seed for make in made(seed, asked.episodes)]
    for folder in asked.also:
        makes += written(folder)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        widths, of_each = zip(*pool.map(lines, makes), strict=True)
    all_lines = [line for of_one in of_each for line in of_one]
    wide = sum(width >= WIDE_PX for width in widths)
    for line in _told(all_lines, wide, widths.count(0.0)):
        click.echo(line)


if __name__ == "__main__":
    main()
