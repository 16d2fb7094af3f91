"""How far the worker is in its topics, and the states it had there: what survives it.

Faust's tables lose state when workers are killed or frozen (docs/adr/0002-worker-store.md). So the
state is a compacted topic that is read back at each new generation of the consumer group, and
offsets are committed only once everything a record caused has been acknowledged.

    new generation ──> read the states of our partitions to their ends ──> read committed offsets
    each record ─────> next in line? fold, send, await, write the state, await, done ──> commit
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import aiokafka
from aiokafka import TopicPartition

from pipeline.incidents.state import State, decode_state
from pipeline.messages import encode


class LogLost(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """The log is shorter than what its states say was decided of it."""


class Consumer(Protocol):
    """What is used of Faust's consumer."""

    def assignment(self) -> set[Any]:
        """Topic partitions held now."""

    async def seek(self, partition: Any, offset: int) -> None:
        """Go on reading at `offset`."""

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        """Commit; whether it was."""


class App(Protocol):
    """What is used of a Faust app. `consumer_generation_id`: of the consumer group, now."""

    consumer: Consumer
    consumer_generation_id: int


class Topics(NamedTuple):
    """The log, the topic of its states, and the topics whose records are relayed to the log."""

    log: str
    states: str
    relayed: tuple[str, ...]


