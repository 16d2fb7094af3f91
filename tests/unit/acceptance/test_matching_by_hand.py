"""Episodes against truths, matched a second time in the plainest way; intervals by the tables."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.proof.figures import rate_a_day, wilson
from pipeline.proof.matching import Episode, Truth, match

END_S = 40
SPANS = st.tuples(st.integers(0, 38), st.integers(1, 20)).map(lambda x: (x[0], x[0] + x[1]))
ZONES = st.sampled_from("ab")
TRUTHS = st.lists(st.builds(lambda z, s: Truth(z, *s), ZONES, SPANS), max_size=5, unique=True)
EPISODES = st.lists(st.tuples(ZONES, SPANS, st.booleans()), max_size=5).map(
    lambda rows: [
        Episode(zone, str(n), span[0], None if is_open else span[1])
        for n, (zone, span, is_open) in enumerate(rows)
    ]
)


def overlap(episode: Episode, truth: Truth) -> float:
    if episode.zone != truth.zone:
        return -1
    ends = END_S if episode.to_s is None else episode.to_s
    return min(ends, truth.to_s) - max(episode.from_s, truth.from_s)


@settings(max_examples=30)
@given(EPISODES, TRUTHS)
def test_the_longest_overlap_that_is_left_is_taken_until_none_is(episodes, truths):
    pairs = [(e, t) for e in range(len(episodes)) for t in range(len(truths))]
    left = {p: o for p in pairs if (o := overlap(episodes[p[0]], truths[p[1]])) >= 0}
    touches, found = {e for e, _ in left}, {}
    while left:
        best = min(left, key=lambda pair: (-left[pair], pair))
        found[best[0]] = best[1]
        left = {p: o for p, o in left.items() if p[0] != best[0] and p[1] != best[1]}
    matches = match(episodes, truths, END_S)
    for n, one in enumerate(matches):
        expected = "found" if n in found else "duplicate" if n in touches else "false"
        assert one.outcome == expected
        if n in found:
            assert one.truth == truths[found[n]]


@pytest.mark.parametrize(
    ("events", "low", "high"), [(0, 0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904)]
)
def test_poisson_as_in_the_tables(events, low, high):
    rate = rate_a_day(events, 1)
    assert (rate.low, rate.high) == (pytest.approx(low, abs=2e-4), pytest.approx(high, abs=2e-4))


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"), [(0, 10, 0, 0.2775), (8, 10, 0.4902, 0.9433)]
)
def test_wilson_as_in_the_tables(hits, of, low, high):
    assert wilson(hits, of) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
