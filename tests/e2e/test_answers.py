"""What people say about alerts, on the real Kafka: whoever sends it, however, and however often."""

import re
from collections import Counter

import msgspec

from pipeline.alerts import GridAlert, Opened, decode_alert
from pipeline.messages import Given, decode_log_record, encode
from pipeline.replay import Fold, LogLine, distinct_alerts, log_line, replay
from tests.e2e import estate
from tests.e2e.answers import CLOSED
from tests.e2e.conftest import Told, line
from tests.e2e.stories import RECEIVED, TICKET_EVENTS

OPEN = {"open", "accepted", "in_progress"}
MADE_BY_PEOPLE = (
    "handling", "handled", "verdict", "deadline", "routing", "event_level", "reopened",
)  # fmt: skip


def newest(alerts: list[GridAlert]) -> dict[str, GridAlert]:
    """The state of each alert with the highest sequence."""
    found: dict[str, GridAlert] = {}
    for one in alerts:
        known = found.get(one.alert_id)
        if known is None or known.sequence < one.sequence:
            found[one.alert_id] = one
    return found


def test_received_is_closed_and_open_at_every_record(told: Told) -> None:
    received, handling = 0, dict[str, str]()
    for value in told.alerts:
        alert = decode_alert(value).data
        if alert.event.type not in TICKET_EVENTS:
            continue
        received += isinstance(alert, Opened)
        handling[alert.alert_id] = alert.handling
        closed = sum(one == "closed" for one in handling.values())
        assert received == closed + sum(one in OPEN for one in handling.values())
    counts = Counter("closed" if one == "closed" else "open" for one in handling.values())
    assert (received, counts) == (RECEIVED, {"closed": CLOSED, "open": RECEIVED - CLOSED})
    assert {one.grid.leaf_code for one in told.of(*estate.SARE)} == set(estate.SARE)


def test_prometheus_has_the_same_286_153_and_133(told: Told) -> None:
    cases: Counter[str] = Counter()
    for labels, value in told.metric("gridalert_cases").items():
        of = dict(labels)
        if of["event_type"] in TICKET_EVENTS:
            cases["closed" if of["handling"] == "closed" else "open"] += int(value)
    assert cases == {"closed": CLOSED, "open": RECEIVED - CLOSED}


def test_feedback_from_anybody_at_any_time_ends_as_if_it_had_come_in_order(told: Told) -> None:
    def ends(alerts: list[GridAlert]) -> dict[str, dict[str, object]]:
        return {
            id_: {field: getattr(one, field) for field in MADE_BY_PEOPLE}
            for id_, one in newest(alerts).items()
        }

    assert len(told.lives) == 40
    assert ends(told.of(*estate.STREETS)) == ends(fed_in_order(told))


def test_the_lives_of_these_alerts_have_everything_in_them(told: Told) -> None:
    """Else the test above says little."""
    ends = newest(told.of(*estate.STREETS)).values()
    assert {one.handling for one in ends} >= {"closed", "open", "accepted", "verified_false"}
    assert {one.verdict for one in ends} == {None, "true", "false", "cannot_tell"}
    assert len({done.action for one in ends for done in one.handled}) == 10
    assert max(one.reopened for one in ends) >= 2
    assert max((one.handled[-1].at - one.opened_at).days for one in ends if one.handled) >= 10
    reasons = Counter(headers["dlq_reason"] for _, headers in told.letters)
    assert reasons["illegal_transition"] > 40


def fed_in_order(told: Told) -> list[GridAlert]:
    """The same log, but for feedback on the vendors: each once, in order of its time."""
    fold, alerts, next_offset = Fold(told.policy), list[GridAlert](), Counter[int]()
    partition_of = {}
    for partition, offset, key, value in told.log:
        next_offset[partition] = offset + 1
        record = decode_log_record(value or b"")
        if isinstance(record, Given) and record.feedback.alert_id in told.lives:
            continue
        done = fold.apply(partition, offset, key, value)
        for alert, _ in done.alerts:
            partition_of[alert.data.alert_id] = partition
            alerts.append(alert.data)
    for alert_id, life in told.lives.items():
        partition = partition_of[alert_id]
        for one in life:
            key = one.grid_code.encode()
            done = fold.apply(partition, next_offset[partition], key, encode(Given(one)))
            next_offset[partition] += 1
            alerts += [alert.data for alert, _ in done.alerts]
    return [one for one in alerts if one.alert_id in told.lives]


def test_nonsense_becomes_dead_letters_that_say_why(told: Told) -> None:
    refused, others = [], Counter[str]()
    for value, headers in told.letters:
        assert headers["dlq_mend"]
        about = re.search(rb"nonsense-(\d\d)", value)
        if about is None:
            others[headers["dlq_reason"]] += 1
        else:
            refused.append((int(about[1]), headers["dlq_reason"]))
    assert sorted(refused) == list(enumerate(told.nonsense))
    assert set(others) == {"illegal_transition"}  # of the vendors; it may become legal yet


def test_nonsense_changes_nothing_that_is_published(told: Told) -> None:
    assert told.after == told.before
    assert line(told.of(estate.LETTERS)) == [("10:00:00", "opened", "31", "direct")]


def test_every_record_is_decided_once_and_the_log_alone_gives_the_same_alerts(told: Told) -> None:
    decided = {
        f"{dict(labels)['outcome']}/{dict(labels)['reason']}": int(value)
        for labels, value in told.metric("gridalert_decisions_total").items()
    }
    lines = [msgspec.json.decode(log_line(*row), type=LogLine) for row in told.log]
    fold = Fold(told.policy)
    again = distinct_alerts(replay(lines, fold))
    assert sum(decided.values()) == len(told.log)
    assert told.metric("gridalert_log_records_total") == {frozenset(): len(told.log)}
    assert decided == fold.counts()
    assert distinct_alerts(told.alerts) == again
    assert len(told.alerts) == len(again)
    leaves = {decode_alert(value).data.grid.leaf_code for value in told.alerts}
    assert leaves == set(estate.leaves())
