"""What the fold remembers between records: of each leaf grid, each case and each partition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from pipeline.incidents.cases import Case
from pipeline.incidents.incident import Incident, condition_of
from pipeline.incidents.masks import Paths
from pipeline.incidents.policy import Policy
from pipeline.incidents.reviews import Reviews

HEAD = "#head"  # beside leaf codes, the key of what a partition as a whole remembers
CASE = "@"  # before an alert's id, the key of a case that is kept on its own


class LeafState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one leaf grid. `offset`: the last record applied; all up to it are done.

    `incidents`: by event type and place. `to_recheck`: alerts that people closed and whose place
    (the incident's name) nobody has looked at since: alert id and name. `reviews`: of its cameras'
    alerts, by event type and source. `masks`: lines that people called no cable, by camera and
    zone.
    """

    offset: int = -1
    incidents: dict[str, Incident] = {}
    to_recheck: tuple[tuple[str, str], ...] = ()
    reviews: dict[str, Reviews] = {}
    masks: Paths = {}


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one partition: the policy in force, the time of the last tick, and the last
    record applied to this: all up to it are done, in every leaf.
    """

    offset: int = -1
    policy_version: str = ""
    at: datetime | None = None


State = LeafState | Head | Case
States = Mapping[str, State]
_leaf_decoder = msgspec.json.Decoder(LeafState)
_case_decoder = msgspec.json.Decoder(Case)


@dataclass(frozen=True, slots=True)
class Policies:
    """The policy of the site as it is now, and those of other versions that are known."""

    current: Policy
    known: Mapping[str, Policy]

    def in_force(self, version: str) -> Policy:
        """The policy of this version; the current one where it is not known."""
        return self.known.get(version, self.current)


def only(policy: Policy) -> Policies:
    """The policies of a site that has never changed."""
    return Policies(policy, {policy.version: policy})


def decode_state(key: str, value: bytes) -> State:
    """A state as it was written. Raises msgspec.DecodeError for what none of this version is."""
    if key == HEAD:
        return msgspec.json.decode(value, type=Head)
    return (_case_decoder if key.startswith(CASE) else _leaf_decoder).decode(value)


def leaf_state(states: States, code: str) -> LeafState:
    """The state of a leaf, seen or not."""
    state = states.get(code)
    return state if isinstance(state, LeafState) else LeafState()


def head(states: States) -> Head:
    """What the partition as a whole remembers."""
    state = states.get(HEAD)
    return state if isinstance(state, Head) else Head()


def case_key(case: Case) -> str:
    """The key of a case that is kept on its own."""
    return CASE + case.alert.alert_id


def all_cases(states: Sequence[State]) -> list[Case]:
    """Every case: those of incidents, and those kept on their own."""
    cases = [s for s in states if isinstance(s, Case)]
    for state in states:
        if isinstance(state, LeafState):
            cases += [one.case for one in state.incidents.values() if one.case]
    return cases


def open_incidents(states: Sequence[State], policy: Policy) -> list[tuple[str, str]]:
    """Event type and condition of each open incident, as of the newest look among them."""
    incidents = [
        incident
        for state in states
        if isinstance(state, LeafState)
        for incident in state.incidents.values()
        if incident.case and incident.event_type in policy.events
    ]
    now = max((at for one in incidents if (at := one.at)), default=None)
    return [(one.event_type, condition_of(one, policy, now)) for one in incidents if now]
