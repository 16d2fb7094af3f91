"""What holds of the fold whatever is seen, in whatever order, and however often it dies."""

from collections.abc import Callable
from itertools import accumulate

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.hits import Hit, Source
from pipeline.alerts import CloudEvent
from pipeline.incidents.policy import Policy, Watch
from pipeline.incidents.state import HEAD, State, decode_state, only
from pipeline.incidents.step import Step, step
from pipeline.messages import Outcome, Reason, Tick, encode
from pipeline.replay import Fold
from tests.builders import COUNT, LEAF, at, hit, policy, record, seconds_of, standing
from tests.unit.incidents.timeline import Message, folded, told

SECOND_CAMERA = Source("camera", "cam-b")
SPOTS = [(0.1, 0.1, 0.2, 0.2), (0.4, 0.1, 0.5, 0.2), (0.7, 0.1, 0.8, 0.2)]
Told = list[tuple[str, bytes]]


def city() -> Policy:
    """The usual three places; the crowd's is seen by two zones of one camera, and by a second."""
    plain = policy()
    crowd = Watch("crowding", "pl-crowding", COUNT)
    more = {("src-crowding", "z2"): crowd, (SECOND_CAMERA.id, "z"): crowd}
    return msgspec.structs.replace(plain, watches={**plain.watches, **more})


CITY = city()
ONLY = only(CITY)


def crowd_hit(second: int, people: int, quality: float, score: float, where: str) -> Hit:
    source = SECOND_CAMERA if where == "b" else None
    fields = {"zone_id": "z2"} if where == "z2" else {"source": source} if source else {}
    hit_id = f"{second}-{where}"
    seen = hit(second, people, quality=quality, score=score, hit_id=hit_id)
    return msgspec.structs.replace(seen, **fields)  # type: ignore[arg-type]


def parking_hit(second: int, spots: frozenset[int]) -> Hit:
    return standing(second, *(SPOTS[spot] for spot in sorted(spots)))


def current_hit(second: int, milliamp: int) -> Hit:
    return hit(second, milliamp, "residual_current")


