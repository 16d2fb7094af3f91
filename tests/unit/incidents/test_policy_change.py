"""A new version of the site while incidents are open: what stays, what ends, what is reckoned."""

from datetime import date
from typing import Any

import msgspec

from detectors.hits import Hit
from pipeline.alerts import NoDeadline
from pipeline.feedback import Accepted, Closed
from pipeline.incidents.policy import Place, Policy, Watch, WorkCalendar
from pipeline.messages import PolicyChange, Reason
from tests.builders import COUNT, LEAF, at, event_type, given, hit, policy, reported
from tests.unit.incidents.timeline import Timeline

TO_P2 = PolicyChange("p2")


def later(**fields: Any) -> Policy:
    return policy(version="p2", **fields)


def crowd(people: float, *seconds: float) -> list[Hit]:
    return [hit(second, people) for second in seconds]


def test_an_open_incident_keeps_its_id_and_address_and_goes_on() -> None:
    leaf = policy().leaves[LEAF]
    renamed = msgspec.structs.replace(leaf.address, map_version="map-2")
    moved = msgspec.structs.replace(leaf, address=renamed)
    line = Timeline(policy(), later(leaves={**policy().leaves, LEAF: moved}, map_version="map-2"))
    line.push(*crowd(6, 0, 2, 4), TO_P2, *crowd(9, 6), *crowd(0, 8, 18))
    assert line.lines == [
        (4, "opened", ""),
        (6, "updated", "measure_grew"),
        (18, "resolved", "condition_cleared"),
    ]
    assert len({(alert.alert_id, alert.grid, alert.opened_at) for alert in line.alerts}) == 1
    versions = [alert.provenance.policy_version for alert in line.alerts]
    assert versions == ["p1", "p2", "p2"]


def test_a_candidate_keeps_the_time_that_it_has_lasted() -> None:
    line = Timeline(policy(), later()).push(*crowd(6, 0, 2), TO_P2, *crowd(6, 4))
    assert line.lines == [(4, "opened", "")]
    assert line.last.first_seen_at == at(0)


def test_a_new_rule_decides_from_there_on() -> None:
    stricter = msgspec.structs.replace(COUNT, raise_at=10, clear_below=7)
    watches = {("src-crowding", "z"): Watch("crowding", "pl-crowding", stricter)}
    events = {"crowding": event_type("crowding", stricter)}
    line = Timeline(policy(), later(watches=watches, events=events))
    line.push(*crowd(6, 0, 2, 4), TO_P2, *crowd(6, 6, 16))
    assert line.lines == [(4, "opened", ""), (16, "resolved", "condition_cleared")]


def without(event: str) -> dict[str, Any]:
    plain = policy()
    return {
        "events": {name: kind for name, kind in plain.events.items() if name != event},
        "watches": {key: w for key, w in plain.watches.items() if w.event_type != event},
    }


def test_what_is_watched_no_more_is_superseded_and_people_can_still_close_it() -> None:
    line = Timeline(policy(), later(**without("crowding"))).push(*crowd(6, 0, 2, 4), TO_P2)
    assert line.lines == [(4, "opened", ""), (4, "resolved", "superseded")]
    assert line.last.handling == "open"
    line.push(*crowd(9, 6), given(Closed, line.last, 10))
    assert line.reasons[-2] is Reason.UNKNOWN_CAMERA
    assert line.lines[2:] == [(10, "resolved", "closed_by_dispatch")]


def test_a_place_that_is_gone_or_elsewhere_supersedes_what_was_open_there() -> None:
    plain = policy()
    gone = {id_: place for id_, place in plain.places.items() if id_ != "pl-crowding"}
    other = {**plain.places, "pl-crowding": Place("pl-crowding", "square", LEAF[:-1] + "9")}
    for places in (gone, other):
        line = Timeline(plain, later(places=places)).push(*crowd(6, 0, 2, 4), TO_P2)
        assert line.lines == [(4, "opened", ""), (4, "resolved", "superseded")]


def test_a_candidate_that_is_watched_no_more_is_forgotten_without_a_word() -> None:
    line = Timeline(policy(), later(**without("crowding"))).push(*crowd(6, 0, 2), TO_P2)
    assert (line.lines, "crowding" in str(line.states)) == ([], False)


def test_a_spot_that_only_reports_know_outlives_the_cameras() -> None:
    line = Timeline(policy(), later(watches={}))
    line.push(reported(0, "r-1", place_id=None), TO_P2, reported(9, "r-2", place_id=None))
    assert line.lines == [(0, "opened", "")]
    assert line.reasons[-1] is Reason.SAME_INCIDENT


def test_a_calendar_that_is_published_moves_deadlines_and_says_so_once() -> None:
    events = {"crowding": event_type("crowding", COUNT, event_level=3)}  # five working days
    holidays = {date(2026, 6, day): False for day in (2, 3)}
    published = WorkCalendar("cn@published", frozenset({2026}), holidays)
    unpublished = WorkCalendar("cn@test", frozenset(), {})
    first = policy(events=events, calendar=unpublished)
    line = Timeline(first, later(events=events, calendar=published))
    line.push(*crowd(6, 0, 2, 4), *crowd(0, 6, 16, 30), TO_P2, TO_P2)  # let go meanwhile
    assert line.lines[2:] == [(16, "updated", "deadline_recomputed")]
    before, after = line.alerts[0].deadline, line.last.deadline
    assert not isinstance(before, NoDeadline)
    assert not isinstance(after, NoDeadline)
    assert (before.calendar_status, after.calendar_status) == ("provisional", "published")
    assert (after.due_at - before.due_at).days == 2
    assert line.reasons[-2:] == [Reason.POLICY_CHANGED] * 2


def test_a_version_that_nobody_knows_is_refused_and_the_old_one_goes_on() -> None:
    line = Timeline(policy()).push(*crowd(6, 0, 2), TO_P2, *crowd(6, 4))
    assert line.reasons[2] is Reason.UNKNOWN_POLICY
    assert line.lines == [(4, "opened", "")]
    assert line.last.provenance.policy_version == "p1"


def test_rules_for_looking_again_do_not_rewrite_what_people_did_before() -> None:
    """An alert that was closed and reopened by looking stays open whatever recheck_s becomes."""

    def site(version: str, recheck_s: float) -> Policy:
        rule = msgspec.structs.replace(COUNT, recheck_s=recheck_s)
        return policy(version=version, events={"crowding": event_type("crowding", rule)})

    line = Timeline(site("p1", 30), site("p2", 600)).push(*crowd(6, 0, 2, 4))
    line.push(given(Closed, line.last, 10), *crowd(6, *range(12, 50, 4)), TO_P2)
    assert [reason for _, _, reason in line.lines] == ["", "closed_by_dispatch", "reopened"]
    line.push(given(Accepted, line.last, 60))
    assert (line.last.handling, line.last.reopened) == ("accepted", 1)
