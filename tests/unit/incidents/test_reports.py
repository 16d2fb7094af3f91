"""What citizens and officers report: it finds its place, or opens an incident of its own."""

from typing import Any

import msgspec
import pytest

from pipeline.alerts import Direct, Location, Queue
from pipeline.feedback import Closed, Verdict, Verified
from pipeline.incidents.policy import EventType, Policy
from pipeline.messages import Reason, Reported, Tick
from pipeline.reports import Photo
from tests.builders import COUNT, LEAF, at, event_type, given, hit, policy, reported
from tests.unit.incidents.timeline import Timeline

M_EAST = 1 / 95_700  # degrees of longitude in a metre, at 30.7° N


def elsewhere(second: float, report_id: str, east_m: float = 0.0, **fields: Any) -> Reported:
    """A report from no place that the site knows, so far east of the first one."""
    spot = Location(104.0 + east_m * M_EAST, 30.7)
    return reported(second, report_id, **{"place_id": None, "location": spot, **fields})


def site(**fields: Any) -> Policy:
    """The usual city; only people report road damage, and holes 200 m apart are one."""
    plain = policy()
    damage = EventType(type="road_damage", label_zh="道路破损", label_en="road damage",
                       category="市政", event_level=2, severity="Minor", merge_m=200)  # fmt: skip
    kind = event_type("crowding", msgspec.structs.replace(COUNT, cooldown_s=600))
    return policy(events={**plain.events, "crowding": kind, damage.type: damage}, **fields)


def test_a_report_opens_an_alert_of_its_own() -> None:
    line = Timeline(site()).push(elsewhere(5, "r-1", event="road_damage"))
    assert line.lines == [(5, "opened", "")]
    alert = line.last
    assert (alert.condition, alert.handling) == ("unknown", "open")  # nobody looks there
    assert (alert.place.id, alert.place.name) == ("report:r-1", "示例社区第7微网格")
    assert alert.location == Location(104.0, 30.7)
    assert (alert.measures[0].value, alert.measures[0].unit_zh) == (1, "起")
    assert [(one.kind, one.channel) for one in alert.observation.sources] == [
        ("report", "grid_patrol")
    ]
    assert alert.grid.resolved_by == "map"
    assert "目前已有人上报" in alert.text.notice


def test_a_report_from_outside_every_grid_says_that_its_grid_is_the_nearest() -> None:
    line = Timeline(site()).push(elsewhere(5, "r-1", resolved_by="nearest"))
    assert line.last.grid.resolved_by == "nearest"


def test_a_report_finds_its_place_and_is_merged_into_what_a_camera_sees() -> None:
    line = Timeline(site()).push(hit(0, 6), hit(2, 6), hit(4, 6), reported(5, "r-1"))
    assert (line.lines, line.reasons[-1]) == ([(4, "opened", "")], Reason.SAME_INCIDENT)
    line.push(hit(6, 9))
    assert line.lines[1:] == [(6, "updated", "measure_grew")]
    assert [one.kind for one in line.last.observation.sources] == ["camera", "report"]


def test_what_a_camera_sees_is_merged_into_what_was_reported() -> None:
    line = Timeline(site()).push(reported(0, "r-1"), hit(1, 6), hit(3, 6), hit(5, 6))
    assert line.lines == [(0, "opened", ""), (5, "updated", "measure_grew")]
    assert (line.last.condition, line.last.measures[0].value) == ("present", 6)
    line.push(hit(7, 0), hit(17, 0))
    assert line.lines[2:] == [(17, "resolved", "condition_cleared")]


def test_a_report_makes_at_once_an_alert_of_what_had_not_lasted_yet() -> None:
    line = Timeline(site()).push(hit(0, 6), reported(1, "r-1"))
    assert line.lines == [(1, "opened", "")]
    assert line.last.observation.source_count == 2


@pytest.mark.parametrize(
    ("event", "east_m", "alerts"),
    [
        pytest.param("crowding", 29, 1, id="one corner"),
        pytest.param("crowding", 31, 2, id="the next house"),
        pytest.param("road_damage", 199, 1, id="as far as the event type merges"),
        pytest.param("road_damage", 201, 2, id="further than that"),
    ],
)
def test_two_reports_of_one_spot_are_one_incident(event: str, east_m: float, alerts: int) -> None:
    line = Timeline(site()).push(elsewhere(0, "r-1", event=event, leaf_code=LEAF))
    line.push(elsewhere(9, "r-2", east_m, event=event, leaf_code=LEAF))
    assert len({alert.alert_id for alert in line.alerts}) == alerts


def test_reports_of_two_kinds_of_event_at_one_spot_are_two_incidents() -> None:
    line = Timeline(site()).push(elsewhere(0, "r-1"), elsewhere(1, "r-2", event="road_damage"))
    assert [alert.event.type for alert in line.alerts] == ["crowding", "road_damage"]


def test_a_report_that_is_sent_again_changes_nothing() -> None:
    line = Timeline(site()).push(elsewhere(0, "r-1"))
    line.push(elsewhere(0, "r-1"), elsewhere(0, "r-1"))
    assert (len(line.alerts), line.reasons[1:]) == (1, [Reason.REPEATED] * 2)
    line.push(given(Closed, line.last, 10), Tick(at(3600)), elsewhere(0, "r-1"))
    assert (len(line.alerts), line.reasons[-1]) == (2, Reason.REPEATED)


