"""What a person called no cable is none any more, and what is beside it still is."""

import msgspec
import numpy as np
import pytest
from hypothesis import given as for_any
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.hits import Polygon
from pipeline.feedback import Closed, Closing, Reopened, Verdict, Verified
from pipeline.incidents.masks import MAX_MASKS, MAX_ZONES, NEAR, after_word, lies_on
from pipeline.incidents.state import LeafState, State, decode_state
from pipeline.incidents.step import step
from pipeline.messages import Reason, Tick, encode
from tests.builders import LEAF, at, given, record
from tests.unit.incidents.timeline import Timeline
from tests.unit.incidents.wires import CABLE, OTHER, begun, six_looks, wire, yard

PX = 1 / 1080  # of a picture's height
DAY = 86_400.0
NO, YES = Verdict("false", "other"), Verdict("true")


def beside(path: Polygon, px: float) -> Polygon:
    """The same path, so many pixels to the right in a picture of 1920 x 1080."""
    return tuple((x + px / 1920, y) for x, y in path)


def up(share: float, mask: Polygon = ((0.5, 0.2), (0.5, 0.8))) -> Polygon:
    """A path of which this share lies on `mask`; the rest turns off at a right angle."""
    (x, top), (_, bottom) = mask[0], mask[-1]
    corner = top + share * (bottom - top)
    rest = (1 - share) * (bottom - top) * 1080 / 1920
    return ((x, top), (x, corner), (x + rest, corner))


def leaf_of(line: Timeline) -> LeafState:
    state = line.states[LEAF]
    assert isinstance(state, LeafState)
    return state


def rejected(*paths: Polygon) -> Timeline:
    """A yard in which a person has just found no cable."""
    line = begun().push(*six_looks(), *(wire(310 + n, 0.7, p) for n, p in enumerate(paths)))
    assert line.lines[0][1:] == ("opened", "")
    return line.push(given(Verified, line.last, 400, verified=NO))


def next_day(line: Timeline) -> Timeline:
    """What was rejected has gone from sight, and its place begins anew."""
    return line.push(*(wire(500 + 60 * n, 0.0) for n in range(32)), Tick(at(DAY)))


# Lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "on_it"),
    [
        pytest.param(CABLE, True, id="the same"),
        pytest.param(CABLE[::-1], True, id="from bottom to top"),
        pytest.param(beside(CABLE, 5), True, id="five pixels beside it"),
        pytest.param(beside(CABLE, 8), False, id="eight pixels beside it"),
        pytest.param(((0.2, 0.5), (0.4, 0.5)), False, id="across it"),
        pytest.param(OTHER, False, id="elsewhere"),
        pytest.param(((0.3, 0.2), (0.3, 0.2)), True, id="a point of it"),
    ],
)
def test_what_lies_on_a_mask(path: Polygon, on_it: bool) -> None:
    assert lies_on(path, CABLE) is on_it


@pytest.mark.parametrize(("share", "on_it"), [(0.3, False), (0.55, False), (0.65, True), (1, True)])
def test_most_of_it_must_lie_on_it(share: float, on_it: bool) -> None:
    assert lies_on(up(share), up(1)) is on_it


def apart(path: Polygon, mask: Polygon) -> NDArray[np.float64]:
    """How far points evenly along a path are from a mask, in heights of the picture."""
    corners, line = (np.array(one) * [16 / 9, 1] for one in (path, mask))
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    evenly = (np.arange(100) + 0.5) / 100 * along[-1]
    points = np.stack([np.interp(evenly, along, corners[:, n]) for n in (0, 1)], axis=1)[:, None]
    begin, side = line[:-1], np.diff(line, axis=0)
    share = ((points - begin) * side).sum(axis=2) / np.maximum((side**2).sum(axis=1), 1e-12)
    nearest = begin + np.clip(share, 0, 1)[..., None] * side
    distances: NDArray[np.float64] = np.linalg.norm(points - nearest, axis=2).min(axis=1)
    return distances


XY = st.tuples(st.floats(0, 1), st.floats(0, 1))


@settings(max_examples=50)
@for_any(st.lists(XY, min_size=2, max_size=6).map(tuple), st.integers(-15, 15))
def test_lines_are_as_near_as_another_way_to_reckon_says(path: Polygon, px: int) -> None:
    mask = beside(path, px)
    far = apart(path, mask)
    if np.mean(far <= NEAR * 0.99) > 0.65:
        assert lies_on(path, mask)
    if np.mean(far <= NEAR * 1.01) < 0.55:
        assert not lies_on(path, mask)


# In the fold ----------------------------------------------------------------------------------


def test_what_a_person_called_no_cable_is_never_counted_again() -> None:
    line = rejected()
    assert leaf_of(line).masks == {"cam/z": (CABLE,)}
    month = 30 * DAY
    line.push(*(wire(500 + 60 * n, 0.9, beside(CABLE, 3)) for n in range(40)))
    line.push(Tick(at(month)), *six_looks(month + 60), *six_looks(month + 400))
    assert set(line.reasons[-12:]) == {Reason.MASKED}
    assert [one[1:] for one in line.lines] == [
        ("opened", ""), ("resolved", "false_alarm"), ("resolved", "condition_cleared"),
    ]  # fmt: skip


def test_a_second_cable_in_the_zone_is_still_found() -> None:
    line = next_day(rejected())
    later = [wire(DAY + 60 * n, 0.9, CABLE, OTHER) for n in range(1, 9)]
    line.push(*later)
    assert line.lines[-1][1:] == ("opened", "")
    assert line.last.measures[0].value == 0.89  # of the one beside the mask
    line.push(given(Verified, line.last, DAY + 500, verified=NO))
    assert leaf_of(line).masks == {"cam/z": (CABLE, OTHER)}


