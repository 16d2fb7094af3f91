"""What the fold remembers between records: of each leaf grid, and of each partition."""

from collections.abc import Mapping, Sequence

import msgspec

from pipeline.incidents.lifecycle import Incident, condition_of
from pipeline.incidents.policy import Policy

HEAD = "#head"  # beside the leaf codes, the key of what a partition as a whole remembers


class LeafState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one leaf grid. `offset`: the last record applied; all up to it are done.

    `incidents`: by event type and place. A leaf that was seen once stays, without any: its offset
    is what tells a record that was applied from a new one.
    """

    offset: int = -1
    incidents: dict[str, Incident] = {}


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one partition: the policy in force, and the last record applied to this."""

    offset: int = -1
    policy_version: str = ""


State = LeafState | Head
_leaf_decoder = msgspec.json.Decoder(LeafState)
States = Mapping[str, State]


def decode_state(key: str, value: bytes) -> State:
    """A state as it was written. Raises msgspec.DecodeError for what none of this version is."""
    return msgspec.json.decode(value, type=Head) if key == HEAD else _leaf_decoder.decode(value)


def leaf_state(states: States, code: str) -> LeafState:
    """The state of a leaf, seen or not."""
    state = states.get(code)
    return state if isinstance(state, LeafState) else LeafState()


def head(states: States) -> Head:
    """What the partition as a whole remembers."""
    state = states.get(HEAD)
    return state if isinstance(state, Head) else Head()


def open_incidents(states: Sequence[State], policy: Policy) -> list[tuple[str, str]]:
    """Event type and condition of each open incident, as of the newest look among them."""
    incidents = [
        incident
        for state in states
        if isinstance(state, LeafState)
        for incident in state.incidents.values()
        if incident.published and incident.event_type in policy.events
    ]
    now = max((t.at for i in incidents for t in i.tracks.values()), default=None)
    return [(i.event_type, condition_of(i, policy, now)) for i in incidents if now]
