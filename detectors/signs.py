"""What a line shows of being a cable, and how surely it is one by that."""

from typing import NamedTuple

import cv2
import numpy as np

from detectors.tracing import Map, Points, bends, dots, values_at

# So near its ends, in shares of the crop's height, a line must be marked as a cable's end is.
_END = 0.06
# Ends are marked by a spot, which an end may miss by so much: a square of so many px of the map.
_SPOT_PX = 9
# In percent of its length; a coil bends no more like a cable than a sag does.
_MOST_BENT = 2.0


class Signs(NamedTuple):
    """What speaks for a line, and from `as_other` on against it. Of 0..1 where nothing is said.

    `at_two_wheeler`: it ends at one that stands, not only where they are charged. `weakest`: what
    nine tenths of it reach in the map. `height`: of the crop's. `begins`, `ends`: how surely the
    network marks a cable's ends near its own. `bends`: how far it is from straight, in percent of
    its length, at most 2. `as_other`: mean of the map of other lines where it is seen. `cut_off`:
    it comes from beyond the view's upper edge, as pipes and shadows do.
    """

    at_two_wheeler: float
    weakest: float
    height: float
    begins: float
    ends: float
    bends: float
    as_other: float
    cut_off: float


class Odds(NamedTuple):
    """Of a line that shows nothing, and what each sign adds."""

    at_nothing: float
    of: Signs


# Fitted by tests/benchmarks/wire_odds.py; on which episodes says models/flying_wire/README.md.
ODDS = Odds(-4.86, Signs(1.08, 1.71, 4.05, 1.97, 1.96, 0.5, -3.95, -1.77))


def probability(signs: Signs, odds: Odds = ODDS) -> float:
    """How surely a line is a cable, 0..1."""
    log_odds = odds.at_nothing + float(np.dot(odds.of, signs))
    return round(1 / (1 + float(np.exp(-log_odds))), 3)


class Marks:
    """The maps (C, h, w) of a network, read along lines."""

    def __init__(self, maps: Map) -> None:
        # A path is drawn to the pixel, not better.
        self.drop = cv2.dilate(maps[0], np.ones((3, 3), np.uint8))
        self.other = maps[1]
        spot = np.ones((_SPOT_PX, _SPOT_PX), np.uint8)
        # A network that marks no ends says nothing for a line, and nothing against it.
        tops, bottoms = maps[2:4] if len(maps) > 3 else np.full((2, *maps[0].shape), 0.5)
        self._tops, self._bottoms = cv2.dilate(tops, spot), cv2.dilate(bottoms, spot)

    def signs(self, path: Points, as_other: float, *, at_two_wheeler: bool, cut_off: bool) -> Signs:
        """Of a path, px of the map, from its upper end to its lower one."""
        height, spots = len(self.drop), dots(path)
        end = max(int(_END * height), 1)
        return Signs(
            float(at_two_wheeler),
            weakest=float(np.percentile(values_at(self.drop, spots), 10)),
            height=float(np.ptp(path[:, 1])) / height,
            begins=float(values_at(self._tops, spots[:end]).max()),
            ends=float(values_at(self._bottoms, spots[-end:]).max()),
            bends=min(100 * bends(path), _MOST_BENT),
            as_other=as_other,
            cut_off=float(cut_off),
        )
