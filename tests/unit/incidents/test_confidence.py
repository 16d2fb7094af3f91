"""Confidence, held against the worked examples of the research (detectors.md A.5)."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.incidents.calibration import REPORTED, REPORTED_BY_OTHERS, Calibration
from pipeline.incidents.confidence import confidence, logit, sigmoid, visual
from pipeline.incidents.persistence import Lasting
from tests.builders import at

# Slope 1 and no shift: the scores of the examples are calibrated already.
PLAIN = Calibration(0.5, 1.0, 0.0, 0.5, 0.8, review_at=0.45, direct_at=0.8)


def seen(looks: int, score: float, quality: float) -> Lasting:
    """Something that every look said yes to, with the same score and view."""
    return Lasting(
        at(0), at(0), "h", looks=looks, logit_sum=looks * logit(score), quality_sum=looks * quality
    )


def of_prior(prior: float) -> Calibration:
    return msgspec.structs.replace(PLAIN, prior=prior)


@pytest.mark.parametrize(
    ("looks", "score", "quality", "expected"),
    [
        pytest.param(60, 0.75, 0.9, 1.23, id="a crowd seen for a minute"),
        pytest.param(180, 0.90, 0.6, 1.65, id="a car seen for three minutes through rain"),
        pytest.param(6, 0.70, 0.8, 0.81, id="a wire seen six times"),
        pytest.param(1, 0.75, 1.0, math.log(3), id="one look counts as one"),
        pytest.param(60, 0.50, 1.0, 0.0, id="looks that do not know say nothing"),
        pytest.param(60, 0.99, 0.0, 0.0, id="looks that could not see say nothing"),
    ],
)
def test_what_looking_adds(looks: int, score: float, quality: float, expected: float) -> None:
    assert visual(looks, logit(score), quality, PLAIN) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("prior", "lasting", "expected"),
    [
        pytest.param(17.6 / 23, seen(60, 0.75, 0.9), 0.918, id="crowding without the counter"),
        pytest.param(7.8 / 28, seen(6, 0.70, 0.8), 0.47, id="a wire that only a camera saw"),
        pytest.param(22.8 / 28, seen(180, 0.90, 0.6), 0.958, id="parking without the magnetometer"),
    ],
)
def test_the_worked_examples(prior: float, lasting: Lasting, expected: float) -> None:
    assert confidence([lasting], of_prior(prior)) == pytest.approx(expected, abs=0.006)


def test_thirty_pictures_of_one_drain_pipe_are_no_certainty() -> None:
    few, many = seen(2, 0.8, 1.0), seen(3000, 0.8, 1.0)
    assert confidence([few], PLAIN) < confidence([many], PLAIN) <= sigmoid(1.25 * logit(0.8)) + 1e-4


def test_two_sources_are_surer_than_one() -> None:
    one = seen(10, 0.7, 1.0)
    assert confidence([one, one], PLAIN) > confidence([one], PLAIN)


def test_a_report_alone_is_as_sure_as_the_share_of_its_kind_that_prove_true() -> None:
    assert confidence([], of_prior(0.3), ["citizen_photo"]) == REPORTED_BY_OTHERS
    assert confidence([], of_prior(0.3), ["grid_patrol"]) == REPORTED["grid_patrol"]
    two = confidence([], of_prior(0.3), ["citizen_photo", "hotline"])
    assert two == round(0.6**2 / (0.6**2 + 0.4**2), 4)


def test_a_report_makes_what_was_seen_surer() -> None:
    alone = confidence([seen(3, 0.7, 1.0)], PLAIN)
    assert confidence([seen(3, 0.7, 1.0)], PLAIN, ["citizen_photo"]) > alone


def test_looking_alone_is_never_sure_however_many_look() -> None:
    assert confidence([seen(60, 1.0, 1.0)] * 16, PLAIN) == round(sigmoid(4), 4)


@given(
    st.lists(st.builds(seen, st.integers(1, 10**6), st.floats(0, 1), st.floats(0, 1)), max_size=20)
)
def test_confidence_is_a_probability(things: list[Lasting]) -> None:
    assert 0 < confidence(things, PLAIN) < 1
