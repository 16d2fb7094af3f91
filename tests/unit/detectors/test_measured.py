"""What sensors measure."""

import math
from datetime import UTC, datetime

import pytest

from detectors.hits import Look, Reading
from detectors.measured import Measured

NOTHING = Look(measure=0.0, score=0.0, quality=0.0)


def reading(result: float, quality: str = "good", unit: str = "mA") -> Reading:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    return Reading("r", "s", "residual_current", at, result, unit, quality)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(reading(320.0), Look(320.0, 1.0, 1.0), id="a good reading is believed"),
        pytest.param(reading(0.0), Look(0.0, 0.0, 1.0), id="zero is looked and saw nothing"),
        pytest.param(reading(5, "uncertain"), Look(5.0, 1.0, 0.5), id="uncertain is half seen"),
        pytest.param(reading(5.0, "bad"), NOTHING, id="bad proves nothing"),
        pytest.param(reading(math.nan), NOTHING, id="NaN proves nothing"),
        pytest.param(reading(math.inf), NOTHING, id="infinity proves nothing"),
        pytest.param(reading(-3.0), NOTHING, id="a negative amount proves nothing"),
        pytest.param(reading(12.0, unit="1"), Look(12.0, 1.0, 1.0), id="people are counted"),
    ],
)
def test_look(given, expected):
    assert Measured({"raise_at": 300.0}).look(given) == expected
