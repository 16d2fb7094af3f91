"""Score: one probability from what every source saw (research: detectors.md A.5)."""

import math

from pipeline.incidents.persistence import Lasting
from pipeline.incidents.policy import REPORTED, REPORTED_BY_OTHERS, Calibration

VISUAL_LIMIT = 4.0  # what looking alone may add to the log-odds, A.5
SCORE_FLOOR = 0.01  # a raw score of exactly 0 or 1 is never that sure

SCORE_MODEL = "logodds@1"


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


def confidence(seen: list[Lasting], c: Calibration, channels: list[str] | None = None) -> float:
    """Probability that the incident is real, 0..1, to 4 decimals.

    `seen`: of each source its surest lasting thing; sources are independent. Quality is that of the
    looks that saw it: a look that sees nothing, or can't see, makes nothing surer. `channels`: of
    the reports, each as sure as the share of its kind that prove true; nobody looking, they stand
    alone.
    """
    looks = (
        visual(x.looks, x.logit_sum / x.looks, x.quality_sum / x.looks, c) for x in seen if x.looks
    )
    total = logit(c.prior) + min(max(sum(looks), -VISUAL_LIMIT), VISUAL_LIMIT) if seen else 0.0
    for channel in channels or []:
        total += logit(c.reported.get(channel, REPORTED.get(channel, REPORTED_BY_OTHERS)))
    return round(sigmoid(total), 4)
