"""Measures the flying-wire detector on episodes of a fixed camera of which the truth is known."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from shapely import LineString

from detectors.flying_wire import LOOK_EVERY_S, MEAN_OF, FlyingWire
from detectors.hits import Detections, Frame, Look, SeenObject, Zone
from detectors.wire_map import open_wire_model
from models.flying_wire.episodes import Episode, episode, read_episode
from models.flying_wire.scenes import Cable
from pipeline.proof.episode_figures import Outcome, Verdict
from pipeline.proof.episode_page import draw_episode
from pipeline.site.load import load_site

# A path lies on a cable where so much of it is so near to the cable's middle.
ON_SHARE, ON_PX, ON_WIDTHS = 0.5, 4.0, 2.0
_EVENT_TYPE = "flying_wire"
_SHIPPED = Path(__file__).parents[2] / "deploy" / "demo"
_WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
_START = datetime.fromisoformat("2026-06-01T08:00:00+08:00")
Make = Callable[[], Episode]


def raise_at() -> float:
    """The probability from which the shipped catalogue counts a look."""
    return load_site(_SHIPPED).policy.events[_EVENT_TYPE].rule.raise_at


def made(seed: int, count: int) -> list[Make]:
    """The first episodes of a seed."""
    return [partial(episode, seed, index) for index in range(count)]


def written(folder: Path) -> list[Make]:
    """The episodes of a folder, each a folder with an episode.json, in order of name."""
    files = sorted(folder.glob("*/episode.json"))
    return [partial(read_episode, file.parent) for file in files]


def measure(
    episodes: Sequence[Make],
    threshold: float,
    model: Path,
    drawn: Path | None = None,
    workers: int | None = None,
) -> Iterator[Outcome]:
    """What comes of each, in order, the same with any number of `workers` (None: one a core).

    `threshold`: 0..1, from which a candidate counts. `model`: a folder with a manifest, or an ONNX
    file. `drawn`: the folder for pictures of what went wrong. Raises ValueError for an episode that
    cannot be measured, OSError where it cannot be read.
    """
    work = partial(_outcome, threshold=threshold, model=model, drawn=drawn)
    workers = min(workers or os.cpu_count() or 1, len(episodes))
    if workers == 1:  # no other process is worth its start
        yield from map(work, range(len(episodes)), episodes)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin)
    try:
        yield from pool.map(work, range(len(episodes)), episodes)
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """A worker has one core; on Ctrl-C it ends with what it has in hand."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _outcome(
    number: int, make: Make, *, threshold: float, model: Path, drawn: Path | None
) -> Outcome:
    one = make()
    detector = FlyingWire(zone_of(one), open_wire_model(model))
    look = last_look(detector, one)
    if look.quality == 0:
        raise ValueError(
            f"{one.id}: after its {len(one.fresh)} fresh pictures the detector cannot tell: it "
            f"needs {MEAN_OF} of them, {LOOK_EVERY_S:g} s apart or more"
        )
    outcome = judged(one, [seen for seen in look.objects if seen.confidence >= threshold])
    reasons = sorted(str(line.rejected) for line in detector.candidates if line.rejected)
    outcome = outcome._replace(reasons={why: reasons.count(why) for why in reasons})
    if drawn is None or not outcome.went_wrong:
        return outcome
    name = f"{number:05}.jpg"
    draw_episode(drawn / name, one, detector, look)
    return outcome._replace(picture=name)


def zone_of(one: Episode) -> Zone:
    """The whole view of its camera."""
    return Zone(
        id=one.id,
        event_type=_EVENT_TYPE,
        detector=_EVENT_TYPE,
        place_id=one.id,
        leaf_code="0",
        map_version="0",
        polygon=_WHOLE,
        windows=one.windows,
        charging=one.charging,
    )


def last_look(detector: FlyingWire, one: Episode) -> Look:
    """What the detector says after all fresh frames."""
    detector.compare_with(one.history)
    look = Look(0.0, 0.0, quality=0.0)
    for (at_s, picture), boxes in zip(one.fresh, one.two_wheelers, strict=True):
        frame = Frame(one.id, _START + timedelta(seconds=at_s), picture)
        ones, zeros = np.ones(len(boxes), np.float32), np.zeros(len(boxes), np.int64)
        look = detector.look(frame, Detections(boxes, ones, zeros), ("motorcycle",))
    return look


def judged(one: Episode, candidates: Sequence[SeenObject]) -> Outcome:
    """What these candidates make of an episode."""
    verdict: Verdict = "false" if candidates else "quiet"
    width_px, beside = None, 0
    if one.truth is not None:
        width_px = one.truth.width_px
        size_wh = one.fresh[-1][1].shape[1::-1]
        on = [lies_on(seen, one.truth, size_wh) for seen in candidates]
        verdict, beside = "found" if any(on) else "missed", on.count(False)
    return Outcome(one.id, one.light, one.confusers, width_px, verdict, beside, {})


def lies_on(seen: SeenObject, cable: Cable, size_wh: Sequence[int]) -> bool:
    """Whether ON_SHARE of its path's length is near enough to the cable's middle."""
    path = LineString(np.array(seen.path) * size_wh)
    near = LineString(cable.path_xy_px).buffer(max(ON_PX, ON_WIDTHS * cable.width_px))
    return bool(path.length > 0 and path.intersection(near).length >= ON_SHARE * path.length)
