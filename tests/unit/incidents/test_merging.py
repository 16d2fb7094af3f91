"""What several see of one place is one incident, and what they see of several is several."""

import msgspec

from detectors.hits import Hit, SeenObject, Source, hit_id_of
from pipeline.alerts import Direct
from pipeline.incidents.policy import Officer, OnCall, Place, Policy, Rule, Watch
from pipeline.messages import Tick
from tests.builders import COUNT, LEAF, STANDING, VAN, address, at, event_type, hit, policy
from tests.builders import leaf as leaf_of
from tests.unit.incidents.timeline import Timeline

NEIGHBOUR = LEAF[:-1] + "6"


def seen(second: float, people: float, source: str, zone: str = "z", place: str = "") -> Hit:
    """One look of one camera, or of the counter, at the crowd's place or another."""
    fields = {"place_id": place} if place else {}
    return hit(
        second, people, source=Source("sensor" if source == "counter" else "camera", source),
        zone_id=zone, hit_id=hit_id_of(source, zone, "crowding", at(second), "crowding"), **fields,
    )  # fmt: skip


def square(rule: Rule = COUNT, **more: Policy) -> Policy:
    """Three cameras and a people counter over one square."""
    sources = ("cam-a", "cam-b", "cam-c", "counter")
    return policy(
        events={"crowding": event_type("crowding", rule)},
        watches={(source, "z"): Watch("crowding", "pl-crowding", rule) for source in sources},
        **more,
    )


def all_see(people: float, *seconds: float) -> list[Hit]:
    return [
        seen(s, people, source)
        for s in seconds
        for source in ("cam-a", "cam-b", "cam-c", "counter")
    ]


def test_one_crowd_seen_by_three_cameras_and_a_counter_is_one_alert() -> None:
    line = Timeline(square())
    line.push(*all_see(6, 0, 2, 4), *all_see(9, 10, 12), *all_see(0, 20, 25, 30))
    assert line.lines == [
        (4, "opened", ""),
        (10, "updated", "measure_grew"),  # six and a half again
        (30, "resolved", "condition_cleared"),  # when the last has seen nobody for ten seconds
    ]
    assert len({alert.alert_id for alert in line.alerts}) == 1
    assert line.last.observation.source_count == 4
    assert line.alerts[0].observation.hit_count == 9  # cam-a's third look opens it
    assert line.last.measures[0].value == 9


def test_cameras_that_see_it_late_are_merged_into_the_opened_alert() -> None:
    rule = msgspec.structs.replace(COUNT, group_wait_s=10)
    line = Timeline(square(rule))
    line.push(*(seen(s, 6, "cam-a") for s in (0, 2, 4, 6, 8)))
    assert line.reasons[2:] == ["group_wait"] * 3
    line.push(*(seen(s, 7, "cam-b") for s in (9, 11, 13)), seen(14, 6, "cam-a"))
    line.push(*(seen(s, 7, "cam-c") for s in (15, 17, 19)))
    assert line.lines == [(14, "opened", "")]
    assert line.last.observation.source_count == 2
    assert line.last.measures[0].value == 7
    line.push(*(seen(21, people, camera) for people, camera in ((12, "cam-a"), (12, "cam-c"))))
    assert line.lines[1:] == [(21, "updated", "measure_grew")]
    assert line.last.observation.source_count == 3


def test_a_group_wait_that_passes_without_a_look_ends_with_the_clock() -> None:
    rule = msgspec.structs.replace(COUNT, group_wait_s=10)
    line = Timeline(square(rule)).push(*(seen(s, 6, "cam-a") for s in (0, 2, 4)), Tick(at(13)))
    assert line.lines == []
    assert line.push(Tick(at(14))).lines == [(14, "opened", "")]


def test_an_alert_needs_as_many_looks_as_its_rule_says() -> None:
    rule = msgspec.structs.replace(COUNT, min_hits=5)
    line = Timeline(square(rule)).push(*(seen(s, 6, "cam-a") for s in (0, 2, 4, 6)))
    assert (line.lines, line.reasons[-1]) == ([], "not_yet")
    assert line.push(seen(8, 6, "cam-b")).lines == [(8, "opened", "")]


