"""The random world's city: four micro-grids in which all that the fold decides can happen."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from detectors.hits import Source
from pipeline.alerts import Location
from pipeline.incidents.policy import (
    Calibration,
    EventType,
    Grade,
    Matcher,
    Over,
    Override,
    Place,
    Policy,
    Profile,
    Rule,
    Silence,
    Watch,
    Window,
    WorkCalendar,
)
from tests.builders import LEAF, event_type, leaf
from tests.builders import policy as plain

LEAVES = [LEAF[:-1] + digit for digit in "1234"]
CROWD = Rule(
    Over.COUNT, raise_at=5, clear_below=3.5, hold_s=3, share=0.6, gap_s=15, clear_s=10,
    cooldown_s=60, max_open_s=1800, mute_s=600, recheck_s=30,
)  # fmt: skip
PARKED = Rule(
    Over.OBJECTS, raise_at=1, clear_below=1, hold_s=20, share=0.6, gap_s=60, clear_s=20,
    cooldown_s=120, mute_s=900,
)  # fmt: skip
CURRENT = Rule(
    Over.COUNT, raise_at=300, clear_below=240, hold_s=10, share=0.8, gap_s=60, clear_s=15
)
SLOW = msgspec.structs.replace(CROWD, group_wait_s=20, min_hits=3)
NIGHTS = (Window("all", 20 * 60, 8 * 60),)
UNSURE = Calibration(0.3, 1.0, 1.21, 0.5, 0.8, review_at=0.45, direct_at=0.9)

# Event type, place, leaf, and the zones that see it: (source, zone).
SPOTS: list[tuple[str, str, str, list[tuple[str, str]]]] = [
    ("crowding", "square", LEAVES[0], [("a", "z"), ("a", "z2"), ("b", "z"), ("counter", "z")]),
    ("crowding", "gate", LEAVES[0], [("d", "z")]),  # it touches the square
    ("illegal_parking", "square", LEAVES[0], [("a", "p"), ("b", "p")]),
    ("illegal_parking", "kerb-1", LEAVES[0], [("k", "z1")]),  # one camera over two grids
    ("illegal_parking", "kerb-2", LEAVES[1], [("k", "z2")]),
    ("residual_current", "meter", LEAVES[2], [("meter-1", "z")]),
    ("crowding", "yard", LEAVES[2], [("e", "z")]),  # at night only
    ("queueing", "shop", LEAVES[3], [("f", "z"), ("g", "z")]),  # slow to open, and unsure
]


def source(name: str) -> Source:
    """A camera, but for counters and meters."""
    return Source("sensor" if name.startswith(("counter", "meter")) else "camera", name)


def city(version: str, **fields: Any) -> Policy:
    """The city as a version of its site has it."""
    kinds = [
        event_type("crowding", CROWD, grades=(Grade(8, "Severe", 2), Grade(14, "Extreme", 3))),
        event_type("illegal_parking", PARKED, event_level=3),
        event_type("residual_current", CURRENT, event_level=2),
        event_type("queueing", SLOW, calibration=UNSURE, event_level=4),
    ]
    report_only = EventType(
        type="road_damage", label_zh="道路破损", label_en="road damage", category="市政",
        event_level=2, severity="Minor",
    )  # fmt: skip
    events = {kind.type: kind for kind in [*kinds, report_only]}
    merged = {"crowding": "square"}
    places = {
        place: Place(place, place, code, Location(104.0, 30.7), merged if n < 2 else {})
        for n, (_, place, code, _) in enumerate(SPOTS)
        if n != 2  # the square is one place
    }
    watches = {
        zone: Watch(kind, place, events[kind].rule, NIGHTS if place == "yard" else ())
        for kind, place, _, zones in SPOTS
        for zone in zones
    }
    whole: dict[str, Any] = {
        "version": version,
        "events": events,
        "places": places,
        "watches": watches,
        "leaves": {code: leaf(code) for code in LEAVES},
    }
    return plain(**{**whole, **fields})


def versions(name: str, begin: datetime) -> list[Policy]:
    """Versions of the city's site for the days after `begin`: as ever; with silences and a profile
    (战时); without the shop, with a calendar published and nothing that touches.
    """
    hour = timedelta(hours=1)
    silences = (
        Silence("s-1", (Matcher("event_type", "=", "illegal_parking"),), "李", "market",
                begin + hour, begin + 3 * hour),
        Silence("s-2", (Matcher("place", "=~", "square|report:.*"),), "李", "works",
                begin + 4 * hour, begin + 6 * hour),
    )  # fmt: skip
    profile = Profile(
        "emergency", "王", "flood", begin + 2 * hour, begin + 8 * hour,
        {"crowding": Override(rule={"hold_s": 1.0, "cooldown_s": 300.0}, direct_at=0.95)},
    )  # fmt: skip
    usual = city(f"{name}-usual")
    alarmed = city(f"{name}-alarmed", silences=silences, profile=profile)
    apart = {key: msgspec.structs.replace(p, merged_into={}) for key, p in usual.places.items()}
    del apart["shop"]
    less = {name: kind for name, kind in usual.events.items() if name != "queueing"}
    worked = WorkCalendar("cn@new", frozenset(range(2026, 2100)), {begin.date(): False})
    changed = city(
        f"{name}-changed",
        events=less,
        places=apart,
        watches={key: w for key, w in usual.watches.items() if w.event_type != "queueing"},
        calendar=worked,
    )
    return [usual, alarmed, changed]
