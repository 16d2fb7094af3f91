"""Whatever a sensor measures that can be too much: people counted, residual current in mA."""

import math

from detectors.hits import Look, Params, Reading

_QUALITY = {"good": 1.0, "uncertain": 0.5, "bad": 0.0}
_COULD_NOT_SEE = Look(measure=0.0, score=0.0, quality=0.0)


class Measured:
    """Passes on what a sensor says; the catalogue says in which unit, and what is much.

    It takes no parameters of its own; thresholds in `params` are the catalogue's.
    """

    def __init__(self, params: Params) -> None:
        del params

    def look(self, reading: Reading) -> Look:
        """The reading's amount: quality 1 when good, 0.5 when uncertain.

        Quality 0 when bad, not finite, or negative, which is no amount.
        """
        quality = _QUALITY[reading.quality]
        usable = math.isfinite(reading.result) and reading.result >= 0
        if quality == 0 or not usable:
            return _COULD_NOT_SEE
        score = 1.0 if reading.result > 0 else 0.0
        return Look(measure=float(reading.result), score=score, quality=quality)
