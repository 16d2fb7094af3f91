"""The figures of a measurement by episodes, and how far so many allow to trust them."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from pipeline.proof.figures import wilson

WIDE_PX = 1.5  # a thinner cord is not promised to be found
WIDTHS = ("<0.8", "0.8-1.5", "1.5-2.5", "2.5-4", ">4")
_EDGES_PX = (0.8, 1.5, 2.5, math.nextafter(4.0, 5.0))  # where the next begins
COUNTED = (
    "the look at the last fresh frame; persistence, merging and scoring come after it and are not "
    "counted"
)
Verdict = Literal["found", "missed", "quiet", "false"]
Rate = dict[str, float | None]


class Outcome(NamedTuple):
    """What came of an episode. `width_px`: of its cable; None: it has none. `beside`: candidates
    that lie on no cable, of an episode that has one. `reasons`: how many lines were no candidates,
    by why. `picture`: what was drawn of it, if anything.
    """

    id: str
    light: str
    confusers: tuple[str, ...]
    width_px: float | None
    verdict: Verdict
    beside: int
    reasons: dict[str, int]
    picture: str | None = None

    @property
    def is_wide(self) -> bool:
        """Whether it has a cable that must be found."""
        return self.width_px is not None and self.width_px >= WIDE_PX

    @property
    def went_wrong(self) -> bool:
        """Whether a person should see why."""
        return self.verdict == "false" or self.beside > 0 or (self.is_wide and not self.found)

    @property
    def found(self) -> bool:
        """Whether its cable was."""
        return self.verdict == "found"

    def of_width(self) -> str | None:
        """One of WIDTHS, if it has a cable."""
        if self.width_px is None:
            return None
        return WIDTHS[int(np.searchsorted(_EDGES_PX, self.width_px, "right"))]

    def of_confusers(self) -> tuple[str, ...]:
        """What else is there that looks like a cable."""
        return self.confusers or ("none",)


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What `gridalert evaluate --episodes --json` writes of them; every rate as `rate` gives it."""
    positives = [one for one in outcomes if one.width_px is not None]
    confusers = sorted({name for one in outcomes for name in one.of_confusers()})
    return {
        "episodes": len(outcomes),
        "positives": len(positives),
        **rates(outcomes),
        "false_beside_cable": rate(positives, lambda one: one.beside > 0, "false"),
        "by_width": {
            name: {"recall": _recall(own)}
            for name in WIDTHS
            if (own := [one for one in positives if one.of_width() == name])
        },
        "by_light": {
            light: rates([one for one in outcomes if one.light == light])
            for light in sorted({one.light for one in outcomes})
        },
        "by_confuser": {
            name: rates([one for one in outcomes if name in one.of_confusers()])
            for name in confusers
        },
        "counted": COUNTED,
    }


def rates(outcomes: Iterable[Outcome]) -> dict[str, Rate]:
    """Cables found of those wide enough; episodes without any in which one was seen."""
    outcomes = list(outcomes)
    without = [one for one in outcomes if one.width_px is None]
    return {
        "recall_ge_1_5px": _recall([one for one in outcomes if one.is_wide]),
        "false_episode_rate": rate(without, lambda one: one.verdict == "false", "false"),
    }


def _recall(positives: Sequence[Outcome]) -> Rate:
    return rate(positives, lambda one: one.found, "found")


def rate(of: Sequence[Outcome], counts: Callable[[Outcome], bool], name: str) -> Rate:
    """The share that counts, its 95 % interval, and both numbers; `value` is None of nothing."""
    part = sum(map(counts, of))
    low, high = wilson(part, len(of))
    value = round(part / len(of), 4) if of else None
    return {"value": value, "low": round(low, 4), "high": round(high, 4), name: part, "of": len(of)}