class Progress:
    """The next record of each partition and the states of the log's partitions.

    Records are taken in the order of their offsets only: one that was applied is dropped, one that
    comes too early (Faust can skip records after a rebalance) makes the consumer seek back. Of two
    states of a key the one further in the log wins, so what a worker that froze writes late does no
    harm. All methods are called from the event loop.
    """

    def __init__(
        self, app: App, topics: Topics, send_state: Any, client: Mapping[str, Any]
    ) -> None:
        """`send_state`: the Faust topic of states. `client`: how aiokafka reaches the cluster, with
        the group's id.
        """
        self._app, self._send_state, self._client = app, send_state, client
        self._topics = topics
        self._states: dict[int, dict[str, State]] = {}
        self._state_read: dict[int, int] = {}  # next offset of the states' topic to read
        self._applied: dict[int, int] = {}  # the last record of the log in the states read back
        self._next: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._sought: dict[TopicPartition, int] = {}
        self._generation = -1
        self._lock = asyncio.Lock()

    def states(self, partition: int) -> dict[str, State]:
        """The states of one partition of the log, by leaf code."""
        return self._states.get(partition, {})

    def partitions(self) -> list[int]:
        """The partitions of the log held now."""
        return sorted(self._states)

    def all_states(self) -> list[dict[str, State]]:
        """The states of all partitions held now."""
        return list(self._states.values())

    def may_repeat(self, message: Any) -> bool:
        """Whether this record of the log may have been applied before it was read back."""
        return bool(message.offset <= self._applied.get(message.partition, -1))

    async def adopt(self, generation: int) -> None:
        """Read back what is ours since `generation` began; nothing when that has been done."""
        async with self._lock:
            if generation != self._generation:
                await self._restore()
                self._generation = generation

    def forget_generation(self) -> None:
        """Partitions were assigned anew: read back, whatever the generation's number.

        A cluster that was made anew counts generations from the beginning again.
        """
        self._generation = -1

    async def is_next(self, message: Any) -> bool:
        """Whether this record is the next one to apply. Seeks back over a gap."""
        await self.adopt(message.generation_id)
        tp = TopicPartition(message.topic, message.partition)
        wanted = self._next.get(tp)
        if wanted is None or message.offset < wanted:
            return False
        if message.offset == wanted:
            self._sought.pop(tp, None)  # so that it can be sought again, should it fail
            return True
        if self._sought.get(tp) != wanted:
            self._sought[tp] = wanted
            await self._app.consumer.seek(message.tp, wanted)
        return False

    async def write(self, partition: int, key: str, state: State | None) -> None:
        """Keep a state, or forget it (None); returns once it is acknowledged."""
        value = None if state is None else encode(state)
        sent = await self._send_state.send(key=key.encode(), value=value, partition=partition)
        offset = (await sent).offset
        self._keep(partition, key, state)
        if offset == self._state_read.get(partition):  # nobody else wrote in between
            self._state_read[partition] = offset + 1

    def done(self, message: Any) -> None:
        """Everything this record caused has been acknowledged."""
        tp = TopicPartition(message.topic, message.partition)
        if self._next.get(tp) == message.offset:  # else it was read back meanwhile
            self._next[tp] = message.offset + 1

    async def commit(self) -> None:
        """Commit what is done. Called every second."""
        if self._generation != self._app.consumer_generation_id:
            return
        ready = {
            tp: self._next[tp]
            for tp in self._app.consumer.assignment()
            if self._next.get(tp, -1) > self._committed.get(tp, -1)
        }
        if ready and await self._app.consumer._commit(ready):
            self._committed |= ready

    async def _restore(self) -> None:
        log, states_topic, relayed = self._topics
        mine = {tp for tp in self._app.consumer.assignment() if tp.topic in (log, *relayed)}
        partitions = {tp.partition for tp in mine if tp.topic == log}
        # From the earliest: never jump over states to the end.
        consumer = aiokafka.AIOKafkaConsumer(
            **self._client, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        consumer.assign([TopicPartition(states_topic, p) for p in sorted(partitions)])
        try:
            await consumer.start()
            if partitions:
                await self._read_states(consumer)
            sources = [TopicPartition(tp.topic, tp.partition) for tp in sorted(mine)]
            first = await consumer.beginning_offsets(sources)
            done = {tp: await consumer.committed(tp) for tp in sources}
            self._check_log(await consumer.end_offsets(sources))
        finally:
            await consumer.stop()
        self._next = {tp: max(done[tp] or 0, first[tp]) for tp in sources}
        self._committed, self._sought = dict(self._next), {}
        self._states = {p: self._states.get(p, {}) for p in partitions}
        self._applied = {p: _last(states) for p, states in self._states.items()}

    def _check_log(self, ends: Mapping[TopicPartition, int]) -> None:
        """A topic deleted beneath what was done of it: its new records would count as done."""
        for tp, end in ends.items():
            states = self.states(tp.partition) if tp.topic == self._topics.log else {}
            if end < max(_last(states) + 1, self._next.get(tp, 0)):
                raise LogLost(
                    f"{tp.topic} {tp.partition} ends at {end}, before what was done of it: it was "
                    f"deleted or made anew. Delete {self._topics.states} too if it is older"
                )

    async def _read_states(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        """From where we stopped to the ends as they are now."""
        ends = await consumer.end_offsets(consumer.assignment())
        for source, end in ends.items():
            if end < self._state_read.get(source.partition, 0):
                raise LogLost(f"{source.topic} {source.partition} ends at {end}: made anew")
            consumer.seek(source, self._state_read.get(source.partition, 0))
        while any([await consumer.position(source) < end for source, end in ends.items()]):
            for source, batch in (await consumer.getmany(timeout_ms=500)).items():
                for record in batch:
                    key, value = record.key.decode(), record.value
                    state = None if value is None else decode_state(key, value)
                    self._keep(source.partition, key, state)
        self._state_read = {source.partition: end for source, end in ends.items()}

    def _keep(self, partition: int, key: str, state: State | None) -> None:
        """A worker that froze may bring back what was forgotten: the next tick forgets it again."""
        states = self._states.setdefault(partition, {})
        if state is None:
            states.pop(key, None)
        elif key not in states or state.offset > states[key].offset:
            states[key] = state


def _last(states: Mapping[str, State]) -> int:
    """The last record of the log that is in any of these states; -1: none."""
    return max((state.offset for state in states.values()), default=-1)
