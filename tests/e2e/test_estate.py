"""What a grid centre gets to see, on the real Kafka: one story each, read as a time line; then what
people say about alerts, whoever sends it, however, and however often.

The stories are told in stories.py, people's answers in answers.py, the site is that of estate.py.
One file, so that one worker of pytest hears them all and they are told once.
"""

import hashlib
import json
import re
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from pipeline.alerts import Direct, GridAlert, Opened, Queue, decode_alert
from pipeline.messages import Given, decode_log_record, encode
from pipeline.replay import Fold, LogLine, distinct_alerts, log_line, replay
from tests.e2e import estate, stories
from tests.e2e.answers import CLOSED
from tests.e2e.conftest import CHENGDU, Told, line
from tests.e2e.stories import RECEIVED, TICKET_EVENTS, at

SIX_LEVELS = ("city", "district", "street", "community", "grid", "micro_grid")
OPEN = {"open", "accepted", "in_progress"}
MADE_BY_PEOPLE = (
    "handling", "handled", "verdict", "deadline", "routing", "event_level", "reopened",
)  # fmt: skip


def levels(alert: GridAlert) -> list[str]:
    """Codes from city down to the leaf grid."""
    units = (getattr(alert.grid, level) for level in SIX_LEVELS)
    return [unit.code for unit in units if unit is not None]


def test_one_crowd_before_three_cameras_and_a_counter_is_one_alert(told: Told) -> None:
    crowd = told.of(estate.PLAZA)
    assert line(crowd) == [
        ("10:00:08", "opened", "21", "direct"),
        ("10:00:16", "measure_grew", "21", "direct"),
        ("10:00:31", "condition_cleared", "21", "direct"),
    ]
    assert {one.alert_id for one in crowd} == {crowd[0].alert_id}
    assert [one.measures[0].value for one in crowd] == [6, 9, 9]
    opened, updated, resolved = crowd
    assert opened.first_seen_at == at("06-01 10:00:00")
    assert {one.id for one in opened.observation.sources} == set(estate.GATES)
    assert {one.id for one in updated.observation.sources} == {*estate.GATES, estate.COUNTER}
    assert resolved.observation.source_count == 4
    assert updated.confidence >= opened.confidence >= 0.8
    assert (resolved.condition, resolved.handling) == ("cleared", "open")


def test_a_crowd_has_a_picture_of_each_camera_and_one_that_is_gone_only_warns(told: Told) -> None:
    hashes = {id_: hashlib.sha256(stories.picture(id_)).hexdigest() for id_ in estate.GATES}
    for alert in told.of(estate.PLAZA):
        assert {one.sha256 for one in alert.evidence} == set(hashes.values())
        assert all(one.uri.endswith(f"sha256/{one.sha256}.jpg") for one in alert.evidence)
    *kept, gone = hashes.values()
    for sha256 in kept:  # an hour before, now as long as the alert promises
        expires_s = (told.folder / "evidence" / "sha256" / f"{sha256}.jpg").stat().st_mtime
        assert expires_s > told.began_s + timedelta(days=29).total_seconds()
    assert f"evidence file:evidence/sha256/{gone}.jpg of alert" in told.worker_log
    assert not any(sha256 in told.worker_log for sha256 in kept)


def test_a_parking_zone_over_two_grids_is_two_alerts_to_two_officers(told: Told) -> None:
    north, south = (told.of(leaf) for leaf in estate.KERBS)
    assert line(north) == [("07:51:00", "opened", "07", "direct")]
    assert line(south) == [("07:51:00", "opened", "11", "direct")]
    (one,), (other,) = north, south
    assert one.alert_id != other.alert_id
    assert one.observation.sources == other.observation.sources
    assert (one.place.name, other.place.name) == ("小学北门", "小学南门")


def test_fifteen_micro_grids_of_one_estate_are_fifteen_alerts_to_fifteen_officers(
    told: Told,
) -> None:
    surge = [told.of(leaf) for leaf in estate.BLOCKS]
    assert [line(alerts) for alerts in surge] == [
        [("21:00:20", "opened", f"{n:02d}", "direct")] for n in range(1, 16)
    ]
    alerts = [alert for (alert,) in surge]
    assert len({alert.alert_id for alert in alerts}) == 15
    assert {alert.grid.community.code for alert in alerts} == {estate.PIDU}
    for alert, leaf in zip(alerts, estate.BLOCKS, strict=True):
        assert levels(alert) == ["510100", "510117", "510117001", estate.PIDU, leaf[:15], leaf]


