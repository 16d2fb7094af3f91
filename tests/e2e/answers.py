"""What people say about the alerts of the estate: the city's own cases, chance, and nonsense."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from detectors.hits import Hit
from pipeline import feedback as said
from pipeline.alerts import GridAlert
from pipeline.messages import encode
from pipeline.topics import FEEDBACK, HITS
from tests.contract.examples import as_event
from tests.e2e import estate
from tests.e2e.stories import Record, at, secs, seen

CLOSED = 153  # of stories.RECEIVED
_WITH: dict[Any, dict[str, Any]] = {
    said.Evaluated: {"evaluation": said.Evaluation(satisfied=True, score=5)},
    said.Closed: {"closed": said.Closing("resolved")},
    said.Verified: {"verified": said.Verdict("true", "real_event")},
}
_OFFICER = said.Actor("pidu-31", "grid_officer")


def did(kind: Any, alert: GridAlert, when: datetime, **fields: Any) -> said.Feedback:
    """What a person did about an alert."""
    row: dict[str, Any] = {
        "feedback_id": f"{alert.alert_id[:8]}-{kind.__name__}-{when:%m%dT%H%M%S}",
        "alert_id": alert.alert_id,
        "grid_code": alert.grid.leaf_code,
        "at": when,
        "actor": _OFFICER,
        **_WITH.get(kind, {}),
    }
    done: said.Feedback = kind(**{**row, **fields})
    return done


def erqi_answers(alert: GridAlert) -> list[said.Feedback]:
    """Erqi's case as the city told it: in at ten, closed about three, verified, evaluated."""

    def then(kind: Any, clock: str, role: Any, **fields: Any) -> said.Feedback:
        actor = said.Actor(f"erqi-{role}", role)
        return did(kind, alert, at(f"06-27 {clock}:00"), actor=actor, **fields)

    return [
        then(said.Accepted, "10:02", "street_centre"),
        then(said.Assigned, "10:10", "street_centre", assigned=said.Assignment("erqi-03")),
        then(said.HandledOnSite, "14:40", "department"),
        then(said.Closed, "15:00", "street_centre"),
        then(said.Verified, "15:30", "grid_officer"),
        then(said.Evaluated, "16:00", "resident"),
    ]


def closings(alerts: list[GridAlert], rng: random.Random) -> list[said.Feedback]:
    """153 of the tickets are closed; one in three of the others is being worked on."""
    chosen = rng.sample(alerts, len(alerts))
    begin = at("06-11 09:00:00")
    closed = [did(said.Closed, one, begin + secs(60 * n)) for n, one in enumerate(chosen[:CLOSED])]
    at_work = [did(said.Arrived, one, begin) for one in chosen[CLOSED::3]]
    return [*closed, *at_work]


_CHAIN = (
    said.Accepted, said.Assigned, said.Arrived, said.HandledOnSite, said.Verified, said.Closed,
    said.Evaluated, said.Reopened, said.Rejected, said.Reviewed,
)  # fmt: skip


def life(alert: GridAlert, rng: random.Random) -> list[said.Feedback]:
    """What people do about an alert over weeks, in order: much of it in its place, some not."""
    done, when = [], alert.opened_at
    for usual in (_CHAIN * 3)[: rng.randint(3, 3 * len(_CHAIN))]:
        if rng.random() < 0.3:
            continue
        kind: Any = usual if rng.random() < 0.8 else rng.choice(_CHAIN)
        when += timedelta(minutes=rng.randint(1, 4000))
        verdict = said.Verdict(rng.choice(["true", "false", "cannot_tell"]))
        officer = rng.choice(["pidu-31", "kerb-07", "plaza-21"])
        fields: dict[Any, dict[str, Any]] = {
            said.Verified: {"verified": verdict},
            said.Reviewed: {"reviewed": verdict},
            said.Assigned: {"assigned": said.Assignment(officer, rng.choice([None, 1, 2, 3]))},
        }
        done.append(did(kind, alert, when, **fields.get(kind, {})))
    return done


def nonsense(alert: GridAlert) -> list[tuple[Record, str]]:
    """What is sent of the letter that must change nothing, and what it is refused as; in each of
    them stands nonsense-00, nonsense-01 and so on.
    """
    noon, ours = at("07-02 12:00:00"), alert.grid.leaf_code.encode()

    def given(kind: Any = said.Accepted, **changes: Any) -> bytes:
        done = did(kind, alert, noon, **{"feedback_id": "NAME", **changes})
        return encode(as_event(done))

    def crowd_at(when: datetime) -> bytes:
        place = ("pl-plaza", estate.PLAZA)
        hit = msgspec.json.decode(seen(estate.GATES[0], "crowding", place, when, 50)[2], type=Hit)
        return encode(msgspec.structs.replace(hit, hit_id="NAME"))

    to_us: list[tuple[bytes, str]] = [
        (given(alert_id="00000000-0000-0000-0000-000000000000"), "unknown_alert"),
        (given(grid_code=estate.PLAZA), "unknown_alert"),
        (given(said.Evaluated), "illegal_transition"),
        (given(said.Reopened), "illegal_transition"),
        (given(at=alert.opened_at - timedelta(hours=1)), "clock_skew"),
        (given(at=noon.replace(year=2099)), "clock_skew"),
        (given(said.Assigned, assigned=said.Assignment("nobody")), "unknown_officer"),
        (given().replace(b"+08:00", b""), "schema_invalid"),
        (given().replace(b'"accepted"', b'"forgotten"'), "schema_invalid"),
        (b'{"id": "NAME"}', "schema_invalid"),
        (b'{"id": "NAME"', "undecodable"),
    ]
    wrong: list[tuple[Record, str]] = [
        *(((FEEDBACK, b"any", value), reason) for value, reason in to_us),
        ((HITS, ours, crowd_at(noon)), "wrong_grid"),
        ((HITS, estate.PLAZA.encode(), crowd_at(noon.replace(year=2126))), "clock_skew"),
    ]
    return [
        ((topic, key, value.replace(b"NAME", f"nonsense-{n:02d}".encode())), reason)
        for n, ((topic, key, value), reason) in enumerate(wrong)
    ]


def answer(done: said.Feedback, key: bytes) -> Record:
    """Feedback as a dispatch service sends it."""
    return FEEDBACK, key, encode(as_event(done))


def shuffled(done: Iterable[said.Feedback], rng: random.Random) -> list[Record]:
    """Each once, twice or three times, in any order, with any key."""
    often = [one for one in done for _ in range(rng.randint(1, 3))]
    return [answer(one, rng.randbytes(8)) for one in rng.sample(often, len(often))]
