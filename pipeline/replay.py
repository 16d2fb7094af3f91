"""The fold without Kafka: a recorded log in, the same alerts out, byte for byte."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from pipeline.alerts import decode_alert
from pipeline.incidents.decision import Step
from pipeline.incidents.policy import Policy
from pipeline.incidents.state import HEAD, Head, State, head
from pipeline.incidents.step import step
from pipeline.messages import NO_JSON, PolicyChange, decode_log_record, encode
from pipeline.site.versions import Shelf, changes_to
from pipeline.topics import HITS
from sinks.contract import Headers

PARTITION = 0  # of a log that is folded as it is made
Record = tuple[int, int, bytes | None, bytes | None]  # partition, offset, key, value


class LogLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record of grid.hits.v1 as recorded: a line of JSON. `value` as it stood when it is JSON,
    else `value_base64`.
    """

    partition: int
    offset: int
    key: str | None = None
    value: msgspec.Raw = msgspec.Raw()
    value_base64: bytes | None = None  # as base64 in the line

    def value_bytes(self) -> bytes:
        """The record's value as it was on the topic."""
        if self.value_base64 is not None:
            return self.value_base64
        return bytes(self.value)

    def record(self) -> Record:
        """The record as it was on the topic."""
        key = None if self.key is None else self.key.encode()
        return self.partition, self.offset, key, self.value_bytes()


_line_decoder = msgspec.json.Decoder(LogLine)


def log_line(partition: int, offset: int, key: bytes | None, value: bytes | None) -> bytes:
    """A record as a line of a recorded log, without the newline."""
    value = value or b""
    text = None if key is None else key.decode(errors="replace")
    try:
        msgspec.json.decode(value)
        line = LogLine(partition, offset, text, value=msgspec.Raw(value))
    except NO_JSON:
        line = LogLine(partition, offset, text, value_base64=value)
    return encode(line).replace(b"\n", b" ")


def read_log(path: Path) -> Iterator[LogLine]:
    """The lines of a recorded log. Raises ValueError naming the line that is none."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield _line_decoder.decode(line)
            except NO_JSON as error:
                raise ValueError(
                    f"{path}:{number}: no recorded record ({error}); record the log again with "
                    "gridalert demo"
                ) from error


def begun_by(records: Iterable[Record]) -> Iterator[tuple[int, str]]:
    """Partitions with the version that decided each where these records begin, as the first change
    of policy says; none for a partition without one.
    """
    known: set[int] = set()
    for partition, _, _, value in records:
        if partition in known or b'"policy"' not in (value or b""):
            continue
        try:
            change = decode_log_record(value or b"")
        except NO_JSON:
            continue
        if isinstance(change, PolicyChange):
            known.add(partition)
            yield partition, change.was or change.version


class Fold:
    """The state of every partition in memory, and what has been decided so far. `missing`: the
    versions that decided once and are not at hand; the current one decides in their place.
    """

    def __init__(self, policy: Policy, versions: Path | None = None) -> None:
        """`policy`: decides until the log names another, taken from the folder `versions`."""
        self._shelf = Shelf(policy, versions)
        self._states: dict[int, dict[str, State]] = {}
        self.decisions: Counter[tuple[str, str]] = Counter()
        self.missing: list[str] = []

    def begin(self, begun: Iterable[tuple[int, str]]) -> None:
        """Decide each partition by its version, until its log names another (see `begun_by`)."""
        for partition, version in begun:
            self._states[partition] = {HEAD: Head(policy_version=version)}

    def apply(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> Step:
        """Apply one record; records of a partition come in order of offset."""
        states = self._states.setdefault(partition, {})
        self._know(head(states).policy_version)
        done = step(states, key, value, (partition, offset), self._shelf.policies)
        version = changes_to(done, value)
        if version and self._know(version):
            done = step(states, key, value, (partition, offset), self._shelf.policies)
        for name, state in done.changed.items():
            if state is None:
                states.pop(name, None)
            else:
                states[name] = state
        if done.decision:
            self.decisions[done.decision.outcome, done.decision.reason] += 1
        return done

    def policy(self, partition: int) -> Policy:
        """What decides in a partition now."""
        version = head(self._states.get(partition, {})).policy_version
        return self._shelf.policies.in_force(version)

    def _know(self, version: str) -> bool:
        if not self._shelf.is_at_hand(version) and not self._shelf.fetch(version):
            self.missing.append(version)
        return version in self._shelf.policies.known

    def counts(self) -> dict[str, int]:
        """Decisions by outcome/reason."""
        return {f"{outcome}/{reason}": n for (outcome, reason), n in sorted(self.decisions.items())}


class FoldSink:
    """An AlertSink that folds what goes to the log at once; what goes to others is left out."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self.alerts: list[bytes] = []
        self.log: list[bytes] = []

    def send(self, topic: str, key: bytes, value: bytes, headers: Headers = ()) -> None:
        """As in `AlertSink`; nothing can fail."""
        if topic != HITS:
            return
        offset = len(self.log)
        self.log.append(log_line(PARTITION, offset, key, value))
        done = self._fold.apply(PARTITION, offset, key, value)
        self.alerts += [encode(alert) for alert, _ in done.alerts]

    def close(self) -> None:
        """Nothing is under way."""


def replay(lines: Iterable[LogLine], fold: Fold) -> Iterator[bytes]:
    """The values for grid.alerts.v1 that a recorded log leads to."""
    for line in lines:
        for alert, _ in fold.apply(*line.record()).alerts:
            yield encode(alert)


def distinct_alerts(values: Iterable[bytes]) -> list[bytes]:
    """As a dispatch service keeps them: repeats dropped by id, in order of time and id."""
    by_id: dict[str, tuple[str, str, bytes]] = {}
    for value in values:
        event = decode_alert(value)
        by_id.setdefault(event.id, (event.time.isoformat(), event.id, value))
    return [value for _, _, value in sorted(by_id.values())]
