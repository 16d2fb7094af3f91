"""What every sink promises: bytes in, acknowledgement out."""

from collections.abc import Sequence
from typing import Protocol

Headers = Sequence[tuple[str, bytes]]


class SinkUnavailable(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """Delivery failed and may work later: keep the record, send it again or stop; never skip it."""


class MessageRefused(Exception):  # noqa: N818
    """The message will never be taken (too large, a bad topic): sending it again is no use."""


class AlertSink(Protocol):
    """Where messages go. Called from any thread; the messages of one caller keep their order."""

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers = ()) -> None:
        """Deliver one message; return once it is acknowledged, which may block for minutes.

        One key keeps its order. Called for every message, again after a failure: a consumer may see
        a message twice, none is lost.
        Raises SinkUnavailable (also after `close`) and MessageRefused.
        """
        ...

    def close(self) -> None:
        """Wait for what is under way and let go; called once at the end, harmless when repeated.

        Raises SinkUnavailable if something handed over was not delivered.
        """
        ...
