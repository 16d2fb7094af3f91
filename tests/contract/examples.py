"""One example of each message we publish or take, decided by the real fold."""

from datetime import UTC, datetime

from detectors.electricity import Electricity
from detectors.hits import Evidence, Hit, Reading, Source
from pipeline.alerts import Location
from pipeline.incidents.policy import Calibration, Officer, Place, Policy, Watch
from pipeline.messages import encode
from pipeline.readings import Watched, look_at_reading
from pipeline.replay import Fold
from pipeline.site.model import Sensor
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

SOCKET = Sensor(
    id="ebike-sock-22",
    name="3号楼充电插座 22",
    datastream="residual_current",
    unit="mA",
    event_type="residual_current",
    detector="electricity",
    place_id="pl-0934",
    leaf_code=LEAF[:-1] + "9",
    params={"alarm_ma": 300},
)
CAMERA = Source("camera", "cam-510117-000007", "51011700001320000007")


def example_policy() -> Policy:
    """Three places of one community: a junction, a fire lane, and a row of charging sockets."""
    officer = Officer("510117001003-08", "08", "grid_officer", "term-08")
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
    ]
    return policy(
        events={event.type: event for event in events},
        places={
            id_: Place(id_, name, address(LEAF[:-1] + digit), officer, ("510117001003-07",), SPOT)
            for digit, (id_, name) in names.items()
        },
        watches={
            (CAMERA.id, "junction"): Watch("crowding", "pl-0931", COUNT),
            (CAMERA.id, "fire-lane"): Watch("illegal_parking", "pl-0932", STANDING),
            (SOCKET.id, SOCKET.datastream): Watch("residual_current", "pl-0934", MILLIAMP),
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
    watched = {(SOCKET.id, SOCKET.datastream): Watched(SOCKET, "map-1", Electricity({}))}
    now = datetime(2026, 6, 1, tzinfo=UTC)
    seen = [look_at_reading(encode(reading), watched, now, 300) for reading in readings()]
    return [one for one in seen if isinstance(one, Hit)]


def examples() -> dict[str, bytes]:
    """The values as they stand on the topics, by SCHEMA.NAME."""
    fold = Fold(example_policy())
    alerts, decisions = [], []
    for offset, one in enumerate([*crowd(), *parked_van(), *leaks()]):
        done = fold.apply(0, offset, *record(one))
        alerts += [alert for alert, _ in done.alerts]
        decisions += [done.decision]
    named = {
        f"grid-alert.{alert.data.event.type}-{type(alert.data).__name__.lower()}": alert
        for alert in alerts
    }
    messages = {
        **named,
        "hit.crowding": crowd()[2],
        "reading.residual_current": readings()[0],
        "decision.opened": next(d for d in decisions if d and d.outcome == "opened"),
    }
    return {name: encode(message) for name, message in messages.items()}