def naidong(alert: dict[str, Any]) -> str:
    """The sentence of Naidong's centre, of an alert's JSON and nothing else."""
    captured = {"snapshot", "crop"} & {one["kind"] for one in alert["evidence"]}
    return (
        f"{alert['routing']['assignee']['number']}号网格员，"
        f"{alert['place']['name']}附近有{alert['event']['situation']}情况，"
        f"目前已{'被监控抓拍' if captured else '有人上报'}，"
        f"{'已发送你终端，请及时前往处置！' if alert['routing']['mode'] == 'direct' else ''}"
    )


def test_the_sentence_of_naidong_is_in_the_alert(told: Told) -> None:
    assert line(told.of(estate.ZEDANG)) == [("15:01:00", "opened", "08", "direct")]
    values = [json.loads(value)["data"] for value in told.alerts]
    (alert,) = [one for one in values if one["grid"]["leaf_code"] == estate.ZEDANG]
    said = (
        "08号网格员，泽当新村附近有车辆违规停放情况，"
        "目前已被监控抓拍，已发送你终端，请及时前往处置！"
    )
    assert alert["text"]["notice"] == said
    assert naidong(alert) == said
    assert "micro_grid" not in alert["grid"]
    assert alert["grid"]["grid"]["code"] == alert["grid"]["leaf_code"]
    assert alert["routing"]["assignee"]["terminal_id"] == "term-zedang-08"


def test_the_case_of_erqi_is_in_the_alert_step_by_step(told: Told) -> None:
    case = told.of(estate.MIAOPU)
    assert line(case) == [
        ("10:00:00", "opened", "03", "queue"),  # one citizen's word: the desk decides
        ("10:02:00", "deadline_recomputed", "03", "queue"),
        ("10:10:00", "officer_changed", "03", "direct"),
        ("14:40:00", "handling_changed", "03", "direct"),
        ("15:00:00", "closed_by_dispatch", "03", "direct"),
        ("15:30:00", "handling_changed", "03", "direct"),
        ("16:00:00", "handling_changed", "03", "direct"),
    ]
    first, last = case[0], case[-1]
    # 接收、派单、办结、核实、评价: what Erqi's platform tells of it, and how long each took.
    steps = {one.action: one.at for one in last.handled}
    of_erqi = ["assigned", "closed", "verified", "evaluated"]
    instants = [last.opened_at, *(steps[action] for action in of_erqi)]
    took = [after - before for before, after in pairwise(instants)]
    assert last.opened_at == at("06-27 10:00:00")
    assert [one.total_seconds() / 60 for one in took] == [10, 290, 30, 30]
    assert steps["closed"] - last.opened_at == timedelta(hours=5)
    assert [(one.action, one.role, one.handling) for one in last.handled] == [
        ("accepted", "street_centre", "accepted"),
        ("assigned", "street_centre", "in_progress"),
        ("handled", "department", "in_progress"),
        ("closed", "street_centre", "closed"),
        ("verified", "grid_officer", "closed"),
        ("evaluated", "resident", "closed"),
    ]
    assert (last.handling, last.verdict, last.handled[-1].satisfied) == ("closed", "true", True)
    assert ["已办结。" in one.text.notice for one in case] == [False] * 4 + [True] * 3
    assert first.observation.sources[0].channel == stories.CITIZEN
    assert [type(one.routing) for one in case[1:3]] == [Queue, Direct]


def test_the_deadline_of_erqi_is_final_once_the_case_is_accepted(told: Told) -> None:
    first, *rest = (one.deadline for one in told.of(estate.MIAOPU))
    assert (getattr(first, "status", ""), {getattr(one, "status", "") for one in rest}) == (
        "provisional", {"final"},
    )  # fmt: skip
    assert {getattr(one, "counted_from", None) for one in rest} == {at("06-27 10:02:00")}
    assert {one.due_at for one in (first, *rest)} == {at("06-28 00:00:00")}


def test_erqi_calls_its_levels_by_their_names_and_finds_a_telephones_point(told: Told) -> None:
    (opened,) = (one for one in told.of(estate.MIAOPU) if isinstance(one, Opened))
    assert opened.grid.resolved_by == "map"
    assert [getattr(opened.grid, level).label for level in SIX_LEVELS] == [
        "", "", "一级网格", "二级网格", "三级网格", "",
    ]  # fmt: skip
    assert levels(opened)[-1] == estate.MIAOPU
    assert opened.location is not None
    assert (opened.location.lon, opened.location.lat) == pytest.approx(
        estate.centre(estate.MIAOPU), abs=1e-5
    )
    assert f"{opened.opened_at.astimezone(CHENGDU):%m-%d}" == "06-27"


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
