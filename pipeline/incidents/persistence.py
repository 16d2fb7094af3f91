"""Persist: one rule for every event type says what lasts, over a count or each standing object.

    measure   raise_at ........######..##########............
              look     . . . . y y y n y y y y y n n n n n n n
              present                    |<- hold_s ->^        ^ clear_s after the last look
                                       since        raised     at or above clear_below: gone

A look holds until the next one, at most `gap_s`; longer silence is time nobody saw.
"""

from datetime import datetime

import msgspec

from detectors.hits import MAX_OBJECTS, Hit, SeenObject, Xyxy
from pipeline.incidents.policy import Over, Rule

SAME_PLACE_IOU = 0.3  # A.6 (1) of the research: same camera, rule and slot


class Lasting(msgspec.Struct, frozen=True, omit_defaults=True):
    """One count, or one object known by its place, that is there and may last.

    `since`, `last_yes`, `lasted_at` (None = it has not lasted yet): event times. `yes_s` of the
    `seen_s` seconds it was there, forgetting what is older than `hold_s`. `below_s`: seconds seen
    below `clear_below` in a row. `yes`, `below`: what the last look said. `looks`, `logit_sum`,
    `quality_sum`: looks that said yes, their scores and view qualities, for confidence.
    """

    since: datetime
    last_yes: datetime
    first_hit_id: str
    yes: bool = True
    below: bool = False
    lasted_at: datetime | None = None
    yes_s: float = 0.0
    seen_s: float = 0.0
    below_s: float = 0.0
    looks: int = 0
    logit_sum: float = 0.0
    quality_sum: float = 0.0
    xyxy: Xyxy | None = None

    @property
    def present(self) -> bool:
        """Whether it has lasted."""
        return self.lasted_at is not None


