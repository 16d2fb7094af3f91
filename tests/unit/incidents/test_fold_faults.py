"""Faults the fold once had, or easily could: each told as what may never happen."""

import pytest

from detectors.hits import Hit, Source
from pipeline.incidents.policy import Watch
from pipeline.incidents.state import HEAD
from pipeline.messages import Outcome, Reason, Tick, encode
from pipeline.replay import Fold
from tests.builders import COUNT, LEAF, at, hit, policy, record, seconds_of, standing
from tests.unit.incidents.timeline import folded, told

CAR, VAN = (0.1, 0.1, 0.2, 0.2), (0.5, 0.5, 0.7, 0.7)
DEEP = b"[" * 30_000 + b"]" * 30_000


def unsure_crowd() -> list[Hit]:
    """A crowd that lasted, but that the model hardly believes in."""
    return [hit(second, 5, score=0.1) for second in range(5)]


@pytest.mark.parametrize(
    "later",
    [
        pytest.param([hit(s, 0, quality=0.0, score=0) for s in (5, 9)], id="a blind camera"),
        pytest.param([hit(s, 0, quality=0.1, score=0) for s in (5, 9)], id="a hazy empty street"),
        pytest.param([hit(s, 0, score=0) for s in (5, 9)], id="an empty street"),
    ],
)
def test_what_was_too_unsure_is_not_opened_by_seeing_less(later: list[Hit]) -> None:
    alerts, decisions = folded([*unsure_crowd(), *later], policy())
    assert alerts == []
    assert {d.outcome for d in decisions[5:] if d} == {Outcome.HELD}


def test_what_was_too_unsure_and_out_of_sight_for_a_day_begins_anew() -> None:
    back = [hit(90_000 + second, 6, score=0.9) for second in (0, 2, 4)]
    alerts = told([*unsure_crowd(), Tick(at(89_000)), *back], policy())
    assert [seconds_of(alert.data.first_seen_at) for alert in alerts] == [90_000]


def test_the_next_vehicle_keeps_its_time_when_the_one_before_is_resolved() -> None:
    car = [standing(second, CAR) for second in range(0, 80, 10)]
    later = [standing(second, *([VAN] if second >= 120 else [])) for second in range(80, 200, 10)]
    alerts = told([*car, *later], policy())
    told_at = [(alert.type.split(".")[-2], seconds_of(alert.time)) for alert in alerts]
    assert told_at == [("opened", 60), ("resolved", 140), ("opened", 180)]
    assert seconds_of(alerts[-1].data.first_seen_at) == 120


def test_two_vehicles_that_came_together_and_are_told_apart_have_ids_of_their_own() -> None:
    def seen(second: int) -> list[tuple[float, float, float, float]]:
        stays_hidden = second < 130 and second % 50
        return [*([CAR] if second < 70 else []), *([] if stays_hidden else [VAN])]

    alerts = told([standing(s, *seen(s)) for s in range(0, 300, 10)], policy())
    actions = [alert.type.split(".")[-2] for alert in alerts]
    assert actions[:3] == ["opened", "resolved", "opened"]
    assert alerts[0].data.alert_id == alerts[1].data.alert_id != alerts[2].data.alert_id


def test_a_vehicle_that_stays_when_another_leaves_goes_on_with_the_same_incident() -> None:
    car = [standing(second, CAR) for second in range(0, 80, 10)]
    van = [standing(second, VAN) for second in range(80, 181, 10)]
    alerts = told([*car, *van], policy())
    assert [(alert.type.split(".")[-2], seconds_of(alert.time)) for alert in alerts] == [
        ("opened", 60)
    ]


def test_an_incident_expires_though_the_camera_sends_that_it_cannot_see() -> None:
    crowd = [hit(second, 6) for second in (0, 2, 4)]
    blind = [hit(3600 * hour, 0, quality=0.0) for hour in range(1, 26)]
    alerts = told([*crowd, *blind], policy())
    words = [getattr(alert.data, "update_reason", alert.data.handling) for alert in alerts]
    assert words == ["open", "reminder", "reminder", "deadline_breached", "expired"]


def test_an_incident_expires_though_another_camera_looks_elsewhere_at_the_place() -> None:
    other = Watch("crowding", "pl-crowding", COUNT)
    watches = {**policy().watches, ("cam-b", "z"): other}
    crowd = [hit(second, 6) for second in (0, 2, 4)]
    empty = [hit(3600 * h, 0, source=Source("camera", "cam-b")) for h in range(1, 26)]
    alerts = told([*crowd, *empty], policy(watches=watches))
    assert [alert.data.handling for alert in alerts] == ["open"] * 4 + ["expired"]


def test_a_camera_that_lags_does_not_turn_time_back() -> None:
    watches = {**policy().watches, ("cam-b", "z"): Watch("crowding", "pl-crowding", COUNT)}
    crowd = [hit(second, 6) for second in (100, 102, 104)]
    lagging = [hit(50, 12, source=Source("camera", "cam-b"))]
    gone = [hit(second, 0) for second in (106, 116)]
    alerts = told([*crowd, *lagging, *gone], policy(watches=watches))
    assert [seconds_of(alert.data.last_seen_at) for alert in alerts] == [104, 104]
    assert [seconds_of(alert.time) for alert in alerts] == [104, 116]


