"""What people said of a camera's alerts, and how far that moves what it is believed beforehand.

alpha = m p0 + confirmed, beta = m (1 - p0) + rejected, both forgotten with 30 days' half-life;
B = logit(alpha / (alpha + beta))                       (research: detectors.md A.5)
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from pipeline.alerts import Contribution
from pipeline.incidents.calibration import Calibration
from pipeline.incidents.confidence import PRIOR, logit
from pipeline.incidents.handling import Standing

KEPT_A_DAY = 0.977  # gamma of A.5: half of it after 30 days
MAX_REVIEWED = 64  # sources of one leaf grid, by event type

Word = tuple[Literal["true", "false"], datetime]


class Reviews(msgspec.Struct, frozen=True):
    """Of one camera's alerts of one event type. `confirmed`, `rejected`: as they weigh at `at`,
    the time of the newest; `times_true` of `times` alerts, without forgetting.
    """

    at: datetime
    confirmed: float = 0.0
    rejected: float = 0.0
    times_true: int = 0
    times: int = 0


def word_of(standing: Standing) -> Word | None:
    """What people say of an alert and since when; None while nobody could tell."""
    if standing.verdict in ("true", "false") and standing.verdict_at is not None:
        return standing.verdict, standing.verdict_at
    if standing.outcome == "false_alarm" and standing.closed_at is not None:
        return "false", standing.closed_at
    return None


def reviews_key(event_type: str, source_id: str) -> str:
    """Which of a leaf grid's reviews are of this source."""
    return f"{event_type}/{source_id}"


def prior_of(source_id: str, reviews: Reviews | None, c: Calibration, at: datetime) -> Contribution:
    """How sure this camera is before it looks, as of `at`."""
    m, known = c.prior_weight, reviews or Reviews(at)
    kept = _kept(known.at, at)
    alpha = m * c.prior + kept * known.confirmed
    beta = m * (1 - c.prior) + kept * known.rejected
    return Contribution(
        PRIOR,
        round(logit(alpha / (alpha + beta) if m else c.prior), 4),
        source_id,
        confirmed=known.times_true,
        reviewed=known.times,
    )


def reviewed(
    all_reviews: Mapping[str, Reviews], key: str, before: Word | None, after: Word | None
) -> dict[str, Reviews]:
    """With what people say of one alert now (`after`) instead of what they said `before`: an alert
    counts once, by the last word on it, in whatever order the words came.
    """
    was = all_reviews.get(key)
    if before is not None and was is not None:
        was = _counted(was, before, -1)
    if after is not None:
        was = _counted(was or Reviews(after[1]), after, 1)
    left = {name: one for name, one in all_reviews.items() if name != key}
    if was is None:
        return left
    if len(left) >= MAX_REVIEWED:
        del left[min(left, key=lambda name: (left[name].at, name))]
    return {**left, key: was}


def _counted(reviews: Reviews, word: Word, sign: Literal[1, -1]) -> Reviews:
    result, said_at = word
    at = max(reviews.at, said_at)
    kept, weight = _kept(reviews.at, at), sign * _kept(said_at, at)
    true = result == "true"
    return Reviews(
        at,
        max(0.0, reviews.confirmed * kept + weight * true),
        max(0.0, reviews.rejected * kept + weight * (not true)),
        max(0, reviews.times_true + sign * true),
        max(0, reviews.times + sign),
    )


def _kept(since: datetime, at: datetime) -> float:
    """How much of what was said at `since` still counts at `at`, 0..1."""
    days = max(0.0, (at - since).total_seconds()) / 86_400
    return float(KEPT_A_DAY**days)