def test_a_camera_that_sees_nothing_does_not_end_what_a_person_reported() -> None:
    line = Timeline(site()).push(reported(0, "r-1"), *(hit(s, 0) for s in range(1, 60, 5)))
    assert line.lines == [(0, "opened", "")]
    assert set(line.reasons[1:]) == {Reason.SAME_INCIDENT}
    assert line.last.condition == "unknown"


def test_a_report_of_what_a_camera_saw_go_reopens_it_until_a_person_closes_it() -> None:
    line = Timeline(site()).push(hit(0, 6), hit(2, 6), hit(4, 6), hit(6, 0), hit(16, 0))
    line.push(reported(100, "r-1"), Tick(at(110)), hit(120, 0), Tick(at(130)))
    assert line.lines[1:] == [(16, "resolved", "condition_cleared"), (100, "updated", "reopened")]
    assert (line.last.condition, line.last.handling) == ("unknown", "open")
    line.push(given(Closed, line.last, 200))
    assert line.lines[3:] == [(200, "resolved", "closed_by_dispatch")]


def test_a_report_older_than_what_was_told_last_is_no_news() -> None:
    line = Timeline(site()).push(hit(0, 6), hit(2, 6), hit(4, 6), hit(6, 0), hit(16, 0))
    line.push(reported(15, "r-1"))
    assert (len(line.lines), line.reasons[-1]) == (2, Reason.SAME_INCIDENT)


def test_a_new_report_after_closing_reopens_the_alert() -> None:
    line = Timeline(site()).push(elsewhere(0, "r-1"))
    line.push(given(Closed, line.last, 10), elsewhere(20, "r-2"))
    assert line.lines == [
        (0, "opened", ""),
        (10, "resolved", "closed_by_dispatch"),
        (20, "updated", "reopened"),
    ]
    assert (line.last.handling, line.last.measures[0].value) == ("open", 2)


def test_a_new_report_long_after_closing_is_a_new_alert() -> None:
    line = Timeline(site()).push(elsewhere(0, "r-1"))
    line.push(given(Closed, line.last, 10), elsewhere(700, "r-2"))
    assert [action for _, action, _ in line.lines] == ["opened", "resolved", "opened"]
    assert len({alert.alert_id for alert in line.alerts}) == 2


def test_a_report_of_what_a_person_has_just_found_false_is_believed() -> None:
    line = Timeline(site()).push(elsewhere(0, "r-1"))
    line.push(given(Verified, line.last, 10, verified=Verdict("false")), elsewhere(20, "r-2"))
    assert line.lines[1:] == [(10, "resolved", "false_alarm"), (20, "updated", "reopened")]
    assert line.last.handling == "open"


@pytest.mark.parametrize(
    ("channel", "confidence", "mode"),
    [
        ("grid_patrol", 0.95, Direct),
        ("police", 0.95, Direct),
        ("citizen_photo", 0.6, Queue),
        ("hotline", 0.6, Queue),
    ],
)
def test_a_report_is_as_sure_as_its_channel(channel: str, confidence: float, mode: type) -> None:
    alert = Timeline(site()).push(elsewhere(0, "r-1", channel=channel)).last
    assert (alert.confidence, type(alert.routing)) == (confidence, mode)


def test_more_citizens_make_it_sure_enough_for_the_officer() -> None:
    line = Timeline(site())
    line.push(*(elsewhere(n, f"r-{n}", channel="citizen_photo") for n in range(5)))
    assert [reason for _, _, reason in line.lines][:2] == ["", "confidence_rose"]
    assert isinstance(line.last.routing, Direct)


def test_the_reporters_photo_is_evidence() -> None:
    photo = Photo("https://store.example/p", "image/jpeg", "a" * 64, at(86_400))
    alert = Timeline(site()).push(elsewhere(0, "r-1", photo=photo)).last
    assert [(one.kind, one.sha256) for one in alert.evidence] == [("photo", "a" * 64)]


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (elsewhere(0, "r", event="unheard_of"), Reason.UNKNOWN_EVENT),
        (elsewhere(0, "r", leaf_code="nowhere"), Reason.WRONG_GRID),
        (elsewhere(-3e9, "r"), Reason.CLOCK_SKEW),
    ],
    ids=["another event", "another grid", "another century"],
)
def test_a_report_that_cannot_be_used_is_refused(report: Reported, reason: Reason) -> None:
    line = Timeline(site()).push(report)
    assert (line.reasons, line.states) == ([reason], {})


def test_one_leaf_holds_fifty_incidents_and_refuses_more_by_name() -> None:
    line = Timeline(site()).push(*(elsewhere(n, f"r-{n}", 40.0 * n) for n in range(51)))
    assert (len(line.alerts), line.reasons[-1]) == (50, Reason.TOO_MANY)


def test_one_incident_is_reported_64_times_and_then_no_more() -> None:
    line = Timeline(site()).push(*(elsewhere(n, f"r-{n}") for n in range(65)))
    assert (line.last.measures[0].value, line.reasons[-1]) == (1, Reason.TOO_MANY)


def test_reports_too_unsure_to_be_told_are_forgotten_after_a_day() -> None:
    kind = event_type("crowding", COUNT)
    doubted = msgspec.structs.replace(kind.calibration, reported={"hotline": 0.2})
    line = Timeline(policy(events={"crowding": event_type("crowding", COUNT, calibration=doubted)}))
    line.push(elsewhere(0, "r-1", channel="hotline"), Tick(at(86_400)))
    assert line.reasons[0] is Reason.LOW_CONFIDENCE
    assert str(line.states).count("report:r-1") > 0
    line.push(Tick(at(86_401)), Tick(at(90_100)))
    assert str(line.states).count("report:r-1") == 0