def test_the_mask_is_of_one_zone_only() -> None:
    line = next_day(rejected())
    line.push(*six_looks(DAY + 60, source="cam-b"))
    assert line.lines[-1][1:] == ("opened", "")


def test_a_cable_of_which_only_a_part_runs_along_the_mask_is_found_and_lifts_none() -> None:
    line = next_day(rejected())
    (x, y), (x2, y2), _ = CABLE
    partly = ((x, y), ((x + x2) / 2, (y + y2) / 2), (0.55, 0.6))
    line.push(*(wire(DAY + 60 * n, 0.9, partly) for n in range(1, 8)))
    assert line.lines[-1][1:] == ("opened", "")
    line.push(given(Verified, line.last, DAY + 500, verified=YES))
    assert leaf_of(line).masks == {"cam/z": (CABLE,)}


@pytest.mark.parametrize("then", ["the same alert", "a later one"])
def test_a_person_who_finds_a_cable_there_lifts_the_mask(then: str) -> None:
    line = rejected()
    if then == "the same alert":
        line.push(given(Reopened, line.last, 500), given(Verified, line.last, 501, verified=YES))
    else:  # the mask is all on it, it is only partly on the mask
        longer = (*CABLE, (0.30, 0.99), (0.55, 0.99))
        next_day(line).push(*(wire(DAY + 60 * n, 0.9, longer) for n in range(1, 8)))
        line.push(given(Verified, line.last, DAY + 500, verified=YES))
    assert leaf_of(line).masks == {}
    line.push(wire(2 * DAY, 0.9))
    assert line.reasons[-1] is not Reason.MASKED


def test_closed_as_a_false_alarm_masks_too_and_long_after_it_has_gone() -> None:
    line = begun().push(*six_looks(), *(wire(360 + 60 * n, 0.0) for n in range(32)))
    line.push(Tick(at(2 * DAY)), wire(2 * DAY + 1, 0.0))
    assert any(key.startswith("@") for key in line.states)  # the case is on its own
    false_alarm = Closing("false_alarm")
    line.push(given(Closed, line.last, 2 * DAY + 5, closed=false_alarm))
    assert leaf_of(line).masks == {"cam/z": (CABLE,)}
    assert leaf_of(line).reviews["flying_wire/cam"].times == 1


def test_what_was_not_sure_enough_to_count_is_no_mask() -> None:
    line = rejected(OTHER)
    assert leaf_of(line).masks == {"cam/z": (CABLE, OTHER)}
    faint = begun().push(*(wire(60 * n, 0.7, CABLE, *[OTHER] * 25) for n in range(7)))
    faint.push(given(Verified, faint.last, 400, verified=NO))
    assert leaf_of(faint).masks == {"cam/z": (CABLE, OTHER)}
    fainter = begun().push(*(wire(60 * n, 0.505, CABLE, OTHER) for n in range(7)))
    assert leaf_of(fainter).incidents["flying_wire@yard"].paths == {"cam/z": (CABLE,)}


def test_masks_are_bounded_and_the_oldest_goes() -> None:
    masks: dict[str, tuple[Polygon, ...]] = {}
    rows = [beside(OTHER, -20 * n) for n in range(MAX_MASKS + 5)]
    for row in rows:
        masks = after_word(masks, {"cam/z": (row,)}, "false")
    assert masks["cam/z"] == tuple(rows[5:])
    for n in range(MAX_ZONES + 5):
        masks = after_word(masks, {f"cam-{n}/z": (CABLE,)}, "false")
    assert len(masks) == MAX_ZONES
    assert "cam/z" not in masks


def test_a_state_with_all_this_is_the_same_when_it_is_read_again() -> None:
    line = rejected(OTHER)
    for key, state in line.states.items():
        assert decode_state(key, encode(state)) == state


def test_a_worker_that_dies_in_between_counts_a_word_once() -> None:
    line = begun().push(*six_looks(), *(wire(360 + 60 * n, 0.0) for n in range(32)))
    line.push(Tick(at(2 * DAY)), wire(2 * DAY + 1, 0.0))
    where, no = (0, line.offset + 1), given(Verified, line.last, 2 * DAY + 5, verified=NO)
    states: dict[str, State] = dict(line.states)
    done = step(states, *record(no), where, line.policies)
    first, *_ = done.changed.items()
    assert first[0] == LEAF  # it was written, the case was not
    states |= {first[0]: first[1]} if first[1] else {}
    again = step(states, *record(no), where, line.policies)
    assert again.alerts == done.alerts
    for left in (done.changed[LEAF], again.changed[LEAF]):
        assert isinstance(left, LeafState)
        assert left.reviews["flying_wire/cam"].times == 1


def test_a_hit_out_of_hours_or_blind_is_not_called_masked() -> None:
    line = rejected()
    line.push(wire(500, 0.9, quality=0.0))
    assert line.reasons[-1] is Reason.CANNOT_SEE


def test_paths_of_any_size_stop_nothing() -> None:
    line = rejected()
    huge = ((1e308, -1e308), (-1e308, 1e308), (0.3, 0.3))
    one = msgspec.structs.replace(wire(500, 0.9, huge))
    assert line.push(one).reasons[-1] is not Reason.UNDECODABLE
    assert decode_state(LEAF, encode(line.states[LEAF])) == line.states[LEAF]
    assert yard().version == "p1"
