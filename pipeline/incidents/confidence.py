"""Score: one probability from what every source saw (research: detectors.md A.5)."""

import math
from collections.abc import Iterable, Sequence

from pipeline.alerts import Contribution
from pipeline.incidents.calibration import REPORTED, REPORTED_BY_OTHERS, Calibration
from pipeline.incidents.persistence import Lasting

VISUAL_LIMIT = 4.0  # what looking alone may add to the log-odds, A.5
SCORE_FLOOR = 0.01  # a raw score of exactly 0 or 1 is never that sure
SENSOR_LIMIT = 3.0  # what one kind of sensor may add or take, A.5

SCORE_MODEL = "logodds@1"
PRIOR = "prior"  # the name of the contribution that a camera's reviews are


def logit(p: float) -> float:
    """ln(p / (1 - p)), with p kept `SCORE_FLOOR` away from 0 and 1."""
    p = min(max(p, SCORE_FLOOR), 1 - SCORE_FLOOR)
    return math.log(p / (1 - p))


def sigmoid(x: float) -> float:
    """The inverse of `logit`."""
    return 1 / (1 + math.exp(-x))


def visual(looks: int, mean_logit: float, quality: float, c: Calibration) -> float:
    """Log-odds that one source's looks add.

    V = q * n_eff * (mean logit g(s) - logit positives), n_eff = n / (1 + (n - 1) * correlation):
    without n_eff thirty pictures of one drain pipe would be certainty.
    """
    n_eff = looks / (1 + (looks - 1) * c.correlation)
    return quality * n_eff * (c.platt_a * mean_logit + c.platt_b - logit(c.positives))


def seen_by(x: Lasting, c: Calibration) -> float:
    """Log-odds that the looks at one lasting thing add."""
    return visual(x.looks, x.logit_sum / x.looks, x.quality_sum / x.looks, c) if x.looks else 0.0


def told_by(channel: str, c: Calibration) -> float:
    """Log-odds that a report adds: as sure as the share of its kind that prove true."""
    return logit(c.reported.get(channel, REPORTED.get(channel, REPORTED_BY_OTHERS)))


def likelihood(said: tuple[float, float]) -> float:
    """Log-odds that a sensor adds: S = ln(P(said | event) / P(said | none)), clipped."""
    return min(max(math.log(said[0] / said[1]), -SENSOR_LIMIT), SENSOR_LIMIT)


def before_looking(c: Calibration, sensed: Iterable[Contribution]) -> float:
    """Log-odds before anybody looked: the mean of those of the cameras that see it, so that a
    second camera which is often wrong neither hides behind the first nor is taken for its proof.
    """
    reviewed = [one.log_odds for one in sensed if one.name == PRIOR]
    return sum(reviewed) / len(reviewed) if reviewed else logit(c.prior)


def by_looking(seen: Iterable[Lasting], c: Calibration, sensed: Sequence[Contribution]) -> float:
    """Log-odds with what all cameras add, held back while nothing else bears them out."""
    looks = sum(seen_by(x, c) for x in seen)
    total = before_looking(c, sensed) + min(max(looks, -VISUAL_LIMIT), VISUAL_LIMIT)
    borne_out = any(
        one.reviewed >= c.alone_until_reviews if one.name == PRIOR else one.log_odds > 0
        for one in sensed
    )
    held_back = c.alone_at_most < 1 and not borne_out
    return min(total, logit(c.alone_at_most)) if held_back else total


def confidence(
    seen: list[Lasting],
    c: Calibration,
    channels: list[str] | None = None,
    sensed: Sequence[Contribution] = (),
) -> float:
    """Probability that the incident is real, 0..1, to 4 decimals.

    `seen`: of each source its surest lasting thing; sources are independent. Quality is that of the
    looks that saw it: a look that sees nothing, or can't see, makes nothing surer. `channels`: of
    the reports; nobody looking, they stand alone. `sensed`: what reviews of the cameras that see it
    (PRIOR) and sensors of the place add.
    """
    total = by_looking(seen, c, sensed) if seen else 0.0
    for channel in channels or []:
        total += told_by(channel, c)
    for one in sensed:
        total += one.log_odds if one.name != PRIOR else 0.0
    return round(sigmoid(total), 4)