CROWDS = st.builds(
    lambda *seen: lambda second: crowd_hit(second, *seen),
    st.sampled_from([0, 3, 4, 5, 6, 9, 15]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([0.05, 0.5, 0.9]),
    st.sampled_from(["z", "z", "z2", "b"]),
)
PARKED = st.builds(
    lambda spots: lambda second: parking_hit(second, spots), st.frozensets(st.integers(0, 2))
)
CURRENTS = st.builds(
    lambda mA: lambda second: current_hit(second, mA),  # noqa: N803
    st.sampled_from([0, 250, 310, 700]),
)
TICKS = st.just(lambda second: Tick(at(second)))
GAPS = st.sampled_from([1, 1, 2, 2, 3, 3, 5, 5, 10, 10, 20, 40, 70, 4000, 90_000])


def timelines(*kinds: st.SearchStrategy, gaps: st.SearchStrategy = GAPS) -> st.SearchStrategy:
    """Messages of these kinds, each a few times in a row, some seconds after the one before."""
    rows = st.lists(st.tuples(gaps, st.one_of(*kinds), st.integers(3, 9)), min_size=6, max_size=16)
    return rows.map(_spread)


def _spread(rows: list[tuple[int, Callable[[int], Message], int]]) -> list[Message]:
    makes = [(gap, make) for gap, make, times in rows for _ in range(times)]
    seconds = accumulate(gap for gap, _ in makes)
    return [make(second) for second, (_, make) in zip(seconds, makes, strict=True)]


def late(messages: list[Message], back_s: int) -> list[Message]:
    """The same, with the second camera lagging behind."""
    return [
        msgspec.structs.replace(one, occurred_at=at(seconds_of(one.occurred_at) - back_s))
        if isinstance(one, Hit) and one.source == SECOND_CAMERA
        else one
        for one in messages
    ]


def episodes(alerts: list[CloudEvent]) -> dict[str, list[CloudEvent]]:
    by_id: dict[str, list[CloudEvent]] = {}
    for alert in alerts:
        by_id.setdefault(alert.data.alert_id, []).append(alert)
    return by_id


def shapes(alerts: list[CloudEvent]) -> list[tuple[str, str, str]]:
    """Which alerts, what they say happened and when; not what they add up."""
    return [(alert.id, alert.type, alert.time.isoformat()) for alert in alerts]


@settings(max_examples=50)
@given(timelines(CROWDS, CROWDS, PARKED, CURRENTS, TICKS), st.sampled_from([0, 0, 3, 50]))
def test_an_episode_is_opened_once_and_ended_once_under_an_id_of_its_own(
    messages: list[Message], lag_s: int
) -> None:
    alerts = told(late(messages, lag_s), CITY)
    assert len({alert.id for alert in alerts}) == len(alerts)
    there: dict[str, str] = {}
    for alert in alerts:
        place, word = alert.data.place.id, alert.type.split(".")[-2]
        if word == "opened" or getattr(alert.data, "update_reason", "") == "reopened":
            assert there.setdefault(place, alert.data.alert_id) == alert.data.alert_id
        elif word == "resolved":
            assert there.pop(place) == alert.data.alert_id
    for episode in episodes(alerts).values():
        assert [alert.data.sequence for alert in episode] == list(range(1, len(episode) + 1))
        assert [alert.type.split(".")[-2] for alert in episode].count("opened") == 1


@settings(max_examples=50)
@given(timelines(CROWDS, CROWDS, PARKED, CURRENTS, TICKS), st.sampled_from([0, 0, 3, 50]))
def test_what_an_alert_says_is_in_order_of_time(messages: list[Message], lag_s: int) -> None:
    for episode in episodes(told(late(messages, lag_s), CITY)).values():
        for alert in (event.data for event in episode):
            assert alert.first_seen_at <= alert.last_seen_at <= alert.updated_at
            assert alert.opened_at <= alert.updated_at
            assert alert.observation.duration_s >= 0
            assert 0 < alert.confidence < 1
            assert alert.measures[0].value > 0
        assert [event.time for event in episode] == sorted(event.time for event in episode)


@settings(max_examples=50)
@given(timelines(CROWDS, PARKED, CURRENTS, TICKS))
def test_every_record_has_one_decision_and_the_books_balance(messages: list[Message]) -> None:
    alerts, decisions = folded(messages, CITY)
    assert all(decision is not None for decision in decisions)
    assert [id_ for d in decisions if d for id_ in d.alerts] == [alert.id for alert in alerts]
    loud = {Outcome.OPENED, Outcome.UPDATED, Outcome.RESOLVED}
    assert all(d and len(d.alerts) == 1 for d in decisions if d and d.outcome in loud)


@settings(max_examples=40)
@given(timelines(CROWDS, CROWDS), timelines(PARKED), st.randoms(use_true_random=False))
def test_two_grids_do_not_hear_each_other(
    crowd: list[Hit], vans: list[Hit], random: object
) -> None:
    left, right, mixed = list(crowd), list(vans), []
    while left or right:
        takes_left = bool(left) and (not right or random.random() < 0.5)  # type: ignore[attr-defined]
        mixed.append((left if takes_left else right).pop(0))
    together = told(mixed, CITY)
    for alone, leaf in ((crowd, LEAF), (vans, LEAF[:-1] + "8")):
        here = [encode(alert) for alert in together if alert.subject == leaf]
        assert here == [encode(alert) for alert in told(alone, CITY)]


SHORT_GAPS = st.integers(1, 40)


@settings(max_examples=50)
@given(timelines(CROWDS, CROWDS, PARKED, gaps=SHORT_GAPS), st.lists(st.integers(0, 60), max_size=9))
def test_ticks_between_looks_open_and_clear_nothing(hits: list[Hit], places: list[int]) -> None:
    ticked: list[Message] = []
    for index, one in enumerate(hits):
        ticked += [Tick(at(seconds_of(one.occurred_at) - 0.5))] * places.count(index) + [one]
    assert shapes(told(ticked, CITY)) == shapes(told(hits, CITY))


@settings(max_examples=40)
@given(timelines(CROWDS, CROWDS, PARKED, gaps=SHORT_GAPS), st.data())
def test_a_late_look_is_named_repeated_and_changes_nothing(
    hits: list[Hit], data: st.DataObject
) -> None:
    fold = Fold(CITY)
    for offset, one in enumerate(hits):
        fold.apply(0, offset, *record(one))
        old = data.draw(st.sampled_from(hits[: offset + 1]))
        again = fold.apply(0, offset + 1000, *record(old))
        assert again.decision is not None
        assert again.decision.reason is Reason.REPEATED
        assert (again.changed, again.alerts) == ({}, ())


def lives(messages: list[Message], kills: list[tuple[int, int, int]]) -> Told:
    """What is sent by workers that die: each lives for some records, has then sent what the next
    one caused but written only some of its states, and its successor reads some records again.
    """
    states: dict[str, State] = {}
    sent: Told = []
    offset = 0

    def write(done: Step, count: int | None = None) -> None:
        for key, state in list(done.changed.items())[:count]:
            if state is None:
                states.pop(key, None)
                continue
            kept = decode_state(key, encode(state))
            if key not in states or states[key].offset < kept.offset:
                states[key] = kept

    for lived, written, back in [*kills, (len(messages), 0, 0)]:
        end = min(offset + lived, len(messages))
        for here in range(offset, end):
            done = step(states, *record(messages[here]), (0, here), ONLY)
            sent += [(alert.id, encode(alert)) for alert, _ in done.alerts]
            write(done)
        if end < len(messages):
            dying = step(states, *record(messages[end]), (0, end), ONLY)
            sent += [(alert.id, encode(alert)) for alert, _ in dying.alerts]
            write(dying, written)
        offset = max(0, end - back)
    for here in range(offset, len(messages)):
        done = step(states, *record(messages[here]), (0, here), ONLY)
        sent += [(alert.id, encode(alert)) for alert, _ in done.alerts]
        write(done)
    return sent


KILLS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 2), st.integers(0, 9)), max_size=6)


