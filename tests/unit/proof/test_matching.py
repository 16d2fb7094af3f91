"""Episodes against truths."""

from pathlib import Path

import msgspec
import pytest

from pipeline.alerts import GridAlert, decode_alert
from pipeline.proof.matching import Episode, Truth, episodes_of, match

EXAMPLES = Path(__file__).parents[3] / "docs" / "contracts" / "examples"
END_S = 100.0


def outcomes(episodes: list[tuple[float, float | None]], truths: list[tuple[float, float]]):
    """What each episode of one zone found, as (outcome, the truth's begin), and what was missed."""
    known = [Truth("gate", *span) for span in truths]
    told = [Episode("gate", f"a{n}", *span) for n, span in enumerate(episodes)]
    matches = match(told, known, END_S)
    assert [one.episode for one in matches] == told
    found = [(one.outcome, one.truth.from_s if one.truth else None) for one in matches]
    seen = {one.truth for one in matches}
    return found, [truth.from_s for truth in known if truth not in seen]


@pytest.mark.parametrize(
    ("episodes", "truths", "found", "lost"),
    [
        ([], [], [], []),
        ([], [(1, 5)], [], [1]),
        ([(2, 9)], [(1, 5)], [("found", 1)], []),
        ([(6, 9)], [(1, 5)], [("false", None)], [1]),
        ([(5, 9)], [(1, 5)], [("found", 1)], []),  # they touch
        # The longer overlap finds it, the other tells it again; in whichever order.
        ([(2, 3), (4, 9)], [(1, 9)], [("duplicate", 1), ("found", 1)], []),
        ([(2, 6), (7, 9)], [(1, 9)], [("found", 1), ("duplicate", 1)], []),
        # One that spans two finds the one that it overlaps longer; the other is missed.
        ([(2, 20)], [(1, 5), (8, 18)], [("found", 8)], [1]),
        # ... unless another episode finds it.
        ([(2, 20), (3, 4)], [(1, 5), (8, 18)], [("found", 8), ("found", 1)], []),
        # Still open at the clip's end.
        ([(90, None)], [(95, 99)], [("found", 95)], []),
        ([(90, None), (50, 60)], [(10, 20)], [("false", None), ("false", None)], [10]),
    ],
)
def test_each_truth_is_found_once_by_the_longest_overlap(episodes, truths, found, lost):
    assert outcomes(episodes, truths) == (found, lost)


def test_zones_do_not_mix():
    (one,) = match([Episode("gate", "a", 1, 5)], [Truth("yard", 1, 5)], END_S)
    assert one.outcome == "false"


def alert(name: str, alert_id: str, **changes: object) -> GridAlert:
    """An example of the contract, of another alert."""
    data = decode_alert((EXAMPLES / f"grid-alert.crowding-{name}.json").read_bytes()).data
    return msgspec.structs.replace(data, alert_id=alert_id, **changes)


def test_an_episode_runs_from_opened_or_reopened_until_cleared():
    place = alert("opened", "a").place.id
    published = [
        (3.0, alert("opened", "a")),
        (4.0, alert("updated", "a", update_reason="measure_grew")),
        (5.0, alert("opened", "b")),
        (9.0, alert("resolved", "a", condition="cleared")),
        (12.0, alert("updated", "a", update_reason="reopened", condition="present")),
        (15.0, alert("updated", "a", update_reason="handling_changed", condition="cleared")),
        (16.0, alert("resolved", "a", condition="cleared")),
    ]
    assert episodes_of(published, {place: "gate"}) == [
        Episode("gate", "a", 3.0, 9.0),
        Episode("gate", "b", 5.0, None),
        Episode("gate", "a", 12.0, 15.0),
    ]


def test_an_alert_that_ends_unseen_ends_its_episode():
    place = alert("opened", "a").place.id
    published = [
        (3.0, alert("opened", "a")),
        (9.0, alert("resolved", "a", condition="unknown", resolution="expired")),
    ]
    assert episodes_of(published, {place: "gate"}) == [Episode("gate", "a", 3.0, 9.0)]
