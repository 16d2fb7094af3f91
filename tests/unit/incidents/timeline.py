"""Log records through the fold, and what was told and decided on the way."""

from collections.abc import Iterable

from pipeline.alerts import CloudEvent, GridAlert
from pipeline.incidents.decision import Step
from pipeline.incidents.policy import Policy
from pipeline.incidents.state import Policies, State
from pipeline.incidents.step import step
from pipeline.messages import Decision, LogRecord, Reason
from pipeline.replay import Fold
from tests.builders import policy as plain
from tests.builders import record, seconds_of

Message = LogRecord
Line = tuple[float, str, str]  # second, action, reason


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


class Timeline:
    """A fold that goes on: records in, and all that was told and decided so far."""

    def __init__(self, policy: Policy | None = None, *later: Policy) -> None:
        """`later`: other versions, which a PolicyChange may name."""
        first = policy or plain()
        self.policies = Policies(first, {one.version: one for one in (first, *later)})
        self.states: dict[str, State] = {}
        self.offset = -1
        self.events: list[CloudEvent] = []
        self.reasons: list[Reason] = []
        self.steps: list[Step] = []

    def push(self, *messages: Message) -> "Timeline":
        """Apply these records."""
        for message in messages:
            self.offset += 1
            done = step(self.states, *record(message), (0, self.offset), self.policies)
            for key, state in done.changed.items():
                if state is None:
                    self.states.pop(key, None)
                else:
                    self.states[key] = state
            assert done.decision is not None
            self.steps.append(done)
            self.reasons.append(done.decision.reason)
            self.events += [event for event, _ in done.alerts]
        return self

    @property
    def alerts(self) -> list[GridAlert]:
        """What was told."""
        return [event.data for event in self.events]

    @property
    def last(self) -> GridAlert:
        """What was told last."""
        return self.events[-1].data

    @property
    def lines(self) -> list[Line]:
        """What was told: at which second, which action, why; as a person would tell it."""
        return [line(event) for event in self.events]


def line(event: CloudEvent) -> Line:
    """Second, action and reason of one alert; an opened one needs none."""
    alert = event.data
    reason = str(getattr(alert, "update_reason", getattr(alert, "resolution", "")))
    return seconds_of(event.time), type(alert).__name__.lower(), reason
