"""Small, valid things for tests: a policy with one place of each kind, and hits of its sources."""

from datetime import UTC, datetime, timedelta
from typing import Any

from detectors.hits import Hit, SeenObject, Source, Xyxy, hit_id_of
from pipeline.alerts import Address, AdminUnit, CloudEvent, Code, GridAlert, Location
from pipeline.feedback import (
    Actor,
    Assigned,
    Assignment,
    Closed,
    Closing,
    Evaluated,
    Evaluation,
    Reviewed,
    Verdict,
    Verified,
)
from pipeline.incidents.policy import (
    Calibration,
    DeadlineProfile,
    DeadlineRule,
    EventType,
    Leaf,
    Officer,
    OnCall,
    Over,
    Place,
    Policy,
    Rule,
    Watch,
    WorkCalendar,
)
from pipeline.messages import Given, LogRecord, Reported, encode
from pipeline.reports import Point, Report

T0 = datetime(2026, 6, 1, 0, 0, tzinfo=UTC)
# As nothing is reopened by looking, each episode is an alert of its own.
COUNT = Rule(
    Over.COUNT, raise_at=5, clear_below=3.5, hold_s=3, share=0.6, gap_s=15, clear_s=10, cooldown_s=0
)
STANDING = Rule(
    Over.OBJECTS,
    raise_at=1,
    clear_below=1,
    hold_s=60,
    share=0.6,
    gap_s=60,
    clear_s=60,
    cooldown_s=0,
)
MILLIAMP = Rule(
    Over.COUNT, raise_at=300, clear_below=240, hold_s=20, share=0.8, gap_s=60, clear_s=30,
    cooldown_s=0,
)  # fmt: skip
VAN: Xyxy = (0.85, 0.07, 0.94, 0.18)
LEAF = "510117001003002007"


def at(seconds: float) -> datetime:
    """Event time, seconds after the tests' beginning."""
    return T0 + timedelta(seconds=seconds)


def address(code: str = LEAF) -> Address:
    """Six levels down to a micro-grid."""
    return Address(
        city=AdminUnit("510100", "成都市"),
        district=AdminUnit("510117", "郫都区"),
        street=AdminUnit("510117001", "示例街道"),
        community=AdminUnit("510117001003", "示例社区"),
        grid=AdminUnit("510117001003002", "第二网格"),
        micro_grid=AdminUnit(code, f"第{code[-1]}微网格"),
        leaf_code=code,
        map_version="map-1",
        resolved_by="zone_config",
    )


def event_type(name: str, rule: Rule, **fields: Any) -> EventType:
    """A catalogue row."""
    row: dict[str, Any] = {
        "type": name,
        "label_zh": {"crowding": "人员聚集", "illegal_parking": "车辆违停"}.get(name, name),
        "label_en": name,
        "category": "城市管理",
        "event_level": 1,
        "severity": "Moderate",
        "detector": name,
        "measure": "people_count",
        "unit": "1",
        "measure_zh": "人",
        "rule": rule,
        "calibration": Calibration(0.7, 1.0, 1.21, 0.5, 0.8, review_at=0.45, direct_at=0.8),
        "codes": (Code("GB/T 28181 AlarmMethod/AlarmType", "5/10"),),
    }
    return EventType(**{**row, **fields})


OFFICER = Officer("510117001003-08", "08", "grid_officer", "term-08")
SUBSTITUTE = Officer("510117001003-07", "07", "grid_officer", "term-07")


def leaf(code: str = LEAF) -> Leaf:
    """A leaf grid whose officer is 08 and, when that one is away, 07."""
    chain = (OnCall(OFFICER, "leaf_grid"), OnCall(SUBSTITUTE, "substitute"))
    return Leaf(address(code), chain)


def policy(**fields: Any) -> Policy:
    """Crowding, parking and residual current, each at its own place in its own micro-grid."""
    rules = {"crowding": COUNT, "illegal_parking": STANDING, "residual_current": MILLIAMP}
    leaves = {
        "crowding": LEAF,
        "illegal_parking": LEAF[:-1] + "8",
        "residual_current": LEAF[:-1] + "9",
    }
    profile = {1: "same_day", 2: "calendar_days", 3: "working_days", 4: "none"}
    amounts = {1: 0, 2: 3, 3: 5, 4: 0}
    whole: dict[str, Any] = {
        "version": "p1",
        "tenant": "test",
        "source_uri": "https://gridalert.example/test/pipeline",
        "map_version": "map-1",
        "catalogue_version": "2026.11",
        "events": {name: event_type(name, rule) for name, rule in rules.items()},
        "places": {f"pl-{name}": Place(f"pl-{name}", name, code) for name, code in leaves.items()},
        "watches": {
            (source_of(name).id, "z"): Watch(name, f"pl-{name}", rule)
            for name, rule in rules.items()
        },
        "deadlines": DeadlineProfile(
            "zhenhai",
            "Asia/Shanghai",
            {n: DeadlineRule(basis, amounts[n]) for n, basis in profile.items()},  # type: ignore[arg-type]
        ),
        "calendar": WorkCalendar("cn@test", frozenset({2026}), {}),
        "leaves": {code: leaf(code) for code in leaves.values()},
        "officers": {one.id: one for one in (OFFICER, SUBSTITUTE)},
    }
    return Policy(**{**whole, **fields})


