"""What becomes of an incident through time, as time lines: when is what told, and why."""

import math
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from detectors.hits import Evidence, Hit
from pipeline.alerts import Direct, Queue, decode_alert
from pipeline.feedback import (
    Accepted,
    Arrived,
    Assigned,
    Closed,
    Evaluated,
    HandledOnSite,
    Verdict,
    Verified,
)
from pipeline.incidents.incident import LONGEST_CLEAR_S
from pipeline.incidents.policy import Grade, Place, Policy, Rule
from pipeline.incidents.state import all_cases
from pipeline.incidents.wording import text_of
from pipeline.messages import Tick, encode
from tests.builders import (
    COUNT,
    LEAF,
    STANDING,
    VAN,
    at,
    event_type,
    given,
    hit,
    policy,
    standing,
)
from tests.unit.incidents.timeline import Timeline

HOUR = 3600.0


def by_rule(**changes: float) -> Policy:
    """The usual city with a crowd rule that differs in these fields."""
    return of_kind(msgspec.structs.replace(COUNT, **changes))


def of_kind(rule: Rule = COUNT, **fields: Any) -> Policy:
    """The usual city with another row for crowds, its watch included."""
    plain = policy()
    watch = msgspec.structs.replace(plain.watches["src-crowding", "z"], rule=rule)
    events = {**plain.events, "crowding": event_type("crowding", rule, **fields)}
    return policy(events=events, watches={**plain.watches, ("src-crowding", "z"): watch})


def crowd(people: float, *seconds: float, **fields: Any) -> list[Hit]:
    return [hit(second, people, **fields) for second in seconds]


def pictured(one: Hit, name: str) -> Hit:
    shown = Evidence("snapshot", f"file:sha256/{name}.jpg", "image/jpeg", name,
                     one.occurred_at, (), at(86_400))  # fmt: skip
    return msgspec.structs.replace(one, evidence=(shown,))


OPENED = crowd(6, 0, 2, 4)  # opened at second 4
GONE = crowd(0, 6, 16)  # resolved at second 16


def test_what_comes_again_within_the_cooldown_is_the_same_alert_reopened() -> None:
    line = Timeline(by_rule(cooldown_s=60)).push(*OPENED, *GONE, *crowd(6, 70, 72, 74))
    assert line.lines == [
        (4, "opened", ""),
        (16, "resolved", "condition_cleared"),
        (74, "updated", "reopened"),
    ]
    assert len({alert.alert_id for alert in line.alerts}) == 1
    assert (line.last.condition, line.last.handling, line.last.reopened) == ("present", "open", 1)


def test_what_comes_again_after_the_cooldown_is_a_new_alert() -> None:
    line = Timeline(by_rule(cooldown_s=60)).push(*OPENED, *GONE, *crowd(6, 77, 79, 81))
    assert line.lines[2:] == [(81, "opened", "")]
    assert len({alert.alert_id for alert in line.alerts}) == 2


def test_what_lasts_too_long_ends_and_what_is_still_there_begins_a_new_one() -> None:
    line = Timeline(by_rule(max_open_s=100)).push(*OPENED, *crowd(6, *range(10, 121, 10)))
    assert line.lines == [
        (4, "opened", ""),
        (110, "resolved", "max_length"),
    ]
    assert line.push(*crowd(6, 122, 124)).lines[2:] == [(124, "opened", "")]
    assert line.alerts[0].alert_id != line.last.alert_id


def test_a_count_at_the_threshold_for_ten_minutes_is_one_alert() -> None:
    line = Timeline(by_rule(cooldown_s=60))
    line.push(*(hit(s, 5 if s % 4 else 4) for s in range(600)), *crowd(0, 600, 610))
    assert line.lines == [(5, "opened", ""), (610, "resolved", "condition_cleared")]


