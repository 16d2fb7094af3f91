"""What the relay asks of every record that others send: that it is one message of its topic."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from pipeline.messages import MAX_RECORD_BYTES, NO_JSON, DeadLetter, Reason

Message = TypeVar("Message")


def message_of(
    topic: str, value: bytes | None, decode: Callable[[bytes], Message], mend: str
) -> Message | DeadLetter:
    """What a record's value says, or why it says nothing. Never raises on any bytes.

    `decode`: raises one of NO_JSON. `mend`: what the sender is to do.
    """
    if not value:
        return refused(topic, Reason.UNDECODABLE, "no value", mend)
    if len(value) > MAX_RECORD_BYTES:
        return refused(topic, Reason.TOO_LARGE, f"{len(value)} bytes", mend)
    try:
        return decode(value)
    except msgspec.ValidationError as error:
        return refused(topic, Reason.SCHEMA_INVALID, str(error), mend)
    except NO_JSON:
        return refused(topic, Reason.UNDECODABLE, "not JSON", mend)


def refused(topic: str, reason: Reason, what: str, mend: str) -> DeadLetter:
    """The dead letter of a record that is not taken from `topic`."""
    return DeadLetter(reason=reason, stage="relay", message=f"{topic}: {what}", mend=mend)
