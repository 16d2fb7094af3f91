"""Feedback as dispatch services send it: good for the log, bad by name."""

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.feeding import look_at_feedback
from pipeline.messages import MAX_RECORD_BYTES, DeadLetter, Given, decode_log_record, encode
from tests.builders import LEAF, at

NOW = at(3600)


def envelope(**fields: object) -> bytes:
    """One accepted feedback, done at the tests' beginning, as a dispatch service sends it."""
    data = {
        "action": "accepted",
        "feedback_id": "fb-1",
        "alert_id": "a-1",
        "grid_code": LEAF,
        "at": at(0).isoformat(),
        "actor": {"id": "officer-08", "role": "grid_officer"},
        **fields,
    }
    event = {
        "specversion": "1.0",
        "id": "fb-1",
        "source": "urn:dispatch",
        "type": "cn.example.feedback",
        "data": data,
    }
    return msgspec.json.encode(event)


def reason(value: bytes | None, max_skew_s: float = 300) -> str | None:
    seen = look_at_feedback(value, NOW, max_skew_s)
    return seen.reason.value if isinstance(seen, DeadLetter) else None


def test_feedback_becomes_a_record_of_the_log_in_utc_to_the_millisecond() -> None:
    local = datetime(2026, 6, 1, 8, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=8)))
    seen = look_at_feedback(envelope(at=local.isoformat()), NOW, 300)
    assert isinstance(seen, Given)
    assert (seen.feedback.feedback_id, seen.feedback.grid_code) == ("fb-1", LEAF)
    assert decode_log_record(encode(seen)) == seen
    assert b'"at":"2026-06-01T00:00:00.123000Z"' in encode(seen)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param(None, "undecodable", id="no value"),
        pytest.param(b"", "undecodable", id="an empty value"),
        pytest.param(b"\xff\xfe", "undecodable", id="no text"),
        pytest.param(b"{", "undecodable", id="half an object"),
        pytest.param(b'{"x":' + b"[" * 20_000, "undecodable", id="brackets, thousands deep"),
        pytest.param(b"{}", "schema_invalid", id="no envelope"),
        pytest.param(msgspec.json.encode({"action": "accepted"}), "schema_invalid", id="bare"),
        pytest.param(envelope(action="thanked"), "schema_invalid", id="an action that is none"),
        pytest.param(envelope(action="closed"), "schema_invalid", id="closed, but not how"),
        pytest.param(envelope(at="2026-06-01T00:00:00"), "schema_invalid", id="no time zone"),
        pytest.param(envelope(grid_code=""), "schema_invalid", id="no grid"),
        pytest.param(envelope() + b" " * MAX_RECORD_BYTES, "too_large", id="64 KiB of it"),
        pytest.param(envelope(at="9999-12-31T23:59:59Z"), "clock_skew", id="the last year"),
        pytest.param(envelope(at="0001-01-01T00:00:00Z"), "clock_skew", id="the first year"),
        pytest.param(envelope(at=at(3901).isoformat()), "clock_skew", id="later than now"),
    ],
)
def test_what_is_no_feedback_is_refused_by_name(value: bytes | None, why: str) -> None:
    assert reason(value) == why


@pytest.mark.parametrize(
    ("when", "max_skew_s"),
    [
        pytest.param(at(3900), 300, id="as late as clocks may differ"),
        pytest.param(at(-86_400 * 40), 300, id="written down weeks later"),
        pytest.param(at(86_400), 0, id="any time, for recorded material"),
    ],
)
def test_late_feedback_is_welcome(when: datetime, max_skew_s: float) -> None:
    assert reason(envelope(at=when.isoformat()), max_skew_s) is None


def test_a_grid_that_is_none_is_for_the_fold_to_refuse() -> None:
    assert reason(envelope(grid_code="nowhere")) is None


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_no_bytes_stop_it(value: bytes) -> None:
    seen = look_at_feedback(value, NOW, 300)
    assert isinstance(seen, DeadLetter)
    assert (seen.stage, bool(seen.mend)) == ("relay", True)
