"""A random world: the log of one partition, in which everything happens; the same per seed."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from detectors.hits import Evidence, Hit, SeenObject, Xyxy
from pipeline.alerts import CloudEvent, GridAlert, Location
from pipeline.feedback import (
    Accepted,
    Arrived,
    Assigned,
    Assignment,
    Closed,
    Closing,
    Evaluated,
    Evaluation,
    HandledOnSite,
    Rejected,
    Reopened,
    Reviewed,
    Verdict,
    Verified,
)
from pipeline.incidents.policy import Policy
from pipeline.messages import Given, PolicyChange, Reported, Tick, encode
from pipeline.reports import Photo, Point, Report
from tests.builders import OFFICER, SUBSTITUTE, T0, given, record
from tests.soak.city import LEAVES, SPOTS, source, versions

Bytes = tuple[bytes | None, bytes]
BOXES: list[Xyxy] = [(0.1 + 0.2 * n, 0.1, 0.2 + 0.2 * n, 0.2) for n in range(4)]
POISON = [
    b"", b"\xff\xfe", b"{}", b'{"kind":"hit"}', b"[" * 9_000, b'{"kind":"policy","version":"no"}',
    b'{"kind":"tick","at":"9999-12-31T23:59:59Z"}', b'{"kind":"tick","at":"0001-01-01T00:00:00Z"}',
    b"x" * 70_000,
]  # fmt: skip
LAGS_S = [0.0] * 60 + [1.0, 1.0, 20.0, 4_000.0]
LONG_PAUSES_S = [600.0, 3_700.0, 9_000.0]
REMEMBERED = 400  # as many alerts, and records to send again


@dataclass
class World:
    """Everything that there is, and what is going on.

    `known`: every policy that the log names. `alerts`: the last of each id, of late.
    """

    seed: int
    now: datetime = T0
    known: dict[str, Policy] = field(default_factory=dict)
    alerts: dict[str, GridAlert] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.sent: deque[Bytes] = deque(maxlen=REMEMBERED)
        self.late: list[tuple[datetime, Bytes]] = []
        self.here: list[str] = []
        self.serial = 0
        self.there: dict[str, float | list[Xyxy]] = {}
        self.begin_part()

    def hear(self, event: CloudEvent) -> None:
        """What the fold has published: people read it, and answer."""
        self.alerts.pop(event.data.alert_id, None)
        self.alerts[event.data.alert_id] = event.data
        if len(self.alerts) > REMEMBERED:
            del self.alerts[next(iter(self.alerts))]

    def begin_part(self) -> list[Bytes]:
        """The first records after a quiet time: from here on everything can be replayed."""
        self.serial += 1
        self.now += timedelta(days=1, seconds=self.random.random() * 86_400)
        self.now = self.now.replace(microsecond=0)
        policies = versions(f"v{self.serial}", self.now)
        self.known.update({policy.version: policy for policy in policies})
        self.here = [policy.version for policy in policies]
        self.late, self.alerts = [], {}
        self.sent.clear()
        return [record(Tick(self.now)), record(PolicyChange(self.here[0]))]

    def part(self, count: int) -> Iterator[Bytes]:
        """About `count` records in which everything happens, then a time so long that all ends."""
        yield from self.begin_part()
        for _ in range(count):
            yield from self._one()
        if self.random.random() < 0.5:
            yield from self._all_closed()
        for days in (0.01, 1, 1.1, 15, 30, 31, 31, 31, 31):
            self.now += timedelta(days=days)
            yield record(Tick(self.now))
            yield from self._what_is_late()

    def _one(self) -> Iterator[Bytes]:
        """A record, after some time; and what was to come late, when it comes."""
        self.now += timedelta(seconds=self.random.choice((0.0, 0.5, 1.0, 2.0, 3.0)))
        if self.random.random() < 0.002:
            self.now += timedelta(seconds=self.random.choice(LONG_PAUSES_S))
            yield record(Tick(self.now))
        yield from self._what_is_late()
        made = self._make()
        if self.random.random() < 0.01:
            self._comes_late(made)
        if len(made[1]) < 60_000:
            self.sent.append(made)
        yield made

    def _what_is_late(self) -> Iterator[Bytes]:
        while self.late and self.late[0][0] <= self.now:
            yield self.late.pop(0)[1]

    def _comes_late(self, made: Bytes) -> None:
        delay_s = self.random.choice((1.0, 30.0, 600.0, 86_400.0, 864_000.0))
        self.late.append((self.now + timedelta(seconds=delay_s), made))
        self.late.sort(key=lambda one: one[0])

    def _make(self) -> Bytes:
        makes: list[Callable[[], Bytes]] = [
            lambda: record(self._hit()),
            lambda: record(self._given()) if self.alerts else record(Tick(self.now)),
            lambda: record(self._report()),
            lambda: record(Tick(self.now - timedelta(seconds=self.random.choice((0, 0, 5))))),
            lambda: self.random.choice(self.sent) if self.sent else record(self._hit()),
            lambda: record(PolicyChange(self.random.choice(self.here))),
            lambda: (self.random.choice((None, b"", LEAVES[0].encode())), self._poison()),
        ]
        weights = (85, 4, 2, 1.5, 2, 0.15, 1)
        return self.random.choices(makes, weights)[0]()

    def _poison(self) -> bytes:
        """Bytes that are none of ours, or nearly."""
        if self.random.random() < 0.5:
            return self.random.choice(POISON)
        value = bytearray(encode(self._hit()))
        value[self.random.randrange(len(value))] = self.random.randrange(256)
        return bytes(value)

    def _hit(self) -> Hit:
        chance = self.random.random
        if not self.there or chance() < 0.03:  # something begins or ends, and people look there
            if not self.there or chance() < 0.6:
                self.focus = self.random.choice(SPOTS)
            self.there[f"{self.focus[0]}@{self.focus[1]}"] = self._measure(self.focus[0])
        kind, place, code, zones = self.focus if chance() < 0.9 else self.random.choice(SPOTS)
        device, zone = self.random.choice(zones)
        at = self.now - timedelta(seconds=self.random.choice(LAGS_S))
        if chance() < 0.001:  # a clock that is wrong
            at += timedelta(seconds=self.random.choice((1_800, 7_200, 4e8, 3e9)))
        seen = self._seen(kind, place)
        row: dict[str, Any] = {
            "hit_id": f"{device}/{zone}@{at.timestamp():.3f}",
            "event_type": kind,
            "detector": kind,
            "source": source(device),
            "zone_id": zone,
            "place_id": place,
            "leaf_code": code,
            "map_version": "map-1",
            "occurred_at": at,
            "unit": "1",
            "model": "objects@abc",
            "synthetic": chance() < 0.01,
            **seen,
        }
        if chance() < 0.01:  # what the site does not have
            wrong = self.random.choice(("zone_id", "place_id", "leaf_code", "event_type", "source"))
            row[wrong] = source("counter-2") if wrong == "source" else "nowhere"
        if seen["measure"] and chance() < 0.2:
            shown = f"{self.random.getrandbits(64):064x}"
            row["evidence"] = (
                Evidence("snapshot", f"file:sha256/{shown}.jpg", "image/jpeg", shown, at,
                         ("person_top_quarter",), at + timedelta(days=9)),
            )  # fmt: skip
        return Hit(**row)

    def _measure(self, kind: str) -> float | list[Xyxy]:
        if kind == "illegal_parking":
            return [box for box in BOXES if self.random.random() < 0.4]
        most = {"residual_current": (0, 200, 400, 900)}.get(kind, (0, 0, 3, 6, 7, 10, 16))
        return float(self.random.choice(most))

    def _seen(self, kind: str, place: str) -> dict[str, Any]:
        """What a look says of what is there: nearly that, or nothing where it is blind."""
        chance = self.random.random
        if chance() < 0.03:
            return {"measure": 0.0, "score": 0.0, "quality": 0.0}
        there = self.there.get(f"{kind}@{place}", [] if kind == "illegal_parking" else 0.0)
        objects: tuple[SeenObject, ...] = ()
        if isinstance(there, list):
            boxes = [box for box in there if chance() < 0.97]
            objects = tuple(SeenObject("vehicle", 0.6, box) for box in boxes)
            measure = float(len(boxes))
        else:
            measure = max(0.0, there + self.random.choice((-1, 0, 0, 0, 1))) if there else 0.0
        score = self.random.choice((0.2, 0.5, 0.6, 0.9)) if measure else 0.0
        quality = self.random.choice((0.3, 1.0, 1.0))
        return {"measure": measure, "score": score, "quality": quality, "objects": objects}

    def _report(self) -> Reported:
        self.serial += 1
        pick = self.random.choice
        kind, place, code, _ = pick(SPOTS)
        where: str | None = place
        if self.random.random() < 0.4:
            kind, where = pick(("road_damage", kind, "unheard_of")), None
        spot = Location(104.0 + 0.0002 * pick(range(6)), 30.7)
        at = self.now - timedelta(seconds=pick((0, 0, 10, 600, 40_000)))
        photo = None
        if self.random.random() < 0.3:
            photo = Photo("https://example/p", "image/jpeg", f"{self.serial:064x}", at)
        channel: Any = pick(("grid_patrol", "citizen_photo", "hotline"))
        point = Point(spot.lon, spot.lat, "WGS84")
        report = Report(f"r{self.serial}", kind, channel, at, point, photo=photo)
        return Reported(
            report, pick([code] * 30 + ["nowhere"]), pick(("map", "nearest")), spot, where
        )

    def _given(self) -> Given:
        """What a person does about an alert, most often a new one; now and then nonsense."""
        self.serial += 1
        chance, pick = self.random.random, self.random.choice
        ids = list(self.alerts)
        alert = self.alerts[ids[-1 - int(len(ids) * chance() ** 3)]]
        kind = pick((Accepted, Rejected, Assigned, Arrived, HandledOnSite, Verified, Reviewed,
                     Evaluated, Closed, Reopened, Closed, Accepted))  # fmt: skip
        result: Any = Verdict(pick(("true", "true", "false", "cannot_tell")))
        outcome: Any = pick(("resolved", "resolved", "false_alarm", "transferred"))
        extra: dict[Any, dict[str, Any]] = {
            Assigned: {
                "assigned": Assignment(
                    pick((OFFICER.id, SUBSTITUTE.id, "nobody")), pick((None, 1, 2, 3, 4))
                )
            },
            Verified: {"verified": result},
            Reviewed: {"reviewed": result},
            Evaluated: {"evaluation": Evaluation(satisfied=chance() < 0.8)},
            Closed: {"closed": Closing(outcome)},
        }
        at = max(self.now - timedelta(seconds=pick((0, 0, 60, 900, 7_200))), alert.opened_at)
        fields = {"feedback_id": f"f{self.serial}", "at": at, **extra.get(kind, {})}
        if chance() < 0.03:
            wrong = pick(("alert_id", "grid_code", "at"))
            fields[wrong] = pick(LEAVES) if wrong != "at" else alert.opened_at - timedelta(days=1)
        done = given(kind, alert, 0, **fields)
        if chance() < 0.2:
            self._comes_late(record(done))
        return done

    def _all_closed(self) -> Iterator[Bytes]:
        """People settle everything that is open and that they have heard of."""
        for alert in list(self.alerts.values()):
            if alert.handling not in ("closed", "verified_false", "expired"):
                self.serial += 1
                yield record(given(Closed, alert, 0, feedback_id=f"f{self.serial}", at=self.now))