@settings(max_examples=50)
@given(timelines(CROWDS, CROWDS, PARKED, CURRENTS, TICKS), KILLS)
def test_whoever_dies_when_the_same_alerts_are_sent_with_the_same_bytes(
    messages: list[Message], kills: list[tuple[int, int, int]]
) -> None:
    sent = lives(messages, kills)
    whole = [(alert.id, encode(alert)) for alert in told(messages, CITY)]
    assert sorted(set(sent)) == sorted(whole)


@settings(max_examples=40)
@given(st.lists(st.frozensets(st.integers(0, 2)), min_size=1, max_size=60))
def test_of_vehicles_that_come_and_go_one_incident_counts_those_that_stay(
    looks: list[frozenset[int]],
) -> None:
    hits = [parking_hit(20 * n, spots) for n, spots in enumerate(looks)]
    for alert in told(list(hits), CITY):
        began, ended = seconds_of(alert.data.first_seen_at), seconds_of(alert.time)
        seen = looks[int(began // 20) : int(ended // 20) + 1]
        assert ended - began >= 60
        assert 1 <= alert.data.measures[0].value <= len(frozenset().union(*seen))


def test_the_head_of_a_partition_is_no_leaf() -> None:
    states = {HEAD: decode_state(HEAD, b'{"offset":3,"policy_version":"p1"}')}
    done = step(states, *record(Tick(at(0))), (0, 9), ONLY)
    assert (set(done.changed), done.alerts) == ({HEAD}, ())


@pytest.mark.parametrize("other", ["z2", "b"], ids=["a second zone", "a second camera"])
def test_a_place_that_two_look_at_has_one_incident_until_both_see_it_gone(other: str) -> None:
    both = [crowd_hit(s, 6, 1, 0.5, where) for s in (0, 2, 4) for where in ("z", other)]
    one_gone = [crowd_hit(s, 0, 1, 0, "z") for s in (6, 12, 17)]
    alerts = told([*both, *one_gone], CITY)
    assert [alert.type.split(".")[-2] for alert in alerts] == ["opened"]
    both_gone = [crowd_hit(s, 0, 1, 0, other) for s in (18, 24, 29)]
    alerts = told([*both, *one_gone, *both_gone], CITY)
    assert [alert.type.split(".")[-2] for alert in alerts] == ["opened", "resolved"]
    assert alerts[1].data.observation.source_count == (2 if other == "b" else 1)
