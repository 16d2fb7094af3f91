"""Log records through the fold, and what was told and decided on the way."""

from collections.abc import Iterable

from detectors.hits import Hit
from pipeline.alerts import CloudEvent
from pipeline.incidents.policy import Policy
from pipeline.messages import Decision, PolicyChange, Tick
from pipeline.replay import Fold
from tests.builders import record

Message = Hit | Tick | PolicyChange


def folded(
    messages: Iterable[Message], policy: Policy
) -> tuple[list[CloudEvent], list[Decision | None]]:
    """The alerts and, of each message, the decision."""
    fold = Fold(policy)
    alerts: list[CloudEvent] = []
    decisions = []
    for offset, message in enumerate(messages):
        done = fold.apply(0, offset, *record(message))
        alerts += [alert for alert, _ in done.alerts]
        decisions.append(done.decision)
    return alerts, decisions


def told(messages: Iterable[Message], policy: Policy) -> list[CloudEvent]:
    """Only the alerts."""
    return folded(messages, policy)[0]