@pytest.mark.parametrize("period_s", [30, 60, 120])
def test_what_comes_and_goes_for_an_hour_is_one_alert_told_ever_more_seldom(period_s: int) -> None:
    line = Timeline(by_rule(cooldown_s=120))
    line.push(*(hit(s, 9 if s % period_s < period_s / 2 else 0) for s in range(0, 3600, 2)))
    assert len({alert.alert_id for alert in line.alerts}) == 1
    doublings = math.log2(LONGEST_CLEAR_S / COUNT.clear_s)
    assert 1 <= line.last.reopened <= doublings
    assert len(line.lines) <= 2 * doublings + 1
    assert line.lines[-1][0] < 10 * period_s  # the rest of the hour is silent


def test_a_graver_crowd_is_told_as_graver_and_never_as_less_grave() -> None:
    grades = (Grade(8, "Severe", 2), Grade(14, "Extreme", 3))
    line = Timeline(of_kind(grades=grades)).push(*OPENED, *crowd(8, 6), *crowd(6, 8))
    line.push(*crowd(14, 10), *GONE[:0], *crowd(0, 12, 22))
    assert line.lines == [
        (4, "opened", ""),
        (6, "updated", "severity_changed"),
        (10, "updated", "severity_changed"),
        (22, "resolved", "condition_cleared"),
    ]
    assert [alert.severity for alert in line.alerts] == ["Moderate", "Severe", *2 * ["Extreme"]]
    assert [alert.event_level for alert in line.alerts] == [1, 2, 3, 3]
    assert [alert.alarm_priority for alert in line.alerts] == [3, 2, 1, 1]


def test_what_waited_at_the_desk_goes_to_the_officer_once_it_is_sure() -> None:
    sure_later = msgspec.structs.replace(policy().events["crowding"].calibration, direct_at=0.93)
    line = Timeline(of_kind(calibration=sure_later)).push(*crowd(6, 0, 2, 4, score=0.5))
    assert isinstance(line.last.routing, Queue)
    line.push(*crowd(6, 6, score=0.5), *crowd(6, 8, 10, score=0.99))
    assert [reason for _, _, reason in line.lines] == ["", "confidence_rose"]
    assert isinstance(line.last.routing, Direct)