def source_of(event: str) -> Source:
    """The one source of each event type in `policy`."""
    return Source("sensor" if event == "residual_current" else "camera", f"src-{event}")


def hit(seconds: float, measure: float, event: str = "crowding", **fields: Any) -> Hit:
    """What the source of `event` saw at `seconds`."""
    source = source_of(event)
    code = LEAF[:-1] + {"crowding": "7", "illegal_parking": "8"}.get(event, "9")
    row: dict[str, Any] = {
        "hit_id": hit_id_of(source.id, "z", event, at(seconds), event),
        "event_type": event,
        "detector": event,
        "source": source,
        "zone_id": "z",
        "place_id": f"pl-{event}",
        "leaf_code": code,
        "map_version": "map-1",
        "occurred_at": at(seconds),
        "measure": measure,
        "unit": "1",
        "score": 0.55 if measure else 0.0,
        "quality": 1.0,
        "model": "objects@abc",
    }
    return Hit(**{**row, **fields})


def standing(seconds: float, *boxes: Xyxy, **fields: Any) -> Hit:
    """What the parking camera saw at `seconds`: standing vehicles at these places."""
    objects = tuple(SeenObject("vehicle", 0.55, box) for box in boxes)
    return hit(seconds, float(len(boxes)), "illegal_parking", objects=objects, **fields)


def reported(seconds: float, report_id: str, event: str = "crowding", **fields: Any) -> Reported:
    """What somebody at the place of `event` reported at `seconds`; `place_id` None: elsewhere."""
    spot = Location(104.0, 30.7)
    said: dict[str, Any] = {
        name: fields.pop(name) for name in ("channel", "photo", "words") if name in fields
    }
    of_report: dict[str, Any] = {
        "report_id": report_id,
        "event_type": event,
        "channel": "grid_patrol",
        "at": at(seconds),
        "point": Point(spot.lon, spot.lat, "WGS84"),
        **said,
    }
    row: dict[str, Any] = {
        "report": Report(**of_report),
        "leaf_code": LEAF[:-1] + {"illegal_parking": "8", "residual_current": "9"}.get(event, "7"),
        "resolved_by": "map",
        "location": spot,
        "place_id": f"pl-{event}",
    }
    return Reported(**{**row, **fields})


_WITH: dict[Any, dict[str, Any]] = {
    Assigned: {"assigned": Assignment(SUBSTITUTE.id)},
    Verified: {"verified": Verdict("true")},
    Reviewed: {"reviewed": Verdict("true")},
    Evaluated: {"evaluation": Evaluation(satisfied=True, score=5)},
    Closed: {"closed": Closing("resolved")},
}  # fmt: skip


def given(kind: Any, alert: GridAlert, when: float, **fields: Any) -> Given:
    """What a person did about an alert at second `when`."""
    row: dict[str, Any] = {
        "feedback_id": f"fb-{kind.__name__}-{when:g}",
        "alert_id": alert.alert_id,
        "grid_code": alert.grid.leaf_code,
        "at": at(when),
        "actor": Actor(OFFICER.id, "grid_officer"),
        **_WITH.get(kind, {}),
    }
    return Given(kind(**{**row, **fields}))


def record(message: LogRecord) -> tuple[bytes | None, bytes]:
    """Key and value of a message on the log."""
    key = None
    if isinstance(message, Hit | Reported):
        key = message.leaf_code.encode()
    elif isinstance(message, Given):
        key = message.feedback.grid_code.encode()
    return key, encode(message)


def actions(alerts: list[CloudEvent]) -> list[str]:
    """What was published, in short."""
    return [type(alert.data).__name__.lower() for alert in alerts]


def seconds_of(when: datetime) -> float:
    """The inverse of `at`."""
    return (when - T0).total_seconds()
