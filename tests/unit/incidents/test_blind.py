"""A camera that loses its view: what stands there stays known, and unknown, never gone."""

import pytest

from detectors.hits import Hit, SeenObject
from pipeline.feedback import Accepted, Assigned
from tests.builders import VAN, at, given, hit, standing
from tests.unit.incidents.timeline import Timeline

OPENED = [standing(s, VAN) for s in range(0, 80, 10)]
GONE_S = 75  # after it drove off: clear_s and the next look


def blind(begin_s: int, end_s: int) -> list[Hit]:
    """Every ten seconds: nothing can be seen."""
    return [standing(s, quality=0.0) for s in range(begin_s, end_s, 10)]


def stands(begin_s: int, end_s: int) -> list[Hit]:
    return [standing(s, VAN) for s in range(begin_s, end_s, 10)]


def empty(begin_s: int, end_s: int) -> list[Hit]:
    return [standing(s) for s in range(begin_s, end_s, 10)]


def lines(*parts: list[Hit]) -> list[tuple[float, str, str]]:
    return Timeline().push(*(one for part in parts for one in part)).lines


OPEN_AT_60 = (60.0, "opened", "")


@pytest.mark.parametrize("blind_s", [20, 60, 300, 3600])
def test_an_open_alert_is_never_resolved_by_blindness_and_says_that_nobody_knows(
    blind_s: int,
) -> None:
    line = Timeline().push(*OPENED, *blind(80, 80 + blind_s))
    assert line.lines == [OPEN_AT_60]
    line.push(given(Accepted, line.last, 79 + blind_s))
    assert (line.last.condition, line.last.handling) == ("unknown", "accepted")
    again = 80 + blind_s
    line.push(*stands(again, again + 30), given(Assigned, line.last, again + 29))
    assert (line.last.condition, line.last.handling) == ("present", "in_progress")
    line.push(*empty(again + 30, again + 200))
    assert (line.last.condition, line.lines[-1][2]) == ("cleared", "condition_cleared")
    assert 80 <= line.lines[-1][0] - again <= 30 + GONE_S


@pytest.mark.parametrize("blind_s", [20, 300])
def test_what_left_while_nobody_saw_is_gone_once_its_empty_place_is_seen_for_so_long(
    blind_s: int,
) -> None:
    again = 80 + blind_s
    assert lines(OPENED, blind(80, again), empty(again, again + 100)) == [
        OPEN_AT_60,
        (float(again + 60), "resolved", "condition_cleared"),
    ]


def test_20_s_of_blindness_are_part_of_a_dwell_as_an_occlusion_is() -> None:
    assert lines(stands(0, 40), blind(40, 60), stands(60, 90))[0] == OPEN_AT_60


def test_no_dwell_ends_while_nobody_sees() -> None:
    assert lines(stands(0, 50), blind(50, 100), stands(100, 110)) == [(100.0, "opened", "")]
    assert lines(stands(0, 50), blind(50, 100)) == []


def test_after_5_min_of_blindness_a_dwell_begins_anew() -> None:
    """Whether it is the same vehicle nobody can prove."""
    assert lines(stands(0, 40), blind(40, 340), stands(340, 420)) == [(400.0, "opened", "")]


def test_another_that_came_after_the_blindness_is_another() -> None:
    def other(second: int) -> Hit:
        objects = (SeenObject("car", 0.55, VAN, at(400)),)
        return hit(second, 1.0, "illegal_parking", objects=objects)

    line = Timeline().push(*OPENED, *blind(80, 380), *empty(380, 400))
    line.push(*(other(second) for second in range(410, 480, 10)))
    resolved = next(second for second, action, _ in line.lines if action == "resolved")
    assert resolved <= 460