def test_the_clock_reminds_at_shares_of_the_time_and_tells_the_breach_once() -> None:
    # 08:00 in Shanghai: the day's sixteen hours are up at 24:00; half of them are eight.
    line = Timeline(by_rule()).push(*OPENED)
    for n in range(1, 20):
        line.push(*crowd(0, HOUR * n - 600, HOUR * n - 1, quality=0.0), Tick(at(HOUR * n)))
    assert [(second // HOUR, reason) for second, _, reason in line.lines] == [
        (0, ""),
        (8, "reminder"),
        (12, "reminder"),
        (16, "deadline_breached"),
    ]


def test_what_is_done_is_not_reminded_of() -> None:
    line = Timeline().push(*OPENED, *GONE)
    line.push(given(Closed, line.last, 100), *(Tick(at(HOUR * n)) for n in range(1, 48)))
    assert [reason for _, _, reason in line.lines] == [
        "", "condition_cleared", "closed_by_dispatch",
    ]  # fmt: skip


def test_what_nobody_could_see_for_a_day_expires() -> None:
    line = Timeline().push(*OPENED, Tick(at(24 * HOUR)), Tick(at(24 * HOUR + 5)))
    assert line.lines[-1] == (24 * HOUR + 5, "resolved", "expired")
    assert (line.last.condition, line.last.handling) == ("unknown", "expired")


def test_a_blind_camera_holds_an_alert_back_whose_group_wait_passes_meanwhile() -> None:
    line = Timeline(by_rule(group_wait_s=10)).push(*OPENED, *crowd(0, 6, quality=0.0))
    line.push(Tick(at(14)), *crowd(0, 16, quality=0.0))
    assert line.lines == []
    assert line.push(*crowd(6, 18)).lines == [(18, "opened", "")]
    assert line.last.first_seen_at == at(0)


def test_the_naidong_sentence_can_be_written_from_the_bytes_of_the_alert_alone() -> None:
    plain = policy()
    parking = plain.places["pl-illegal_parking"]
    kind = event_type("illegal_parking", STANDING, situation_zh="车辆违规停放", measure_zh="辆")
    site = policy(
        events={**plain.events, "illegal_parking": kind},
        places={**plain.places, parking.id: Place(parking.id, "泽当新村", parking.leaf_code)},
    )
    line = Timeline(site).push(*(standing(second, VAN) for second in range(0, 70, 10)))
    alert = decode_alert(encode(line.events[0])).data
    sentence = (
        "08号网格员，泽当新村附近有车辆违规停放情况，目前已被监控抓拍，"
        "已发送你终端，请及时前往处置！"
    )
    assert text_of(alert).notice == alert.text.notice == sentence


def test_the_erqi_case_gives_its_five_steps_and_how_long_each_took() -> None:
    """10:00 in, sent out, handled, closed at 15:00, seen on site that it is, rated."""
    line = Timeline().push(*(hit(2 * HOUR + second, 6) for second in (-4, -2, 0)))  # 10:00 local
    alert = line.last
    line.push(
        given(Accepted, alert, 2 * HOUR + 300),
        given(Assigned, alert, 2 * HOUR + 900),
        given(Arrived, alert, 3 * HOUR),
        given(HandledOnSite, alert, 6.5 * HOUR),
        *(hit(6.5 * HOUR + second, 0) for second in (5, 20)),
        given(Closed, alert, 7 * HOUR),  # 15:00
        given(Verified, alert, 7.5 * HOUR, verified=Verdict("true")),
        given(Evaluated, alert, 9 * HOUR),
    )
    done = decode_alert(encode(line.events[-1])).data
    since = {one.action: one.at - done.opened_at for one in done.handled}
    assert {action: after / timedelta(minutes=1) for action, after in since.items()} == {
        "accepted": 5, "assigned": 15, "arrived": 60, "handled": 270, "closed": 300,
        "verified": 330, "evaluated": 420,
    }  # fmt: skip
    assert [one.handling for one in done.handled] == [
        "accepted", *["in_progress"] * 3, *["closed"] * 3,
    ]  # fmt: skip
    assert (done.handling, done.condition, done.verdict) == ("closed", "cleared", "true")
    assert done.handled[-1].satisfied


def test_a_day_of_286_alerts_adds_up_after_every_record() -> None:
    """286 received = 153 closed + 133 open: every case is in one state, whatever comes."""
    leaves = [f"{LEAF[:-3]}{n:03}" for n in range(1, 287)]
    plain = policy()
    site = policy(
        places={f"pl-{n}": Place(f"pl-{n}", "square", code) for n, code in enumerate(leaves)},
        watches={
            ("cam", f"z{n}"): msgspec.structs.replace(
                plain.watches["src-crowding", "z"], place_id=f"pl-{n}"
            )
            for n in range(286)
        },
        leaves={
            code: msgspec.structs.replace(
                plain.leaves[LEAF],
                address=msgspec.structs.replace(plain.leaves[LEAF].address, leaf_code=code),
            )
            for code in leaves
        },
    )
    source = msgspec.structs.replace(hit(0, 0).source, id="cam")
    line, received, closed = Timeline(site), 0, 0
    for n, code in enumerate(leaves):
        for second in (0, 2, 4):
            line.push(
                hit(10 * n + second, 6, source=source, zone_id=f"z{n}", place_id=f"pl-{n}",
                    leaf_code=code)
            )  # fmt: skip
            received += second == 4
            if second == 4 and n < 153:
                line.push(given(Closed, line.last, 10 * n + 5, feedback_id=f"fb-{n}"))
                closed += 1
            states = [case.alert.handling for case in all_cases(list(line.states.values()))]
            assert len(states) == received
            assert states.count("closed") == closed
            assert states.count("open") == received - closed
    assert (received, closed, received - closed) == (286, 153, 133)


def test_someone_sent_is_named_to_the_officer() -> None:
    line = Timeline().push(*OPENED)
    line.push(given(Assigned, line.last, 10))
    assert line.lines[-1] == (10, "updated", "officer_changed")
    routing = line.last.routing
    assert isinstance(routing, Direct)
    assert (routing.assignee.number, routing.reason) == ("07", "assigned")


def test_pictures_before_and_after_show_that_what_was_closed_is_still_there() -> None:
    seen = [pictured(one, f"before{n}") for n, one in enumerate(OPENED)]
    line = Timeline(by_rule(recheck_s=60)).push(*seen)
    line.push(given(Closed, line.last, 10), *crowd(6, *range(12, 70, 2)))
    assert line.lines == [(4, "opened", ""), (10, "resolved", "closed_by_dispatch")]
    line.push(pictured(hit(70, 6), "later"))
    assert line.lines[2:] == [(70, "updated", "reopened")]
    assert (line.last.condition, line.last.handling) == ("present", "open")
    assert [(shown.kind, shown.sha256) for shown in line.last.evidence] == [
        ("snapshot", "before0"),
        ("after", "later"),
    ]
    recheck = line.last.recheck
    assert recheck is not None
    assert (recheck.found, recheck.at) == ("still_there", at(70))


def test_what_is_gone_when_it_is_looked_at_again_is_proven_in_the_decisions() -> None:
    line = Timeline(by_rule(cooldown_s=60)).push(*OPENED, *GONE)
    alert = line.last
    line.push(given(Closed, alert, 20), *crowd(0, 25, quality=0.0), *crowd(0, 30), *crowd(0, 35))
    assert line.reasons[-3:] == ["cannot_see", "seen_gone", "nothing_there"]
    proof = line.steps[-2].decision
    assert proof is not None
    assert proof.alert_id == alert.alert_id
    assert [reason for _, _, reason in line.lines] == [
        "", "condition_cleared", "closed_by_dispatch",
    ]  # fmt: skip


def test_the_proof_that_it_is_gone_waits_for_a_look_as_long_as_the_case_is_known() -> None:
    line = Timeline(by_rule(cooldown_s=60)).push(*OPENED, *GONE)
    line.push(given(Closed, line.last, 20), Tick(at(100)), *crowd(0, 110))
    assert line.reasons[-1] == "seen_gone"
    forgotten = Timeline(by_rule(cooldown_s=60)).push(*OPENED, *GONE)
    forgotten.push(given(Closed, forgotten.last, 20))
    forgotten.push(*(Tick(at(86_400 * day)) for day in (1, 31, 32)), *crowd(0, 86_400 * 32 + 1))
    assert forgotten.reasons[-1] == "nothing_there"


def test_what_came_again_untold_and_was_never_looked_at_again_is_let_go() -> None:
    line = Timeline(by_rule(cooldown_s=60, recheck_s=60)).push(*OPENED, *GONE)
    line.push(given(Closed, line.last, 20), *crowd(6, 22, 24, 26), Tick(at(48 * HOUR)))
    line.push(*crowd(6, *(48 * HOUR + second for second in (0, 2, 4))))
    assert line.lines[3:] == [(48 * HOUR + 4, "opened", "")]
    assert len({alert.alert_id for alert in line.alerts}) == 2


def test_looks_that_come_again_hours_later_open_nothing_a_second_time() -> None:
    line = Timeline(by_rule(cooldown_s=60)).push(*OPENED, *GONE, Tick(at(2 * HOUR)))
    line.push(*OPENED, *crowd(6, 8, 10), Tick(at(2 * HOUR + 10)))
    assert [action for _, action, _ in line.lines] == ["opened", "resolved"]
    assert line.reasons[-4:-1] == ["repeated"] * 3
    line.push(*crowd(6, *(2 * HOUR + second for second in (12, 14, 16))))
    assert line.lines[2:] == [(2 * HOUR + 16, "opened", "")]
    assert len({alert.alert_id for alert in line.alerts}) == 2
