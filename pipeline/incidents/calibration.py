"""How sure one must be, and what makes one sure (research: detectors.md A.5)."""

from typing import Annotated

import msgspec
from msgspec import Meta

from detectors.hits import Share

Probable = Annotated[float, Meta(gt=0, lt=1)]
# The share of reports that prove true, by channel; set by hand until feedback has measured it.
REPORTED = {"grid_patrol": 0.95, "police": 0.95}
REPORTED_BY_OTHERS = 0.6


class Likelihood(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much what a sensor says tells of an event: P(said | event), P(said | no event).

    `yes`: it says that its own event is there. `no`: it could see for `silent_after_s` and said
    nothing; None where its silence proves nothing.
    """

    yes: tuple[Probable, Probable]
    no: tuple[Probable, Probable] | None = None
    silent_after_s: Annotated[float, Meta(gt=0)] = 7200.0


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a raw score becomes a probability (research: detectors.md A.5).

    `prior`: share of true incidents among candidates, before looking. `platt_a`, `platt_b`: g(s) =
    sigmoid(a * logit(s) + b). `positives`: share of positives where g was fitted. `correlation`: of
    consecutive looks, 0..1. `review_at`, `direct_at`: confidence from which an alert goes to the
    duty desk, or straight to the officer. `reported`: share of reports that prove true, by channel,
    where it differs from REPORTED.

    `sensors`: what sensors of other event types at the same place tell of this one. `prior_weight`:
    how many reviews `prior` weighs as much as, beside those of the camera; 0: it is fixed.
    `alone_at_most`: what cameras are believed at most without a sensor that says so too, until one
    of them has `alone_until_reviews` reviewed alerts.
    """

    prior: Probable
    platt_a: Annotated[float, Meta(gt=0, title="surer")]
    platt_b: float
    positives: Probable
    correlation: Share
    review_at: float
    direct_at: float
    reported: dict[str, float] = {}
    sensors: dict[str, Likelihood] = {}
    prior_weight: Annotated[float, Meta(ge=0)] = 0.0
    alone_at_most: Annotated[float, Meta(gt=0, le=1)] = 1.0
    alone_until_reviews: Annotated[int, Meta(ge=0)] = 0