def two_places(merged_into: dict[str, str]) -> Policy:
    """The square, and a gate beside it in the same leaf grid, each with a camera."""
    places = {
        "pl-crowding": Place("pl-crowding", "square", LEAF, merged_into=merged_into),
        "gate": Place("gate", "gate", LEAF, merged_into=merged_into),
    }
    watches = {
        ("cam-a", "z"): Watch("crowding", "pl-crowding", COUNT),
        ("cam-b", "z"): Watch("crowding", "gate", COUNT),
    }
    return policy(places=places, watches=watches)


def both_places() -> list[Hit]:
    return [
        seen(second, 6, camera, place=place)
        for second in (0, 2, 4)
        for camera, place in (("cam-a", "pl-crowding"), ("cam-b", "gate"))
    ]


def test_places_that_touch_inside_one_leaf_are_one_incident() -> None:
    line = Timeline(two_places({"crowding": "pl-crowding"})).push(*both_places())
    line.push(seen(6, 6, "cam-b", place="gate"))
    assert line.lines == [(4, "opened", "")]
    assert line.push(seen(8, 9, "cam-b", place="gate")).lines[1:] == [
        (8, "updated", "measure_grew")
    ]
    assert [place.id for place in line.last.observation.places] == ["pl-crowding", "gate"]


def test_places_further_apart_are_an_incident_each() -> None:
    line = Timeline(two_places({})).push(*both_places())
    assert line.lines == [(4, "opened", ""), (4, "opened", "")]
    assert {alert.place.id for alert in line.alerts} == {"pl-crowding", "gate"}


def kerb(codes: list[str]) -> Policy:
    """One camera that sees a parking zone in each leaf grid, each of which has its own officer."""
    leaves = {}
    for n, code in enumerate(codes, 1):
        officer = Officer(f"o-{n}", f"{n:02}", "grid_officer", f"term-{n}")
        leaves[code] = msgspec.structs.replace(leaf_of(code), chain=(OnCall(officer, "leaf_grid"),))
    return policy(
        places={f"kerb-{n}": Place(f"kerb-{n}", "kerb", code) for n, code in enumerate(codes)},
        watches={
            ("cam", f"z{n}"): Watch("illegal_parking", f"kerb-{n}", STANDING)
            for n in range(len(codes))
        },
        leaves=leaves,
    )


def parked(second: float, n: int, code: str) -> Hit:
    return hit(
        second, 1, "illegal_parking", source=Source("camera", "cam"), zone_id=f"z{n}",
        place_id=f"kerb-{n}", leaf_code=code, objects=(SeenObject("vehicle", 0.55, VAN),),
    )  # fmt: skip


def officers(line: Timeline) -> list[tuple[str, str]]:
    """The leaf and the officer of each alert."""
    routings = [(alert.grid.leaf_code, alert.routing) for alert in line.alerts]
    return [(code, r.assignee.number) for code, r in routings if isinstance(r, Direct)]


def test_a_parking_zone_over_two_grids_is_two_alerts_for_two_officers() -> None:
    codes = [LEAF, NEIGHBOUR]
    line = Timeline(kerb(codes))
    line.push(*(parked(s, n, code) for s in range(0, 70, 10) for n, code in enumerate(codes)))
    assert line.lines == [(60, "opened", ""), (60, "opened", "")]
    assert officers(line) == [(LEAF, "01"), (NEIGHBOUR, "02")]
    assert line.alerts[1].grid == address(NEIGHBOUR)


def test_fifteen_micro_grids_of_one_estate_are_fifteen_alerts_for_fifteen_officers() -> None:
    codes = [f"{LEAF[:-3]}{n:03}" for n in range(1, 16)]
    line = Timeline(kerb(codes))
    line.push(*(parked(s, n, code) for s in range(0, 70, 10) for n, code in enumerate(codes)))
    assert officers(line) == [(code, f"{n:02}") for n, code in enumerate(codes, 1)]
    assert len({alert.alert_id for alert in line.alerts}) == 15