def test_what_a_camera_that_lags_tells_happens_when_it_is_told() -> None:
    watches = {**policy().watches, ("cam-b", "z"): Watch("crowding", "pl-crowding", COUNT)}
    crowd = [hit(second, 6) for second in (100, 102, 104)]
    more = [hit(second, 9, source=Source("camera", "cam-b")) for second in (50, 52, 54)]
    alerts = told([*crowd, *more], policy(watches=watches))
    assert [seconds_of(alert.time) for alert in alerts] == [104, 104]
    assert [alert.data.measures[0].value for alert in alerts] == [6, 9]


def moment(second: int, day: str) -> bytes:
    return encode(hit(second, 6)).replace(b"2026-06-01T00:00", f"{day}T23:59".encode())


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param([moment(s, "9999-12-31") for s in (0, 2, 4, 6)], Reason.CLOCK_SKEW,
                     id="the last day there is"),
        pytest.param([moment(s, "0001-01-01").replace(b'Z"', b'+23:59"') for s in (0, 2, 4, 6)],
                     Reason.CLOCK_SKEW, id="before the first day there is"),
        pytest.param([encode(hit(0, 6))[:-1] + b',"more":' + DEEP + b"}"], Reason.UNDECODABLE,
                     id="brackets in brackets, thousands deep"),
        pytest.param([encode(hit(0, 6, hit_id="h" * 70_000))], Reason.TOO_LARGE,
                     id="an id of 70 000 letters"),
        pytest.param([encode(hit(0, 6)).replace(LEAF.encode(), b"\\ud800")], Reason.UNDECODABLE,
                     id="half a character"),
        pytest.param([encode(hit(0, 6.5)).replace(b"6.5", b"1" + b"0" * 400)],
                     Reason.SCHEMA_INVALID, id="a number of 400 digits"),
        pytest.param([encode(hit(0, 6)).replace(b'00:00:00Z"', b'00:00:00"')],
                     Reason.SCHEMA_INVALID, id="a hit without a zone"),
        pytest.param([encode(hit(0, 6)), encode(Tick(at(9))).replace(b'Z"', b'"')],
                     Reason.SCHEMA_INVALID, id="a tick without a zone"),
    ],
)  # fmt: skip
def test_a_poison_record_is_refused_and_the_next_is_decided(
    values: list[bytes], reason: Reason
) -> None:
    fold = Fold(policy())
    for offset, value in enumerate(values):
        done = fold.apply(0, offset, LEAF.encode(), value)
    assert done.decision is not None
    assert (done.decision.outcome, done.decision.reason) == (Outcome.REFUSED, reason)
    assert done.dead_letter is not None
    after = fold.apply(0, len(values), *record(hit(60, 6)))
    assert after.decision is not None
    assert after.decision.reason is Reason.NOT_YET


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((0.0, 0.0, 1e-200, 1e-200), id="a box too small for a float"),
        pytest.param((0.0, 0.0, 1e300, 1e300), id="a box too large for a float"),
        pytest.param((0.9, 0.9, 0.1, 0.1), id="a box inside out"),
        pytest.param((0.5, 0.5, 0.5, 0.5), id="a box without size"),
    ],
)
def test_an_odd_box_stops_nothing(box: tuple[float, float, float, float]) -> None:
    _, decisions = folded([standing(second, box) for second in range(0, 70, 10)], policy())
    assert all(decision and decision.outcome is not Outcome.REFUSED for decision in decisions)


def test_a_camera_with_more_vehicles_than_are_kept_forgets_none_of_the_first() -> None:
    row = [(0.009 * n, 0.1, 0.009 * n + 0.008, 0.2) for n in range(100)]
    seen = [standing(second, *row) for second in range(0, 70, 10)]
    alerts = told(seen, policy())
    assert [alert.data.measures[0].value for alert in alerts] == [50]


@pytest.mark.parametrize("clear_view", [0.1, 1.0], ids=["seen dimly", "seen clearly"])
def test_a_moment_without_people_makes_a_crowd_no_surer(clear_view: float) -> None:
    people = [(0, 5), (1, 5), (2, 5), (3, 0), (4, 5), (5, 5), (6, 9)]
    seen = [hit(s, n, quality=0.5 if n else clear_view) for s, n in people]
    steady = [hit(s, n or 5, quality=0.5) for s, n in people if n]
    updated, expected = told(seen, policy())[-1].data, told(steady, policy())[-1].data
    assert (updated.sequence, updated.confidence) == (2, expected.confidence)


def test_a_tick_that_is_read_again_does_not_touch_what_was_seen_after_it() -> None:
    fold = Fold(policy())
    fold.apply(0, 6, *record(hit(0, 5)))
    again = fold.apply(0, 5, *record(Tick(at(1000))))
    assert (set(again.changed), again.alerts) == ({HEAD}, ())
    assert fold.apply(0, 7, *record(Tick(at(1000)))).changed != {}


def test_time_that_nobody_could_see_does_not_count_as_empty() -> None:
    seen = [hit(0, 5), hit(1, 5), *(hit(s, 0, quality=0.0) for s in (2, 3, 4)), hit(5, 5)]
    (opened,) = told(seen, policy())
    assert (seconds_of(opened.data.first_seen_at), seconds_of(opened.time)) == (0, 5)
