"""The random world through the fold, every record held against the books."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import msgspec

from pipeline.incidents.decision import Step
from pipeline.incidents.state import HEAD, Head, LeafState, Policies, State, decode_state
from pipeline.incidents.step import step
from pipeline.messages import encode
from tests.soak.books import Books
from tests.soak.world import Bytes, World

PART = 5_000
Told = list[tuple[str, bytes]]  # ids and bytes of alerts; of a decision the id is its offset


@dataclass
class Run:
    """A world, and what the fold makes of it."""

    world: World
    books: Books = field(default_factory=Books)
    states: dict[str, State] = field(default_factory=dict)
    offset: int = -1

    def __post_init__(self) -> None:
        known = self.world.known
        self.policies = Policies(next(iter(known.values())), known)

    def part(self, count: int = PART) -> Iterator[tuple[Bytes, Step]]:
        """About `count` records, until nothing is remembered of any but the leaves' offsets."""
        for one in self.world.part(count):
            yield one, self.apply(one)
        for key, state in self.states.items():
            assert key == HEAD or (isinstance(state, LeafState) and not state.incidents), key
        assert not self.books.last

    def apply(self, one: Bytes) -> Step:
        """The next record."""
        self.offset += 1
        done = step(self.states, *one, (0, self.offset), self.policies)
        write(self.states, done)
        self.books.check(done, self.states)
        for event, _ in done.alerts:
            self.world.hear(event)
        return done


def write(states: dict[str, State], done: Step) -> None:
    """Keep what a record changed."""
    for key, state in done.changed.items():
        if state is None:
            states.pop(key, None)
        else:
            states[key] = state


def replayed(log: list[Bytes], version: str, policies: Policies) -> Told:
    """What a fold says that begins with this log, knowing only the policy in force."""
    states: dict[str, State] = {HEAD: Head(policy_version=version)}
    told: Told = []
    for offset, one in enumerate(log):
        done = step(states, *one, (0, offset), policies)
        write(states, done)
        told += said(done, offset)
    return told


def said(done: Step, offset: int) -> Told:
    """What a record made be published; a tick that is read again names only what was left to do."""
    told = [(event.id, encode(event)) for event, _ in done.alerts]
    if done.decision is None:
        return told
    return [*told, (str(offset), encode(msgspec.structs.replace(done.decision, alerts=())))]


def by_mortals(log: list[Bytes], version: str, policies: Policies, random: Random) -> Told:
    """What workers say that die now and then: each has published what a record caused, but written
    only some of its states, and its successor reads some records again.
    """
    states: dict[str, State] = {HEAD: Head(policy_version=version)}
    told: Told = []
    offset, safe = 0, 0  # `safe`: records before it are never read again
    while offset < len(log):
        done = step(states, *log[offset], (0, offset), policies)
        told += said(done, offset)
        dies = random.random() < (0.3 if len(done.changed) > 1 else 0.02)
        for key, state in list(done.changed.items())[: random.randrange(4) if dies else None]:
            if state is None:
                states.pop(key, None)
                continue
            kept = decode_state(key, encode(state))
            if key not in states or states[key].offset < kept.offset:
                states[key] = kept
        safe = max(safe, offset - 30)
        offset = max(safe, offset - random.randrange(9)) if dies else offset + 1
    return told
