"""Cameras propose, sensors confirm: the worked example of detectors.md A.5, and what bounds it."""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.hits import Hit
from pipeline.alerts import Contribution, Direct, Queue, decode_alert
from pipeline.explain.why import because
from pipeline.incidents.confidence import PRIOR, confidence, likelihood, logit, sigmoid
from pipeline.incidents.senses import confidence_of
from pipeline.incidents.state import LeafState, decode_state
from pipeline.messages import Reason, Tick, encode
from pipeline.replay import Fold
from tests.builders import LEAF, at, hit, policy, record, reported
from tests.unit.incidents.test_confidence import PLAIN, seen
from tests.unit.incidents.timeline import Timeline, told
from tests.unit.incidents.wires import (
    BRIEF,
    LOAD,
    SHIPPED,
    begun,
    load,
    of_camera,
    six_looks,
    sure_of,
    wire,
    yard,
)

REVIEWED = of_camera(3, 17)  # of the worked example
SIGNATURE = load(290, 0.9)


def silent(since: float, until: float, step: float = 300, **fields: object) -> list[Hit]:
    """A breaker that sees no charging, as often as it reports."""
    seconds = [since + n * step for n in range(int((until - since) // step) + 1)]
    return [load(s, 0.0, **fields) for s in seconds]  # type: ignore[arg-type]


def in_order(*hits: Hit) -> list[Hit]:
    return sorted(hits, key=lambda one: one.occurred_at)


# The worked example ---------------------------------------------------------------------------


def test_a_wire_that_only_a_camera_saw_goes_to_the_desk() -> None:
    line = begun(REVIEWED).push(*six_looks())
    assert sure_of(line) == {"prior": pytest.approx(-0.95, abs=0.005), "looks": 0.8134}
    assert line.last.confidence == pytest.approx(0.47, abs=0.005)
    assert isinstance(line.last.routing, Queue)
    prior = line.last.contributions[0]
    assert (prior.source, prior.confirmed, prior.reviewed) == ("cam", 3, 20)


def test_with_the_breakers_signature_it_goes_to_the_officer() -> None:
    line = begun(REVIEWED).push(*in_order(*six_looks(), SIGNATURE))
    assert sure_of(line)["charging_load"] == pytest.approx(2.77, abs=0.005)
    assert sum(sure_of(line).values()) == pytest.approx(2.63, abs=0.005)
    assert line.last.confidence == pytest.approx(0.93, abs=0.005)
    assert isinstance(line.last.routing, Direct)
    assert decode_alert(encode(line.events[-1])) == line.events[-1]
    sensor = line.last.contributions[-1]
    assert (sensor.source, sensor.since) == ("charging_load-yard-1", at(290))


def test_a_breaker_that_is_silent_for_two_hours_makes_it_too_unsure_to_be_told() -> None:
    line = begun(of_camera(3, 17, 7200)).push(*in_order(*silent(0, 7500), *six_looks(7200)))
    assert (line.lines, line.reasons[-1]) == ([], Reason.LOW_CONFIDENCE)
    state = line.states[LEAF]
    assert isinstance(state, LeafState)
    incident = state.incidents["flying_wire@yard"]
    assert [one.log_odds for one in incident.sensed[1:]] == [pytest.approx(-1.56, abs=0.005)]
    sure = confidence_of(incident, line.policies.current, at(7500))
    assert logit(sure) == pytest.approx(-1.70, abs=0.005)
    assert sure == pytest.approx(0.15, abs=0.006)


@pytest.mark.parametrize(
    ("prior", "looks", "said", "added", "expected"),
    [
        pytest.param(17.6 / 23, (60, 0.75, 0.9), (0.6, 0.1), 1.79, 0.985, id="a crowd's counter"),
        pytest.param(22.8 / 28, (180, 0.9, 0.6), (0.97, 0.05), 2.97, 0.998, id="a magnetometer"),
        pytest.param(22.8 / 28, (180, 0.9, 0.6), (0.03, 0.95), -3.0, 0.53, id="it says vacant"),
    ],
)
def test_the_other_worked_examples(
    prior: float, looks: tuple[int, float, float], said: tuple[float, float], added: float,
    expected: float,
) -> None:  # fmt: skip
    assert likelihood(said) == pytest.approx(added, abs=0.005)
    sensed = (
        Contribution(PRIOR, logit(prior), "cam", reviewed=20),
        Contribution("sensor", likelihood(said), "s"),
    )
    assert confidence([seen(*looks)], PLAIN, sensed=sensed) == pytest.approx(expected, abs=0.005)


# What counts, and what does not ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        pytest.param([load(290, 0.9)], 2.7726, id="it says so"),
        pytest.param([load(290, 0.9, "shed")], 2.7726, id="at a place merged with it"),
        pytest.param([load(290, 0.9, "gate")], None, id="at another place"),
        pytest.param([load(290, 0.9), load(295, 0.0)], None, id="it said so before"),
        pytest.param([load(290, 0.9), load(295, 0.0, quality=0)], None, id="it is offline"),
        pytest.param([load(-400, 0.9)], None, id="it is stale"),
        pytest.param([load(290, 0.0, n=2), load(290, 0.9)], 2.7726, id="one of two says so"),
        pytest.param([load(280, 0.9), load(290, 0.9, n=2)], 2.7726, id="two are not independent"),
        pytest.param(silent(-7200, 300), -1.5581, id="silent for two hours"),
        pytest.param(silent(-6600, 300), None, id="silent for not quite so long"),
        pytest.param(silent(-7200, 300, 700), None, id="silent, with gaps"),
        pytest.param(
            [*silent(-7200, 300), *silent(-600, 300, n=2)], None, id="one of two is new"
        ),
        pytest.param([*silent(-7200, 300), load(-3000, 0.0, quality=0, n=2)], None,
                     id="one of two is offline"),
        pytest.param([*silent(-7200, 300), load(-5000, 0.0, quality=0)], None,
                     id="silent, but blind for a moment"),
        pytest.param(silent(-7200, 300, kind="residual_current"), None,
                     id="a silence that proves nothing"),
    ],
)  # fmt: skip
def test_what_a_sensor_adds(said: list[Hit], counts: float | None) -> None:
    line = begun(of_camera(17, 3)).push(*in_order(*six_looks(), *said))
    state = line.states[LEAF]
    assert isinstance(state, LeafState)
    sensed = [one for one in state.incidents["flying_wire@yard"].sensed if one.name != PRIOR]
    assert [one.log_odds for one in sensed] == ([] if counts is None else [counts])


def test_kinds_of_sensors_add_up() -> None:
    line = begun().push(*in_order(*six_looks(), SIGNATURE, load(280, 0.9, kind="residual_current")))
    assert sure_of(line)["residual_current"] == round(likelihood((0.2, 0.05)), 4)
    assert line.last.confidence == pytest.approx(sigmoid(sum(sure_of(line).values())), abs=1e-3)


def test_a_signature_after_the_alert_sends_it_to_the_officer_at_the_next_look_or_tick() -> None:
    line = begun(REVIEWED).push(*six_looks(), load(305, 0.9))
    assert line.lines == [(300, "opened", "")]
    for news in (wire(310), Tick(at(310))):
        later = begun(REVIEWED).push(*six_looks(), load(305, 0.9), news)
        assert later.lines[1:] == [(310, "updated", "confidence_rose")]
        assert isinstance(later.last.routing, Direct)


def test_a_sensor_alone_is_never_published() -> None:
    line = begun().push(*(load(60 * n, 0.99) for n in range(60)), Tick(at(3600)))
    assert (line.lines, line.reasons[-2]) == ([], Reason.LOW_CONFIDENCE)


def test_a_report_is_told_at_once_and_a_signature_makes_it_surer() -> None:
    citizen = reported(10, "r1", "flying_wire", channel="citizen_photo", leaf_code=LEAF,
                       place_id="yard")  # fmt: skip
    line = begun().push(load(5, 0.9), citizen, Tick(at(20)))
    assert line.lines == [(10, "opened", ""), (20, "updated", "confidence_rose")]
    assert sure_of(line) == {"report": pytest.approx(logit(0.6), abs=1e-4), "charging_load": 2.7726}


# The camera alone -----------------------------------------------------------------------------


def looked_long(line: Timeline, sure: float = 0.93) -> Timeline:
    return line.push(*(wire(20 * n, sure, quality=1.0) for n in range(60)))


@pytest.mark.parametrize(
    ("state", "most"),
    [
        pytest.param(None, 0.75, id="a new camera"),
        pytest.param(of_camera(19, 0), 0.75, id="nineteen reviews"),
        pytest.param(of_camera(20, 0), None, id="twenty reviews"),
        pytest.param(of_camera(12, 8), None, id="twenty reviews, some of them bad"),
    ],
)
def test_a_camera_alone_is_held_back_until_it_has_been_reviewed(
    state: LeafState | None, most: float | None
) -> None:
    line = looked_long(begun(state))
    if most is None:
        assert line.last.confidence > 0.9
        assert "limit" not in sure_of(line)
    else:
        assert line.last.confidence == most
        assert sigmoid(sum(sure_of(line).values())) == pytest.approx(most, abs=1e-3)
        assert isinstance(line.last.routing, Queue)


@pytest.mark.parametrize("kind", ["charging_load", "residual_current"])
def test_any_sensor_that_says_so_lifts_the_limit(kind: str) -> None:
    line = looked_long(begun().push(load(0, 0.9, kind=kind), load(500, 0.9, kind=kind)))
    assert line.last.confidence > 0.95
    assert "limit" not in sure_of(line)


def test_silence_lifts_nothing() -> None:
    looks = [wire(20 * n, 0.93, quality=1.0) for n in range(60)]
    line = begun().push(*in_order(*silent(-7500, 1200), *looks))
    state = line.states[LEAF]
    assert isinstance(state, LeafState)
    incident = state.incidents["flying_wire@yard"]
    sure = confidence_of(incident, line.policies.current, at(1180))
    assert sure == round(sigmoid(logit(0.75) + round(likelihood((0.2, 0.95)), 4)), 4)
    assert line.lines == []


def test_of_two_cameras_the_priors_are_averaged_and_each_is_named() -> None:
    both = in_order(*six_looks(), *six_looks(source="cam-b"))
    line = begun(REVIEWED).push(*both, wire(310), wire(310, source="cam-b"), SIGNATURE, wire(320))
    last = line.last.contributions
    assert [(one.name, one.source) for one in last[:4]] == [
        ("prior", "cam"), ("prior", "cam-b"), ("looks", "cam"), ("looks", "cam-b"),
    ]  # fmt: skip
    priors = [one.log_odds for one in last if one.name == "prior"]
    assert priors == pytest.approx([-0.9511 / 2, logit(0.6) / 2], abs=1e-3)


# What is told ---------------------------------------------------------------------------------


def test_the_alert_says_what_it_rests_on_and_what_nobody_knows() -> None:
    line = begun(REVIEWED).push(*in_order(*six_looks(), SIGNATURE))
    text = line.last.text.description
    assert "依据：摄像机cam已复核20件、属实3件-0.95；摄像机cam画面+0.81；" in text
    assert "传感器charging_load-yard-1charging_load电+2.77。" in text
    assert text.endswith("注意：模型以合成电缆训练，对真实飞线的检出率未知。")
    assert line.last.provenance.caution == "trained on made cables; real recall unknown"


def test_what_has_gone_keeps_what_it_rested_on() -> None:
    line = begun(REVIEWED).push(*in_order(*six_looks(), SIGNATURE))
    line.push(*(wire(360 + 60 * n, 0.0) for n in range(35)))
    assert line.lines[-1][1:] == ("resolved", "condition_cleared")
    assert line.alerts[-1].contributions == line.alerts[0].contributions


def test_explain_names_each_by_its_weight() -> None:
    fold = Fold(yard())
    from pipeline.explain.story import entries

    log = [(0, n, *record(one)) for n, one in enumerate(in_order(*six_looks(), SIGNATURE))]
    last = list(entries(log, fold, LEAF.encode()))[-1]
    why = because(last)
    for part in ("Before looking +0.41.", "Looks of cam +0.81.", "charging_load-yard-1"):
        assert part in why.en
    assert "charging_load电 +2.77" in why.zh


# What must always hold ------------------------------------------------------------------------


def test_other_events_keep_nothing_of_this_and_old_states_are_read() -> None:
    line = Timeline(policy()).push(*(hit(s, 6) for s in (0, 2, 4)))
    value = encode(line.states[LEAF])
    for name in (b"sensed", b"paths", b"quiet", b"masks", b"reviews", b"contrib", b"caution"):
        assert name not in value
    assert decode_state(LEAF, value) == line.states[LEAF]


def test_what_other_places_say_in_between_changes_nothing() -> None:
    here = in_order(*six_looks(), SIGNATURE, *six_looks(310))
    elsewhere = [load(s, 0.9, "gate", n=n) for s in range(0, 600, 100) for n in (1, 2)]
    alone = [encode(one) for one in told(list(here), yard())]
    for seed in range(5):
        random, left, right, mixed = Random(seed), list(here), list(elsewhere), list[Hit]()
        while left or right:
            mixed.append((left if left and (not right or random.random() < 0.5) else right).pop(0))
        assert [encode(one) for one in told(list(mixed), yard())] == alone


SAYS = st.sampled_from([0.0, 0.0, 0.4, 0.9])
SENSOR = st.tuples(
    st.integers(0, 9000), SAYS, st.sampled_from(["yard", "shed", "gate"]),
    st.sampled_from(["charging_load", "residual_current"]), st.integers(1, 2),
    st.sampled_from([1.0, 1.0, 1.0, 0.0]),
)  # fmt: skip


def independent(said: list[Hit], kind: str, now: float) -> float:
    """S of one kind of sensor, from nothing but what was said, by the words of the issue."""
    told_of = SHIPPED.calibration.sensors[kind]
    by_source: dict[str, list[Hit]] = {}
    for one in said:
        if one.event_type == kind and one.place_id != "gate" and one.occurred_at <= at(now):
            by_source.setdefault(one.source.id, []).append(one)
    yes, quiet = False, []
    for hits in by_source.values():
        last = hits[-1]
        fresh = last.quality > 0 and (at(now) - last.occurred_at).total_seconds() <= LOAD.gap_s
        yes = yes or (fresh and last.measure >= LOAD.raise_at)
        run_s, later = 0.0, None
        for one in reversed(hits):
            gap_s = (later.occurred_at - one.occurred_at).total_seconds() if later else 0.0
            if one.quality == 0 or one.measure >= LOAD.clear_below or gap_s > LOAD.gap_s:
                break
            run_s, later = (at(now) - one.occurred_at).total_seconds(), one
        quiet.append(fresh and later is not None and run_s >= told_of.silent_after_s)
    if yes:
        return likelihood(told_of.yes)
    return likelihood(told_of.no) if told_of.no and quiet and all(quiet) else 0.0


@settings(max_examples=30)
@given(
    st.lists(SENSOR, max_size=8),
    st.lists(st.sampled_from(["yard", "shed"]), unique=True),
    st.lists(st.tuples(st.floats(0.5, 0.99), st.floats(0.1, 1)), min_size=6, max_size=20),
    st.tuples(st.integers(0, 25), st.integers(0, 25), st.integers(0, 90)),
)
def test_confidence_is_what_an_independent_sum_says(
    said: list[tuple[int, float, str, str, int, float]],
    silent_at: list[str],
    looks: list[tuple[float, float]],
    reviews: tuple[int, int, int],
) -> None:
    confirmed, rejected, days = reviews
    quiet = [one for place in silent_at for one in silent(1, 9001, place=place)]
    by_look = {one.hit_id: one for one in (*quiet, *(load(*row) for row in said))}
    sensors = in_order(*by_look.values())
    start = 9000 - 60 * len(looks)
    seen_ = [wire(start + 60 * n, s, quality=q) for n, (s, q) in enumerate(looks)]
    state = of_camera(confirmed, rejected, 9000 - 86_400 * days)
    line = begun(state).push(*in_order(*sensors, *seen_))
    now = start + 60 * (len(looks) - 1)
    faded = 0.977 ** ((now - 9000) / 86_400 + days)
    alpha, beta = 8 * 0.6 + confirmed * faded, 8 * 0.4 + rejected * faded
    n, scores = len(looks), [logit(s) for s, _ in looks]
    v = sum(q for _, q in looks) / n * n / (1 + 0.8 * (n - 1)) * sum(scores) / n
    bv = logit(alpha / (alpha + beta)) + min(v, 4)
    s = [independent(sensors, kind, now) for kind in ("charging_load", "residual_current")]
    if confirmed + rejected < 20 and max(s) <= 0:
        bv = min(bv, logit(0.75))
    leaf = line.states[LEAF]
    assert isinstance(leaf, LeafState)
    known = confidence_of(leaf.incidents["flying_wire@yard"], line.policies.current, at(now))
    assert known == pytest.approx(sigmoid(bv + sum(s)), abs=2e-4)
    assert BRIEF.hold_s <= now - start  # it has lasted: there was something to be sure of


def test_the_same_record_again_changes_nothing() -> None:
    line = begun(REVIEWED).push(*in_order(*six_looks(), SIGNATURE))
    before = msgspec.json.encode(line.states[LEAF])
    line.push(six_looks()[-1])
    assert line.reasons[-1] is Reason.REPEATED
    assert msgspec.json.encode(line.states[LEAF]) == before
