"""Whether an e-bike charges on a circuit, from the power that its meter reads.

readings (W) ──> means of whole minutes, 8 h of them ──> network, once a minute ──> 0..1
"""

import math
from collections import deque
from functools import cache
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.hits import Look, Params, Reading
from detectors.manifest import load_weights
from detectors.runtime import Session, open_session

FOLDER = Path(__file__).parents[1] / "models" / "charging"
MINUTES = 480  # the network sees: a charge is 1 to 6 h flat (research: detectors.md A.7)
FILL_MIN = 5  # a reading holds so long where none follows: meters report every 1 s to 5 min
ENOUGH_MIN, OF_MIN = 30, 60  # so many of the last minutes must be known to say anything
MOST_W = 100_000.0  # a circuit draws less
_QUALITY = {"good": 1.0, "uncertain": 0.5, "bad": 0.0}
_COULD_NOT_SEE = Look(measure=0.0, score=0.0, quality=0.0)

Floats = NDArray[np.float32]


class Minutes:
    """The mean power of each of the last MINUTES whole minutes; NaN where nobody read it."""

    def __init__(self) -> None:
        self._means: deque[float] = deque(maxlen=MINUTES)
        self._minute = -1
        self._sum_w, self._count = 0.0, 0

    def add(self, at_s: float, watts: float) -> bool:
        """Take a reading no older than the one before; whether it completed a minute."""
        minute = int(at_s // 60)
        completes = self._count > 0 and minute > self._minute
        if completes:
            mean_w, passed = self._sum_w / self._count, minute - self._minute
            held = min(passed, 1 + FILL_MIN)
            self._means.extend(repeat(mean_w, held))
            self._means.extend(repeat(math.nan, min(passed - held, MINUTES)))
            self._sum_w, self._count = 0.0, 0
        self._minute = minute
        self._sum_w, self._count = self._sum_w + watts, self._count + 1
        return completes

    def watts(self) -> Floats:
        """(MINUTES,), the newest last."""
        known = np.full(MINUTES, np.nan, np.float32)
        if self._means:
            known[-len(self._means) :] = self._means
        return known


def is_enough(watts: Floats) -> bool:
    """Whether enough of the last minutes are known."""
    return int(np.isfinite(watts[-OF_MIN:]).sum()) >= ENOUGH_MIN


def planes_of(watts: Floats) -> Floats:
    """What the network sees of a window (MINUTES,) that is_enough: (4, MINUTES).

    Power relative to now in 200 W, its logarithm, its change a minute in 100 W, whether known.
    """
    known = np.isfinite(watts)
    now_w = watts[known][-1]
    filled = np.where(known, watts, now_w)
    change = np.where(known[1:] & known[:-1], np.diff(filled), 0.0)
    planes = np.zeros((4, MINUTES), np.float32)
    planes[0] = np.clip((filled - now_w) / 200, -5, 5)
    planes[1] = np.where(known, np.log1p(filled) / 8, 0.0)
    planes[2, 1:] = np.clip(change / 100, -3, 3)
    planes[3] = known
    return planes


class ChargingSignature:
    """The probability that an e-bike charges on the circuit of a meter now, as measure and score.

    Remembers 8 h. Quality 0 until half of the last hour is known, for a bad reading, one that is
    not finite or negative, and one no newer than the last. `params` are the catalogue's.
    """

    reads = "W"
    unit = "1"

    def __init__(self, params: Params) -> None:
        del params
        self._session, self.model = open_charging_model()
        self._minutes = Minutes()
        self._at_s = -math.inf
        self._seen = _COULD_NOT_SEE

    def look(self, reading: Reading) -> Look:
        """What the last whole minutes say; runs the network when one is completed."""
        at_s, quality = reading.phenomenon_time.timestamp(), _QUALITY[reading.quality]
        usable = math.isfinite(reading.result) and reading.result >= 0
        if quality == 0 or not usable or at_s <= self._at_s:
            return _COULD_NOT_SEE
        self._at_s = at_s
        if self._minutes.add(at_s, min(reading.result, MOST_W)):
            self._seen = self._judged()
        seen = self._seen
        return Look(seen.measure, seen.score, seen.quality * quality)

    def _judged(self) -> Look:
        watts = self._minutes.watts()
        if not is_enough(watts):
            return _COULD_NOT_SEE
        logit = float(self._session.run("logit", {"load": planes_of(watts)[None]})[0, 0])
        probability = round(1 / (1 + math.exp(-min(max(logit, -30.0), 30.0))), 4)
        return Look(measure=probability, score=probability)


@cache
def open_charging_model() -> tuple[Session, str]:
    """The network, one for all sensors of a process, and its name@sha256.

    Raises ManifestError when its folder is not whole, and what onnxruntime raises.
    """
    manifest = load_weights(FOLDER)
    return open_session(FOLDER / manifest.file, 1), manifest.model_id
