"""200 000 random records of a small city: nothing breaks, and it all can be told again."""

from random import Random

import pytest

from pipeline.incidents.state import HEAD, Head
from pipeline.messages import Outcome, encode, outcome_of
from tests.soak.run import Run, by_mortals, replayed
from tests.soak.world import World

RECORDS = 200_000
SEEDS = range(10)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_comes_the_books_balance_and_every_alert_is_right(seed: int) -> None:
    run = Run(World(seed))
    while run.books.records < RECORDS // len(SEEDS):
        for _ in run.part():
            pass
    assert run.books.published > len(run.books.ids) > 100
    assert {outcome_of(reason) for reason in run.books.decisions} == set(Outcome)


@pytest.mark.parametrize("seed", range(100, 103))
def test_replay_from_any_quiet_time_and_by_workers_that_die_tells_the_same_bytes(seed: int) -> None:
    run, random = Run(World(seed)), Random(seed)
    for _ in range(3):
        known = run.states.get(HEAD)
        version = known.policy_version if isinstance(known, Head) else ""
        part = list(run.part(1_000))
        log = [one for one, _ in part]
        alerts = [encode(event) for _, done in part for event, _ in done.alerts]
        assert len(alerts) > 50
        told = replayed(log, version, run.policies)
        assert [value for id_, value in told if "/" in id_] == alerts
        assert sorted(set(by_mortals(log, version, run.policies, random))) == sorted(told)
