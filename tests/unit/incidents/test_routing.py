"""Who an alert goes to, by how sure it is, who is on duty, and what people decided."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerts import Direct, Queue, Routing
from pipeline.incidents.policy import Calibration, Leaf, Officer, OnCall
from pipeline.incidents.routing import assign, back_to_desk, is_on_duty, route
from tests.builders import address

SHANGHAI = "Asia/Shanghai"
THRESHOLDS = Calibration(0.7, 1, 0, 0.5, 0.8, review_at=0.45, direct_at=0.8)
DAY, NIGHT = (8 * 60, 20 * 60), (20 * 60, 8 * 60)
NOON = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
MIDNIGHT = datetime(2026, 6, 1, 16, 0, tzinfo=UTC)


def officer(
    number: str, role: str = "grid_officer", duty: tuple[int, int] | None = None
) -> Officer:
    return Officer(f"o-{number}", number, role, f"term-{number}", duty=duty)


def leaf(
    first: tuple[int, int] | None = None,
    substitute: tuple[int, int] | None = None,
    parent: tuple[int, int] | None = None,
    desk: tuple[int, int] | None = None,
) -> Leaf:
    """A leaf grid with one of each in its chain, by their hours."""
    return Leaf(
        address(),
        (
            OnCall(officer("08", duty=first), "leaf_grid"),
            OnCall(officer("11", duty=substitute), "substitute"),
            OnCall(officer("02", duty=parent), "parent_grid"),
            OnCall(officer("00", "duty_desk", desk), "duty_desk"),
        ),
    )


@pytest.mark.parametrize(
    ("confidence", "kind"),
    [
        pytest.param(0.0, None, id="nobody hears of what is surely nothing"),
        pytest.param(0.4499, None, id="nobody hears of what is just below review"),
        pytest.param(0.45, Queue, id="the desk gets what is at review"),
        pytest.param(0.7999, Queue, id="the desk gets what is just below direct"),
        pytest.param(0.8, Direct, id="the officer gets what is at direct"),
        pytest.param(1.0, Direct, id="the officer gets what is certain"),
    ],
)
def test_an_alert_goes_by_its_confidence(confidence: float, kind: type[Routing] | None) -> None:
    got = route(leaf(), confidence, THRESHOLDS, NOON, SHANGHAI)
    assert (None if got is None else type(got)) is kind


def test_direct_names_the_officer_and_who_comes_after() -> None:
    got = route(leaf(), 0.9, THRESHOLDS, NOON, SHANGHAI)
    assert isinstance(got, Direct)
    assert (got.assignee.officer_id, got.assignee.number) == ("o-08", "08")
    assert (got.assignee.role, got.assignee.terminal_id) == ("grid_officer", "term-08")
    assert (got.reason, got.fallback) == ("leaf_grid", ("o-11", "o-02", "o-00"))


@dataclass(frozen=True)
class Shift:
    """Who works when, and who gets what is certain and what is not at midnight."""

    hours: dict[str, tuple[int, int]]
    number: str
    reason: str
    unsure: str


@pytest.mark.parametrize(
    "shift",
    [
        pytest.param(Shift({}, "08", "leaf_grid", "08"), id="all work"),
        pytest.param(Shift({"first": NIGHT}, "08", "leaf_grid", "08"), id="over midnight"),
        pytest.param(Shift({"first": DAY}, "11", "substitute", "11"), id="the substitute"),
        pytest.param(
            Shift({"first": DAY, "substitute": DAY}, "02", "parent_grid", "02"), id="the parent"
        ),
        pytest.param(
            Shift({"first": DAY, "substitute": DAY, "parent": DAY}, "08", "nobody_on_duty", "08"),
            id="only the desk: the full-time officer is proposed to it",
        ),
        pytest.param(
            Shift(
                dict.fromkeys(("first", "substitute", "parent", "desk"), DAY),
                "08", "nobody_on_duty", "08",
            ),
            id="nobody at all",
        ),
    ],
)  # fmt: skip
def test_an_alert_at_midnight_goes_to_who_works_then(shift: Shift) -> None:
    got = route(leaf(**shift.hours), 0.9, THRESHOLDS, MIDNIGHT, SHANGHAI)
    assert got is not None
    who = got.assignee if isinstance(got, Direct) else got.proposed
    assert (who.number, got.reason) == (shift.number, shift.reason)
    unsure = route(leaf(**shift.hours), 0.5, THRESHOLDS, MIDNIGHT, SHANGHAI)
    assert isinstance(unsure, Queue)
    assert (unsure.proposed.number, unsure.reason) == (shift.unsure, "low_confidence")


def test_a_desk_that_stands_in_is_not_sent_to_the_spot() -> None:
    chain = (
        OnCall(officer("08", duty=DAY), "leaf_grid"),
        OnCall(officer("00", "duty_desk"), "substitute"),
        OnCall(officer("02"), "parent_grid"),
    )
    got = route(Leaf(address(), chain), 0.9, THRESHOLDS, MIDNIGHT, SHANGHAI)
    assert isinstance(got, Direct)
    assert (got.assignee.number, got.reason, got.fallback) == ("02", "parent_grid", ())


@pytest.mark.parametrize(("timezone", "number"), [(SHANGHAI, "11"), ("America/Los_Angeles", "08")])
def test_hours_are_those_of_the_city(timezone: str, number: str) -> None:
    got = route(leaf(first=NIGHT), 0.9, THRESHOLDS, NOON, timezone)
    assert isinstance(got, Direct)
    assert got.assignee.number == number


@given(begin=st.integers(0, 1439), length=st.integers(1, 1439), minute=st.integers(0, 1439))
@settings(max_examples=50)
def test_a_duty_lasts_from_its_beginning_for_its_length(
    begin: int, length: int, minute: int
) -> None:
    end = (begin + length) % 1440 or 1440
    worked = {(begin + passed) % 1440 for passed in range(length)}
    assert is_on_duty(officer("08", duty=(begin, end)), minute) == (minute in worked)


duties = st.sampled_from([None, DAY, NIGHT, (0, 1440), (600, 601)])


@given(
    hours=st.lists(st.tuples(duties, st.booleans()), min_size=1, max_size=8),
    minute=st.integers(0, 1439),
)
@settings(max_examples=50)
def test_the_first_on_duty_who_is_no_desk_goes(hours: list[Any], minute: int) -> None:
    chain = tuple(
        OnCall(officer(str(n), "duty_desk" if desk else "grid_officer", duty), "leaf_grid")
        for n, (duty, desk) in enumerate(hours)
    )
    local = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(minutes=minute)
    got = route(Leaf(address(), chain), 0.9, THRESHOLDS, local, "UTC")
    able = [
        n
        for n, (duty, desk) in enumerate(hours)
        if not desk and is_on_duty(officer("1", duty=duty), minute)
    ]
    assert got is not None
    who = int(got.assignee.number if isinstance(got, Direct) else got.proposed.number)
    assert (who, got.reason) == ((able[0], "leaf_grid") if able else (0, "nobody_on_duty"))
    following = [call.officer.id for call in chain[who + 1 :]]
    assert got.fallback == tuple(following[:5])


def test_a_person_assigns_anyone() -> None:
    outsider = officer("77", "community_police")
    assert assign(leaf(), outsider) == Direct(
        assign(leaf(), outsider).assignee, ("o-08", "o-11", "o-02", "o-00"), "assigned"
    )
    second = assign(leaf(), officer("11"))
    assert (second.assignee.number, second.fallback) == ("11", ("o-02", "o-00"))


def test_back_to_the_desk() -> None:
    got = back_to_desk(leaf(), "rejected")
    assert (got.proposed.number, got.reason) == ("08", "rejected")
    assert got.fallback == ("o-11", "o-02", "o-00")
