"""What must hold after every record, whatever it was: the books, the alerts, and the memory."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pipeline.alerts import CloudEvent, Direct, GridAlert, Opened, Queue, Resolved, decode_alert
from pipeline.incidents.decision import Step
from pipeline.incidents.state import State, all_cases, decode_state
from pipeline.messages import Outcome, Reason, encode, outcome_of

LOUD = {Outcome.OPENED, Outcome.UPDATED, Outcome.RESOLVED}
MOST_BYTES = 256 * 1024  # of one state
# What an action may be done in and where it leads; None: where its result says. Written from the
# issue, not from the code; looking and time may have opened an alert again, or given it up.
WORK = {"open", "accepted", "in_progress", "verified_true", "expired"}
LEGAL: dict[str, set[str]] = {
    "accepted": WORK,
    "rejected": {"open", "accepted", "in_progress"},
    "assigned": WORK,
    "arrived": WORK,
    "handled": WORK,
    "verified": {*WORK, "verified_false", "closed"},
    "reviewed": {"open", "accepted", "expired"},
    "evaluated": {"closed", "verified_true", "verified_false"},
    "closed": {*WORK, "verified_false"},
    "reopened": {"closed", "verified_false", "expired"},
}


@dataclass
class Books:
    """Everything decided and published so far. `last`: of each alert that is not forgotten."""

    records: int = 0
    decisions: Counter[Reason] = field(default_factory=Counter)
    published: int = 0
    ids: set[str] = field(default_factory=set)
    last: dict[str, GridAlert] = field(default_factory=dict)
    handling: Counter[str] = field(default_factory=Counter)

    def check(self, done: Step, states: dict[str, State]) -> None:
        """Enter what one record did; `states`: after it. AssertionError where anything is wrong."""
        decision = done.decision
        assert decision is not None
        self.records += 1
        self.decisions[decision.reason] += 1
        assert decision.outcome is outcome_of(decision.reason)
        assert (decision.outcome is Outcome.REFUSED) == (done.dead_letter is not None)
        assert decision.alerts == tuple(event.id for event, _ in done.alerts)
        everywhere = decision.reason in (Reason.TICKED, Reason.POLICY_CHANGED)
        if not everywhere:
            assert len(done.alerts) == (decision.outcome in LOUD)
        if decision.outcome is Outcome.REFUSED and decision.reason is not Reason.ILLEGAL_TRANSITION:
            assert not done.changed
        for event, _ in done.alerts:
            self._enter(event)
        for key, state in done.changed.items() if self.records % 16 == 0 else ():
            if state is not None:
                check_state(key, state)
        if everywhere:
            self._forget(done)
            self.check_states(states)

    def _enter(self, event: CloudEvent) -> None:
        alert, before = event.data, self.last.get(event.data.alert_id)
        self.published += 1
        assert decode_alert(encode(event)) == event
        assert event.id == f"{alert.alert_id}/{alert.sequence}"
        assert isinstance(alert, Opened) == (alert.sequence == 1)
        if before is None:
            assert isinstance(alert, Opened), "only an opened alert is the first"
            assert alert.alert_id not in self.ids, "an id is never used again"
            assert alert.handling == "open"
            assert alert.condition != "cleared"
            self.ids.add(alert.alert_id)
        else:
            check_next(before, alert)
            self.handling[before.handling] -= 1
        check_alert(alert)
        assert event.time == alert.updated_at
        self.handling[alert.handling] += 1
        self.last[alert.alert_id] = alert

    def _forget(self, done: Step) -> None:
        for key, state in done.changed.items():
            if state is None and key.startswith("@"):
                gone = self.last.pop(key[1:])
                assert gone.handling in ("closed", "verified_false", "expired"), gone.alert_id
                self.handling[gone.handling] -= 1

    def check_states(self, states: dict[str, State]) -> None:
        """Whether memory holds what was published, each alert once, and no more than it may."""
        cases = all_cases(list(states.values()))
        assert {case.alert.alert_id: case.alert for case in cases} == self.last
        assert len(cases) == len(self.last) == sum(self.handling.values())
        assert Counter(case.alert.handling for case in cases) == +self.handling
        assert sum(self.decisions.values()) == self.records
        for case in cases:
            assert len(case.given) <= 64
            assert len(case.seen) <= 130


def check_state(key: str, state: State) -> None:
    """Whether a state is bounded, and the same when it is read again."""
    value = encode(state)
    assert len(value) < MOST_BYTES
    assert decode_state(key, value) == state


def check_alert(alert: GridAlert) -> None:
    """Whether what one alert says fits together."""
    assert alert.first_seen_at <= alert.last_seen_at <= alert.updated_at, "seen before told"
    assert alert.first_seen_at <= alert.opened_at <= alert.updated_at
    assert 0 < alert.confidence <= 1
    assert alert.measures[0].value > 0
    assert alert.observation.hit_count >= alert.observation.source_count >= 1
    assert alert.observation.duration_s >= 0
    assert isinstance(alert.routing, Direct) == hasattr(alert.routing, "assignee")
    assert alert.grid.leaf_code.startswith(alert.grid.grid.code)
    assert alert.text.notice
    assert alert.text.headline
    if alert.deadline.due_at is not None:
        assert alert.deadline.due_at >= alert.deadline.counted_from
    if isinstance(alert.routing, Queue) and alert.routing.reason == "rejected":
        assert any(one.action == "rejected" for one in alert.handled)
    if isinstance(alert, Resolved):
        _check_resolution(alert)
    _check_handled(alert)


def _check_resolution(alert: Resolved) -> None:
    ends: dict[str, bool] = {
        "condition_cleared": alert.condition == "cleared",
        "closed_by_dispatch": alert.handling == "closed",
        "false_alarm": alert.handling in ("closed", "verified_false"),
        "expired": True,
        "superseded": True,
        "max_length": True,
    }
    assert ends[alert.resolution], f"{alert.resolution}: {alert.condition}, {alert.handling}"


def _check_handled(alert: GridAlert) -> None:
    """Each thing that people did was legal where it was done, but for what looking did between."""
    assert len(alert.handled) <= 64
    assert len({one.feedback_id for one in alert.handled}) == len(alert.handled)
    standing: str = "open"
    for one in alert.handled:
        between = {standing, "open", "expired"}
        assert between & LEGAL[one.action], f"{one.action} in {standing}"
        standing = one.handling
    assert alert.handling in {standing, "open", "expired"}
    assert [one.at for one in alert.handled] == sorted(one.at for one in alert.handled)


def check_next(before: GridAlert, alert: GridAlert) -> None:
    """Whether an alert may follow the one before it of the same id."""
    assert alert.sequence == before.sequence + 1
    assert not isinstance(alert, Opened)
    assert alert.updated_at >= before.updated_at
    same = ("alert_no", "opened_at", "first_seen_at", "grid", "place", "event", "location")
    for name in same:
        assert getattr(alert, name) == getattr(before, name), name
    assert alert.reopened >= 0
    assert alert.last_seen_at >= before.last_seen_at
    reason: Any = getattr(alert, "update_reason", None) or getattr(alert, "resolution", None)
    if alert.condition == "cleared" and before.condition != "cleared":
        assert reason == "condition_cleared", reason
    if before.condition == "cleared" and alert.condition != "cleared":
        assert reason == "reopened", reason
    if reason in ("reminder", "deadline_breached"):
        assert alert.handling not in ("closed", "verified_false", "expired")
        moved = alert.deadline.due_at != before.deadline.due_at
        assert not moved or alert.event_level > before.event_level
