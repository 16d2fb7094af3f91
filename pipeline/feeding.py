"""Look at feedback: a record of grid.dispatch-feedback.v1 in, one for the log or a dead letter out.

Whether its alert is known, and whether it may be said of it now, is the fold's to say.
"""

from datetime import datetime, timedelta

import msgspec

from pipeline.feedback import decode_feedback
from pipeline.messages import DeadLetter, Given, Reason, is_plausible, whole_ms
from pipeline.relayed import message_of, refused
from pipeline.topics import FEEDBACK

_SEND = "send one CloudEvent (structured JSON) with a Feedback as data, see docs/contracts"


def look_at_feedback(value: bytes | None, now: datetime, max_skew_s: float) -> Given | DeadLetter:
    """What people did, for the log. `max_skew_s`: how far in the future it may lie; 0 takes any
    time. Late is welcome: people write down what they did hours before.

    Never raises on any bytes.
    """
    feedback = message_of(FEEDBACK, value, decode_feedback, _SEND)
    if isinstance(feedback, DeadLetter):
        return feedback
    early_s = (feedback.at - now) / timedelta(seconds=1)
    if not is_plausible(feedback.at) or (max_skew_s and early_s > max_skew_s):
        return refused(
            FEEDBACK,
            Reason.CLOCK_SKEW,
            f"its time, {feedback.at.isoformat()}, is {early_s:.0f} s from now",
            "set the clock of the dispatch service (NTP), or max_clock_skew_s in gridalert.toml",
        )
    return Given(msgspec.structs.replace(feedback, at=whole_ms(feedback.at)))
