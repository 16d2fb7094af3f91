"""Who an alert goes to, by how sure it is."""

import pytest

from pipeline.alerts import Direct, Queue, Routing
from pipeline.incidents.policy import Calibration
from pipeline.incidents.routing import route
from tests.builders import policy

PLACE = policy().places["pl-crowding"]
THRESHOLDS = Calibration(0.7, 1, 0, 0.5, 0.8, review_at=0.45, direct_at=0.8)


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
    got = route(PLACE, confidence, THRESHOLDS)
    assert (None if got is None else type(got)) is kind


def test_direct_names_the_officer_and_who_comes_after_him() -> None:
    got = route(PLACE, 0.9, THRESHOLDS)
    assert isinstance(got, Direct)
    assert (got.assignee.officer_id, got.assignee.number) == ("510117001003-08", "08")
    assert (got.assignee.terminal_id, got.fallback) == ("term-08", ("510117001003-07",))
    assert got.reason == "leaf_grid"


def test_the_desk_is_told_which_officer_is_proposed() -> None:
    got = route(PLACE, 0.5, THRESHOLDS)
    assert isinstance(got, Queue)
    assert (got.proposed.number, got.reason) == ("08", "low_confidence")
