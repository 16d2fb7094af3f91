"""Parked vehicles through the fold: whose dwell it is, and the second picture of it."""

from typing import Any

import msgspec
import pytest

from detectors.hits import Evidence, Hit, SeenObject
from pipeline.feedback import Closed
from pipeline.incidents.policy import Matcher, Policy, Silence
from pipeline.messages import Reason, Tick
from tests.builders import STANDING, VAN, at, event_type, given, policy, standing
from tests.unit.incidents.timeline import Timeline


def parking(**rule: float) -> Policy:
    """The usual city, in which parking is pictured again after a minute."""
    plain, changed = policy(), msgspec.structs.replace(STANDING, **{"second_picture_s": 60, **rule})
    watch = msgspec.structs.replace(plain.watches["src-illegal_parking", "z"], rule=changed)
    return policy(
        events={**plain.events, "illegal_parking": event_type("illegal_parking", changed)},
        watches={**plain.watches, ("src-illegal_parking", "z"): watch},
    )


def van(*seconds: float, arrived: float | None = None, **fields: Any) -> list[Hit]:
    """A van that stands, pictured at each of these seconds."""
    came = None if arrived is None else at(arrived)
    here = (SeenObject("vehicle", 0.55, VAN, came),)
    hits = [standing(second, VAN, evidence=(shown(second),), **fields) for second in seconds]
    return [msgspec.structs.replace(hit, objects=here) for hit in hits]


def shown(second: float) -> Evidence:
    name = f"{second:064g}"
    return Evidence(
        "snapshot", f"file:sha256/{name}.jpg", "image/jpeg", name, at(second), (), at(86_400)
    )


def times(line: Timeline) -> list[list[float]]:
    """When the pictures of each told alert were taken."""
    return [[(e.captured_at - at(0)).total_seconds() for e in a.evidence] for a in line.alerts]


def test_a_minute_after_it_was_told_it_is_told_once_more_with_both_pictures() -> None:
    line = Timeline(parking()).push(*van(*range(0, 400, 10)))
    assert line.lines == [(60, "opened", ""), (120, "updated", "evidence_added")]
    assert times(line) == [[0], [0, 120]]
    assert "第二张图片" in line.last.text.description


def test_both_pictures_stay_whatever_is_told_later() -> None:
    line = Timeline(parking()).push(*van(*range(0, 130, 10)))
    line.push(*van(130, score=0.9), *(standing(s) for s in range(140, 220, 10)))
    assert line.lines[-1][1:] == ("resolved", "condition_cleared")
    assert sorted(times(line)[-1]) == [0, 120, 130]


def test_the_clock_tells_it_where_no_hit_does() -> None:
    line = Timeline(parking(second_picture_s=55)).push(*van(*range(0, 118, 3)), Tick(at(119)))
    assert line.lines[-1] == (117, "updated", "evidence_added")
    line = Timeline(parking(second_picture_s=60)).push(*van(*range(0, 118, 3)), Tick(at(121)))
    assert line.lines[-1] == (121, "updated", "evidence_added")
    assert times(line)[-1] == [0, 117]


@pytest.mark.parametrize(
    "later",
    [
        pytest.param([standing(s, VAN) for s in range(70, 300, 10)], id="no picture of later"),
        pytest.param([standing(s) for s in range(70, 300, 10)], id="it has left"),
        pytest.param(
            [standing(s, quality=0.0) for s in range(70, 300, 10)], id="nobody can see it"
        ),
    ],
)
def test_without_a_later_picture_of_it_there_is_none(later: list[Hit]) -> None:
    line = Timeline(parking()).push(*van(*range(0, 51, 10)), standing(60, VAN), *later)
    assert line.lines[0] == (60, "opened", "")
    assert Reason.EVIDENCE_ADDED not in line.reasons


def test_a_rule_that_asks_for_none_gets_none() -> None:
    line = Timeline(parking(second_picture_s=0)).push(*van(*range(0, 400, 10)))
    assert len(line.lines) == 1


def test_what_people_closed_is_pictured_no_more() -> None:
    line = Timeline(parking(recheck_s=1000)).push(*van(*range(0, 61, 10)))
    line.push(given(Closed, line.last, 65), *van(*range(70, 400, 10)))
    assert Reason.EVIDENCE_ADDED not in line.reasons


def test_a_silence_keeps_it_to_itself_until_it_ends() -> None:
    matcher = Matcher("event_type", "=", "illegal_parking")
    quiet = Silence("s", (matcher,), "a", "c", at(100), at(200))
    silenced = msgspec.structs.replace(parking(), silences=(quiet,))
    line = Timeline(silenced).push(*van(*range(0, 400, 10)))
    assert line.lines == [(60, "opened", ""), (200, "updated", "evidence_added")]
    assert times(line)[-1] == [0, 200]


# Whose dwell ---------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [1, 5, 10])
@pytest.mark.parametrize("hidden_from", [5, 20, 50])
def test_45_s_of_occlusion_do_not_restart_a_dwell(step_s: int, hidden_from: int) -> None:
    """The detector keeps what is hidden: the hits go on."""
    hits = van(*range(0, 100, step_s), arrived=-5)
    assert Timeline(parking()).push(*hits).lines[0] == (60, "opened", "")
    gaps = [hit for hit in hits if not hidden_from <= (hit.occurred_at - at(0)).seconds < 105]
    later = van(*range(hidden_from + 45, 400, step_s), arrived=-5)
    line = Timeline(parking(hold_s=180)).push(*gaps, *later)
    assert line.lines[0][0] <= 180 + step_s  # no look for 45 s: its time goes on


def test_another_at_the_same_place_has_a_dwell_of_its_own() -> None:
    """Three buses stop for 40 s each, with 8 s between them; nobody parks."""
    hits = [
        hit for begin in (0, 48, 96) for hit in van(*range(begin + 3, begin + 40, 5), arrived=begin)
    ]
    assert Timeline(parking()).push(*hits).lines == []
    stays = van(*range(147, 260, 5), arrived=144)
    line = Timeline(parking()).push(*hits, *stays)
    assert line.lines[0] == (207, "opened", "")
    assert line.last.first_seen_at == at(147)


def test_after_ingest_began_anew_the_same_vehicle_goes_on() -> None:
    line = Timeline(parking()).push(*van(*range(0, 30, 5), arrived=-3), *van(*range(35, 80, 5)))
    assert line.lines[0] == (60, "opened", "")
