"""What people did about an alert, as dispatch services write it to grid.dispatch-feedback.v1."""

from typing import Annotated, Literal

import msgspec

from detectors.hits import Instant
from pipeline.alerts import Result

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Actor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who did it: an id and a role, never a name."""

    id: Id
    role: Literal[
        "grid_officer",
        "micro_grid_leader",
        "community_police",
        "duty_desk",
        "street_centre",
        "district_centre",
        "department",
        "resident",
        "system",
    ]
    level: Annotated[str, msgspec.Meta(max_length=32)] | None = None


class _Feedback(msgspec.Struct, frozen=True, tag_field="action", omit_defaults=True, kw_only=True):
    """`feedback_id`: the same is applied once. `grid_code`: the alert's leaf grid. `at`: when it
    was done. `based_on_sequence`: of the alert that the person saw.
    """

    feedback_id: Id
    alert_id: Id
    grid_code: Id
    at: Instant
    actor: Actor
    based_on_sequence: int | None = None
    work_order_no: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class Accepted(_Feedback, frozen=True, tag="accepted"):
    """受理: somebody takes it on; from here on the deadline counts."""


class Rejected(_Feedback, frozen=True, tag="rejected"):
    """退单: back to the duty desk."""


class Assignment(msgspec.Struct, frozen=True, omit_defaults=True):
    """To whom; `event_level`: the tier that has to handle it, where that changes."""

    officer_id: Id
    event_level: Annotated[int, msgspec.Meta(ge=1, le=4)] | None = None


class Assigned(_Feedback, frozen=True, tag="assigned", kw_only=True):
    """派单."""

    assigned: Assignment


class Arrived(_Feedback, frozen=True, tag="arrived"):
    """到场."""


class HandledOnSite(_Feedback, frozen=True, tag="handled"):
    """处置."""


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether it was real; `cannot_tell` counts as neither."""

    result: Result
    reason: Annotated[str, msgspec.Meta(max_length=64)] = "other"


class Verified(_Feedback, frozen=True, tag="verified", kw_only=True):
    """核实: seen on site."""

    verified: Verdict


class Reviewed(_Feedback, frozen=True, tag="reviewed", kw_only=True):
    """复核: the duty desk's answer on an alert that waited there, from its picture."""

    reviewed: Verdict


class Evaluation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the resident says of it; `score` 1..5."""

    satisfied: bool
    score: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None


class Evaluated(_Feedback, frozen=True, tag="evaluated", kw_only=True):
    """评价."""

    evaluation: Evaluation


class Closing(msgspec.Struct, frozen=True):
    """How it ended."""

    outcome: Literal[
        "resolved", "false_alarm", "transferred", "ignored", "duplicate", "cannot_resolve"
    ]


class Closed(_Feedback, frozen=True, tag="closed", kw_only=True):
    """办结."""

    closed: Closing


class Reopened(_Feedback, frozen=True, tag="reopened"):
    """重开."""


Feedback = (
    Accepted
    | Rejected
    | Assigned
    | Arrived
    | HandledOnSite
    | Verified
    | Reviewed
    | Evaluated
    | Closed
    | Reopened
)


class FeedbackEvent(msgspec.Struct, frozen=True):
    """The CloudEvents envelope (structured) that feedback comes in; only `data` is read."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    data: Feedback


_decoder = msgspec.json.Decoder(FeedbackEvent)


def decode_feedback(value: bytes) -> Feedback:
    """A value of grid.dispatch-feedback.v1. Raises one of messages.NO_JSON when it is none."""
    return _decoder.decode(value).data


def action_of(feedback: Feedback) -> str:
    """The word for what was done."""
    return str(feedback.__struct_config__.tag)
