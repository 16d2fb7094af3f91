"""What happens in the estate, story by story: the records that cameras, sensors and people send.

A story is a list of rounds: records of one round may reach the log in any order, and all of them
are decided before the next round is sent. What people answer is in answers.py.
"""

import hashlib
from datetime import datetime, timedelta

import msgspec

from detectors.hits import Evidence, Hit, Reading, SeenObject, Source, Xyxy, hit_id_of
from pipeline.messages import encode
from pipeline.reports import Channel, Point, Report
from pipeline.topics import HITS, READINGS, REPORTS
from tests.builders import VAN
from tests.e2e import estate

Record = tuple[str, bytes, bytes]  # topic, key, value
Rounds = list[list[Record]]

# Only tickets are of these: the metrics have no grid.
TICKET_EVENTS = (
    "private_wiring", "dangerous_electricity_use", "power_facility_damage", "rubbish_pile",
    "road_damage", "facade_falling", "door_damage", "dispute",
)  # fmt: skip
RECEIVED = 286
CITIZEN: Channel = "citizen_photo"
PATROL: Channel = "grid_patrol"


def at(when: str) -> datetime:
    """Of 2026 in Chengdu: month-day hours:minutes:seconds."""
    return datetime.fromisoformat(f"2026-{when}+08:00")


# What is seen, measured and reported -------------------------------------------------------


def crowd() -> Rounds:
    """Three cameras and a counter see one crowd: six, then nine people, then it goes."""
    begin = at("06-01 10:00:00")

    def by_camera(n: int, *people: tuple[int, int]) -> list[Record]:
        return [
            seen(estate.GATES[n], "crowding", ("pl-plaza", estate.PLAZA), begin + secs(s), count)
            for s, count in people
        ]

    def counted(*people: tuple[int, int]) -> list[Record]:
        return [
            read(estate.COUNTER, "people_count", "1", begin + secs(s), count) for s, count in people
        ]

    return [
        sorted(
            by_camera(0, (0, 6), (2, 6), (4, 6), (6, 6), (8, 6))
            + by_camera(1, (1, 5), (3, 6), (5, 6), (7, 6))
            + by_camera(2, (3, 6), (5, 5), (7, 6)),
            key=lambda record: msgspec.json.decode(record[2])["occurred_at"],
        ),
        counted((10, 6), (13, 6), (16, 9)),
        [
            *(record for n in range(3) for record in by_camera(n, (20, 1), (31, 0))),
            *counted((20, 1), (31, 0)),
        ],
    ]


def picture(camera: str) -> bytes:
    """What this camera's evidence is; only its hash matters here."""
    return b"\xff\xd8" + camera.encode()


def parking() -> Rounds:
    """Vans stand for a minute on both sides of the border of two grids, in front of one camera."""
    return [
        [
            seen(estate.KERB, "illegal_parking", place, at("06-02 07:50:00") + secs(s), 1, VAN)
            for s in range(0, 61, 20)
            for place in zip(("pl-kerb-1", "pl-kerb-2"), estate.KERBS, strict=True)
        ]
    ]


def new_village() -> Rounds:
    """A van stands in Zedang New Village."""
    place, begin = ("pl-new-village", estate.ZEDANG), at("06-03 15:00:00")
    return [
        [
            seen(estate.NEW_VILLAGE, "illegal_parking", place, begin + secs(s), 1, VAN)
            for s in range(0, 61, 20)
        ]
    ]


def surge() -> Rounds:
    """A wet night: in each of fifteen blocks the current leaks at the same time."""
    return [
        [
            read(socket, "residual_current", "mA", at("06-04 21:00:00") + secs(s), 420.0)
            for s in (0, 10, 20)
            for socket in estate.SOCKETS
        ]
    ]


def erqi() -> Rounds:
    """What a citizen of Erqi reported at ten, where a telephone's map says it is."""
    # GCJ-02 of the middle of estate.MIAOPU; read as WGS84 it lies in no grid at all.
    point = Point(113.65858, 34.73785, "GCJ-02")
    report = Report("zhb-0627-1", "street_vending", CITIZEN, at("06-27 10:00:00"), point)
    return [[(REPORTS, b"zhb", encode(report))]]


def tickets() -> Rounds:
    """286 things that people of 26 grids report within a morning, each a case of its own."""
    records = []
    for n in range(RECEIVED):
        leaf, turn = estate.SARE[n % 26], n // 26
        event, spot = TICKET_EVENTS[turn % 8], turn // 8
        when = at("06-10 08:00:00") + secs(30 * n)
        records.append(report(f"sare-{n:03d}", event, CITIZEN, leaf, when, spot))
    return [records]


def vendors() -> Rounds:
    """Four vendors in each of ten streets, seen by officers on patrol."""
    return [
        [
            report(
                f"vendor-{n:02d}",
                "street_vending",
                PATROL,
                leaf,
                at("07-01 09:00:00") + secs(n),
                n % 4,
            )
            for n, leaf in enumerate(leaf for leaf in estate.STREETS for _ in range(4))
        ]
    ]


def letter() -> Rounds:
    """One thing that is reported, and about which only nonsense will be said."""
    when = at("07-02 10:00:00")
    return [[report("letter-1", "street_vending", PATROL, estate.LETTERS, when, 0)]]


STORIES = (crowd, parking, new_village, surge, erqi, tickets, vendors, letter)


def rounds() -> Rounds:
    """Round by round what all stories send."""
    told = [story() for story in STORIES]
    return [
        [record for one in told if n < len(one) for record in one[n]]
        for n in range(max(map(len, told)))
    ]


# One record ---------------------------------------------------------------------------------


def secs(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def seen(
    camera: str, event: str, place: tuple[str, str], when: datetime, measure: float, *boxes: Xyxy
) -> Record:
    """What a camera sees at a place (id, leaf grid), with its picture where there is anything."""
    sha256 = hashlib.sha256(picture(camera)).hexdigest()
    shown = Evidence(
        kind="snapshot",
        uri=f"file:evidence/sha256/{sha256}.jpg",
        media_type="image/jpeg",
        sha256=sha256,
        captured_at=when,
        redaction=("person_top_quarter",),
        expires_at=when + timedelta(days=1),
    )
    hit = Hit(
        hit_id=hit_id_of(camera, place[0], event, when, event),
        event_type=event,
        detector=event,
        source=Source("camera", camera),
        zone_id=place[0],
        place_id=place[0],
        leaf_code=place[1],
        map_version="any",
        occurred_at=when,
        measure=float(measure),
        unit="1",
        score=0.6 if measure else 0.0,
        quality=1.0,
        model="objects@abc",
        objects=tuple(SeenObject("vehicle", 0.6, box) for box in boxes),
        evidence=(shown,) if measure else (),
    )
    return HITS, place[1].encode(), encode(hit)


def read(sensor: str, datastream: str, unit: str, when: datetime, result: float) -> Record:
    """What a sensor says."""
    reading = Reading(
        f"{sensor}/{when.isoformat()}", sensor, datastream, when, float(result), unit, "good"
    )
    return READINGS, sensor.encode(), encode(reading)


def report(id_: str, event: str, channel: Channel, leaf: str, when: datetime, spot: int) -> Record:
    """What somebody reports in a leaf grid; its spots are some 55 m apart."""
    lon, lat = estate.centre(leaf)
    point = Point(lon, lat + 0.0005 * (spot - 1.5), "WGS84")
    return REPORTS, id_.encode(), encode(Report(id_, event, channel, when, point))
