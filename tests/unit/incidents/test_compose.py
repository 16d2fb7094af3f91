"""The published alert: its envelope, its numbers, and what an officer reads."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from detectors.hits import Evidence, Hit
from pipeline import __version__
from pipeline.alerts import CloudEvent
from pipeline.incidents.policy import Policy
from pipeline.messages import Tick
from tests.builders import COUNT, LEAF, at, event_type, hit, policy, seconds_of
from tests.unit.incidents.timeline import Message, told

CROWD = [hit(0, 5), hit(2, 6), hit(4, 6)]
GROWN = [*CROWD, hit(5, 9)]
GONE = [*CROWD, hit(6, 0), hit(16, 0)]
LOST = [*CROWD, Tick(at(25 * 3600))]


def unsure() -> Policy:
    """One that sends every crowd to the desk first."""
    calibration = msgspec.structs.replace(policy().events["crowding"].calibration, direct_at=0.99)
    return policy(events={"crowding": event_type("crowding", COUNT, calibration=calibration)})


def last_of(messages: list[Message], decided_by: Policy | None = None) -> CloudEvent:
    return told(messages, decided_by or policy())[-1]


def test_the_envelope_is_a_cloudevent_that_consumers_can_drop_repeats_of() -> None:
    opened, resolved = told(GONE, policy())
    alert_id = opened.data.alert_id
    assert [event.id for event in (opened, resolved)] == [f"{alert_id}/1", f"{alert_id}/2"]
    assert (opened.specversion, opened.datacontenttype) == ("1.0", "application/json")
    assert opened.type == "cn.gridalert.alert.opened.v1"
    assert resolved.type == "cn.gridalert.alert.resolved.v1"
    assert (opened.source, opened.subject) == ("https://gridalert.example/test/pipeline", LEAF)
    assert (opened.partitionkey, opened.correlationid) == (alert_id, alert_id)
    assert (opened.time, resolved.time) == (at(4), at(16))


def test_the_number_for_people_is_district_local_time_and_a_piece_of_the_id() -> None:
    alert = last_of(CROWD).data
    assert alert.alert_no == f"510117-20260601080004-{alert.alert_id[:4]}"


@pytest.mark.parametrize(
    ("messages", "decided_by", "description"),
    [
        pytest.param(
            CROWD, policy(), "1个来源4秒内3次命中，置信度0.92，请08号网格员前往核实。",
            id="an opened alert asks the officer to go",
        ),
        pytest.param(
            CROWD, unsure(), "1个来源4秒内3次命中，置信度0.92，请值班席核实。",
            id="a queued alert asks the desk",
        ),
        pytest.param(
            GONE, policy(), "1个来源4秒内3次命中，置信度0.92，现场情况已消失，请核实后办结。",
            id="a resolved alert says that it is over",
        ),
        pytest.param(
            LOST, policy(),
            "1个来源4秒内3次命中，置信度0.92，已长时间看不到现场或无人处置，请人工核实。",
            id="an expired alert says that nobody could see",
        ),
    ],
)  # fmt: skip
def test_the_text_says_what_to_do(
    messages: list[Message], decided_by: Policy, description: str
) -> None:
    text = last_of(messages, decided_by).data.text
    assert text.description == description
    assert text.headline == "示例社区第7微网格 crowding 人员聚集 6人"
    assert text.lang == "zh-CN"


def test_an_exercise_is_marked_wherever_it_is_read() -> None:
    alert = last_of([msgspec.structs.replace(one, synthetic=True) for one in CROWD]).data
    assert alert.exercise
    assert alert.text.headline.startswith("【演练】")


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param(CROWD, ("Opened", 1, "present", "open", 6), id="opened with what is there"),
        pytest.param(GROWN, ("Updated", 2, "present", "open", 9), id="updated with the larger"),
        pytest.param(GONE, ("Resolved", 2, "cleared", "open", 6), id="resolved, yet to be handled"),
        pytest.param(LOST, ("Resolved", 2, "unknown", "expired", 6), id="expired, nobody knows"),
    ],
)
def test_an_alert_tells_where_the_incident_stands(
    messages: list[Message], expected: tuple[Any, ...]
) -> None:
    alert = last_of(messages).data
    stands = (alert.sequence, alert.condition, alert.handling, alert.measures[0].value)
    assert (type(alert).__name__, *stands) == expected


def test_times_and_counts_are_those_of_the_hits() -> None:
    alert = last_of(GONE).data
    times = (alert.first_seen_at, alert.last_seen_at, alert.opened_at, alert.updated_at)
    assert [seconds_of(time) for time in times] == [0, 4, 4, 16]
    assert (alert.observation.hit_count, alert.observation.source_count) == (3, 1)
    assert alert.observation.duration_s == 4


def test_provenance_names_what_decided_and_the_hits_it_rests_on() -> None:
    opened, resolved = (event.data.provenance for event in told(GONE, policy()))
    assert opened.pipeline == f"gridalert@{__version__}"
    assert (opened.models, opened.score_model) == (("objects@abc",), "logodds@1")
    assert (opened.rule, opened.policy_version) == ("crowding@2026.11", "p1")
    assert opened.first_hit_id == resolved.first_hit_id == CROWD[0].hit_id
    assert opened.last_hit_id == resolved.last_hit_id == CROWD[2].hit_id


@pytest.mark.parametrize(
    ("severity", "priority"),
    [("Extreme", 1), ("Severe", 2), ("Moderate", 3), ("Minor", 4), ("Unknown", 4)],
    ids=str,
)
def test_priority_follows_severity_whatever_the_level(severity: str, priority: int) -> None:
    kind = event_type("crowding", COUNT, severity=severity, event_level=4)
    alert = last_of(CROWD, policy(events={"crowding": kind})).data
    assert (alert.alarm_priority, alert.severity, alert.event_level) == (priority, severity, 4)


def pictured(one: Hit, sha256: str) -> Hit:
    shown = Evidence("snapshot", f"file:sha256/{sha256}.jpg", "image/jpeg", sha256,
                     one.occurred_at, ("person_top_quarter",), at(86400))  # fmt: skip
    return msgspec.structs.replace(one, evidence=(shown,))


def test_the_picture_is_the_one_that_shows_most_and_its_redaction_is_named() -> None:
    seen = [pictured(one, str(n)) for n, one in enumerate([hit(0, 5), hit(2, 8), hit(4, 6)])]
    alert = last_of(list(seen)).data
    assert [picture.sha256 for picture in alert.evidence] == ["1"]
    assert alert.privacy.redaction == ("person_top_quarter",)


def test_an_alert_without_a_picture_promises_no_redaction_and_is_kept_as_long() -> None:
    alert = last_of(CROWD, policy(retain_days=90)).data
    assert (alert.evidence, alert.privacy.redaction) == ((), ())
    assert alert.privacy.retain_until == alert.opened_at + timedelta(days=90)


def test_a_picture_of_an_earlier_crowd_is_not_shown_for_a_later_one() -> None:
    first = [pictured(one, "early") for one in (hit(0, 9), hit(2, 9), hit(4, 9))]
    later = [hit(second, 5) for second in (30, 32, 34)]
    alert = last_of([*first, hit(6, 0), hit(17, 0), *later]).data
    assert (alert.sequence, alert.evidence) == (1, ())


def test_what_passed_by_long_before_is_no_part_of_an_alert() -> None:
    passed_by = pictured(hit(0, 9), "early")
    alert = last_of([passed_by, hit(100, 5), hit(102, 5), hit(104, 5)]).data
    assert (alert.observation.hit_count, alert.evidence) == (3, ())
    assert seconds_of(alert.first_seen_at) == 100
