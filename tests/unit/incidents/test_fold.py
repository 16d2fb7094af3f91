"""The fold, told as time lines: what is seen when, and what the world is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.hits import Hit, Source
from pipeline.alerts import CloudEvent
from pipeline.incidents.state import HEAD, Head, LeafState, State, decode_state, only
from pipeline.incidents.step import step
from pipeline.messages import Outcome, PolicyChange, Reason, Tick, encode
from pipeline.replay import Fold
from tests.builders import LEAF, VAN, actions, at, hit, policy, record, seconds_of, standing


class Line:
    """A time line: messages in, alerts and decisions out."""

    def __init__(self) -> None:
        self.fold = Fold(policy())
        self.alerts: list[CloudEvent] = []
        self.reasons: list[str] = []
        self.offset = 0

    def push(self, *messages: Hit | Tick | PolicyChange) -> "Line":
        for message in messages:
            done = self.fold.apply(0, self.offset, *record(message))
            self.offset += 1
            self.alerts += [alert for alert, _ in done.alerts]
            assert done.decision is not None
            self.reasons.append(done.decision.reason.value)
        return self


def crowd(*people_by_second: tuple[float, float]) -> list[Hit]:
    return [hit(second, people) for second, people in people_by_second]


def test_a_crowd_is_opened_after_it_has_lasted_and_resolved_after_it_has_gone() -> None:
    line = Line().push(
        *crowd((0, 2), (4, 5), (5, 6), (6, 5), (7, 6), (9, 6), (12, 3), (18, 2), (22, 1))
    )
    assert actions(line.alerts) == ["opened", "resolved"]
    opened, resolved = line.alerts
    assert seconds_of(opened.data.first_seen_at) == 4
    assert seconds_of(opened.time) == 7
    assert seconds_of(resolved.time) == 22
    assert resolved.data.condition == "cleared"
    assert opened.data.alert_id == resolved.data.alert_id
    assert (opened.data.sequence, resolved.data.sequence) == (1, 2)


def test_half_again_as_many_people_are_one_update() -> None:
    line = Line().push(*crowd((0, 5), (2, 5), (3, 5), (4, 7), (5, 8), (6, 8), (7, 9)))
    assert actions(line.alerts) == ["opened", "updated"]
    assert line.alerts[-1].data.measures[0].value == 8


def test_a_count_hovering_at_the_threshold_for_ten_minutes_is_one_alert() -> None:
    line = Line().push(*(hit(s, 5 if s % 4 else 4) for s in range(600)))
    assert actions(line.alerts) == ["opened"]


def test_people_passing_for_two_seconds_alert_nobody() -> None:
    line = Line().push(*(hit(s, 6 if s % 30 < 2 else 1) for s in range(300)))
    assert line.alerts == []


def test_a_van_is_one_alert_however_its_box_trembles() -> None:
    def box(s: int) -> tuple[float, float, float, float]:
        return (VAN[0] + 0.004 * (s % 3), VAN[1], VAN[2] + 0.003 * (s % 2), VAN[3])

    line = Line().push(*(standing(s, box(s)) for s in range(0, 200, 10)))
    assert actions(line.alerts) == ["opened"]
    assert seconds_of(line.alerts[0].time) == 60


def test_45_s_of_occlusion_do_not_restart_a_dwell() -> None:
    seen = [*range(0, 100, 5), *range(145, 200, 5)]
    line = Line().push(*(standing(s, *([VAN] if s in seen else [])) for s in range(0, 200, 5)))
    assert actions(line.alerts) == ["opened"]


def test_different_vehicles_in_turn_alert_nobody() -> None:
    def box(s: int) -> tuple[float, float, float, float]:
        return (0.1 * (s // 30), 0.1, 0.1 * (s // 30) + 0.09, 0.2)

    line = Line().push(*(standing(s, box(s)) for s in range(0, 240, 5)))
    assert line.alerts == []


def test_a_van_that_drives_off_is_resolved() -> None:
    line = Line().push(*(standing(s, *([VAN] if s < 100 else [])) for s in range(0, 200, 5)))
    assert actions(line.alerts) == ["opened", "resolved"]


def test_a_blind_camera_neither_opens_nor_resolves() -> None:
    line = Line().push(*crowd((0, 5), (2, 5), (4, 5)))
    line.push(*(hit(s, 0, quality=0.0) for s in range(5, 100, 5)))
    assert actions(line.alerts) == ["opened"]
    assert set(line.reasons[3:]) == {Reason.CANNOT_SEE}
    line.push(*(hit(s, 0) for s in range(100, 112, 2)))
    assert actions(line.alerts) == ["opened", "resolved"]


def test_what_is_seen_too_seldom_never_lasts() -> None:
    line = Line().push(*(hit(s, 9) for s in range(0, 200, 20)))
    assert line.alerts == []


def test_a_low_score_is_suppressed_by_name_until_it_is_sure_enough() -> None:
    line = Line().push(*(hit(s, 5, score=0.05, quality=0.9) for s in range(6)))
    assert line.alerts == []
    assert line.reasons[-1] == Reason.LOW_CONFIDENCE
    line.push(*(hit(s, 5, score=0.6) for s in range(6, 12)))
    assert actions(line.alerts) == ["opened"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (hit(0, 5, zone_id="nowhere"), Reason.UNKNOWN_ZONE),
        (hit(0, 5, source=Source("camera", "nobody")), Reason.UNKNOWN_CAMERA),
        (hit(0, 5, source=Source("sensor", "nobody")), Reason.UNKNOWN_SENSOR),
        (hit(0, 5, event_type="illegal_parking"), Reason.UNKNOWN_ZONE),
        (hit(0, 5, place_id="pl-other"), Reason.WRONG_GRID),
        (hit(0, 5, leaf_code="510117001003002001"), Reason.WRONG_GRID),
        (PolicyChange("p2"), Reason.UNKNOWN_POLICY),
    ],
    ids=[
        "unknown zone",
        "unknown camera",
        "unknown sensor",
        "zone of another event",
        "another place",
        "another grid",
        "other policy",
    ],
)
def test_what_cannot_be_used_is_refused_and_says_how_to_mend_it(
    message: Hit | PolicyChange, reason: Reason
) -> None:
    done = Fold(policy()).apply(0, 0, *record(message))
    assert done.decision is not None
    assert (done.decision.outcome, done.decision.reason) == (Outcome.REFUSED, reason)
    assert done.dead_letter is not None
    assert done.dead_letter.mend
    assert not done.changed


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", Reason.UNDECODABLE),
        (b"\xff\xfe", Reason.UNDECODABLE),
        (b'{"kind":"hit"}', Reason.SCHEMA_INVALID),
        (b'{"kind":"nonsense"}', Reason.SCHEMA_INVALID),
        (encode(hit(0, 5.5)).replace(b"5.5", b"NaN"), Reason.UNDECODABLE),
        (encode(hit(0, 5.5)).replace(b"5.5", b"1e999"), Reason.SCHEMA_INVALID),
        (encode(hit(0, 5)).replace(b'00:00:00Z"', b'00:00:00"'), Reason.SCHEMA_INVALID),
    ],
    ids=["empty", "no text", "fields missing", "unknown kind", "NaN", "infinite", "no zone"],
)
def test_poison_is_refused_by_name(value: bytes, reason: Reason) -> None:
    done = Fold(policy()).apply(0, 0, LEAF.encode(), value)
    assert done.decision is not None
    assert (done.decision.outcome, done.decision.reason) == (Outcome.REFUSED, reason)


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_no_bytes_stop_the_fold(value: bytes, key: bytes) -> None:
    done = Fold(policy()).apply(0, 0, key, value)
    assert done.decision is not None
    assert done.decision.outcome is Outcome.REFUSED


def test_a_record_that_was_applied_is_skipped() -> None:
    fold = Fold(policy())
    fold.apply(0, 7, *record(hit(0, 5)))
    again = fold.apply(0, 7, *record(hit(0, 5)))
    assert (again.decision, again.changed, again.alerts) == (None, {}, ())


def test_a_look_that_was_sent_again_is_repeated_and_changes_nothing() -> None:
    line = Line().push(*crowd((0, 5), (2, 5), (4, 5)))
    line.push(*crowd((0, 5), (2, 5), (4, 5)))
    assert line.reasons[3:] == [Reason.REPEATED] * 3
    assert actions(line.alerts) == ["opened"]


def test_an_open_incident_that_nobody_sees_for_a_day_expires() -> None:
    line = Line().push(*crowd((0, 5), (2, 5), (4, 5)), Tick(at(3600)), Tick(at(25 * 3600)))
    assert actions(line.alerts) == ["opened", "resolved"]
    assert line.alerts[-1].data.handling == "expired"
    assert line.alerts[-1].data.condition == "unknown"


def test_idle_places_leave_memory_and_what_they_said_stays_done() -> None:
    fold = Fold(policy())
    fold.apply(0, 0, *record(hit(0, 1)))
    done = fold.apply(0, 1, *record(Tick(at(2 * 3600))))
    assert done.changed == {LEAF: LeafState(offset=1), HEAD: Head(offset=1, at=at(2 * 3600))}
    assert fold.apply(0, 0, *record(hit(0, 1))).decision is None


def test_a_policy_of_the_same_site_takes_force() -> None:
    done = Fold(policy()).apply(0, 0, *record(PolicyChange("p1")))
    assert done.changed == {HEAD: Head(offset=0, policy_version="p1")}


people = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 9), st.sampled_from([1.0, 0.0])))


@settings(max_examples=200)
@given(people)
def test_alerts_come_in_sequence_and_never_two_are_open_at_once(
    looks: list[tuple[int, int, float]],
) -> None:
    line, second = Line(), 0
    for gap, count, quality in looks:
        second += gap
        line.push(hit(second, count, quality=quality))
    expected, open_id = 1, None
    for alert in line.alerts:
        assert alert.data.sequence == expected
        assert open_id in (None, alert.data.alert_id)
        ended = actions([alert]) == ["resolved"]
        expected, open_id = (1, None) if ended else (expected + 1, alert.data.alert_id)


@settings(max_examples=100)
@given(people, st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=5))
def test_killed_after_any_record_the_state_on_disk_gives_the_same_alerts(
    looks: list[tuple[int, int, float]], kills: list[tuple[int, int]]
) -> None:
    """`kills`: records after which the process dies, and how far back the log is read again."""
    records, second = [], 0
    for gap, count, quality in looks:
        second += gap
        records.append(record(hit(second, count, quality=quality)))
    whole, told = Fold(policy()), []
    for offset, (key, value) in enumerate(records):
        told += [encode(a) for a, _ in whole.apply(0, offset, key, value).alerts]
    again, states, offset = [], dict[str, State](), 0
    for lived, back in [*kills, (len(records), 0)]:
        for here in range(offset, min(offset + lived, len(records))):
            done = step(states, *records[here], (0, here), only(policy()))
            again += [encode(a) for a, _ in done.alerts]
            if LEAF in done.changed:
                states = {LEAF: decode_state(LEAF, encode(done.changed[LEAF]))}
        offset = max(0, offset + lived - back)
    for here in range(offset, len(records)):
        again += [
            encode(a) for a, _ in step(states, *records[here], (0, here), only(policy())).alerts
        ]
    assert list(dict.fromkeys(again)) == told
