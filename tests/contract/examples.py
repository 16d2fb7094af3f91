"""One example of each message we publish or take; the alerts are decided by the real fold."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from detectors.hits import Evidence, Hit, Reading, Source
from detectors.measured import Measured
from pipeline import feedback as said
from pipeline.alerts import CloudEvent, GridAlert, Location
from pipeline.incidents.decision import Step
from pipeline.incidents.policy import Calibration, Leaf, Officer, OnCall, Place, Policy, Watch
from pipeline.messages import DeadLetter, Given, Reason, Reported, encode
from pipeline.readings import Watched, look_at_reading
from pipeline.replay import Fold
from pipeline.reports import Photo, Point, Report
from pipeline.site.model import Sensor
from pipeline.topics import FEEDBACK, HITS
from pipeline.wire import Headers, dead_letter_headers, record_headers
from tests.builders import (
    COUNT,
    LEAF,
    MILLIAMP,
    STANDING,
    VAN,
    address,
    at,
    event_type,
    hit,
    policy,
    record,
    standing,
)
from tests.unit.incidents.wires import BRIEF, LOAD, SHIPPED, load, six_looks

SOCKET = Sensor(
    id="ebike-sock-22",
    name="3号楼充电插座 22",
    datastream="residual_current",
    unit="mA",
    event_type="residual_current",
    detector="measured",
    place_id="pl-0934",
    leaf_code=LEAF[:-1] + "9",
    params={"alarm_ma": 300},
)
CAMERA = Source("camera", "cam-510117-000007", "51011700001320000007")


def example_policy() -> Policy:
    """Four places of one community: a junction, a fire lane, a row of charging sockets and a yard
    in which cables hang.
    """
    officer = Officer("510117001003-08", "08", "grid_officer", "term-08")
    leaves = {
        LEAF[:-1] + digit: Leaf(address(LEAF[:-1] + digit), (OnCall(officer, "leaf_grid"),))
        for digit in "789"
    }
    names = {"7": ("pl-0931", "北路口"), "8": ("pl-0932", "消防通道"), "9": ("pl-0934", "充电棚")}
    events = [
        event_type("crowding", COUNT),
        event_type("illegal_parking", STANDING, measure="standing_vehicles", measure_zh="辆"),
        event_type(
            "residual_current",
            MILLIAMP,
            label_zh="剩余电流超限",
            label_en="Residual current too high",
            category="安全生产",
            event_level=3,
            severity="Severe",
            measure="residual_current",
            unit="mA",
            measure_zh="mA",
            codes=(),
            # Whoever cuts a house's power wants to be very sure: below 0.97 the desk looks first.
            calibration=Calibration(0.6, 1.0, 0.0, 0.5, 0.8, review_at=0.45, direct_at=0.97),
        ),
        msgspec.structs.replace(SHIPPED, rule=BRIEF),
        event_type("charging_load", LOAD, label_zh="电动自行车充电", label_en="E-bike charging"),
    ]
    return policy(
        events={event.type: event for event in events},
        places={
            id_: Place(id_, name, LEAF[:-1] + digit, SPOT) for digit, (id_, name) in names.items()
        }
        | {"yard": Place("yard", "3号楼东侧", LEAF, SPOT)},
        leaves=leaves,
        officers={officer.id: officer},
        watches={
            (CAMERA.id, "junction"): Watch("crowding", "pl-0931", COUNT),
            (CAMERA.id, "fire-lane"): Watch("illegal_parking", "pl-0932", STANDING),
            (SOCKET.id, SOCKET.datastream): Watch("residual_current", "pl-0934", MILLIAMP),
            ("cam", "z"): Watch("flying_wire", "yard", BRIEF),
            ("charging_load-yard-1", "z"): Watch("charging_load", "yard", LOAD),
        },
    )


SPOT = Location(103.9012, 30.8075)


def picture(seconds: float, *redaction: str) -> tuple[Evidence, ...]:
    """What ingest says of a stored picture."""
    sha256 = f"{int(seconds):064x}"
    uri = f"https://evidence.example/sha256/{sha256}.jpg"
    expires_at = at(seconds + 30 * 86400)
    return (Evidence("snapshot", uri, "image/jpeg", sha256, at(seconds), redaction, expires_at),)  # type: ignore[arg-type]


def crowd() -> list[Hit]:
    """Five people come, nine are there, and they go."""
    seen = [(0, 2.0), (2, 5.0), (3, 6.0), (5, 6.0), (6, 7.0), (20, 9.0), (30, 3.0), (41, 1.0)]
    return [
        hit(
            second, people, source=CAMERA, zone_id="junction", place_id="pl-0931",
            evidence=picture(second, "person_top_quarter") if people in (6, 9) else (),
        )
        for second, people in seen
    ]  # fmt: skip


def parked_van() -> list[Hit]:
    """A van stands in the fire lane for a minute."""
    return [
        standing(
            second, VAN, source=CAMERA, zone_id="fire-lane", place_id="pl-0932",
            evidence=picture(second, "vehicle_lower_band") if second == 0 else (),
        )
        for second in range(0, 61, 20)
    ]  # fmt: skip


def readings() -> list[Reading]:
    """A meter whose own quality is uncertain says 420 mA for half a minute."""
    return [
        Reading(
            f"ebike-sock-22/residual_current/{second}", SOCKET.id, SOCKET.datastream, at(second),
            420.5, "mA", "uncertain", second // 5,
        )
        for second in range(0, 31, 5)
    ]  # fmt: skip


def leaks() -> list[Hit]:
    """What the relay makes of `readings`."""
    watched = {(SOCKET.id, SOCKET.datastream): Watched(SOCKET, "map-1", Measured({}))}
    now = datetime(2026, 6, 1, tzinfo=UTC)
    seen = [look_at_reading(encode(reading), watched, now, 300) for reading in readings()]
    return [one for one in seen if isinstance(one, Hit)]


def hung_wire() -> list[Hit]:
    """A breaker sees that a battery is charged; a camera sees a cable for five minutes."""
    return [load(0, 0.9), *six_looks(10)]


REPORT = Report(
    report_id="mini-20260601-000017",
    event_type="illegal_parking",
    channel="citizen_photo",
    at=at(90),
    point=Point(103.9013, 30.8076, "CGCS2000"),
    words="消防通道被面包车堵住了",
    photo=Photo("https://reports.example/p/17.jpg", "image/jpeg", "ab" * 32, at(30 * 86400)),
)


def feedback(alert: GridAlert) -> list[said.Feedback]:
    """Each thing that people may do about an alert, on the hour."""
    officer, desk = said.Actor("510117001003-08", "grid_officer"), said.Actor("desk-2", "duty_desk")

    def given(kind: type[Any], hour: int, actor: said.Actor, **fields: Any) -> Any:
        id_ = f"wo-771-{hour}"
        return kind(
            feedback_id=id_, alert_id=alert.alert_id, grid_code=alert.grid.leaf_code,
            at=at(hour * 3600), actor=actor, based_on_sequence=1, **fields,
        )  # fmt: skip

    seen = said.Verdict("true", "real_event")
    return [
        given(said.Accepted, 1, desk, work_order_no="ZZ20260601-000771"),
        given(said.Rejected, 2, officer),
        given(said.Assigned, 3, desk, assigned=said.Assignment("510117001003-07", 2)),
        given(said.Arrived, 4, officer),
        given(said.HandledOnSite, 5, officer),
        given(said.Verified, 6, officer, verified=seen),
        given(said.Reviewed, 7, desk, reviewed=said.Verdict("false", "bad_picture")),
        given(said.Evaluated, 8, said.Actor("resident", "resident"),
              evaluation=said.Evaluation(satisfied=True, score=5)),
        given(said.Closed, 9, desk, closed=said.Closing("resolved")),
        given(said.Reopened, 10, desk),
    ]  # fmt: skip


def as_event(one: said.Feedback) -> said.FeedbackEvent:
    """Feedback as a dispatch service sends it."""
    type_ = f"cn.gridalert.dispatch.{said.action_of(one)}.v1"
    return said.FeedbackEvent("1.0", one.feedback_id, "https://dispatch.example/pidu", type_, one)


def decided() -> list[Step]:
    """What the fold makes of what is seen, of the van's being accepted, and of a cable; one record
    after the other in partition 0.
    """
    fold = Fold(example_policy())
    seen = [*crowd(), *parked_van(), *leaks()]
    steps = [fold.apply(0, offset, *record(one)) for offset, one in enumerate(seen)]
    accepted = encode(Given(feedback(van_of(steps))[0]))
    leaf = van_of(steps).grid.leaf_code.encode()
    steps.append(fold.apply(0, len(seen), leaf, accepted))
    wires = enumerate(hung_wire(), len(steps))
    return [*steps, *(fold.apply(0, offset, *record(one)) for offset, one in wires)]


def alerts_of(steps: list[Step]) -> list[CloudEvent]:
    """What was published, in order."""
    return [alert for step in steps for alert, _ in step.alerts]


def van_of(steps: list[Step]) -> GridAlert:
    """The first alert of the parked van."""
    alerts = [alert.data for alert in alerts_of(steps)]
    return next(alert for alert in alerts if alert.event.type == "illegal_parking")


def sent() -> list[tuple[bytes, bytes, Headers]]:
    """Key, value and headers of each alert, as the worker sends them."""
    return [
        (
            alert.partitionkey.encode(),
            encode(alert),
            list(record_headers(HITS, first, (0, offset)).items()),
        )
        for offset, step in enumerate(decided())
        for alert, first in step.alerts
    ]


def dead_letter() -> dict[str, str]:
    """The headers of feedback on nobody's alert, by name."""
    letter = DeadLetter(
        Reason.UNKNOWN_ALERT, "fold", "no alert 97c6e53b-e49d-5ecb-837e-764365deadfb here",
        "echo alert_id and grid_code of the alert as published",
    )  # fmt: skip
    headers = dead_letter_headers(letter, at(10), origin=(FEEDBACK, 3, 1042))
    return {name: value.decode() for name, value in headers}


def examples() -> dict[str, bytes]:
    """The values as they stand on the topics, by SCHEMA.NAME."""
    steps = decided()
    named = {
        f"grid-alert.{alert.data.event.type}-{type(alert.data).__name__.lower()}": alert
        for alert in alerts_of(steps)
    }
    van = van_of(steps)
    answers = {f"feedback.{said.action_of(one)}": as_event(one) for one in feedback(van)}
    spot = Location(REPORT.point.lon, REPORT.point.lat)
    messages = {
        **named,
        **answers,
        "report.citizen_photo": REPORT,
        "hit.crowding": crowd()[2],
        "hit.flying_wire": hung_wire()[1],
        "hit.report": Reported(REPORT, LEAF[:-1] + "8", "map", spot, "pl-0932"),
        "hit.feedback": Given(feedback(van)[0]),
        "reading.residual_current": readings()[0],
        "decision.opened": next(
            one.decision for one in steps if one.decision and one.decision.outcome == "opened"
        ),
        "dead-letter-headers.unknown_alert": dead_letter(),
    }
    return {name: msgspec.json.encode(message) for name, message in messages.items()}
