"""Episodes of alerts against what is known to have happened.

truth    |=========|      |=====|          |===|
alerts      |--------------|      |--|            |--|
           finds the first          false alert     missed: the third; false alert
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.alerts import GridAlert, Opened, Resolved, Updated

Outcome = Literal["found", "duplicate", "false"]


@dataclass(frozen=True, slots=True)
class Truth:
    """Something that happened in a zone; seconds since the clip's start."""

    zone: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert from opened, or reopened, until its condition was cleared; seconds since the clip's
    start. `to_s`: None while it is open.
    """

    zone: str
    alert_id: str
    from_s: float
    to_s: float | None = None

    def until(self, end_s: float) -> float:
        """Its end, or the clip's."""
        return end_s if self.to_s is None else self.to_s


@dataclass(frozen=True, slots=True)
class Matched:
    """An episode and the truth it found, or found again; None for a false alert."""

    episode: Episode
    truth: Truth | None
    outcome: Outcome


def episodes_of(
    published: Iterable[tuple[float, GridAlert]], zones: Mapping[str, str]
) -> list[Episode]:
    """The episodes of what was published, oldest first.

    `published`: with the event time, in seconds since the clip's start, of the record that led to
    it, in order. `zones`: by place.
    """
    episodes: list[Episode] = []
    running: dict[str, int] = {}  # the episode of each alert that is in one
    for at_s, alert in published:
        begins = isinstance(alert, Opened) or (
            isinstance(alert, Updated) and alert.update_reason == "reopened"
        )
        if begins and alert.alert_id not in running:
            running[alert.alert_id] = len(episodes)
            episodes.append(Episode(zones[alert.place.id], alert.alert_id, at_s))
        ends = alert.condition == "cleared" or isinstance(alert, Resolved)
        if ends and alert.alert_id in running:
            index = running.pop(alert.alert_id)
            episodes[index] = replace(episodes[index], to_s=at_s)
    return episodes


def match(episodes: Sequence[Episode], truths: Sequence[Truth], end_s: float) -> list[Matched]:
    """What each episode found, in order; each truth is found once, by the longest overlap.

    A truth that no episode has found is missed. `end_s`: of the clip.
    """
    pairs = sorted(
        (-overlap_s, number, index)
        for number, episode in enumerate(episodes)
        for index, truth in enumerate(truths)
        if episode.zone == truth.zone
        and (overlap_s := min(episode.until(end_s), truth.to_s) - max(episode.from_s, truth.from_s))
        >= 0  # they touch
    )
    found: dict[int, int] = {}  # truth by episode
    touched: dict[int, int] = {}  # the one of the longest overlap
    for _, number, index in pairs:
        touched.setdefault(number, index)
        if number not in found and index not in found.values():
            found[number] = index
    matches = []
    for number, episode in enumerate(episodes):
        outcome: Outcome = "duplicate" if number in touched else "false"
        outcome = "found" if number in found else outcome
        index = found.get(number, touched.get(number, -1))
        matches.append(Matched(episode, truths[index] if index >= 0 else None, outcome))
    return matches
