"""What a strict reviewer once found wrong: each stays right."""

from typing import Any

import msgspec
import pytest

from detectors.hits import Hit, Source
from pipeline.alerts import Direct
from pipeline.feedback import Accepted, Assigned, Assignment, Closed, Closing, Evaluated, Verified
from pipeline.incidents.policy import Officer, OnCall, Watch
from pipeline.messages import PolicyChange, Reason, Tick
from pipeline.reports import Photo
from tests.builders import (
    COUNT,
    LEAF,
    OFFICER,
    SUBSTITUTE,
    at,
    event_type,
    given,
    hit,
    leaf,
    policy,
    reported,
)
from tests.unit.incidents.timeline import Timeline

DAY = 86_400.0
PHOTO = Photo("https://reports.example/p/1.jpg", "image/jpeg", "0" * 64, at(30 * 86_400))
SECOND = Source("camera", "cam-b")
TWO = {**policy().watches, ("cam-b", "z"): Watch("crowding", "pl-crowding", COUNT)}


def crowd(people: float, *seconds: float, **fields: Any) -> list[Hit]:
    return [hit(second, people, **fields) for second in seconds]


def opened(site: Any = None, *later: Any) -> Timeline:
    return Timeline(site or policy(), *later).push(*crowd(6, 0, 2, 4))


def words(line: Timeline) -> list[str]:
    return [f"{action} {reason}".strip() for _, action, reason in line.lines]


def test_what_came_while_no_worker_ticked_is_decided_not_refused() -> None:
    week = 7 * DAY
    line = Timeline().push(Tick(at(0)), *crowd(6, week, week + 2, week + 4))
    assert words(line) == ["opened"]
    line.push(*crowd(6, 30 * DAY))
    assert line.reasons[-1] is Reason.CLOCK_SKEW


def test_a_camera_whose_clock_is_ahead_makes_no_other_blind() -> None:
    ahead = [one for s in range(0, 40, 2) for one in (
        *crowd(0, s + 20, source=SECOND), *crowd(8, s))]  # fmt: skip
    assert words(Timeline(policy(watches=TWO)).push(*ahead))[0] == "opened"


def test_a_terminal_whose_clock_is_ahead_makes_no_camera_blind() -> None:
    line = opened()
    line.push(given(Accepted, line.last, 204), *crowd(16, 6, 8))
    assert [alert.condition for alert in line.alerts] == ["present"] * 3
    assert words(line)[-1] == "updated measure_grew"


def test_feedback_on_an_event_type_that_the_site_has_lost_stops_nothing() -> None:
    line = opened()
    line.policies = type(line.policies)(policy(version="p2", events={}), {})
    line.push(given(Accepted, line.last, 10))
    assert line.last.handling == "accepted"


def test_another_calendar_tells_only_of_deadlines_that_move() -> None:
    site = policy()
    later = policy(version="p2", calendar=msgspec.structs.replace(site.calendar, id="cn@later"))
    line = opened(site, later)
    line.push(PolicyChange("p2"))
    assert words(line) == ["opened"]


def test_a_breach_is_told_though_a_reminder_came_before_and_the_deadline_moved_up() -> None:
    site = policy(events={"crowding": event_type("crowding", COUNT, event_level=3)})
    line = opened(site).push(*crowd(0, 6, 16), given(Accepted, opened(site).last, 20))
    line.push(Tick(at(60)), Tick(at(4 * DAY)))
    assert words(line)[-1] == "updated reminder"
    today = Assignment(OFFICER.id, event_level=1)
    line.push(given(Assigned, line.last, 4 * DAY + 5, assigned=today), Tick(at(4 * DAY + 60)))
    assert words(line)[-2:] == ["updated level_changed", "updated deadline_breached"]


@pytest.mark.parametrize("outcome", ["transferred", "ignored", "duplicate", "cannot_resolve"])
def test_what_people_are_done_with_though_it_is_there_rests_until_it_comes_again(
    outcome: Any,
) -> None:
    line = opened()
    line.push(given(Closed, line.last, 6, closed=Closing(outcome)), *crowd(6, *range(8, 200, 5)))
    assert words(line) == ["opened", "resolved closed_by_dispatch"]


def test_closed_as_a_false_alarm_is_quiet_for_as_long_as_verified_false() -> None:
    line = opened()
    line.push(given(Closed, line.last, 6, closed=Closing("false_alarm")))
    line.push(*crowd(6, *range(8, 3600, 10)))
    assert words(line) == ["opened", "resolved false_alarm"]
    line.push(*crowd(6, 3610))
    assert words(line)[-1] == "updated reopened"


