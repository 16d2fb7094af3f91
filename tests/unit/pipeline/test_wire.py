"""Headers that anybody may have written, and those of ours."""

import hashlib
from datetime import timedelta

import pytest

from pipeline.messages import DeadLetter, Reason
from pipeline.wire import SEEN_AT, dead_letter_headers, hit_headers, seen_at_of
from tests.builders import at

LETTER = DeadLetter(Reason.TOO_LARGE, "relay", "70000 bytes, \udcff.jpg", "send one Reading")


def test_when_a_frame_came_in_is_read_back_to_the_millisecond() -> None:
    assert seen_at_of(hit_headers(at(1.25))) == at(1.25)
    assert seen_at_of(hit_headers(at(0) + timedelta(microseconds=1999))) == at(0.001)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(None, id="no headers"),
        pytest.param([("other", b"1")], id="another header"),
        pytest.param([(SEEN_AT, None)], id="a header without a value"),
        pytest.param([(SEEN_AT, b"noon")], id="no number"),
        pytest.param([(SEEN_AT, b"9" * 30)], id="a time that no calendar has"),
        pytest.param([(SEEN_AT, b"9" * 5000)], id="a number of 5000 digits"),
    ],
)  # fmt: skip
def test_headers_that_do_not_say_when_stop_nothing(headers: object) -> None:
    assert seen_at_of(headers) is None  # type: ignore[arg-type]


def test_what_is_not_kept_is_named_by_hash_and_size() -> None:
    headers = dict(dead_letter_headers(LETTER, at(0), origin=("t", 1, 2), not_kept=b"picture"))
    assert headers["dlq_payload_policy"] == b"hash_only"
    assert headers["dlq_payload_sha256"] == hashlib.sha256(b"picture").hexdigest().encode()
    assert headers["dlq_payload_bytes"] == b"7"
    assert headers["dlq_error_message"] == b"70000 bytes, ?.jpg"


def test_a_payload_that_is_kept_needs_no_hash() -> None:
    headers = dict(dead_letter_headers(LETTER, at(0)))
    assert headers["dlq_payload_policy"] == b"full"
    assert not {"dlq_payload_sha256", "dlq_original_topic"} & set(headers)