class Track(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one zone or sensor has said so far. `at`: its last look; `quality` 0: it saw nothing.
    `seen_at`: its last look that could see. `quiet_since`: since when it has seen without a break
    that there is nothing, kept where that tells of another event.
    """

    at: datetime
    quality: float
    measure: float = 0.0
    lasting: tuple[Lasting, ...] = ()
    seen_at: datetime | None = None
    quiet_since: datetime | None = None

    @property
    def present(self) -> tuple[Lasting, ...]:
        """Those that have lasted."""
        return tuple(x for x in self.lasting if x.present)


def look(track: Track | None, hit: Hit, rule: Rule, logit: float) -> Track:
    """The track after a hit; `logit`: the log-odds of the hit's score."""
    at, blind = hit.occurred_at, hit.quality <= 0.0
    passed = () if track is None else pass_time(track, rule, at).lasting
    if blind:
        lasting = tuple(msgspec.structs.replace(x, yes=False, below=False) for x in passed)
        measure, seen_at = (0.0, None) if track is None else (track.measure, track.seen_at)
    else:
        lasting = _observe(passed, hit, rule, logit)
        measure, seen_at = hit.measure, at
    lasting = tuple(y for x in lasting if (y := _settle(x, rule, at)) is not None)
    return Track(at=at, quality=hit.quality, measure=measure, lasting=lasting, seen_at=seen_at)


def pass_time(track: Track, rule: Rule, at: datetime) -> Track:
    """The track at a later time without a new look: what the last look said goes on for a while."""
    dt = (at - track.at).total_seconds()
    seen = track.quality > 0.0 and dt <= rule.gap_s
    aged = tuple(_age(x, rule, dt if seen else 0.0) for x in track.lasting)
    kept = tuple(x for x in aged if x.present or _recent(x, rule, at))
    return msgspec.structs.replace(track, lasting=kept)


def quiet_since(before: Track | None, now: Track, rule: Rule) -> datetime | None:
    """Since when, as of its look `now`, a source has seen without a break that nothing is there."""
    if now.quality <= 0.0 or now.measure >= rule.clear_below:
        return None
    if before is None or before.quiet_since is None or is_unknown(before, rule, now.at):
        return now.at
    return before.quiet_since


def is_unknown(track: Track, rule: Rule, at: datetime) -> bool:
    """Whether nobody can say what is there at `at`."""
    return track.quality <= 0.0 or (at - track.at).total_seconds() > rule.gap_s


def _recent(x: Lasting, rule: Rule, at: datetime) -> bool:
    return (at - x.last_yes).total_seconds() <= rule.gap_s


def _age(x: Lasting, rule: Rule, seen_s: float) -> Lasting:
    """`seen_s` more seconds of what the last look said; older than `hold_s` fades evenly."""
    total = x.seen_s + seen_s
    fade = min(1.0, rule.hold_s / total) if total > 0 else 1.0
    return msgspec.structs.replace(
        x,
        seen_s=total * fade,
        yes_s=(x.yes_s + (seen_s if x.yes else 0.0)) * fade,
        below_s=x.below_s + seen_s if x.below else 0.0,
    )


def _observe(
    passed: tuple[Lasting, ...], hit: Hit, rule: Rule, logit: float
) -> tuple[Lasting, ...]:
    if rule.over is not Over.OBJECTS:
        yes, below = hit.measure >= rule.raise_at, hit.measure < rule.clear_below
        known = passed or ((_new(hit, None),) if yes else ())
        return tuple(_mark(x, hit, yes, below, logit) for x in known)
    slots = list(passed)
    seen: dict[int, Xyxy] = {}
    for thing in hit.objects[:MAX_OBJECTS]:
        overlap = {
            i: iou(x.xyxy, thing.xyxy)
            for i, x in enumerate(slots)
            if i not in seen and not _came_after(thing, x)
        }
        best = max(overlap, key=lambda i: overlap[i], default=len(slots))
        if overlap.get(best, 0.0) < SAME_PLACE_IOU:
            slots.append(_new(hit, thing.xyxy))
            best = len(slots) - 1
        seen[best] = thing.xyxy
    return tuple(
        _mark(
            msgspec.structs.replace(x, xyxy=seen.get(i, x.xyxy)),
            hit,
            i in seen,
            i not in seen,
            logit,
        )
        for i, x in enumerate(slots[: 2 * MAX_OBJECTS])
    )


def _came_after(thing: SeenObject, x: Lasting) -> bool:
    """Whether it arrived when `x` was there already: another one, at its place."""
    return thing.arrived_at is not None and thing.arrived_at > x.since


def _new(hit: Hit, xyxy: Xyxy | None) -> Lasting:
    at = hit.occurred_at
    return Lasting(since=at, last_yes=at, first_hit_id=hit.hit_id, xyxy=xyxy)


def _mark(x: Lasting, hit: Hit, yes: bool, below: bool, logit: float) -> Lasting:
    return msgspec.structs.replace(
        x,
        yes=yes,
        below=below,
        below_s=x.below_s if below else 0.0,
        last_yes=hit.occurred_at if yes else x.last_yes,
        looks=x.looks + yes,
        logit_sum=x.logit_sum + (logit if yes else 0.0),
        quality_sum=x.quality_sum + (hit.quality if yes else 0.0),
    )


def _settle(x: Lasting, rule: Rule, at: datetime) -> Lasting | None:
    """Present once it has lasted; None once it is gone."""
    if x.present:
        return None if x.below and x.below_s >= rule.clear_s else x
    lasted = (at - x.since).total_seconds() >= rule.hold_s
    share = x.yes_s / x.seen_s if x.seen_s > 0 else float(x.yes)
    if x.yes and lasted and share >= rule.share:
        return msgspec.structs.replace(x, lasted_at=at)
    return x


def iou(a: Xyxy | None, b: Xyxy) -> float:
    """Overlap of two boxes, 0..1; 0 without a box."""
    if a is None:
        return 0.0
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    union = both - w * h  # 0 for boxes too small for a float, nan for boxes too large
    return w * h / union if union > 0 else 0.0