def test_the_longest_an_alert_may_last_does_not_override_a_persons_word() -> None:
    short = msgspec.structs.replace(COUNT, max_open_s=600)
    site = policy(
        events={"crowding": event_type("crowding", short)},
        watches={("src-crowding", "z"): Watch("crowding", "pl-crowding", short)},
    )
    line = opened(site)
    wrong = {"verified": msgspec.convert({"result": "false"}, type(_verdict(line)))}
    line.push(given(Verified, line.last, 10, **wrong), *crowd(6, *range(12, 1200, 10)))
    assert words(line) == ["opened", "resolved false_alarm"]


def _verdict(line: Timeline) -> Any:
    return given(Verified, line.last, 1).feedback.verified  # type: ignore[union-attr]


def test_a_report_sent_again_after_its_alert_was_let_go_counts_once() -> None:
    line = opened().push(reported(5, "r-1"), *crowd(0, 6, 16, 30))
    line.push(reported(5, "r-1"), reported(3, "late"))
    assert line.reasons[-2:] == [Reason.REPEATED, Reason.SAME_INCIDENT]
    assert words(line) == ["opened", "resolved condition_cleared"]


def test_reopened_at_night_it_goes_to_who_is_on_duty_then() -> None:
    by_day = Officer("o-day", "08", "grid_officer", "t", duty=(8 * 60, 21 * 60))
    chain = (OnCall(by_day, "leaf_grid"), OnCall(SUBSTITUTE, "substitute"))
    grid = msgspec.structs.replace(leaf(LEAF), chain=chain)
    line = opened(policy(leaves={**policy().leaves, LEAF: grid}))  # 08:00 in Shanghai
    line.push(*crowd(6, *range(10, 13 * 3600, 60)))
    line.push(given(Closed, line.last, 13 * 3600 - 1), *crowd(6, *range(13 * 3600, 46_900, 5)))
    assert words(line)[-1] == "updated reopened"
    assert isinstance(line.last.routing, Direct)
    assert line.last.routing.assignee.officer_id == SUBSTITUTE.id


def test_reports_are_not_published_as_people() -> None:
    line = Timeline().push(reported(0, "r-1"))
    assert (line.last.measures[0].name, line.last.measures[0].unit_zh) == ("reports", "起上报")
    line.push(*crowd(8, 2, 4, 6))
    assert words(line) == ["opened", "updated measure_grew"]
    assert (line.last.measures[0].name, line.last.measures[0].value) == ("people_count", 8)


def test_a_zone_that_leaves_the_site_does_not_keep_an_incident_open() -> None:
    both, one = policy(watches=TWO), policy(version="p2")
    line = Timeline(both, one).push(*crowd(6, 0, 2, 4), *crowd(6, 1, 3, 5, source=SECOND))
    line.push(PolicyChange("p2"), *crowd(0, 8, 14, 19))
    assert words(line)[-1] == "resolved condition_cleared"


def test_a_source_that_is_a_minute_late_is_not_forgotten_by_ticks() -> None:
    late = [one for s in range(0, 40, 2) for one in (Tick(at(s + 60)), *crowd(6, s))]
    assert words(Timeline().push(*late)) == ["opened"]


def test_what_cannot_be_done_leaves_room_for_what_can() -> None:
    line = opened()
    illegal = [given(Evaluated, line.last, 10 + n) for n in range(70)]
    line.push(*illegal, given(Accepted, line.last, 200), given(Closed, line.last, 201))
    assert line.last.handling == "closed"


def test_what_is_older_than_alerts_are_remembered_is_refused_by_name() -> None:
    line = Timeline().push(Tick(at(40 * DAY)), *crowd(6, 0), reported(5, "r-1"))
    assert line.reasons[1:] == [Reason.TOO_OLD, Reason.TOO_OLD]


def test_a_citizens_photo_is_no_proof_of_what_is_still_there() -> None:
    reopening = msgspec.structs.replace(COUNT, cooldown_s=120)
    site = policy(events={"crowding": event_type("crowding", reopening)})
    line = Timeline(site).push(*crowd(6, 0, 2, 4), *crowd(0, 6, 16))
    line.push(reported(30, "r-1", photo=PHOTO))
    assert words(line)[-1] == "updated reopened"
    assert [picture.kind for picture in line.last.evidence] == ["photo"]


def test_after_it_has_gone_no_notice_sends_anybody_there() -> None:
    line = opened().push(*crowd(0, 6, 16))
    line.push(given(Accepted, line.last, 20))
    assert "已消失" in line.last.text.notice
